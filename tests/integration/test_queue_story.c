/*
 * Completion queues: every task comes out once, in the order of resolution, to one thread or to several, of one pool or of
 * several.
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

static mirai_queue *new_queue(void)
{
    mirai_queue *queue = NULL;
    story_assert_ok(mirai_queue_new(&queue));
    assert_non_null(queue);
    return queue;
}

/* Submits, adds, lets go. */
static void feed(mirai_queue *queue, mirai_pool *pool, const char *function, mirai_value *args)
{
    mirai_task *task = story_submit(pool, function, args);
    story_assert_ok(mirai_queue_add(queue, task));
    mirai_task_release(task);
}

static int64_t drain_one(mirai_queue *queue)
{
    mirai_task *task = NULL;
    const mirai_value *value = NULL;
    story_assert_ok(mirai_queue_next(queue, &task, STORY_PATIENCE));
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED);
    story_assert_ok(mirai_task_result(task, &value));
    int64_t number = mirai_value_int_or(value, -1);
    mirai_task_release(task);
    return number;
}

/* ---- bad arguments, and what is easily got wrong --------------------------------------------- */

static void test_queue__refuses_bad_arguments(void **state)
{
    mirai_task *task = story_submit(*state, "obey", mirai_null()), *out = NULL;
    mirai_queue *queue = new_queue(), *other = new_queue();
    assert_int_equal(mirai_queue_new(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_queue_add(NULL, task), MIRAI_E_INVALID);
    assert_int_equal(mirai_queue_add(queue, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_queue_next(NULL, &out, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_queue_next(queue, NULL, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_queue_next(queue, &out, MIRAI_FOREVER), MIRAI_E_NOT_FOUND);
    assert_int_equal(mirai_queue_size(NULL), 0);
    mirai_queue_release(NULL);

    story_assert_ok(mirai_queue_add(queue, task));
    assert_int_equal(mirai_queue_add(queue, task), MIRAI_E_STATE);
    assert_int_equal(mirai_queue_add(other, task), MIRAI_E_STATE);
    assert_int_equal(mirai_queue_size(queue), 1);
    assert_int_equal(mirai_queue_next(queue, &out, 0), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai_queue_next(queue, &out, 10), MIRAI_E_TIMEDOUT);
    assert_null(out);
    story_assert_ok(mirai_task_cancel(task, NULL));
    assert_int_equal(mirai_queue_add(queue, task), MIRAI_E_STATE); /* it has not come out */
    story_assert_ok(mirai_queue_next(queue, &out, 0));
    assert_ptr_equal(out, task);
    mirai_task_release(out);
    assert_int_equal(mirai_queue_size(queue), 0);
    story_assert_ok(mirai_queue_add(other, task)); /* now it may go into another, and is ready there at once */
    story_assert_ok(mirai_queue_next(other, &out, 0));
    mirai_task_release(out);
    mirai_queue_release(queue);
    mirai_queue_release(other);
    mirai_task_release(task);
}

static void test_queue__gives_tasks_as_they_resolve(void **state)
{
    mirai_queue *queue = new_queue();
    mirai_task *tasks[3] = {story_submit(*state, "obey", mirai_null()), story_submit(*state, "obey", mirai_null()),
                            story_submit(*state, "obey", mirai_null())};
    for (size_t i = 0; i < 3; i++) story_assert_ok(mirai_queue_add(queue, tasks[i]));
    const size_t order[3] = {1, 2, 0};
    for (size_t i = 0; i < 3; i++) story_assert_ok(mirai_task_cancel(tasks[order[i]], NULL));
    for (size_t i = 0; i < 3; i++) {
        mirai_task *out = NULL;
        story_assert_ok(mirai_queue_next(queue, &out, 0));
        assert_ptr_equal(out, tasks[order[i]]);
        mirai_task_release(out);
    }
    for (size_t i = 0; i < 3; i++) mirai_task_release(tasks[i]);
    mirai_queue_release(queue);
}

static void test_queue__submit_and_drain(void **state)
{
    mirai_queue *queue = new_queue();
    for (int64_t i = 0; i < 300; i++) {
        feed(queue, *state, "echo", mirai_int(i));
        assert_int_equal(drain_one(queue), i);
    }
    mirai_queue_release(queue);
}

static void test_queue__released_while_tasks_are_out(void **state)
{
    for (int round = 0; round < 30; round++) {
        mirai_queue *queue = new_queue();
        mirai_task *kept = story_submit(*state, "echo", mirai_int(round));
        story_assert_ok(mirai_queue_add(queue, kept));
        for (int64_t i = 0; i < 20; i++) feed(queue, *state, "echo", mirai_int(i));
        for (int i = 0; i < round; i++) (void)(mirai_queue_size(queue) > 5 ? drain_one(queue) : 0);
        mirai_queue_release(queue);
        assert_int_equal(mirai_value_int_or(story_expect(kept, MIRAI_OUTCOME_VALUE), -1), round);
        mirai_task_release(kept);
    }
}

static void test_queue__outlives_its_pool(void **state)
{
    (void)state;
    mirai_queue *queue = new_queue();
    mirai_pool *pool = story_open(1);
    for (int i = 0; i < 3; i++) feed(queue, pool, "obey", mirai_null());
    story_close(pool);
    for (int i = 0; i < 2; i++) {
        mirai_task *task = NULL;
        story_assert_ok(mirai_queue_next(queue, &task, 0));
        assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_CLOSED);
        mirai_task_release(task);
    }
    pool = story_open(1); /* and takes tasks of another */
    feed(queue, pool, "echo", mirai_int(4));
    (void)drain_one(queue);
    assert_int_equal(drain_one(queue), 4);
    feed(queue, pool, "obey", mirai_null());
    mirai_queue_release(queue);
    story_close(pool);
}

/* ---- many ------------------------------------------------------------------------------------ */

static void test_queue__of_100000_tasks(void **state)
{
    const int64_t full = 100000, count = story_in_valgrind() || story_many(100000) < full ? 5000 : full;
    mirai_queue *queue = new_queue();
    char *seen = calloc((size_t)count, 1);
    assert_non_null(seen);
    int64_t sent = 0;
    for (int64_t got = 0; got < count; got++) {
        while (sent < count && sent - got < 5000) feed(queue, *state, "echo", mirai_int(sent++));
        int64_t number = drain_one(queue);
        assert_in_range(number, 0, count - 1);
        assert_int_equal(seen[number], 0);
        seen[number] = 1;
    }
    mirai_task *none = NULL;
    assert_int_equal(mirai_queue_next(queue, &none, MIRAI_FOREVER), MIRAI_E_NOT_FOUND);
    free(seen);
    mirai_queue_release(queue);
}

/* ---- several threads ------------------------------------------------------------------------- */

typedef struct crew {
    mirai_queue *queue;
    _Atomic int64_t count, sum;
    _Atomic int wrong;
} crew;

/* Until the queue is empty. */
static void *work(void *argument)
{
    crew *crew = argument;
    for (;;) {
        mirai_task *task = NULL;
        const mirai_value *value = NULL;
        mirai_status status = mirai_queue_next(crew->queue, &task, STORY_PATIENCE);
        if (status == MIRAI_E_NOT_FOUND) return NULL;
        if (status != MIRAI_OK || mirai_task_result(task, &value) != MIRAI_OK) {
            crew->wrong++;
            return NULL;
        }
        crew->count++;
        crew->sum += mirai_value_int_or(value, 0);
        mirai_task_release(task);
    }
}

static void run_crew(mirai_pool *const *pools, size_t pool_count, int64_t tasks)
{
    crew crew = {.queue = new_queue()};
    pthread_t threads[THREADS];
    for (int64_t i = 0; i < tasks; i++)
        feed(crew.queue, pools[(size_t)i % pool_count], i % 16 == 0 ? "nap" : "echo",
             mirai_int(i % 16 == 0 ? i % 3 : i));
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &crew), 0);
    for (size_t i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
    assert_int_equal(crew.wrong, 0);
    assert_int_equal(crew.count, tasks);
    assert_int_equal(mirai_queue_size(crew.queue), 0);
    mirai_queue_release(crew.queue);
}

static void test_queue__four_threads_share_it(void **state)
{
    mirai_pool *pool = *state;
    run_crew(&pool, 1, story_in_valgrind() ? 200 : 5000);
    for (int round = 0; round < 20; round++) run_crew(&pool, 1, 1 + round % 7);
}

static void test_queue__four_threads_and_two_pools(void **state)
{
    mirai_pool *pools[2] = {*state, story_open(1)};
    run_crew(pools, 2, story_in_valgrind() ? 200 : 3000);
    for (int round = 0; round < 20; round++) run_crew(pools, 2, 1 + round % 7);
    story_close(pools[1]);
}

/* A queue becomes one of two pools while threads wait in it, as drivers of the first. */
static void test_queue__second_pool_joins_a_wait(void **state)
{
    mirai_pool *second = story_open(1);
    for (int round = 0; round < 20; round++) {
        crew crew = {.queue = new_queue()};
        pthread_t threads[THREADS];
        mirai_task *blocked = story_submit(*state, "obey", mirai_null());
        story_assert_ok(mirai_queue_add(crew.queue, blocked));
        for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &crew), 0);
        if (round % 2 != 0) story_sleep_ms(2);
        for (int64_t i = 0; i < 5; i++) feed(crew.queue, second, "nap", mirai_int(1));
        while (crew.count < 5 && crew.wrong == 0) story_sleep_ms(1);
        story_assert_ok(mirai_task_cancel(blocked, NULL));
        for (size_t i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
        assert_int_equal(crew.wrong, 0);
        assert_int_equal(crew.count, 6);
        mirai_task_release(blocked);
        mirai_queue_release(crew.queue);
    }
    story_close(second);
}

/* Waits for tasks of its own. */
static void *submit_some(void *argument)
{
    mirai_pool *pool = argument;
    for (int64_t i = 0; i < 200; i++) {
        mirai_task *task = NULL;
        if (mirai_pool_submit(pool, &task, "echo", mirai_int(i), NULL) != MIRAI_OK) continue;
        if (mirai_task_wait(task, STORY_PATIENCE) != MIRAI_OK) return argument;
        mirai_task_release(task);
    }
    return NULL;
}

/* Somebody else waits for tasks of the same pool, and drives it now and then. */
static void test_queue__beside_other_drivers(void **state)
{
    mirai_queue *queue = new_queue();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_some, *state), 0);
    int64_t sum = 0;
    for (int64_t i = 0; i < 300; i++) feed(queue, *state, "echo", mirai_int(i));
    for (int64_t i = 0; i < 300; i++) sum += drain_one(queue);
    void *failed = NULL;
    (void)pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(sum, 299 * 150);
    mirai_queue_release(queue);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static void *interrupt_soon(void *argument)
{
    story_sleep_ms(2);
    mirai_pool_interrupt(argument);
    return NULL;
}

static void test_queue__is_interrupted(void **state)
{
    mirai_pool *pools[2] = {*state, story_open(1)};
    mirai_queue *queue = new_queue();
    mirai_task *out = NULL;
    for (size_t i = 0; i < 2; i++) {
        feed(queue, pools[i], "obey", mirai_null()); /* in the second round the queue is of two pools */
        for (int round = 0; round < 20; round++) {
            pthread_t thread;
            mirai_pool *pool = pools[(size_t)round % (i + 1)];
            if (round % 4 < 2) {
                mirai_pool_interrupt(pool);
                assert_int_equal(mirai_queue_next(queue, &out, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
            } else {
                assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, pool), 0);
                mirai_status status = mirai_queue_next(queue, &out, STORY_PATIENCE);
                (void)pthread_join(thread, NULL);
                assert_int_equal(status, MIRAI_E_INTERRUPTED);
            }
            assert_int_equal(mirai_queue_next(queue, &out, 1), MIRAI_E_TIMEDOUT);
        }
    }
    mirai_queue_release(queue);
    story_close(pools[1]);
}

int main(int argc, char **argv)
{
    if (mirai_main(argc, argv, story_setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__refuses_bad_arguments),
        cmocka_unit_test(test_queue__gives_tasks_as_they_resolve),
        cmocka_unit_test(test_queue__submit_and_drain),
        cmocka_unit_test(test_queue__released_while_tasks_are_out),
        cmocka_unit_test(test_queue__outlives_its_pool),
        cmocka_unit_test(test_queue__of_100000_tasks),
        cmocka_unit_test(test_queue__four_threads_share_it),
        cmocka_unit_test(test_queue__four_threads_and_two_pools),
        cmocka_unit_test(test_queue__second_pool_joins_a_wait),
        cmocka_unit_test(test_queue__beside_other_drivers),
        cmocka_unit_test(test_queue__is_interrupted),
    };
    int failed = cmocka_run_group_tests(tests, story_open_two, story_close_state);
    story_remove_files();
    return failed;
}
