/*
 * The other two modes of sending, in cells of size. Moved: what nobody else holds is given away, and what was in it arrives;
 * who goes on to write through a pointer spoils that and nothing else. In common: both sides write one memory, and all
 * else stays isolated beside it.
 *
 * Where bytes are copied after all (small ones, other channels), what was given away is gone, and is not written here.
 */
#include "cell.h"

#include <signal.h>
#include <stdlib.h>

enum { READER = 0 };

/* Only sizes matter here: one kind of each. */
#define FOR_EACH_SIZE(name) FOR_EACH_CELL(name) if (name.kind == CARGO_POOL || is_only_kind(&name))

/* 100 MB travel over a plain socket too, as the one kind that they are there. */
static bool is_only_kind(cell *at)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    bool only = at->size == CELL_LARGE && at->kind == CARGO_ADOPTED && transport != NULL && transport[0] == 'p';
    if (only) at->kind = CARGO_POOL;
    return only;
}

/* Memory that a daemon reads where it is. */
static bool is_lent_size(const cell *at)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    return at->size > 100000 && (transport == NULL || transport[0] == 'r');
}

/* A task that reads until it is told to end. */
typedef struct reader {
    const char *begun, *end, *verdict;
    mirai_task *task;
    uint64_t daemon, other;
} reader;

/* Takes value. *held (NULL: not wanted) is one more count of the list of arguments in which it is sent. */
static reader start(mirai_pool *pool, const cell *at, mirai_value *value, mirai_value **held)
{
    reader self = {story_path("begun"), story_path("end"), story_path("verdict"), NULL, cell_daemon(pool, READER),
                   cell_daemon(pool, 1 - READER)};
    mirai_value *files = mirai_list_of(mirai_string(self.begun), mirai_string(self.end), mirai_string(self.verdict), MIRAI_END);
    mirai_value *args =
        mirai_list_of(value, mirai_int((int64_t)at->size), mirai_int(CELL_PATTERN), files, MIRAI_END);
    if (held != NULL) *held = mirai_value_ref(args);
    self.task = cell_submit(pool, self.daemon, "study", args);
    assert_true(story_until_file(self.begun));
    return self;
}

/* Where it ever differed from the pattern. */
static int64_t end(reader *self)
{
    cell_touch(self->end);
    int64_t at = mirai_value_int_or(story_expect(self->task, MIRAI_OUTCOME_VALUE), -3);
    mirai_task_release(self->task);
    story_remove_files();
    return at;
}

/* Others of the same size, given away too, which use again what can be used again: over a socket, large ones cannot. */
static void crowd(mirai_pool *pool, const cell *at, uint64_t daemon)
{
    if (at->size == CELL_LARGE && !is_lent_size(at)) return;
    for (int i = 0; i < (at->size == CELL_LARGE ? 1 : 4); i++) {
        cargo mine;
        assert_true(cargo_make(&mine, CARGO_POOL, pool, at->size, (uint64_t)i));
        mirai_task *task = cell_submit(pool, daemon, "echo", cargo_give(&mine));
        cell_expect_cargo(at, task, (uint64_t)i);
        mirai_task_release(task);
    }
}

/* ---- moved ----------------------------------------------------------------------------------- */

static void test_isolation_mode__moved_memory_is_the_readers(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_SIZE(at)
    {
        cargo mine = cell_cargo(&at, pool);
        reader slow = start(pool, &at, cargo_give(&mine), NULL);
        bool lent = cargo_is_lent(mine.bytes);
        assert_true(lent || !is_lent_size(&at));
        if (lent && is_lent_size(&at)) cell_overwrite(&mine);
        crowd(pool, &at, slow.other);
        int64_t differs = end(&slow);
        if (is_lent_size(&at))
            assert_int_not_equal(differs, -1); /* it was not copied */
        else
            assert_int_equal(differs, -1);
        crowd(pool, &at, slow.daemon);
    }
}

/* The buffer, the value, or a list around it: who still holds it has it to himself. */
static void test_isolation_mode__held_memory_is_copied(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_SIZE(at)
    {
        for (int held = 0; held < (at.size == CELL_LARGE ? 1 : 3); held++) {
            cargo mine = cell_cargo(&at, pool);
            mirai_buffer *buffer = held == 0 ? mirai_buffer_ref(mirai_value_buffer(mine.value)) : NULL;
            mirai_value *value = held == 1 ? cargo_value(&mine) : NULL;
            mirai_value *list = NULL;
            reader slow = start(pool, &at, cargo_give(&mine), held == 2 ? &list : NULL);
            cell_overwrite(&mine);
            assert_int_equal(end(&slow), -1);
            assert_int_equal(pattern_differs(mine.bytes, mine.size, CELL_OTHER), -1);
            mirai_buffer_release(buffer);
            mirai_value_release(value);
            mirai_value_release(list);
        }
    }
}

/* Its first reader is killed: the next one has the same bytes, and then others have the memory. */
static void test_isolation_mode__moved_memory_is_read_again(void **state)
{
    mirai_pool *pool = *state;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    FOR_EACH_SIZE(at)
    {
        cargo mine = cell_cargo(&at, pool);
        mirai_task *task = story_submit_with(pool, "tamper_and_die", cell_args(&at, cargo_give(&mine)), &options);
        (void)story_result(task);
        assert_int_equal(mirai_task_attempts(task), 2);
        cell_expect(&at, task);
        assert_true(story_until_daemons(pool, 2));
        for (size_t i = 0; i < 2; i++) crowd(pool, &at, cell_daemon(pool, i));
    }
}

/* Killed in the middle, with nobody to try again. */
static void test_isolation_mode__moved_memory_comes_back_from_the_dead(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_SIZE(at)
    {
        cargo mine = cell_cargo(&at, pool);
        int64_t lost = story_status(pool).daemons_lost;
        reader slow = start(pool, &at, cargo_give(&mine), NULL);
        assert_int_equal(kill(cell_pid(pool, slow.daemon), SIGKILL), 0);
        crowd(pool, &at, slow.other);
        (void)story_expect(slow.task, MIRAI_OUTCOME_LOST);
        mirai_task_release(slow.task);
        story_remove_files();
        crowd(pool, &at, cell_replaced(pool, slow.other, lost));
    }
}

static void test_isolation_mode__of_results_that_are_moved(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_SIZE(at)
    {
        uint64_t daemon = cell_daemon(pool, 0);
        mirai_task *first = cell_submit(pool, daemon, "give_away", cell_order(&at));
        cell_expect_cargo(&at, first, CELL_PATTERN);
        if (is_lent_size(&at)) {
            cell_run(pool, daemon, "spoil_given",
                     mirai_list_of(mirai_null(), mirai_int((int64_t)at.size), mirai_int(CELL_OTHER), MIRAI_END));
            cell_expect_cargo(&at, first, CELL_OTHER); /* it was not copied */
        }
        mirai_task *second = cell_submit(pool, daemon, "give_away", cell_order(&at));
        cell_expect_cargo(&at, second, CELL_PATTERN);
        mirai_task_release(first);
        crowd(pool, &at, daemon);
        cell_expect_cargo(&at, second, CELL_PATTERN);
        mirai_task_release(second);
    }
}

/* ---- in common ------------------------------------------------------------------------------- */

static void make_common(const cell *at, cargo *out)
{
    *out = (cargo){mirai_common(at->size), NULL, at->size};
    assert_non_null(out->value);
    out->bytes = mirai_common_data(out->value);
    pattern_fill(out->bytes, at->size, CELL_PATTERN);
}

static void test_isolation_mode__common_memory_is_written_by_both(void **state)
{
    mirai_pool *pool = *state;
    FOR_EACH_SIZE(at)
    {
        cargo mine;
        make_common(&at, &mine);
        reader slow = start(pool, &at, cargo_value(&mine), NULL);
        crowd(pool, &at, slow.other);
        cell_overwrite(&mine);
        assert_int_not_equal(end(&slow), -1);
        pattern_fill(mine.bytes, at.size, CELL_PATTERN);
        cell_expect(&at, cell_submit(pool, slow.daemon, "tamper", cell_args(&at, cargo_value(&mine))));
        assert_int_equal(pattern_differs(mine.bytes, at.size, CELL_OTHER), -1);
        crowd(pool, &at, slow.daemon);
        cargo_drop(&mine);
    }
}

static void test_isolation_mode__common_memory_outlives_its_writer(void **state)
{
    mirai_pool *pool = *state;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    FOR_EACH_SIZE(at)
    {
        cargo mine;
        make_common(&at, &mine);
        mirai_task *task = story_submit_with(pool, "tamper_and_die", cell_args(&at, cargo_value(&mine)), &options);
        assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -3), 0); /* what the first one wrote */
        assert_int_equal(mirai_task_attempts(task), 2);
        mirai_task_release(task);
        assert_int_equal(pattern_differs(mine.bytes, at.size, CELL_OTHER), -1);
        assert_true(story_until_daemons(pool, 2));
        crowd(pool, &at, cell_daemon(pool, 0));
        cargo_drop(&mine);
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, cell_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolation_mode__moved_memory_is_the_readers),
        cmocka_unit_test(test_isolation_mode__held_memory_is_copied),
        cmocka_unit_test(test_isolation_mode__moved_memory_is_read_again),
        cmocka_unit_test(test_isolation_mode__moved_memory_comes_back_from_the_dead),
        cmocka_unit_test(test_isolation_mode__of_results_that_are_moved),
        cmocka_unit_test(test_isolation_mode__common_memory_is_written_by_both),
        cmocka_unit_test(test_isolation_mode__common_memory_outlives_its_writer),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
