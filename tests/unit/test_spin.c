/*
 * How long to wait actively: it grows with success, shrinks with failure, never to nothing, and now and then is long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "clock.h"
#include "spin.h"

static int64_t budget(mirai__spin *spin)
{
    return mirai__spin_until(spin, MIRAI__SPIN_PAUSE, 1000) - 1000;
}

static void test_spin__waits_as_it_is_told(void **state)
{
    (void)state;
    mirai__spin spin = {0};
    assert_int_equal(mirai__spin_until(&spin, MIRAI__SPIN_NOT, 1000), 1000);
    assert_true(mirai__spin_until(&spin, MIRAI__SPIN_YIELD, 1000) > 1000);
    int64_t now = mirai__now_ns();
    int64_t then = mirai__spin_step(&spin, MIRAI__SPIN_PAUSE, now);
    assert_true(then > now && then <= mirai__now_ns());
}

/* As if the processor had been away since long ago. */
static void test_spin__gives_way_no_more_where_that_takes_long(void **state)
{
    (void)state;
    mirai__spin spin = {0};
    assert_true(mirai__spin_step(&spin, MIRAI__SPIN_YIELD, mirai__now_ns() - 1000000) == INT64_MAX);
    int refused = 0;
    while (mirai__spin_until(&spin, MIRAI__SPIN_YIELD, 1000) == 1000) refused++;
    assert_in_range(refused, 10, 10000);
    spin.crowded = 5;
    assert_true(budget(&spin) > 0); /* with a processor of its own that does not matter */
}

static void test_spin__is_wished_unless_told_otherwise(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("MIRAI_SPIN"), 0);
    assert_true(mirai__spin_is_wished());
    assert_int_equal(setenv("MIRAI_SPIN", "0", 1), 0);
    assert_false(mirai__spin_is_wished());
    assert_int_equal(setenv("MIRAI_SPIN", "1", 1), 0);
    assert_true(mirai__spin_is_wished());
}

static void test_spin__learns(void **state)
{
    (void)state;
    mirai__spin spin = {0};
    int64_t first = budget(&spin);
    assert_true(first > 0 && first <= 20000);
    mirai__spin_learn(&spin, true);
    assert_int_equal(budget(&spin), first); /* no longer than that */
    mirai__spin_learn(&spin, false);
    int64_t second = budget(&spin);
    assert_true(second < first);
    for (int i = 0; i < 5; i++) mirai__spin_learn(&spin, false);
    int64_t least = budget(&spin);
    assert_true(least > 0 && least < second);
    mirai__spin_learn(&spin, true);
    assert_true(budget(&spin) > least);
    for (int i = 0; i < 5; i++) mirai__spin_learn(&spin, true);
    assert_int_equal(budget(&spin), first);
}

static void test_spin__tries_for_long_now_and_then(void **state)
{
    (void)state;
    mirai__spin spin = {0};
    int longer = 0;
    for (int i = 0; i < 160; i++) {
        if (budget(&spin) > 50000) longer++;
        mirai__spin_learn(&spin, false);
    }
    assert_int_equal(longer, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spin__is_wished_unless_told_otherwise),
        cmocka_unit_test(test_spin__waits_as_it_is_told),
        cmocka_unit_test(test_spin__gives_way_no_more_where_that_takes_long),
        cmocka_unit_test(test_spin__learns),
        cmocka_unit_test(test_spin__tries_for_long_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
