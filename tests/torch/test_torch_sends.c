/*
 * Sends of tensors that both sides write to, one after the other, leave descriptors, mappings and resident memory of
 * both where they were. MIRAI_TEST_CYCLES sets how many, after some in which what is kept warm fills.
 */
#include "story.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <miraicore/torch.h>

typedef struct census {
    int64_t descriptors, mappings, rss_kib;
} census;

static int64_t count_mappings(void)
{
    int64_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    for (int byte = 0; file != NULL && (byte = fgetc(file)) != EOF;) lines += byte == '\n';
    if (file != NULL) (void)fclose(file);
    return lines;
}

static census take_census(void)
{
    (void)malloc_trim(0);
    return (census){(int64_t)story_descriptors(), count_mappings(), story_rss_kib()};
}

static mirai_value *tell_census(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    census now = take_census();
    return mirai_list_of(mirai_int(now.descriptors), mirai_int(now.mappings), mirai_int(now.rss_kib), MIRAI_END);
}

static mirai_value *kept;

/* Writes to what it got, keeps it at times, and gives it back. */
static mirai_value *change(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    uint8_t *bytes = mirai_torch_data(args);
    int64_t count = mirai_torch_count(args);
    for (int64_t i = 0; i < count; i += 9000) bytes[i]++;
    if (bytes[0] % 4 == 0) {
        mirai_value_release(kept);
        kept = mirai_value_ref(args);
    }
    return mirai_value_ref(args);
}

static mirai_status setup(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 65536); /* what the C library would keep is not looked at */
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_torch_set_threads(1));
    MIRAI_TRY(mirai_function_register("census", tell_census, NULL));
    return mirai_function_register("change", change, NULL);
}

static census census_of(mirai_pool *pool)
{
    mirai_task *task = story_submit(pool, "census", mirai_null());
    const mirai_value *list = story_expect(task, MIRAI_OUTCOME_VALUE);
    int64_t numbers[3];
    for (size_t i = 0; i < 3; i++) numbers[i] = mirai_value_int_or(mirai_value_item(list, i), -1);
    mirai_task_release(task);
    return (census){numbers[0], numbers[1], numbers[2]};
}

static void send_one(mirai_pool *pool, int64_t number)
{
    const int64_t sizes[] = {1000, 1000000, 1500000, 4000000};
    int64_t size = number % 50 == 49 ? 20000000 : sizes[number % 4];
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &size);
    assert_non_null(tensor);
    uint8_t *bytes = mirai_torch_data(tensor);
    memset(bytes, (int)(number & 0xff), (size_t)size);
    mirai_task *task = story_submit(pool, "change", tensor);
    const mirai_value *result = story_expect(task, MIRAI_OUTCOME_VALUE);
    bytes = mirai_torch_data(result);
    assert_int_equal(bytes[0], (uint8_t)(number + 1));
    assert_int_equal(bytes[1], (uint8_t)number);
    assert_int_equal(bytes[size - 1], (uint8_t)(number + ((size - 1) % 9000 == 0)));
    for (int64_t i = 0; i < size; i += 11000) bytes[i]++;
    mirai_task_release(task);
}

static void compare(const char *who, const census *before, const census *after)
{
    enum { SLACK_MAPPINGS = 12, SLACK_KIB = 8192 };
    (void)printf("%s: %lld -> %lld descriptors, %lld -> %lld mappings, %lld -> %lld KiB\n", who,
                 (long long)before->descriptors, (long long)after->descriptors, (long long)before->mappings,
                 (long long)after->mappings, (long long)before->rss_kib, (long long)after->rss_kib);
    assert_true(after->descriptors <= before->descriptors);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (story_in_valgrind()) return;
    assert_true(after->mappings - before->mappings <= SLACK_MAPPINGS);
    assert_true(after->rss_kib - before->rss_kib < SLACK_KIB);
#endif
}

static void test_sends__of_tensors_leave_nothing_behind(void **state)
{
    (void)state;
    const char *text = getenv("MIRAI_TEST_CYCLES");
    int64_t cycles = text != NULL && atoll(text) > 0 ? atoll(text) : 600, warm = 200;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = STORY_PATIENCE; /* a busy machine loads libtorch slowly */
    mirai_pool *pool = story_open_with(1, &options);
    for (int64_t i = 0; i < warm; i++) send_one(pool, i);
    census before = take_census(), before_there = census_of(pool);
    for (int64_t i = 0; i < cycles; i++) send_one(pool, i);
    census after_there = census_of(pool);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    assert_true(story_until_descriptors((size_t)before.descriptors));
    census after = take_census();
    compare("host", &before, &after);
    compare("daemon", &before_there, &after_there);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sends__of_tensors_leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
