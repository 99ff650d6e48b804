/*
 * Without memory: the n-th fallible operation of the library fails, for n = 1, 2, ..., in every call of a pool's life.
 * Each call gives an error or succeeds; nothing crashes, hangs or leaks, and the pool is whole afterwards.
 * Linked with the library's insides, for the fault points.
 */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "fault.h"

enum { MOST = 100000 };

typedef struct usage {
    size_t descriptors, threads;
} usage;

static usage measure(void)
{
    return (usage){story_descriptors(), story_threads()};
}

static bool is_back(void *context)
{
    const usage *before = context;
    usage now = measure();
    return now.descriptors <= before->descriptors && now.threads <= before->threads;
}

/* Did the fault point n come to pass? Disarms. */
static bool has_struck(int64_t n)
{
    int64_t count = mirai__fault_count();
    mirai__fault_arm(0, false);
    return count >= n;
}

static void test_alloc__in_opening(void **state)
{
    (void)state;
    story_close(story_open(1)); /* what is made once and kept */
    usage before = measure();
    bool struck = true;
    int failed = 0, opened = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_pool *pool = NULL;
        mirai__fault_arm(n, false);
        mirai_status status = mirai_pool_open(&pool, "poor", 2, NULL);
        struck = has_struck(n);
        if (status == MIRAI_OK) {
            opened++;
            assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
            story_close(pool);
        } else {
            failed++;
            assert_null(pool);
        }
        assert_true(story_until(is_back, &before));
    }
    assert_true(opened > 0 && failed > 0);
}

static void test_alloc__in_opening_from_then_on(void **state)
{
    (void)state;
    usage before = measure();
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK && n < MOST; n++) {
        mirai_pool *pool = NULL;
        mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
        options.start_timeout_ms = 300;
        mirai__fault_arm(n, true);
        status = mirai_pool_open(&pool, "poor", 1, &options);
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK) story_close(pool);
        assert_true(story_until(is_back, &before));
    }
    assert_int_equal(status, MIRAI_OK);
}

static mirai_value *rich_args(void)
{
    static const double numbers[1000];
    const int64_t shape[] = {1000};
    return mirai_dict_of("a", mirai_list_of(mirai_int(1), mirai_string("two"), mirai_null(), MIRAI_END), "b",
                         mirai_array(MIRAI_DTYPE_FLOAT64, 1, shape, numbers), MIRAI_END);
}

static void check_whole(mirai_pool *pool)
{
    assert_true(story_until_daemons(pool, 2));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.awaiting, 0);
    assert_int_equal(status.executing, 0);
}

static void test_alloc__in_submitting_waiting_reading(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    bool struck = true;
    int values = 0, others = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *task = NULL;
        const mirai_value *value = NULL;
        mirai__fault_arm(n, false);
        mirai_status status = mirai_pool_submit(pool, &task, "echo", rich_args(), NULL);
        mirai_status waited = task != NULL ? mirai_task_wait(task, STORY_PATIENCE) : MIRAI_OK;
        mirai_status read = waited == MIRAI_OK && task != NULL ? mirai_task_result(task, &value) : MIRAI_OK;
        struck = has_struck(n);
        assert_int_equal(status == MIRAI_OK, task != NULL);
        if (task != NULL && waited != MIRAI_OK) assert_int_equal(waited, MIRAI_E_NOMEM);
        if (task != NULL && (waited != MIRAI_OK || read != MIRAI_OK)) value = story_result(task); /* again: it can */
        bool good = value != NULL && mirai_task_outcome(task) == MIRAI_OUTCOME_VALUE;
        values += good;
        others += !good;
        if (good) assert_int_equal(mirai_value_count(value), 2);
        mirai_task_release(task);
        check_whole(pool);
    }
    assert_true(values > 0 && others > 0);
    story_close(pool);
}

static void test_alloc__in_everywhere(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai__fault_arm(n, false);
        mirai_status status = mirai_pool_everywhere(pool, "k", "remember", rich_args(), NULL);
        mirai_status loaded = mirai_pool_load(pool, "/no/such/module.so");
        struck = has_struck(n);
        assert_int_not_equal(loaded, MIRAI_OK);
        if (!struck) assert_int_equal(status, MIRAI_OK);
        check_whole(pool);
    }
    story_close(pool);
}

static void test_alloc__in_looking(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        int fd;
        mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
        mirai__fault_arm(n, false);
        mirai_value *all = mirai_pool_describe(pool);
        mirai_status looked = mirai_pool_get_status(pool, &status), got = mirai_pool_fd(pool, &fd);
        struck = has_struck(n);
        if (!struck) assert_non_null(all);
        mirai_value_release(all);
        assert_int_equal(looked, MIRAI_OK);
        (void)got;
    }
    check_whole(pool);
    story_close(pool);
}

static void test_alloc__in_deaths(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai__fault_arm(n, false);
        mirai_task *task = NULL;
        mirai_status status = mirai_pool_submit(pool, &task, "crash", mirai_string("exit3"), NULL);
        mirai_status waited = status == MIRAI_OK ? mirai_task_wait(task, STORY_PATIENCE) : MIRAI_OK;
        struck = has_struck(n);
        if (status == MIRAI_OK) {
            if (waited != MIRAI_OK) assert_int_equal(waited, MIRAI_E_NOMEM);
            (void)story_expect(task, MIRAI_OUTCOME_LOST);
        }
        mirai_task_release(task);
        check_whole(pool);
    }
    story_close(pool);
}

static void test_alloc__in_closing(void **state)
{
    (void)state;
    usage before = measure();
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_pool *pool = story_open(2);
        mirai_task *tasks[3];
        for (int i = 0; i < 3; i++) tasks[i] = story_submit(pool, i == 1 ? "obey" : "echo", mirai_null());
        mirai__fault_arm(n, n % 2 == 0);
        mirai_status status = mirai_pool_close(pool, n % 3 == 0 ? MIRAI_DRAIN : MIRAI_CANCEL, 20);
        struck = has_struck(n);
        assert_true(status == MIRAI_OK || status == MIRAI_E_TIMEDOUT || status == MIRAI_E_NOMEM);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(mirai_task_state(tasks[i]), MIRAI_TASK_RESOLVED);
            mirai_task_release(tasks[i]);
        }
        assert_true(story_until(is_back, &before));
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc__in_opening),
        cmocka_unit_test(test_alloc__in_opening_from_then_on),
        cmocka_unit_test(test_alloc__in_submitting_waiting_reading),
        cmocka_unit_test(test_alloc__in_everywhere),
        cmocka_unit_test(test_alloc__in_looking),
        cmocka_unit_test(test_alloc__in_deaths),
        cmocka_unit_test(test_alloc__in_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
