/*
 * Frames between a host and its daemon beside jobs and results: settings, LEAVE, ENVIRON, PROGRESS, EMIT and TAKEN, as
 * a host sees them on the wire. The daemon is this program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc.h"
#include "daemon_host.h"
#include "progress.h"
#include "settings.h"
#include <miraicore/daemon.h>

/* ---- the daemon ------------------------------------------------------------------------------ */

static mirai_value *look(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    const char *a = getenv("TEST_A"), *b = getenv("TEST_B");
    return mirai_list_of(a != NULL ? mirai_string(a) : mirai_null(), b != NULL ? mirai_string(b) : mirai_null(),
                         MIRAI_END);
}

static mirai_value *set_both(mirai_job *job, const mirai_value *args, void *context)
{
    (void)setenv("TEST_A", "of the job", 1);
    (void)setenv("TEST_B", "of the job", 1);
    return look(job, args, context);
}

static mirai_value *attempt(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_int(mirai_job_attempt(job));
}

static mirai_value *emit(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    mirai_status status = MIRAI_OK;
    int64_t count = 0, most = mirai_value_int_or(mirai_value_item(args, 0), 0);
    size_t size = (size_t)mirai_value_int_or(mirai_value_item(args, 1), 0);
    void *bytes = calloc(size + 1, 1);
    for (; bytes != NULL && status == MIRAI_OK && count < most; count++)
        status = mirai_job_emit(job, mirai_bytes(bytes, size));
    free(bytes);
    return mirai_list_of(mirai_int(count), mirai_int(status), MIRAI_END);
}

static mirai_value *say(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    for (int i = 0; i <= 1000; i++)
        if (mirai_job_progress(job, i / 1000.0, i == 1000 ? "done" : NULL) != MIRAI_OK) return NULL;
    return mirai_null();
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_function_register("look", look, NULL));
    MIRAI_TRY(mirai_function_register("set_both", set_both, NULL));
    MIRAI_TRY(mirai_function_register("attempt", attempt, NULL));
    MIRAI_TRY(mirai_function_register("emit", emit, NULL));
    return mirai_function_register("say", say, NULL);
}

/* A daemon that pulls: 7 when it was told that it is over. */
static int pull(void)
{
    mirai_daemon *daemon;
    mirai_job *job;
    mirai_status status = mirai_daemon_open(&daemon);
    while (status == MIRAI_OK || status == MIRAI_E_TIMEDOUT) {
        status = mirai_daemon_next(daemon, &job, 10);
        if (status == MIRAI_OK) status = mirai_job_reply(job, mirai_string(mirai_job_function(job)));
    }
    bool over = status == MIRAI_E_CLOSED && mirai_daemon_next(daemon, &job, 0) == MIRAI_E_CLOSED;
    mirai_daemon_close(daemon);
    return over ? 7 : 8;
}

/* ---- the host -------------------------------------------------------------------------------- */

static void welcome_with(host *host, mirai__segment *settings)
{
    mirai__frame hello = host_receive(host, MIRAI__FRAME_HELLO);
    mirai__frame_fini(&hello);
    host_send(host, MIRAI__FRAME_WELCOME, 0, 0, settings);
}

static void start_with(host *host, const mirai__settings *settings)
{
    mirai__segment *segment = NULL;
    host_start(host, "");
    assert_int_equal(mirai__settings_encode(settings, &segment), MIRAI_OK);
    welcome_with(host, segment);
}

/* It ends by itself, with this status, and says nothing. */
static void await_exit(host *host, int status)
{
    mirai__death death;
    char *words = host_await_death(host, &death);
    if (words != NULL) fail_msg("it said: %s", words);
    assert_true(death.known);
    assert_int_equal(death.exit_status, status);
}

static void expect_leave(host *host, int status)
{
    mirai__frame leave = host_receive(host, MIRAI__FRAME_LEAVE);
    assert_int_equal(leave.aux, status);
    assert_int_equal(leave.attempt, 0);
    mirai__frame_fini(&leave);
}

static void test_frames__settings(void **state)
{
    (void)state;
    const mirai__settings all = {.idle_ms = 1, .wall_ms = INT64_MAX, .max_jobs = 3, .cleanup = 7}, none = {0};
    mirai__settings got = all;
    mirai__segment *segment = NULL;
    assert_int_equal(mirai__settings_decode(NULL, &got), MIRAI_OK);
    assert_memory_equal(&got, &none, sizeof got);
    assert_int_equal(mirai__settings_encode(&all, &segment), MIRAI_OK);
    assert_int_equal(mirai__settings_decode(segment, &got), MIRAI_OK);
    assert_true(got.idle_ms == 1 && got.wall_ms == INT64_MAX && got.max_jobs == 3 && got.cleanup == 7);
    mirai__segment_release(segment);
    mirai_value *const bad[] = {
        mirai_int(1),
        mirai_dict_of("idle_ms", mirai_int(0), MIRAI_END),
        mirai_dict_of("wall_ms", mirai_int(-1), MIRAI_END),
        mirai_dict_of("max_jobs", mirai_string("2"), MIRAI_END),
        mirai_dict_of("cleanup", mirai_int(-1), MIRAI_END),
        mirai_dict_of("cleanup", mirai_int(INT64_C(1) << 31), MIRAI_END),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        segment = host_segment(bad[i]);
        assert_int_equal(mirai__settings_decode(segment, &got), MIRAI_E_DECODE);
        mirai__segment_release(segment);
    }
    segment = host_segment(mirai_dict_of("unheard_of", mirai_list(NULL, 0), "max_jobs", mirai_int(2), MIRAI_END));
    assert_int_equal(mirai__settings_decode(segment, &got), MIRAI_OK); /* of a newer host */
    assert_int_equal(got.max_jobs, 2);
    mirai__segment_release(segment);
}

static void test_frames__progress_is_read_by_hand(void **state)
{
    (void)state;
    double fraction = -1;
    char *text = NULL, longest[1026];
    mirai__segment *segment = NULL;
    memset(longest, 'x', sizeof longest - 1);
    longest[1025] = '\0';
    mirai_value *const bad[] = {
        mirai_null(),
        mirai_list(NULL, 0),
        mirai_list_of(mirai_float(0.5), MIRAI_END),
        mirai_list_of(mirai_float(0.5), mirai_null(), mirai_null(), MIRAI_END),
        mirai_list_of(mirai_int(1), mirai_null(), MIRAI_END),
        mirai_list_of(mirai_bool(1), mirai_null(), MIRAI_END),
        mirai_list_of(mirai_float(-0.25), mirai_null(), MIRAI_END),
        mirai_list_of(mirai_float(1.25), mirai_null(), MIRAI_END),
        mirai_list_of(mirai_float((double)__builtin_nanf("")), mirai_null(), MIRAI_END),
        mirai_list_of(mirai_float(0.5), mirai_int(1), MIRAI_END),
        mirai_list_of(mirai_float(0.5), mirai_bytes("x", 1), MIRAI_END),
        mirai_list_of(mirai_float(0.5), mirai_string_n("a\0b", 3), MIRAI_END),
        mirai_list_of(mirai_float(0.5), mirai_string(longest), MIRAI_END),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        segment = host_segment(bad[i]);
        assert_int_equal(mirai__progress_read(segment, &fraction, &text), MIRAI_E_PROTOCOL);
        assert_null(text);
        mirai__segment_release(segment);
    }
    assert_int_equal(mirai__progress_read(NULL, &fraction, &text), MIRAI_E_PROTOCOL);
    longest[1024] = '\0';
    const char *const texts[] = {NULL, "", "half \xc3\xa4", longest};
    static const double fractions[] = {0, 1, 0.1, 0.5};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(mirai__progress_write(fractions[i], texts[i], &segment), MIRAI_OK);
        assert_int_equal(mirai__progress_read(segment, &fraction, &text), MIRAI_OK);
        assert_true(fraction == fractions[i]);
        if (texts[i] == NULL) assert_null(text);
        if (texts[i] != NULL) assert_string_equal(text, texts[i]);
        mirai__free(text);
        const unsigned char *body = segment->body;
        for (size_t size = 0; size < segment->body_size; size++) {
            mirai__segment *cut = mirai__segment_new(body, size, NULL, 0);
            assert_int_equal(mirai__progress_read(cut, &fraction, &text), MIRAI_E_PROTOCOL);
            mirai__segment_release(cut);
        }
        mirai__segment_release(segment);
    }
}

static void test_frames__leaves_when_done(void **state)
{
    (void)state;
    host host;
    start_with(&host, &(mirai__settings){.max_jobs = 2});
    for (int i = 0; i < 3; i++) { /* the first is a setup, which does not count */
        host.attempt++;
        host_send(&host, MIRAI__FRAME_JOB, i, host.attempt,
                  host_segment(mirai_list_of(mirai_string("attempt"), mirai_null(), mirai_null(), MIRAI_END)));
        mirai_value *result = host_result(&host, NULL);
        assert_int_equal(mirai_value_int_or(result, 0), i == 0 ? 1 : i);
        mirai_value_release(result);
    }
    expect_leave(&host, 3);
    host_job(&host, "attempt", mirai_null()); /* crosses it, and is not begun */
    host_send(&host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    await_exit(&host, 3);
}

static void test_frames__leaves_when_pulled(void **state)
{
    (void)state;
    mirai__segment *segment = NULL;
    const mirai__settings settings = {.max_jobs = 2};
    host host;
    host_start(&host, "pull");
    assert_int_equal(mirai__settings_encode(&settings, &segment), MIRAI_OK);
    welcome_with(&host, segment);
    for (int i = 1; i <= 2; i++) {
        host.attempt++;
        host_send(&host, MIRAI__FRAME_JOB, 1, host.attempt,
                  host_segment(mirai_list_of(mirai_string("what"), mirai_null(), mirai_null(), MIRAI_END)));
        mirai_value *result = host_result(&host, NULL);
        assert_string_equal(mirai_value_string(result), "what");
        mirai_value_release(result);
    }
    expect_leave(&host, 3);
    host_send(&host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    await_exit(&host, 7);
}

static void test_frames__leaves_when_idle(void **state)
{
    (void)state;
    host host;
    start_with(&host, &(mirai__settings){.idle_ms = 20});
    expect_leave(&host, 1);
    host_send(&host, MIRAI__FRAME_CLOSE, 0, 0, NULL);
    await_exit(&host, 1);
}

static void test_frames__leaves_when_old(void **state)
{
    (void)state;
    host host;
    start_with(&host, &(mirai__settings){.wall_ms = 1, .idle_ms = INT64_MAX});
    expect_leave(&host, 2);
    await_exit(&host, 2); /* although the host says nothing */
}

static void send_environ(host *host, mirai_value *variables)
{
    host_send(host, MIRAI__FRAME_ENVIRON, 0, 0, host_segment(variables));
}

static void assert_sees(host *host, const char *function, const char *a, const char *b)
{
    mirai_value *seen = host_run(host, function, mirai_null());
    const char *found[2] = {mirai_value_string(mirai_value_item(seen, 0)), mirai_value_string(mirai_value_item(seen, 1))};
    const char *wanted[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(found[i] == NULL, wanted[i] == NULL);
        if (wanted[i] != NULL) assert_string_equal(found[i], wanted[i]);
    }
    mirai_value_release(seen);
}

static void test_frames__environ(void **state)
{
    (void)state;
    host host;
    (void)setenv("TEST_A", "a", 1);
    (void)unsetenv("TEST_B");
    host_start(&host, "");
    host_welcome(&host);
    assert_sees(&host, "look", "a", NULL);
    send_environ(&host, mirai_dict_of("TEST_A", mirai_string("1"), "TEST_B", mirai_string(""), MIRAI_END));
    assert_sees(&host, "look", "1", "");
    assert_sees(&host, "look", "a", NULL); /* the next job only */
    send_environ(&host, mirai_dict_of("TEST_A", mirai_null(), "TEST_B", mirai_string("2"), MIRAI_END));
    assert_sees(&host, "set_both", "of the job", "of the job");
    assert_sees(&host, "look", "a", NULL);
    send_environ(&host, mirai_dict_of("TEST_A", mirai_string("x"), MIRAI_END)); /* the last one counts */
    send_environ(&host, mirai_dict_of("TEST_B", mirai_string("y"), MIRAI_END));
    assert_sees(&host, "look", "a", "y");
    mirai_value *const bad[] = {
        mirai_int(1),
        mirai_dict_of("TEST_B", mirai_string("z"), "A=B", mirai_string("x"), MIRAI_END),
        mirai_dict_of("TEST_B", mirai_string("z"), "", mirai_string("x"), MIRAI_END),
        mirai_dict_of("TEST_B", mirai_string("z"), "TEST_A", mirai_int(3), MIRAI_END),
        mirai_dict_of("TEST_B", mirai_string("z"), "TEST_A", mirai_string_n("a\0b", 3), MIRAI_END),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) { /* fails the job, and changes nothing */
        send_environ(&host, bad[i]);
        mirai_value *error = host_run(&host, "look", mirai_null());
        assert_int_equal(mirai_value_error_code(error), MIRAI_E_DECODE);
        mirai_value_release(error);
        assert_sees(&host, "look", "a", NULL);
    }
    host_close(&host);
}

/* Receive EMITs until `count` of them are there. */
static void expect_emits(host *host, int count)
{
    for (int i = 0; i < count; i++) {
        mirai__frame frame = host_receive(host, MIRAI__FRAME_EMIT);
        assert_int_equal(frame.attempt, host->attempt);
        assert_int_equal(frame.task, 1000 + host->attempt);
        mirai__frame_fini(&frame);
    }
}

/* It is in an emit, and sends nothing until it is answered: the answer to a PING comes first. */
static void assert_waits(host *host)
{
    host_send(host, MIRAI__FRAME_PING, 5, 0, NULL);
    mirai__frame pong = host_receive(host, MIRAI__FRAME_PONG);
    mirai__frame_fini(&pong);
}

static void expect_counted(host *host, int64_t count, mirai_status status)
{
    mirai_value *result = host_result(host, NULL);
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 0), -1), count);
    assert_int_equal(mirai_value_int_or(mirai_value_item(result, 1), 1), status);
    mirai_value_release(result);
}

static void test_frames__emits_in_a_window(void **state)
{
    (void)state;
    host host;
    host_start(&host, "");
    host_welcome(&host);
    host_job(&host, "emit", mirai_list_of(mirai_int(200), mirai_int(10), MIRAI_END));
    expect_emits(&host, 64);
    assert_waits(&host);
    host_send(&host, MIRAI__FRAME_TAKEN, 1, host.attempt, NULL);
    expect_emits(&host, 1);
    host_send(&host, MIRAI__FRAME_TAKEN, 64, host.attempt, NULL);
    expect_emits(&host, 64);
    assert_waits(&host);
    host_send(&host, MIRAI__FRAME_TAKEN, 64, host.attempt - 1, NULL); /* of another attempt */
    assert_waits(&host);
    host_send(&host, MIRAI__FRAME_TAKEN, 40, host.attempt, NULL);
    expect_emits(&host, 40);
    host_send(&host, MIRAI__FRAME_TAKEN, 64, host.attempt, NULL);
    expect_emits(&host, 200 - 64 - 1 - 64 - 40);
    expect_counted(&host, 200, MIRAI_OK);
    host_send(&host, MIRAI__FRAME_TAKEN, 5, host.attempt, NULL); /* too late: harmless */

    const int64_t mebi = 1024 * 1024;
    host_job(&host, "emit", mirai_list_of(mirai_int(20), mirai_int(4 * mebi - 100), MIRAI_END));
    expect_emits(&host, 4);
    assert_waits(&host);
    host_send(&host, MIRAI__FRAME_CANCEL, 0, host.attempt, NULL);
    expect_counted(&host, 5, MIRAI_E_CLOSED);

    host_job(&host, "emit", mirai_list_of(mirai_int(2), mirai_int(17 * mebi), MIRAI_END)); /* one at a time */
    expect_emits(&host, 1);
    assert_waits(&host);
    host_send(&host, MIRAI__FRAME_TAKEN, 1, host.attempt, NULL);
    expect_emits(&host, 1);
    expect_counted(&host, 2, MIRAI_OK);
    host_close(&host);
}

static void test_frames__takes_no_more_than_there_is(void **state)
{
    (void)state;
    static const int32_t bad[] = {0, -1, INT32_MIN, 65, INT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        host host;
        mirai__death death;
        host_start(&host, "");
        host_welcome(&host);
        host_job(&host, "emit", mirai_list_of(mirai_int(100), mirai_int(1), MIRAI_END));
        expect_emits(&host, 64);
        host_send(&host, MIRAI__FRAME_TAKEN, bad[i], host.attempt, NULL);
        char *words = host_await_death(&host, &death);
        assert_non_null(words);
        assert_non_null(strstr(words, "partial results"));
        assert_int_equal(death.exit_status, 3);
        mirai__free(words);
    }
}

static void test_frames__progress_now_and_then(void **state)
{
    (void)state;
    host host;
    host_start(&host, "");
    host_welcome(&host);
    for (int round = 0; round < 3; round++) {
        host_job(&host, "say", mirai_null());
        double last = -1, fraction = -1;
        int count = 0;
        while (last < 1) { /* the first at once, the last in any case */
            char *text = NULL;
            mirai__frame frame = host_receive(&host, MIRAI__FRAME_PROGRESS);
            assert_int_equal(frame.attempt, host.attempt);
            assert_int_equal(mirai__progress_read(frame.segment, &fraction, &text), MIRAI_OK);
            if (count++ == 0) assert_true(fraction == 0);
            assert_true(fraction > last);
            if (fraction == 1) assert_string_equal(text, "done");
            last = fraction;
            mirai__free(text);
            mirai__frame_fini(&frame);
        }
        assert_true(count >= 2 && count < 1000);
        mirai_value_release(host_result(&host, NULL));
    }
    host_close(&host);
}

int main(int argc, char **argv)
{
    const char *mode = getenv("TEST_MODE");
    if (mirai_on_daemon() && mode != NULL && strcmp(mode, "pull") == 0) return pull();
    if (mirai_main(argc, argv, setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames__settings),
        cmocka_unit_test(test_frames__progress_is_read_by_hand),
        cmocka_unit_test(test_frames__leaves_when_done),
        cmocka_unit_test(test_frames__leaves_when_pulled),
        cmocka_unit_test(test_frames__leaves_when_idle),
        cmocka_unit_test(test_frames__leaves_when_old),
        cmocka_unit_test(test_frames__environ),
        cmocka_unit_test(test_frames__emits_in_a_window),
        cmocka_unit_test(test_frames__takes_no_more_than_there_is),
        cmocka_unit_test(test_frames__progress_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
