/*
 * Without memory, in what is shared: the n-th fallible operation fails, for n = 1, 2, ..., while values are shared, tasks
 * wait for tasks, and tasks fail because others did. Each call gives an error or succeeds, each task resolves, nothing
 * leaks, and the pool is whole afterwards. Linked with the library's insides, for the fault points.
 */
#include "story.h"

#include <string.h>
#include <unistd.h>

#include "fault.h"

enum { MOST = 100000 };

static bool has_struck(int64_t n)
{
    int64_t count = mirai__fault_count();
    mirai__fault_arm(0, false);
    return count >= n;
}

/* Takes the milliseconds in args: its result does not come before they are over. */
static mirai_value *nap_first(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    (void)usleep((useconds_t)(1000 * mirai_value_int_or(mirai_value_item(args, 0), 0)));
    return mirai_null();
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    return mirai_function_register("nap_first", nap_first, NULL);
}

/* What may fail here, and is looked at later by what came of it. */
static void may_fail(mirai_status status)
{
    if (status != MIRAI_OK) assert_string_not_equal(mirai_status_text(status), "");
}

/* Where an operation failed, the wait may have to be begun again. */
static const mirai_value *read_again(mirai_task *task)
{
    return task != NULL ? story_result(task) : NULL;
}

static void check_whole(mirai_pool *pool)
{
    assert_true(story_until_daemons(pool, 1));
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.awaiting, 0);
    assert_int_equal(status.executing, 0);
    assert_int_equal(status.blocked, 0);
}

static void test_share_fault__in_sharing(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    bool struck = true;
    int values = 0, others = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *task = NULL;
        mirai__fault_arm(n, false);
        mirai_value *inner = mirai_share(pool, mirai_int(1));
        mirai_value *outer = mirai_share(pool, mirai_list_of(inner, mirai_string("two"), MIRAI_END));
        mirai_value *args = mirai_list_of(mirai_value_ref(outer), mirai_int(3), MIRAI_END);
        mirai_status status = mirai_pool_submit(pool, &task, "echo", args, NULL);
        mirai_value_release(outer);
        if (task != NULL) may_fail(mirai_task_wait(task, STORY_PATIENCE));
        struck = has_struck(n);
        assert_int_equal(status == MIRAI_OK, task != NULL);
        const mirai_value *value = read_again(task);
        bool good = value != NULL && mirai_task_outcome(task) == MIRAI_OUTCOME_VALUE;
        if (good) assert_int_equal(mirai_value_int_or(mirai_value_at(value, "[0][0]"), 0), 1);
        if (value != NULL && !good) /* a job that was not sent is not lost with its daemon */
            assert_null(strstr(mirai_value_error_message(value), "no memory to send"));
        values += good;
        others += !good;
        mirai_task_release(task);
        check_whole(pool);
    }
    assert_true(values > 0 && others > 0);
    story_close(pool);
}

/* Submit `first`, and two that wait for it, one for the other, too. */
static void chain(mirai_pool *pool, const char *first, mirai_task *tasks[3])
{
    mirai_value *given = mirai_int(5);
    may_fail(mirai_pool_submit(pool, &tasks[0], first, given, NULL));
    for (int i = 1; i < 3 && tasks[i - 1] != NULL; i++) {
        mirai_value *args = mirai_list_of(mirai_task_argument(tasks[i - 1]), mirai_task_argument(tasks[0]), MIRAI_END);
        may_fail(mirai_pool_submit(pool, &tasks[i], "echo", args, NULL));
    }
}

static void check_chains(const char *first, mirai_outcome outcome)
{
    mirai_pool *pool = story_open(1);
    bool struck = true;
    int as_meant = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *tasks[3] = {NULL, NULL, NULL};
        mirai__fault_arm(n, false);
        chain(pool, first, tasks);
        if (tasks[2] != NULL) may_fail(mirai_task_wait(tasks[2], STORY_PATIENCE));
        const mirai_value *value = NULL;
        if (tasks[2] != NULL) may_fail(mirai_task_result(tasks[2], &value));
        struck = has_struck(n);
        for (int i = 0; i < 3; i++) {
            value = read_again(tasks[i]);
            assert_int_equal(value == NULL, tasks[i] == NULL);
        }
        as_meant += tasks[2] != NULL && mirai_task_outcome(tasks[2]) == outcome;
        for (int i = 0; i < 3; i++) mirai_task_release(tasks[i]);
        check_whole(pool);
    }
    assert_true(as_meant > 0);
    story_close(pool);
}

static void test_share_fault__in_waiting_for_tasks(void **state)
{
    (void)state;
    check_chains("echo", MIRAI_OUTCOME_VALUE);
}

static void test_share_fault__in_failing_with_tasks(void **state)
{
    (void)state;
    check_chains("fail_value", MIRAI_OUTCOME_FAILED);
}

static void test_share_fault__in_asking_for_results_that_were_read(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *read[2] = {story_submit(pool, "echo", mirai_int(5)), story_submit(pool, "fail_value", mirai_int(5))};
    for (int i = 0; i < 2; i++) {
        (void)story_result(read[i]);
        bool struck = true;
        for (int64_t n = 1; struck && n < MOST; n++) {
            mirai__fault_arm(n, false);
            mirai_value *value = mirai_task_argument(read[i]);
            struck = has_struck(n);
            if (!struck) assert_non_null(value);
            if (value == NULL) assert_string_not_equal(mirai_error_detail(), "");
            mirai_value_release(value);
        }
        mirai_task_release(read[i]);
    }
    check_whole(pool);
    story_close(pool);
}

/* A daemon that could not be sent what goes ahead of a task has not begun that task. */
static void test_share_fault__in_supplying_is_not_the_tasks(void **state)
{
    (void)state;
    const mirai_resource gpu = {.name = "gpus", .amount = 1};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.resources = &gpu;
    options.resource_count = 1;
    mirai_pool *pool = story_open_with(1, &options);
    mirai_submit_options takes = MIRAI_SUBMIT_OPTIONS_INIT;
    takes.resources = &gpu;
    takes.resource_count = 1;
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *task = NULL;
        mirai_value *shared = mirai_share(pool, mirai_int(20));
        mirai_value *args = mirai_list_of(shared, MIRAI_END);
        mirai__fault_arm(n, false);
        mirai_status status = mirai_pool_submit(pool, &task, "nap_first", args, &takes);
        struck = has_struck(n);
        assert_int_equal(status == MIRAI_OK, task != NULL);
        if (task != NULL) (void)story_expect(task, MIRAI_OUTCOME_VALUE);
        mirai_task_release(task);
        check_whole(pool);
    }
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share_fault__in_sharing),
        cmocka_unit_test(test_share_fault__in_waiting_for_tasks),
        cmocka_unit_test(test_share_fault__in_failing_with_tasks),
        cmocka_unit_test(test_share_fault__in_asking_for_results_that_were_read),
        cmocka_unit_test(test_share_fault__in_supplying_is_not_the_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
