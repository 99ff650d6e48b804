/*
 * Groups of daemons in the scheduler: growing, shrinking, tags, back-off of each group, and daemons
 * that stay away until there is work.
 */
#include "scheduler_fixture.h"

static int32_t launch(fixture *f, int64_t daemons, const char *tags)
{
    int32_t group = -1;
    assert_int_equal(mirai__sched_group_add(&f->sched, daemons, tags, &group, f->now), MIRAI_OK);
    return group;
}

static void resize(fixture *f, int32_t group, int64_t daemons)
{
    mirai__sched_resize(&f->sched, group, daemons, f->now);
}

static void expect_retire(fixture *f, int daemon)
{
    assert_ptr_equal(expect_kind(f, MIRAI__COMMAND_RETIRE).daemon, &f->daemons[daemon]);
    assert_int_equal(f->daemons[daemon].state, MIRAI__DAEMON_ENDING);
}

static void spawned(fixture *f, int daemon, int32_t group)
{
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_SPAWN).group, group);
    assert_int_equal(
        mirai__sched_daemon_added(&f->sched, &f->daemons[daemon], group, f->now), MIRAI_OK);
}

static void leave(fixture *f, int daemon, bool idle)
{
    mirai__sched_daemon_left(&f->sched, &f->daemons[daemon], idle, f->now);
}

static void test_scheduler_group__refuses_bad_calls(void **state)
{
    fixture *f = begin(state, 0);
    int32_t group = -1;
    resize(f, 1, 5);
    resize(f, -1, 5);
    mirai__sched_spawn_failed(&f->sched, 64, f->now);
    assert_int_equal(mirai__sched_daemon_added(&f->sched, &f->daemons[0], 1, f->now),
                     MIRAI_E_RANGE);
    for (int i = 1; i < MIRAI__GROUPS_MAX; i++) assert_int_equal(launch(f, 0, NULL), i);
    assert_int_equal(mirai__sched_group_add(&f->sched, 1, NULL, &group, f->now), MIRAI_E_LIMIT);
    assert_int_equal(group, -1);
    submit(f, 0, 0, 0);
    resize(f, 63, 1);
    spawned(f, 0, 63);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[0], f->now);
    expect_run(f, 0, 0);
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    assert_int_equal(mirai__sched_group_add(&f->sched, 1, NULL, &group, f->now), MIRAI_E_CLOSED);
}

static void test_scheduler_group__retires_the_starting_then_the_idle_then_the_busy(void **state)
{
    fixture *f = begin(state, 4);
    for (int i = 0; i < 3; i++) start(f, i);
    submit(f, 0, 0, 0);
    uint64_t attempt = expect_run(f, 2, 0);
    spawned(f, 3, 0);
    assert_false(mirai__sched_is_settled(&f->sched));
    resize(f, 0, 3);
    expect_retire(f, 3);
    resize(f, 0, 0);
    expect_retire(f, 0);
    expect_retire(f, 1);
    expect_none(f); /* the busy one goes on */
    assert_true(result(f, &f->daemons[2], attempt, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_retire(f, 2);
    for (int i = 0; i < 4; i++) gone(f, i);
    assert_true(mirai__sched_is_settled(&f->sched));
    assert_int_equal(f->sched.counts.lost, 0);
    assert_int_equal(f->sched.groups[0].start_failures, 0);
    expect_none(f);
}

static void test_scheduler_group__that_grows_again_keeps_its_daemons(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    resize(f, 0, 0);
    resize(f, 0, 1);
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_none(f);
    assert_true(mirai__sched_is_settled(&f->sched));
}

static void test_scheduler_group__retires_one_that_comes_too_late(void **state)
{
    fixture *f = begin(state, 2);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    resize(f, 0, 1);
    add(f, 0);
    expect_none(f);
    add(f, 1);
    expect_retire(f, 1);
    expect_none(f);
}

static void test_scheduler_group__keeps_one_that_tasks_are_pinned_to(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    mirai__sched_request request = {.daemon = &f->daemons[0], .waits = 1};
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[0], &request, f->now), MIRAI_OK);
    resize(f, 0, 0);
    expect_none(f);
    mirai__sched_unblock(&f->sched, &f->tasks[0], f->now);
    uint64_t attempt = expect_run(f, 0, 0);
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    expect_retire(f, 0);
}

static void test_scheduler_group__takes_what_asks_for_its_tags(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    int32_t far = launch(f, 1, "far,cold");
    spawned(f, 1, far);
    mirai__sched_request request = {.tag = "cold"};
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[0], &request, f->now), MIRAI_OK);
    expect_none(f); /* not for daemon 0 */
    int32_t third = launch(f, 1, "cold"); /* may take what came before it */
    spawned(f, 2, third);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[2], f->now);
    expect_run(f, 2, 0);
    submit(f, 1, 0, 0);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    expect_run(f, 0, 1); /* what asks for nothing goes to the first group that has one free */
    submit(f, 2, 0, 0);
    expect_run(f, 1, 2);
    assert_int_equal(mirai__sched_submit(&f->sched, &f->tasks[3], &request, f->now), MIRAI_OK);
    resize(f, far, 0);
    resize(f, third, 0);
    expect_none(f);
    assert_int_equal(f->tasks[3].state, MIRAI_TASK_QUEUED); /* waits for the group to grow */
    mirai__sched_close(&f->sched, MIRAI_DRAIN, f->now);
    for (int i = 1; i < 3; i++) gone(f, i);
    expect_resolve(f, 2, MIRAI_OUTCOME_LOST);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    expect_resolve(f, 3, MIRAI_OUTCOME_CLOSED); /* nobody will come any more */
}

static void test_scheduler_group__backs_off_for_itself(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    int32_t bad = launch(f, 1, NULL);
    spawned(f, 1, bad);
    gone(f, 1);
    assert_int_equal(f->sched.groups[bad].start_failures, 1);
    submit(f, 0, 0, 0);
    expect_run(f, 0, 0);
    gone(f, 0);
    expect_resolve(f, 0, MIRAI_OUTCOME_LOST);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_SPAWN).group, 0); /* at once */
    expect_none(f);
    advance_to(f, f->now + 100);
    assert_int_equal(expect_kind(f, MIRAI__COMMAND_SPAWN).group, bad);
}

static void test_scheduler_group__replaces_idle_leavers_when_there_is_work(void **state)
{
    fixture *f = begin(state, 3);
    for (int i = 0; i < 3; i++) start(f, i);
    for (int i = 0; i < 3; i++) leave(f, i, true);
    for (int i = 0; i < 3; i++) gone(f, i);
    expect_none(f);
    assert_int_equal(f->sched.counts.dormant, 3);
    assert_int_equal(f->sched.counts.lost, 0);
    assert_true(mirai__sched_is_settled(&f->sched));
    resize(f, 0, 2);
    assert_int_equal(f->sched.counts.dormant, 2);
    submit(f, 0, 0, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    expect_none(f); /* one for one task */
    submit(f, 1, 0, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN);
    submit(f, 2, 0, 0);
    expect_none(f); /* no more than are wanted */
    assert_int_equal(f->sched.counts.dormant, 0);
}

static void test_scheduler_group__replaces_other_leavers(void **state)
{
    fixture *f = begin(state, 1);
    start(f, 0);
    submit(f, 0, 0, 0);
    uint64_t attempt = expect_run(f, 0, 0);
    assert_true(result(f, &f->daemons[0], attempt, MIRAI_OUTCOME_VALUE));
    expect_resolve(f, 0, MIRAI_OUTCOME_VALUE);
    leave(f, 0, false);
    expect_none(f);
    gone(f, 0);
    expect_kind(f, MIRAI__COMMAND_SPAWN); /* at once */
    add(f, 1);
    mirai__sched_daemon_ready(&f->sched, &f->daemons[1], f->now);
    leave(f, 1, false); /* one that does not even stay for a task */
    gone(f, 1);
    expect_none(f);
    assert_int_equal(mirai__sched_deadline(&f->sched), f->now + 100);
    assert_int_equal(f->sched.counts.lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_scheduler_group__refuses_bad_calls),
        CASE(test_scheduler_group__retires_the_starting_then_the_idle_then_the_busy),
        CASE(test_scheduler_group__that_grows_again_keeps_its_daemons),
        CASE(test_scheduler_group__retires_one_that_comes_too_late),
        CASE(test_scheduler_group__keeps_one_that_tasks_are_pinned_to),
        CASE(test_scheduler_group__takes_what_asks_for_its_tags),
        CASE(test_scheduler_group__backs_off_for_itself),
        CASE(test_scheduler_group__replaces_idle_leavers_when_there_is_work),
        CASE(test_scheduler_group__replaces_other_leavers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
