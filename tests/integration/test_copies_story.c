/*
 * A pool that copies what its daemons send: a daemon that writes over what it has sent changes nothing that was read. Without
 * the option it does: what was read lies in its memory (which shows that it is the option that helps).
 */
#include "story.h"

#include <string.h>

enum { SIZE = 1 << 20, BEFORE = 17, AFTER = 42 };

/* ---- in daemons ------------------------------------------------------------------------------ */

static uint8_t *sent[4]; /* the bytes of what was sent; no count keeps them */
static size_t sent_count;

static mirai_value *make(void)
{
    mirai_buffer *buffer = mirai_buffer_alloc(NULL, SIZE);
    void *data = NULL;
    if (buffer == NULL || mirai_buffer_writable(&buffer, &data) != MIRAI_OK) {
        mirai_buffer_release(buffer);
        return NULL;
    }
    memset(data, BEFORE, SIZE);
    sent[sent_count++ % 4] = data;
    return mirai_bytes_buffer(buffer);
}

static mirai_value *give(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return make();
}

static mirai_value *emit(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_job_emit(job, make()) == MIRAI_OK ? mirai_null() : NULL;
}

/* An error whose fields hold as much. */
static mirai_value *fail_at_length(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_error_of(mirai_dict_of("class", mirai_list_of(mirai_string("lengthy"), MIRAI_END), "code",
                                        mirai_int(MIRAI_E_USER), "message", mirai_string("it failed"), "bytes", make(),
                                        MIRAI_END));
}

static mirai_value *spoil(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    size_t count = sent_count;
    for (size_t i = 0; i < count && i < 4; i++) memset(sent[i], AFTER, SIZE);
    sent_count = 0;
    return mirai_int((int64_t)count);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("give", give, NULL));
    MIRAI_TRY(mirai_function_register("emit", emit, NULL));
    MIRAI_TRY(mirai_function_register("fail_at_length", fail_at_length, NULL));
    return mirai_function_register("spoil", spoil, NULL);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_pool *open_one(int32_t copies)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.copy_results = copies;
    return story_open_with(1, &options);
}

static void check(const mirai_value *bytes, uint8_t wanted)
{
    const uint8_t *data = mirai_value_data(bytes);
    assert_int_equal(mirai_value_count(bytes), SIZE);
    for (size_t i = 0; i < SIZE; i += 4096) assert_int_equal(data[i], wanted);
}

static void test_copies__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.copy_results = 2;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    options.copy_results = -1;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "copy_results"));
    assert_null(pool);
}

/* Read, spoilt by its daemon, and looked at: BEFORE or AFTER. */
static void read_and_spoil(mirai_pool *pool, uint8_t wanted)
{
    mirai_task *task = story_submit(pool, "give", mirai_null());
    const mirai_value *bytes = story_expect(task, MIRAI_OUTCOME_VALUE);
    check(bytes, BEFORE);
    assert_int_equal(story_number(pool, "spoil", mirai_null()), 1);
    check(bytes, wanted);
    mirai_task_release(task);
}

static void test_copies__without_it_daemons_reach_what_was_read(void **state)
{
    (void)state;
    mirai_pool *pool = open_one(0);
    read_and_spoil(pool, AFTER);
    story_close(pool);
}

static void test_copies__of_results(void **state)
{
    (void)state;
    mirai_pool *pool = open_one(1);
    read_and_spoil(pool, BEFORE);
    story_close(pool);
}

static void test_copies__of_partial_results(void **state)
{
    (void)state;
    mirai_pool *pool = open_one(1);
    mirai_value *part = NULL;
    mirai_task *task = story_submit(pool, "emit", mirai_null());
    story_assert_ok(mirai_task_next_partial(task, &part, STORY_PATIENCE));
    assert_int_equal(story_number(pool, "spoil", mirai_null()), 1);
    check(part, BEFORE);
    mirai_value_release(part);
    mirai_task_release(task);
    story_close(pool);
}

static void test_copies__of_errors(void **state)
{
    (void)state;
    mirai_pool *pool = open_one(1);
    mirai_task *task = story_submit(pool, "fail_at_length", mirai_null());
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_int_equal(story_number(pool, "spoil", mirai_null()), 1);
    check(mirai_value_get(error, "bytes"), BEFORE);
    mirai_task_release(task);
    story_close(pool);
}

/* A result that is an argument too: its reader has its own, and so has the task. */
static void test_copies__of_what_others_depend_on(void **state)
{
    (void)state;
    mirai_pool *pool = open_one(1);
    mirai_task *task = story_submit(pool, "give", mirai_null());
    mirai_value *future = mirai_task_argument(task);
    const mirai_value *bytes = story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task *next = story_submit(pool, "echo", future);
    check(story_expect(next, MIRAI_OUTCOME_VALUE), BEFORE);
    assert_int_equal(story_number(pool, "spoil", mirai_null()), 1);
    check(bytes, BEFORE);
    mirai_task_release(next);
    mirai_task_release(task);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies__refuses_bad_arguments),
        cmocka_unit_test(test_copies__without_it_daemons_reach_what_was_read),
        cmocka_unit_test(test_copies__of_results),
        cmocka_unit_test(test_copies__of_partial_results),
        cmocka_unit_test(test_copies__of_errors),
        cmocka_unit_test(test_copies__of_what_others_depend_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
