/*
 * Tasks end to end: every type of value and size there and back, many in flight, handles, waits of all kinds, from
 * one thread and from many.
 */
#include "story.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEBI = 1024 * 1024 };

/* ---- bad arguments --------------------------------------------------------------------------- */

static void test_task__refuses_bad_arguments(void **state)
{
    mirai_pool *pool = *state;
    mirai_task *task = NULL;
    const mirai_value *value = NULL;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    assert_int_equal(mirai_pool_submit(NULL, &task, "echo", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_submit(pool, &task, NULL, mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_submit(pool, &task, "", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_submit(pool, &task, "\xff", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", mirai_string("\xff"), NULL), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "UTF-8")); /* what the builder said is kept */
    options.timeout_ms = -2;
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", mirai_null(), &options), MIRAI_E_INVALID);
    options = (mirai_submit_options)MIRAI_SUBMIT_OPTIONS_INIT;
    options.label = "";
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", mirai_null(), &options), MIRAI_E_INVALID);
    options = (mirai_submit_options)MIRAI_SUBMIT_OPTIONS_INIT;
    options.struct_size = 3;
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", mirai_null(), &options), MIRAI_E_INVALID);
    assert_null(task);

    assert_int_equal(mirai_task_wait(NULL, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_result(NULL, &value), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_outcome(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_cancel(NULL, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_state(NULL), 0);
    assert_int_equal(mirai_task_id(NULL), 0);
    assert_null(mirai_task_user(NULL));
    assert_null(mirai_task_ref(NULL));
    mirai_task_release(NULL);
    task = story_submit(pool, "echo", mirai_null());
    assert_int_equal(mirai_task_result(task, NULL), MIRAI_E_INVALID);
    mirai_task_release(task);
    assert_int_equal(mirai_pool_get_status(NULL, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_get_status(pool, NULL), MIRAI_E_INVALID);
    assert_null(mirai_pool_describe(NULL));
}

/* ---- values there and back ------------------------------------------------------------------- */

static void check_echo(mirai_pool *pool, mirai_value *value)
{
    assert_non_null(value);
    mirai_task *task = story_submit(pool, "echo", mirai_value_ref(value));
    const mirai_value *back = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_value_type(back), mirai_value_type(value));
    assert_true(mirai_value_equal(back, value));
    mirai_task_release(task);
    mirai_value_release(value);
}

static void test_task__echoes_scalars(void **state)
{
    mirai_pool *pool = *state;
    check_echo(pool, mirai_null());
    check_echo(pool, mirai_bool(0));
    check_echo(pool, mirai_bool(1));
    const int64_t integers[] = {0, -1, 23, 24, 255, 256, 65536, INT64_C(1) << 32, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) check_echo(pool, mirai_int(integers[i]));
    const double floats[] = {0.0, -0.0, 1.5, 1e300, 5e-324, INFINITY, -INFINITY, NAN, 0.1};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) check_echo(pool, mirai_float(floats[i]));
    check_echo(pool, mirai_string(""));
    check_echo(pool, mirai_string("Grüße, 世界"));
    check_echo(pool, mirai_string_n("a\0b", 3));
    check_echo(pool, mirai_bytes(NULL, 0));
    check_echo(pool, mirai_bytes("\x00\xff", 2));
}

static void test_task__echoes_trees(void **state)
{
    mirai_pool *pool = *state;
    check_echo(pool, mirai_list(NULL, 0));
    check_echo(pool, mirai_dict(NULL, NULL, 0));
    mirai_value *tree = mirai_null();
    for (int i = 0; i < 100; i++)
        tree = mirai_dict_of("depth", mirai_int(i), "below", mirai_list_of(tree, mirai_float(i), MIRAI_END), MIRAI_END);
    check_echo(pool, tree);
    mirai_value *items[1000];
    for (int i = 0; i < 1000; i++) items[i] = mirai_int(i);
    check_echo(pool, mirai_list(items, 1000));
}

static void test_task__echoes_arrays_of_every_dtype(void **state)
{
    mirai_pool *pool = *state;
    static const unsigned char zeros[24 * 16];
    const int64_t shape[] = {2, 3, 4}, none[] = {0, 5}, one[] = {1};
    for (mirai_dtype dtype = MIRAI_DTYPE_BOOL; dtype <= MIRAI_DTYPE_COMPLEX128; dtype++) {
        unsigned char data[24 * 16];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (unsigned char)(dtype == MIRAI_DTYPE_BOOL ? i % 2 : i % 100);
        check_echo(pool, mirai_array(dtype, 3, shape, data));
        check_echo(pool, mirai_array(dtype, 0, NULL, zeros));
        check_echo(pool, mirai_array(dtype, 2, none, NULL));
        check_echo(pool, mirai_array(dtype, 1, one, data));
    }
    double grid[12];
    for (int i = 0; i < 12; i++) grid[i] = i;
    const int64_t turned[] = {4, 3}, strides[] = {1, 4}, flipped[] = {-1, 4};
    mirai_buffer *buffer = mirai_buffer_copy(grid, sizeof grid);
    check_echo(pool, mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 2, turned, strides, 0, mirai_buffer_ref(buffer)));
    check_echo(pool, mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 2, turned, flipped, 24, buffer));
}

static void test_task__echoes_every_size(void **state)
{
    mirai_pool *pool = *state;
    const size_t sizes[] = {1, 1024, 4095, 4096, 65536, 65537, MEBI, 64 * MEBI};
    size_t count = story_in_valgrind() ? 7 : 8;
    for (size_t i = 0; i < count; i++) {
        unsigned char *data = malloc(sizes[i]);
        assert_non_null(data);
        for (size_t j = 0; j < sizes[i]; j++) data[j] = (unsigned char)(j * 131 + (j >> 8));
        const int64_t shape[] = {(int64_t)sizes[i]};
        check_echo(pool, mirai_bytes(data, sizes[i]));
        check_echo(pool, mirai_array(MIRAI_DTYPE_UINT8, 1, shape, data));
        free(data);
    }
}

static void test_task__sends_a_copy(void **state)
{
    mirai_pool *pool = *state;
    static unsigned char data[MEBI];
    memset(data, 7, sizeof data);
    mirai_task *busy[2] = {story_submit(pool, "nap", mirai_int(100)), story_submit(pool, "nap", mirai_int(100))};
    mirai_buffer *buffer = mirai_buffer_adopt(data, sizeof data, NULL, NULL, NULL);
    mirai_task *task = story_submit(pool, "echo", mirai_bytes_buffer(buffer));
    memset(data, 9, sizeof data); /* against the rules, and harmless */
    const unsigned char *back = mirai_value_data(story_expect(task, MIRAI_OUTCOME_VALUE));
    assert_int_equal(back[0], 7);
    assert_int_equal(back[MEBI / 2], 7);
    assert_int_equal(back[MEBI - 1], 7);
    mirai_task_release(task);
    for (int i = 0; i < 2; i++) mirai_task_release(busy[i]);
}

/* ---- many ------------------------------------------------------------------------------------ */

static void test_task__keeps_many_in_flight_apart(void **state)
{
    enum { MANY = 3000 };
    mirai_pool *pool = *state;
    static mirai_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) tasks[i] = story_submit(pool, "echo", mirai_int(i));
    for (int i = MANY - 1; i >= 0; i--) {
        assert_int_equal(mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), -1), i);
        if (i > 0) assert_true(mirai_task_id(tasks[i]) > mirai_task_id(tasks[i - 1]));
    }
    for (int i = 0; i < MANY; i++) mirai_task_release(tasks[i]);
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.awaiting, 0);
    assert_int_equal(status.executing, 0);
}

static void test_task__runs_in_order_of_submission(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *tasks[50];
    for (int i = 0; i < 50; i++) tasks[i] = story_submit(pool, "tally", mirai_null());
    for (int i = 0; i < 50; i++)
        assert_int_equal(mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), -1), i + 1);
    for (int i = 0; i < 50; i++) mirai_task_release(tasks[i]);
    story_close(pool);
}

enum { UNWATCHED = 1000 };

static bool all_have_run(void *path) /* each has written a line */
{
    FILE *file = fopen(path, "r");
    int lines = 0;
    for (int c; file != NULL && (c = fgetc(file)) != EOF;) lines += c == '\n';
    if (file != NULL) (void)fclose(file);
    return lines == UNWATCHED;
}

static bool all_are_resolved(void *tasks)
{
    int late = 0;
    for (int i = 0; i < UNWATCHED; i++)
        late += mirai_task_state(((mirai_task **)tasks)[i]) != MIRAI_TASK_RESOLVED;
    return late == 0;
}

static void test_task__makes_progress_without_a_call(void **state)
{
    mirai_pool *pool = *state;
    static mirai_task *tasks[UNWATCHED];
    char path[256];
    (void)snprintf(path, sizeof path, "%s", story_path("unwatched"));
    int64_t before = story_status(pool).completed;
    for (int i = 0; i < UNWATCHED; i++) tasks[i] = story_submit(pool, "touch", mirai_string(path));
    /* What is tested: nobody calls meanwhile; looking at a state moves nothing on. */
    assert_true(story_until(all_have_run, path));
    assert_true(story_until(all_are_resolved, tasks));
    assert_int_equal(story_status(pool).completed - before, UNWATCHED);
    for (int i = 0; i < UNWATCHED; i++) mirai_task_release(tasks[i]);
    story_remove_files();
}

/* ---- handles --------------------------------------------------------------------------------- */

static void test_task__detaches_when_released(void **state)
{
    mirai_pool *pool = *state;
    const char *path = story_path("detached");
    int64_t before = story_status(pool).completed;
    mirai_task_release(story_submit(pool, "touch", mirai_string(path)));
    story_assert_ok(mirai_pool_submit(pool, NULL, "touch", mirai_string(path), NULL));
    int64_t deadline = story_now_ms() + STORY_PATIENCE;
    while (story_status(pool).completed < before + 2 && story_now_ms() < deadline) story_sleep_ms(1);
    assert_int_equal(story_status(pool).completed - before, 2);
    assert_true(story_file_size(path) > 0);
    story_remove_files();
}

static void test_task__counts_its_owners(void **state)
{
    mirai_pool *pool = *state;
    mirai_task *task = story_submit(pool, "echo", mirai_int(5));
    assert_ptr_equal(mirai_task_ref(task), task);
    mirai_task_release(task);
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_value *kept = mirai_value_ref(value);
    mirai_task_release(task);
    assert_int_equal(mirai_value_int_or(kept, 0), 5); /* a value may outlive its handle */
    mirai_value_release(kept);
}

static void test_task__outlives_its_pool(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *read = story_submit(pool, "echo", mirai_int(1));
    mirai_task *unread = story_submit(pool, "echo", mirai_string("late"));
    mirai_task *failed = story_submit(pool, "fail_text", mirai_string("as told"));
    (void)story_expect(read, MIRAI_OUTCOME_VALUE);
    story_assert_ok(mirai_task_wait(failed, STORY_PATIENCE));
    size_t open = story_descriptors();
    story_close(pool);
    assert_true(story_until_descriptors(open - 3)); /* what is kept is memory only */
    assert_int_equal(mirai_value_int_or(story_expect(read, MIRAI_OUTCOME_VALUE), 0), 1);
    assert_string_equal(mirai_value_string(story_expect(unread, MIRAI_OUTCOME_VALUE)), "late");
    assert_string_equal(mirai_value_error_message(story_expect(failed, MIRAI_OUTCOME_FAILED)), "as told");
    int32_t what = 0;
    story_assert_ok(mirai_task_cancel(unread, &what));
    assert_int_equal(what, MIRAI_CANCEL_TOO_LATE);
    mirai_task_release(read);
    mirai_task_release(unread);
    mirai_task_release(failed);
}

static void test_task__keeps_no_descriptor_after_its_pool(void **state)
{
    (void)state;
    mirai_pool *warm = story_open(1); /* what a first pool starts for good is not counted */
    story_close(warm);
    size_t before = story_descriptors();
    mirai_pool *pool = story_open(1);
    int fd;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    mirai_task *task = story_submit(pool, "echo", mirai_int(1));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    story_close(pool);
    assert_true(story_until_descriptors(before));
    mirai_task_release(task);
}

static void test_task__carries_label_and_user(void **state)
{
    mirai_pool *pool = *state;
    int mine = 0;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.label = "a label";
    options.user = &mine;
    mirai_task *task = story_submit_with(pool, "fail_text", mirai_string("no"), &options);
    assert_ptr_equal(mirai_task_user(task), &mine);
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_string_equal(story_field(error, "label"), "a label");
    assert_string_equal(story_field(error, "function"), "fail_text");
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "task"), -1), (int64_t)mirai_task_id(task));
    mirai_task_release(task);
    task = story_submit(pool, "task_id", mirai_null());
    assert_null(mirai_task_user(task));
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), (int64_t)mirai_task_id(task));
    mirai_task_release(task);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void test_task__waits_as_told(void **state)
{
    mirai_pool *pool = *state;
    const mirai_value *value = NULL;
    mirai_task *task = story_submit(pool, "obey", mirai_null());
    assert_true(story_until_running(task));
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_TIMEDOUT);
    int64_t began = story_now_ms();
    assert_int_equal(mirai_task_wait(task, 30), MIRAI_E_TIMEDOUT);
    assert_true(story_now_ms() - began >= 29);
    assert_int_equal(mirai_task_result(task, &value), MIRAI_E_AGAIN);
    assert_int_equal(mirai_task_outcome(task), MIRAI_E_AGAIN);
    story_assert_ok(mirai_task_cancel(task, NULL));
    story_assert_ok(mirai_task_wait(task, 0));
    story_assert_ok(mirai_task_wait(task, MIRAI_FOREVER));
    mirai_task_release(task);

    task = story_submit(pool, "nap", mirai_int(20));
    story_assert_ok(mirai_task_wait(task, MIRAI_FOREVER));
    story_assert_ok(mirai_task_wait(task, 0));
    mirai_task_release(task);
}

static void test_task__can_be_polled(void **state)
{
    mirai_pool *pool = *state;
    mirai_task *task = story_submit(pool, "nap", mirai_int(30));
    int64_t deadline = story_now_ms() + STORY_PATIENCE;
    bool was_running = false;
    while (mirai_task_state(task) != MIRAI_TASK_RESOLVED && story_now_ms() < deadline) {
        was_running |= mirai_task_state(task) == MIRAI_TASK_RUNNING;
        story_sleep_ms(1);
    }
    assert_true(was_running);
    story_assert_ok(mirai_task_wait(task, 0));
    mirai_task_release(task);
}

typedef struct waiting {
    pthread_t thread;
    mirai_task *task;
    mirai_status status;
    int64_t number, took;
} waiting;

static void *wait_for(void *context)
{
    waiting *self = context;
    const mirai_value *value = NULL;
    int64_t began = story_now_ms();
    self->status = mirai_task_wait(self->task, STORY_PATIENCE);
    self->took = story_now_ms() - began;
    if (self->status == MIRAI_OK) self->status = mirai_task_result(self->task, &value);
    self->number = mirai_value_int_or(value, -1);
    return NULL;
}

static void test_task__lets_threads_wait(void **state)
{
    enum { THREADS = 8, ROUNDS = 30 };
    mirai_pool *pool = *state;
    for (int round = 0; round < ROUNDS; round++) {
        waiting threads[THREADS];
        mirai_task *tasks[THREADS / 2]; /* two threads wait for each */
        for (int i = 0; i < THREADS / 2; i++)
            tasks[i] = story_submit(pool, "add", mirai_list_of(mirai_int(i), mirai_int(round), MIRAI_END));
        for (int i = 0; i < THREADS; i++) {
            threads[i] = (waiting){.task = tasks[i / 2], .status = 1};
            assert_int_equal(pthread_create(&threads[i].thread, NULL, wait_for, &threads[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
            assert_int_equal(threads[i].status, MIRAI_OK);
            assert_int_equal(threads[i].number, i / 2 + round);
        }
        for (int i = 0; i < THREADS / 2; i++) mirai_task_release(tasks[i]);
    }
}

static void test_task__wakes_a_waiter_when_another_thread_cancels(void **state)
{
    mirai_pool *pool = *state;
    mirai_task *busy[2] = {story_submit(pool, "obey", mirai_null()), story_submit(pool, "obey", mirai_null())};
    assert_true(story_until_running(busy[0]) && story_until_running(busy[1]));
    waiting thread = {.task = story_submit(pool, "echo", mirai_null())};
    assert_int_equal(pthread_create(&thread.thread, NULL, wait_for, &thread), 0);
    story_sleep_ms(50); /* so that it waits, and drives */
    int64_t began = story_now_ms();
    story_assert_ok(mirai_task_cancel(thread.task, NULL));
    assert_int_equal(pthread_join(thread.thread, NULL), 0);
    assert_int_equal(thread.status, MIRAI_OK);
    assert_true(story_now_ms() - began < story_bound_ms(1000));
    mirai_task_release(thread.task);
    for (int i = 0; i < 2; i++) {
        story_assert_ok(mirai_task_cancel(busy[i], NULL));
        mirai_task_release(busy[i]);
    }
}

typedef struct submitting {
    pthread_t thread;
    mirai_pool *pool;
    int64_t base;
    _Atomic int wrong;
} submitting;

static void *submit_many(void *context)
{
    enum { EACH = 250, WINDOW = 10 };
    submitting *self = context;
    mirai_task *tasks[WINDOW];
    for (int64_t i = 0; i < EACH; i += WINDOW) {
        for (int64_t j = 0; j < WINDOW; j++)
            if (mirai_pool_submit(self->pool, &tasks[j], "echo", mirai_int(self->base + i + j), NULL) != MIRAI_OK) {
                self->wrong++;
                tasks[j] = NULL;
            }
        for (int64_t j = 0; j < WINDOW; j++) {
            const mirai_value *value = NULL;
            if (tasks[j] == NULL || mirai_task_wait(tasks[j], STORY_PATIENCE) != MIRAI_OK ||
                mirai_task_result(tasks[j], &value) != MIRAI_OK ||
                mirai_value_int_or(value, -1) != self->base + i + j)
                self->wrong++;
            mirai_task_release(tasks[j]);
        }
    }
    return NULL;
}

static void test_task__is_submitted_from_eight_threads(void **state)
{
    enum { THREADS = 8 };
    submitting threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (submitting){.pool = *state, .base = (int64_t)i * 1000000};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, submit_many, &threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(threads[i].wrong, 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task__refuses_bad_arguments),
        cmocka_unit_test(test_task__echoes_scalars),
        cmocka_unit_test(test_task__echoes_trees),
        cmocka_unit_test(test_task__echoes_arrays_of_every_dtype),
        cmocka_unit_test(test_task__echoes_every_size),
        cmocka_unit_test(test_task__sends_a_copy),
        cmocka_unit_test(test_task__keeps_many_in_flight_apart),
        cmocka_unit_test(test_task__runs_in_order_of_submission),
        cmocka_unit_test(test_task__makes_progress_without_a_call),
        cmocka_unit_test(test_task__detaches_when_released),
        cmocka_unit_test(test_task__counts_its_owners),
        cmocka_unit_test(test_task__outlives_its_pool),
        cmocka_unit_test(test_task__keeps_no_descriptor_after_its_pool),
        cmocka_unit_test(test_task__carries_label_and_user),
        cmocka_unit_test(test_task__waits_as_told),
        cmocka_unit_test(test_task__can_be_polled),
        cmocka_unit_test(test_task__lets_threads_wait),
        cmocka_unit_test(test_task__wakes_a_waiter_when_another_thread_cancels),
        cmocka_unit_test(test_task__is_submitted_from_eight_threads),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
