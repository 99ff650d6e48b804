/*
 * The scheduler's rules, one by one: tasks, daemons, timers, closing. Setups, cost and random
 * events have files of their own.
 */
#include "scheduler_fixture.h"

#include "fault.h"

/* ---- bad calls ---- */

static void test_scheduler__bears_bad_sequences(void **state)
{
    fixture *f = begin(state, 1);
    mirai__sched_task task = {.state = 0};
    mirai__sched_daemon stranger = {.state = 0};
    mirai__sched_setup setup = {.remembered = true};
    assert_int_equal(mirai__sched_cancel(&f->sched, &task, f->now), MIRAI_CANCEL_TOO_LATE);
    mirai__sched_daemon_ready(&f->sched, &stranger, f->now);
    mirai__sched_daemon_leaving(&f->sched, &stranger, f->now);
    mirai__sched_daemon_gone(&f->sched, &stranger, true, f->now);
    mirai__sched_setup_remove(&f->sched, &setup);
    assert_false(result(f, &stranger, 0, MIRAI_OUTCOME_VALUE));
    start(f, 0);
    assert_int_equal(mirai__sched_daemon_added(&f->sched, &f->daemons[0], 0, f->now), MIRAI_E_STATE);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[0], f->now); /* twice */
    assert_int_equal(f->sched.counts.ready, 1);
    submit(f, 0, 0, 0);
    assert_int_equal(submit_plain(f, &f->tasks[0], 0, 0), MIRAI_E_STATE);
    uint64_t attempt = expect_run(f, 0, 0);
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[0], f->now);
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[0], f->now);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[0], f->now);
    assert_int_equal(f->sched.counts.ending, 1);
    assert_true(result(f, &f->daemons[0], attempt, 12345)); /* an unknown outcome is a failure */
    expect_resolve(f, 0, MIRAI_OUTCOME_FAILED);
    expect_none(f);
    mirai__sched_close(&f->sched, 99, f->now);
    assert_int_equal(f->sched.closing, MIRAI_CANCEL);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    assert_int_equal(f->sched.closing, MIRAI_CANCEL);
}

static void test_scheduler__leaves_no_trace_without_memory(void **state)
{
    fixture *f = begin(state, 1);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    for (int fails = 0; fails < 2; fails++) {
        mirai__fault_arm(fails == 0 ? 1 : 2, false);
        mirai_status status = submit_plain(f, &f->tasks[0], 100, 0);
        mirai__fault_arm(0, false);
        assert_int_equal(status, fails == 0 ? MIRAI_E_NOMEM : MIRAI_OK);
        assert_int_equal(f->sched.counts.submitted, fails);
        assert_int_equal(f->tasks[0].state, fails == 0 ? 0 : MIRAI_TASK_QUEUED);
    }
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__sched_daemon_added(&f->sched, &f->daemons[0], 0, f->now), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
    assert_int_equal(f->daemons[0].state, 0);
    assert_int_equal(f->sched.counts.starting, 0);
    expect_none(f); /* the SPAWN is still unanswered */
    mirai__sched_spawn_failed(&f->sched, 0, f->now);
    expect_none(f);
    advance_to(f, f->now + 100); /* the task's time-out, and the end of the back-off */
    expect_resolve(f, 0, MIRAI_OUTCOME_TIMEDOUT);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
}

/* ---- tasks ---- */

static void test_scheduler__runs_in_order_of_submission(void **state)
{
    fixture *f = begin(state, 2);
    start(f, 0);
    for (int i = 0; i < 4; i++) submit(f, i, 0, 0);
    uint64_t first = expect_run(f, 0, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN); /* for the other daemon */
    expect_none(f);
    add(f, 1);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    uint64_t second = expect_run(f, 1, 1);
    assert_true(second > first);
    assert_true(result(f, &f->daemons[0], first, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_run(f, 0, 2);
    assert_true(result(f, &f->daemons[1], second, MIRAI_OUTCOME_FAILED));
    expect_resolve(f, 1, MIRAI_OUTCOME_FAILED);
    expect_run(f, 1, 3);
    assert_int_equal(f->sched.counts.executing, 2);
    assert_int_equal(f->sched.counts.completed, 1);
    assert_int_equal(f->sched.counts.failed, 1);
}

static void test_scheduler__refuses_results_of_other_attempts(void **state)
{
    fixture *f = begin(state, 2);
    start(f, 0);
    start(f, 1);
    submit(f, 0, 0, 0);
    submit(f, 1, 0, 0);
    uint64_t one = expect_run(f, 1, 0),
             two = expect_run(f, 0, 1); /* the one that was used last is first */
    assert_false(result(f, &f->daemons[0], one, MIRAI_OUTCOME_VALUE));
    assert_false(result(f, &f->daemons[0], 0, MIRAI_OUTCOME_VALUE));
    assert_false(result(f, &f->daemons[0], two + 1, MIRAI_OUTCOME_VALUE));
    assert_true(result(f, &f->daemons[0], two, MIRAI_OUTCOME_VALUE));
    assert_false(result(f, &f->daemons[0], two, MIRAI_OUTCOME_VALUE)); /* twice */
    expect_resolve(f, 1, MIRAI_OUTCOME_VALUE);
    expect_none(f);
}

static void test_scheduler__cancels_what_is_queued(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_NEVER_RAN); /* matched with nobody before next() */
    submit(f, 1, 0, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    expect_run(f, 0, 1);
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_TOO_LATE);
    expect_none(f);
}

static void test_scheduler__keeps_the_slot_of_a_cancelled_task(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    submit(f, 1, 0, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    assert_int_equal(cancel(f, 0), MIRAI_CANCEL_INTERRUPTED);
    assert_int_equal(f->sched.counts.executing, 0);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + GRACE);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_INTERRUPT).attempt, attempt);
    expect_none(f); /* task 1 waits: the daemon is busy */
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    assert_null(f->task);
    assert_int_equal(mirai__sched_deadline(&f->sched), MIRAI__NEVER);
    expect_run(f, 0, 1);
    expect_none(f);
}

static void test_scheduler__kills_after_the_grace_period(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 50);
    submit(f, 1, 0, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    cancel(f, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    advance_to(f, f->now + 49);
    expect_none(f);
    advance_to(f, f->now + 1);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_KILL).daemon, &f->daemons[0]);
    assert_int_equal(f->daemons[0].state, MIRAI__DAEMON_ENDING);
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE)); /* too late to be saved */
    expect_none(f);
    gone(f, 0);
    assert_int_equal(f->sched.counts.lost, 1);
    expect_kind(f, MIRAI__COMMAND_SPAWN); /* at once */
    expect_none(f);
}

static void test_scheduler__may_give_grace_for_ever(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, -1);
    expect_run(f, 0, 0);
    cancel(f, 0);
    assert_int_equal(mirai__sched_deadline(&f->sched), MIRAI__NEVER);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    advance_to(f, INT64_MAX - 1);
    expect_none(f);
}

static void test_scheduler__drops_an_interrupt_that_is_too_late(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    cancel(f, 0);
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    submit(f, 1, 0, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_CANCELLED);
    expect_run(f, 0, 1); /* and no INTERRUPT that would hit it */
    expect_none(f);
}

static void test_scheduler__times_tasks_out(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 100, 0);
    submit(f, 1, 40, 0);
    submit(f, 2, -1, 0);
    submit(f, 3, INT64_MAX, 0); /* saturates */
    uint64_t attempt = expect_run(f, 0, 0);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + 40);
    advance_to(f, f->now + 40);
    expect_resolve(f, 1, MIRAI_OUTCOME_TIMEDOUT);
    expect_none(f);
    advance_to(f, f->now + 60);
    expect_resolve(f, 0, MIRAI_OUTCOME_TIMEDOUT);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_INTERRUPT).attempt, attempt);
    expect_none(f);
    assert_int_equal(f->sched.counts.timedout, 2);
    assert_int_equal(f->sched.counts.awaiting, 2);
    assert_int_equal(f->sched.counts.executing, 0);
}

static void test_scheduler__loses_only_what_ran(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    expect_run(f, 0, 0);
    submit(f, 1, 0, 0);
    gone(f, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f);
    add(f, 1);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    submit(f, 2, 0, 0);
    gone(f, 1); /* dies before it was given task 1 */
    expect_none(f);
    assert_int_equal(f->tasks[1].state, MIRAI_TASK_QUEUED);
    assert_int_equal(f->sched.counts.lost_tasks, 1);
}

static void test_scheduler__lets_a_leaving_daemon_finish(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    submit(f, 1, 0, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[0], f->now);
    expect_none(f); /* it still counts: nothing is spawned */
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_none(f);
    gone(f, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f);
}

/* ---- daemons ---- */

static void test_scheduler__spawns_what_is_wanted(void **state)
{
    fixture *f = begin(state, 2);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f);
    mirai__sched_resize(&f->sched, 0, 3, f->now);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f);
    for (int i = 0; i < 3; i++) add(f, i);
    mirai__sched_resize(&f->sched, 0, 1, f->now);
    gone(f, 0);
    gone(f, 1);
    expect_none(f); /* one is left, and wanted */
    assert_int_equal(f->sched.counts.starting, 1);
    mirai__sched_resize(&f->sched, 0, -5, f->now);
    assert_int_equal(f->sched.counts.wanted, 0);
}

static void test_scheduler__kills_what_does_not_start(void **state)
{
    fixture *f = begin(state, 1);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    add(f, 0);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + START);
    advance_to(f, f->now + START);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_KILL).daemon, &f->daemons[0]);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[0], f->now); /* too late */
    assert_int_equal(f->sched.counts.ready, 0);
    expect_none(f);
    gone(f, 0);
    assert_int_equal(f->sched.groups[0].start_failures, 1);
    assert_int_equal(f->sched.counts.lost, 0);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + 100);
}

static void test_scheduler__backs_off_when_starts_fail(void **state)
{
    fixture *f = begin(state, 1);
    int64_t wait = 100;
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    for (int k = 1; k <= 100; k++) {
        if (k % 2) {
            mirai__sched_spawn_failed(&f->sched, 0, f->now);
        } else {
            f->daemons[0] = (mirai__sched_daemon){.state = 0};
            add(f, 0);
            gone(f, 0);
        }
        assert_int_equal(f->sched.groups[0].start_failures, k);
        expect_none(f);
        assert_int_equal(mirai__sched_deadline(&f->sched), f->now + wait);
        advance_to(f, f->now + wait - 1);
        expect_none(f);
        advance_to(f, f->now + 1);
        expect_kind(f, MIRAI__COMMAND_SPAWN);
        wait = wait * 2 > 30000 ? 30000 : wait * 2;
    }
    add(f, 1);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    assert_int_equal(f->sched.groups[0].start_failures, 0);
    submit(f, 0, 0, 0);
    expect_run(f, 1, 0);
    gone(f, 1);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    expect_kind(f, MIRAI__COMMAND_SPAWN); /* it had been ready: at once */
    expect_none(f);
}

static void test_scheduler__counts_daemons_that_fail_together_once(void **state)
{
    fixture *f = begin(state, 8);
    for (int i = 0; i < 8; i++) {
        expect_kind(f, MIRAI__COMMAND_SPAWN);
        add(f, i);
    }
    for (int i = 0; i < 8; i++) gone(f, i);
    assert_int_equal(f->sched.groups[0].start_failures, 1);
    advance_to(f, f->now + 100);
    for (int i = 0; i < 8; i++) expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f);
}

static void test_scheduler__does_not_race_with_daemons_that_die_idle(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    gone(f, 0);
    expect_none(f);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + 100);
    advance_to(f, f->now + 100);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    mirai__sched_resize(&f->sched, 0, 0, f->now);
    add(f, 1);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_RETIRE).daemon, &f->daemons[1]);
    gone(f, 1);
    assert_int_equal(f->sched.groups[0].start_failures, 1); /* shrinking is no failure */
    expect_none(f);
}

/* ---- closing ---- */

static void test_scheduler__drains(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    submit(f, 1, 0, 0);
    expect_run(f, 0, 0);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    assert_int_equal(submit_plain(f, &f->tasks[2], 0, 0), MIRAI_E_CLOSED);
    gone(f, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    expect_kind(f, MIRAI__COMMAND_SPAWN); /* for task 1 */
    add(f, 1);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    uint64_t attempt = expect_run(f, 1, 1);
    assert_false(mirai__sched_is_drained(&f->sched));
    assert_true(result(f, &f->daemons[1], attempt, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 1, MIRAI_OUTCOME_VALUE);
    assert_true(mirai__sched_is_drained(&f->sched));
    gone(f, 1);
    expect_none(f); /* no task is left: nothing is spawned */
    assert_int_equal(mirai__sched_deadline(&f->sched), MIRAI__NEVER);
}

static void test_scheduler__does_not_drain_into_nothing(void **state)
{
    fixture *f = begin(state, 0);
    submit(f, 0, 0, 0);
    expect_none(f);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    expect_resolve(f, 0, MIRAI_OUTCOME_CLOSED);
    assert_true(mirai__sched_is_drained(&f->sched));
}

static void test_scheduler__closes_by_cancelling(void **state)
{
    fixture *f = begin(state, 2);
    start(f, 0);
    submit(f, 0, 0, 0);
    submit(f, 1, 100, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    mirai__sched_close(&f->sched, MIRAI_CANCEL, f->now);
    assert_true(mirai__sched_is_drained(&f->sched));
    expect_resolve(f, 1, MIRAI_OUTCOME_CLOSED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CLOSED);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_INTERRUPT).attempt, attempt);
    expect_none(f);
    add(f, 1); /* was on its way */
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    expect_none(f);
    advance_to(f, f->now + GRACE);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_KILL).daemon, &f->daemons[0]);
    gone(f, 0);
    gone(f, 1);
    expect_none(f);
    assert_int_equal(mirai__sched_deadline(&f->sched), MIRAI__NEVER);
    assert_int_equal(f->sched.counts.submitted, f->sched.counts.closed);
}

/* What one daemon alone may run goes, the daemon with it, and with that what nobody is left to take. */
static void test_scheduler__closes_what_is_stranded_by_closing(void **state)
{
    fixture *f = *state;
    const mirai_resource one = {.name = "cpus", .amount = 1};
    mirai__sched_config config = {.daemons = 2, .start_timeout_ms = START, .grace_ms = GRACE, .tags = "a",
                                  .resources = &one, .resource_count = 1};
    mirai__sched_init(&f->sched, &config);
    start(f, 0);
    start(f, 1);
    mirai__sched_request request = {.resources = &one, .resource_count = 1};
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[0], &request, f->now), MIRAI_OK);
    expect_run(f, 1, 0);
    request.daemon = &f->daemons[0];
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[1], &request, f->now), MIRAI_OK);
    request.daemon = NULL;
    request.tag = "a";
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[2], &request, f->now), MIRAI_OK);
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[1], f->now); /* and keeps what it took */
    mirai__sched_resize(&f->sched, 0, 0, f->now);
    expect_none(f);
    mirai__sched_close(&f->sched, MIRAI_CANCEL, f->now);
    expect_resolve(f, 1, MIRAI_OUTCOME_CLOSED);
    expect_resolve(f, 2, MIRAI_OUTCOME_CLOSED);
    expect_resolve(f, 0, MIRAI_OUTCOME_CLOSED);
    expect_kind(f, MIRAI__COMMAND_RETIRE);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    gone(f, 0);
    gone(f, 1);
    expect_none(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler__bears_bad_sequences),
        CASE(test_scheduler__leaves_no_trace_without_memory),
        CASE(test_scheduler__runs_in_order_of_submission),
        CASE(test_scheduler__refuses_results_of_other_attempts),
        CASE(test_scheduler__cancels_what_is_queued),
        CASE(test_scheduler__keeps_the_slot_of_a_cancelled_task),
        CASE(test_scheduler__kills_after_the_grace_period),
        CASE(test_scheduler__may_give_grace_for_ever),
        CASE(test_scheduler__drops_an_interrupt_that_is_too_late),
        CASE(test_scheduler__times_tasks_out),
        CASE(test_scheduler__loses_only_what_ran),
        CASE(test_scheduler__lets_a_leaving_daemon_finish),
        CASE(test_scheduler__spawns_what_is_wanted),
        CASE(test_scheduler__kills_what_does_not_start),
        CASE(test_scheduler__backs_off_when_starts_fail),
        CASE(test_scheduler__counts_daemons_that_fail_together_once),
        CASE(test_scheduler__does_not_race_with_daemons_that_die_idle),
        CASE(test_scheduler__drains),
        CASE(test_scheduler__does_not_drain_into_nothing),
        CASE(test_scheduler__closes_by_cancelling),
        CASE(test_scheduler__closes_what_is_stranded_by_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
