/*
 * Fault points: which operation fails, and what is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"

static void test_fault__never_fails_when_disarmed(void **state)
{
    (void)state;
    mirai__fault_arm(-5, true);
    for (int i = 0; i < 100; i++) assert_false(mirai__fault());
    mirai__fault_arm(0, true);
    for (int i = 0; i < 100; i++) assert_false(mirai__fault());
    assert_int_equal(mirai__fault_count(), 0);
}

static void test_fault__fails_once(void **state)
{
    (void)state;
    mirai__fault_arm(3, false);
    for (int i = 1; i <= 10; i++) assert_int_equal(mirai__fault(), i == 3);
    assert_int_equal(mirai__fault_count(), 10);
    mirai__fault_arm(0, false);
    assert_false(mirai__fault());
    assert_int_equal(mirai__fault_count(), 10);
}

static void test_fault__fails_from_then_on(void **state)
{
    (void)state;
    mirai__fault_arm(3, true);
    for (int i = 1; i <= 10; i++) assert_int_equal(mirai__fault(), i >= 3);
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__fault_count(), 0);
    assert_true(mirai__fault());
    assert_false(mirai__fault());
    mirai__fault_arm(0, false);
}

static void test_fault__counts_without_failing(void **state)
{
    (void)state;
    mirai__fault_arm(INT64_MAX, false);
    for (int i = 0; i < 1000; i++) assert_false(mirai__fault());
    assert_int_equal(mirai__fault_count(), 1000);
    mirai__fault_arm(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault__never_fails_when_disarmed),
        cmocka_unit_test(test_fault__fails_once),
        cmocka_unit_test(test_fault__fails_from_then_on),
        cmocka_unit_test(test_fault__counts_without_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
