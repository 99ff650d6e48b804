/*
 * Tasks that are lent to a daemon at work although another idles: what is near, when it is spread, what is held for it.
 */
#include "lending_fixture.h"

static void test_scheduler_near__bad_arguments(void **state)
{
    fixture *f = begin_lending(state, 1, 1);
    mirai__sched_set_near(&f->sched, INT32_MIN);
    assert_int_equal(f->sched.near, 0);
    assert_false(mirai__sched_is_gathered(&f->sched));
    mirai__sched_spread(&f->sched, true); /* nothing is lent */
    expect_none(f);
}

/* Task 0 runs on the second daemon, 1 is lent to it, and the first idles. */
static fixture *begin_near(void **state, int32_t near)
{
    fixture *f = begin_lending(state, 2, 4);
    mirai__sched_set_near(&f->sched, near);
    start(f, 1);
    expect_none(f);
    submit_lendable(f, 0, 1);
    (void)expect_run(f, 1, 0);
    (void)expect_lend(f, 1, 1);
    expect_none(f);
    return f;
}

static void test_scheduler_near__goes_to_one_at_work_though_another_idles(void **state)
{
    fixture *f = begin_near(state, 2);
    assert_true(mirai__sched_is_gathered(&f->sched));
    submit_lendable(f, 2, 3);
    (void)expect_lend(f, 1, 2);
    (void)expect_run(f, 0, 3); /* for that one it is too far */
    expect_none(f);
    assert_false(mirai__sched_is_gathered(&f->sched));
    finish(f, 0, 3, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 3, MIRAI_OUTCOME_VALUE);
    expect_none(f); /* what is near is not stolen */
}

static void test_scheduler_near__is_spread_where_it_waits(void **state)
{
    fixture *f = begin_near(state, 4);
    submit_lendable(f, 2, 2);
    (void)expect_lend(f, 1, 2);
    mirai__sched_spread(&f->sched, false); /* it may have begun just now */
    expect_none(f);
    mirai__sched_spread(&f->sched, false);
    expect_recall(f, 1, 1);
    give_back(f, 1);
    (void)expect_run(f, 0, 1);
    expect_none(f);
    finish(f, 0, 1, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 1, MIRAI_OUTCOME_VALUE);
    expect_recall(f, 1, 1); /* as long as the first one is at it */
    give_back(f, 2);
    (void)expect_run(f, 0, 2);
    finish(f, 0, 2, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 2, MIRAI_OUTCOME_VALUE);
    finish(f, 1, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    submit_lendable(f, 3, 4);
    (void)expect_run(f, 1, 3);
    (void)expect_lend(f, 1, 4);
    expect_none(f);
    mirai__sched_spread(&f->sched, true);
    expect_recall(f, 1, 1);
}

static void test_scheduler_near__is_held_in_the_queue_for_one_at_work(void **state)
{
    fixture *f = begin_near(state, MIRAI__AHEAD_MAX + 1);
    submit_lendable(f, 2, 6);
    for (int i = 2; i <= 4; i++) (void)expect_lend(f, 1, i);
    expect_none(f); /* though the other idles: there is no room for 5 and 6, and they are near */
    finish(f, 1, 0, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    (void)expect_lend(f, 1, 5);
    expect_none(f);
    submit_request(f, 7, (mirai__sched_request){.priority = 1}); /* nobody holds that */
    expect_recall(f, 1, 4);
    (void)expect_run(f, 0, 7);
}

static void test_scheduler_near__is_far_once_less_is_near(void **state)
{
    fixture *f = begin_near(state, MIRAI__AHEAD_MAX + 1);
    submit_lendable(f, 2, 6);
    for (int i = 2; i <= 4; i++) (void)expect_lend(f, 1, i);
    expect_none(f);
    mirai__sched_set_near(&f->sched, 0);
    (void)expect_run(f, 0, 5);
    (void)expect_lend(f, 0, 6);
    expect_none(f);
    finish(f, 0, 5, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 5, MIRAI_OUTCOME_VALUE);
    finish(f, 0, 6, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 6, MIRAI_OUTCOME_VALUE);
    expect_recall(f, 1, 2);
}

/* Nobody idles, and one is at a long task: what is lent to it is not left behind. */
static void test_scheduler_near__comes_back_from_one_that_is_late(void **state)
{
    fixture *f = begin_near(state, 4);
    submit_request(f, 2, (mirai__sched_request){.priority = -1});
    (void)expect_run(f, 0, 2); /* 1 is lent, so that it is this one's turn */
    expect_none(f);
    assert_true(mirai__sched_may_spread(&f->sched));
    assert_false(mirai__sched_spread(&f->sched, false)); /* both may have begun just now */
    expect_none(f);
    assert_true(mirai__sched_spread(&f->sched, false));
    assert_false(mirai__sched_spread(&f->sched, false));
    expect_recall(f, 1, 1);
    give_back(f, 1);
    expect_none(f); /* it is not lent again: both are late */
    assert_false(mirai__sched_may_spread(&f->sched));
    finish(f, 0, 2, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 2, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 1);
    submit_lendable(f, 3, 3);
    (void)expect_lend(f, 0, 3); /* the other still has 0 */
    expect_none(f);
}

/* With one daemon there is nobody else to come to it. */
static void test_scheduler_near__stays_where_nobody_else_is(void **state)
{
    fixture *f = begin_lending(state, 1, 4);
    submit_lendable(f, 0, 1);
    (void)expect_run(f, 0, 0);
    (void)expect_lend(f, 0, 1);
    assert_false(mirai__sched_may_spread(&f->sched));
    for (int i = 0; i < 3; i++) (void)mirai__sched_spread(&f->sched, false);
    expect_none(f);
}

static void test_scheduler_near__gives_way_to_what_is_run_again(void **state)
{
    fixture *f = begin_lending(state, 1, 4);
    submit_request(f, 0, (mirai__sched_request){.retries = 1, .retry_on = MIRAI_RETRY_FAILED});
    submit_lendable(f, 1, 3);
    (void)expect_run(f, 0, 0);
    for (int i = 1; i <= 3; i++) (void)expect_lend(f, 0, i);
    finish(f, 0, 0, MIRAI_OUTCOME_FAILED);
    expect_recall(f, 0, 2); /* 1 is at hand */
    give_back(f, 3);
    give_back(f, 2);
    expect_none(f); /* nor are they lent before it */
    finish(f, 0, 1, MIRAI_OUTCOME_VALUE);
    expect_resolve(f, 1, MIRAI_OUTCOME_VALUE);
    (void)expect_run(f, 0, 0);
    (void)expect_lend(f, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler_near__bad_arguments),
        CASE(test_scheduler_near__goes_to_one_at_work_though_another_idles),
        CASE(test_scheduler_near__is_spread_where_it_waits),
        CASE(test_scheduler_near__is_held_in_the_queue_for_one_at_work),
        CASE(test_scheduler_near__is_far_once_less_is_near),
        CASE(test_scheduler_near__comes_back_from_one_that_is_late),
        CASE(test_scheduler_near__stays_where_nobody_else_is),
        CASE(test_scheduler_near__gives_way_to_what_is_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
