/*
 * Shared values end to end: put once into each daemon that needs them, and dropped there when nobody refers to them.
 *
 * The class "blob" is a block of bytes on the heap. Its hooks count on both sides; a daemon tells its counts by the
 * function "counts".
 */
#include "story.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOB_BYTES = 10000000 };

typedef struct blob {
    mirai_value *bytes;
} blob;

static _Atomic int written, made, released;

static mirai_value *write_blob(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    written++;
    return mirai_value_ref(((blob *)object)->bytes);
}

static mirai_status read_blob(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message, (void)context;
    blob *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return MIRAI_E_NOMEM;
    fresh->bytes = mirai_value_ref(data);
    *object = fresh;
    made++;
    return MIRAI_OK;
}

static void release_blob(void *object, void *context)
{
    (void)context;
    released++;
    mirai_value_release(((blob *)object)->bytes);
    free(object);
}

static mirai_value *new_blob(size_t size)
{
    blob *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return NULL;
    char *data = malloc(size);
    if (data != NULL) memset(data, 'b', size);
    fresh->bytes = mirai_bytes(data, data != NULL ? size : 0);
    free(data);
    return mirai_reference("blob", fresh, release_blob, NULL);
}

/* ---- in daemons ------------------------------------------------------------------------------ */

/* Bytes of args, or of its item "blob". */
static mirai_value *blob_size(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const mirai_value *at = mirai_value_type(args) == MIRAI_TYPE_DICT ? mirai_value_get(args, "blob") : args;
    const blob *found = mirai_value_object(at, "blob");
    return mirai_int(found != NULL ? (int64_t)mirai_value_count(found->bytes) : -1);
}

/* Where the object is. */
static mirai_value *address(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_int((int64_t)(intptr_t)mirai_value_object(args, "blob"));
}

static mirai_value *counts(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_dict_of("pid", mirai_int(getpid()), "made", mirai_int(made), "released", mirai_int(released),
                         MIRAI_END);
}

/* Dies, but only where the file "path" does not exist, which it makes; else the size of the blob. */
static mirai_value *die_once(mirai_job *job, const mirai_value *args, void *context)
{
    const char *path = mirai_value_string(mirai_value_get(args, "path"));
    if (path != NULL && access(path, F_OK) == 0) return blob_size(job, args, context);
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    if (file != NULL) (void)fclose(file);
    (void)raise(SIGKILL);
    return NULL;
}

/* Keep the size of a blob, for blob_known(). */
static int64_t known = -1;

static mirai_value *know(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const blob *found = mirai_value_object(args, "blob");
    known = found != NULL ? (int64_t)mirai_value_count(found->bytes) : -1;
    return mirai_null();
}

static mirai_value *blob_known(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_int(known);
}

static mirai_status setup(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = write_blob;
    hook.unserialize = read_blob;
    hook.release = release_blob;
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_refhook_register("blob", &hook));
    MIRAI_TRY(mirai_function_register("blob_size", blob_size, NULL));
    MIRAI_TRY(mirai_function_register("address", address, NULL));
    MIRAI_TRY(mirai_function_register("counts", counts, NULL));
    MIRAI_TRY(mirai_function_register("die_once", die_once, NULL));
    MIRAI_TRY(mirai_function_register("know", know, NULL));
    return mirai_function_register("blob_known", blob_known, NULL);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_value *share(mirai_pool *pool, mirai_value *value)
{
    mirai_value *shared = mirai_share(pool, value);
    if (shared == NULL) fail_msg("%s", mirai_error_detail());
    return shared;
}

static void test_share__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1), *other = story_open(0);
    mirai_task *task = NULL;
    int before = released;
    assert_null(mirai_share(NULL, new_blob(1)));
    assert_int_equal(released, before + 1);
    assert_null(mirai_share(pool, NULL));
    assert_null(mirai_share(pool, mirai_string("\xff")));
    assert_non_null(strstr(mirai_error_detail(), "UTF-8"));
    assert_null(mirai_share(pool, mirai_reference("nobody", &before, NULL, NULL)));
    assert_non_null(strstr(mirai_error_detail(), "nobody"));

    mirai_value *foreign = share(other, mirai_int(1));
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", mirai_value_ref(foreign), NULL), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "another pool"));
    assert_int_equal(mirai_pool_everywhere(pool, NULL, "echo", mirai_value_ref(foreign), NULL), MIRAI_E_INVALID);
    assert_null(mirai_share(pool, mirai_list_of(foreign, MIRAI_END)));
    assert_non_null(strstr(mirai_error_detail(), "another pool"));
    story_close(other);
    story_close(pool);
}

static void test_share__is_opaque_where_it_is_held(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(0);
    mirai_value *a = share(pool, new_blob(1500000)), *b = share(pool, mirai_int(1));
    char *text = NULL;
    int64_t number = 0;
    assert_int_equal(mirai_value_type(a), MIRAI_TYPE_SHARED);
    assert_string_equal(mirai_type_text(MIRAI_TYPE_SHARED), "shared");
    assert_int_equal(mirai_value_count(a), 0);
    assert_int_equal(mirai_value_to_int(b, &number), MIRAI_E_TYPE);
    assert_null(mirai_value_get(a, "x"));
    assert_true(mirai_value_equal(a, a));
    assert_false(mirai_value_equal(a, b));
    story_assert_ok(mirai_value_format(a, &text));
    assert_non_null(strstr(text, "<shared "));
    assert_non_null(strstr(text, ", 1.5 MB>"));
    mirai_text_free(text);
    mirai_value_release(a);
    story_close(pool);
    mirai_value_release(b); /* may outlive the pool */
}

typedef struct balance {
    mirai_pool *pool;
    int64_t wanted;
} balance;

static int64_t count_of(mirai_pool *pool, const char *key)
{
    mirai_task *task = story_submit(pool, "counts", mirai_null());
    int64_t count = mirai_value_int_or(mirai_value_get(story_expect(task, MIRAI_OUTCOME_VALUE), key), -1);
    mirai_task_release(task);
    return count;
}

static bool has_released(void *context)
{
    const balance *want = context;
    return count_of(want->pool, "released") == want->wanted;
}

static void test_share__is_sent_once_to_each_daemon_and_dropped_there(void **state)
{
    (void)state;
    enum { TASKS = 1000 };
    mirai_pool *pool = story_open(1), *two = story_open(2);
    static mirai_task *tasks[TASKS];
    written = 0;
    for (int p = 0; p < 2; p++) {
        mirai_pool *at = p == 0 ? pool : two;
        mirai_value *shared = share(at, new_blob(BLOB_BYTES));
        assert_int_equal(written, p + 1);
        for (size_t i = 0; i < TASKS; i++)
            tasks[i] = story_submit(at, "blob_size",
                                    mirai_dict_of("i", mirai_int((int64_t)i), "blob", mirai_value_ref(shared),
                                                  MIRAI_END));
        for (size_t i = 0; i < TASKS; i++) {
            assert_int_equal(mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), -1), BLOB_BYTES);
            mirai_task_release(tasks[i]);
        }
        assert_int_equal(written, p + 1);
        assert_int_equal(count_of(at, "made"), 1);
        assert_int_equal(count_of(at, "released"), 0);
        mirai_value_release(shared);
        if (p == 0) {
            balance want = {at, 1};
            assert_true(story_until(has_released, &want));
        }
    }
    assert_int_equal(story_status(pool).daemons_lost + story_status(two).daemons_lost, 0);
    story_close(two);
    story_close(pool);
}

static void test_share__gives_every_job_one_object(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_value *shared = share(pool, new_blob(100));
    int64_t first = story_number(pool, "address", mirai_value_ref(shared));
    assert_true(first != 0);
    assert_int_equal(story_number(pool, "address", mirai_value_ref(shared)), first);
    mirai_value_release(shared);
    story_close(pool);
}

static void test_share__is_held_by_tasks_that_wait(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *busy = story_submit(pool, "nap", mirai_int(100));
    mirai_value *shared = share(pool, new_blob(5000));
    mirai_task *task = story_submit(pool, "blob_size", shared); /* and has no handle any more */
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1), 5000);
    mirai_task_release(task);
    mirai_task_release(busy);
    balance want = {pool, 1};
    assert_true(story_until(has_released, &want));
    story_close(pool);
}

static void test_share__is_sent_again_to_a_daemon_that_replaces_one(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_value *shared = share(pool, new_blob(BLOB_BYTES));
    written = 0;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(story_number(pool, "blob_size", mirai_value_ref(shared)), BLOB_BYTES);
        assert_int_equal(count_of(pool, "made"), 1);
        mirai_task *task = story_submit(pool, "crash", mirai_string("kill"));
        (void)story_expect(task, MIRAI_OUTCOME_LOST);
        mirai_task_release(task);
        assert_true(story_until_daemons(pool, 1));
    }
    assert_int_equal(written, 0);
    mirai_value_release(shared);
    story_close(pool);
}

static bool is_light(void *context)
{
    return story_status(context).bytes_used < 100000;
}

static void test_share__counts_once_while_tasks_need_it(void **state)
{
    (void)state;
    enum { TASKS = 10, SIZE = 1000000 };
    mirai_pool *pool = story_open(1);
    mirai_task *tasks[TASKS];
    mirai_task *big = story_submit(pool, "echo", new_blob(SIZE));
    story_assert_ok(mirai_task_wait(big, STORY_PATIENCE));
    mirai_task_release(big); /* unread */
    assert_true(story_until(is_light, pool));

    mirai_task *busy = story_submit(pool, "obey", mirai_null());
    mirai_value *shared = share(pool, new_blob(SIZE));
    assert_true(is_light(pool)); /* it is its holder's */
    for (int i = 0; i < TASKS; i++) tasks[i] = story_submit(pool, "blob_size", mirai_value_ref(shared));
    assert_in_range(story_status(pool).bytes_used, SIZE, 2 * SIZE - 1);
    story_assert_ok(mirai_task_cancel(busy, NULL));
    mirai_task_release(busy);
    for (int i = 0; i < TASKS; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    assert_true(is_light(pool));
    mirai_value_release(shared);

    /* And a result, for as long as somebody waits for it, read or not. */
    big = story_submit(pool, "echo", new_blob(SIZE));
    mirai_task *size = story_submit(pool, "blob_size", mirai_task_argument(big));
    assert_int_equal(mirai_value_int_or(story_expect(size, MIRAI_OUTCOME_VALUE), -1), SIZE);
    mirai_task_release(size);
    mirai_task_release(big);
    assert_true(is_light(pool));
    story_close(pool);
}

static void test_share__goes_with_further_attempts(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    mirai_value *shared = share(pool, new_blob(1234));
    mirai_task *task = story_submit_with(
        pool, "die_once", mirai_dict_of("path", mirai_string(story_path("once")), "blob", shared, MIRAI_END), &options);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1), 1234);
    mirai_task_release(task);

    mirai_task *first = story_submit(pool, "echo", new_blob(4321));
    task = story_submit_with(
        pool, "die_once",
        mirai_dict_of("path", mirai_string(story_path("twice")), "blob", mirai_task_argument(first), MIRAI_END),
        &options);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1), 4321);
    mirai_task_release(first);
    mirai_task_release(task);
    story_close(pool);
    story_remove_files();
}

static void test_share__may_be_a_part_of_another(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = NULL;
    mirai_value *inner = share(pool, new_blob(7777));
    mirai_value *outer = share(pool, mirai_dict_of("blob", inner, MIRAI_END));
    assert_int_equal(story_number(pool, "blob_size", mirai_value_ref(outer)), 7777);
    /* Alone with the whole, and through it. */
    assert_int_equal(count_of(pool, "made"), 1);
    mirai_value_release(outer);
    balance want = {pool, 1};
    assert_true(story_until(has_released, &want));

    mirai_value *deep = share(pool, mirai_int(1));
    for (int i = 0; i < 8; i++) deep = share(pool, mirai_list_of(deep, MIRAI_END));
    task = story_submit(pool, "echo", mirai_value_ref(deep));
    assert_int_equal(mirai_value_int_or(mirai_value_at(story_expect(task, MIRAI_OUTCOME_VALUE), "[0][0][0][0][0][0][0][0]"),
                                        -1), 1);
    mirai_task_release(task);
    assert_null(mirai_share(pool, mirai_list_of(deep, MIRAI_END)));
    assert_non_null(strstr(mirai_error_detail(), "nested"));
    story_close(pool);
}

static void test_share__goes_with_what_runs_everywhere(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    story_assert_ok(mirai_pool_everywhere(pool, "know", "know", share(pool, new_blob(4321)), NULL));
    assert_int_equal(story_number(pool, "blob_known", mirai_null()), 4321);
    mirai_task *task = story_submit(pool, "crash", mirai_string("kill"));
    (void)story_expect(task, MIRAI_OUTCOME_LOST);
    mirai_task_release(task);
    assert_int_equal(story_number(pool, "blob_known", mirai_null()), 4321); /* the one that joined later */
    story_close(pool);
}

static void test_share__comes_back_by_value(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_value *shared = share(pool, mirai_list_of(mirai_int(1), mirai_string("two"), MIRAI_END));
    mirai_task *task = story_submit(pool, "echo", mirai_list_of(mirai_value_ref(shared), shared, MIRAI_END));
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_string_equal(mirai_value_string(mirai_value_at(value, "[1][1]")), "two");
    mirai_task_release(task);
    story_close(pool);
}

static void test_share__comes_and_goes_a_thousand_times(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    for (int64_t i = 0; i < 1000; i++) {
        mirai_value *shared = share(pool, mirai_int(i));
        mirai_task *task = story_submit(pool, "echo", mirai_value_ref(shared));
        if (i % 3 == 0) mirai_value_release(shared);
        if (i % 5 == 0) (void)mirai_task_cancel(task, NULL);
        (void)story_result(task);
        mirai_task_release(task);
        if (i % 3 != 0) mirai_value_release(shared);
    }
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share__refuses_bad_arguments),
        cmocka_unit_test(test_share__is_opaque_where_it_is_held),
        cmocka_unit_test(test_share__is_sent_once_to_each_daemon_and_dropped_there),
        cmocka_unit_test(test_share__gives_every_job_one_object),
        cmocka_unit_test(test_share__is_held_by_tasks_that_wait),
        cmocka_unit_test(test_share__is_sent_again_to_a_daemon_that_replaces_one),
        cmocka_unit_test(test_share__counts_once_while_tasks_need_it),
        cmocka_unit_test(test_share__goes_with_further_attempts),
        cmocka_unit_test(test_share__may_be_a_part_of_another),
        cmocka_unit_test(test_share__goes_with_what_runs_everywhere),
        cmocka_unit_test(test_share__comes_back_by_value),
        cmocka_unit_test(test_share__comes_and_goes_a_thousand_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
