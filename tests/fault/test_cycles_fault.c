/*
 * Pools that are opened and closed again and again under traffic leave threads, descriptors and memory where they
 * were, and no close takes long. MIRAI_TEST_CYCLES sets how many (200 unless told, fewer over NNG).
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int count_cycles(void)
{
    const char *text = getenv("MIRAI_TEST_CYCLES");
    int count = text != NULL ? atoi(text) : 0;
    if (count > 0) return count;
    int many = story_many(150) + 50;
    return story_bound_ms(1) > 3 ? 40 : many; /* fewer where all is slow */
}

/* One life of a pool, in one of several ways; the milliseconds that its close took. */
static int64_t live(int cycle)
{
    enum { TASKS = 30 };
    static const char *const functions[] = {"echo", "obey", "nap", "spin", "crash"};
    mirai_task *tasks[TASKS];
    mirai_pool *pool = story_open(1 + cycle % 2);
    int fd;
    if (cycle % 3 == 0) story_assert_ok(mirai_pool_fd(pool, &fd));
    const char *function = functions[cycle % 10 < 6 ? 0 : cycle % 10 - 5];
    for (int i = 0; i < TASKS; i++)
        tasks[i] = story_submit(pool, i % 4 == 3 ? function : "echo",
                                i % 4 == 3 && cycle % 10 == 9 ? mirai_string("kill") : mirai_int(1));
    for (int i = 0; i < cycle % 4; i++) assert_int_not_equal(mirai_task_wait(tasks[i], 1), MIRAI_E_INVALID);
    if (cycle % 7 == 0) story_assert_ok(mirai_task_cancel(tasks[TASKS / 2], NULL));
    int64_t began = story_now_ms();
    mirai_status status = mirai_pool_close(pool, cycle % 5 == 0 ? MIRAI_DRAIN : MIRAI_CANCEL, 200);
    int64_t took = story_now_ms() - began;
    assert_true(status == MIRAI_OK || (status == MIRAI_E_TIMEDOUT && cycle % 5 == 0));
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(mirai_task_state(tasks[i]), MIRAI_TASK_RESOLVED);
        if (i % 2 == 0) assert_true(mirai_task_outcome(tasks[i]) >= 0);
        mirai_task_release(tasks[i]);
    }
    return took;
}

typedef struct census {
    size_t descriptors, threads;
    int64_t rss_kib;
} census;

static census take_census(void)
{
    return (census){story_descriptors(), story_threads(), story_rss_kib()};
}

static void test_cycles__leave_nothing_behind(void **state)
{
    (void)state;
    int cycles = count_cycles();
    int64_t longest = 0;
    for (int i = 0; i < 20; i++) (void)live(i); /* until allocators and NNG have what they keep */
    census before = take_census();
    for (int i = 0; i < cycles; i++) {
        int64_t took = live(i);
        if (took > longest) longest = took;
    }
    census after = take_census();
    (void)printf("%d cycles: longest close %lld ms, %zu -> %zu descriptors, %zu -> %zu threads, %lld -> %lld KiB\n",
                 cycles, (long long)longest, before.descriptors, after.descriptors, before.threads, after.threads,
                 (long long)before.rss_kib, (long long)after.rss_kib);
    assert_true(story_until_descriptors(before.descriptors));
    assert_true(story_until_threads(before.threads));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (!story_in_valgrind()) assert_true(after.rss_kib - before.rss_kib < 4096);
#endif
    assert_true(longest < story_bound_ms(2000));
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

typedef struct cycling {
    pthread_t thread;
    _Atomic int wrong;
} cycling;

static void *cycle_pools(void *context)
{
    cycling *self = context;
    for (int i = 0; i < 15; i++) {
        mirai_pool *pool = NULL;
        mirai_task *task = NULL;
        if (mirai_pool_open(&pool, NULL, 1, NULL) != MIRAI_OK ||
            mirai_pool_submit(pool, &task, "echo", mirai_int(1), NULL) != MIRAI_OK ||
            (i % 2 == 0 && mirai_task_wait(task, STORY_PATIENCE) != MIRAI_OK))
            self->wrong++;
        if (mirai_pool_close(pool, MIRAI_CANCEL, 0) != MIRAI_OK) self->wrong++;
        if (mirai_task_state(task) != MIRAI_TASK_RESOLVED) self->wrong++;
        mirai_task_release(task);
    }
    return NULL;
}

static void test_cycles__on_several_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    cycling threads[THREADS];
    size_t before = story_threads(), descriptors = story_descriptors();
    for (int i = 0; i < THREADS; i++) {
        atomic_init(&threads[i].wrong, 0);
        assert_int_equal(pthread_create(&threads[i].thread, NULL, cycle_pools, &threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
        assert_int_equal(threads[i].wrong, 0);
    }
    assert_true(story_until_threads(before));
    assert_true(story_until_descriptors(descriptors));
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycles__leave_nothing_behind),
        cmocka_unit_test(test_cycles__on_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
