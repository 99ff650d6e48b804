/*
 * Everywhere: run on every daemon before what is submitted later, remembered for those that come later, replaced by
 * key, forgotten where wanted; failing, dying and loading modules.
 */
#include "story.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static void test_everywhere__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
    assert_int_equal(mirai_pool_everywhere(NULL, "k", "echo", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_everywhere(pool, "k", NULL, mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_everywhere(pool, "k", "", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_everywhere(pool, "", "echo", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_everywhere(pool, "k", "echo", NULL, NULL), MIRAI_E_INVALID);
    options.reserved = 1;
    assert_int_equal(mirai_pool_everywhere(pool, "k", "echo", mirai_null(), &options), MIRAI_E_INVALID);
    options = (mirai_everywhere_options)MIRAI_EVERYWHERE_OPTIONS_INIT;
    options.timeout_ms = -7;
    assert_int_equal(mirai_pool_everywhere(pool, "k", "echo", mirai_null(), &options), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_load(NULL, "m"), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_load(pool, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_load(pool, ""), MIRAI_E_INVALID);
    story_close(pool);
}

/* What each of two daemons recalls; both naps run at once, so that both daemons are asked. */
static void check_recalled(mirai_pool *pool, const char *expected)
{
    for (int i = 0; i < 20; i++) {
        mirai_task *task = story_submit(pool, "recall", mirai_null());
        const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
        const char *text = mirai_value_string(value);
        if (expected != NULL)
            assert_string_equal(text != NULL ? text : "(nothing)", expected);
        else
            assert_int_equal(mirai_value_type(value), MIRAI_TYPE_NULL);
        mirai_task_release(task);
    }
}

static void kill_daemons(mirai_pool *pool, int64_t wanted)
{
    pid_t pids[8];
    assert_true(story_until_daemons(pool, wanted));
    int64_t lost = story_status(pool).daemons_lost;
    for (int64_t i = 0; i < wanted; i++) pids[i] = story_daemon_pid(pool, (size_t)i);
    for (int64_t i = 0; i < wanted; i++) assert_int_equal(kill(pids[i], SIGKILL), 0);
    /* Until the pool has seen it: a task that is given to the dead is lost with them. */
    assert_true(story_until_lost(pool, lost + wanted));
    assert_true(story_until_daemons(pool, wanted));
}

static void test_everywhere__is_remembered_for_replaced_daemons(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    story_assert_ok(mirai_pool_everywhere(pool, "k", "remember", mirai_string("first"), NULL));
    check_recalled(pool, "first");
    kill_daemons(pool, 2);
    check_recalled(pool, "first");
    story_close(pool);
}

static void test_everywhere__is_replaced_by_key(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    const char *path = story_path("ran");
    story_assert_ok(mirai_pool_everywhere(pool, "k", "touch", mirai_string(path), NULL));
    size_t once = story_file_size(path);
    assert_true(once > 0);
    story_assert_ok(mirai_pool_everywhere(pool, "k", "remember", mirai_string("second"), NULL));
    story_assert_ok(mirai_pool_everywhere(pool, "other", "echo", mirai_null(), NULL));
    check_recalled(pool, "second");
    kill_daemons(pool, 2);
    check_recalled(pool, "second");
    assert_int_equal(story_file_size(path), once); /* what was replaced did not run again */
    story_close(pool);
    story_remove_files();
}

static void test_everywhere__can_be_forgotten(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
    options.forget = 1;
    story_assert_ok(mirai_pool_everywhere(pool, NULL, "remember", mirai_string("once"), &options));
    check_recalled(pool, "once");
    kill_daemons(pool, 1);
    check_recalled(pool, NULL);
    story_close(pool);
}

static void test_everywhere__comes_before_later_tasks(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    for (int i = 0; i < 20; i++) {
        mirai_task *earlier[4], *later[4];
        for (int j = 0; j < 4; j++) earlier[j] = story_submit(pool, "nap", mirai_int(j));
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        story_assert_ok(mirai_pool_everywhere(pool, NULL, "remember", mirai_string(text), NULL));
        for (int j = 0; j < 4; j++) later[j] = story_submit(pool, "recall", mirai_null());
        for (int j = 0; j < 4; j++) {
            assert_string_equal(mirai_value_string(story_expect(later[j], MIRAI_OUTCOME_VALUE)), text);
            mirai_task_release(later[j]);
            mirai_task_release(earlier[j]);
        }
    }
    story_close(pool);
}

static void test_everywhere__tells_why_it_failed(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    assert_int_equal(mirai_pool_everywhere(pool, NULL, "fail_text", mirai_string("not today"), NULL), MIRAI_E_USER);
    assert_non_null(strstr(mirai_error_detail(), "not today"));
    assert_int_equal(mirai_pool_everywhere(pool, NULL, "rememder", mirai_null(), NULL), MIRAI_E_FUNCTION);
    assert_non_null(strstr(mirai_error_detail(), "remember"));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(1), MIRAI_END)), 2);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    kill_daemons(pool, 2); /* what failed is not run again */
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(1), MIRAI_END)), 2);
    story_close(pool);
}

static void test_everywhere__survives_a_daemon_that_dies_in_it(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    const char *path = story_path("died");
    story_assert_ok(mirai_pool_everywhere(pool, "k", "crash_once", mirai_string(path), NULL));
    assert_true(story_until_daemons(pool, 2));
    assert_true(story_status(pool).daemons_lost >= 1);
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(2), mirai_int(2), MIRAI_END)), 4);
    story_close(pool);
    story_remove_files();
}

static void test_everywhere__gives_up_on_what_kills_all(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    assert_int_equal(mirai_pool_everywhere(pool, "k", "crash", mirai_string("kill"), NULL), MIRAI_E_START);
    assert_true(story_until_daemons(pool, 1));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(2), mirai_int(3), MIRAI_END)), 5);
    story_close(pool);
}

static void test_everywhere__times_out(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
    options.timeout_ms = 30;
    mirai_task *busy = story_submit(pool, "obey", mirai_null());
    assert_int_equal(mirai_pool_everywhere(pool, "k", "remember", mirai_string("late"), &options), MIRAI_E_TIMEDOUT);
    story_assert_ok(mirai_task_cancel(busy, NULL));
    check_recalled(pool, NULL); /* and does not run later */
    mirai_task_release(busy);
    story_close(pool);
}

typedef struct spreading {
    pthread_t thread;
    mirai_pool *pool;
    mirai_status status;
    _Atomic int ended;
} spreading;

static void *spread(void *context)
{
    spreading *self = context;
    self->status = mirai_pool_everywhere(self->pool, "k", "remember", mirai_string("theirs"), NULL);
    atomic_store(&self->ended, 1);
    return NULL;
}

static void test_everywhere__replaced_while_waited_for_wakes_the_waiter(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *busy = story_submit(pool, "obey", mirai_null());
    assert_true(story_until_running(busy));
    spreading other = {.pool = pool};
    assert_int_equal(pthread_create(&other.thread, NULL, spread, &other), 0);
    mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
    options.timeout_ms = 1;
    do { /* until it waits */
        mirai_status status = mirai_pool_everywhere(pool, "k", "remember", mirai_string("mine"), &options);
        assert_true(status == MIRAI_E_TIMEDOUT || status == MIRAI_E_STATE);
    } while (atomic_load(&other.ended) == 0);
    assert_int_equal(pthread_join(other.thread, NULL), 0); /* though the daemon is busy still */
    assert_int_equal(other.status, MIRAI_E_STATE);
    assert_int_equal(mirai_task_state(busy), MIRAI_TASK_RUNNING);
    story_assert_ok(mirai_task_cancel(busy, NULL));
    check_recalled(pool, NULL);
    mirai_task_release(busy);
    story_close(pool);
}

static void test_everywhere__on_no_daemons_is_done(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(0);
    story_assert_ok(mirai_pool_everywhere(pool, "k", "remember", mirai_null(), NULL));
    story_close(pool);
}

static void test_everywhere__loads_modules(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    story_assert_ok(mirai_pool_load(pool, STORY_MODULE));
    story_assert_ok(mirai_pool_load(pool, STORY_MODULE)); /* again */
    assert_int_equal(story_number(pool, "story.twice", mirai_int(21)), 42);
    kill_daemons(pool, 2);
    for (int i = 0; i < 4; i++) assert_int_equal(story_number(pool, "story.twice", mirai_int(i)), 2 * i);
    story_close(pool);
}

static void test_everywhere__tells_why_a_module_is_bad(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    assert_int_equal(mirai_pool_load(pool, "/no/such/module.so"), MIRAI_E_MODULE);
    assert_non_null(strstr(mirai_error_detail(), "/no/such/module.so"));
    assert_int_equal(mirai_pool_load(pool, STORY_NO_MODULE), MIRAI_E_MODULE);
    assert_non_null(strstr(mirai_error_detail(), "mirai_module"));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(2), mirai_int(3), MIRAI_END)), 5);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everywhere__refuses_bad_arguments),
        cmocka_unit_test(test_everywhere__is_remembered_for_replaced_daemons),
        cmocka_unit_test(test_everywhere__is_replaced_by_key),
        cmocka_unit_test(test_everywhere__can_be_forgotten),
        cmocka_unit_test(test_everywhere__comes_before_later_tasks),
        cmocka_unit_test(test_everywhere__tells_why_it_failed),
        cmocka_unit_test(test_everywhere__survives_a_daemon_that_dies_in_it),
        cmocka_unit_test(test_everywhere__gives_up_on_what_kills_all),
        cmocka_unit_test(test_everywhere__times_out),
        cmocka_unit_test(test_everywhere__replaced_while_waited_for_wakes_the_waiter),
        cmocka_unit_test(test_everywhere__on_no_daemons_is_done),
        cmocka_unit_test(test_everywhere__loads_modules),
        cmocka_unit_test(test_everywhere__tells_why_a_module_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
