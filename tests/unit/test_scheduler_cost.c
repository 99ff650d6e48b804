/*
 * What an event of the scheduler costs does not grow with what is queued: shown by memory
 * protection, which no walk of the queue survives, and printed as times.
 */
#include "scheduler_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void queue(fixture *f, mirai__sched_task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(submit_plain(f, &tasks[i], 0, 0), MIRAI_OK);
}

/* A million tasks wait, and every page of them but the first and the last few is out of reach:
 * whatever walks the queue dies. So an event touches the ends of the queue and its own task. */
static void test_scheduler_cost__touches_only_the_ends_of_the_queue(void **state)
{
    fixture *f = begin(state, 1);
    const size_t count = 1000000;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (count * sizeof(mirai__sched_task) + page - 1) / page * page;
    mirai__sched_task *tasks = mmap(NULL, size, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tasks == MAP_FAILED) skip();
    queue(f, tasks, count);
    assert_int_equal(mprotect((char *)tasks + page, size - 4 * page, PROT_NONE), 0);

    start(f, 0);
    size_t reach = page / sizeof *tasks - 1;
    for (size_t i = 0; i < reach; i++) {
        mirai__sched_command run = expect_kind(f, MIRAI__COMMAND_RUN);
        assert_ptr_equal(run.task, &tasks[i]);
        if (i % 2) (void)mirai__sched_cancel(&f->sched, &tasks[i], f->now);
        assert_true(result(f, &f->daemons[0], run.attempt, MIRAI_OUTCOME_VALUE));
        f->tasks[0] = (mirai__sched_task){.state = 0};
        submit(f, 0, 1000, 0);
        advance_to(f, f->now + 1);
        (void)expect_kind(f, MIRAI__COMMAND_RESOLVE);
        assert_int_equal(cancel(f, 0), MIRAI_CANCEL_NEVER_RAN);
        expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    }
    gone(f, 0);
    assert_int_equal(f->sched.counts.awaiting, count - reach);
    assert_int_equal(munmap(tasks, size), 0); /* the machine is dropped as it is */
}

/* Nanoseconds from result to result, with so many tasks queued and so many daemons busy. Each has a
 * time-out where `timeouts` is set. */
static double turn_ns(fixture *f, size_t queued, size_t daemons, bool timeouts)
{
    enum { TURNS = 100000 };
    size_t count = queued + TURNS;
    mirai__sched_task *tasks = calloc(count, sizeof *tasks);
    mirai__sched_daemon *workers = calloc(daemons, sizeof *workers);
    assert_non_null(tasks);
    assert_non_null(workers);
    mirai__sched_resize(&f->sched, 0, (int64_t)daemons, f->now);
    for (size_t i = 0; i < daemons; i++) {
        assert_int_equal(mirai__sched_daemon_added(&f->sched, &workers[i], 0, f->now), MIRAI_OK);
        mirai__sched_daemon_ready(&f->sched, &workers[i], f->now);
    }
    int64_t timeout = timeouts ? 1000000 : 0;
    for (size_t i = 0; i < queued; i++)
        assert_int_equal(submit_plain(f, &tasks[i], timeout, 0), MIRAI_OK);
    mirai__sched_command command;
    size_t running = queued < daemons ? queued : daemons;
    for (size_t i = 0; i < running; i++) mirai__sched_next(&f->sched, &command);
    int64_t begun = mirai__now_ns();
    for (size_t i = 0; i < TURNS; i++) {
        mirai__sched_daemon *worker = &workers[i * 7919 % running];
        bool good =
            mirai__sched_result(&f->sched, worker, worker->attempt, MIRAI_OUTCOME_VALUE, f->now,
                                &f->task, &f->setup) &&
            submit_plain(f, &tasks[queued + i], timeout, 0) == MIRAI_OK;
        assert_true(good);
        do {
            mirai__sched_next(&f->sched, &command);
        } while (command.kind != MIRAI__COMMAND_NONE);
    }
    double taken = (double)(mirai__now_ns() - begun) / TURNS;
    free(tasks);
    free(workers);
    mirai__sched_fini(&f->sched);
    return taken;
}

static void test_scheduler_cost__is_told(void **state)
{
    static const struct {
        size_t queued, daemons;
        bool timeouts;
    } cases[] = {{1000, 8, false},   {1000000, 8, false}, {1000, 8, true},
                 {1000000, 8, true}, {1000, 1000, false}, {100000, 4096, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture *f = begin(state, 0);
        double ns = turn_ns(f, cases[i].queued, cases[i].daemons, cases[i].timeouts);
        printf("# %7zu queued, %4zu daemons, %s: %.0f ns a task\n", cases[i].queued,
               cases[i].daemons, cases[i].timeouts ? "with time-outs" : "no time-outs", ns);
        assert_true(ns > 0);
    }
    (void)begin(state, 0);
}

/* As above: nor does lending walk the queue. */
static void test_scheduler_cost__lends_from_the_end_of_the_queue(void **state)
{
    fixture *f = begin(state, 1);
    mirai__sched_set_ahead(&f->sched, 4);
    f->daemons[0].borrows = true;
    start(f, 0);
    const size_t count = 1000000;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (count * sizeof(mirai__sched_task) + page - 1) / page * page;
    mirai__sched_task *tasks =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tasks == MAP_FAILED) skip();
    mirai__sched_request request = {.lendable = true};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mirai__sched_submit(&f->sched, &tasks[i], &request, f->now), MIRAI_OK);
    assert_int_equal(mprotect((char *)tasks + page, size - 4 * page, PROT_NONE), 0);
    size_t reach = page / sizeof *tasks - 1;
    (void)expect_kind(f, MIRAI__COMMAND_RUN);
    for (size_t i = 1; i < 5; i++) assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_LEND).task, &tasks[i]);
    for (size_t i = 5; i < reach; i++) {
        assert_true(result(f, &f->daemons[0], f->daemons[0].attempt, MIRAI_OUTCOME_VALUE));
        (void)expect_kind(f, MIRAI__COMMAND_RESOLVE);
        assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_LEND).task, &tasks[i]);
        mirai__sched_recalled(&f->sched, &tasks[i]);
        assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_LEND).task, &tasks[i]);
        expect_none(f);
    }
    assert_int_equal(munmap(tasks, size), 0); /* the machine is dropped as it is */
}

/* With so many daemons and so many lent to each: what it takes to lend one, and to get one back. */
static void tell_lending(fixture *f, int32_t daemons, int32_t ahead)
{
    size_t count = (size_t)daemons * (size_t)(ahead + 1);
    mirai__sched_daemon *workers = calloc((size_t)daemons, sizeof *workers);
    mirai__sched_task *tasks = calloc(count + 1, sizeof *tasks);
    assert_non_null(workers);
    assert_non_null(tasks);
    mirai__sched_set_ahead(&f->sched, ahead);
    for (int32_t i = 0; i < daemons; i++) {
        workers[i].borrows = true;
        assert_int_equal(mirai__sched_daemon_added(&f->sched, &workers[i], 0, f->now), MIRAI_OK);
        mirai__sched_daemon_ready(&f->sched, &workers[i], f->now);
    }
    mirai__sched_request request = {.lendable = true};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mirai__sched_submit(&f->sched, &tasks[i], &request, f->now), MIRAI_OK);
    mirai__sched_command command;
    int64_t begun = mirai__now_ns();
    do mirai__sched_next(&f->sched, &command);
    while (command.kind != MIRAI__COMMAND_NONE);
    int64_t lent = mirai__now_ns();
    assert_int_equal(f->sched.lent, daemons * ahead);
    request.priority = 1;
    assert_int_equal(mirai__sched_submit(&f->sched, &tasks[count], &request, f->now), MIRAI_OK);
    for (int32_t i = 0; i < daemons; i++) {
        command.daemon = expect_kind(f, MIRAI__COMMAND_RECALL).daemon;
        for (mirai__sched_task *task; (task = mirai__sched_last_lent(command.daemon));)
            mirai__sched_recalled(&f->sched, task);
    }
    int64_t back = mirai__now_ns();
    assert_int_equal(f->sched.lent, 0);
    expect_none(f);
    printf("# %3d daemons, %3d ahead: %.0f ns to lend a task, %.0f ns to get it back\n", (int)daemons, (int)ahead,
           (double)(lent - begun) / (daemons * ahead), (double)(back - lent) / (daemons * ahead));
    free(workers);
    free(tasks);
    mirai__sched_fini(&f->sched);
}

static void test_scheduler_cost__of_lending_is_told(void **state)
{
    static const int32_t cases[][2] = {{2, 8}, {8, 64}, {64, MIRAI__AHEAD_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture *f = begin(state, 0);
        mirai__sched_resize(&f->sched, 0, cases[i][0], f->now);
        tell_lending(f, cases[i][0], cases[i][1]);
    }
    (void)begin(state, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler_cost__touches_only_the_ends_of_the_queue),
        CASE(test_scheduler_cost__is_told),
        CASE(test_scheduler_cost__lends_from_the_end_of_the_queue),
        CASE(test_scheduler_cost__of_lending_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
