/*
 * Closing: drained, cancelled, cut off by a deadline, with jobs that do not listen, with threads that wait. Handles
 * resolve, callbacks run, daemons are gone.
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { MANY = 200 };

static int count_resolved;

static void on_resolved(mirai_task *task, void *user)
{
    (void)user;
    count_resolved += mirai_task_state(task) == MIRAI_TASK_RESOLVED;
}

static void test_close__refuses_bad_arguments(void **state)
{
    (void)state;
    assert_int_equal(mirai_pool_close(NULL, MIRAI_DRAIN, 0), MIRAI_OK);
    mirai_pool *pool = story_open(1);
    pid_t pid = story_daemon_pid(pool, 0);
    mirai_task *task = story_submit(pool, "obey", mirai_null());
    assert_int_equal(mirai_pool_close(pool, 77, 0), MIRAI_E_INVALID); /* and is closed as by MIRAI_CANCEL */
    assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_CLOSED);
    assert_false(story_is_alive(pid));
    mirai_task_release(task);
}

static void submit_many(mirai_pool *pool, mirai_task **tasks, const char *function)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = on_resolved;
    count_resolved = 0;
    for (int i = 0; i < MANY; i++) tasks[i] = story_submit_with(pool, function, mirai_int(1), &options);
}

static void test_close__drains(void **state)
{
    (void)state;
    static mirai_task *tasks[MANY];
    mirai_pool *pool = story_open(2);
    pid_t pid = story_daemon_pid(pool, 1);
    submit_many(pool, tasks, "nap");
    story_assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, STORY_PATIENCE));
    assert_int_equal(count_resolved, MANY);
    assert_false(story_is_alive(pid));
    for (int i = 0; i < MANY; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
}

static void test_close__cancels(void **state)
{
    (void)state;
    static mirai_task *tasks[MANY];
    mirai_pool *pool = story_open(2);
    submit_many(pool, tasks, "obey");
    int64_t began = story_now_ms();
    story_assert_ok(mirai_pool_close(pool, MIRAI_CANCEL, MIRAI_FOREVER));
    assert_true(story_now_ms() - began < story_bound_ms(2000));
    assert_int_equal(count_resolved, MANY);
    for (int i = 0; i < MANY; i++) {
        const mirai_value *error = story_expect(tasks[i], MIRAI_OUTCOME_CLOSED);
        assert_int_equal(mirai_value_error_code(error), 7);
        mirai_task_release(tasks[i]);
    }
}

static void test_close__is_cut_off_by_its_deadline(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *running = story_submit(pool, "obey", mirai_null());
    mirai_task *queued = story_submit(pool, "echo", mirai_null());
    assert_true(story_until_running(running));
    int64_t began = story_now_ms();
    assert_int_equal(mirai_pool_close(pool, MIRAI_DRAIN, 50), MIRAI_E_TIMEDOUT);
    int64_t took = story_now_ms() - began;
    assert_true(took >= 49 && took < story_bound_ms(2000));
    (void)story_expect(running, MIRAI_OUTCOME_CLOSED);
    (void)story_expect(queued, MIRAI_OUTCOME_CLOSED);
    mirai_task_release(running);
    mirai_task_release(queued);
}

static void test_close__does_not_wait_for_the_deaf(void **state)
{
    (void)state;
    for (int32_t how = MIRAI_DRAIN; how <= MIRAI_CANCEL; how++) {
        mirai_pool *pool = story_open(2);
        mirai_task *tasks[2];
        pid_t pids[2] = {story_daemon_pid(pool, 0), story_daemon_pid(pool, 1)};
        for (int i = 0; i < 2; i++) tasks[i] = story_submit(pool, "spin", mirai_null());
        for (int i = 0; i < 2; i++) assert_true(story_until_running(tasks[i]));
        int64_t began = story_now_ms();
        mirai_status status = mirai_pool_close(pool, how, 0);
        assert_true(story_now_ms() - began < story_bound_ms(2000));
        assert_int_equal(status, how == MIRAI_DRAIN ? MIRAI_E_TIMEDOUT : MIRAI_OK);
        for (int i = 0; i < 2; i++) {
            (void)story_expect(tasks[i], MIRAI_OUTCOME_CLOSED);
            assert_false(story_is_alive(pids[i]));
            mirai_task_release(tasks[i]);
        }
    }
}

static void test_close__reaps_what_it_started(void **state)
{
    (void)state;
    const char *path = story_path("child");
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "breed", mirai_string(path));
    assert_true(story_until_file(path));
    pid_t child = (pid_t)story_read_number(path);
    assert_true(story_is_alive(child));
    story_close(pool);
    assert_true(story_until_dead(child)); /* it has its daemon's process group */
    mirai_task_release(task);
    story_remove_files();
}

typedef struct waiting {
    pthread_t thread;
    mirai_task *task;
    mirai_pool *pool;
    mirai_status status;
} waiting;

static void *wait_for(void *context)
{
    waiting *self = context;
    self->status = mirai_task_wait(self->task, STORY_PATIENCE);
    mirai_task_release(self->task);
    return NULL;
}

/* A wait is a call on the task, and only on its pool as long as it lasts: it must end by the close. */
static void test_close__ends_waits(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    for (int round = 0; round < 20; round++) {
        mirai_pool *pool = story_open(1);
        mirai_task *tasks[THREADS];
        waiting threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            tasks[i] = story_submit(pool, "obey", mirai_null());
            threads[i] = (waiting){.task = mirai_task_ref(tasks[i]), .status = 1};
            assert_int_equal(pthread_create(&threads[i].thread, NULL, wait_for, &threads[i]), 0);
        }
        if (round % 2 == 0) story_sleep_ms(10);
        story_close(pool);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
            assert_int_equal(threads[i].status, MIRAI_OK);
            (void)story_expect(tasks[i], MIRAI_OUTCOME_CLOSED);
            mirai_task_release(tasks[i]);
        }
    }
}

typedef struct late {
    mirai_pool *pool;
    mirai_status status;
} late;

static void submit_again(mirai_task *task, void *user)
{
    (void)task;
    late *late = user;
    late->status = mirai_pool_submit(late->pool, NULL, "echo", mirai_null(), NULL);
}

static void test_close__runs_callbacks_that_call_back(void **state)
{
    (void)state;
    late late = {story_open(1), MIRAI_OK};
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = submit_again;
    options.user = &late;
    mirai_task *task = story_submit_with(late.pool, "obey", mirai_null(), &options);
    story_close(late.pool);
    assert_int_equal(late.status, MIRAI_E_CLOSED);
    mirai_task_release(task);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close__refuses_bad_arguments),
        cmocka_unit_test(test_close__drains),
        cmocka_unit_test(test_close__cancels),
        cmocka_unit_test(test_close__is_cut_off_by_its_deadline),
        cmocka_unit_test(test_close__does_not_wait_for_the_deaf),
        cmocka_unit_test(test_close__reaps_what_it_started),
        cmocka_unit_test(test_close__ends_waits),
        cmocka_unit_test(test_close__runs_callbacks_that_call_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
