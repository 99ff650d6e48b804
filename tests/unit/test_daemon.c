/*
 * A daemon from its host's side: greeting, jobs, cancels, pings, and how it leaves. This program is
 * its own daemon.
 */
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "alloc.h"
#include "daemon_host.h"
#include "daemon_program.h"
#include <miraicore/daemon.h>
#include <miraicore/refhook.h>

static mirai_value *serializes(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)object;
    (void)context;
    return mirai_null();
}

static void assert_failed(mirai_value *error, const char *class_name, int32_t code,
                          const char *words)
{
    assert_true(mirai_value_is_error(error));
    assert_string_equal(mirai_value_class(error), class_name);
    assert_true(mirai_value_error_inherits(error, "error"));
    assert_int_equal(mirai_value_error_code(error), code);
    if (strstr(mirai_value_error_message(error), words) == NULL)
        fail_msg("\"%s\" not in \"%s\"", words, mirai_value_error_message(error));
    mirai_value_release(error);
}

static void test_daemon__greets(void **state)
{
    (void)state;
    host host;
    uint8_t id[MIRAI__BUILD_ID_SIZE];
    char name[64] = "";
    (void)gethostname(name, sizeof name - 1);
    mirai__program_build_id(id);
    host_start(&host, "");
    host_welcome(&host);
    assert_int_equal(host.hello.pid, host.process.pid);
    assert_int_equal(host.hello.launch, 42);
    assert_int_equal(host.hello.wire_version, MIRAI__WIRE_VERSION);
    assert_int_equal(host.hello.library_version, mirai_version());
    assert_int_equal(host.hello.flags, MIRAI__HELLO_SELF);
    assert_memory_equal(host.hello.build_id, id, sizeof id);
    assert_string_equal(host.hello.host, name);
    host_close(&host);
}

static void test_daemon__runs_functions(void **state)
{
    (void)state;
    host host;
    host_start(&host, "");
    host_welcome(&host);
    mirai_value *args = mirai_dict_of("x", mirai_int(1), "y", mirai_bytes("abc", 3), MIRAI_END);
    mirai_value *result = host_run(&host, "mirai.echo", mirai_value_ref(args));
    assert_true(mirai_value_equal(args, result));
    mirai_value_release(result);
    mirai_value_release(args);

    result = host_run(&host, "asks", mirai_string("args"));
    assert_string_equal(mirai_value_string(mirai_value_item(result, 0)), "asks");
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 1), 0), 1002);
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 2), 0), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 3), 0), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 4), 0), MIRAI_E_STATE);
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 5), 0), MIRAI_E_INVALID);
    assert_string_equal(mirai_value_string(mirai_value_item(result, 6)), "args");
    mirai_value_release(result);
    host_close(&host);
}

static void test_daemon__failures_fail_the_job_only(void **state)
{
    (void)state;
    host host;
    static int object;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serializes;
    assert_int_equal(mirai_refhook_register("elsewhere", &hook), MIRAI_OK);
    host_start(&host, "");
    host_welcome(&host);
    assert_failed(host_run(&host, "gives.nul", mirai_null()), "unknown_function", MIRAI_E_FUNCTION,
                  "\"gives.null\"");
    assert_failed(host_run(&host, "gives.null", mirai_null()), "error", MIRAI_E_USER,
                  "set no error");
    assert_failed(host_run(&host, "gives.error", mirai_null()), "io_error", 17, "disk on fire");
    assert_failed(host_run(&host, "gives.unsendable", mirai_null()), "hook_error", MIRAI_E_HOOK,
                  "unknown_class");
    assert_failed(host_run(&host, "mirai.echo", mirai_reference("fragile", &object, NULL, NULL)),
                  "hook_error", MIRAI_E_HOOK, "no such object on this side");
    assert_failed(host_run(&host, "mirai.echo", mirai_reference("elsewhere", &object, NULL, NULL)),
                  "hook_error", MIRAI_E_HOOK, "elsewhere");

    mirai_value *const shapes[] = {
        mirai_null(), mirai_list(NULL, 0), mirai_list_of(mirai_string("f"), MIRAI_END),
        mirai_list_of(mirai_int(1), mirai_int(2), mirai_null(), MIRAI_END),
        mirai_dict_of("a", mirai_string("mirai.echo"), "b", mirai_null(), MIRAI_END)};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        host_send(&host, MIRAI__FRAME_JOB, 0, ++host.attempt, host_segment(shapes[i]));
        assert_failed(host_result(&host, NULL), "decode_error", MIRAI_E_DECODE, "list of function");
    }
    mirai__segment *garbage = mirai__segment_new("\xff\xff\xff", 3, NULL, 0);
    host_send(&host, MIRAI__FRAME_JOB, 0, ++host.attempt, garbage);
    assert_failed(host_result(&host, NULL), "decode_error", MIRAI_E_DECODE, "");

    mirai_value *result = host_run(&host, "mirai.echo", mirai_int(5));
    assert_int_equal(mirai_value_int_or(result, 0), 5);
    mirai_value_release(result);
    host_close(&host);
}

static void test_daemon__answers_pings_while_a_job_runs(void **state)
{
    (void)state;
    host host;
    host_start(&host, "");
    host_welcome(&host);
    host_job(&host, "is.target", mirai_int(-1));
    for (int32_t i = 0; i < 100; i++) host_send(&host, MIRAI__FRAME_PING, i, 0, NULL);
    for (int32_t i = 0; i < 100; i++) {
        mirai__frame pong = host_receive(&host, MIRAI__FRAME_PONG);
        assert_int_equal(pong.aux, i);
        mirai__frame_fini(&pong);
    }
    host_send(&host, MIRAI__FRAME_CANCEL, 0, host.attempt, NULL);
    mirai_value_release(host_result(&host, NULL));
    host_close(&host);
}

static void test_daemon__cancel_ends_a_sleep(void **state)
{
    (void)state;
    host host;
    host_start(&host, "");
    host_welcome(&host);
    for (int i = 0; i < 20; i++) { /* whether it has begun or not */
        host_job(&host, "mirai.sleep", mirai_int(3600000));
        host_send(&host, MIRAI__FRAME_CANCEL, 0, host.attempt, NULL);
        assert_failed(host_result(&host, NULL), "cancelled", MIRAI_OUTCOME_CANCELLED, "cancelled");
    }
    host_close(&host);
}

/* In even rounds the job is cancelled, sooner or later, or too late; in odd ones the job before it
 * is. */
static void test_daemon__cancel_never_hits_the_next_job(void **state)
{
    (void)state;
    host host;
    int64_t hit_count = 0;
    host_start(&host, "");
    host_welcome(&host);
    for (int round = 0; round < 1000; round++) {
        bool own = round % 2 == 0;
        host_job(&host, "is.target", mirai_int(round % 37));
        for (int i = 0; i < round % 11; i++) (void)sched_yield();
        host_send(&host, MIRAI__FRAME_CANCEL, 0, host.attempt - !own, NULL);
        mirai_value *result = host_result(&host, NULL);
        if (mirai_value_is_error(result)) { /* cancelled before it began */
            assert_true(own);
            assert_string_equal(mirai_value_class(result), "cancelled");
        } else {
            int64_t hits = mirai_value_int_or(mirai_value_item(result, 0), -1);
            int64_t cancelled = mirai_value_int_or(mirai_value_item(result, 1), -1);
            assert_in_range(hits, 0, own);
            assert_in_range(cancelled, 0, own);
            hit_count += hits;
        }
        mirai_value_release(result);
    }
    mirai_value *result = host_run(&host, "counts.strays", mirai_null());
    assert_int_equal(mirai_value_int_or(result, -1), 0);
    mirai_value_release(result);
    host_job(&host, "is.target", mirai_int(-1)); /* this one can end by a hit only */
    host_send(&host, MIRAI__FRAME_PING, 0, 0, NULL);
    mirai__frame pong = host_receive(&host, MIRAI__FRAME_PONG);
    mirai__frame_fini(&pong);
    host_send(&host, MIRAI__FRAME_CANCEL, 0, host.attempt, NULL);
    mirai_value_release(host_result(&host, NULL));
    print_message("%lld of 500 cancels hit\n", (long long)hit_count);
    host_close(&host);
}

/* ---- leaving ---- */

static void test_daemon__close_lets_the_job_end(void **state)
{
    (void)state;
    host host;
    host_start(&host, "");
    host_welcome(&host);
    host_job(&host, "mirai.sleep", mirai_int(20));
    host_send(&host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    mirai_value_release(host_result(&host, NULL));
    mirai__death death;
    assert_null(host_await_death(&host, &death));
    assert_int_equal(death.exit_status, 0);
}

/* It says so, since its parent lives. */
static void check_ends_itself(host *host, mirai__death *death)
{
    char *text = host_await_death(host, death);
    assert_non_null(text);
    assert_non_null(strstr(text, "its connection to the host is gone"));
    mirai__free(text);
}

static void assert_host_death_kills(const char *busy_with)
{
    host host;
    host_start(&host, "");
    host_welcome(&host);
    mirai_value_release(host_run(&host, "starts.grandchild", mirai_null()));
    if (busy_with != NULL) host_job(&host, busy_with, mirai_null());
    mirai__link_free(host.link); /* all that it sees of our death */
    host.link = NULL;
    /* Its stderr, which the grandchild has too, ends with both. (Not to be seen by reaping, which
     * would kill it.) */
    struct pollfd ready = {.fd = host.process.output_fd, .events = POLLIN};
    do {
        (void)poll(&ready, 1, -1);
    } while (mirai__tail_read(&host.tail, host.process.output_fd));
    mirai__death death;
    check_ends_itself(&host, &death);
    assert_int_equal(death.signal, SIGKILL);
}

static void test_daemon__host_death_kills_the_group(void **state)
{
    (void)state;
    assert_host_death_kills(NULL);
    assert_host_death_kills("runs.for_ever");
}

static void test_daemon__host_death_ends_a_setup_that_hangs(void **state)
{
    (void)state;
    host host;
    mirai__death death;
    host_start(&host, "setup hangs");
    struct pollfd begun = {.fd = host.process.output_fd, .events = POLLIN};
    (void)poll(&begun, 1, -1);
    mirai__link_free(host.link);
    host.link = NULL;
    check_ends_itself(&host, &death);
    assert_int_equal(death.signal, SIGKILL);
}

static void test_daemon__failing_setup_tells_why(void **state)
{
    (void)state;
    host host;
    mirai__death death;
    host_start(&host, "setup fails");
    char *text = host_await_death(&host, &death);
    assert_int_equal(death.exit_status, 3);
    assert_string_equal(
        text, "miraicore: a daemon leaves: setup: not supported: no licence for this machine");
    mirai__free(text);
}

/* ---- a host that breaks the rules ---- */

static void assert_leaves(host *host, const char *words)
{
    mirai__death death;
    char *text = host_await_death(host, &death);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_status, 3);
    if (text == NULL || strstr(text, words) == NULL)
        fail_msg("\"%s\" not in \"%s\"", words, text == NULL ? "" : text);
    mirai__free(text);
}

static void test_daemon__breach_of_protocol_ends_it(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        uint64_t attempt;
        bool busy;
        const char *words;
    } cases[] = {
        {MIRAI__FRAME_JOB, 7, true, "while another (attempt 1) was present"},
        {MIRAI__FRAME_WELCOME, 0, true, "twice"},
        {MIRAI__FRAME_WELCOME, 0, false, "twice"},
        {MIRAI__FRAME_RESULT, 1, false, "kind 4"},
        {MIRAI__FRAME_HELLO, 1, false, "kind 1"},
        {MIRAI__FRAME_JOB, 0, false, "without a body or a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        host host;
        host_start(&host, "");
        host_welcome(&host);
        if (cases[i].busy) host_job(&host, "runs.for_ever", mirai_null());
        host_send(&host, cases[i].kind, 0, cases[i].attempt, host_segment(mirai_null()));
        assert_leaves(&host, cases[i].words);
    }
    static const uint8_t early[] = {MIRAI__FRAME_JOB, MIRAI__FRAME_PING, MIRAI__FRAME_CANCEL};
    for (size_t i = 0; i < sizeof early; i++) {
        host host;
        host_start(&host, "");
        host_send(&host, early[i], 0, 1,
                  early[i] == MIRAI__FRAME_JOB ? host_segment(mirai_null()) : NULL);
        assert_leaves(&host, "before its welcome");
    }
    host host;
    host_start(&host, "");
    host_send(&host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    assert_leaves(&host, "instead of welcoming it");
}

static void assert_garbage_ends_it(const char *bytes, size_t size, const char *words)
{
    host host;
    host_start(&host, "");
    host_welcome(&host);
    assert_int_equal(write(mirai__link_fd(host.link), bytes, size), size);
    assert_leaves(&host, words);
}

static void test_daemon__garbage_ends_it(void **state)
{
    (void)state;
    char garbage[MIRAI__FRAME_HEADER_SIZE];
    memset(garbage, 0x5a, sizeof garbage);
    assert_garbage_ends_it(garbage, sizeof garbage, "protocol violated");
    memset(garbage, 0, sizeof garbage);
    assert_garbage_ends_it(garbage, sizeof garbage, "protocol violated");
}

/* ---- jobs that fork ---- */

/* Child and parent share the connection; the host hears of the parent only. */
static void assert_gives(host *host, const char *function, int64_t expected)
{
    mirai_value *result = host_run(host, function, mirai_null());
    assert_int_equal(mirai_value_int_or(result, -1), expected);
    mirai_value_release(result);
    result = host_run(host, "mirai.echo", mirai_int(5));
    assert_int_equal(mirai_value_int_or(result, 0), 5);
    mirai_value_release(result);
}

static void test_daemon__forked_child_of_a_job_is_mute(void **state)
{
    (void)state;
    host host;
    mirai__death death;
    host_start(&host, "");
    host_welcome(&host);
    assert_gives(&host, "returns.twice", 3); /* it left with a failure */
    host_send(&host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    char *text = host_await_death(&host, &death);
    assert_non_null(strstr(text, "a forked child of a daemon leaves"));
    mirai__free(text);
    assert_int_equal(death.exit_status, 0);

    host_start(&host, "pull");
    host_welcome(&host);
    assert_gives(&host, "close in child", 0);
    host_close(&host);
}

/* ---- pulling ---- */

static void test_daemon__can_be_pulled(void **state)
{
    (void)state;
    host host;
    mirai__death death;
    host_start(&host, "pull");
    host_welcome(&host);
    mirai_value *result = host_run(&host, "evaluate", mirai_int(21));
    assert_int_equal(mirai_value_int_or(result, 0), 42);
    mirai_value_release(result);
    assert_failed(host_run(&host, "gives.error", mirai_null()), "io_error", 17,
                  "disk on fire"); /* run inside */
    assert_failed(host_run(&host, "fail", mirai_null()), "error", MIRAI_E_USER,
                  "evaluation failed");
    assert_failed(host_run(&host, "unsendable", mirai_null()), "hook_error", MIRAI_E_HOOK,
                  "unknown_class");
    result = host_run(&host, "evaluate", mirai_int(1));
    assert_int_equal(mirai_value_int_or(result, 0), 2);
    mirai_value_release(result);
    host_close(&host);

    host_start(&host, "pull idle");
    host_welcome(&host);
    struct pollfd idle = {.fd = host.process.output_fd, .events = POLLIN};
    (void)poll(&idle, 1, -1);
    host_job(&host, "leave", mirai_null());
    mirai__frame leave = host_receive(&host, MIRAI__FRAME_LEAVE);
    assert_int_equal(leave.aux, 0);
    mirai__frame_fini(&leave);
    char *text = host_await_death(&host, &death);
    assert_string_equal(text, "idle");
    mirai__free(text);
    assert_int_equal(death.exit_status, 0);
}

/* ---- by address ---- */

static void assert_works_at(const char *url)
{
    host host;
    const uint8_t token[MIRAI__TOKEN_SIZE] = "0123456789abcde";
    host_start_at(&host, "", url);
    mirai__frame frame = host_receive(&host, MIRAI__FRAME_HELLO);
    assert_int_equal(mirai__hello_read(&frame, token, &host.hello), MIRAI_OK);
    mirai__frame_fini(&frame);
    host_send(&host, MIRAI__FRAME_WELCOME, 0, 0, NULL);
    mirai_value *result = host_run(&host, "mirai.echo", mirai_int(5));
    assert_int_equal(mirai_value_int_or(result, 0), 5);
    mirai_value_release(result);
    host_close(&host);

    host_start_at(&host, "", url);
    frame = host_receive(&host, MIRAI__FRAME_HELLO);
    mirai__frame_fini(&frame);
    mirai__link_free(host.link);
    host.link = NULL;
    mirai__death death;
    check_ends_itself(&host, &death);
    assert_int_equal(death.signal, SIGKILL);
}

static void test_daemon__by_address(void **state)
{
    (void)state;
    char url[64];
    (void)snprintf(url, sizeof url, "ipc:///tmp/mirai-daemon-%d", (int)getpid());
    assert_works_at(url);
    (void)snprintf(url, sizeof url, "abstract://mirai-daemon-%d", (int)getpid());
    assert_works_at(url);
    assert_works_at("tcp://127.0.0.1:0");
}

int main(int argc, char **argv)
{
    const char *mode = getenv("TEST_MODE");
    if (mirai_on_daemon() && mode != NULL && strncmp(mode, "pull", 4) == 0)
        return daemon_pull(strcmp(mode, "pull idle") == 0);
    if (mirai_main(argc, argv, daemon_setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daemon__greets),
        cmocka_unit_test(test_daemon__runs_functions),
        cmocka_unit_test(test_daemon__failures_fail_the_job_only),
        cmocka_unit_test(test_daemon__answers_pings_while_a_job_runs),
        cmocka_unit_test(test_daemon__cancel_ends_a_sleep),
        cmocka_unit_test(test_daemon__cancel_never_hits_the_next_job),
        cmocka_unit_test(test_daemon__close_lets_the_job_end),
        cmocka_unit_test(test_daemon__host_death_kills_the_group),
        cmocka_unit_test(test_daemon__host_death_ends_a_setup_that_hangs),
        cmocka_unit_test(test_daemon__failing_setup_tells_why),
        cmocka_unit_test(test_daemon__breach_of_protocol_ends_it),
        cmocka_unit_test(test_daemon__garbage_ends_it),
        cmocka_unit_test(test_daemon__forked_child_of_a_job_is_mute),
        cmocka_unit_test(test_daemon__can_be_pulled),
        cmocka_unit_test(test_daemon__by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
