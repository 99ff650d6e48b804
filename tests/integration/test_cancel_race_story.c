/*
 * Cancels that meet their task's submission: by the same thread, by another that has the handle, and by one that
 * cancels all tasks while they come in. A task of which a cancel says that it never ran has not run, and each resolves
 * once; what ran says so in memory that all processes share. And cancelling many, one by one, costs each the same.
 */
#include "story.h"
#include "story_marks.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { TRIALS = 10000, LITTLE = 1000 };

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    return story_marks_setup(TRIALS);
}

/* ---- one trial each -------------------------------------------------------------------------- */

typedef struct trials {
    pthread_t thread;
    mirai_pool *pool;
    int count;
    _Atomic(mirai_task *) tasks[TRIALS];
    _Atomic int stop, failed;
} trials;

static int how_many(void)
{
    return story_in_valgrind() ? LITTLE : TRIALS;
}

static trials *begin(void)
{
    static trials trials;
    trials.count = how_many();
    trials.pool = story_open(2);
    for (int i = 0; i < TRIALS; i++) {
        story_mark_clear(i);
        atomic_store(&trials.tasks[i], NULL);
    }
    atomic_store(&trials.stop, 0);
    return &trials;
}

static mirai_task *submit(trials *trials, int i)
{
    mirai_task *task = story_submit(trials->pool, "mark", mirai_int(i));
    atomic_store(&trials->tasks[i], task);
    return task;
}

/* Wrong when it resolved to what its cancel did not say, or ran though it never did. */
static bool is_wrong(mirai_task *task, int ran, int *never)
{
    mirai_outcome outcome = mirai_task_outcome(task);
    int32_t cancel = mirai_task_cancellation(task);
    *never += cancel == MIRAI_CANCEL_NEVER_RAN;
    if (ran > 1) return true;
    if (cancel == MIRAI_CANCEL_NEVER_RAN) return ran != 0 || outcome != MIRAI_OUTCOME_CANCELLED;
    if (cancel == MIRAI_CANCEL_INTERRUPTED) return outcome != MIRAI_OUTCOME_CANCELLED;
    return ran != 1 || outcome != MIRAI_OUTCOME_VALUE; /* too late, or never cancelled */
}

static void end(trials *trials)
{
    int wrong = 0, never = 0, late = 0;
    for (int i = 0; i < trials->count; i++) wrong += mirai_task_wait(trials->tasks[i], STORY_PATIENCE) != MIRAI_OK;
    story_assert_ok(mirai_pool_close(trials->pool, MIRAI_DRAIN, STORY_PATIENCE)); /* nothing runs any more */
    for (int i = 0; i < trials->count; i++) {
        wrong += is_wrong(trials->tasks[i], story_mark(i), &never);
        late += mirai_task_outcome(trials->tasks[i]) == MIRAI_OUTCOME_VALUE;
        mirai_task_release(trials->tasks[i]);
    }
    print_message("# %d never ran, %d were too late, of %d\n", never, late, trials->count);
    assert_int_equal(wrong, 0);
    assert_int_equal(trials->failed, 0);
}

static void test_cancel_race__by_the_thread_that_submits(void **state)
{
    (void)state;
    trials *trials = begin();
    for (int i = 0; i < trials->count; i++) {
        int32_t said;
        mirai_task *task = submit(trials, i);
        story_assert_ok(mirai_task_cancel(task, &said));
        if (said != MIRAI_CANCEL_TOO_LATE) assert_int_equal(said, mirai_task_cancellation(task));
    }
    end(trials);
}

/* As soon as each is there. */
static void *cancel_each(void *context)
{
    trials *trials = context;
    mirai_task *task;
    for (int i = 0; i < trials->count; i++) {
        while ((task = atomic_load(&trials->tasks[i])) == NULL) (void)sched_yield();
        trials->failed += mirai_task_cancel(task, NULL) != MIRAI_OK;
    }
    return NULL;
}

static void test_cancel_race__by_another_thread(void **state)
{
    (void)state;
    trials *trials = begin();
    assert_int_equal(pthread_create(&trials->thread, NULL, cancel_each, trials), 0);
    for (int i = 0; i < trials->count; i++) (void)submit(trials, i);
    assert_int_equal(pthread_join(trials->thread, NULL), 0);
    end(trials);
}

static void *cancel_all(void *context)
{
    trials *trials = context;
    while (!atomic_load(&trials->stop)) {
        trials->failed += mirai_pool_cancel_all(trials->pool, NULL) != MIRAI_OK;
        (void)sched_yield();
    }
    return NULL;
}

static void test_cancel_race__of_all_while_they_come_in(void **state)
{
    (void)state;
    trials *trials = begin();
    assert_int_equal(pthread_create(&trials->thread, NULL, cancel_all, trials), 0);
    for (int i = 0; i < trials->count; i++) (void)submit(trials, i);
    atomic_store(&trials->stop, 1);
    assert_int_equal(pthread_join(trials->thread, NULL), 0);
    end(trials);
}

/* ---- many ------------------------------------------------------------------------------------ */

static int64_t cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What cancelling takes of this thread's time, each on its own, now from the front and now from the back. */
static int64_t time_to_cancel(size_t count, bool from_the_back)
{
    mirai_pool *pool = story_open(0);
    mirai_task **tasks = calloc(count, sizeof *tasks);
    assert_non_null(tasks);
    for (size_t i = 0; i < count; i++) tasks[i] = story_submit(pool, "echo", mirai_null());
    int64_t began = cpu_us();
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t said = 0;
        mirai_status status = mirai_task_cancel(tasks[from_the_back ? count - 1 - i : i], &said);
        wrong += status != MIRAI_OK || said != MIRAI_CANCEL_NEVER_RAN;
    }
    int64_t took = cpu_us() - began;
    assert_int_equal(wrong, 0);
    for (size_t i = 0; i < count; i++) mirai_task_release(tasks[i]);
    free(tasks);
    story_close(pool);
    return took;
}

static int64_t least(size_t count)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 4; i++) {
        int64_t took = time_to_cancel(count, i % 2 == 1);
        if (took < best) best = took;
    }
    return best;
}

static void test_cancel_race__each_of_many_costs_the_same(void **state)
{
    (void)state;
    size_t few = story_in_valgrind() ? 1000 : 10000;
    int64_t little = least(few), much = least(10 * few);
    print_message("# %zu in %lld us, %zu in %lld us\n", few, (long long)little, 10 * few, (long long)much);
    if (much > 25 * (little + 100)) fail_msg("%lld us for ten times what took %lld us", (long long)much, (long long)little);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_race__by_the_thread_that_submits),
        cmocka_unit_test(test_cancel_race__by_another_thread),
        cmocka_unit_test(test_cancel_race__of_all_while_they_come_in),
        cmocka_unit_test(test_cancel_race__each_of_many_costs_the_same),
    };
    return cmocka_run_group_tests(tests, story_marks_make, story_marks_drop);
}
