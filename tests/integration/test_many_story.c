/*
 * Waiting for several tasks at once: of one pool and of several, with duplicates, races with cancels, time-outs and
 * closing, and interrupts.
 */
#include "story.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 200 };

static void release_all(mirai_task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) mirai_task_release(tasks[i]);
}

static void cancel_all(mirai_task **tasks, size_t count)
{
    story_assert_ok(mirai_cancel(tasks, count, NULL));
    release_all(tasks, count);
}

/* ---- bad arguments --------------------------------------------------------------------------- */

static void test_many__refuses_bad_arguments(void **state)
{
    mirai_task *tasks[2] = {story_submit(*state, "echo", mirai_int(1)), NULL};
    size_t index = 7;
    mirai_value *value = NULL;
    assert_int_equal(mirai_wait_n(NULL, 1, 0, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_wait_n(tasks, 2, 1, 0), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "task 1"));
    assert_int_equal(mirai_wait_n(tasks, 1, 2, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_wait_all(NULL, 1, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_wait_any(tasks, 1, 0, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_wait_any(tasks, 2, 0, &index), MIRAI_E_INVALID);
    assert_int_equal(mirai_wait_any(NULL, 0, 0, &index), MIRAI_E_NOT_FOUND);
    assert_int_equal(mirai_collect(tasks, 1, 0, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_collect(tasks, 2, 0, &value), MIRAI_E_INVALID);
    assert_int_equal(mirai_cancel(NULL, 1, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_cancel(tasks, 2, NULL), MIRAI_E_INVALID);
    assert_int_equal(index, 7);
    assert_null(value);

    story_assert_ok(mirai_wait_n(NULL, 0, 0, 0));
    story_assert_ok(mirai_wait_all(NULL, 0, MIRAI_FOREVER));
    story_assert_ok(mirai_cancel(NULL, 0, NULL));
    story_assert_ok(mirai_collect(NULL, 0, 0, &value));
    assert_int_equal(mirai_value_count(value), 0);
    mirai_value_release(value);
    (void)story_expect(tasks[0], MIRAI_OUTCOME_VALUE); /* the refused cancel did nothing */
    mirai_task_release(tasks[0]);
}

/* ---- tasks of one pool ----------------------------------------------------------------------- */

static void test_many__waits_for_so_many(void **state)
{
    mirai_task *tasks[4];
    for (size_t i = 0; i < 4; i++)
        tasks[i] = story_submit(*state, i < 2 ? "obey" : "echo", mirai_int((int64_t)i));
    assert_int_equal(mirai_wait_n(tasks, 4, 1, 20), MIRAI_E_TIMEDOUT); /* both daemons obey for ever */
    story_assert_ok(mirai_wait_n(tasks, 4, 0, 0));
    story_assert_ok(mirai_task_cancel(tasks[0], NULL));
    story_assert_ok(mirai_wait_n(tasks, 4, 3, STORY_PATIENCE));
    assert_int_equal(mirai_wait_all(tasks, 4, 20), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai_wait_all(tasks, 4, 0), MIRAI_E_TIMEDOUT);
    story_assert_ok(mirai_task_cancel(tasks[1], NULL));
    story_assert_ok(mirai_wait_all(tasks, 4, 0));
    release_all(tasks, 4);
}

static void test_many__collects_values_and_errors_in_order(void **state)
{
    mirai_task *tasks[MANY];
    for (size_t i = 0; i < MANY; i++)
        tasks[i] = i % 10 == 3 ? story_submit(*state, "fail_text", mirai_string("no"))
                               : story_submit(*state, "echo", mirai_int((int64_t)i));
    mirai_value *all = NULL;
    story_assert_ok(mirai_collect(tasks, MANY, STORY_PATIENCE, &all));
    assert_int_equal(mirai_value_count(all), MANY);
    for (size_t i = 0; i < MANY; i++) {
        const mirai_value *one = mirai_value_item(all, i);
        if (i % 10 == 3)
            assert_string_equal(mirai_value_error_message(one), "no");
        else
            assert_int_equal(mirai_value_int_or(one, -1), i);
    }
    mirai_value_release(all);
    release_all(tasks, MANY);
}

static void test_many__takes_a_task_more_than_once(void **state)
{
    mirai_task *blocked = story_submit(*state, "obey", mirai_null());
    mirai_task *echo = story_submit(*state, "echo", mirai_int(5));
    mirai_task *tasks[] = {blocked, echo, blocked, echo, echo};
    size_t index = 0;
    mirai_value *all = NULL;
    story_assert_ok(mirai_wait_n(tasks, 5, 3, STORY_PATIENCE));
    assert_int_equal(mirai_wait_n(tasks, 5, 4, 20), MIRAI_E_TIMEDOUT);
    story_assert_ok(mirai_wait_any(tasks, 5, STORY_PATIENCE, &index));
    assert_int_equal(index, 1);
    int32_t outcomes[5];
    story_assert_ok(mirai_cancel(tasks, 5, outcomes));
    assert_int_not_equal(outcomes[0], MIRAI_CANCEL_TOO_LATE);
    assert_int_equal(outcomes[1], MIRAI_CANCEL_TOO_LATE);
    assert_int_equal(outcomes[2], MIRAI_CANCEL_TOO_LATE);
    story_assert_ok(mirai_collect(tasks, 5, STORY_PATIENCE, &all));
    assert_int_equal(mirai_value_error_code(mirai_value_item(all, 2)), MIRAI_OUTCOME_CANCELLED);
    assert_int_equal(mirai_value_int_or(mirai_value_item(all, 4), 0), 5);
    mirai_value_release(all);
    mirai_task_release(blocked);
    mirai_task_release(echo);
}

static void test_many__race_is_won_by_the_first(void **state)
{
    mirai_task *tasks[3] = {story_submit(*state, "obey", mirai_null()), story_submit(*state, "nap", mirai_int(20)),
                            story_submit(*state, "echo", mirai_null())};
    size_t index = 9;
    story_assert_ok(mirai_wait_any(tasks, 3, STORY_PATIENCE, &index));
    assert_int_equal(index, 1); /* the third waits for the second's daemon */
    story_assert_ok(mirai_wait_n(tasks, 3, 2, STORY_PATIENCE));
    mirai_task *turned[3] = {tasks[0], tasks[2], tasks[1]};
    story_assert_ok(mirai_wait_any(turned, 3, 0, &index)); /* of those that have resolved, the first in the array */
    assert_int_equal(index, 1);
    cancel_all(tasks, 3);
}

/* Drain by races: each leaves one task less. */
static void test_many__races_until_none_is_left(void **state)
{
    mirai_task *tasks[40];
    size_t left = 40, index;
    for (size_t i = 0; i < left; i++) tasks[i] = story_submit(*state, "nap", mirai_int((int64_t)(i % 3)));
    while (left > 0) {
        story_assert_ok(mirai_wait_any(tasks, left, STORY_PATIENCE, &index));
        assert_true(index < left);
        assert_int_equal(mirai_task_state(tasks[index]), MIRAI_TASK_RESOLVED);
        mirai_task_release(tasks[index]);
        tasks[index] = tasks[--left];
    }
}

/* ---- races ----------------------------------------------------------------------------------- */

typedef struct helper {
    pthread_t thread;
    mirai_task **tasks;
    size_t count;
    mirai_pool *pool;
    mirai_status status;
    size_t index;
    int64_t timeout_ms;
} helper;

static void *race(void *argument)
{
    helper *self = argument;
    self->status = mirai_wait_any(self->tasks, self->count, self->timeout_ms, &self->index);
    return NULL;
}

static void *cancel_last(void *argument)
{
    helper *self = argument;
    self->status = mirai_task_cancel(self->tasks[self->count - 1], NULL);
    return NULL;
}

static void *wait_all(void *argument)
{
    helper *self = argument;
    self->status = mirai_wait_all(self->tasks, self->count, self->timeout_ms);
    return NULL;
}

static void start(helper *self, void *(*run)(void *))
{
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
}

static void join(helper *self)
{
    assert_int_equal(pthread_join(self->thread, NULL), 0);
}

static void test_many__race_against_cancel(void **state)
{
    for (int round = 0; round < 100; round++) {
        mirai_task *tasks[4];
        for (size_t i = 0; i < 4; i++) tasks[i] = story_submit(*state, "obey", mirai_null());
        helper other = {.tasks = tasks, .count = 4};
        size_t index = 9;
        start(&other, cancel_last);
        mirai_status status = mirai_wait_any(tasks, 4, STORY_PATIENCE, &index);
        join(&other);
        assert_int_equal(status, MIRAI_OK);
        assert_int_equal(index, 3);
        story_assert_ok(other.status);
        cancel_all(tasks, 4);
    }
}

static void test_many__race_against_time_out(void **state)
{
    for (int round = 0; round < 30; round++) {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        mirai_task *tasks[3];
        for (size_t i = 0; i < 3; i++) {
            options.timeout_ms = i == 1 ? 2 : 0;
            tasks[i] = story_submit_with(*state, "obey", mirai_null(), &options);
        }
        size_t index = 9;
        mirai_status status = mirai_wait_any(tasks, 3, round % 4, &index); /* its own time-out is as short */
        assert_true(status == MIRAI_OK || status == MIRAI_E_TIMEDOUT);
        if (status == MIRAI_OK) assert_int_equal(index, 1);
        story_assert_ok(mirai_wait_any(tasks, 3, STORY_PATIENCE, &index));
        assert_int_equal(index, 1);
        assert_int_equal(mirai_task_outcome(tasks[1]), MIRAI_OUTCOME_TIMEDOUT);
        cancel_all(tasks, 3);
    }
}

static void test_many__race_against_close(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        mirai_pool *pool = story_open(1), *other = story_open(1);
        mirai_task *tasks[] = {story_submit(pool, "obey", mirai_null()), story_submit(pool, "obey", mirai_null()),
                               story_submit(other, "obey", mirai_null())};
        helper first = {.tasks = tasks, .count = 2, .timeout_ms = STORY_PATIENCE}, all = first, mixed = first;
        mixed.count = 3;
        start(&first, race);
        start(&all, wait_all);
        start(&mixed, wait_all);
        if (round % 2 != 0) story_sleep_ms(10);
        story_close(pool);
        join(&first);
        join(&all);
        story_assert_ok(first.status);
        story_assert_ok(all.status);
        assert_int_equal(mirai_task_outcome(tasks[0]), MIRAI_OUTCOME_CLOSED);
        story_close(other);
        join(&mixed);
        story_assert_ok(mixed.status);
        story_assert_ok(mirai_wait_all(tasks, 3, 0)); /* handles outlive their pools */
        release_all(tasks, 3);
    }
}

/* Many threads wait for overlapping sets, while one of them drives. */
static void test_many__several_threads_wait_for_the_same(void **state)
{
    mirai_task *tasks[MANY];
    for (size_t i = 0; i < MANY; i++) tasks[i] = story_submit(*state, "echo", mirai_int((int64_t)i));
    helper helpers[6];
    for (size_t i = 0; i < 6; i++) {
        helpers[i] = (helper){.tasks = tasks + i * 10, .count = MANY - i * 20, .timeout_ms = STORY_PATIENCE};
        start(&helpers[i], i % 2 == 0 ? wait_all : race);
    }
    for (size_t i = 0; i < 6; i++) join(&helpers[i]);
    for (size_t i = 0; i < 6; i++) story_assert_ok(helpers[i].status);
    story_assert_ok(mirai_wait_all(tasks, MANY, STORY_PATIENCE));
    release_all(tasks, MANY);
}

/* ---- several pools --------------------------------------------------------------------------- */

static void test_many__waits_across_pools(void **state)
{
    mirai_pool *pools[2] = {*state, story_open(1)};
    mirai_task *tasks[MANY];
    for (size_t i = 0; i < MANY; i++)
        tasks[i] = story_submit(pools[i % 3 == 0], "echo", mirai_int((int64_t)i));
    mirai_value *all = NULL;
    story_assert_ok(mirai_collect(tasks, MANY, STORY_PATIENCE, &all));
    for (size_t i = 0; i < MANY; i++) assert_int_equal(mirai_value_int_or(mirai_value_item(all, i), -1), i);
    mirai_value_release(all);
    release_all(tasks, MANY);

    mirai_task *pair[] = {story_submit(pools[0], "obey", mirai_null()), story_submit(pools[1], "nap", mirai_int(5))};
    size_t index = 9;
    story_assert_ok(mirai_wait_any(pair, 2, STORY_PATIENCE, &index));
    assert_int_equal(index, 1);
    assert_int_equal(mirai_wait_all(pair, 2, 10), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai_wait_all(pair, 2, 0), MIRAI_E_TIMEDOUT);
    cancel_all(pair, 2);
    story_close(pools[1]);
}

static void *interrupt_soon(void *argument)
{
    helper *self = argument;
    story_sleep_ms(self->timeout_ms);
    mirai_pool_interrupt(self->pool);
    return NULL;
}

static void test_many__is_interrupted(void **state)
{
    mirai_pool *pools[2] = {*state, story_open(1)};
    mirai_task *tasks[] = {story_submit(pools[0], "obey", mirai_null()), story_submit(pools[0], "obey", mirai_null()),
                           story_submit(pools[1], "obey", mirai_null())};
    size_t index;
    for (int round = 0; round < 20; round++) {
        size_t count = round % 2 == 0 ? 2 : 3;
        helper other = {.pool = pools[round % 4 == 3], .timeout_ms = round / 4};
        if (count == 2) other.pool = pools[0];
        start(&other, interrupt_soon);
        mirai_status status = mirai_wait_any(tasks, count, STORY_PATIENCE, &index);
        join(&other);
        assert_int_equal(status, MIRAI_E_INTERRUPTED);
    }
    /* One that comes while nobody waits is for the next who does; of another pool it is for nobody here. */
    for (int round = 0; round < 20; round++) {
        mirai_pool_interrupt(pools[1]);
        if (round % 2 != 0) story_sleep_ms(1);
        assert_int_equal(mirai_wait_all(tasks, 2, 1), MIRAI_E_TIMEDOUT);
        assert_int_equal(mirai_wait_all(tasks, 3, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
        assert_int_equal(mirai_wait_all(tasks, 3, 1), MIRAI_E_TIMEDOUT);
    }
    cancel_all(tasks, 3);
    story_close(pools[1]);
}

int main(int argc, char **argv)
{
    if (mirai_main(argc, argv, story_setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many__refuses_bad_arguments),
        cmocka_unit_test(test_many__waits_for_so_many),
        cmocka_unit_test(test_many__collects_values_and_errors_in_order),
        cmocka_unit_test(test_many__takes_a_task_more_than_once),
        cmocka_unit_test(test_many__race_is_won_by_the_first),
        cmocka_unit_test(test_many__races_until_none_is_left),
        cmocka_unit_test(test_many__race_against_cancel),
        cmocka_unit_test(test_many__race_against_time_out),
        cmocka_unit_test(test_many__race_against_close),
        cmocka_unit_test(test_many__several_threads_wait_for_the_same),
        cmocka_unit_test(test_many__waits_across_pools),
        cmocka_unit_test(test_many__is_interrupted),
    };
    int failed = cmocka_run_group_tests(tests, story_open_two, story_close_state);
    story_remove_files();
    return failed;
}
