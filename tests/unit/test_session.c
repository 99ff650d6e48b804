/*
 * What a process learns of being a daemon. Each case runs in a child of its own, since a process
 * learns it once.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "session.h"
#include <miraicore/daemon.h>

/* The case's code in a child: it returns 0, or the line that failed. */
static void assert_in_child(int (*run)(void))
{
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(run() & 0xff);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,              \
                          mirai_error_detail());                                                   \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static int no_daemon(void)
{
    mirai__session session;
    mirai_daemon *daemon;
    CHECK(!mirai__session_is_daemon());
    CHECK(mirai_on_daemon() == 0);
    CHECK(!mirai__session_has_entered());
    CHECK(mirai__session_take(&session) == MIRAI_E_STATE);
    CHECK(mirai_daemon_open(NULL) == MIRAI_E_INVALID);
    CHECK(mirai_daemon_open(&daemon) == MIRAI_E_STATE);
    CHECK(daemon == NULL);
    mirai_job *job;
    CHECK(mirai_daemon_next(NULL, &job, 0) == MIRAI_E_INVALID);
    CHECK(mirai_daemon_run(NULL) == MIRAI_E_INVALID);
    CHECK(mirai_main(1, NULL, NULL) == MIRAI_E_INVALID);
    mirai_daemon_close(NULL);
    return 0;
}

static void test_session__none(void **state)
{
    (void)state;
    assert_in_child(no_daemon);
}

static int with_socket(void)
{
    int fds[2];
    char text[16];
    mirai__session session;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    (void)snprintf(text, sizeof text, "%d", fds[0]);
    (void)setenv("MIRAI_DAEMON_FD", text, 1);
    (void)setenv("MIRAI_DAEMON_LAUNCH", "12345678901", 1);
    (void)setenv("MIRAI_DAEMON_SELF", "1", 1);
    CHECK(mirai_on_daemon() == 1);
    CHECK(mirai__session_take(&session) == MIRAI_OK);
    CHECK(session.socket == fds[0] && session.url == NULL);
    CHECK(session.launch == 12345678901 && session.is_self);
    CHECK(getenv("MIRAI_DAEMON_FD") == NULL && getenv("MIRAI_DAEMON_LAUNCH") == NULL);
    CHECK(getenv("MIRAI_DAEMON_SELF") == NULL);
    CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
    CHECK(mirai_on_daemon() == 1); /* although the environment is clean now */
    CHECK(mirai__session_take(&session) == MIRAI_E_STATE);
    CHECK(!mirai__session_has_entered());
    mirai__session_enter();
    CHECK(mirai__session_has_entered());
    return 0;
}

static void test_session__inherited_socket(void **state)
{
    (void)state;
    assert_in_child(with_socket);
}

static int with_address(void)
{
    int fds[2];
    char text[16];
    mirai__session session;
    CHECK(pipe(fds) == 0);
    CHECK(write(fds[1], "0123456789abcdef", MIRAI__TOKEN_SIZE) == MIRAI__TOKEN_SIZE);
    (void)snprintf(text, sizeof text, "%d", fds[0]);
    (void)setenv("MIRAI_DAEMON_URL", "ipc:///tmp/x", 1);
    (void)setenv("MIRAI_TOKEN_FD", text, 1);
    CHECK(mirai__session_is_daemon());
    CHECK(mirai__session_take(&session) == MIRAI_OK);
    CHECK(session.socket == -1 && strcmp(session.url, "ipc:///tmp/x") == 0);
    CHECK(memcmp(session.token, "0123456789abcdef", MIRAI__TOKEN_SIZE) == 0);
    CHECK(session.launch == 0 && !session.is_self);
    CHECK(fcntl(fds[0], F_GETFD) == -1); /* closed */
    CHECK(getenv("MIRAI_DAEMON_URL") == NULL && getenv("MIRAI_TOKEN_FD") == NULL);
    free(session.url);
    return 0;
}

static void test_session__address_and_token(void **state)
{
    (void)state;
    assert_in_child(with_address);
}

static int short_token(void)
{
    int fds[2];
    char text[16];
    mirai__session session;
    CHECK(pipe(fds) == 0);
    CHECK(write(fds[1], "0123", 4) == 4);
    (void)close(fds[1]);
    (void)snprintf(text, sizeof text, "%d", fds[0]);
    (void)setenv("MIRAI_DAEMON_URL", "ipc:///tmp/x", 1);
    (void)setenv("MIRAI_TOKEN_FD", text, 1);
    CHECK(mirai__session_take(&session) == MIRAI_E_INVALID);
    CHECK(strstr(mirai_error_detail(), "4 of 16") != NULL);
    CHECK(getenv("MIRAI_DAEMON_URL") == NULL);
    return 0;
}

static const char *malformed_fd;

static int malformed(void)
{
    mirai__session session;
    (void)setenv("MIRAI_DAEMON_FD", malformed_fd, 1);
    CHECK(mirai__session_is_daemon());
    CHECK(mirai__session_take(&session) == MIRAI_E_INVALID);
    CHECK(strstr(mirai_error_detail(), "MIRAI_DAEMON_FD") != NULL);
    CHECK(session.socket == -1);
    return 0;
}

static int no_token(void)
{
    mirai__session session;
    (void)setenv("MIRAI_DAEMON_URL", "ipc:///tmp/x", 1);
    CHECK(mirai__session_take(&session) == MIRAI_E_INVALID);
    CHECK(strstr(mirai_error_detail(), "MIRAI_TOKEN_FD") != NULL);
    return 0;
}

static void test_session__nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",    "x", "3x", "-1", "99999", "99999999999999999999",
                                        "1000"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        malformed_fd = cases[i];
        assert_in_child(malformed);
    }
    int file = open("/dev/null", O_RDONLY); /* open, but no socket */
    char text[16];
    (void)snprintf(text, sizeof text, "%d", file);
    malformed_fd = text;
    assert_in_child(malformed);
    (void)close(file);
    assert_in_child(short_token);
    assert_in_child(no_token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session__none),
        cmocka_unit_test(test_session__inherited_socket),
        cmocka_unit_test(test_session__address_and_token),
        cmocka_unit_test(test_session__nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
