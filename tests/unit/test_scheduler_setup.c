/*
 * What the scheduler runs on every daemon: order, who is waited for, failing, dying, withdrawing.
 */
#include "scheduler_fixture.h"

static void put(fixture *f, int setup, bool remembered)
{
    f->setups[setup].remembered = remembered;
    assert_int_equal(mirai__sched_setup_add(&f->sched, &f->setups[setup], f->now), MIRAI_OK);
}

static void ran(fixture *f, int daemon, uint64_t attempt, int setup, mirai_outcome outcome)
{
    assert_true(result(f, &f->daemons[daemon], attempt, outcome));
    assert_ptr_equal(f->setup, setup < 0 ? NULL : &f->setups[setup]);
    assert_null(f->task);
}

static void replace(fixture *f, int daemon)
{
    f->daemons[daemon] = (mirai__sched_daemon){.state = 0};
    start(f, daemon);
}

static void test_scheduler_setup__refuses_bad_calls(void **state)
{
    fixture *f = begin(state, 0);
    put(f, 0, true);
    assert_int_equal(mirai__sched_setup_add(&f->sched, &f->setups[0], f->now), MIRAI_E_STATE);
    mirai__sched_setup_remove(&f->sched, &f->setups[0]);
    mirai__sched_setup_remove(&f->sched, &f->setups[0]);
    expect_none(f);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    assert_int_equal(mirai__sched_setup_add(&f->sched, &f->setups[1], f->now), MIRAI_E_CLOSED);
    assert_int_equal(f->setups[1].sequence, 0);
}

static void test_scheduler_setup__runs_before_later_tasks(void **state)
{
    fixture *f = begin(state, 2);
    start(f, 0);
    start(f, 1);
    submit(f, 0, 0, 0);
    uint64_t task = expect_run(f, 1, 0);
    put(f, 0, true);
    put(f, 1, true);
    submit(f, 1, 0, 0);
    uint64_t setup = expect_setup(f, 0, 0);
    expect_none(f);
    ran(f, 0, setup, 0, MIRAI_OUTCOME_VALUE);
    setup = expect_setup(f, 0, 1);
    ran(f, 0, setup, 1, MIRAI_OUTCOME_VALUE);
    expect_run(f, 0, 1); /* it has run both; setups are reported when the other has, too */
    expect_none(f);
    assert_true(result(f, &f->daemons[1], task, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    setup = expect_setup(f, 1, 0);
    ran(f, 1, setup, 0, MIRAI_OUTCOME_VALUE);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
    setup = expect_setup(f, 1, 1);
    ran(f, 1, setup, 1, MIRAI_OUTCOME_VALUE);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 1);
    expect_none(f);
}

static void test_scheduler_setup__is_replayed_to_who_joins(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    put(f, 0, true);
    put(f, 1, false);
    put(f, 2, true);
    for (int i = 0; i < 3; i++) {
        uint64_t attempt = expect_setup(f, 0, i);
        ran(f, 0, attempt, i, MIRAI_OUTCOME_VALUE);
        expect_report(f, MIRAI__COMMAND_SETUP_DONE, i);
    }
    submit(f, 0, 0, 0);
    expect_run(f, 0, 0);
    gone(f, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    start(f, 1);
    submit(f, 1, 0, 0);
    uint64_t attempt = expect_setup(f, 1, 0);
    ran(f, 1, attempt, 0,
        MIRAI_OUTCOME_FAILED); /* reported already: it stays, and the daemon is good */
    attempt = expect_setup(f, 1, 2);
    ran(f, 1, attempt, 2, MIRAI_OUTCOME_VALUE);
    expect_run(f, 1, 1);
    expect_none(f);
}

static void test_scheduler_setup__is_done_at_once_where_nobody_is(void **state)
{
    fixture *f = begin(state, 0);
    put(f, 0, true);
    put(f, 1, false);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 1);
    mirai__sched_resize(&f->sched, 0, 1, f->now);
    start(f, 0);
    expect_setup(f, 0, 0);
    expect_none(f);
}

static void test_scheduler_setup__waits_for_one_that_starts(void **state)
{
    fixture *f = begin(state, 1);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    put(f, 0, true);
    put(f, 1, false);
    expect_report(f, MIRAI__COMMAND_SETUP_FAILED,
                  1); /* for daemons of now, of which there is none */
    expect_none(f);
    add(f, 0);
    expect_none(f); /* one is on its way */
    mirai__sched_daemon_ready(&f->sched, &f->daemons[0], f->now);
    advance_to(f, f->now + 1);
    uint64_t attempt = expect_setup(f, 0, 0);
    ran(f, 0, attempt, 0, MIRAI_OUTCOME_VALUE);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
}

static void test_scheduler_setup__is_done_when_no_daemon_is_wanted(void **state)
{
    fixture *f = begin(state, 1);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    put(f, 0, true);
    mirai__sched_resize(&f->sched, 0, 0, f->now);
    expect_none(f);
    mirai__sched_spawn_failed(&f->sched, 0, f->now);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
}

static void test_scheduler_setup__fails_as_a_whole(void **state)
{
    fixture *f = begin(state, 2);
    start(f, 0);
    start(f, 1);
    put(f, 0, true);
    uint64_t one = expect_setup(f, 1, 0), other = expect_setup(f, 0, 0);
    submit(f, 0, 0, 0);
    ran(f, 1, one, 0, MIRAI_OUTCOME_FAILED);
    expect_report(f, MIRAI__COMMAND_SETUP_FAILED, 0);
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_INTERRUPT).daemon, &f->daemons[0]);
    expect_run(f, 1, 0); /* the daemon on which it failed is as good as before */
    assert_null(f->daemons[0].setup);
    ran(f, 0, other, -1, MIRAI_OUTCOME_VALUE);
    put(f, 1, true); /* and what has failed is not run again */
    expect_setup(f, 0, 1);
    expect_none(f);
}

static void test_scheduler_setup__survives_two_deaths(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    put(f, 0, true);
    for (int i = 0; i < 2; i++) {
        expect_setup(f, 0, 0);
        gone(f, 0);
        replace(f, 0);
    }
    uint64_t attempt = expect_setup(f, 0, 0);
    expect_none(f);
    ran(f, 0, attempt, 0, MIRAI_OUTCOME_VALUE);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
    for (int i = 0; i < 3; i++) { /* from then on, deaths in a row */
        gone(f, 0);
        if (i > 0) { /* it had been given nothing else: that may go on for ever, and so it is not at once */
            expect_none(f);
            advance_to(f, f->now + 100);
        }
        replace(f, 0);
        expect_setup(f, 0, 0);
        if (i == 1) ran(f, 0, f->daemons[0].attempt, 0, MIRAI_OUTCOME_VALUE);
        expect_none(f);
    }
}

static void test_scheduler_setup__is_withdrawn_after_three_deaths(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    put(f, 0, true);
    submit(f, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        expect_setup(f, 0, 0);
        gone(f, 0);
        if (i == 2) expect_report(f, MIRAI__COMMAND_SETUP_FAILED, 0);
        replace(f, 0);
    }
    expect_run(f, 0, 0);
    expect_none(f);
}

static void test_scheduler_setup__stalls_nobody_by_a_death(void **state)
{
    fixture *f = begin(state, 3);
    for (int i = 0; i < 3; i++) start(f, i);
    put(f, 0, false);
    uint64_t last = expect_setup(f, 2, 0);
    expect_setup(f, 1, 0);
    expect_setup(f, 0, 0);
    ran(f, 2, last, 0, MIRAI_OUTCOME_VALUE);
    gone(f, 1);                                                     /* dies in it */
    mirai__sched_daemon_leaving(&f->sched, &f->daemons[0], f->now); /* may still finish */
    start(f, 3);                                                    /* comes later: not for it */
    expect_none(f);
    gone(f, 0);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f);
}

static void test_scheduler_setup__fails_when_nobody_is_left_to_run_it(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    put(f, 0, false);
    gone(f, 0); /* before it was given */
    expect_report(f, MIRAI__COMMAND_SETUP_FAILED, 0);
}

static void test_scheduler_setup__that_hangs_can_be_withdrawn(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    put(f, 0, true);
    uint64_t attempt = expect_setup(f, 0, 0);
    submit(f, 0, 0, 0);
    f->now += 100000;
    mirai__sched_setup_remove(&f->sched, &f->setups[0]);
    f->setups[0] = (mirai__sched_setup){.sequence = 0}; /* as if freed */
    assert_true(mirai__sched_deadline(&f->sched) < f->now);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_INTERRUPT).attempt, attempt);
    advance_to(f, f->now);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + GRACE); /* counted from now */
    expect_none(f);
    advance_to(f, f->now + GRACE);
    expect_kind(f, MIRAI__COMMAND_KILL);
    gone(f, 0);
    replace(f, 0);
    expect_run(f, 0, 0);
    expect_none(f);
}

static void test_scheduler_setup__gives_no_report_once_removed(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    put(f, 0, true);
    ran(f, 0, expect_setup(f, 0, 0), 0, MIRAI_OUTCOME_VALUE);
    mirai__sched_setup_remove(&f->sched, &f->setups[0]); /* SETUP_DONE is decided, not given */
    expect_none(f);
    put(f, 1, true);
    mirai__sched_setup_remove(&f->sched, &f->setups[1]); /* before it ran anywhere */
    expect_none(f);
    submit(f, 0, 0, 0);
    expect_run(f, 0, 0);
}

static void test_scheduler_setup__ends_with_the_pool(void **state)
{
    fixture *f = begin(state, 2);
    start(f, 0);
    put(f, 0, true);
    uint64_t attempt = expect_setup(f, 0, 0);
    ran(f, 0, attempt, 0, MIRAI_OUTCOME_VALUE);
    expect_report(f, MIRAI__COMMAND_SETUP_DONE, 0);
    put(f, 1, true);
    expect_setup(f, 0, 1);
    start(f, 1);
    expect_setup(f, 1, 0);
    mirai__sched_close(&f->sched, MIRAI_CANCEL, f->now);
    expect_report(f, MIRAI__COMMAND_SETUP_FAILED, 1);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_kind(f, MIRAI__COMMAND_INTERRUPT);
    expect_none(f);
    gone(f, 0);
    gone(f, 1);
    expect_none(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler_setup__refuses_bad_calls),
        CASE(test_scheduler_setup__runs_before_later_tasks),
        CASE(test_scheduler_setup__is_replayed_to_who_joins),
        CASE(test_scheduler_setup__is_done_at_once_where_nobody_is),
        CASE(test_scheduler_setup__waits_for_one_that_starts),
        CASE(test_scheduler_setup__is_done_when_no_daemon_is_wanted),
        CASE(test_scheduler_setup__fails_as_a_whole),
        CASE(test_scheduler_setup__survives_two_deaths),
        CASE(test_scheduler_setup__is_withdrawn_after_three_deaths),
        CASE(test_scheduler_setup__stalls_nobody_by_a_death),
        CASE(test_scheduler_setup__fails_when_nobody_is_left_to_run_it),
        CASE(test_scheduler_setup__that_hangs_can_be_withdrawn),
        CASE(test_scheduler_setup__gives_no_report_once_removed),
        CASE(test_scheduler_setup__ends_with_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
