/*
 * Pools in jobs: refused unless asked for, bounded in depth, of use to the job, and gone with its daemon.
 */
#include "story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INNER = 2, DEEPEST = 4 };

/* ---- in daemons ------------------------------------------------------------------------------ */

static mirai_status open_inner(mirai_pool **pool, int32_t daemons, int32_t nested)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = STORY_PATIENCE;
    options.nested = nested;
    return mirai_pool_open(pool, "inner", daemons, &options);
}

static mirai_value *failure(mirai_status status)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s", mirai_error_detail());
    return mirai_error("inner", status, "%s", text);
}

/* Open a pool, with args as `nested`. */
static mirai_value *bare(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_pool *pool = NULL;
    mirai_status status = open_inner(&pool, 1, (int32_t)mirai_value_int_or(args, 0));
    if (status != MIRAI_OK) return failure(status);
    return mirai_int(mirai_pool_close(pool, MIRAI_CANCEL, 0));
}

/* The sum of 1 to args, each step on a daemon of the job's own. */
static mirai_value *sum(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_pool *pool = NULL;
    int64_t total = 0;
    mirai_status status = open_inner(&pool, INNER, 1);
    for (int64_t i = 1; status == MIRAI_OK && i <= mirai_value_int_or(args, 0); i++) {
        mirai_task *task = NULL;
        const mirai_value *value = NULL;
        mirai_value *both = mirai_list_of(mirai_int(total), mirai_int(i), MIRAI_END);
        status = mirai_pool_submit(pool, &task, "add", both, NULL);
        if (status == MIRAI_OK) status = mirai_task_wait(task, STORY_PATIENCE);
        if (status == MIRAI_OK) status = mirai_task_result(task, &value);
        total = mirai_value_int_or(value, -1);
        mirai_task_release(task);
    }
    if (status != MIRAI_OK) return failure(status);
    status = mirai_pool_close(pool, MIRAI_DRAIN, STORY_PATIENCE);
    return status == MIRAI_OK ? mirai_int(total) : failure(status);
}

/* How many levels there are below: it opens a pool and has its daemon do the same, until that is refused. */
static mirai_value *dig(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    mirai_pool *pool = NULL;
    mirai_status status = open_inner(&pool, 1, 1);
    if (status == MIRAI_E_STATE) return strstr(mirai_error_detail(), "4 deep") != NULL ? mirai_int(0) : failure(status);
    if (status != MIRAI_OK) return failure(status);
    mirai_task *task = NULL;
    const mirai_value *value = NULL;
    mirai_value *result = NULL;
    status = mirai_pool_submit(pool, &task, "dig", mirai_null(), NULL);
    if (status == MIRAI_OK) status = mirai_task_wait(task, STORY_PATIENCE);
    if (status == MIRAI_OK) status = mirai_task_result(task, &value);
    if (status == MIRAI_OK)
        result = mirai_value_is_error(value) ? mirai_value_ref(value) : mirai_int(1 + mirai_value_int_or(value, 99));
    mirai_task_release(task);
    (void)mirai_pool_close(pool, MIRAI_CANCEL, 0);
    return result != NULL ? result : failure(status);
}

static mirai_value *pids_of(mirai_pool *pool)
{
    mirai_value *all = mirai_pool_describe(pool), *items[INNER];
    for (size_t i = 0; i < INNER; i++)
        items[i] = mirai_value_ref(mirai_value_get(mirai_value_item(mirai_value_get(all, "daemons"), i), "pid"));
    mirai_value_release(all);
    return mirai_list(items, INNER);
}

/* Leave a pool open, its first daemon deaf in a job, and give its daemons' numbers. */
static mirai_value *leave_open(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    mirai_pool *pool = NULL;
    mirai_status status = open_inner(&pool, INNER, 1);
    if (status == MIRAI_OK) status = mirai_pool_submit(pool, NULL, "spin", mirai_null(), NULL);
    return status == MIRAI_OK ? pids_of(pool) : failure(status);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("bare", bare, NULL));
    MIRAI_TRY(mirai_function_register("sum", sum, NULL));
    MIRAI_TRY(mirai_function_register("dig", dig, NULL));
    return mirai_function_register("leave_open", leave_open, NULL);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static void test_nested__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    assert_int_equal(open_inner(&pool, 1, 2), MIRAI_E_INVALID);
    assert_int_equal(open_inner(&pool, 1, -1), MIRAI_E_INVALID);
    assert_null(pool);
}

static void test_nested__is_refused_unless_asked_for(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "bare", mirai_int(0));
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_int_equal(mirai_value_error_code(error), MIRAI_E_STATE);
    assert_non_null(strstr(mirai_value_error_message(error), "nested"));
    mirai_task_release(task);
    assert_int_equal(story_number(pool, "bare", mirai_int(1)), MIRAI_OK);
    story_close(pool);
    assert_int_equal(open_inner(&pool, 0, 1), MIRAI_OK); /* in a host the switch changes nothing */
    story_close(pool);
}

static void test_nested__works(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    mirai_task *tasks[4];
    for (int i = 0; i < 4; i++) tasks[i] = story_submit(pool, "sum", mirai_int(10 * (i + 1)));
    for (int i = 0; i < 4; i++) {
        int64_t n = 10 * (i + 1);
        assert_int_equal(mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), -1), n * (n + 1) / 2);
        mirai_task_release(tasks[i]);
    }
    story_close(pool);
}

static void test_nested__has_a_bottom(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    assert_int_equal(story_number(pool, "dig", mirai_null()), DEEPEST - 1);
    story_close(pool);
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

/* The daemon's own pool is of no concern to what it starts besides. */
static void test_nested__is_not_told_to_commands(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_value *command = mirai_list_of(mirai_string("env"), MIRAI_END);
    mirai_task *task = story_submit(pool, "mirai.exec", mirai_dict_of("command", command, MIRAI_END));
    const mirai_value *out = mirai_value_get(story_expect(task, MIRAI_OUTCOME_VALUE), "stdout");
    assert_true(mirai_value_count(out) > 0);
    assert_null(memmem(mirai_value_data(out), mirai_value_count(out), "MIRAI_DAEMON_", strlen("MIRAI_DAEMON_")));
    mirai_task_release(task);
    story_close(pool);
}

static void read_pids(mirai_task *task, pid_t pids[INNER])
{
    const mirai_value *list = story_expect(task, MIRAI_OUTCOME_VALUE);
    for (size_t i = 0; i < INNER; i++) {
        pids[i] = (pid_t)mirai_value_int_or(mirai_value_item(list, i), 0);
        assert_true(pids[i] > 0 && story_is_alive(pids[i]));
    }
    mirai_task_release(task);
}

static void expect_dead(const pid_t pids[INNER], int64_t began)
{
    for (size_t i = 0; i < INNER; i++) assert_true(story_until_dead(pids[i]));
    assert_true(story_now_ms() - began < story_bound_ms(1000));
}

static void test_nested__dies_with_its_daemon(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    pid_t pids[INNER];
    read_pids(story_submit(pool, "leave_open", mirai_null()), pids);
    int64_t began = story_now_ms();
    assert_int_equal(kill(story_daemon_pid(pool, 0), SIGKILL), 0);
    expect_dead(pids, began);
    story_close(pool);
}

static void test_nested__ends_with_the_pool(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    pid_t pids[INNER];
    read_pids(story_submit(pool, "leave_open", mirai_null()), pids);
    int64_t began = story_now_ms();
    story_close(pool);
    expect_dead(pids, began);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested__refuses_bad_arguments),
        cmocka_unit_test(test_nested__is_refused_unless_asked_for),
        cmocka_unit_test(test_nested__works),
        cmocka_unit_test(test_nested__has_a_bottom),
        cmocka_unit_test(test_nested__is_not_told_to_commands),
        cmocka_unit_test(test_nested__dies_with_its_daemon),
        cmocka_unit_test(test_nested__ends_with_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
