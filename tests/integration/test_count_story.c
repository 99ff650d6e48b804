/*
 * Counts of many: tens of thousands of tasks on four daemons, with the status asked for meanwhile; what is counted in
 * the end is exact, every value is right, and no random number comes twice. And maps that fail, round after round.
 */
#include "story.h"

#include <stdlib.h>

enum { DAEMONS = 4, TASKS = 10000, LITTLE = 1000, ROUNDS = 25 };

static mirai_value *draw(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    mirai_rng *rng = mirai_job_rng(job);
    return mirai_list_of(mirai_float(mirai_rng_uniform(rng)), mirai_float(mirai_rng_uniform(rng)), MIRAI_END);
}

/* A number, and nothing else. */
static mirai_value *strict(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t number;
    return mirai_value_to_int(args, &number) == MIRAI_OK ? mirai_int(number) : NULL;
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("strict", strict, NULL));
    return mirai_function_register("draw", draw, NULL);
}

static int how_many(void)
{
    return story_in_valgrind() ? LITTLE : story_many(TASKS);
}

static void check_sum(mirai_pool *pool, int64_t submitted)
{
    mirai_pool_status now = story_status(pool);
    assert_int_equal(now.submitted, submitted);
    assert_int_equal(now.awaiting + now.executing + now.completed + now.failed + now.cancelled + now.timedout +
                         now.lost + now.closed + now.blocked,
                     now.submitted);
}

static void test_count__is_exact_after_many(void **state)
{
    (void)state;
    static mirai_task *tasks[TASKS];
    int count = how_many();
    mirai_pool *pool = story_open(DAEMONS);
    check_sum(pool, 0);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 2; i++) story_assert_ok(mirai_pool_everywhere(pool, NULL, "tally", mirai_null(), NULL));
        for (int i = 0; i < count; i++) {
            tasks[i] = story_submit(pool, "echo", mirai_int(i));
            if (i % 1000 == 0) check_sum(pool, (int64_t)count * (round - 1) + i + 1);
        }
        check_sum(pool, (int64_t)count * round);
        int wrong = 0;
        for (int i = 0; i < count; i++) {
            wrong += mirai_value_int_or(story_result(tasks[i]), -1) != i;
            mirai_task_release(tasks[i]);
        }
        assert_int_equal(wrong, 0);
    }
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.completed, 2 * count); /* what runs everywhere is no task */
    assert_int_equal(status.daemons_ready, DAEMONS);
    assert_int_equal(status.daemons_lost + status.retried, 0);
    story_close(pool);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_count__no_draw_comes_twice(void **state)
{
    (void)state;
    static mirai_task *tasks[TASKS / 2];
    static double draws[TASKS];
    int count = how_many() / 2, twice = 0;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.seed = 2026;
    options.seeded = 1; /* of 4,294,967,087 numbers two may well be the same: with this seed none are */
    mirai_pool *pool = story_open_with(DAEMONS, &options);
    for (int i = 0; i < count; i++) tasks[i] = story_submit(pool, "draw", mirai_null());
    for (int i = 0; i < count; i++) {
        const mirai_value *pair = story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        for (size_t j = 0; j < 2; j++)
            story_assert_ok(mirai_value_to_float(mirai_value_item(pair, j), &draws[2 * i + (int)j]));
        mirai_task_release(tasks[i]);
    }
    qsort(draws, (size_t)(2 * count), sizeof *draws, compare);
    for (int i = 1; i < 2 * count; i++) twice += draws[i] == draws[i - 1];
    assert_int_equal(twice, 0);
    story_close(pool);
}

/* Maps that stop on an error, one after the other, while what they leave is cancelled. */
static void test_count__failing_maps_cost_no_daemon(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    pid_t pid = story_daemon_pid(pool, 0);
    for (int round = 0; round < ROUNDS; round++) {
        mirai_value *items[20];
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        mirai_map *map = NULL;
        mirai_value *all = NULL;
        options.stop = 1;
        for (int i = 0; i < 20; i++) items[i] = i == 3 ? mirai_string("no number") : mirai_int(i % 3);
        story_assert_ok(mirai_map_start(pool, &map, "strict", mirai_list(items, 20), &options));
        assert_int_not_equal(mirai_map_collect(map, STORY_PATIENCE, &all), MIRAI_OK);
        assert_null(all);
        mirai_map_release(map);
    }
    assert_int_equal(story_number(pool, "pid", mirai_null()), pid);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count__is_exact_after_many),
        cmocka_unit_test(test_count__no_draw_comes_twice),
        cmocka_unit_test(test_count__failing_maps_cost_no_daemon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
