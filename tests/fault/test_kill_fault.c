/*
 * Daemons that die, by any means, idle and in mid-task: the task resolves to 19 and says of what, the pool has its
 * daemons again, later tasks run. And under a steady rain of kills every task resolves exactly once.
 */
#include "story.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAEMONS = 2 };

static void check_pool_is_whole(mirai_pool *pool)
{
    assert_true(story_until_daemons(pool, DAEMONS));
    for (int i = 0; i < 6; i++)
        assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(i), mirai_int(1), MIRAI_END)), i + 1);
    assert_int_equal(story_status(pool).daemons_ready, DAEMONS);
}

static const mirai_value *check_lost(mirai_task *task)
{
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_LOST);
    assert_int_equal(mirai_value_error_code(error), 19);
    assert_true(mirai_value_error_inherits(error, "daemon_lost"));
    assert_true(mirai_value_int_or(mirai_value_get(error, "pid"), 0) > 1);
    assert_true(mirai_value_int_or(mirai_value_get(error, "daemon"), 0) > 0);
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "task"), 0), (int64_t)mirai_task_id(task));
    return error;
}

static void test_kill__in_mid_task_names_the_cause(void **state)
{
    (void)state;
    static const struct {
        const char *how, *signal, *word;
        int64_t exit_status;
    } ways[] = {
        {"kill", "SIGKILL", "SIGKILL", -1}, {"segv", "SIGSEGV", "SIGSEGV", -1}, {"abort", "SIGABRT", "SIGABRT", -1},
        {"exit0", "", "status 0", 0},       {"exit3", "", "status 3", 3},       {"_exit3", "", "status 3", 3},
    };
    mirai_pool *pool = story_open(DAEMONS);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        mirai_task *task = story_submit(pool, "crash", mirai_string(ways[i].how));
        const mirai_value *error = check_lost(task);
        assert_string_equal(story_field(error, "signal"), ways[i].signal);
        assert_int_equal(mirai_value_int_or(mirai_value_get(error, "exit_status"), -1), ways[i].exit_status);
        if (strstr(mirai_value_error_message(error), ways[i].word) == NULL)
            fail_msg("%s: %s", ways[i].how, mirai_value_error_message(error));
        assert_non_null(strstr(story_field(error, "stderr"), ways[i].how)); /* its last words */
        mirai_task_release(task);
        check_pool_is_whole(pool);
    }
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.lost, (int64_t)(sizeof ways / sizeof *ways));
    assert_int_equal(status.daemons_lost, status.lost);
    story_close(pool);
}

static void test_kill__from_outside_names_the_signal(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(DAEMONS);
    const char *path = story_path("spins");
    static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV};
    static const char *const names[] = {"SIGKILL", "SIGTERM", "SIGSEGV"};
    for (int i = 0; i < 9; i++) {
        story_remove_files();
        path = story_path("spins");
        mirai_task *task = story_submit(pool, "spin", mirai_string(path));
        assert_true(story_until_file(path));
        assert_int_equal(kill((pid_t)story_read_number(path), signals[i % 3]), 0);
        const mirai_value *error = check_lost(task);
        if (strcmp(story_field(error, "signal"), names[i % 3]) != 0)
            fail_msg("%s: %s", names[i % 3], mirai_value_error_message(error));
        mirai_task_release(task);
        check_pool_is_whole(pool);
    }
    story_close(pool);
    story_remove_files();
}

static void test_kill__of_the_connection_only(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(DAEMONS);
    mirai_task *task = story_submit(pool, "crash", mirai_string("close"));
    const mirai_value *error = check_lost(task);
    pid_t pid = (pid_t)mirai_value_int_or(mirai_value_get(error, "pid"), 0);
    assert_false(story_is_alive(pid)); /* lost means dead */
    mirai_task_release(task);
    check_pool_is_whole(pool);
    story_close(pool);
}

static void test_kill__of_idle_daemons_is_mended(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(DAEMONS);
    for (int round = 0; round < 5; round++) {
        pid_t pids[DAEMONS];
        int64_t lost = story_status(pool).daemons_lost;
        for (size_t i = 0; i < DAEMONS; i++) pids[i] = story_daemon_pid(pool, i);
        for (size_t i = 0; i < DAEMONS; i++) assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_true(story_until_lost(pool, lost + DAEMONS)); /* though nobody makes a call that waits */
        check_pool_is_whole(pool);
    }
    story_close(pool);
}

static void test_kill__takes_the_jobs_children_along(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    const char *path = story_path("child");
    mirai_task *task = story_submit(pool, "breed", mirai_string(path));
    assert_true(story_until_file(path));
    pid_t child = (pid_t)story_read_number(path);
    assert_int_equal(kill(story_daemon_pid(pool, 0), SIGKILL), 0);
    (void)check_lost(task);
    assert_true(story_until_dead(child));
    mirai_task_release(task);
    story_close(pool);
    story_remove_files();
}

static void check_command_goes_with(int signal_number)
{
    char script[256];
    const char *path = story_path("command");
    (void)snprintf(script, sizeof script, "sleep 54321 & sleep 54322 & echo $$ >%s; wait", path);
    mirai_pool *pool = story_open(1);
    pid_t daemon = story_daemon_pid(pool, 0);
    mirai_value *command = mirai_list_of(mirai_string("sh"), mirai_string("-c"), mirai_string(script), MIRAI_END);
    mirai_task *task = story_submit(pool, "mirai.exec", mirai_dict_of("command", command, MIRAI_END));
    assert_true(story_until_file(path));
    story_family family = story_family_of(daemon);
    assert_true(family.count >= 3);
    int64_t began = story_now_ms();
    assert_int_equal(kill(daemon, signal_number), 0);
    (void)check_lost(task);
    assert_true(story_until_extinct(&family));
    assert_true(story_now_ms() - began < story_bound_ms(1000));
    mirai_task_release(task);
    story_close(pool);
    story_remove_files();
}

static void test_kill__takes_the_command_of_exec_along(void **state)
{
    (void)state;
    check_command_goes_with(SIGKILL);
    check_command_goes_with(SIGABRT);
    check_command_goes_with(SIGSEGV);
}

/* ---- under load ------------------------------------------------------------------------------ */

typedef struct rain {
    pthread_t thread;
    mirai_pool *pool;
    _Atomic int stop;
    _Atomic int drops;
} rain;

/* One that has begun to work: were those hit that are starting, there might never be one where starting is slow. */
static pid_t pick(const mirai_value *daemon)
{
    const char *state = mirai_value_string(mirai_value_get(daemon, "state"));
    bool is_busy = state != NULL && strcmp(state, "busy") == 0;
    bool works = is_busy || mirai_value_int_or(mirai_value_get(daemon, "jobs"), 0) > 0;
    return works ? (pid_t)mirai_value_int_or(mirai_value_get(daemon, "pid"), -1) : -1;
}

static void *fall(void *context)
{
    rain *rain = context;
    unsigned seed = 99;
    while (!atomic_load(&rain->stop)) {
        mirai_value *all = mirai_pool_describe(rain->pool);
        const mirai_value *daemons = mirai_value_get(all, "daemons");
        size_t count = mirai_value_count(daemons);
        const mirai_value *one = count > 0 ? mirai_value_item(daemons, (size_t)rand_r(&seed) % count) : NULL;
        pid_t pid = pick(one);
        if (pid > 1 && kill(pid, SIGKILL) == 0) rain->drops++;
        mirai_value_release(all);
        /* where a daemon takes seconds to start, each is to do some work in its life */
        story_sleep_ms((5 + rand_r(&seed) % 20) * (story_in_valgrind() ? 20 : 1));
    }
    return NULL;
}

/* Under valgrind the fewest, as each daemon takes seconds to start; and as many more as there must be for one to die. */
enum { TASKS = 4000, FEWEST = TASKS / 20 };
static _Atomic int resolved[TASKS];

static void on_resolved(mirai_task *task, void *user)
{
    (void)task;
    atomic_fetch_add((_Atomic int *)user, 1);
}

static void test_kill__under_load_resolves_each_task_once(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(DAEMONS);
    rain rain = {.pool = pool};
    static mirai_task *tasks[TASKS];
    int total = 0, wrong = 0;
    assert_int_equal(pthread_create(&rain.thread, NULL, fall, &rain), 0);
    for (int i = 0; i < TASKS; i++, total++) {
        if (story_in_valgrind() && i >= FEWEST) {
            if (atomic_load(&rain.drops) > 0) break;
            story_sleep_ms(5);
        }
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.on_resolved = on_resolved;
        options.user = &resolved[i];
        tasks[i] = story_submit_with(pool, i % 10 == 0 ? "nap" : "echo", mirai_int(i % 7), &options);
    }
    for (int i = 0; i < total; i++) {
        wrong += mirai_task_wait(tasks[i], STORY_PATIENCE) != MIRAI_OK;
        mirai_outcome outcome = mirai_task_outcome(tasks[i]);
        wrong += outcome != MIRAI_OUTCOME_VALUE && outcome != MIRAI_OUTCOME_LOST;
    }
    atomic_store(&rain.stop, 1);
    assert_int_equal(pthread_join(rain.thread, NULL), 0);
    assert_int_equal(wrong, 0);
    assert_true(rain.drops > 0);
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.completed + status.lost, total);
    check_pool_is_whole(pool);
    story_assert_ok(mirai_pool_process(pool, NULL));
    for (int i = 0; i < total; i++) {
        wrong += resolved[i] != 1;
        mirai_task_release(tasks[i]);
    }
    assert_int_equal(wrong, 0);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill__in_mid_task_names_the_cause),
        cmocka_unit_test(test_kill__from_outside_names_the_signal),
        cmocka_unit_test(test_kill__of_the_connection_only),
        cmocka_unit_test(test_kill__of_idle_daemons_is_mended),
        cmocka_unit_test(test_kill__takes_the_jobs_children_along),
        cmocka_unit_test(test_kill__takes_the_command_of_exec_along),
        cmocka_unit_test(test_kill__under_load_resolves_each_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
