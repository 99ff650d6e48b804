/*
 * Daemons that stop answering are found while they have a task, and those that only work hard are not; a host that was
 * stopped itself blames nobody. The stopped host is this program, run once more.
 */
#include "story.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Three of them are what a daemon that is well may need on a machine that is not. */
static int64_t beat_ms = 200;

static mirai_pool *open_beating(int32_t daemons, int64_t heartbeat_ms)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.heartbeat_ms = heartbeat_ms;
    return story_open_with(daemons, &options);
}

/* Computes for args milliseconds without a pause. */
static mirai_value *compute(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    volatile double sum = 0;
    int64_t end = story_now_ms() + mirai_value_int_or(args, 0);
    for (int64_t i = 0; i % 1000 != 0 || story_now_ms() < end; i++) sum = sum + (double)i;
    return mirai_int(getpid());
}

static mirai_value *stop_itself(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    (void)raise(SIGSTOP);
    return mirai_int(getpid());
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("compute", compute, NULL));
    return mirai_function_register("stop_itself", stop_itself, NULL);
}

static void test_heartbeat__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.heartbeat_ms = -2;
    assert_int_equal(mirai_pool_open(&pool, "story", 1, &options), MIRAI_E_INVALID);
    assert_null(pool);
}

static void check_silent(mirai_task *task)
{
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_LOST);
    if (strstr(mirai_value_error_message(error), "has not answered for") == NULL)
        fail_msg("%s", mirai_value_error_message(error));
    assert_true(mirai_value_get(error, "heartbeat") != NULL);
    assert_null(mirai_value_get(error, "signal")); /* that was ours */
    mirai_task_release(task);
}

static void test_heartbeat__finds_a_stopped_daemon(void **state)
{
    (void)state;
    mirai_pool *pool = open_beating(2, beat_ms);
    int64_t began = story_now_ms();
    mirai_task *stopped = story_submit(pool, "stop_itself", mirai_null());
    mirai_task *healthy = story_submit(pool, "nap", mirai_int(10 * beat_ms));
    check_silent(stopped);
    assert_true(story_now_ms() - began >= 3 * beat_ms);
    assert_true(story_now_ms() - began < story_bound_ms(50 * beat_ms));
    (void)story_expect(healthy, MIRAI_OUTCOME_VALUE);
    mirai_task_release(healthy);
    assert_true(story_until_daemons(pool, 2));
    assert_int_equal(story_status(pool).daemons_lost, 1);
    story_close(pool);
}

/* So much that it is larger than what any buffer on the way holds, in pieces that travel on every way. */
static mirai_value *many_pieces(void)
{
    enum { COUNT = 2048, SIZE = 16384 };
    static const char bytes[SIZE];
    static mirai_value *pieces[COUNT];
    for (int i = 0; i < COUNT; i++) pieces[i] = mirai_bytes(bytes, SIZE);
    return mirai_list(pieces, COUNT);
}

/* Stopped while it was idle. */
static void test_heartbeat__finds_one_that_does_not_read(void **state)
{
    (void)state;
    mirai_pool *pool = open_beating(1, beat_ms);
    assert_int_equal(kill(story_daemon_pid(pool, 0), SIGSTOP), 0);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.losses = -1; /* else it is handed to the next one, since this one never began it */
    check_silent(story_submit_with(pool, "echo", many_pieces(), &options));
    assert_true(story_until_daemons(pool, 1));
    assert_int_equal(kill(story_daemon_pid(pool, 0), SIGSTOP), 0);
    mirai_task *task = story_submit(pool, "echo", many_pieces());
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    assert_int_equal(story_status(pool).daemons_lost, 2);
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
    story_close(pool);
}

static void test_heartbeat__spares_one_that_works_hard(void **state)
{
    (void)state;
    mirai_pool *pool = open_beating(1, 3 * beat_ms);
    pid_t pid = story_daemon_pid(pool, 0);
    assert_int_equal(story_number(pool, "compute", mirai_int(8 * beat_ms)), pid);
    assert_int_equal(story_number(pool, "nap", mirai_int(5 * beat_ms)), pid);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

static void test_heartbeat__leaves_idle_and_unwatched_daemons_alone(void **state)
{
    (void)state;
    mirai_pool *watched = open_beating(1, beat_ms), *unwatched = open_beating(1, -1);
    pid_t idle = story_daemon_pid(watched, 0), busy = story_daemon_pid(unwatched, 0);
    assert_int_equal(story_number(watched, "pid", mirai_null()), idle);
    assert_int_equal(kill(idle, SIGSTOP), 0);
    mirai_task *task = story_submit(unwatched, "stop_itself", mirai_null());
    assert_true(story_until_running(task));
    story_sleep_ms(10 * beat_ms);
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RUNNING);
    assert_int_equal(kill(idle, SIGCONT), 0);
    assert_int_equal(kill(busy, SIGCONT), 0);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), busy);
    assert_int_equal(story_number(watched, "pid", mirai_null()), idle);
    mirai_task_release(task);
    story_close(watched);
    story_close(unwatched);
}

/* ---- no wake-ups ----------------------------------------------------------------------------- */

static int64_t wakeups_of(const char *thread)
{
    char path[300], line[128] = "";
    int64_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file == NULL) continue;
        bool same = fgets(line, sizeof line, file) != NULL && strncmp(line, thread, strlen(thread)) == 0;
        (void)fclose(file);
        if (!same) continue;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL)
            if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0) count += strtoll(line + 24, NULL, 10);
        (void)fclose(file);
    }
    (void)closedir(folder);
    return count;
}

static void test_heartbeat__sleeps_while_nothing_is_out(void **state)
{
    (void)state;
    if (story_in_valgrind()) skip();
    mirai_pool *pool = open_beating(2, beat_ms);
    for (int i = 0; i < 100; i++) assert_true(story_number(pool, "pid", mirai_null()) > 1);
    int64_t before = -1, after = 0;
    /* One beat follows the last task, and only one. */
    for (int tries = 0; tries < 20 && after != before; tries++) {
        story_sleep_ms(20);
        before = wakeups_of("mirai-service");
        story_sleep_ms(5 * beat_ms);
        after = wakeups_of("mirai-service");
    }
    assert_true(before > 0);
    assert_int_equal(after, before);
    story_close(pool);
}

/* ---- a host that was stopped ----------------------------------------------------------------- */

/* Its task is out when it stops itself, again and again; its daemon must be the same afterwards. */
static int be_host(void)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.heartbeat_ms = beat_ms;
    mirai_pool *pool;
    mirai_task *task;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "host", 1, &options));
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "nap", mirai_int(30 * beat_ms), NULL));
    for (int i = 0; i < 3; i++) {
        story_sleep_ms(beat_ms + 20 * i);
        (void)raise(SIGSTOP);
    }
    MIRAI_EXIT_IF(mirai_task_wait(task, STORY_PATIENCE));
    int code = mirai_task_outcome(task) == MIRAI_OUTCOME_VALUE ? 0 : 3;
    mirai_task_release(task);
    (void)mirai_pool_close(pool, MIRAI_CANCEL, 0);
    return code;
}

static void test_heartbeat__stopped_host_blames_nobody(void **state)
{
    (void)state;
    const char *program = story_program();
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        (void)execl(program, program, "host", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    for (int stops = 0; waitpid(host, &status, WUNTRACED) == host && WIFSTOPPED(status); stops++) {
        story_sleep_ms(6 * beat_ms);
        assert_int_equal(kill(host, SIGCONT), 0);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
    if (story_bound_ms(1) > 3) beat_ms = 600; /* slowed down by sanitizers or valgrind */
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    if (argc == 2 && strcmp(argv[1], "host") == 0) return be_host();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heartbeat__refuses_bad_arguments),
        cmocka_unit_test(test_heartbeat__finds_a_stopped_daemon),
        cmocka_unit_test(test_heartbeat__finds_one_that_does_not_read),
        cmocka_unit_test(test_heartbeat__spares_one_that_works_hard),
        cmocka_unit_test(test_heartbeat__leaves_idle_and_unwatched_daemons_alone),
        cmocka_unit_test(test_heartbeat__sleeps_while_nothing_is_out),
        cmocka_unit_test(test_heartbeat__stopped_host_blames_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
