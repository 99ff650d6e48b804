/*
 * Sends of tensors that both sides write to, one after the other, leave descriptors, mappings and resident memory of
 * both where they were. Of five, one is born to be sent without a copy, there and back, and one only there. MIRAI_TEST_CYCLES sets how many, after some in which what is kept warm fills.
 */
#include "holdings.h"

#include <stdlib.h>
#include <string.h>

#include <miraicore/torch.h>

enum { LARGEST = 20000000 };

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

/* Gives another, of bytes of the next number, that is born where the host reads it. */
static mirai_value *renew(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const uint8_t *bytes = mirai_torch_data(args);
    int64_t count = mirai_torch_count(args);
    if (mirai_torch_scope_begin(NULL) != MIRAI_OK) return NULL;
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &count);
    (void)mirai_torch_scope_end();
    if (tensor != NULL) memset(mirai_torch_data(tensor), bytes[0] + 1, (size_t)count);
    return tensor;
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_torch_set_threads(1));
    MIRAI_TRY(holdings_setup());
    MIRAI_TRY(mirai_function_register("renew", renew, NULL));
    return mirai_function_register("change", change, NULL);
}

static void send_one(mirai_pool *pool, int64_t number)
{
    const int64_t sizes[] = {1000, 1000000, 1500000, 4000000};
    int64_t size = number % 50 == 49 ? LARGEST : sizes[number % 4];
    bool is_born = number % 5 < 2, is_new = number % 5 == 0;
    if (is_born) assert_int_equal(mirai_torch_scope_begin(pool), MIRAI_OK);
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &size);
    if (is_born) assert_int_equal(mirai_torch_scope_end(), MIRAI_OK);
    assert_non_null(tensor);
    uint8_t *bytes = mirai_torch_data(tensor);
    memset(bytes, (int)(number & 0xff), (size_t)size);
    mirai_task *task = story_submit(pool, is_new ? "renew" : "change", tensor);
    const mirai_value *result = story_expect(task, MIRAI_OUTCOME_VALUE);
    bytes = mirai_torch_data(result);
    assert_int_equal(bytes[0], (uint8_t)(number + 1));
    if (is_new) number++; /* all of it */
    assert_int_equal(bytes[1], (uint8_t)number);
    assert_int_equal(bytes[size - 1], (uint8_t)(number + (!is_new && (size - 1) % 9000 == 0)));
    for (int64_t i = 0; i < size; i += 11000) bytes[i]++;
    mirai_task_release(task);
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
    holdings before = holdings_here(), before_there = holdings_there(pool);
    for (int64_t i = 0; i < cycles; i++) send_one(pool, i);
    holdings after_there = holdings_there(pool);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sends__of_tensors_leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
