/*
 * Random bytes: all of them written, none beyond, and interruption by a signal goes unnoticed.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <cmocka.h>

#include "alloc.h"
#include "fault.h"
#include "random.h"

static void test_random__fails_where_told(void **state)
{
    (void)state;
    unsigned char bytes[4] = {1, 2, 3, 4};
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__random_bytes(bytes, 4), MIRAI_E_SYSTEM);
    mirai__fault_arm(0, false);
    assert_memory_equal(bytes, "\1\2\3\4", 4);
    assert_int_equal(mirai__random_bytes(NULL, 0), MIRAI_OK);
}

static void test_random__writes_all_and_no_more(void **state)
{
    (void)state;
    unsigned char bytes[66];
    for (size_t size = 1; size <= 64; size++) {
        unsigned char any[64] = {0};
        for (int round = 0; round < 40; round++) {
            memset(bytes, 0, sizeof bytes);
            assert_int_equal(mirai__random_bytes(bytes + 1, size), MIRAI_OK);
            assert_int_equal(bytes[0] | bytes[size + 1], 0);
            for (size_t i = 0; i < size; i++) any[i] |= bytes[i + 1];
        }
        for (size_t i = 0; i < size; i++) assert_int_not_equal(any[i], 0);
    }
}

static void on_alarm(int number)
{
    (void)number;
}

static void test_random__is_whole_despite_signals(void **state)
{
    (void)state;
    enum { SIZE = 1 << 24 };
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler =
        on_alarm; /* without SA_RESTART; it stays, since one may still be on its way */
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    struct itimerval often = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
    unsigned char *bytes = mirai__alloc_zero(SIZE, 1);
    assert_non_null(bytes);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    mirai_status status = mirai__random_bytes(bytes, SIZE);
    assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
    assert_int_equal(status, MIRAI_OK);
    size_t zeros = 0;
    for (size_t i = SIZE - 4096; i < SIZE; i++) zeros += bytes[i] == 0;
    assert_true(zeros < 256); /* 16 expected */
    mirai__free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random__fails_where_told),
        cmocka_unit_test(test_random__writes_all_and_no_more),
        cmocka_unit_test(test_random__is_whole_despite_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
