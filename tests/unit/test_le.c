/*
 * Little-endian numbers, at every alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "le.h"

static void test_le__lays_bytes_out_least_first(void **state)
{
    (void)state;
    unsigned char bytes[8];
    mirai__store_le16(bytes, 0x0201);
    assert_memory_equal(bytes, "\x01\x02", 2);
    mirai__store_le32(bytes, 0x84838281u);
    assert_memory_equal(bytes, "\x81\x82\x83\x84", 4);
    mirai__store_le64(bytes, UINT64_C(0xF8F7F6F5F4F3F2F1));
    assert_memory_equal(bytes, "\xF1\xF2\xF3\xF4\xF5\xF6\xF7\xF8", 8);
}

static void test_le__reads_what_it_wrote_at_any_alignment(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0,         1, 0x80, 0xFF00, UINT64_C(0x8000000000000000),
                                       UINT64_MAX};
    unsigned char bytes[24];
    for (size_t at = 1; at < 9; at++) {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            memset(bytes, 0xAA, sizeof bytes);
            mirai__store_le16(bytes + at, (uint16_t)numbers[i]);
            assert_int_equal(mirai__load_le16(bytes + at), (uint16_t)numbers[i]);
            assert_int_equal(bytes[at + 2], 0xAA);
            mirai__store_le32(bytes + at, (uint32_t)numbers[i]);
            assert_int_equal(mirai__load_le32(bytes + at), (uint32_t)numbers[i]);
            assert_int_equal(bytes[at + 4], 0xAA);
            mirai__store_le64(bytes + at, numbers[i]);
            assert_int_equal(mirai__load_le64(bytes + at), numbers[i]);
            assert_int_equal(bytes[at + 8], 0xAA);
            assert_int_equal(bytes[at - 1], 0xAA);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_le__lays_bytes_out_least_first),
        cmocka_unit_test(test_le__reads_what_it_wrote_at_any_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
