/*
 * Clocks and deadlines: never backwards, never an overflow.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"

static void test_clock__saturates(void **state)
{
    (void)state;
    assert_int_equal(mirai__deadline(-1), MIRAI__NEVER);
    assert_int_equal(mirai__deadline(INT64_MIN), MIRAI__NEVER);
    assert_int_equal(mirai__deadline(INT64_MAX), MIRAI__NEVER);
    assert_int_equal(mirai__deadline(INT64_MAX - 1), MIRAI__NEVER);
    assert_int_equal(mirai__until(MIRAI__NEVER, INT64_MIN), -1);
    assert_int_equal(mirai__until(MIRAI__NEVER, INT64_MAX), -1);
    assert_int_equal(mirai__until(INT64_MAX - 1, INT64_MIN), INT_MAX);
    assert_int_equal(mirai__until(INT64_MIN, INT64_MAX), 0);
}

static void test_clock__counts_what_is_left(void **state)
{
    (void)state;
    assert_int_equal(mirai__until(1000, 999), 1);
    assert_int_equal(mirai__until(1000, 1000), 0);
    assert_int_equal(mirai__until(1000, 1001), 0);
    assert_int_equal(mirai__until((int64_t)INT_MAX + 5, 5), INT_MAX);
    assert_int_equal(mirai__until((int64_t)INT_MAX + 6, 5), INT_MAX);
    assert_int_equal(mirai__until((int64_t)INT_MAX + 4, 5), INT_MAX - 1);
}

static void test_clock__never_runs_backwards(void **state)
{
    (void)state;
    int64_t last = mirai__now_ns();
    assert_true(last > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = mirai__now_ns();
        assert_true(now >= last);
        last = now;
    }
    int64_t ms = mirai__now_ms();
    assert_true(ms >= last / 1000000);
    int64_t deadline = mirai__deadline(5000);
    assert_true(deadline >= ms + 5000);
    assert_true(mirai__deadline(0) <= mirai__now_ms());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__saturates),
        cmocka_unit_test(test_clock__counts_what_is_left),
        cmocka_unit_test(test_clock__never_runs_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
