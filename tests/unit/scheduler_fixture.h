/*
 * scheduler_fixture: a scheduler with a few tasks, daemons and setups by number, and a clock that
 * the test moves.
 */
#ifndef SCHEDULER_FIXTURE_H
#define SCHEDULER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "scheduler.h"

enum { GRACE = 1000, START = 5000, TASKS = 8, DAEMONS = 8, SETUPS = 4 };

typedef struct fixture {
    mirai__sched sched;
    int64_t now;
    mirai__sched_task tasks[TASKS];
    mirai__sched_daemon daemons[DAEMONS];
    mirai__sched_setup setups[SETUPS];
    mirai__sched_task *task; /* of the last result */
    mirai__sched_setup *setup;
} fixture;

/* A case ends by freeing the machine's own memory, wherever it stopped. */
static int fixture_up(void **state)
{
    static fixture f;
    f = (fixture){.now = 1};
    *state = &f;
    return 0;
}

static int fixture_down(void **state)
{
    fixture *f = *state;
    mirai__sched_fini(&f->sched);
    return 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_up, fixture_down)

static inline fixture *begin(void **state, int64_t daemons)
{
    fixture *f = *state;
    mirai__sched_config config = {
        .daemons = daemons, .start_timeout_ms = START, .grace_ms = GRACE};
    mirai__sched_init(&f->sched, &config);
    f->now = 1000;
    return f;
}

/* ---- commands ---- */

static inline mirai__sched_command expect_kind(fixture *f, int kind)
{
    mirai__sched_command command;
    mirai__sched_next(&f->sched, &command);
    assert_int_equal(command.kind, kind);
    return command;
}

static inline void expect_none(fixture *f)
{
    (void)expect_kind(f, MIRAI__COMMAND_NONE);
    const mirai__sched_counts *counts = &f->sched.counts;
    assert_int_equal(counts->submitted, counts->awaiting + counts->executing + counts->blocked + counts->completed +
                                            counts->failed + counts->cancelled + counts->timedout +
                                            counts->lost_tasks + counts->closed);
}

static inline void expect_resolve(fixture *f, int task, mirai_outcome outcome)
{
    mirai__sched_command command = expect_kind(f, MIRAI__COMMAND_RESOLVE);
    assert_ptr_equal(command.task, &f->tasks[task]);
    assert_int_equal(command.task->outcome, outcome);
    assert_int_equal(command.task->state, MIRAI_TASK_RESOLVED);
}

/* The attempt. */
static inline uint64_t expect_run(fixture *f, int daemon, int task)
{
    mirai__sched_command command = expect_kind(f, MIRAI__COMMAND_RUN);
    assert_ptr_equal(command.daemon, &f->daemons[daemon]);
    assert_ptr_equal(command.task, &f->tasks[task]);
    assert_null(command.setup);
    assert_int_equal(command.attempt, command.task->attempt);
    return command.attempt;
}

static inline uint64_t expect_setup(fixture *f, int daemon, int setup)
{
    mirai__sched_command command = expect_kind(f, MIRAI__COMMAND_RUN);
    assert_ptr_equal(command.daemon, &f->daemons[daemon]);
    assert_ptr_equal(command.setup, &f->setups[setup]);
    assert_null(command.task);
    return command.attempt;
}

static inline void expect_report(fixture *f, int kind, int setup)
{
    assert_ptr_equal(expect_kind(f, kind).setup, &f->setups[setup]);
}

/* ---- events ---- */

static inline void add(fixture *f, int daemon)
{
    assert_int_equal(mirai__sched_daemon_added(&f->sched, &f->daemons[daemon], 0, f->now), MIRAI_OK);
}

/* From SPAWN to ready. */
static inline void start(fixture *f, int daemon)
{
    (void)expect_kind(f, MIRAI__COMMAND_SPAWN);
    add(f, daemon);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[daemon], f->now);
}

static inline void gone(fixture *f, int daemon)
{
    mirai__sched_daemon_gone(&f->sched, &f->daemons[daemon], true, f->now);
}

static inline mirai_status submit_plain(fixture *f, mirai__sched_task *task, int64_t timeout_ms,
                                        int64_t grace_ms)
{
    mirai__sched_request request = {.timeout_ms = timeout_ms, .grace_ms = grace_ms};
    return mirai__sched_submit(&f->sched, task, &request, f->now);
}

static inline void submit(fixture *f, int task, int64_t timeout_ms, int64_t grace_ms)
{
    assert_int_equal(submit_plain(f, &f->tasks[task], timeout_ms, grace_ms),
                     MIRAI_OK);
}

static inline int32_t cancel(fixture *f, int task)
{
    return mirai__sched_cancel(&f->sched, &f->tasks[task], f->now);
}

static inline bool result(fixture *f, mirai__sched_daemon *daemon, uint64_t attempt,
                          mirai_outcome outcome)
{
    return mirai__sched_result(&f->sched, daemon, attempt, outcome, f->now, &f->task, &f->setup);
}

static inline void advance_to(fixture *f, int64_t now)
{
    f->now = now;
    mirai__sched_advance(&f->sched, now);
}

#endif
