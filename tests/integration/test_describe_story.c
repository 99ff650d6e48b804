/*
 * What a pool tells of itself: its counters, and one record per daemon.
 */
#include "story.h"

#include <string.h>
#include <unistd.h>

static const mirai_value *daemon_of(const mirai_value *all)
{
    return mirai_value_item(mirai_value_get(all, "daemons"), 0);
}

static void test_describe__has_every_counter(void **state)
{
    (void)state;
    static const char *const names[] = {
        "daemons_wanted", "daemons_ready", "daemons_lost", "awaiting",   "executing",      "completed",      "failed",
        "cancelled",      "timedout",      "lost",         "closed",     "blocked",        "submitted",      "retried",
        "daemons_starting", "bytes_used",  "bytes_peak",   "bytes_capacity", "tasks_capacity", "events_dropped",
    };
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    mirai_value *all = mirai_pool_describe(pool);
    assert_non_null(all);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t number;
        if (mirai_value_to_int(mirai_value_get(all, names[i]), &number) != MIRAI_OK) fail_msg("%s", names[i]);
    }
    mirai_pool_status status = story_status(pool);
    assert_int_equal(mirai_value_int_or(mirai_value_get(all, "completed"), -1), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_get(all, "bytes_peak"), -1), status.bytes_peak);
    assert_true(status.bytes_peak > 0);
    mirai_value_release(all);
    story_close(pool);
}

static void test_describe__knows_each_daemon(void **state)
{
    (void)state;
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    mirai_pool *pool = story_open(1);
    mirai_value *all = mirai_pool_describe(pool);
    const mirai_value *daemon = daemon_of(all);
    assert_string_equal(story_field(daemon, "host"), host);
    assert_true(mirai_value_int_or(mirai_value_get(daemon, "memory"), 0) > 100 * 1024);
    assert_int_equal(mirai_value_count(mirai_value_get(daemon, "modules")), 0);
    assert_string_equal(story_field(daemon, "label"), "");
    mirai_value_release(all);

    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    const char *labels[] = {NULL, "mine"};
    for (size_t i = 0; i < 2; i++) {
        options.label = labels[i];
        mirai_task *task = story_submit_with(pool, "obey", mirai_null(), &options);
        assert_true(story_until_running(task));
        all = mirai_pool_describe(pool);
        assert_string_equal(story_field(daemon_of(all), "label"), i == 0 ? "obey" : "mine");
        assert_int_equal(mirai_value_int_or(mirai_value_get(daemon_of(all), "task"), 0), mirai_task_id(task));
        mirai_value_release(all);
        story_assert_ok(mirai_task_cancel(task, NULL));
        mirai_task_release(task);
    }
    story_close(pool);
}

static void test_describe__names_modules(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    story_assert_ok(mirai_pool_load(pool, STORY_MODULE));
    mirai_value *all = mirai_pool_describe(pool);
    const mirai_value *modules = mirai_value_get(daemon_of(all), "modules");
    assert_int_equal(mirai_value_count(modules), 1);
    assert_string_equal(mirai_value_string(mirai_value_item(modules, 0)), STORY_MODULE);
    mirai_value_release(all);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe__has_every_counter),
        cmocka_unit_test(test_describe__knows_each_daemon),
        cmocka_unit_test(test_describe__names_modules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
