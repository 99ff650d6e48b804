/*
 * Without memory in waits for several, queues and maps: the n-th fallible operation fails, for n = 1, 2, ... Nothing is
 * lost by it: the same call, made again, goes on where it was.
 */
#include "story.h"

#include <stdlib.h>

#include "fault.h"

enum { MOST = 100000 };

static bool has_struck(int64_t n)
{
    int64_t count = mirai__fault_count();
    mirai__fault_arm(0, false);
    return count >= n;
}

static void test_many__waits_without_memory(void **state)
{
    bool struck = true;
    mirai_pool *other = story_open(1);
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *tasks[4];
        size_t index = 9;
        mirai_value *all = NULL;
        for (size_t i = 0; i < 4; i++)
            tasks[i] = story_submit(i == 3 && n % 2 == 0 ? other : *state, "nap", mirai_int(1));
        mirai__fault_arm(n, false);
        mirai_status any = mirai_wait_any(tasks, 4, STORY_PATIENCE, &index);
        mirai_status collected = mirai_collect(tasks, 4, STORY_PATIENCE, &all);
        struck = has_struck(n);
        assert_true(any == MIRAI_OK || any == MIRAI_E_NOMEM);
        assert_true(collected == MIRAI_OK || collected == MIRAI_E_NOMEM);
        if (collected != MIRAI_OK) story_assert_ok(mirai_collect(tasks, 4, STORY_PATIENCE, &all));
        assert_int_equal(mirai_value_count(all), 4);
        mirai_value_release(all);
        for (size_t i = 0; i < 4; i++) mirai_task_release(tasks[i]);
        assert_true(story_until_daemons(*state, 2));
    }
    story_close(other);
}

static void test_many__queues_without_memory(void **state)
{
    bool struck = true;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_queue *queue = NULL;
        mirai_task *tasks[3], *out = NULL;
        for (size_t i = 0; i < 3; i++) tasks[i] = story_submit(*state, "nap", mirai_int(1));
        mirai__fault_arm(n, false);
        mirai_status made = mirai_queue_new(&queue);
        size_t got = 0;
        if (made == MIRAI_OK) {
            for (size_t i = 0; i < 3; i++) {
                mirai_status added = mirai_queue_add(queue, tasks[i]);
                if (added == MIRAI_E_NOMEM) added = mirai_queue_add(queue, tasks[i]);
                assert_int_equal(added, MIRAI_OK);
            }
            for (; mirai_queue_next(queue, &out, STORY_PATIENCE) == MIRAI_OK; got++) mirai_task_release(out);
        }
        struck = has_struck(n);
        if (made == MIRAI_OK) {
            for (; mirai_queue_next(queue, &out, STORY_PATIENCE) == MIRAI_OK; got++) mirai_task_release(out);
            assert_int_equal(got, 3);
        }
        mirai_queue_release(queue);
        for (size_t i = 0; i < 3; i++) mirai_task_release(tasks[i]);
        assert_true(story_until_daemons(*state, 2));
    }
}

static mirai_value *count_to_30(size_t index, void *user)
{
    (void)user;
    return index < 30 ? mirai_int((int64_t)index) : NULL;
}

/* `kind` decides on what there is in it: chunks, an unlike result, constants, flattening. */
static mirai_map_options options_of(int kind)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR;
    options.source = count_to_30;
    options.chunk = kind == 0 ? 1 : 7;
    options.flatten = kind == 1;
    options.stop = kind == 2;
    if (kind == 3) options.constants = mirai_string("constant");
    return options;
}

static void map_without_memory(mirai_pool *pool, int kind)
{
    bool struck = true;
    int failed = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_map *map = NULL;
        mirai_value *all = NULL;
        mirai_map_options options = options_of(kind);
        if (kind == 3 && options.constants == NULL) fail();
        mirai__fault_arm(n, false);
        mirai_status started = mirai_map_start(pool, &map, "echo", NULL, &options);
        mirai_status collected = map != NULL ? mirai_map_collect(map, STORY_PATIENCE, &all) : MIRAI_E_NOMEM;
        struck = has_struck(n);
        failed += collected != MIRAI_OK;
        assert_int_equal(started == MIRAI_OK, map != NULL);
        /* A source that fails for want of memory, and a daemon that is lost for it, are outcomes. */
        if (map != NULL && collected == MIRAI_E_NOMEM) collected = mirai_map_collect(map, STORY_PATIENCE, &all);
        if (!struck) assert_int_equal(collected, MIRAI_OK);
        if (collected == MIRAI_OK) assert_int_equal(mirai_value_count(all), 30);
        mirai_value_release(all);
        mirai_map_release(map);
        assert_true(story_until_daemons(pool, 2));
    }
    assert_true(failed > 0);
}

static void test_many__maps_without_memory(void **state)
{
    for (int kind = 0; kind < 4; kind++) map_without_memory(*state, kind);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many__waits_without_memory),
        cmocka_unit_test(test_many__queues_without_memory),
        cmocka_unit_test(test_many__maps_without_memory),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
