/*
 * Sends of every kind, one after the other, leave descriptors, mappings, threads and resident memory of both sides where
 * they were. MIRAI_TEST_CYCLES sets how many (2,000 unless told), after a tenth as many, in which caches fill.
 */
#include "cell.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 1000, LARGE = 1000000, LARGEST = 20000000 };

/* Mappings come and go with the arenas and caches of the C library; and where a busy machine has more sends overlap than
 * before, another slab or two are kept warm from then on: a descriptor, a mapping and its pages. What is lost in each
 * hundredth send would be more. */
enum { SLACK_DESCRIPTORS = 2, SLACK_MAPPINGS = 12, SLACK_KIB = 8192 + 2 * LARGEST / 1024 };

/* ---- what a process holds -------------------------------------------------------------------- */

typedef struct census {
    int64_t descriptors, mappings, threads, rss_kib;
} census;

static int64_t count_mappings(void)
{
    int64_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    for (int byte = 0; file != NULL && (byte = fgetc(file)) != EOF;) lines += byte == '\n';
    if (file != NULL) (void)fclose(file);
    return lines;
}

/* Without what the C library keeps for later. */
static census take_census(void)
{
    (void)malloc_trim(0);
    return (census){(int64_t)story_descriptors(), count_mappings(), (int64_t)story_threads(), story_rss_kib()};
}

static mirai_value *tell_census(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    census now = take_census();
    mirai_value *items[] = {mirai_int(now.descriptors), mirai_int(now.mappings), mirai_int(now.threads),
                            mirai_int(now.rss_kib)};
    return mirai_list(items, 4);
}

static census census_of(mirai_pool *pool)
{
    const cell small = {SMALL, CARGO_BUFFER};
    cell_run(pool, 0, "give", cell_order(&small)); /* in the place of what was kept there */
    mirai_task *task = story_submit(pool, "census", mirai_null());
    const mirai_value *list = story_expect(task, MIRAI_OUTCOME_VALUE);
    int64_t numbers[4];
    for (size_t i = 0; i < 4; i++) numbers[i] = mirai_value_int_or(mirai_value_item(list, i), -1);
    mirai_task_release(task);
    return (census){numbers[0], numbers[1], numbers[2], numbers[3]};
}

static void compare(const char *who, const census *before, const census *after)
{
    (void)printf("%s: %lld -> %lld descriptors, %lld -> %lld mappings, %lld -> %lld threads, %lld -> %lld KiB\n", who,
                 (long long)before->descriptors, (long long)after->descriptors, (long long)before->mappings,
                 (long long)after->mappings, (long long)before->threads, (long long)after->threads,
                 (long long)before->rss_kib, (long long)after->rss_kib);
    assert_true(after->descriptors - before->descriptors <= SLACK_DESCRIPTORS);
    assert_true(after->threads <= before->threads);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (story_in_valgrind()) return;
    assert_true(after->mappings - before->mappings <= SLACK_MAPPINGS);
    assert_true(after->rss_kib - before->rss_kib < SLACK_KIB);
#endif
}

/* ---- sends ----------------------------------------------------------------------------------- */

/* Large blocks come from the system and go back to it, on both sides: what the C library would keep is not looked at. */
static mirai_status setup(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 65536);
    MIRAI_TRY(cell_setup());
    return mirai_function_register("census", tell_census, NULL);
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
    census before = take_census(), before_there = census_of(pool);
    for (int64_t i = 0; i < cycles; i++) send_one(pool, i);
    census after_there = census_of(pool);
    story_assert_ok(mirai_pool_process(pool, NULL));
    assert_int_equal(story_status(pool).daemons_lost, 0);
    assert_true(story_until_descriptors((size_t)before.descriptors + SLACK_DESCRIPTORS));
    assert_true(story_until_threads((size_t)before.threads));
    census after = take_census();
    compare("host", &before, &after);
    compare("daemon", &before_there, &after_there);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sends__leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
