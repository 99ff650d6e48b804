/*
 * Starting processes: what they find, what they do not inherit, and how their end is seen.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "alloc.h"
#include "fault.h"
#include "spawn.h"

static void wait_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    while (poll(&poll_fd, 1, -1) != 1) continue;
}

/* Read its stderr to the end, and reap it. */
static char *end_of(mirai__process *process, mirai__death *death)
{
    mirai__tail tail = {NULL, 0};
    if (process->output_fd >= 0) {
        do {
            wait_readable(process->output_fd);
        } while (mirai__tail_read(&tail, process->output_fd));
    }
    wait_readable(process->pidfd);
    assert_int_equal(mirai__process_reap(process, death), MIRAI_OK);
    mirai__process_close(process);
    char *text = mirai__tail_text(&tail);
    mirai__tail_fini(&tail);
    return text;
}

/* A socket of which nothing is expected. */
static int any_socket(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    (void)close(fds[1]);
    return fds[0];
}

/* Run a shell script as a daemon; its last words. */
static char *shell(const char *script, int output, mirai__death *death)
{
    const char *const command[] = {"sh", "-c", script, NULL};
    int fd = any_socket();
    const mirai__spawn spawn = {.command = command, .output = output, .socket = fd, .launch = 77};
    mirai__process process;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    (void)close(fd);
    return end_of(&process, death);
}

static void assert_says(const char *script, const char *expected)
{
    mirai__death death;
    char *text = shell(script, MIRAI_OUTPUT_DISCARD, &death);
    assert_non_null(text);
    assert_string_equal(text, expected);
    mirai__free(text);
}

static void test_spawn__bad_arguments(void **state)
{
    (void)state;
    const char *const nothing[] = {NULL}, *const empty[] = {"", NULL},
                      *const echo[] = {"echo", NULL};
    const uint8_t token[MIRAI__TOKEN_SIZE] = {0};
    mirai__process process;
    mirai__spawn spawn = {.command = nothing, .socket = 0};
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_E_INVALID);
    assert_int_equal(process.pidfd, -1);
    spawn.command = empty;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_E_NOENT);
    spawn = (mirai__spawn){.command = echo, .socket = -1, .token = token};
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_E_INVALID);
    spawn = (mirai__spawn){.command = echo, .socket = -1, .url = "ipc:///tmp/x"};
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_E_INVALID);
}

static void assert_refused(const char *name, mirai_status expected, const char *words)
{
    const char *const command[] = {name, NULL};
    const mirai__spawn spawn = {.command = command, .socket = 0};
    mirai__process process;
    assert_int_equal(mirai__spawn_process(&spawn, &process), expected);
    if (strstr(mirai_error_detail(), words) == NULL)
        fail_msg("\"%s\" not in \"%s\"", words, mirai_error_detail());
}

static void test_spawn__missing_command_is_named(void **state)
{
    (void)state;
    char script[] = "/tmp/mirai-spawn-XXXXXX";
    int fd = mkstemp(script);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/nowhere/interpreter\n") > 0);
    (void)close(fd);
    assert_refused("no-such-command-here", MIRAI_E_NOENT, "no-such-command-here");
    assert_refused("/no/such/command", MIRAI_E_NOENT, "/no/such/command");
    assert_refused("/tmp", MIRAI_E_PERMISSION, "directory");
    assert_refused(script, MIRAI_E_PERMISSION, script);
    assert_int_equal(chmod(script, 0700), 0);
    const char *preload = getenv("LD_PRELOAD"); /* valgrind does not tell why a spawn failed */
    if (preload == NULL || strstr(preload, "vgpreload") == NULL)
        assert_refused(script, MIRAI_E_NOENT, "interpreter");
    assert_int_equal(unlink(script), 0);
}

static void test_spawn__end_is_told(void **state)
{
    (void)state;
    mirai__death death;
    char text[64];
    assert_null(shell("exit 7", MIRAI_OUTPUT_DISCARD, &death));
    assert_true(death.known);
    assert_int_equal(death.exit_status, 7);
    assert_int_equal(death.signal, 0);
    mirai__death_text(&death, text, sizeof text);
    assert_string_equal(text, "exited with status 7");

    assert_null(shell("kill -SEGV $$", MIRAI_OUTPUT_DISCARD, &death));
    assert_int_equal(death.exit_status, -1);
    assert_int_equal(death.signal, SIGSEGV);
    mirai__death_text(&death, text, sizeof text);
    assert_string_equal(text, "killed by signal 11 (SIGSEGV)");
    assert_string_equal(mirai__signal_name(SIGKILL), "SIGKILL");
    assert_null(mirai__signal_name(0));

    death.signal = 63;
    mirai__death_text(&death, text, sizeof text);
    assert_string_equal(text, "killed by signal 63");
    death.known = false;
    mirai__death_text(&death, text, sizeof text);
    assert_string_equal(text, "exited, but the host program reaped it");
}

static void test_spawn__last_words_are_kept(void **state)
{
    (void)state;
    assert_says("echo one >&2; echo two >&2; echo three", "one\ntwo");
    assert_says("printf 'no newline' >&2", "no newline");
    assert_says("printf 'a\\377b\\303\\251\\000c\\303\\n\\n' >&2", "a?b\xc3\xa9?c?");
    mirai__death death;
    char *text = shell("i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done",
                       MIRAI_OUTPUT_DISCARD, &death);
    assert_non_null(text);
    assert_memory_equal(text, "line ", 5);
    assert_string_equal(text + strlen(text) - 9, "line 1999");
    assert_true(strlen(text) < MIRAI__TAIL_SIZE && strlen(text) > MIRAI__TAIL_SIZE - 20);
    mirai__free(text);
}

static void test_spawn__environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("MIRAI_DAEMON_URL", "stale", 1), 0);
    assert_int_equal(setenv("MIRAI_DAEMON_FD", "99", 1), 0);
    assert_int_equal(setenv("MIRAI_TOKEN_FD", "98", 1), 0);
    assert_int_equal(setenv("MIRAI_MODULE_PATH", "kept", 1), 0);
    char expected[128];
    (void)snprintf(
        expected, sizeof expected,
        "MIRAI_DAEMON_FD=3\nMIRAI_DAEMON_HOST=%d\nMIRAI_DAEMON_LAUNCH=77\nMIRAI_MODULE_PATH=kept",
        (int)getpid());
    assert_says("env | grep ^MIRAI_ | sort >&2", expected);
    (void)unsetenv("MIRAI_DAEMON_URL");
    (void)unsetenv("MIRAI_DAEMON_FD");
    (void)unsetenv("MIRAI_TOKEN_FD");
    (void)unsetenv("MIRAI_MODULE_PATH");
}

/* "3 socket" and the like, for every descriptor of the shell's. (Not by a glob, which has one
 * itself.) */
static const char list_fds[] =
    "cd /proc/$$/fd; fd=0; while [ $fd -lt 64 ]; do if [ -e $fd ] || [ -L $fd ]; then "
    "case $(readlink $fd) in /dev/null) kind=null;; socket*) kind=socket;; "
    "pipe*) kind=pipe;; *) kind=other;; esac; echo $fd $kind >&2; fi; fd=$((fd+1)); done";

static void test_spawn__descriptors(void **state)
{
    (void)state;
    int leak = open("/dev/zero", O_RDONLY); /* not close-on-exec: the host program's own */
    assert_true(leak >= 0);
    assert_says(list_fds, "0 null\n1 null\n2 pipe\n3 socket");
    (void)close(leak);
}

static void test_spawn__host_without_standard_descriptors(void **state)
{
    (void)state;
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    (void)close(STDIN_FILENO);
    assert_says(list_fds,
                "0 null\n1 null\n2 pipe\n3 socket"); /* the socket was descriptor 0 here */
    if (saved >= 0) {
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
        (void)close(saved);
    }
}

static void test_spawn__inherited_output(void **state)
{
    (void)state;
    char path[] = "/tmp/mirai-spawn-XXXXXX", text[64] = "";
    int file = mkstemp(path);
    assert_true(file >= 0);
    (void)fflush(stdout);
    int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_int_equal(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    mirai__death death;
    char *words = shell("echo to stdout", MIRAI_OUTPUT_INHERIT, &death);
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(saved);
    assert_null(words);
    assert_int_equal(pread(file, text, sizeof text, 0), 10);
    assert_string_equal(text, "to stdout\n");
    (void)close(file);
    (void)unlink(path);
}

static void test_spawn__socket_reaches_the_host(void **state)
{
    (void)state;
    int fds[2];
    char text[16] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    const char *const command[] = {"sh", "-c", "echo hello >&3", NULL};
    const mirai__spawn spawn = {.command = command, .socket = fds[1]};
    mirai__process process;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    (void)close(fds[1]);
    assert_int_equal(recv(fds[0], text, 6, MSG_WAITALL), 6);
    assert_string_equal(text, "hello\n");
    assert_int_equal(recv(fds[0], text, 1, 0), 0); /* nobody else holds the other end */
    mirai__death death;
    assert_null(end_of(&process, &death));
    (void)close(fds[0]);
}

static void test_spawn__token_comes_by_descriptor(void **state)
{
    (void)state;
    const uint8_t token[MIRAI__TOKEN_SIZE + 1] = "0123456789abcdef";
    const char *const command[] = {
        "sh", "-c", "cat <&$MIRAI_TOKEN_FD >&2; echo \" $MIRAI_DAEMON_URL\" >&2", NULL};
    const mirai__spawn spawn = {
        .command = command, .socket = -1, .url = "ipc:///tmp/x", .token = token};
    mirai__process process;
    mirai__death death;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    char *text = end_of(&process, &death);
    assert_string_equal(text, "0123456789abcdef ipc:///tmp/x");
    mirai__free(text);
}

static void test_spawn__signals_are_as_at_login(void **state)
{
    (void)state;
    sigset_t all, before;
    (void)sigfillset(&all);
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* Signals 32 and 33 are the C library's own, which ignores them in what it spawns. */
    assert_says("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t' | sed "
                "s/0000000180000000/0000000000000000/ "
                ">&2",
                "SigBlk:0000000000000000\nSigIgn:0000000000000000");
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)signal(SIGPIPE, old);
}

/* A script that starts a grandchild which holds stderr: the pipe ends when both are gone. */
static const char with_grandchild[] = "sleep 1000 & echo started >&2; wait";

static void test_spawn__kill_reaches_the_whole_group(void **state)
{
    (void)state;
    const char *const command[] = {"sh", "-c", with_grandchild, NULL};
    int fd = any_socket();
    const mirai__spawn spawn = {.command = command, .socket = fd};
    mirai__process process;
    mirai__death death;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    (void)close(fd);
    wait_readable(process.output_fd);
    assert_int_equal(getpgid(process.pid), process.pid);
    assert_int_equal(mirai__process_reap(&process, &death), MIRAI_E_AGAIN);
    mirai__process_kill(&process, SIGKILL);
    mirai__free(end_of(&process, &death));
    assert_int_equal(death.signal, SIGKILL);
    mirai__process_kill(&process, SIGKILL); /* harmless */
}

static void test_spawn__reaping_leaves_nothing_of_the_group(void **state)
{
    (void)state;
    const char *const command[] = {"sh", "-c", "sleep 1000 & exit 4", NULL};
    int fd = any_socket();
    const mirai__spawn spawn = {.command = command, .socket = fd};
    mirai__process process;
    mirai__death death;
    mirai__tail tail = {NULL, 0};
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    (void)close(fd);
    wait_readable(process.pidfd);
    assert_int_equal(mirai__process_reap(&process, &death), MIRAI_OK);
    assert_int_equal(death.exit_status, 4);
    wait_readable(process.output_fd); /* its end: the grandchild, which held it, was killed */
    assert_false(mirai__tail_read(&tail, process.output_fd));
    assert_int_equal(mirai__process_reap(&process, &death), MIRAI_OK);
    assert_false(death.known);
    mirai__process_close(&process);
}

/* Its number is not ours any more, though here nobody else has it yet. */
static void test_spawn__one_that_others_reaped_is_not_signalled(void **state)
{
    (void)state;
    const char *const command[] = {"sh", "-c", "sleep 1000 & exit 4", NULL};
    int fd = any_socket();
    const mirai__spawn spawn = {.command = command, .socket = fd};
    mirai__process process;
    mirai__death death;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    (void)close(fd);
    assert_int_equal(waitpid(process.pid, NULL, 0), process.pid);
    mirai__process_kill(&process, SIGKILL);
    process.is_gone = true;
    mirai__process_kill(&process, SIGKILL);
    process.is_gone = false;
    struct pollfd held = {.fd = process.output_fd, .events = POLLIN};
    assert_int_equal(poll(&held, 1, 50), 0); /* the grandchild has it still */
    assert_int_equal(kill(-process.pid, SIGKILL), 0);
    wait_readable(process.output_fd);
    assert_int_equal(mirai__process_reap(&process, &death), MIRAI_OK);
    assert_false(death.known);
    mirai__process_close(&process);
}

static void test_spawn__host_that_reaps_all(void **state)
{
    (void)state;
    mirai__death death;
    void (*old)(int) = signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 20; i++) { /* some are gone before they are watched */
        assert_null(shell("exit 5", MIRAI_OUTPUT_DISCARD, &death));
        assert_false(death.known);
    }
    (void)signal(SIGCHLD, old);
}

static void test_spawn__missing_library_is_named(void **state)
{
    (void)state;
    const char *const command[] = {NEEDS_MISSING, NULL};
    int fd = any_socket();
    const mirai__spawn spawn = {.command = command, .socket = fd};
    mirai__process process;
    mirai__death death;
    assert_int_equal(mirai__spawn_process(&spawn, &process), MIRAI_OK);
    (void)close(fd);
    char *text = end_of(&process, &death);
    assert_int_equal(death.exit_status, 127);
    assert_non_null(strstr(text, "libmissing_library"));
    mirai__free(text);
}

/* ---- from many threads ---- */

typedef struct worker {
    pthread_t thread;
    int wrong;
} worker;

static void *spawn_many(void *argument)
{
    worker *worker = argument;
    const char *const command[] = {"sh", "-c", list_fds, NULL};
    for (int i = 0; i < 10; i++) {
        int fds[2];
        mirai__process process;
        mirai__death death;
        mirai__tail tail = {NULL, 0};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) break;
        const mirai__spawn spawn = {.command = command, .socket = fds[1]};
        if (mirai__spawn_process(&spawn, &process) != MIRAI_OK) {
            worker->wrong++;
        } else {
            do {
                wait_readable(process.output_fd);
            } while (mirai__tail_read(&tail, process.output_fd));
            wait_readable(process.pidfd);
            char *text = mirai__tail_text(&tail);
            bool right = mirai__process_reap(&process, &death) == MIRAI_OK && death.known &&
                         text != NULL && strcmp(text, "0 null\n1 null\n2 pipe\n3 socket") == 0;
            worker->wrong += !right;
            mirai__free(text);
            mirai__tail_fini(&tail);
            mirai__process_close(&process);
        }
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
    return NULL;
}

static void test_spawn__from_many_threads(void **state)
{
    (void)state;
    worker workers[4] = {{0}};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, spawn_many, &workers[i]), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(workers[i].wrong, 0);
}

static int open_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void test_spawn__every_failure_is_clean(void **state)
{
    (void)state;
    const uint8_t token[MIRAI__TOKEN_SIZE] = {1};
    const char *const command[] = {"sh", "-c", "exit 0", NULL};
    const mirai__spawn spawn = {
        .command = command, .socket = -1, .url = "ipc:///tmp/x", .token = token};
    int before = open_fds();
    bool done = false;
    int successes = 0;
    for (int64_t n = 1; !done; n++) {
        mirai__process process;
        mirai__death death;
        mirai__fault_arm(n, false);
        mirai_status status = mirai__spawn_process(&spawn, &process);
        done = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK) {
            successes++;
            assert_null(end_of(&process, &death));
            assert_true(death.known);
            assert_int_equal(death.exit_status, 0);
        }
        while (open_fds() != before)
            (void)sched_yield(); /* the thread that watches has one until it is gone */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
        assert_true(n < 100);
    }
    assert_int_equal(successes, 2); /* without any fault, and without a pidfd */
}

/* ---- which program ---- */

static void test_spawn__program_is_miraicored_until_main_says_otherwise(void **state)
{
    (void)state;
    char *path, self[4096],
        *argv[] = {(char *)(uintptr_t) "name", (char *)(uintptr_t) "argument", NULL};
    bool is_self = true;
    uint8_t id[MIRAI__BUILD_ID_SIZE], zeros[MIRAI__BUILD_ID_SIZE] = {0};
    assert_int_equal(mirai_launch_program(NULL), MIRAI_E_INVALID);
    assert_int_equal(setenv("MIRAICORED", "/no/such/daemon", 1), 0);
    assert_int_equal(mirai_launch_program(&path), MIRAI_E_NOENT);
    assert_non_null(strstr(mirai_error_detail(), "/no/such/daemon"));
    assert_int_equal(setenv("MIRAICORED", "/bin/true", 1), 0);
    assert_int_equal(mirai__program(&path, &is_self), MIRAI_OK);
    assert_string_equal(path, "/bin/true");
    assert_false(is_self);
    assert_null(mirai__program_arguments());
    mirai__free(path);

    mirai__program_is_self(2, argv);
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = '\0';
    assert_int_equal(mirai_launch_program(&path), MIRAI_OK);
    assert_string_equal(path, self);
    mirai__free(path);
    assert_string_equal(mirai__program_arguments()[1], "argument");
    assert_null(mirai__program_arguments()[2]);
    (void)unsetenv("MIRAICORED");
    mirai__program_build_id(id);
    assert_memory_not_equal(id, zeros, sizeof id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn__bad_arguments),
        cmocka_unit_test(test_spawn__missing_command_is_named),
        cmocka_unit_test(test_spawn__end_is_told),
        cmocka_unit_test(test_spawn__last_words_are_kept),
        cmocka_unit_test(test_spawn__environment),
        cmocka_unit_test(test_spawn__descriptors),
        cmocka_unit_test(test_spawn__host_without_standard_descriptors),
        cmocka_unit_test(test_spawn__inherited_output),
        cmocka_unit_test(test_spawn__socket_reaches_the_host),
        cmocka_unit_test(test_spawn__token_comes_by_descriptor),
        cmocka_unit_test(test_spawn__signals_are_as_at_login),
        cmocka_unit_test(test_spawn__kill_reaches_the_whole_group),
        cmocka_unit_test(test_spawn__reaping_leaves_nothing_of_the_group),
        cmocka_unit_test(test_spawn__one_that_others_reaped_is_not_signalled),
        cmocka_unit_test(test_spawn__host_that_reaps_all),
        cmocka_unit_test(test_spawn__missing_library_is_named),
        cmocka_unit_test(test_spawn__from_many_threads),
        cmocka_unit_test(test_spawn__every_failure_is_clean),
        cmocka_unit_test(test_spawn__program_is_miraicored_until_main_says_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
