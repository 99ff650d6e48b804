/*
 * Memory that a daemon shares with its host, scribbled over by the daemon while both use it: indices, words that say who
 * sleeps, frames, and whatever else is shared. The host lives on, every task resolves in its time, the pool replaces
 * that daemon and closes in time, and what other daemons of the same pool say is right. MIRAI_TEST_SEED sets where the
 * random numbers begin.
 */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cell.h"
#include "scribbler.h"

enum { GROWTH_KIB = 192 * 1024, PERIOD_MS = 300 };

static mirai_status setup(void)
{
    MIRAI_TRY(cell_setup());
    return scribbler_register();
}

static uint64_t first_seed(void)
{
    const char *text = getenv("MIRAI_TEST_SEED");
    uint64_t seed = (uint64_t)(text != NULL ? atoll(text) : getpid());
    (void)printf("MIRAI_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static mirai_pool *open_pool(void)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.grace_ms = 50;
    return story_open_with(2, &options);
}

/* Requests to the mad one, of a size: they end somehow, and what they say is not believed, but is read all the same. */
static void ask_the_mad(mirai_pool *pool, uint64_t daemon, size_t size)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = story_bound_ms(50);
    options.losses = -1;
    options.daemon = daemon;
    const mirai_value *result = NULL;
    cargo mine;
    mirai_task *task = NULL;
    assert_true(cargo_make(&mine, CARGO_ADOPTED, pool, size, CELL_PATTERN));
    mirai_status status = mirai_pool_submit(pool, &task, "echo", cargo_value(&mine), &options);
    cargo_drop(&mine);
    if (status != MIRAI_OK) { /* it is gone by now */
        assert_int_equal(status, MIRAI_E_INFEASIBLE);
        return;
    }
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    story_assert_ok(mirai_task_result(task, &result));
    if (mirai_value_is_error(result)) assert_string_not_equal(mirai_value_error_message(result), "");
    (void)cargo_differs(result, size, CELL_PATTERN);
    mirai_task_release(task);
}

static bool has_lost(mirai_pool *pool)
{
    return story_status(pool).daemons_lost > 0;
}

static int losses; /* of daemons that were mad */

static void live_with(const char *where, uint64_t seed, int64_t times)
{
    static const size_t sizes[] = {100, 10000, 1000000, 3000000};
    const cell small = {1000, CARGO_ADOPTED}, large = {1000000, CARGO_POOL};
    mirai_pool *pool = open_pool();
    uint64_t mad = cell_daemon(pool, 0), sane = cell_daemon(pool, 1);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.daemon = mad;
    options.timeout_ms = story_bound_ms(500);
    options.losses = -1;
    for (size_t i = 0; i < 4; i++) /* so that there is as much to be scribbled over as there can be */
        cell_run(pool, mad, "echo", mirai_array(MIRAI_DTYPE_INT8, 1, (int64_t[]){1000000}, NULL));
    mirai_task *task = story_submit_with(
        pool, "scribble", mirai_list_of(mirai_string(where), mirai_int((int64_t)seed), mirai_int(times), MIRAI_END),
        &options);
    int64_t began = story_now_ms();
    for (size_t i = 0; i < 8 || (!has_lost(pool) && story_now_ms() - began < PERIOD_MS); i++) {
        const cell *at = i % 2 == 0 ? &small : &large;
        cargo mine = cell_cargo(at, pool);
        mirai_task *right = cell_submit(pool, sane, "echo", cargo_value(&mine));
        ask_the_mad(pool, mad, sizes[i % 4]);
        cell_expect_cargo(at, right, CELL_PATTERN);
        mirai_task_release(right);
        cargo_drop(&mine);
    }
    losses += has_lost(pool);
    (void)story_result(task);
    mirai_task_release(task);
    began = story_now_ms();
    story_close(pool);
    assert_true(story_now_ms() - began < story_bound_ms(3000));
}

/* Whether daemons of this transport share memory at all. */
static bool is_shared(void)
{
    mirai_pool *pool = story_open(1);
    mirai_value *args = mirai_list_of(mirai_string("all"), mirai_int(1), mirai_int(0), MIRAI_END);
    int64_t count = story_number(pool, "scribble", args);
    story_close(pool);
    return count > 0;
}

static void check(const char *where)
{
    uint64_t seed = first_seed();
    losses = 0;
    int rounds = story_bound_ms(1) <= 3 ? 4 : 2;
    for (int i = 0; i < rounds; i++) {
        live_with(where, seed + (uint64_t)i, -1);
        live_with(where, seed + 1000 + (uint64_t)i, 1 + i);
    }
    (void)printf("%d of %d mad daemons lost\n", losses, 2 * rounds);
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

static void test_scribble__over_words_in_vain(void **state)
{
    (void)state;
    check("words");
}

static void test_scribble__over_bytes_in_vain(void **state)
{
    (void)state;
    check("bytes");
}

static void test_scribble__over_all_in_vain(void **state)
{
    (void)state;
    check("all");
}

static int64_t resident; /* before all cases */

static int measure(void **state)
{
    (void)state;
    resident = story_rss_kib();
    return 0;
}

static void test_scribble__makes_nothing_grow(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* what was freed is kept for long */
#endif
    assert_true(story_rss_kib() - resident < GROWTH_KIB);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
#if defined(__SANITIZE_THREAD__)
    return 0; /* the scribbler's races are meant */
#endif
    if (!is_shared()) return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scribble__over_words_in_vain),
        cmocka_unit_test(test_scribble__over_bytes_in_vain),
        cmocka_unit_test(test_scribble__over_all_in_vain),
        cmocka_unit_test(test_scribble__makes_nothing_grow),
    };
    return cmocka_run_group_tests(tests, measure, NULL);
}
