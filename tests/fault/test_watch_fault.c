/*
 * Without memory, in a pool that is watched: the n-th fallible operation fails, for n = 1, 2, ..., while events, captured
 * output and budgets are at work. Calls give an error or succeed, counts are right again afterwards, nothing leaks.
 * Linked with the library's insides, for the fault points.
 */
#include "story.h"

#include <string.h>

#include "fault.h"

enum { MOST = 100000 };

static int32_t events, rooms;
static size_t heard;

static void on_event(mirai_pool *pool, const mirai_event *event, void *user)
{
    (void)pool, (void)user;
    events += event->kind != 0;
}

static void on_output(mirai_pool *pool, uint64_t daemon, uint64_t task, int32_t stream, const char *bytes, size_t size,
                      void *user)
{
    (void)pool, (void)daemon, (void)task, (void)stream, (void)user;
    heard += bytes != NULL ? size : 0;
}

static void on_room(mirai_pool *pool, void *user)
{
    (void)pool, (void)user;
    rooms++;
}

static mirai_value *say(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    (void)fputs(mirai_value_string(args), stdout);
    (void)fputs(mirai_value_string(args), stderr);
    return mirai_value_ref(args);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    return mirai_function_register("say", say, NULL);
}

static bool has_struck(int64_t n)
{
    int64_t count = mirai__fault_count();
    mirai__fault_arm(0, false);
    return count >= n;
}

static void check_whole(mirai_pool *pool)
{
    assert_true(story_until_daemons(pool, 1));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
    assert_int_equal(story_status(pool).bytes_used, 0);
    story_assert_ok(mirai_pool_process(pool, NULL));
}

static mirai_pool_options watched(bool listens)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.output = MIRAI_OUTPUT_CAPTURE;
    options.on_output = listens ? on_output : NULL;
    options.max_tasks = 1; /* a place that a failed call kept would be missed at once */
    return options;
}

static void test_watch__opening(void **state)
{
    (void)state;
    size_t before = story_descriptors();
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_pool *pool = NULL;
        mirai_pool_options options = watched(true);
        mirai__fault_arm(n, false);
        mirai_status status = mirai_pool_open(&pool, "poor", 1, &options);
        if (status == MIRAI_OK) status = mirai_pool_on_event(pool, MIRAI_EVENT_ALL, on_event, NULL);
        struck = has_struck(n);
        if (pool != NULL) story_close(pool);
        if (!struck) assert_int_equal(status, MIRAI_OK);
        assert_true(story_until_descriptors(before));
    }
    assert_false(struck);
}

static void test_watch__tasks(void **state)
{
    (void)state;
    for (int listens = 0; listens < 2; listens++) {
        mirai_pool_options options = watched(listens != 0);
        mirai_pool *pool = story_open_with(1, &options);
        story_assert_ok(mirai_pool_on_event(pool, MIRAI_EVENT_ALL, on_event, NULL));
        bool struck = true;
        events = rooms = 0;
        heard = 0;
        for (int64_t n = 1; struck && n < MOST; n++) {
            mirai_task *task = NULL;
            mirai_value *output = NULL, *args = mirai_string("words\n");
            mirai__fault_arm(n, false);
            mirai_status status = mirai_pool_on_room(pool, on_room, NULL);
            status |= mirai_pool_try_submit(pool, &task, "say", args, NULL);
            mirai_status waited = task != NULL ? mirai_task_wait(task, STORY_PATIENCE) : MIRAI_OK;
            mirai_status told = task != NULL && waited == MIRAI_OK ? mirai_task_output(task, &output) : MIRAI_OK;
            mirai_status processed = mirai_pool_process(pool, NULL);
            struck = has_struck(n);
            assert_int_equal(processed, MIRAI_OK);
            assert_int_equal(status == MIRAI_OK, task != NULL);
            if (told != MIRAI_OK) assert_int_equal(told, MIRAI_E_NOMEM);
            if (!struck && listens == 0) assert_string_equal(story_field(output, "stdout"), "words\n");
            if (task != NULL) (void)story_result(task);
            mirai_value_release(output);
            mirai_task_release(task);
            check_whole(pool);
        }
        assert_false(struck);
        assert_true(events > 0 && rooms > 0);
        assert_int_equal(heard > 0, listens);
        story_close(pool);
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch__opening),
        cmocka_unit_test(test_watch__tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
