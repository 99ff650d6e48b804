/*
 * mirai.exec: arguments that are refused, large inputs and outputs, and commands that must be
 * stopped.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "fault.h"
#include "functions.h"
#include "job.h"

static mirai_value *words(const char *a, const char *b, const char *c)
{
    return mirai_list_of(mirai_string(a), mirai_string(b), mirai_string(c), MIRAI_END);
}

static mirai_value *shell(const char *script)
{
    return words("sh", "-c", script);
}

/* Takes args. */
static mirai_value *run(mirai_value *args)
{
    const mirai__function function = {mirai__exec, NULL};
    assert_non_null(args);
    mirai_value *result = mirai__function_call(&function, "mirai.exec", NULL, args);
    mirai_value_release(args);
    assert_non_null(result);
    return result;
}

static mirai_value *run_shell(const char *script)
{
    return run(mirai_dict_of("command", shell(script), MIRAI_END));
}

static void assert_bytes(const mirai_value *result, const char *key, const char *expected)
{
    const mirai_value *bytes = mirai_value_get(result, key);
    assert_int_equal(mirai_value_type(bytes), MIRAI_TYPE_BYTES);
    assert_int_equal(mirai_value_count(bytes), strlen(expected));
    if (*expected != '\0') assert_memory_equal(mirai_value_data(bytes), expected, strlen(expected));
}

static void assert_refused(mirai_value *args, const char *expected)
{
    mirai_value *result = run(args);
    assert_true(mirai_value_is_error(result));
    if (strstr(mirai_value_error_message(result), expected) == NULL)
        fail_msg("\"%s\" not in \"%s\"", expected, mirai_value_error_message(result));
    mirai_value_release(result);
}

static void test_exec__bad_arguments(void **state)
{
    (void)state;
    assert_refused(mirai_null(), "takes a dict");
    assert_refused(mirai_dict(NULL, NULL, 0), "\"command\"");
    assert_refused(mirai_dict_of("command", mirai_string("ls"), MIRAI_END), "list of strings");
    assert_refused(mirai_dict_of("command", mirai_list(NULL, 0), MIRAI_END), "list of strings");
    assert_refused(mirai_dict_of("command", mirai_list_of(mirai_int(1), MIRAI_END), MIRAI_END),
                   "item 0");
    assert_refused(
        mirai_dict_of("command", mirai_list_of(mirai_string_n("a\0b", 3), MIRAI_END), MIRAI_END),
        "item 0");
    assert_refused(mirai_dict_of("command", shell(""), "comand", mirai_null(), MIRAI_END),
                   "no argument \"comand\"");
    assert_refused(mirai_dict_of("command", shell(""), "input", mirai_int(1), MIRAI_END),
                   "\"input\"");
    assert_refused(mirai_dict_of("command", shell(""), "env", mirai_int(1), MIRAI_END), "\"env\"");
    assert_refused(mirai_dict_of("command", shell(""), "env",
                                 mirai_dict_of("a=b", mirai_string("c"), MIRAI_END), MIRAI_END),
                   "a=b");
    assert_refused(mirai_dict_of("command", shell(""), "directory", mirai_int(1), MIRAI_END),
                   "\"directory\"");
    assert_refused(
        mirai_dict_of("command", shell(""), "directory", mirai_string("/no/such"), MIRAI_END),
        "/no/such");
    assert_refused(
        mirai_dict_of("command", shell(""), "directory", mirai_string("/etc/passwd"), MIRAI_END),
        "/etc/passwd");
    assert_refused(mirai_dict_of("command", shell(""), "timeout_ms", mirai_int(-2), MIRAI_END),
                   "\"timeout_ms\"");
    assert_refused(
        mirai_dict_of("command", shell(""), "output_limit", mirai_string("1"), MIRAI_END),
        "\"output_limit\"");
    assert_refused(mirai_dict_of("command", words("no-such-command", "a", "b"), MIRAI_END),
                   "no-such-command");
}

static void test_exec__status_and_outputs(void **state)
{
    (void)state;
    mirai_value *result = run_shell("echo out; echo err >&2; exit 3");
    assert_int_equal(mirai_value_int_or(mirai_value_get(result, "status"), 99), 3);
    assert_int_equal(mirai_value_type(mirai_value_get(result, "signal")), MIRAI_TYPE_NULL);
    assert_bytes(result, "stdout", "out\n");
    assert_bytes(result, "stderr", "err\n");
    int32_t truncated = 1;
    assert_int_equal(mirai_value_to_bool(mirai_value_get(result, "truncated"), &truncated),
                     MIRAI_OK);
    assert_int_equal(truncated, 0);
    mirai_value_release(result);

    result = run_shell("kill -TERM $$");
    assert_int_equal(mirai_value_int_or(mirai_value_get(result, "status"), 99), -1);
    assert_string_equal(mirai_value_string(mirai_value_get(result, "signal")), "SIGTERM");
    assert_bytes(result, "stdout", "");
    mirai_value_release(result);
}

static void test_exec__environment_and_directory(void **state)
{
    (void)state;
    mirai_value *result = run(mirai_dict_of(
        "command", shell("echo $GIVEN $HOME; pwd; [ -e /proc/$$/fd/3 ] && echo leak; cat"), "env",
        mirai_dict_of("GIVEN", mirai_string("a b"), "HOME", mirai_string("/h"), MIRAI_END),
        "directory", mirai_string("/usr"), MIRAI_END));
    assert_bytes(result, "stdout", "a b /h\n/usr\n");
    mirai_value_release(result);
    result = run(mirai_dict_of(
        "command", mirai_list_of(mirai_string("bin/env"), mirai_string("true"), MIRAI_END),
        "directory", mirai_string("/usr"), MIRAI_END));
    assert_int_equal(mirai_value_int_or(mirai_value_get(result, "status"), 99), 0);
    mirai_value_release(result);
}

static void test_exec__large_input_and_output_do_not_wait_for_each_other(void **state)
{
    (void)state;
    enum { SIZE = 5 * 1000 * 1000 };
    char *data = malloc(SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)(i * 7 + i / 251);
    mirai_value *result = run(mirai_dict_of("command", shell("tee /dev/stderr"), "input",
                                            mirai_bytes(data, SIZE), MIRAI_END));
    const mirai_value *out = mirai_value_get(result, "stdout"),
                      *err = mirai_value_get(result, "stderr");
    assert_int_equal(mirai_value_count(out), SIZE);
    assert_memory_equal(mirai_value_data(out), data, SIZE);
    assert_int_equal(mirai_value_count(err), SIZE);
    assert_memory_equal(mirai_value_data(err), data, SIZE);
    mirai_value_release(result);

    /* It does not read its input; that is its own affair. */
    result = run(mirai_dict_of("command", shell("exec <&-; echo done"), "input",
                               mirai_bytes(data, SIZE), MIRAI_END));
    assert_bytes(result, "stdout", "done\n");
    mirai_value_release(result);
    free(data);
}

static void test_exec__output_limit(void **state)
{
    (void)state;
    mirai_value *result =
        run(mirai_dict_of("command", shell("head -c 1000000 /dev/zero; echo end >&2"),
                          "output_limit", mirai_int(1000), MIRAI_END));
    int32_t truncated = 0;
    assert_int_equal(mirai_value_count(mirai_value_get(result, "stdout")), 1000);
    assert_bytes(result, "stderr", "end\n");
    assert_int_equal(mirai_value_to_bool(mirai_value_get(result, "truncated"), &truncated),
                     MIRAI_OK);
    assert_int_equal(truncated, 1);
    mirai_value_release(result);
    result = run(
        mirai_dict_of("command", shell("printf 1234"), "output_limit", mirai_int(4), MIRAI_END));
    assert_int_equal(mirai_value_to_bool(mirai_value_get(result, "truncated"), &truncated),
                     MIRAI_OK);
    assert_int_equal(truncated, 0);
    mirai_value_release(result);
}

static void test_exec__time_out_kills_the_group(void **state)
{
    (void)state;
    char path[] = "/tmp/mirai-exec-XXXXXX", script[128], fifo[64], byte;
    assert_non_null(mkdtemp(path));
    (void)snprintf(fifo, sizeof fifo, "%s/fifo", path);
    (void)snprintf(script, sizeof script, "exec 5>%s; sleep 1000 | sleep 1000", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    mirai_value *result =
        run(mirai_dict_of("command", shell(script), "timeout_ms", mirai_int(20), MIRAI_END));
    assert_string_equal(mirai_value_class(result), "timed_out");
    assert_int_equal(mirai_value_error_code(result), MIRAI_OUTCOME_TIMEDOUT);
    mirai_value_release(result);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(read(fd, &byte, 1), 0); /* the grandchildren, which had it, are gone */
    (void)close(fd);
    (void)unlink(fifo);
    (void)rmdir(path);
}

typedef struct canceller {
    pthread_t thread;
    pthread_mutex_t lock;
    mirai_job *job;
    int started; /* readable when the command runs */
} canceller;

static void *cancel(void *argument)
{
    canceller *canceller = argument;
    char byte;
    if (read(canceller->started, &byte, 1) != 1) return NULL;
    (void)pthread_mutex_lock(&canceller->lock);
    mirai__job_cancel(canceller->job);
    (void)pthread_mutex_unlock(&canceller->lock);
    return NULL;
}

static void test_exec__cancel_kills_the_group(void **state)
{
    (void)state;
    char path[] = "/tmp/mirai-exec-XXXXXX", script[128];
    assert_non_null(mkdtemp(path));
    char fifo[64], byte;
    (void)snprintf(fifo, sizeof fifo, "%s/fifo", path);
    (void)snprintf(script, sizeof script, "exec 5>%s; sleep 1000 & echo >&5; wait", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    canceller canceller = {.lock = PTHREAD_MUTEX_INITIALIZER};
    canceller.started = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(canceller.started >= 0);
    assert_int_equal(fcntl(canceller.started, F_SETFL, 0), 0);
    int keep = open(fifo, O_WRONLY | O_CLOEXEC); /* so that reading waits for the script */
    mirai__frame frame = {.task = 1, .attempt = 1};
    canceller.job = mirai__job_new(NULL, &canceller.lock, &frame);
    assert_int_equal(pthread_create(&canceller.thread, NULL, cancel, &canceller), 0);
    mirai_value *args = mirai_dict_of("command", shell(script), MIRAI_END);
    mirai_value *result = mirai__exec(canceller.job, args, NULL);
    assert_int_equal(pthread_join(canceller.thread, NULL), 0);
    assert_string_equal(mirai_value_class(result), "cancelled");
    (void)close(keep);
    assert_int_equal(read(canceller.started, &byte, 1),
                     0); /* the grandchild, which had it, is gone */
    mirai_value_release(args);
    mirai_value_release(result);
    mirai__job_free(canceller.job);
    (void)close(canceller.started);
    (void)unlink(fifo);
    (void)rmdir(path);
}

static void test_exec__a_command_may_signal_its_group(void **state)
{
    (void)state;
    mirai_value *result = run_shell("trap 'echo done; exit' TERM; kill -TERM 0; echo not told");
    assert_bytes(result, "stdout", "done\n");
    mirai_value_release(result);
    result = run_shell("sleep 1000 & kill -KILL 0");
    assert_string_equal(mirai_value_string(mirai_value_get(result, "signal")), "SIGKILL");
    mirai_value_release(result);
}

/* One that has left the group is stopped with the others, as far as it still is our child. */
static void test_exec__a_command_in_a_group_of_its_own_is_stopped(void **state)
{
    (void)state;
    mirai_value *result =
        run(mirai_dict_of("command",
                          mirai_list_of(mirai_string("timeout"), mirai_string("1000"),
                                        mirai_string("sleep"), mirai_string("1000"), MIRAI_END),
                          "timeout_ms", mirai_int(50), MIRAI_END));
    assert_string_equal(mirai_value_class(result), "timed_out");
    mirai_value_release(result);
}

static void check_left_by(int signal_number)
{
    char path[] = "/tmp/mirai-exec-XXXXXX", script[128], fifo[64], byte;
    assert_non_null(mkdtemp(path));
    (void)snprintf(fifo, sizeof fifo, "%s/fifo", path);
    (void)snprintf(script, sizeof script, "exec 5>%s; sleep 54321 & echo >&5; sleep 54322", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    (void)fflush(NULL);
    pid_t runner = fork();
    if (runner == 0) {
        mirai_value_release(run_shell(script));
        _exit(0);
    }
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(kill(runner, signal_number), 0);
    assert_int_equal(waitpid(runner, NULL, 0), runner);
    assert_int_equal(read(fd, &byte, 1), 0); /* the command and its child, which had it, are gone */
    (void)close(fd);
    (void)unlink(fifo);
    (void)rmdir(path);
}

static void test_exec__nothing_outlives_whoever_runs_it(void **state)
{
    (void)state;
    check_left_by(SIGKILL);
    check_left_by(SIGABRT);
    check_left_by(SIGTERM);
}

static void test_exec__every_failure_is_clean(void **state)
{
    (void)state;
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        mirai_value *args =
            mirai_dict_of("command", shell("cat; cat /dev/null >&2"), "input", mirai_string("x"),
                          "env", mirai_dict_of("A", mirai_string("b"), MIRAI_END), MIRAI_END);
        mirai__fault_arm(n, false);
        mirai_value *result = mirai__exec(NULL, args, NULL);
        done = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        if (done) assert_bytes(result, "stdout", "x");
        if (!done && result != NULL) assert_bytes(result, "stdout", "x"); /* done without */
        mirai_value_release(result);
        mirai_value_release(args);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_true(n < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec__bad_arguments),
        cmocka_unit_test(test_exec__status_and_outputs),
        cmocka_unit_test(test_exec__environment_and_directory),
        cmocka_unit_test(test_exec__large_input_and_output_do_not_wait_for_each_other),
        cmocka_unit_test(test_exec__output_limit),
        cmocka_unit_test(test_exec__time_out_kills_the_group),
        cmocka_unit_test(test_exec__cancel_kills_the_group),
        cmocka_unit_test(test_exec__a_command_may_signal_its_group),
        cmocka_unit_test(test_exec__a_command_in_a_group_of_its_own_is_stopped),
        cmocka_unit_test(test_exec__nothing_outlives_whoever_runs_it),
        cmocka_unit_test(test_exec__every_failure_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
