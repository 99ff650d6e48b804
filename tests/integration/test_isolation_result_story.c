/*
 * Isolation of what comes from daemons: a result stays what it was when its function returned, whoever writes over the
 * memory that it came from, over that of another result, or over that in which the host finds it. Each case has a pool
 * of one daemon, so that jobs follow each other in one process.
 *
 * Memory that cannot be written (mapped for reading only) is as good as memory of one's own.
 */
#include "cell.h"

static int open_one(void **state)
{
    *state = story_open(1);
    return 0;
}

static void write_over(const mirai_value *value, uint64_t pattern)
{
    size_t size = 0;
    const uint8_t *bytes = cargo_bytes(value, &size);
    assert_non_null(bytes);
    (void)pattern_force(bytes, size, pattern);
}

/* ---- the daemon writes ----------------------------------------------------------------------- */

/* Between the result's arrival and its reading, and then again. */
static void test_isolation_result__kept_and_spoilt_by_the_next_job(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_task *task = story_submit(pool, "give", cell_order(&at));
        cell_run(pool, 0, "spoil", mirai_int(CELL_OTHER));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        cell_run(pool, 0, "spoil", mirai_int(CELL_OTHER + 1));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        mirai_task_release(task);
    }
}

static void test_isolation_result__kept_and_spoilt_by_a_thread(void **state)
{
    mirai_pool *pool = *state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* the thread is told by a file that it may write, which the sanitizer cannot know */
#endif
    FOR_EACH_CELL(at)
    {
        const char *begin = story_path("begin"), *done = story_path("done");
        mirai_value *args = mirai_list_of(mirai_int(at.kind), mirai_int((int64_t)at.size), mirai_int(CELL_PATTERN),
                                          mirai_list_of(mirai_string(begin), mirai_string(done), MIRAI_END), MIRAI_END);
        mirai_task *task = story_submit(pool, "give_and_vandalise", args);
        story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
        cell_touch(begin);
        assert_true(story_until_file(done));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        mirai_task_release(task);
        story_remove_files();
    }
}

/* An argument that was returned as it was, and kept. */
static void test_isolation_result__given_back_and_spoilt(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        cargo mine = cell_cargo(&at, pool);
        mirai_task *task = story_submit(pool, "give_back", cell_args(&at, cargo_value(&mine)));
        cell_run(pool, 0, "spoil", mirai_int(CELL_OTHER));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        cell_run(pool, 0, "spoil", mirai_int(CELL_OTHER + 1));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        assert_int_equal(pattern_differs(mine.bytes, mine.size, CELL_PATTERN), -1);
        cell_overwrite(&mine);
        cell_expect_cargo(&at, task, CELL_PATTERN);
        mirai_task_release(task);
        cargo_drop(&mine);
    }
}

static void test_isolation_result__partial_ones_from_one_memory(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_value *parts[3];
        mirai_task *task = story_submit(pool, "emit_thrice", cell_order(&at));
        for (size_t i = 0; i < 3; i++)
            story_assert_ok(mirai_task_next_partial(task, &parts[i], STORY_PATIENCE));
        (void)story_expect(task, MIRAI_OUTCOME_VALUE);
        for (size_t i = 0; i < 3; i++) cell_check(&at, parts[i], CELL_PATTERN + i);
        for (size_t i = 0; i < 3; i++) mirai_value_release(parts[i]);
        mirai_task_release(task);
    }
}

/* Passed on to other tasks, some of which are submitted only after it was spoilt where it came from. */
static void test_isolation_result__that_other_tasks_depend_on(void **state)
{
    mirai_pool *pool = *state;
    story_assert_ok(mirai_pool_resize(pool, 2));
    story_assert_ok(mirai_pool_settle(pool, STORY_PATIENCE));
    FOR_EACH_CELL(at)
    {
        uint64_t giver = cell_daemon(pool, 0), other = cell_daemon(pool, 1);
        mirai_task *task = cell_submit(pool, giver, "give", cell_order(&at));
        mirai_value *future = mirai_task_argument(task);
        assert_non_null(future);
        mirai_task *early = cell_submit(pool, other, "differs", cell_args(&at, mirai_value_ref(future)));
        cell_run(pool, giver, "spoil", mirai_int(CELL_OTHER));
        cell_expect(&at, early);
        cell_expect(&at, cell_submit(pool, giver, "differs", cell_args(&at, mirai_value_ref(future))));
        other = cell_replace(pool, other);
        cell_expect(&at, cell_submit(pool, other, "tamper", cell_args(&at, mirai_value_ref(future))));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        other = cell_replace(pool, other);
        cell_expect(&at, cell_submit(pool, other, "differs", cell_args(&at, mirai_value_ref(future))));
        cell_expect_cargo(&at, task, CELL_PATTERN);
        mirai_value_release(future);
        mirai_task_release(task);
    }
    story_assert_ok(mirai_pool_resize(pool, 1));
    story_assert_ok(mirai_pool_settle(pool, STORY_PATIENCE));
}

/* ---- the host writes ------------------------------------------------------------------------- */

static void test_isolation_result__written_over_changes_no_other(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_task *first = story_submit(pool, "give", cell_order(&at));
        cell_expect_cargo(&at, first, CELL_PATTERN);
        mirai_task *second = story_submit(pool, "give", cell_order(&at));
        mirai_task *third = story_submit(pool, "echo", mirai_value_ref(story_result(first)));
        write_over(story_result(first), CELL_OTHER); /* while the third may be on its way */
        cell_expect(&at, story_submit(pool, "kept_differs", cell_order(&at)));
        cell_expect_cargo(&at, second, CELL_PATTERN);
        cell_expect_cargo(&at, third, CELL_PATTERN);
        write_over(story_result(third), CELL_OTHER + 1);
        cell_expect_cargo(&at, second, CELL_PATTERN);
        cell_expect(&at, story_submit(pool, "kept_differs", cell_order(&at)));
        mirai_task_release(first);
        mirai_task_release(second);
        mirai_task_release(third);
    }
}

/* Written over by the host, which is also what tasks wait for: they have what came. */
static void test_isolation_result__written_over_changes_no_dependant(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_task *task = story_submit(pool, "give", cell_order(&at));
        mirai_value *future = mirai_task_argument(task);
        write_over(story_expect(task, MIRAI_OUTCOME_VALUE), CELL_OTHER);
        mirai_task *next = story_submit(pool, "differs", cell_args(&at, mirai_value_ref(future)));
        cell_expect(&at, next);
        mirai_value_release(future);
        mirai_task_release(task);
    }
}

/* A result that is sent on, and then written over or released. */
static void test_isolation_result__that_was_sent_on(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        const char *path = story_path("go");
        mirai_task *task = story_submit(pool, "give", cell_order(&at));
        mirai_value *value = mirai_value_ref(story_expect(task, MIRAI_OUTCOME_VALUE));
        mirai_task *hold = story_submit(pool, "hold", mirai_string(path));
        mirai_task *next = story_submit(pool, "differs", cell_args(&at, mirai_value_ref(value)));
        mirai_task *last = story_submit(pool, "differs", cell_args(&at, mirai_value_ref(value)));
        write_over(value, CELL_OTHER);
        mirai_value_release(value);
        mirai_task_release(task);
        cell_touch(path);
        cell_expect(&at, next);
        cell_expect(&at, last);
        (void)story_expect(hold, MIRAI_OUTCOME_VALUE);
        mirai_task_release(hold);
        story_remove_files();
    }
}

/* ---- memory that is used again --------------------------------------------------------------- */

enum { KEEP = 12 };

/* Results come and go; those that are kept never change, however often the memory of others is used again. */
static void test_isolation_result__kept_while_others_come_and_go(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_CELL(at)
    {
        mirai_value *held[KEEP] = {NULL};
        uint64_t patterns[KEEP] = {0};
        int64_t rounds = at.size == CELL_LARGE ? 4 : story_bound_ms(1) <= 3 ? 60 : 30;
        size_t keep = at.size == CELL_LARGE ? 2 : KEEP;
        for (int64_t round = 0; round < rounds; round++) {
            cargo mine;
            size_t slot = (size_t)(round * 7 % 5) * keep / 5;
            assert_true(cargo_make(&mine, at.kind, pool, at.size, (uint64_t)round));
            mirai_task *task = story_submit(pool, round % 3 == 0 ? "give_back" : "echo",
                                            round % 3 == 0 ? cell_args(&at, cargo_value(&mine)) : cargo_value(&mine));
            cell_overwrite(&mine);
            cargo_drop(&mine);
            cell_expect_cargo(&at, task, (uint64_t)round);
            if (round % 2 == 0) {
                mirai_value_release(held[slot]);
                held[slot] = mirai_value_ref(story_result(task));
                patterns[slot] = (uint64_t)round;
            }
            mirai_task_release(task);
            if (round % 10 != 9 && round + 1 != rounds) continue;
            for (size_t i = 0; i < keep; i++)
                if (held[i] != NULL) cell_check(&at, held[i], patterns[i]);
        }
        for (size_t i = 0; i < KEEP; i++) mirai_value_release(held[i]);
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, cell_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolation_result__kept_and_spoilt_by_the_next_job),
        cmocka_unit_test(test_isolation_result__kept_and_spoilt_by_a_thread),
        cmocka_unit_test(test_isolation_result__given_back_and_spoilt),
        cmocka_unit_test(test_isolation_result__partial_ones_from_one_memory),
        cmocka_unit_test(test_isolation_result__that_other_tasks_depend_on),
        cmocka_unit_test(test_isolation_result__written_over_changes_no_other),
        cmocka_unit_test(test_isolation_result__written_over_changes_no_dependant),
        cmocka_unit_test(test_isolation_result__that_was_sent_on),
        cmocka_unit_test(test_isolation_result__kept_while_others_come_and_go),
    };
    return cmocka_run_group_tests(tests, open_one, story_close_state);
}
