/*
 * Isolation of what goes to daemons: what was submitted or shared stays what it was, whoever writes over the memory that
 * it came from, or over that in which a daemon finds it. Both sides write through raw pointers, const or not.
 *
 * Memory that cannot be written (mapped for reading only) is as good as memory of one's own.
 */
#include "cell.h"

#include <signal.h>
#include <stdlib.h>

/* ---- the host writes ------------------------------------------------------------------------- */

static void test_isolation__of_a_request_that_waits(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        const char *path = story_path("go");
        cargo mine = cell_cargo(&at, pool);
        mirai_task *holds[2] = {story_submit(pool, "hold", mirai_string(path)), NULL};
        holds[1] = story_submit(pool, "hold", mirai_string(path));
        mirai_task *task = story_submit(pool, "differs", cell_args(&at, cargo_value(&mine)));
        cell_overwrite(&mine);
        if (at.kind % 2 == 0) cargo_drop(&mine);
        cell_touch(path);
        cell_expect(&at, task);
        for (int i = 0; i < 2; i++) {
            (void)story_expect(holds[i], MIRAI_OUTCOME_VALUE);
            mirai_task_release(holds[i]);
        }
        story_remove_files();
        cargo_drop(&mine);
    }
}

static void test_isolation__of_a_request_on_its_way(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        for (int i = 0; i < (at.size == CELL_LARGE ? 1 : 10); i++) {
            cargo mine = cell_cargo(&at, pool);
            mirai_task *task = story_submit(pool, "differs", cell_args(&at, cargo_value(&mine)));
            cell_overwrite(&mine);
            if (i % 2 == 0) cargo_drop(&mine);
            cell_expect(&at, task);
            cargo_drop(&mine);
        }
    }
}

/* One memory, sent again and again while it changes: each request has what was there when it was submitted. */
static void test_isolation__of_requests_from_one_memory(void **state)
{
    enum { MANY = 8 };
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_task *tasks[MANY];
        int many = at.size == CELL_LARGE ? 2 : MANY;
        cargo mine = cell_cargo(&at, pool);
        for (int i = 0; i < many; i++) {
            assert_int_equal(pattern_force(mine.bytes, mine.size, (uint64_t)i), mine.size);
            tasks[i] = story_submit(pool, "echo", cargo_value(&mine));
        }
        cell_overwrite(&mine);
        for (int i = 0; i < many; i++) cell_expect_cargo(&at, tasks[i], (uint64_t)i);
        for (int i = 0; i < many; i++) mirai_task_release(tasks[i]);
        cargo_drop(&mine);
    }
}

static void test_isolation__of_a_shared_value(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        mirai_value *shared = mirai_share(pool, cargo_value(&mine));
        assert_non_null(shared);
        cell_overwrite(&mine);
        for (size_t i = 0; i < 2; i++) {
            uint64_t daemon = cell_daemon(pool, i);
            cell_expect(&at, cell_submit(pool, daemon, "differs", cell_args(&at, mirai_value_ref(shared))));
            /* which a task must not do, and which can harm its own daemon only */
            cell_expect(&at, cell_submit(pool, daemon, "tamper", cell_args(&at, mirai_value_ref(shared))));
        }
        assert_int_equal(pattern_differs(mine.bytes, mine.size, CELL_OTHER), -1);
        uint64_t later = cell_replace(pool, cell_daemon(pool, 0));
        cell_expect(&at, cell_submit(pool, later, "differs", cell_args(&at, mirai_value_ref(shared))));
        mirai_value_release(shared);
        cargo_drop(&mine);
    }
}

static void test_isolation__of_what_runs_everywhere(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        mirai_value *args = cell_args(&at, cargo_value(&mine));
        story_assert_ok(mirai_pool_everywhere(pool, "isolation", "remember_all", args, NULL));
        cell_overwrite(&mine);
        cargo_drop(&mine);
        for (size_t i = 0; i < 2; i++)
            cell_expect(&at, cell_submit(pool, cell_daemon(pool, i), "remembered_differs", mirai_null()));
        cell_run(pool, cell_daemon(pool, 1), "remembered_tamper", mirai_null());
        cell_expect(&at, cell_submit(pool, cell_replace(pool, cell_daemon(pool, 1)), "remembered_differs", mirai_null()));
        cell_expect(&at, cell_submit(pool, cell_replace(pool, cell_daemon(pool, 0)), "remembered_differs", mirai_null()));
    }
    story_assert_ok(mirai_pool_everywhere(pool, "isolation", "remember_all", mirai_null(), NULL));
}

static void test_isolation__of_the_constants_of_a_map(void **state)
{
    enum { MANY = 20 };
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        mirai_value *items[MANY], *out = NULL;
        mirai_map *map = NULL;
        int many = at.size == CELL_LARGE ? 2 : MANY;
        for (int i = 0; i < many; i++) items[i] = mirai_int(i);
        options.constants = cell_args(&at, cargo_value(&mine));
        options.chunk = 2;
        story_assert_ok(mirai_map_start(pool, &map, "constant_differs", mirai_list(items, (size_t)many), &options));
        cell_overwrite(&mine);
        cargo_drop(&mine);
        story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &out));
        for (int i = 0; i < many; i++)
            assert_int_equal(mirai_value_int_or(mirai_value_item(out, (size_t)i), -3), -1);
        mirai_value_release(out);
        mirai_map_release(map);
    }
}

/* ---- the task writes ------------------------------------------------------------------------- */

static void test_isolation__of_a_request_that_a_task_writes_over(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        for (size_t i = 0; i < 4; i++)
            cell_expect(&at, cell_submit(pool, cell_daemon(pool, i % 2), "tamper", cell_args(&at, cargo_value(&mine))));
        for (size_t i = 0; i < 2; i++)
            cell_expect(&at, cell_submit(pool, cell_daemon(pool, i), "differs", cell_args(&at, cargo_value(&mine))));
        assert_int_equal(pattern_differs(mine.bytes, mine.size, CELL_PATTERN), -1);
        cargo_drop(&mine);
    }
}

/* By plain stores, which a daemon need not survive. */
static void test_isolation__of_a_request_that_a_task_stores_into(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        int64_t lost = story_status(pool).daemons_lost;
        mirai_task *task = story_submit(pool, "tamper_plainly", cell_args(&at, cargo_value(&mine)));
        const mirai_value *result = story_result(task);
        if (mirai_task_outcome(task) == MIRAI_OUTCOME_LOST) {
            assert_string_equal(story_field(result, "signal"), "SIGSEGV");
            assert_true(story_until_lost(pool, lost + 1));
            assert_true(story_until_daemons(pool, 2));
        } else {
            assert_int_equal(mirai_value_int_or(result, -3), -1);
        }
        mirai_task_release(task);
        for (size_t i = 0; i < 2; i++)
            cell_expect(&at, cell_submit(pool, cell_daemon(pool, i), "differs", cell_args(&at, cargo_value(&mine))));
        assert_int_equal(pattern_differs(mine.bytes, mine.size, CELL_PATTERN), -1);
        cargo_drop(&mine);
    }
}

/* Of the same request, which was written over by its first attempt and, on its other side, by the host. */
static void test_isolation__of_a_request_that_is_tried_again(void **state)
{
    mirai_pool *pool = *state;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        mirai_task *task =
            story_submit_with(pool, "tamper_and_die", cell_args(&at, cargo_value(&mine)), &options);
        cell_overwrite(&mine);
        cargo_drop(&mine);
        (void)story_result(task);
        assert_int_equal(mirai_task_attempts(task), 2);
        cell_expect(&at, task);
        assert_true(story_until_daemons(pool, 2));
    }
}

/* Without daemons the task runs in the host itself, and still has its own. */
static void test_isolation__of_a_request_to_a_sync_pool(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    mirai_pool *pool = story_open_with(0, &options);
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        cell_expect(&at, story_submit(pool, "tamper", cell_args(&at, cargo_value(&mine))));
        assert_int_equal(pattern_differs(mine.bytes, mine.size, CELL_PATTERN), -1);
        mirai_task *task = story_submit(pool, "give", cell_order(&at));
        cell_run(pool, 0, "spoil", mirai_int(CELL_OTHER));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        mirai_task_release(task);
        cargo_drop(&mine);
    }
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, cell_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolation__of_a_request_that_waits),
        cmocka_unit_test(test_isolation__of_a_request_on_its_way),
        cmocka_unit_test(test_isolation__of_requests_from_one_memory),
        cmocka_unit_test(test_isolation__of_a_shared_value),
        cmocka_unit_test(test_isolation__of_what_runs_everywhere),
        cmocka_unit_test(test_isolation__of_the_constants_of_a_map),
        cmocka_unit_test(test_isolation__of_a_request_that_a_task_writes_over),
        cmocka_unit_test(test_isolation__of_a_request_that_a_task_stores_into),
        cmocka_unit_test(test_isolation__of_a_request_that_is_tried_again),
        cmocka_unit_test(test_isolation__of_a_request_to_a_sync_pool),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
