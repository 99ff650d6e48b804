/*
 * Hashes: they depend on all they are given, and spread over the low bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hash.h"

static void test_hash__depends_on_every_byte_and_the_size(void **state)
{
    (void)state;
    unsigned char bytes[33] = {0};
    assert_int_equal(mirai__hash_bytes(NULL, 0), mirai__hash_bytes(bytes, 0));
    for (size_t size = 1; size <= 32; size++) {
        uint64_t plain = mirai__hash_bytes(bytes, size);
        assert_int_equal(plain, mirai__hash_bytes(bytes, size));
        assert_int_not_equal(plain, mirai__hash_bytes(bytes, size - 1));
        for (size_t i = 0; i < size; i++) {
            bytes[i] = 1;
            assert_int_not_equal(plain, mirai__hash_bytes(bytes, size));
            bytes[i] = 0;
        }
    }
}

static void test_hash__spreads_regular_numbers(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 64, 4096, UINT64_C(1) << 32, UINT64_C(1) << 56};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        unsigned hits[16] = {0};
        for (uint64_t i = 0; i < 256; i++) hits[mirai__hash_number(i * steps[s]) & 15]++;
        for (int bin = 0; bin < 16; bin++) assert_true(hits[bin] < 64); /* 16 expected */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__depends_on_every_byte_and_the_size),
        cmocka_unit_test(test_hash__spreads_regular_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
