/*
 * Sends of every kind, one after the other, leave descriptors, mappings, threads and resident memory of both sides where
 * they were. MIRAI_TEST_CYCLES sets how many (2,000 unless told), after a tenth as many, in which caches fill.
 */
#include "cell.h"
#include "holdings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 1000, LARGE = 1000000, LARGEST = 20000000 };

static holdings in_daemon(mirai_pool *pool)
{
    const cell small = {SMALL, CARGO_BUFFER};
    cell_run(pool, 0, "give", cell_order(&small)); /* in the place of what was kept there */
    return holdings_there(pool);
}

/* ---- sends ----------------------------------------------------------------------------------- */

static mirai_status setup(void)
{
    MIRAI_TRY(cell_setup());
    return holdings_setup();
}

/* There and back, shared, given, emitted, passed on, failed, cancelled, forgotten: one of them. */
static void send_one(mirai_pool *pool, int64_t number)
{
    size_t size = number % 100 == 50 ? LARGEST : number % 3 == 0 ? SMALL : LARGE;
    const cell at = {size, (cargo_kind)(number % CARGO_KINDS)};
    mirai_task *task = NULL, *next = NULL;
    cargo mine = cell_cargo(&at, pool);
    mirai_value *value = cargo_value(&mine), *shared;
    switch (number / 7 % 8) {
    case 0: task = story_submit(pool, "echo", value); break;
    case 1: task = story_submit(pool, "differs", cell_args(&at, value)); break;
    case 2:
        shared = mirai_share(pool, value);
        task = story_submit(pool, "differs", cell_args(&at, shared));
        break;
    case 3:
        mirai_value_release(value);
        task = story_submit(pool, "give", cell_order(&at));
        break;
    case 4:
        mirai_value_release(value);
        task = story_submit(pool, "emit_thrice", cell_order(&at));
        break;
    case 5:
        task = story_submit(pool, "echo", value);
        next = story_submit(pool, "differs", cell_args(&at, mirai_task_argument(task)));
        break;
    case 6: task = story_submit(pool, "fail_value", value); break;
    default:
        task = story_submit(pool, "echo", value);
        if (number % 2 == 0) story_assert_ok(mirai_task_cancel(task, NULL));
    }
    cargo_drop(&mine);
    if (number % 5 != 4) (void)story_result(task);
    if (next != NULL) cell_expect(&at, next);
    mirai_task_release(task);
}

/* So that a failure says why a daemon was lost. */
static void tell_loss(mirai_pool *pool, const mirai_event *event, void *user)
{
    (void)pool, (void)user;
    (void)printf("daemon %llu left: %s (exit status %d)\n", (unsigned long long)event->daemon, event->cause,
                 event->exit_status);
}

static int64_t count_cycles(void)
{
    const char *text = getenv("MIRAI_TEST_CYCLES");
    int64_t count = text != NULL ? atoll(text) : 0;
    return count > 0 ? count : story_many(story_bound_ms(1) > 3 ? 300 : 2000);
}

static void test_sends__leave_nothing_behind(void **state)
{
    (void)state;
    /* All combinations once, where what is kept warm is looked at: it grows to what was ever needed at one time. */
    int64_t cycles = count_cycles(), warm = cycles < 1400 ? 400 : 1400;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.grace_ms = STORY_PATIENCE; /* a cancelled job may have 20 MB to send, on a machine that is busy */
    mirai_pool *pool = story_open_with(1, &options);
    story_assert_ok(mirai_pool_on_event(pool, MIRAI_EVENT_DAEMON_LEFT, tell_loss, NULL));
    for (int64_t i = 0; i < warm; i++) send_one(pool, i);
    holdings before = holdings_here(), before_there = in_daemon(pool);
    for (int64_t i = 0; i < cycles; i++) send_one(pool, i);
    holdings after_there = in_daemon(pool);
    story_assert_ok(mirai_pool_process(pool, NULL));
    assert_int_equal(story_status(pool).daemons_lost, 0);
    assert_true(holdings_until(&before));
    holdings after = holdings_here();
    holdings_compare("host", &before, &after, LARGEST);
    holdings_compare("daemon", &before_there, &after_there, LARGEST);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sends__leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
