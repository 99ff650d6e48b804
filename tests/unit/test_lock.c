/*
 * Threads of the library's own take no signals and bear their name; timed waits end at their
 * deadline.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "clock.h"
#include "detail.h"
#include "fault.h"
#include "lock.h"

typedef struct seen {
    sigset_t mask;
    char name[32];
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
} seen;

static void *look(void *argument)
{
    seen *out = argument;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &out->mask);
    (void)pthread_getname_np(pthread_self(), out->name, sizeof out->name);
    (void)pthread_mutex_lock(&out->mutex);
    out->done = true;
    (void)pthread_cond_signal(&out->changed);
    (void)pthread_mutex_unlock(&out->mutex);
    return out;
}

static void test_lock__thread_takes_no_signals(void **state)
{
    (void)state;
    seen out = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    sigset_t before, after;
    pthread_t thread;
    void *returned;
    assert_int_equal(mirai__cond_init(&out.changed), MIRAI_OK);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(mirai__thread_start(&thread, "a name that is far too long", look, &out),
                     MIRAI_OK);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < SIGRTMAX; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    (void)pthread_mutex_lock(&out.mutex);
    while (!out.done) assert_true(mirai__cond_wait_until(&out.changed, &out.mutex, MIRAI__NEVER));
    (void)pthread_mutex_unlock(&out.mutex);
    assert_int_equal(pthread_join(thread, &returned), 0);
    assert_ptr_equal(returned, &out);
    assert_string_equal(out.name, "a name that is ");
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        assert_int_equal(sigismember(&out.mask, signals[i]), 1);
    (void)pthread_cond_destroy(&out.changed);
}

static void test_lock__thread_start_fails_cleanly(void **state)
{
    (void)state;
    sigset_t before, after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    int failures = 0;
    for (;;) {
        seen out = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        pthread_t thread;
        assert_int_equal(mirai__cond_init(&out.changed), MIRAI_OK);
        mirai__fault_arm(failures + 1, false);
        mirai_status status = mirai__thread_start(&thread, "faulty", look, &out);
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK) assert_int_equal(pthread_join(thread, NULL), 0);
        (void)pthread_cond_destroy(&out.changed);
        if (status == MIRAI_OK) break;
        assert_string_not_equal(mirai_error_detail(), "");
        failures++;
    }
    assert_int_equal(failures, 2); /* its record, and the thread */
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}

static void test_lock__wait_ends_at_its_deadline(void **state)
{
    (void)state;
    static const int64_t past[] = {0, -1, INT64_MIN, 1};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;
    assert_int_equal(mirai__cond_init(&never), MIRAI_OK);
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < sizeof past / sizeof *past; i++)
        assert_false(mirai__cond_wait_until(&never, &mutex, past[i]));
    int64_t deadline = mirai__deadline(20);
    while (mirai__cond_wait_until(&never, &mutex, deadline)) continue;
    assert_true(mirai__now_ms() >= deadline);
    (void)pthread_mutex_unlock(&mutex);
    (void)pthread_cond_destroy(&never);
}

static void test_lock__wait_sees_a_signal_long_before_a_far_deadline(void **state)
{
    (void)state;
    static const int64_t far[] = {INT64_MAX - 1, INT64_MAX / 2, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        seen out = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        pthread_t thread;
        assert_int_equal(mirai__cond_init(&out.changed), MIRAI_OK);
        (void)pthread_mutex_lock(&out.mutex);
        assert_int_equal(mirai__thread_start(&thread, "signaller", look, &out), MIRAI_OK);
        while (!out.done) assert_true(mirai__cond_wait_until(&out.changed, &out.mutex, far[i]));
        (void)pthread_mutex_unlock(&out.mutex);
        assert_int_equal(pthread_join(thread, NULL), 0);
        (void)pthread_cond_destroy(&out.changed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock__wait_ends_at_its_deadline),
        cmocka_unit_test(test_lock__thread_takes_no_signals),
        cmocka_unit_test(test_lock__thread_start_fails_cleanly),
        cmocka_unit_test(test_lock__wait_sees_a_signal_long_before_a_far_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
