/*
 * Signals: an interrupted wait, library threads that block everything, daemons untouched by what their host did to its
 * own, Ctrl-C at a terminal, and hosts that reap or ignore all children.
 */
#include "story.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static mirai_pool *handled_pool; /* what the handler interrupts */

static void on_sigint(int number)
{
    (void)number;
    mirai_pool_interrupt(handled_pool);
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(number, &action, NULL), 0);
}

static void *send_sigint(void *context)
{
    story_sleep_ms(50);
    (void)kill(*(pid_t *)context, SIGINT);
    return NULL;
}

static void test_signal__interrupts_a_wait(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    handled_pool = pool;
    set_handler(SIGINT, on_sigint);
    pid_t self = getpid();
    for (int i = 0; i < 5; i++) {
        pthread_t sender;
        mirai_task *task = story_submit(pool, "obey", mirai_null());
        assert_int_equal(pthread_create(&sender, NULL, send_sigint, &self), 0);
        assert_int_equal(mirai_task_wait(task, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
        assert_int_equal(pthread_join(sender, NULL), 0);
        assert_int_equal(mirai_task_wait(task, 10), MIRAI_E_TIMEDOUT); /* it hits one wait */
        story_assert_ok(mirai_task_cancel(task, NULL));
        mirai_task_release(task);
    }
    set_handler(SIGINT, SIG_DFL);
    handled_pool = NULL;
    story_close(pool);
}

static void test_signal__interrupt_before_a_wait_hits_the_next(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "obey", mirai_null());
    mirai_pool_interrupt(pool);
    mirai_pool_interrupt(pool);
    story_sleep_ms(20); /* so that the service thread has seen it */
    assert_int_equal(mirai_task_wait(task, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(task, 10), MIRAI_E_TIMEDOUT);
    mirai_pool_interrupt(pool);
    assert_int_equal(mirai_pool_everywhere(pool, NULL, "echo", mirai_null(), NULL), MIRAI_E_INTERRUPTED);
    mirai_pool_interrupt(pool);
    assert_int_equal(mirai_pool_close(pool, MIRAI_DRAIN, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
    (void)story_expect(task, MIRAI_OUTCOME_CLOSED);
    mirai_task_release(task);
}

typedef struct waiting {
    pthread_t thread;
    mirai_task *task;
    mirai_status status;
} waiting;

static void *wait_for(void *context)
{
    waiting *self = context;
    self->status = mirai_task_wait(self->task, STORY_PATIENCE);
    return NULL;
}

static void test_signal__interrupts_all_waits_at_once(void **state)
{
    (void)state;
    enum { THREADS = 5 };
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "obey", mirai_null());
    waiting threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (waiting){.task = task, .status = 1};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, wait_for, &threads[i]), 0);
    }
    story_sleep_ms(story_bound_ms(100)); /* so that all of them wait */
    mirai_pool_interrupt(pool);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
        assert_int_equal(threads[i].status, MIRAI_E_INTERRUPTED);
    }
    story_close(pool);
    mirai_task_release(task);
}

/* ---- masks ----------------------------------------------------------------------------------- */

/* glibc keeps the signals 32 and 33 to itself. */
#define GLIBC (UINT64_C(3) << 31)

static void test_signal__library_threads_block_all(void **state)
{
    (void)state;
    if (story_in_valgrind()) skip(); /* the kernel then sees the masks of valgrind */
    mirai_pool *pool = story_open(1);
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(1), MIRAI_END)), 2);
    const uint64_t stop_and_kill = UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1);
    const uint64_t all = ~(stop_and_kill | GLIBC);
    DIR *dir = opendir("/proc/self/task");
    assert_non_null(dir);
    const struct dirent *item;
    size_t others = 0;
    while ((item = readdir(dir)) != NULL) {
        long id = strtol(item->d_name, NULL, 10);
        if (id <= 0 || id == getpid()) continue;
        char path[96];
        (void)snprintf(path, sizeof path, "/proc/self/task/%ld/status", id);
        uint64_t blocked = story_status_mask(path, "SigBlk");
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
        if (blocked == 0) continue; /* a thread of the sanitizer's */
#endif
        if ((blocked & all) != all) fail_msg("thread %ld blocks only %llx", id, (unsigned long long)blocked);
        others++;
    }
    (void)closedir(dir);
    assert_true(others > 0);
    story_close(pool);
}

static int64_t read_field(const mirai_value *value, const char *key)
{
    return mirai_value_int_or(mirai_value_get(value, key), -1);
}

static void check_daemon_signals(void)
{
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "signals", mirai_null());
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal((uint64_t)read_field(value, "blocked") & ~GLIBC, 0);
    assert_int_equal((uint64_t)read_field(value, "ignored") & ~GLIBC, 0);
    assert_int_equal(read_field(value, "group"), read_field(value, "pid"));
    assert_int_not_equal(read_field(value, "group"), getpgrp());
    mirai_task_release(task);
    story_close(pool);
}

static void test_signal__daemons_have_defaults_whatever_the_host_has(void **state)
{
    (void)state;
    sigset_t all, before;
    (void)sigfillset(&all);
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGUSR1, SIG_IGN);
    set_handler(SIGTERM, on_sigint);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
    check_daemon_signals();
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    set_handler(SIGPIPE, SIG_DFL);
    set_handler(SIGUSR1, SIG_DFL);
    set_handler(SIGTERM, SIG_DFL);
    check_daemon_signals();
}

static void test_signal__daemons_inherit_no_descriptor(void **state)
{
    (void)state;
    int leaky[2]; /* without FD_CLOEXEC */
    assert_int_equal(pipe(leaky), 0);
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "descriptors", mirai_null());
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_pool *other = story_open(1);
    mirai_task *second = story_submit(other, "descriptors", mirai_null());
    const mirai_value *theirs = story_expect(second, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_value_count(value), mirai_value_count(theirs)); /* nothing of the first pool's either */
    assert_true(mirai_value_count(value) < 20);
    mirai_task_release(task);
    mirai_task_release(second);
    story_close(other);
    story_close(pool);
    (void)close(leaky[0]);
    (void)close(leaky[1]);
}

/* ---- a terminal ------------------------------------------------------------------------------ */

/* The host under a terminal: two daemons at work; Ctrl-C interrupts its wait, and its daemons go on. */
static int be_terminal_host(void)
{
    mirai_pool *pool;
    mirai_task *task;
    const mirai_value *value;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, NULL, 2, NULL));
    handled_pool = pool;
    struct sigaction action = {.sa_handler = on_sigint};
    (void)sigaction(SIGINT, &action, NULL);
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "nap", mirai_int(1000), NULL));
    (void)printf("ready\n");
    (void)fflush(stdout);
    if (mirai_task_wait(task, STORY_PATIENCE) != MIRAI_E_INTERRUPTED) return 2;
    MIRAI_EXIT_IF(mirai_task_wait(task, STORY_PATIENCE));
    if (mirai_task_outcome(task) != MIRAI_OUTCOME_VALUE) return 3;
    MIRAI_EXIT_IF(mirai_task_result(task, &value));
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    MIRAI_EXIT_IF(mirai_pool_get_status(pool, &status));
    if (status.daemons_lost != 0) return 4;
    mirai_task_release(task);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}

static void test_signal__ctrl_c_at_a_terminal_spares_daemons(void **state)
{
    (void)state;
    if (story_in_valgrind()) skip(); /* it does not know how a terminal is opened */
    int terminal;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(child >= 0);
    if (child == 0) {
        (void)execl(story_program(), "test", "terminal", (char *)NULL);
        _exit(127);
    }
    char text[256] = "";
    size_t size = 0;
    while (strstr(text, "ready") == NULL && size < sizeof text - 1) {
        ssize_t got = read(terminal, text + size, sizeof text - 1 - size);
        if (got <= 0) break;
        size += (size_t)got;
    }
    assert_non_null(strstr(text, "ready"));
    story_sleep_ms(50);
    assert_int_equal(write(terminal, "\003", 1), 1);
    int how = 0;
    while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    (void)close(terminal);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

/* ---- hosts with habits ----------------------------------------------------------------------- */

static void check_deaths_are_seen(void)
{
    mirai_pool *pool = story_open(2);
    for (int i = 0; i < 5; i++) {
        mirai_task *task = story_submit(pool, "crash", mirai_string(i % 2 == 0 ? "kill" : "exit3"));
        const mirai_value *error = story_expect(task, MIRAI_OUTCOME_LOST);
        assert_true(strlen(mirai_value_error_message(error)) > 0);
        mirai_task_release(task);
        assert_true(story_until_daemons(pool, 2));
    }
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(1), MIRAI_END)), 2);
    story_close(pool);
}

static void test_signal__host_that_ignores_sigchld(void **state)
{
    (void)state;
    set_handler(SIGCHLD, SIG_IGN);
    check_deaths_are_seen();
    set_handler(SIGCHLD, SIG_DFL);
}

static void *reap_all(void *context)
{
    const _Atomic int *stop = context;
    while (!atomic_load(stop))
        if (waitpid(-1, NULL, WNOHANG) <= 0) (void)sched_yield();
    return NULL;
}

static void test_signal__host_that_reaps_all_children(void **state)
{
    (void)state;
    _Atomic int stop = 0;
    pthread_t reaper;
    assert_int_equal(pthread_create(&reaper, NULL, reap_all, &stop), 0);
    for (int i = 0; i < 3; i++) check_deaths_are_seen();
    atomic_store(&stop, 1);
    assert_int_equal(pthread_join(reaper, NULL), 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    if (argc == 2 && strcmp(argv[1], "terminal") == 0) return be_terminal_host();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signal__interrupts_a_wait),
        cmocka_unit_test(test_signal__interrupt_before_a_wait_hits_the_next),
        cmocka_unit_test(test_signal__interrupts_all_waits_at_once),
        cmocka_unit_test(test_signal__library_threads_block_all),
        cmocka_unit_test(test_signal__daemons_have_defaults_whatever_the_host_has),
        cmocka_unit_test(test_signal__daemons_inherit_no_descriptor),
        cmocka_unit_test(test_signal__ctrl_c_at_a_terminal_spares_daemons),
        cmocka_unit_test(test_signal__host_that_ignores_sigchld),
        cmocka_unit_test(test_signal__host_that_reaps_all_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
