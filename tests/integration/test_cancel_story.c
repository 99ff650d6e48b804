/*
 * Cancels and time-outs: what is queued never runs, what runs is told, what does not listen is replaced, what has
 * ended says so, and none ever hits another job.
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static int32_t cancel(mirai_task *task)
{
    int32_t what = 0;
    story_assert_ok(mirai_task_cancel(task, &what));
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED); /* at once */
    return what;
}

static void check_cancelled(mirai_task *task)
{
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_CANCELLED);
    assert_int_equal(mirai_value_error_code(error), 20);
    assert_true(mirai_value_error_inherits(error, "cancelled"));
    mirai_task_release(task);
}

static void test_cancel__of_a_queued_task_means_it_never_runs(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    const char *path = story_path("ran");
    mirai_task *first = story_submit(pool, "obey", mirai_null());
    assert_true(story_until_running(first));
    mirai_task *queued = story_submit(pool, "touch", mirai_string(path));
    assert_int_equal(mirai_task_state(queued), MIRAI_TASK_QUEUED);
    assert_int_equal(cancel(queued), MIRAI_CANCEL_NEVER_RAN);
    assert_int_equal(cancel(queued), MIRAI_CANCEL_TOO_LATE);
    assert_int_equal(cancel(first), MIRAI_CANCEL_INTERRUPTED);
    assert_int_equal(story_number(pool, "tally", mirai_null()), 1); /* the same daemon goes on */
    assert_int_equal(story_file_size(path), 0);
    check_cancelled(queued);
    check_cancelled(first);
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.cancelled, 2);
    assert_int_equal(status.daemons_lost, 0);
    story_close(pool);
    story_remove_files();
}

static void check_told(const char *function)
{
    mirai_pool *pool = story_open(1);
    const char *path = story_path("told");
    int64_t pid = story_number(pool, "pid", mirai_null());
    mirai_task *task = story_submit(pool, function, mirai_string(path));
    assert_true(story_until_file(path));
    size_t begun = story_file_size(path);
    assert_int_equal(cancel(task), MIRAI_CANCEL_INTERRUPTED);
    assert_int_equal(story_number(pool, "pid", mirai_null()), pid);
    assert_int_equal(story_file_size(path), 2 * begun); /* it ended by itself, and before the next began */
    check_cancelled(task);
    story_close(pool);
    story_remove_files();
}

static void test_cancel__is_seen_by_a_running_job(void **state)
{
    (void)state;
    check_told("obey");
}

static void test_cancel__calls_on_cancel(void **state)
{
    (void)state;
    check_told("obey_call");
}

static void test_cancel__replaces_a_daemon_that_does_not_listen(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    pid_t pids[2] = {story_daemon_pid(pool, 0), story_daemon_pid(pool, 1)};
    const char *path = story_path("spins");
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.grace_ms = 50;
    mirai_task *task = story_submit_with(pool, "spin", mirai_string(path), &options);
    assert_true(story_until_file(path));
    pid_t deaf = (pid_t)story_read_number(path);
    assert_true(deaf == pids[0] || deaf == pids[1]);
    int64_t began = story_now_ms();
    assert_int_equal(cancel(task), MIRAI_CANCEL_INTERRUPTED);
    assert_true(story_now_ms() - began < story_bound_ms(100)); /* cancelling never blocks */
    check_cancelled(task);
    assert_true(story_until_dead(deaf));
    assert_true(story_until_daemons(pool, 2));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
    story_close(pool);
    story_remove_files();
}

static void test_cancel__uses_the_grace_of_the_pool(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.grace_ms = 20;
    mirai_pool *pool = story_open_with(1, &options);
    mirai_task *task = story_submit(pool, "spin", mirai_null());
    assert_true(story_until_running(task));
    (void)cancel(task);
    check_cancelled(task);
    assert_true(story_number(pool, "pid", mirai_null()) > 0); /* needs a new daemon */
    story_close(pool);
}

static void test_cancel__after_the_end_is_too_late(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "echo", mirai_int(8));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(cancel(task), MIRAI_CANCEL_TOO_LATE);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 8);
    mirai_task_release(task);
    story_close(pool);
}

static void check_timed_out(mirai_task *task)
{
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_TIMEDOUT);
    assert_int_equal(mirai_value_error_code(error), 5);
    mirai_task_release(task);
}

static void test_cancel__by_time_out(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    const char *path = story_path("ran"), *told = story_path("told");
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = 300;
    int64_t began = story_now_ms();
    mirai_task *running = story_submit_with(pool, "obey", mirai_string(told), &options);
    options.timeout_ms = 40;
    mirai_task *queued = story_submit_with(pool, "touch", mirai_string(path), &options);
    check_timed_out(queued);
    assert_true(story_now_ms() - began >= 39);
    check_timed_out(running);
    assert_true(story_now_ms() - began >= 299);
    assert_int_equal(story_number(pool, "tally", mirai_null()), 1);
    assert_int_equal(story_file_size(path), 0);
    assert_true(story_file_size(told) > 0);
    assert_int_equal(story_status(pool).timedout, 2);
    options.timeout_ms = -1;
    mirai_task *none = story_submit_with(pool, "nap", mirai_int(1), &options);
    (void)story_expect(none, MIRAI_OUTCOME_VALUE);
    mirai_task_release(none);
    story_close(pool);
    story_remove_files();
}

static void test_cancel__times_out_without_a_call(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = 50;
    mirai_task *task = story_submit_with(pool, "obey", mirai_null(), &options);
    int64_t deadline = story_now_ms() + STORY_PATIENCE;
    while (mirai_task_state(task) != MIRAI_TASK_RESOLVED && story_now_ms() < deadline) story_sleep_ms(5);
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED);
    check_timed_out(task);
    story_close(pool);
}

static void test_cancel__never_hits_the_next_job(void **state)
{
    const int rounds = story_many(1000);
    (void)state;
    mirai_pool *pool = story_open(1);
    int wrong = 0;
    for (int i = 0; i < rounds; i++) {
        mirai_task *victim = story_submit(pool, i % 2 == 0 ? "obey" : "obey_call", mirai_null());
        mirai_task *next = story_submit(pool, "undisturbed", mirai_int(i % 3 == 0));
        if (i % 4 != 0) assert_true(story_until_running(victim));
        (void)cancel(victim);
        wrong += mirai_value_equal(story_expect(next, MIRAI_OUTCOME_VALUE), mirai_bool(0)) == 0;
        mirai_task_release(next);
        check_cancelled(victim);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

/* ---- races ----------------------------------------------------------------------------------- */

enum { RACES = 20000, WINDOW = 100 };
static _Atomic int resolved[RACES];

static void on_resolved(mirai_task *task, void *user)
{
    (void)task;
    atomic_fetch_add((_Atomic int *)user, 1);
}

typedef struct race {
    mirai_task *tasks[WINDOW];
    unsigned seed;
    _Atomic int wrong;
} race;

static void *cancel_some(void *context)
{
    race *race = context;
    for (int i = 0; i < WINDOW; i++)
        if (rand_r(&race->seed) % 2 == 0 && mirai_task_cancel(race->tasks[i], NULL) != MIRAI_OK) race->wrong++;
    return NULL;
}

static bool is_an_end(mirai_outcome outcome)
{
    return outcome == MIRAI_OUTCOME_VALUE || outcome == MIRAI_OUTCOME_CANCELLED || outcome == MIRAI_OUTCOME_TIMEDOUT;
}

static void test_cancel__races_resolve_each_task_once(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    race race = {.seed = 17};
    unsigned seed = 4711;
    int total = story_in_valgrind() ? RACES / 20 : story_many(RACES), wrong = 0;
    for (int base = 0; base < total; base += WINDOW) {
        for (int i = 0; i < WINDOW; i++) {
            mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
            options.timeout_ms = rand_r(&seed) % 4; /* 0: none */
            options.on_resolved = on_resolved;
            options.user = &resolved[base + i];
            race.tasks[i] = story_submit_with(pool, "echo", mirai_int(i), &options);
        }
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_some, &race), 0);
        for (int i = 0; i < WINDOW; i++) {
            wrong += mirai_task_wait(race.tasks[i], STORY_PATIENCE) != MIRAI_OK;
            wrong += !is_an_end(mirai_task_outcome(race.tasks[i]));
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        for (int i = 0; i < WINDOW; i++) mirai_task_release(race.tasks[i]);
        story_assert_ok(mirai_pool_process(pool, NULL));
    }
    mirai_pool_status status = story_status(pool);
    assert_int_equal(wrong + race.wrong, 0);
    assert_int_equal(status.completed + status.cancelled + status.timedout, total);
    assert_int_equal(status.daemons_lost, 0);
    story_close(pool);
    for (int i = 0; i < total; i++) wrong += resolved[i] != 1;
    assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel__of_a_queued_task_means_it_never_runs),
        cmocka_unit_test(test_cancel__is_seen_by_a_running_job),
        cmocka_unit_test(test_cancel__calls_on_cancel),
        cmocka_unit_test(test_cancel__replaces_a_daemon_that_does_not_listen),
        cmocka_unit_test(test_cancel__uses_the_grace_of_the_pool),
        cmocka_unit_test(test_cancel__after_the_end_is_too_late),
        cmocka_unit_test(test_cancel__by_time_out),
        cmocka_unit_test(test_cancel__times_out_without_a_call),
        cmocka_unit_test(test_cancel__never_hits_the_next_job),
        cmocka_unit_test(test_cancel__races_resolve_each_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
