/*
 * A host that forks amid traffic: in the child every call fails at once, the parent goes on unharmed, and a child that
 * stays keeps no daemon alive.
 */
#include "story.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct traffic {
    pthread_t thread;
    mirai_pool *pool;
    _Atomic int stop, wrong, done;
} traffic;

static void *flow(void *context)
{
    traffic *traffic = context;
    while (!atomic_load(&traffic->stop)) {
        mirai_task *task = NULL;
        const mirai_value *value = NULL;
        if (mirai_pool_submit(traffic->pool, &task, "echo", mirai_int(6), NULL) != MIRAI_OK ||
            mirai_task_wait(task, STORY_PATIENCE) != MIRAI_OK || mirai_task_result(task, &value) != MIRAI_OK ||
            mirai_value_int_or(value, 0) != 6)
            traffic->wrong++;
        mirai_task_release(task);
        traffic->done++;
    }
    return NULL;
}

/* Number of the first call that does not say E_FORKED; 0 when all do. */
static int try_tasks(mirai_pool *pool, mirai_task *task)
{
    mirai_task *late = NULL;
    const mirai_value *value = NULL;
    if (mirai_task_wait(task, MIRAI_FOREVER) != MIRAI_E_FORKED) return 1;
    if (mirai_pool_submit(pool, &late, "echo", mirai_int(1), NULL) != MIRAI_E_FORKED) return 2;
    if (mirai_task_result(task, &value) != MIRAI_E_FORKED) return 3;
    if (mirai_task_outcome(task) != MIRAI_E_FORKED) return 4;
    if (mirai_task_cancel(task, NULL) != MIRAI_E_FORKED) return 5;
    if (mirai_task_state(task) != 0) return 6;
    mirai_task_release(task);
    return 0;
}

/* The same for pools, from 11 on. */
static int try_pools(mirai_pool *pool)
{
    mirai_pool *fresh = NULL;
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    int fd;
    size_t handled;
    if (mirai_pool_open(&fresh, NULL, 1, NULL) != MIRAI_E_FORKED) return 11;
    if (mirai_pool_everywhere(pool, NULL, "echo", mirai_int(1), NULL) != MIRAI_E_FORKED) return 12;
    if (mirai_pool_load(pool, "x") != MIRAI_E_FORKED) return 13;
    if (mirai_pool_refhook_register(pool, "x", &hook) != MIRAI_E_FORKED) return 14;
    if (mirai_pool_fd(pool, &fd) != MIRAI_E_FORKED) return 15;
    if (mirai_pool_process(pool, &handled) != MIRAI_E_FORKED) return 16;
    if (mirai_pool_get_status(pool, &status) != MIRAI_E_FORKED) return 17;
    if (mirai_pool_describe(pool) != NULL) return 18;
    mirai_pool_interrupt(pool);
    return mirai_pool_close(pool, MIRAI_DRAIN, MIRAI_FOREVER) != MIRAI_E_FORKED ? 19 : 0;
}

/* End with a status by another program, so that valgrind does not look for leaks in a forked child. */
static _Noreturn void become(int status)
{
    char command[32];
    (void)snprintf(command, sizeof command, "exit %d", status);
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void test_fork__makes_every_call_fail_in_the_child(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    traffic traffic[2] = {{.pool = pool}, {.pool = pool}};
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&traffic[i].thread, NULL, flow, &traffic[i]), 0);
    for (int i = 0; i < 30; i++) {
        mirai_task *task = story_submit(pool, "nap", mirai_int(i % 3));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)alarm(60); /* "at once": a call that hangs ends the child by a signal */
            int number = try_tasks(pool, task);
            become(number != 0 ? number : try_pools(pool));
        }
        int how = 0;
        while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
        (void)story_expect(task, MIRAI_OUTCOME_VALUE);
        mirai_task_release(task);
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&traffic[i].stop, 1);
        assert_int_equal(pthread_join(traffic[i].thread, NULL), 0);
        assert_int_equal(traffic[i].wrong, 0);
        assert_true(traffic[i].done > 0);
    }
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

#ifdef __SANITIZE_ADDRESS__
/* The leak checker would look for its parent's threads in the child that exits. */
static int is_child;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_child;
}
#endif

static void test_fork__lets_the_child_exit(void **state)
{
    (void)state;
    if (story_in_valgrind()) skip(); /* it would look for leaks in the child, which may free nothing */
    mirai_pool *pool = story_open(1);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60);
#ifdef __SANITIZE_ADDRESS__
        is_child = 1;
#endif
        exit(0); /* with what the process has registered to run at exit */
    }
    int how = 0;
    while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(1), MIRAI_END)), 2);
    story_close(pool);
}

static void test_fork__child_that_stays_does_not_delay_a_close(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (;;) (void)pause();
    }
    mirai_task *task = story_submit(pool, "crash", mirai_string("kill")); /* a death is seen all the same */
    (void)story_expect(task, MIRAI_OUTCOME_LOST);
    mirai_task_release(task);
    assert_true(story_until_daemons(pool, 2));
    int64_t began = story_now_ms();
    story_close(pool);
    assert_true(story_now_ms() - began < story_bound_ms(2000));
    (void)kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
}

/* The host: a pool, a child that stays; tells the numbers of both daemons and of the child. */
static int be_host(void)
{
    mirai_pool *pool;
    mirai_task *task;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, NULL, 2, NULL));
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "spin", mirai_null(), NULL));
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDOUT_FILENO);
        for (;;) (void)pause();
    }
    mirai_value *all = mirai_pool_describe(pool);
    (void)printf("%ld %ld %ld\n", (long)child, (long)mirai_value_int_or(mirai_value_at(all, "daemons[0].pid"), 0),
                 (long)mirai_value_int_or(mirai_value_at(all, "daemons[1].pid"), 0));
    (void)fflush(stdout);
    for (;;) (void)pause();
}

static void test_fork__child_that_stays_keeps_no_daemon_alive(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)execl(story_program(), "test", "host", (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    long child = 0, first = 0, second = 0;
    FILE *told = fdopen(ends[0], "r");
    assert_non_null(told);
    assert_int_equal(fscanf(told, "%ld %ld %ld", &child, &first, &second), 3);
    (void)fclose(told);
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_int_equal(waitpid(host, NULL, 0), host);
    int64_t began = story_now_ms();
    assert_true(story_until_dead((pid_t)first));
    assert_true(story_until_dead((pid_t)second));
    assert_true(story_now_ms() - began < story_bound_ms(1000));
    assert_true(story_is_alive((pid_t)child));
    (void)kill((pid_t)child, SIGKILL);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    if (argc == 2 && strcmp(argv[1], "host") == 0) return be_host();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork__makes_every_call_fail_in_the_child),
        cmocka_unit_test(test_fork__lets_the_child_exit),
        cmocka_unit_test(test_fork__child_that_stays_does_not_delay_a_close),
        cmocka_unit_test(test_fork__child_that_stays_keeps_no_daemon_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
