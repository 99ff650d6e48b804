/*
 * lending_fixture: what the tests of lending do besides (scheduler_fixture.h). On the test's thread.
 */
#ifndef LENDING_FIXTURE_H
#define LENDING_FIXTURE_H

#include "scheduler_fixture.h"

/* With so many daemons, of which the first is ready and may borrow. */
static inline fixture *begin_lending(void **state, int64_t daemons, int32_t ahead)
{
    fixture *f = begin(state, daemons);
    mirai__sched_set_ahead(&f->sched, ahead);
    for (int i = 0; i < DAEMONS; i++) f->daemons[i].borrows = true;
    start(f, 0);
    return f;
}

static inline void submit_request(fixture *f, int task, mirai__sched_request request)
{
    request.lendable = true;
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[task], &request, f->now), MIRAI_OK);
}

/* Of the fixture's tasks, those up to `last`. */
static inline void submit_lendable(fixture *f, int first, int last)
{
    for (int i = first; i <= last; i++) submit_request(f, i, (mirai__sched_request){.timeout_ms = 0});
}

static inline mirai__sched_command expect_lend(fixture *f, int daemon, int task)
{
    mirai__sched_command command = expect_kind(f, MIRAI__COMMAND_LEND);
    assert_ptr_equal(command.daemon, &f->daemons[daemon]);
    assert_ptr_equal(command.task, &f->tasks[task]);
    assert_int_equal(command.attempt, command.task->attempt);
    assert_int_equal(command.slot, command.task->slot);
    assert_int_equal(command.task->state, MIRAI_TASK_QUEUED);
    assert_true(mirai__sched_is_lent(command.task));
    return command;
}

static inline void expect_recall(fixture *f, int daemon, int count)
{
    mirai__sched_command command = expect_kind(f, MIRAI__COMMAND_RECALL);
    assert_ptr_equal(command.daemon, &f->daemons[daemon]);
    assert_int_equal(command.count, count);
}

static inline void give_back(fixture *f, int task)
{
    mirai__sched_recalled(&f->sched, &f->tasks[task]);
    assert_false(mirai__sched_is_lent(&f->tasks[task]));
}

/* The result of the daemon's attempt, which is that of the task. */
static inline void finish(fixture *f, int daemon, int task, mirai_outcome outcome)
{
    assert_ptr_equal(f->daemons[daemon].task, &f->tasks[task]);
    assert_true(result(f, &f->daemons[daemon], f->daemons[daemon].attempt, outcome));
}

#endif
