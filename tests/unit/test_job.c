/*
 * A job without a daemon: decoding, cancelling, and its result when memory or a hook fails.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "job.h"
#include "message.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Takes body. */
static mirai_job *new_job(mirai_value *body)
{
    mirai__frame frame = {.task = 11, .attempt = 12, .incarnation = 13};
    assert_int_equal(mirai__encode(body, NULL, 0, &frame.segment), MIRAI_OK);
    mirai_value_release(body);
    mirai_job *job = mirai__job_new(NULL, &lock, &frame);
    assert_non_null(job);
    assert_null(frame.segment);
    return job;
}

static mirai_job *echo_job(void)
{
    return new_job(mirai_list_of(mirai_string("echo"), mirai_int(4), mirai_null(), MIRAI_END));
}

static void test_job__bad_bodies(void **state)
{
    (void)state;
    mirai_value *const bodies[] = {mirai_int(1), mirai_list(NULL, 0),
                                   mirai_list_of(mirai_string("f"), MIRAI_END),
                                   mirai_list_of(mirai_null(), mirai_null(), MIRAI_END)};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        mirai_job *job = new_job(bodies[i]);
        assert_int_equal(mirai__job_decode(job), MIRAI_E_DECODE);
        assert_null(mirai_job_function(job));
        assert_null(mirai_job_args(job));
        mirai__job_free(job);
    }
    mirai__job_free(NULL);
    mirai__job_watch(NULL, NULL, NULL);
}

static void test_job__is_decoded(void **state)
{
    (void)state;
    mirai_job *job = echo_job();
    assert_int_equal(mirai__job_decode(job), MIRAI_OK);
    assert_string_equal(mirai_job_function(job), "echo");
    assert_int_equal(mirai_value_int_or(mirai_job_args(job), 0), 4);
    assert_int_equal(mirai_job_task_id(job), 11);
    mirai__job_free(job);
}

static void count(void *user)
{
    ++*(int *)user;
}

static void cancel(mirai_job *job)
{
    (void)pthread_mutex_lock(&lock);
    mirai__job_cancel(job);
    (void)pthread_mutex_unlock(&lock);
}

static void test_job__cancel_calls_once(void **state)
{
    (void)state;
    int calls = 0, late = 0;
    mirai_job *job = echo_job();
    assert_int_equal(mirai_job_cancelled(job), 0);
    assert_int_equal(mirai_job_on_cancel(job, count, &calls), MIRAI_OK);
    assert_int_equal(calls, 0);
    cancel(job);
    cancel(job);
    assert_int_equal(calls, 1);
    assert_int_equal(mirai_job_cancelled(job), 1);
    assert_int_equal(mirai_job_on_cancel(job, count, &late), MIRAI_OK);
    assert_int_equal(late, 1); /* at once */
    cancel(job);
    assert_int_equal(late, 1);
    mirai__job_free(job);

    job = echo_job();
    assert_int_equal(mirai_job_on_cancel(job, count, &calls), MIRAI_OK);
    assert_int_equal(mirai_job_on_cancel(job, NULL, NULL), MIRAI_OK);
    cancel(job);
    assert_int_equal(calls, 1);
    mirai__job_free(job);
}

/* Takes value; the frame's value. */
static mirai_value *sent(const mirai_job *job, mirai_value *value, mirai_outcome outcome,
                         mirai_status expected)
{
    mirai__frame frame;
    mirai_status encoded;
    mirai_value *received = NULL;
    assert_int_equal(mirai__job_result(job, value, &frame, &encoded), MIRAI_OK);
    assert_int_equal(encoded, expected);
    assert_int_equal(frame.kind, MIRAI__FRAME_RESULT);
    assert_int_equal(frame.aux, outcome);
    assert_int_equal(frame.task, 11);
    assert_int_equal(frame.attempt, 12);
    assert_int_equal(frame.incarnation, 13);
    mirai_value_release(value);
    assert_int_equal(mirai__decode(frame.segment, NULL, &mirai__limits_local, &received), MIRAI_OK);
    mirai__frame_fini(&frame);
    return received;
}

static void test_job__result(void **state)
{
    (void)state;
    static int object;
    mirai_job *job = echo_job();
    mirai_value *value = sent(job, mirai_int(6), MIRAI_OUTCOME_VALUE, MIRAI_OK);
    assert_int_equal(mirai_value_int_or(value, 0), 6);
    mirai_value_release(value);
    value = sent(job, mirai_error("mine", 1, "text"), MIRAI_OUTCOME_FAILED, MIRAI_OK);
    assert_string_equal(mirai_value_class(value), "mine");
    mirai_value_release(value);
    value = sent(job, mirai_reference("nobody", &object, NULL, NULL), MIRAI_OUTCOME_FAILED,
                 MIRAI_E_HOOK);
    assert_string_equal(mirai_value_class(value), "hook_error");
    assert_int_equal(mirai_value_error_code(value), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_value_error_message(value), "nobody"));
    mirai_value_release(value);
    mirai__job_free(job);
}

static void test_job__no_memory(void **state)
{
    (void)state;
    mirai_status status = MIRAI_E_NOMEM, encoded = MIRAI_OK;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai_job *job = echo_job();
        mirai__fault_arm(n, false);
        status = mirai__job_decode(job);
        mirai__fault_arm(0, false);
        if (status != MIRAI_OK) assert_int_equal(status, MIRAI_E_NOMEM);
        mirai__job_free(job);
    }
    mirai_job *job = echo_job();
    mirai_value *value = mirai_list_of(mirai_int(1), mirai_bytes("abc", 3), MIRAI_END);
    bool sticky = false;
    for (int64_t n = 1; n == 1 || status != MIRAI_OK || encoded != MIRAI_OK;
         n++, sticky = n % 2 == 0) {
        mirai__frame frame;
        mirai__fault_arm(n, sticky);
        status = mirai__job_result(job, value, &frame, &encoded);
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK && encoded != MIRAI_OK)
            assert_int_equal(frame.aux, MIRAI_OUTCOME_FAILED);
        if (status != MIRAI_OK) assert_int_equal(status, MIRAI_E_NOMEM);
        mirai__frame_fini(&frame);
    }
    mirai_value_release(value);
    mirai__job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job__bad_bodies),        cmocka_unit_test(test_job__is_decoded),
        cmocka_unit_test(test_job__cancel_calls_once), cmocka_unit_test(test_job__result),
        cmocka_unit_test(test_job__no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
