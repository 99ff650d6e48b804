/* test_cbor: heads, strings and floats: the bytes they give, and that nothing but these is
 * accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "cbor.h"
#include "fault.h"

static mirai__cbor cursor(const mirai__bytes *bytes)
{
    return (mirai__cbor){bytes->data, bytes->data + bytes->size};
}

static void assert_bytes(const mirai__bytes *bytes, const char *expected, size_t size)
{
    assert_int_equal(bytes->size, size);
    assert_memory_equal(bytes->data, expected, size);
}

static void test_cbor__ends_and_wrong_types(void **state)
{
    (void)state;
    mirai__cbor empty = {NULL, NULL};
    mirai__cbor_head head;
    uint64_t argument;
    assert_int_equal(mirai__cbor_get(&empty, &head), MIRAI_E_DECODE);
    const uint8_t one[] = {0x01};
    mirai__cbor in = {one, one + 1};
    assert_int_equal(mirai__cbor_expect(&in, MIRAI__CBOR_TEXT, "a text", &argument),
                     MIRAI_E_DECODE);
}

static void test_cbor__heads_are_shortest(void **state)
{
    (void)state;
    static const struct {
        uint64_t argument;
        size_t size;
    } cases[] = {{0, 1},
                 {23, 1},
                 {24, 2},
                 {255, 2},
                 {256, 3},
                 {65535, 3},
                 {65536, 5},
                 {UINT32_MAX, 5},
                 {1ull << 32, 9},
                 {UINT64_MAX, 9},
                 {UINT64_MAX - 1, 9}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mirai__bytes out;
        mirai__cbor_head head;
        mirai__bytes_init(&out);
        assert_int_equal(mirai__cbor_put(&out, MIRAI__CBOR_UINT, cases[i].argument), MIRAI_OK);
        assert_int_equal(out.size, cases[i].size);
        mirai__cbor in = cursor(&out);
        assert_int_equal(mirai__cbor_get(&in, &head), MIRAI_OK);
        assert_true(head.argument == cases[i].argument);
        assert_ptr_equal(in.at, in.end);
        for (size_t size = 0; size < out.size; size++) {
            in = (mirai__cbor){out.data, out.data + size};
            assert_int_equal(mirai__cbor_get(&in, &head), MIRAI_E_DECODE);
        }
        mirai__bytes_fini(&out);
    }
}

static void test_cbor__examples_of_the_standard(void **state)
{
    (void)state;
    mirai__bytes out;
    mirai__bytes_init(&out);
    assert_int_equal(mirai__cbor_put_int(&out, 1000000), MIRAI_OK);
    assert_bytes(&out, "\x1a\x00\x0f\x42\x40", 5);
    out.size = 0;
    assert_int_equal(mirai__cbor_put_int(&out, -1000), MIRAI_OK);
    assert_bytes(&out, "\x39\x03\xe7", 3);
    out.size = 0;
    assert_int_equal(mirai__cbor_put_int(&out, INT64_MIN), MIRAI_OK);
    assert_bytes(&out, "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", 9);
    out.size = 0;
    assert_int_equal(mirai__cbor_put_string(&out, MIRAI__CBOR_TEXT, "IETF", 4), MIRAI_OK);
    assert_bytes(&out, "\x64IETF", 5);
    static const struct {
        double number;
        const char *bytes;
        size_t size;
    } floats[] = {
        {0.0, "\xf9\x00\x00", 3},
        {-0.0, "\xf9\x80\x00", 3},
        {1.0, "\xf9\x3c\x00", 3},
        {1.1, "\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", 9},
        {65504.0, "\xf9\x7b\xff", 3},
        {100000.0, "\xfa\x47\xc3\x50\x00", 5},
        {3.4028234663852886e+38, "\xfa\x7f\x7f\xff\xff", 5},
        {1.0e+300, "\xfb\x7e\x37\xe4\x3c\x88\x00\x75\x9c", 9},
        {5.960464477539063e-8, "\xf9\x00\x01", 3},
        {0.00006103515625, "\xf9\x04\x00", 3},
        {-4.0, "\xf9\xc4\x00", 3},
        {-4.1, "\xfb\xc0\x10\x66\x66\x66\x66\x66\x66", 9},
        {INFINITY, "\xf9\x7c\x00", 3},
        {-INFINITY, "\xf9\xfc\x00", 3},
        {1.401298464324817e-45, "\xfa\x00\x00\x00\x01", 5},
        {5e-324, "\xfb\x00\x00\x00\x00\x00\x00\x00\x01", 9},
    };
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        out.size = 0;
        assert_int_equal(mirai__cbor_put_float(&out, floats[i].number), MIRAI_OK);
        assert_bytes(&out, floats[i].bytes, floats[i].size);
    }
    mirai__bytes_fini(&out);
}

/* Every float of two bytes, NaNs included, is read, and written as the same two bytes. */
static void test_cbor__all_halves(void **state)
{
    (void)state;
    mirai__bytes out;
    mirai__bytes_init(&out);
    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
        const uint8_t bytes[] = {0xf9, (uint8_t)(bits >> 8), (uint8_t)bits};
        mirai__cbor in = {bytes, bytes + sizeof bytes};
        mirai__cbor_head head;
        double number;
        assert_int_equal(mirai__cbor_get(&in, &head), MIRAI_OK);
        assert_int_equal(mirai__cbor_float(&head, &number), MIRAI_OK);
        out.size = 0;
        assert_int_equal(mirai__cbor_put_float(&out, number), MIRAI_OK);
        assert_bytes(&out, (const char *)bytes, sizeof bytes);
    }
    mirai__bytes_fini(&out);
}

/* Floats of four bytes: agree with the machine, and those that two bytes hold are refused. */
static void test_cbor__many_singles(void **state)
{
    (void)state;
    mirai__bytes out;
    mirai__bytes_init(&out);
    for (uint64_t step = 0; step <= UINT32_MAX; step += 65521) { /* a prime */
        uint32_t bits = (uint32_t)step;
        const uint8_t bytes[] = {0xfa, (uint8_t)(bits >> 24), (uint8_t)(bits >> 16),
                                 (uint8_t)(bits >> 8), (uint8_t)bits};
        mirai__cbor in = {bytes, bytes + sizeof bytes};
        mirai__cbor_head head;
        float single;
        double number;
        memcpy(&single, &bits, sizeof single);
        assert_int_equal(mirai__cbor_get(&in, &head), MIRAI_OK);
        mirai_status status = mirai__cbor_float(&head, &number);
        out.size = 0;
        assert_int_equal(mirai__cbor_put_float(&out, (double)single), MIRAI_OK);
        if (out.size == 3) {
            assert_int_equal(status, MIRAI_E_DECODE);
            continue;
        }
        assert_int_equal(status, MIRAI_OK);
        if (isnan(single)) continue;
        assert_true(number == (double)single);
        assert_bytes(&out, (const char *)bytes, sizeof bytes);
    }
    mirai__bytes_fini(&out);
}

static void test_cbor__containers_hold_no_more_than_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        mirai_status status;
    } cases[] = {
        {"\x42\x00\x00", 3, MIRAI_OK},   {"\x42\x00", 2, MIRAI_E_DECODE},
        {"\x61\x61", 2, MIRAI_OK},       {"\x61", 1, MIRAI_E_DECODE},
        {"\x82\x00\x00", 3, MIRAI_OK},   {"\x82\x00", 2, MIRAI_E_DECODE},
        {"\xa1\x00\x00", 3, MIRAI_OK},   {"\xa1\x00", 2, MIRAI_E_DECODE},
        {"\xc1\x00", 2, MIRAI_OK},       {"\xc1", 1, MIRAI_E_DECODE},
        {"\xf8\x18", 2, MIRAI_E_DECODE}, {"\xff", 1, MIRAI_E_DECODE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        mirai__cbor in = {bytes, bytes + cases[i].size};
        mirai__cbor_head head;
        assert_int_equal(mirai__cbor_get(&in, &head), cases[i].status);
    }
}

static void test_cbor__allocation_failures(void **state)
{
    (void)state;
    mirai__bytes out;
    mirai__bytes_init(&out);
    mirai__fault_arm(1, true);
    assert_int_equal(mirai__cbor_put_int(&out, 1), MIRAI_E_NOMEM);
    assert_int_equal(mirai__cbor_put_float(&out, 1), MIRAI_E_NOMEM);
    assert_int_equal(mirai__cbor_put_string(&out, MIRAI__CBOR_TEXT, "a", 1), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
    assert_int_equal(out.size, 0);
    mirai__bytes_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cbor__ends_and_wrong_types),
        cmocka_unit_test(test_cbor__heads_are_shortest),
        cmocka_unit_test(test_cbor__examples_of_the_standard),
        cmocka_unit_test(test_cbor__all_halves),
        cmocka_unit_test(test_cbor__many_singles),
        cmocka_unit_test(test_cbor__containers_hold_no_more_than_there_is),
        cmocka_unit_test(test_cbor__allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
