/*
 * UTF-8: every sequence of one to three bytes against the definition, and the borders of four.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "utf8.h"

static void test_utf8__refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC3",
        "\xC3(",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xE2\x82",
        "\xE2(\x82",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xF0\x9F\x8C",
        "12345678\x80",
        "1234567\xC3",
        "abcdefghijklmnop\xED\xA0\x80qrst",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(mirai__utf8_valid(bad[i], strlen(bad[i])));
}

static void test_utf8__accepts_what_is_well_formed(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "a",
        "12345678",
        "123456789",
        "\x7F",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "12345678\xE2\x82\xAC-2345678\xC3\xA9",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(mirai__utf8_valid(good[i], strlen(good[i])));
    assert_true(mirai__utf8_valid(NULL, 0));
    assert_true(mirai__utf8_valid("a\0b", 3));
    assert_false(mirai__utf8_valid("a\0\xC3", 3));
}

/* Encode by the definition; 0 when the number is no scalar value. */
static size_t encode(uint32_t c, unsigned char *out)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (size == 1) {
        out[0] = (unsigned char)c;
        return 1;
    }
    for (size_t i = size - 1; i > 0; i--, c >>= 6) out[i] = (unsigned char)(0x80 | (c & 0x3F));
    out[0] = (unsigned char)(((0xF00 >> size) & 0xFF) | c);
    return size;
}

static void test_utf8__agrees_with_an_encoder(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110FFF; c++) {
        unsigned char bytes[4];
        size_t size = encode(c, bytes);
        if (size > 0 && !mirai__utf8_valid((const char *)bytes, size)) fail_msg("U+%X refused", c);
    }
    /* Of all sequences of three bytes that begin with a three-byte lead, just the encoded ones
     * pass. */
    int accepted = 0;
    for (uint32_t n = 0xE00000; n <= 0xEFFFFF; n++) {
        const char bytes[3] = {(char)(n >> 16), (char)(n >> 8), (char)n};
        accepted += mirai__utf8_valid(bytes, 3);
    }
    assert_int_equal(accepted, 0x10000 - 0x800 - 0x800);
}

static void test_utf8__cuts_between_characters(void **state)
{
    (void)state;
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\x8D";
    static const size_t cut[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    for (size_t size = 0; size <= 10; size++)
        assert_int_equal(mirai__utf8_cut(text, size), cut[size]);
    assert_int_equal(mirai__utf8_cut("\x80\x80\x80\x80\x80", 5), 5);
    assert_int_equal(mirai__utf8_cut("\x80\x80", 2), 2);
}

static void test_utf8__knows_names(void **state)
{
    (void)state;
    char name[258];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    assert_true(mirai__name_valid(name));
    name[255] = 'n';
    name[256] = '\0';
    assert_false(mirai__name_valid(name));
    assert_false(mirai__name_valid(NULL));
    assert_false(mirai__name_valid(""));
    assert_false(mirai__name_valid("\xFF"));
    assert_true(mirai__name_valid("torch_tensor"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__refuses_what_is_malformed),
        cmocka_unit_test(test_utf8__accepts_what_is_well_formed),
        cmocka_unit_test(test_utf8__agrees_with_an_encoder),
        cmocka_unit_test(test_utf8__cuts_between_characters),
        cmocka_unit_test(test_utf8__knows_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
