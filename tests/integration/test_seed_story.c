/*
 * Seeds: task number i has stream i of its pool's seed, whoever runs it, in whatever order, however often. Without a
 * seed nobody can foresee what a job draws, and no two jobs draw the same.
 */
#include "story.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TASKS = 40 };

/* ---- in the daemon --------------------------------------------------------------------------- */

/* The job's stream, as text, and what is drawn from it. */
static mirai_value *draw(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    mirai_rng *rng = mirai_job_rng(job);
    if (rng == NULL) return NULL;
    char text[6 * 11 + 1] = "";
    for (size_t i = 0; i < 6; i++) (void)sprintf(text + strlen(text), "%u ", (unsigned)rng->state[i]);
    double first = mirai_rng_uniform(rng), second = mirai_rng_uniform(mirai_job_rng(job));
    story_sleep_ms(mirai_value_int_or(args, 0));
    return mirai_dict_of("stream", mirai_string(text), "first", mirai_float(first), "second", mirai_float(second),
                         MIRAI_END);
}

/* Draws, and dies after it where the file named by args is not there yet. */
static mirai_value *draw_and_die(mirai_job *job, const mirai_value *args, void *context)
{
    mirai_value *drawn = draw(job, mirai_null(), context);
    const char *path = mirai_value_string(args);
    FILE *file = path != NULL ? fopen(path, "wxe") : NULL;
    if (file == NULL) return drawn;
    (void)fclose(file);
    (void)raise(SIGKILL);
    return drawn;
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("draw_and_die", draw_and_die, NULL));
    return mirai_function_register("draw", draw, NULL);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_pool *open_seeded(int32_t daemons, int32_t seed)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.seed = seed;
    options.seeded = 1;
    return story_open_with(daemons, &options);
}

/* What task number i of a pool with this seed has to draw. Takes the task. */
static void expect_stream(mirai_task *task, int32_t seed, int number)
{
    mirai_rng rng;
    char text[6 * 11 + 1] = "";
    story_assert_ok(mirai_rng_seed(&rng, seed));
    story_assert_ok(mirai_rng_skip_streams(&rng, (uint64_t)number));
    for (size_t i = 0; i < 6; i++) (void)sprintf(text + strlen(text), "%u ", (unsigned)rng.state[i]);
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_string_equal(mirai_value_string(mirai_value_get(value, "stream")), text);
    assert_true(mirai_value_float_or(mirai_value_get(value, "first"), -1) == mirai_rng_uniform(&rng));
    assert_true(mirai_value_float_or(mirai_value_get(value, "second"), -1) == mirai_rng_uniform(&rng));
    mirai_task_release(task);
}

static void test_seed__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    assert_null(mirai_job_rng(NULL));
    options.seeded = 2;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "seeded"));
    assert_null(pool);
}

static void test_seed__streams_are_those_of_r(void **state)
{
    (void)state;
    mirai_pool *pool = open_seeded(1, 42);
    /* set.seed(42, "L'Ecuyer-CMRG"); s <- nextRNGStream(.Random.seed); nextRNGStream(s) */
    static const char *const expected[] = {
        "4200392260 4270105571 357812871 346211554 2993944461 440649733 ",
        "3936721085 2883110042 3806745505 1069515918 2574277581 1070199760 ",
    };
    for (size_t i = 0; i < 2; i++) {
        mirai_task *task = story_submit(pool, "draw", mirai_null());
        const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
        assert_string_equal(mirai_value_string(mirai_value_get(value, "stream")), expected[i]);
        mirai_task_release(task);
    }
    story_close(pool);
}

static void test_seed__decides_alone(void **state)
{
    (void)state;
    static const int32_t daemons[] = {1, 3};
    for (size_t round = 0; round < 2; round++) {
        mirai_pool *pool = open_seeded(daemons[round], 1);
        mirai_task *tasks[TASKS];
        for (int i = 0; i < TASKS; i++) tasks[i] = story_submit(pool, "draw", mirai_int(i % 3));
        for (int i = TASKS - 1; i >= 0; i--) expect_stream(tasks[i], 1, i + 1);
        story_close(pool);
    }
}

static void test_seed__full_pools_use_none_up(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.seed = 8;
    options.seeded = 1;
    options.max_tasks = 1;
    mirai_pool *pool = story_open_with(1, &options);
    for (int i = 1; i <= 3; i++) {
        mirai_task *task = story_submit(pool, "obey", mirai_null());
        assert_int_equal(mirai_pool_try_submit(pool, NULL, "draw", mirai_null(), NULL), MIRAI_E_FULL);
        assert_int_equal(mirai_task_cancel(task, NULL), MIRAI_OK);
        mirai_task_release(task);
        expect_stream(story_submit(pool, "draw", mirai_null()), 8, 2 * i);
    }
    story_close(pool);
}

static void test_seed__refused_calls_and_everywhere_use_none_up(void **state)
{
    (void)state;
    mirai_pool *pool = open_seeded(1, 7);
    int nothing = 0;
    for (int i = 1; i <= 3; i++) {
        mirai_value *stranger = mirai_reference("no_such_class", &nothing, NULL, NULL);
        assert_int_equal(mirai_pool_submit(pool, NULL, "draw", stranger, NULL), MIRAI_E_HOOK);
        assert_int_equal(mirai_pool_submit(pool, NULL, "", mirai_null(), NULL), MIRAI_E_INVALID);
        story_assert_ok(mirai_pool_everywhere(pool, "draw", "draw", mirai_null(), NULL));
        expect_stream(story_submit(pool, "draw", mirai_null()), 7, i);
    }
    story_close(pool);
}

/* A task whose daemon died, or that never ran, has had its stream; nobody else gets it. */
static void test_seed__is_not_moved_by_losses(void **state)
{
    (void)state;
    mirai_pool *pool = open_seeded(1, 9);
    mirai_task *running = story_submit(pool, "obey", mirai_null());
    mirai_task *queued = story_submit(pool, "draw", mirai_null());
    mirai_task *third = story_submit(pool, "draw", mirai_null());
    assert_int_equal(mirai_task_cancel(queued, NULL), MIRAI_OK);
    assert_int_equal(mirai_task_cancel(running, NULL), MIRAI_OK);
    expect_stream(third, 9, 3);
    mirai_task_release(running);
    mirai_task_release(queued);
    story_close(pool);
}

static void test_seed__is_kept_by_retries(void **state)
{
    (void)state;
    mirai_pool *pool = open_seeded(2, 12);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    const char *path = story_path("died");
    mirai_task *first = story_submit_with(pool, "draw_and_die", mirai_string(path), &options);
    mirai_task *second = story_submit(pool, "draw", mirai_null());
    expect_stream(second, 12, 2);
    assert_int_equal(mirai_task_wait(first, STORY_PATIENCE), MIRAI_OK);
    assert_int_equal(mirai_task_attempts(first), 2);
    expect_stream(first, 12, 1);
    story_remove_files();
    story_close(pool);
}

/* One that waits for another's result has had its stream when it was submitted. */
static void test_seed__is_that_of_the_submission(void **state)
{
    (void)state;
    mirai_pool *pool = open_seeded(2, 13);
    mirai_task *first = story_submit(pool, "nap", mirai_int(20));
    mirai_task *second = story_submit(pool, "draw", mirai_list_of(mirai_task_argument(first), MIRAI_END));
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.priority = 5;
    mirai_task *third = story_submit_with(pool, "draw", mirai_null(), &options);
    expect_stream(third, 13, 3);
    expect_stream(second, 13, 2);
    mirai_task_release(first);
    story_close(pool);
}

static void test_seed__is_the_pools_own(void **state)
{
    (void)state;
    mirai_pool *one = open_seeded(1, 5), *other = open_seeded(1, 5);
    for (int i = 1; i <= 3; i++) {
        expect_stream(story_submit(one, "draw", mirai_null()), 5, i);
        expect_stream(story_submit(other, "draw", mirai_null()), 5, i);
    }
    story_close(one);
    story_close(other);
}

/* All draws of all jobs of two pools differ. */
static void test_seed__without_one_nobody_foresees(void **state)
{
    (void)state;
    double drawn[TASKS];
    for (int half = 0; half < 2; half++) {
        mirai_pool *pool = story_open(2);
        mirai_task *tasks[TASKS / 2];
        for (int i = 0; i < TASKS / 2; i++) tasks[i] = story_submit(pool, "draw", mirai_int(1));
        for (int i = 0; i < TASKS / 2; i++) {
            const mirai_value *value = story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
            drawn[half * TASKS / 2 + i] = mirai_value_float_or(mirai_value_get(value, "first"), -1);
            mirai_task_release(tasks[i]);
        }
        story_close(pool);
    }
    for (int i = 0; i < TASKS; i++) {
        assert_true(drawn[i] > 0 && drawn[i] < 1);
        for (int j = 0; j < i; j++) assert_true(drawn[i] != drawn[j]);
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed__refuses_bad_arguments),
        cmocka_unit_test(test_seed__streams_are_those_of_r),
        cmocka_unit_test(test_seed__decides_alone),
        cmocka_unit_test(test_seed__full_pools_use_none_up),
        cmocka_unit_test(test_seed__refused_calls_and_everywhere_use_none_up),
        cmocka_unit_test(test_seed__is_not_moved_by_losses),
        cmocka_unit_test(test_seed__is_kept_by_retries),
        cmocka_unit_test(test_seed__is_that_of_the_submission),
        cmocka_unit_test(test_seed__is_the_pools_own),
        cmocka_unit_test(test_seed__without_one_nobody_foresees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
