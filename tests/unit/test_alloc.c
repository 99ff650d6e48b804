/*
 * Allocation: checked sizes, alignment, copies of text, and the detail text when there is no
 * memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <miraicore/buffer.h>

#include "alloc.h"
#include "detail.h"
#include "fault.h"

static void test_alloc__refuses_sizes_that_cannot_be(void **state)
{
    (void)state;
    char *kept = mirai__strdup("kept");
    const void *results[] = {
        mirai__alloc(SIZE_MAX),
        mirai__alloc((size_t)PTRDIFF_MAX + 1),
        mirai__alloc_zero(SIZE_MAX / 2, 3),
        mirai__alloc_zero(3, SIZE_MAX / 2),
        mirai__realloc(kept, SIZE_MAX, SIZE_MAX),
        mirai__alloc_aligned(SIZE_MAX - 8),
        mirai__strndup("x", SIZE_MAX),
    };
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) assert_null(results[i]);
    assert_string_equal(kept, "kept");
    mirai__free(kept);

    mirai__detail_clear();
    assert_null(mirai__alloc_zero(SIZE_MAX, 8));
    assert_non_null(strstr(mirai_error_detail(), "out of memory for"));
    mirai__free(NULL);
}

static void test_alloc__gives_a_pointer_for_nothing(void **state)
{
    (void)state;
    void *a = mirai__alloc(0), *b = mirai__alloc_zero(0, 8), *c = mirai__alloc_aligned(0);
    void *d = mirai__realloc(NULL, 8, 0);
    assert_true(a != NULL && b != NULL && c != NULL && d != NULL && a != b);
    mirai__free(a);
    mirai__free(b);
    mirai__free(c);
    mirai__free(d);
}

static void test_alloc__zeroes_aligns_and_grows(void **state)
{
    (void)state;
    unsigned char *zeros = mirai__alloc_zero(100, 10);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(zeros[i], 0);
    zeros[999] = 7;
    zeros = mirai__realloc(zeros, 200, 10);
    assert_int_equal(zeros[999], 7);
    mirai__free(zeros);

    for (size_t size = 1; size < 300; size += 7) {
        void *memory = mirai__alloc_aligned(size);
        assert_int_equal((uintptr_t)memory % MIRAI_BUFFER_ALIGNMENT, 0);
        memset(memory, 1, size);
        mirai__free(memory);
    }
}

static void test_alloc__copies_text(void **state)
{
    (void)state;
    char *whole = mirai__strdup("whole");
    char *part = mirai__strndup("a\0bcd", 3);
    char *empty = mirai__strndup(NULL, 0);
    char *made = mirai__format("%d-%s-%0500d", 12, "x", 3);
    assert_string_equal(whole, "whole");
    assert_memory_equal(part, "a\0b\0", 4);
    assert_string_equal(empty, "");
    assert_int_equal(strlen(made), 505);
    assert_memory_equal(made, "12-x-0", 6);
    mirai__free(whole);
    mirai__free(part);
    mirai__free(empty);
    mirai__free(made);
}

static void test_alloc__has_a_fault_point_in_each(void **state)
{
    (void)state;
    for (int which = 0; which < 7; which++) {
        void *got[2];
        void *old = mirai__alloc(1);
        for (int round = 0; round < 2; round++) {
            mirai__fault_arm(round == 0 ? 1 : 0, false);
            switch (which) {
            case 0: got[round] = mirai__alloc(8); break;
            case 1: got[round] = mirai__alloc_zero(1, 8); break;
            case 2: got[round] = mirai__realloc(old, 1, 8); break;
            case 3: got[round] = mirai__alloc_aligned(8); break;
            case 4: got[round] = mirai__strdup("x"); break;
            case 5: got[round] = mirai__strndup("x", 1); break;
            default: got[round] = mirai__format("%d", 1); break;
            }
            if (round == 0) assert_string_not_equal(mirai_error_detail(), "");
        }
        assert_null(got[0]);
        assert_non_null(got[1]);
        mirai__free(got[1]);
        if (which != 2) mirai__free(old);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc__refuses_sizes_that_cannot_be),
        cmocka_unit_test(test_alloc__gives_a_pointer_for_nothing),
        cmocka_unit_test(test_alloc__zeroes_aligns_and_grows),
        cmocka_unit_test(test_alloc__copies_text),
        cmocka_unit_test(test_alloc__has_a_fault_point_in_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
