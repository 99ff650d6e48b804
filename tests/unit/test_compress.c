/* test_compress: what pays, what comes back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc.h"
#include "compress.h"
#include "fault.h"

static void fill(uint8_t *data, size_t size, int is_random)
{
    uint64_t x = 88172645463325252;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = is_random ? (uint8_t)x : (uint8_t)(i / 100);
    }
}

static void test_compress__malformed_blocks_are_refused(void **state)
{
    (void)state;
    uint8_t out[1000], data[1000];
    fill(data, sizeof data, 0);
    size_t size = 0;
    uint8_t *block = mirai__compress(data, sizeof data, &size);
    assert_non_null(block);
    assert_int_equal(mirai__inflate_check("", 0, 10), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__inflate_check("zstd", 4, 10), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__inflate_check(block, size, sizeof data), MIRAI_OK);
    assert_int_equal(mirai__inflate_check(block, size, sizeof data - 1), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__inflate_check(block, size, SIZE_MAX), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__inflate_check(block, size - 1, sizeof data), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__inflate(block, size - 1, out, sizeof out), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__inflate(block, size, out, sizeof out - 1), MIRAI_E_PROTOCOL);
    assert_string_not_equal(mirai_error_detail(), "");
    mirai__free(block);
}

static void test_compress__what_pays_comes_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {512, 5000, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *data = malloc(sizes[i]), *out = malloc(sizes[i]);
        assert_non_null(data);
        assert_non_null(out);
        fill(data, sizes[i], 0);
        size_t size = 0;
        void *block = mirai__compress(data, sizes[i], &size);
        assert_non_null(block);
        assert_true(size < sizes[i]);
        assert_int_equal(mirai__inflate(block, size, out, sizes[i]), MIRAI_OK);
        assert_memory_equal(data, out, sizes[i]);
        mirai__free(block);
        free(data);
        free(out);
    }
}

static void test_compress__what_does_not_pay_is_left(void **state)
{
    (void)state;
    static uint8_t data[1 << 20];
    size_t size;
    fill(data, sizeof data, 1);
    assert_null(mirai__compress(data, 5000, &size));
    assert_null(mirai__compress(data, sizeof data, &size));
    fill(data, 511, 0);
    assert_null(mirai__compress(data, 511, &size));
    assert_null(mirai__compress(NULL, 0, &size));
}

static void test_compress__without_memory_nothing_is_compressed(void **state)
{
    (void)state;
    static uint8_t data[1 << 20];
    fill(data, sizeof data, 0);
    for (int64_t n = 1; n < 6; n++) {
        size_t size;
        mirai__fault_arm(n, false);
        mirai__free(mirai__compress(data, sizeof data, &size));
        mirai__fault_arm(0, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compress__malformed_blocks_are_refused),
        cmocka_unit_test(test_compress__what_pays_comes_back),
        cmocka_unit_test(test_compress__what_does_not_pay_is_left),
        cmocka_unit_test(test_compress__without_memory_nothing_is_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
