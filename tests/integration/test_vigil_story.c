/*
 * Waits that follow each other closely: driver and daemon look at their rings instead of sleeping, and the service thread
 * looks after the pool only now and then. What must not suffer: whatever nobody waits for, cancels, deaths, other threads.
 */
#include "story.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { HOT = 300 };

static void test_vigil__refuses_bad_arguments(void **state)
{
    assert_int_equal(mirai_task_wait(NULL, 0), MIRAI_E_INVALID);
    mirai_task *task = story_submit(*state, "echo", mirai_int(1));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
}

/* So many round trips that both sides have learnt that it pays not to sleep. */
static void run_hot(mirai_pool *pool)
{
    for (int64_t i = 0; i < HOT; i++) assert_int_equal(story_number(pool, "echo", mirai_int(i)), i);
}

static void count(mirai_task *task, void *user)
{
    (void)task;
    (*(int *)user)++;
}

static void test_vigil__what_nobody_waits_for_is_seen_to(void **state)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    int resolved = 0;
    options.on_resolved = count;
    options.user = &resolved;
    struct pollfd due = {.fd = -1, .events = POLLIN};
    story_assert_ok(mirai_pool_fd(*state, &due.fd));
    for (int round = 1; round <= 20; round++) {
        run_hot(*state);
        story_assert_ok(mirai_pool_process(*state, NULL));
        mirai_task *task = story_submit_with(*state, "echo", mirai_int(round), &options);
        while (resolved < round) {
            assert_int_equal(poll(&due, 1, STORY_PATIENCE), 1);
            story_assert_ok(mirai_pool_process(*state, NULL));
        }
        mirai_task_release(task);
    }
}

static void test_vigil__a_death_is_seen_though_nobody_waits(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    for (int64_t round = 1; round <= 3; round++) {
        run_hot(pool);
        assert_int_equal(kill(story_daemon_pid(pool, 0), SIGKILL), 0);
        assert_true(story_until_lost(pool, round));
        assert_true(story_until_daemons(pool, 1));
    }
    run_hot(pool);
    story_close(pool);
}

static void test_vigil__a_cancel_reaches_a_job_of_a_busy_daemon(void **state)
{
    for (int round = 0; round < 10; round++) {
        run_hot(*state);
        mirai_task *task = story_submit(*state, "obey", mirai_null());
        assert_true(story_until_running(task));
        int32_t how = 0;
        story_assert_ok(mirai_task_cancel(task, &how));
        assert_int_equal(how, MIRAI_CANCEL_INTERRUPTED);
        (void)story_expect(task, MIRAI_OUTCOME_CANCELLED);
        mirai_task_release(task);
    }
}

static void test_vigil__a_deadline_ends_it(void **state)
{
    run_hot(*state);
    mirai_task *task = story_submit(*state, "obey", mirai_null());
    int64_t began = story_now_ms();
    assert_int_equal(mirai_task_wait(task, 30), MIRAI_E_TIMEDOUT);
    assert_true(story_now_ms() - began >= 29);
    story_assert_ok(mirai_task_cancel(task, NULL));
    mirai_task_release(task);
}

/* ---- several threads ------------------------------------------------------------------------- */

typedef struct worker {
    pthread_t thread;
    mirai_pool *pool;
    mirai_task *victim; /* to be cancelled by another thread while this one waits for it; or NULL */
    bool good;
} worker;

static bool trip(mirai_pool *pool, int64_t number)
{
    mirai_task *task = NULL;
    const mirai_value *value = NULL;
    bool good = mirai_pool_submit(pool, &task, "echo", mirai_int(number), NULL) == MIRAI_OK &&
                mirai_task_wait(task, STORY_PATIENCE) == MIRAI_OK &&
                mirai_task_result(task, &value) == MIRAI_OK && mirai_value_int_or(value, -1) == number;
    mirai_task_release(task);
    return good;
}

static void *work(void *argument)
{
    worker *self = argument;
    self->good = true;
    for (int64_t i = 0; i < HOT && self->good; i++) self->good = trip(self->pool, i);
    return NULL;
}

static void test_vigil__threads_share_a_pool(void **state)
{
    worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){.pool = *state};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (int i = 0; i < 4; i++) assert_true(workers[i].good);
}

static void *wait_for_victim(void *argument)
{
    worker *self = argument;
    self->good = mirai_task_wait(self->victim, STORY_PATIENCE) == MIRAI_OK;
    return NULL;
}

/* The driver's task ends by another thread's doing while it looks, or just before it sleeps. */
static void test_vigil__is_called_off(void **state)
{
    for (int round = 0; round < 100; round++) {
        worker waiter = {.victim = story_submit(*state, "obey", mirai_null())};
        assert_int_equal(pthread_create(&waiter.thread, NULL, wait_for_victim, &waiter), 0);
        for (volatile int i = 0; i < round * 200; i++) continue;
        story_assert_ok(mirai_task_cancel(waiter.victim, NULL));
        assert_int_equal(pthread_join(waiter.thread, NULL), 0);
        assert_true(waiter.good);
        mirai_task_release(waiter.victim);
    }
}

static void test_vigil__can_be_turned_off(void **state)
{
    (void)state;
    assert_int_equal(setenv("MIRAI_SPIN", "0", 1), 0);
    mirai_pool *pool = story_open(1);
    assert_int_equal(unsetenv("MIRAI_SPIN"), 0);
    run_hot(pool);
    story_close(pool);
}

static long switches(const struct rusage *usage)
{
    return usage->ru_nvcsw + usage->ru_nivcsw;
}

/* By the pool's options: then in each round trip the processor is given to others, or taken by the daemon. */
static void test_vigil__can_be_turned_off_for_a_pool(void **state)
{
    (void)state;
    struct rusage before, after;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.spin = 1;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    options.spin = -1;
    pool = story_open_with(1, &options);
    assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
    run_hot(pool);
    assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
    assert_true(switches(&after) - switches(&before) > HOT / 2);
    story_close(pool);
}

/* Host and daemon take turns on it. */
static void test_vigil__on_one_processor(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    mirai_pool *pool = story_open(2);
    run_hot(pool);
    worker other = {.pool = pool};
    assert_int_equal(pthread_create(&other.thread, NULL, work, &other), 0);
    run_hot(pool);
    assert_int_equal(pthread_join(other.thread, NULL), 0);
    assert_true(other.good);
    story_close(pool);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vigil__refuses_bad_arguments),
        cmocka_unit_test(test_vigil__what_nobody_waits_for_is_seen_to),
        cmocka_unit_test(test_vigil__a_death_is_seen_though_nobody_waits),
        cmocka_unit_test(test_vigil__a_cancel_reaches_a_job_of_a_busy_daemon),
        cmocka_unit_test(test_vigil__a_deadline_ends_it),
        cmocka_unit_test(test_vigil__threads_share_a_pool),
        cmocka_unit_test(test_vigil__is_called_off),
        cmocka_unit_test(test_vigil__can_be_turned_off),
        cmocka_unit_test(test_vigil__can_be_turned_off_for_a_pool),
        cmocka_unit_test(test_vigil__on_one_processor),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
