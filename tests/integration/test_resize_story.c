/*
 * How many daemons there are: growing, shrinking, other kinds of them, those that leave by themselves; and that no task
 * is lost by any of it.
 */
#include "story.h"

#include <string.h>
#include <unistd.h>

enum { TASKS = 400 };

static void check_daemons(mirai_pool *pool, int64_t wanted)
{
    story_assert_ok(mirai_pool_settle(pool, STORY_PATIENCE));
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.daemons_wanted, wanted);
    assert_int_equal(status.daemons_ready, wanted);
    assert_int_equal(status.daemons_starting, 0);
    assert_int_equal(status.daemons_lost, 0);
    pid_t pids[16];
    assert_int_equal(story_descendants(getpid(), pids, 16), (size_t)wanted);
}

static void test_resize__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(0);
    mirai_daemon_options bad = MIRAI_DAEMON_OPTIONS_INIT;
    int32_t group = -1;
    assert_int_equal(mirai_pool_resize(NULL, 1), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_resize(pool, -1), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_resize(pool, 4097), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_resize_group(pool, 1, 1), MIRAI_E_NOT_FOUND);
    assert_int_equal(mirai_pool_resize_group(pool, -1, 1), MIRAI_E_NOT_FOUND);
    assert_int_equal(mirai_pool_launch(NULL, 1, NULL, &group), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_launch(pool, 0, NULL, &group), MIRAI_E_INVALID);
    bad.tags = "a,,b";
    assert_int_equal(mirai_pool_launch(pool, 1, &bad, &group), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_settle(NULL, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_settle(pool, -2), MIRAI_E_INVALID);
    assert_int_equal(group, -1);
    story_assert_ok(mirai_pool_settle(pool, 0));
    for (int i = 1; i < 64; i++) {
        story_assert_ok(mirai_pool_launch(pool, 1, NULL, &group));
        assert_int_equal(group, i);
        story_assert_ok(mirai_pool_resize_group(pool, group, 0));
    }
    assert_int_equal(mirai_pool_launch(pool, 1, NULL, &group), MIRAI_E_LIMIT);
    story_assert_ok(mirai_pool_settle(pool, STORY_PATIENCE));
    story_close(pool);
}

static void test_resize__keeps_as_many_as_are_wanted(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    check_daemons(pool, 2);
    story_assert_ok(mirai_pool_resize(pool, 4));
    check_daemons(pool, 4);
    story_assert_ok(mirai_pool_resize(pool, 1));
    check_daemons(pool, 1);
    story_assert_ok(mirai_pool_resize(pool, 3));
    story_assert_ok(mirai_pool_resize(pool, 0)); /* while they start */
    check_daemons(pool, 0);
    mirai_task *task = story_submit(pool, "echo", mirai_int(2));
    assert_int_equal(mirai_task_wait(task, 50), MIRAI_E_TIMEDOUT); /* waits for as long as nobody is wanted */
    char *text = mirai_task_explain(task);
    assert_string_equal(text, "queued: the pool keeps no daemon");
    mirai_text_free(text);
    story_assert_ok(mirai_pool_resize(pool, 1));
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 2);
    mirai_task_release(task);
    story_close(pool);
}

static void test_resize__lets_busy_daemons_finish(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    mirai_task *tasks[2];
    for (int i = 0; i < 2; i++) {
        tasks[i] = story_submit(pool, "obey", mirai_null());
        assert_true(story_until_running(tasks[i]));
    }
    story_assert_ok(mirai_pool_resize(pool, 0));
    assert_int_equal(mirai_pool_settle(pool, 20), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai_task_state(tasks[0]), MIRAI_TASK_RUNNING);
    assert_int_equal(mirai_task_state(tasks[1]), MIRAI_TASK_RUNNING);
    story_assert_ok(mirai_pool_resize(pool, 1)); /* now one of them may stay */
    story_assert_ok(mirai_task_cancel(tasks[0], NULL));
    check_daemons(pool, 1);
    assert_int_equal(mirai_task_state(tasks[1]), MIRAI_TASK_RUNNING);
    story_assert_ok(mirai_task_cancel(tasks[1], NULL));
    for (int i = 0; i < 2; i++) mirai_task_release(tasks[i]);
    story_close(pool);
}

static void test_resize__under_traffic_loses_nothing(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    mirai_task *tasks[TASKS];
    int count = story_in_valgrind() ? TASKS / 10 : TASKS;
    for (int i = 0; i < count; i++) {
        tasks[i] = story_submit(pool, "nap", mirai_int(i % 4));
        if (i % 10 == 0) story_assert_ok(mirai_pool_resize(pool, i / 10 * 7 % 5));
        mirai_status waited = i % 20 == 5 ? mirai_task_wait(tasks[i], 20) : MIRAI_OK;
        assert_true(waited == MIRAI_OK || waited == MIRAI_E_TIMEDOUT);
    }
    story_assert_ok(mirai_pool_resize(pool, 2));
    for (int i = 0; i < count; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.completed, count);
    assert_int_equal(status.submitted, count);
    check_daemons(pool, 2);
    story_close(pool);
}

static void test_resize__keeps_kinds_apart(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    int32_t group = 0;
    kind.tags = "big";
    story_assert_ok(mirai_pool_launch(pool, 2, &kind, &group));
    check_daemons(pool, 3);
    story_assert_ok(mirai_pool_resize(pool, 0));
    check_daemons(pool, 2);
    story_assert_ok(mirai_pool_resize_group(pool, group, 0));
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.tag = "big";
    mirai_task *task = story_submit_with(pool, "echo", mirai_int(3), &asks);
    story_assert_ok(mirai_pool_resize(pool, 1));
    check_daemons(pool, 1);
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_QUEUED); /* not for that one */
    story_assert_ok(mirai_pool_resize_group(pool, group, 1));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_value *all = mirai_pool_describe(pool);
    const mirai_value *daemon = mirai_value_item(mirai_value_get(all, "daemons"), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_get(daemon, "group"), -1), group);
    assert_string_equal(mirai_value_string(mirai_value_item(mirai_value_get(daemon, "tags"), 0)), "big");
    const mirai_value *cpus = mirai_value_item(mirai_value_get(all, "resources"), 0);
    assert_string_equal(mirai_value_string(mirai_value_get(cpus, "name")), "cpus");
    assert_true(mirai_value_float_or(mirai_value_get(cpus, "total"), 0) >= 1);
    mirai_value_release(all);
    mirai_task_release(task);
    story_close(pool);
}

static void test_resize__says_why_daemons_do_not_start(void **state)
{
    (void)state;
    if (story_bound_ms(1) > 3) skip(); /* sanitizers and valgrind do not get far in so little memory themselves */
    mirai_pool *pool = story_open(1);
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.memory_limit = 1 << 20; /* the dynamic linker does not get far in this */
    kind.tags = "tiny";
    story_assert_ok(mirai_pool_launch(pool, 1, &kind, NULL));
    assert_int_equal(mirai_pool_settle(pool, STORY_PATIENCE), MIRAI_E_START);
    assert_non_null(strstr(mirai_error_detail(), "did not start"));
    assert_int_equal(story_number(pool, "echo", mirai_int(1)), 1); /* the others are none the worse */
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.tag = "tiny";
    mirai_task *task = story_submit_with(pool, "echo", mirai_null(), &asks);
    char *text = mirai_task_explain(task);
    assert_non_null(text);
    if (strstr(text, "daemons fail to start") == NULL) fail_msg("%s", text);
    mirai_text_free(text);
    mirai_task_release(task);
    story_close(pool);
}

/* ---- daemons that leave by themselves -------------------------------------------------------- */

static bool nobody_is_there(void *pool)
{
    return story_status(pool).daemons_ready == 0;
}

static void test_resize__idle_daemons_come_back_for_work(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    kind.idle_ms = 30;
    options.daemon = &kind;
    mirai_pool *pool = story_open_with(2, &options);
    for (int i = 0; i < 3; i++) {
        assert_true(story_until(nobody_is_there, pool));
        story_assert_ok(mirai_pool_settle(pool, STORY_PATIENCE)); /* none is missed */
        assert_int_equal(story_number(pool, "echo", mirai_int(i)), i);
    }
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.daemons_lost, 0);
    assert_int_equal(status.daemons_wanted, 2);
    story_close(pool);
}

static void test_resize__daemons_that_leave_lose_no_task(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    kind.max_jobs = 3;
    options.daemon = &kind;
    mirai_pool *pool = story_open_with(2, &options);
    enum { COUNT = 40 };
    mirai_task *tasks[COUNT];
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.losses = -1; /* what was not begun costs nothing */
    for (int i = 0; i < COUNT; i++) tasks[i] = story_submit_with(pool, "pid", mirai_null(), &asks);
    int64_t pids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pids[i] = mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), 0);
        int same = 0;
        for (int j = 0; j < i; j++) same += pids[j] == pids[i];
        assert_true(same < 3);
        mirai_task_release(tasks[i]);
    }
    assert_int_equal(story_status(pool).daemons_lost, 0);
    assert_int_equal(story_status(pool).completed, COUNT);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize__refuses_bad_arguments),
        cmocka_unit_test(test_resize__keeps_as_many_as_are_wanted),
        cmocka_unit_test(test_resize__lets_busy_daemons_finish),
        cmocka_unit_test(test_resize__under_traffic_loses_nothing),
        cmocka_unit_test(test_resize__keeps_kinds_apart),
        cmocka_unit_test(test_resize__says_why_daemons_do_not_start),
        cmocka_unit_test(test_resize__idle_daemons_come_back_for_work),
        cmocka_unit_test(test_resize__daemons_that_leave_lose_no_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
