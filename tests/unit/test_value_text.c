/*
 * Printing values for people: each case is the text that is expected, character by character.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "detail.h"
#include "fault.h"
#include "number_text.h"

/* Takes value. */
static void check(mirai_value *value, const char *expected)
{
    char *text = NULL;
    assert_non_null(value);
    assert_int_equal(mirai_value_format(value, &text), MIRAI_OK);
    mirai_value_release(value);
    assert_string_equal(text, expected);
    mirai_text_free(text);
}

static void test_value_text__refuses_bad_arguments(void **state)
{
    (void)state;
    assert_int_equal(mirai_value_format(mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_print(mirai_null(), NULL), MIRAI_E_INVALID);
    mirai_text_free(NULL);
    char *text = NULL;
    (void)mirai_error_set(MIRAI_E_USER, "it was not there");
    assert_int_equal(mirai_value_format(NULL, &text), MIRAI_OK);
    assert_string_equal(text, "no value: it was not there\n");
    mirai_text_free(text);
    mirai__detail_clear();
    assert_int_equal(mirai_value_format(NULL, &text), MIRAI_OK);
    assert_string_equal(text, "no value\n");
    mirai_text_free(text);
}

static void test_value_text__goes_to_a_stream(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_int_equal(mirai_value_print(mirai_bool(1), stream), MIRAI_OK);
    assert_int_equal(mirai_value_print(mirai_null(), stream), MIRAI_OK);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, "true\nnull\n");
    free(text);
    stream = fopen("/dev/null", "r");
    assert_int_equal(mirai_value_print(mirai_null(), stream), MIRAI_E_SYSTEM);
    assert_non_null(strstr(mirai_error_detail(), "could not be written"));
    fclose(stream);
}

static void test_value_text__scalars_stand_bare(void **state)
{
    (void)state;
    check(mirai_null(), "null\n");
    check(mirai_bool(0), "false\n");
    check(mirai_int(INT64_MIN), "-9223372036854775808\n");
    check(mirai_float(2.5), "2.5\n");
    check(mirai_string("text"), "\"text\"\n");
    check(mirai_string(""), "\"\"\n");
    check(mirai_list(NULL, 0), "[]\n");
    check(mirai_dict(NULL, NULL, 0), "{}\n");
}

static void test_value_text__floats_are_short_and_read_back(void **state)
{
    (void)state;
    const struct {
        double number;
        const char *text;
    } cases[] = {
        {0, "0.0\n"},
        {-0.0, "-0.0\n"},
        {1, "1.0\n"},
        {0.1, "0.1\n"},
        {1.0 / 3, "0.3333333333333333\n"},
        {100, "100.0\n"},
        {1e15, "1000000000000000.0\n"},
        {1e16, "1e+16\n"},
        {123456789012345680.0, "1.2345678901234568e+17\n"},
        {1e-4, "0.0001\n"},
        {1.5e-5, "1.5e-05\n"},
        {5e-324, "5e-324\n"},
        {1.7976931348623157e308, "1.7976931348623157e+308\n"},
        {0.1 + 0.2, "0.30000000000000004\n"},
        {9007199254740993.0, "9007199254740992.0\n"},
        {-2.25, "-2.25\n"},
        {(double)INFINITY, "inf\n"},
        {-(double)INFINITY, "-inf\n"},
        {(double)NAN, "nan\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check(mirai_float(cases[i].number), cases[i].text);
}

static void test_value_text__narrow_floats_are_shorter(void **state)
{
    (void)state;
    const float tenth = 0.1f, third = 1.0f / 3, tiny = 1e-45f, large = 16777216;
    const uint16_t half_tenth = 0x2e66, half_max = 0x7bff, half_tiny = 0x0001, brain_tenth = 0x3dcd;
    check(mirai_array(MIRAI_DTYPE_FLOAT32, 0, NULL, &tenth), "array float32 []: 0.1\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT32, 0, NULL, &third), "array float32 []: 0.33333334\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT32, 0, NULL, &large), "array float32 []: 16777216.0\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT32, 0, NULL, &tiny), "array float32 []: 1e-45\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT16, 0, NULL, &half_tenth), "array float16 []: 0.1\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT16, 0, NULL, &half_max), "array float16 []: 65500.0\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT16, 0, NULL, &half_tiny), "array float16 []: 6e-08\n");
    check(mirai_array(MIRAI_DTYPE_BFLOAT16, 0, NULL, &brain_tenth), "array bfloat16 []: 0.1\n");
}

static void test_value_text__every_number_reads_back(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252u; /* xorshift */
    for (int i = 0; i < 20000; i++) {
        char text[MIRAI__NUMBER_TEXT_MAX];
        double number;
        float single;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&number, &bits, sizeof(number));
        memcpy(&single, &bits, sizeof(single));
        if (isfinite(number)) {
            size_t size = mirai__number_text(text, MIRAI_DTYPE_FLOAT64, number, 17);
            assert_int_equal(size, strlen(text));
            assert_true(strtod(text, NULL) == number);
        }
        if (isfinite(single)) {
            mirai__number_text(text, MIRAI_DTYPE_FLOAT32, (double)single, 17);
            assert_true(strtof(text, NULL) == single);
        }
    }
}

static void test_value_text__the_locale_does_not_show(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR"};
    int is_set = 0;
    for (size_t i = 0; i < 4 && !is_set; i++) is_set = setlocale(LC_NUMERIC, names[i]) != NULL;
    check(mirai_float(1234.5), "1234.5\n");
    setlocale(LC_NUMERIC, "C");
    if (!is_set) skip();
}

static void test_value_text__strings_are_escaped_and_cut(void **state)
{
    (void)state;
    check(mirai_string("a\"b\\c\n\t\r\x1b[1m\x7f\xc2\x85gr\xc3\xbc\xc3\x9f"),
          "\"a\\\"b\\\\c\\n\\t\\r\\u001b[1m\\u007f\\u0085gr\xc3\xbc\xc3\x9f\"\n");
    check(mirai_string_n("a\0b", 3), "\"a\\u0000b\"\n");
    char text[700];
    memset(text, 'x', sizeof(text));
    text[699] = '\0';
    memcpy(text + 499, "\xc3\xa9", 2); /* the cut does not split a character */
    mirai_value *list = mirai_list_of(mirai_string(text), MIRAI_END);
    char expected[600] = "[0] \"";
    memset(expected + 5, 'x', 499);
    strcpy(expected + 504, "\"... (699 bytes)\n");
    check(list, expected);
}

static void test_value_text__bytes_are_hex(void **state)
{
    (void)state;
    uint8_t data[100];
    for (uint8_t i = 0; i < 100; i++) data[i] = i;
    check(mirai_bytes(NULL, 0), "bytes [0]\n");
    check(mirai_bytes("hello\xff", 6), "bytes [6] 0x68656c6c6fff\n");
    check(mirai_bytes(data, 100),
          "bytes [100] 0x000102030405060708090a0b0c0d0e0f...5c5d5e5f60616263\n");
}

static void test_value_text__dicts_are_aligned(void **state)
{
    (void)state;
    mirai_value *optimiser =
        mirai_dict_of("lr", mirai_float(0.01), "betas",
                      mirai_list_of(mirai_float(0.9), mirai_float(0.999), MIRAI_END), MIRAI_END);
    check(mirai_dict_of("name", mirai_string("net"), "epochs", mirai_int(10), "optimiser",
                        optimiser, "gr\xc3\xbc\xc3\x9f", mirai_null(), "a key: odd", mirai_bool(1),
                        "", mirai_dict(NULL, NULL, 0), MIRAI_END),
          "name:         \"net\"\n"
          "epochs:       10\n"
          "optimiser:\n"
          "  lr:    0.01\n"
          "  betas: [0.9, 0.999]\n"
          "gr\xc3\xbc\xc3\x9f:         null\n"
          "\"a key: odd\": true\n"
          "\"\":           {}\n");
}

static void test_value_text__lists_go_on_a_line_or_below(void **state)
{
    (void)state;
    check(mirai_list_of(mirai_int(1), mirai_string("a"), mirai_null(), MIRAI_END),
          "[1, \"a\", null]\n");
    mirai_value *row = mirai_dict_of("id", mirai_int(1), "name", mirai_string("x"), MIRAI_END);
    mirai_value *tags = mirai_list_of(mirai_list_of(mirai_int(1), MIRAI_END), MIRAI_END);
    check(mirai_dict_of("rows",
                        mirai_list_of(row, mirai_dict_of("tags", tags, MIRAI_END), MIRAI_END),
                        MIRAI_END),
          "rows:\n"
          "  [0] id:   1\n"
          "      name: \"x\"\n"
          "  [1] tags:\n"
          "        [0] [1]\n");
}

static mirai_value *numbers(size_t count, int64_t factor)
{
    mirai_value *items[400];
    for (size_t i = 0; i < count; i++) items[i] = mirai_int((int64_t)i * factor);
    return mirai_list(items, count);
}

static void test_value_text__long_lists_and_dicts_are_abridged(void **state)
{
    (void)state;
    check(numbers(20, 1),
          "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]\n");
    check(numbers(21, 1), "[0, 1, 2, 3, 4, 5, ..., 15, 16, 17, 18, 19, 20] (21 items)\n");
    check(numbers(30, 100000000000),
          "[0] 0\n[1] 100000000000\n[2] 200000000000\n[3] 300000000000\n[4] 400000000000\n"
          "[5] 500000000000\n... 18 more ...\n[24] 2400000000000\n[25] 2500000000000\n"
          "[26] 2600000000000\n[27] 2700000000000\n[28] 2800000000000\n[29] 2900000000000\n");
    char names[200][8], *text = NULL;
    const char *keys[200];
    mirai_value *items[200];
    for (size_t i = 0; i < 200; i++) {
        snprintf(names[i], sizeof(names[i]), "k%zu", i);
        keys[i] = names[i];
        items[i] = mirai_null();
    }
    mirai_value *dict = mirai_dict(keys, items, 200);
    assert_int_equal(mirai_value_format(dict, &text), MIRAI_OK);
    assert_non_null(strstr(text, "k39:  null\n... 120 more ...\nk160: null\n"));
    mirai_text_free(text);
    mirai_value_release(dict);
}

static char *repeated(const char *unit, size_t count)
{
    size_t size = strlen(unit);
    char *text = malloc(size * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) memcpy(text + i * size, unit, size);
    text[size * count] = '\0';
    return text;
}

static void test_value_text__what_errors_show_is_bounded(void **state)
{
    (void)state;
    enum { LONG = 1000000, CLASSES = 1000 };
    char *word = repeated("ab", LONG / 2), *lines = repeated("a\n", LONG / 2), *text = NULL;
    mirai_value *names[CLASSES];
    for (size_t i = 0; i < CLASSES; i++) names[i] = mirai_string(i == 0 ? word : "more");
    const char *keys[] = {"class", "code", "message", word, "log", "lines"};
    mirai_value *items[] = {mirai_list(names, CLASSES),
                            mirai_int(1),
                            mirai_string(word),
                            mirai_string(word),
                            mirai_list_of(mirai_string(word), mirai_string(word), MIRAI_END),
                            mirai_string(lines)};
    mirai_value *error = mirai_error_of(mirai_dict(keys, items, 6));
    assert_non_null(error);
    assert_int_equal(mirai_value_format(error, &text), MIRAI_OK);
    assert_in_range(strlen(text), 30000, 100000);
    assert_non_null(strstr(text, "ab... (1000000 bytes) < more < "));
    assert_non_null(strstr(text, "more < ... (1000 classes)]: abab"));
    assert_non_null(strstr(text, "ab... (1000000 bytes)\n  code: "));
    assert_non_null(strstr(text, "ab\n    | ... (cut here)\n"));
    assert_non_null(strstr(text, "| a\n    | ... (cut here)\n"));
    mirai_text_free(text);
    mirai_value_release(error);

    error = mirai_error(NULL, 1, "%s", lines); /* in a list: as much of its message as on its own */
    error = mirai_list_of(error, mirai_error(NULL, 1, "%s", word), MIRAI_END);
    assert_int_equal(mirai_value_format(error, &text), MIRAI_OK);
    assert_in_range(strlen(text), 10000, 60000);
    assert_non_null(strstr(text, "a\n        ... (1000000 bytes)"));
    assert_non_null(strstr(text, "(cut here)"));
    mirai_text_free(text);
    mirai_value_release(error);
    free(word);
    free(lines);
}

static void test_value_text__arrays_have_a_header(void **state)
{
    (void)state;
    const int64_t four[] = {4}, none[] = {0, 3}, matrix[] = {3, 4}, cube[] = {2, 2, 2},
                  many[] = {1000};
    const double numbers[] = {-4, -2.5,      100, 1e-7, NAN, 0.125, 1000, 3.14159265358979,
                              8,  -INFINITY, 0,   12};
    int32_t counts[1000];
    for (int32_t i = 0; i < 1000; i++) counts[i] = i;
    check(mirai_array(MIRAI_DTYPE_FLOAT64, 1, four, numbers),
          "array float64 [4]: [-4.0, -2.5, 100.0, 1e-07]\n");
    check(mirai_array(MIRAI_DTYPE_INT8, 2, none, NULL), "array int8 [0 x 3]\n");
    check(mirai_array(MIRAI_DTYPE_INT32, 1, many, counts),
          "array int32 [1000]: [0, 1, 2, ..., 997, 998, 999]\n");
    check(mirai_array(MIRAI_DTYPE_BOOL, 1, four, "\0\1\2\0"),
          "array bool [4]: [false, true, true, false]\n");
    check(mirai_array(MIRAI_DTYPE_UINT64, 1, (int64_t[]){1}, (uint64_t[]){UINT64_MAX}),
          "array uint64 [1]: [18446744073709551615]\n");
    check(mirai_array(MIRAI_DTYPE_COMPLEX64, 1, (int64_t[]){2}, (float[]){1, -2, 0.5f, 0}),
          "array complex64 [2]: [1.0-2.0i, 0.5+0.0i]\n");
    check(mirai_array(MIRAI_DTYPE_FLOAT64, 2, matrix, numbers),
          "array float64 [3 x 4]\n"
          "  [[  -4.0    ,   -2.5    ,  100.0    ,    1e-07  ],\n"
          "   [ nan      ,    0.125  , 1000.0    ,    3.14159],\n"
          "   [   8.0    , -inf      ,    0.0    ,   12.0    ]]\n");
    check(mirai_array(MIRAI_DTYPE_INT32, 3, cube, (int32_t[]){1, -2, 3, 4, 5, 60, 7, 8}),
          "array int32 [2 x 2 x 2]\n"
          "  [[[ 1, -2],\n"
          "    [ 3,  4]],\n"
          "\n"
          "   [[ 5, 60],\n"
          "    [ 7,  8]]]\n");
}

static void test_value_text__large_arrays_show_their_ends(void **state)
{
    (void)state;
    const int64_t shape[] = {50, 100}, wide[] = {30};
    int32_t numbers[5000];
    for (int32_t i = 0; i < 5000; i++) numbers[i] = i;
    check(mirai_array(MIRAI_DTYPE_INT32, 2, shape, numbers),
          "array int32 [50 x 100]\n"
          "  [[   0,    1,    2, ...,   97,   98,   99],\n"
          "   [ 100,  101,  102, ...,  197,  198,  199],\n"
          "   [ 200,  201,  202, ...,  297,  298,  299],\n"
          "   ...,\n"
          "   [4700, 4701, 4702, ..., 4797, 4798, 4799],\n"
          "   [4800, 4801, 4802, ..., 4897, 4898, 4899],\n"
          "   [4900, 4901, 4902, ..., 4997, 4998, 4999]]\n");
    check(mirai_array(MIRAI_DTYPE_INT32, 1, wide, numbers),
          "array int32 [30]\n"
          "  [ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18,\n"
          "   19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]\n");
}

static void test_value_text__arrays_of_every_dtype(void **state)
{
    (void)state;
    const int64_t two[] = {2};
    uint8_t ones[32];
    memset(ones, 0xff, sizeof(ones));
    const struct {
        mirai_dtype dtype;
        const char *text;
    } cases[] = {
        {MIRAI_DTYPE_INT8, "array int8 [2]: [-1, -1]\n"},
        {MIRAI_DTYPE_INT16, "array int16 [2]: [-1, -1]\n"},
        {MIRAI_DTYPE_INT32, "array int32 [2]: [-1, -1]\n"},
        {MIRAI_DTYPE_INT64, "array int64 [2]: [-1, -1]\n"},
        {MIRAI_DTYPE_UINT8, "array uint8 [2]: [255, 255]\n"},
        {MIRAI_DTYPE_UINT16, "array uint16 [2]: [65535, 65535]\n"},
        {MIRAI_DTYPE_UINT32, "array uint32 [2]: [4294967295, 4294967295]\n"},
        {MIRAI_DTYPE_BFLOAT16, "array bfloat16 [2]: [nan, nan]\n"},
        {MIRAI_DTYPE_COMPLEX32, "array complex32 [2]: [nan+nani, nan+nani]\n"},
        {MIRAI_DTYPE_COMPLEX128, "array complex128 [2]: [nan+nani, nan+nani]\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check(mirai_array(cases[i].dtype, 1, two, ones), cases[i].text);
    const double large[] = {123456789.5, 0.123456789};
    check(mirai_array(MIRAI_DTYPE_FLOAT64, 1, two, large),
          "array float64 [2]: [123456790.0, 0.123457]\n");
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void test_value_text__arrays_of_any_shape_stay_short(void **state)
{
    (void)state;
    int64_t shape[MIRAI_RANK_MAX], strides[MIRAI_RANK_MAX] = {0};
    for (int sizes = 2; sizes <= 4; sizes++) {
        for (int i = 0; i < MIRAI_RANK_MAX; i++)
            shape[i] = sizes == 4 && i < 20 ? 1 : sizes - sizes / 3;
        mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_INT8, MIRAI_RANK_MAX, shape, strides, 0,
                                                mirai_buffer_copy("a", 1));
        char *text = NULL;
        assert_non_null(array);
        assert_int_equal(mirai_value_format(array, &text), MIRAI_OK);
        assert_true(lines_of(text) < 400);
        assert_non_null(strstr(text, "..."));
        mirai_text_free(text);
        mirai_value_release(array);
    }
}

static void test_value_text__errors_tell_what_happened(void **state)
{
    (void)state;
    mirai_value *error = mirai_error("io_error", 5, "no such file\nin /tmp");
    error = mirai__value_with(error, "daemon", mirai_int(3));
    error = mirai__value_with(error, "signal", mirai_string("SIGSEGV"));
    error = mirai__value_with(
        error, "trace",
        mirai_list_of(mirai_string("f()\n"), mirai_string(""), mirai_string("g()"), MIRAI_END));
    error = mirai__value_with(error, "stderr", mirai_string("one\n\ttwo \x1b[1m\n"));
    check(mirai_list_of(error, MIRAI_END), "[0] error [io_error]: no such file\n"
                                           "        in /tmp\n"
                                           "      code:   5\n"
                                           "      daemon: 3\n"
                                           "      signal: \"SIGSEGV\"\n"
                                           "      trace:\n"
                                           "        | f()\n"
                                           "        |\n"
                                           "        | g()\n"
                                           "      stderr:\n"
                                           "        | one\n"
                                           "        | \ttwo \\u001b[1m\n");
    check(mirai_error(NULL, 1, "plain"), "error: plain\n  code: 1\n");
    mirai_value *classes =
        mirai_list_of(mirai_string("a"), mirai_string("b"), mirai_string("error"), MIRAI_END);
    check(mirai_error_of(mirai_dict_of("class", classes, "code", mirai_int(1), "message",
                                       mirai_string("m"), MIRAI_END)),
          "error [a < b]: m\n  code: 1\n");
}

static void test_value_text__depth_and_lines_are_bounded(void **state)
{
    (void)state;
    mirai_value *value = mirai_error("x", 1, "m");
    for (int i = 0; i < 100000; i++)
        value = i % 2 ? mirai_dict_of("in", value, MIRAI_END) : mirai_list_of(value, MIRAI_END);
    char *text = NULL;
    assert_int_equal(mirai_value_format(value, &text), MIRAI_OK);
    assert_true(lines_of(text) < 40);
    assert_non_null(strstr(text, "dict of 1 key"));
    mirai_text_free(text);
    mirai_value_release(value);

    value = mirai_string("leaf"); /* sixteen to the tenth leaves, all the same */
    for (int i = 0; i < 10; i++) {
        mirai_value *items[16];
        for (int j = 0; j < 16; j++) items[j] = mirai_value_ref(value);
        mirai_value_release(value);
        value = mirai_list(items, 16);
    }
    assert_int_equal(mirai_value_format(value, &text), MIRAI_OK);
    assert_true(lines_of(text) < 2100);
    assert_non_null(strstr(text, "... (cut here)"));
    mirai_text_free(text);
    mirai_value_release(value);
}

static void test_value_text__survives_failed_allocations(void **state)
{
    (void)state;
    mirai_value *value =
        mirai_dict_of("list", numbers(30, 1000000), "error", mirai_error("x", 1, "m"), "array",
                      mirai_array(MIRAI_DTYPE_INT8, 1, (int64_t[]){99}, NULL), MIRAI_END);
    char *text = NULL;
    for (int64_t n = 1; !text; n++) {
        mirai__fault_arm(n, n % 2 == 0);
        mirai_status status = mirai_value_format(value, &text);
        mirai__fault_arm(0, false);
        assert_int_equal(status, text ? MIRAI_OK : MIRAI_E_NOMEM);
    }
    mirai_text_free(text);
    mirai_value_release(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_text__refuses_bad_arguments),
        cmocka_unit_test(test_value_text__goes_to_a_stream),
        cmocka_unit_test(test_value_text__scalars_stand_bare),
        cmocka_unit_test(test_value_text__floats_are_short_and_read_back),
        cmocka_unit_test(test_value_text__narrow_floats_are_shorter),
        cmocka_unit_test(test_value_text__every_number_reads_back),
        cmocka_unit_test(test_value_text__the_locale_does_not_show),
        cmocka_unit_test(test_value_text__strings_are_escaped_and_cut),
        cmocka_unit_test(test_value_text__bytes_are_hex),
        cmocka_unit_test(test_value_text__dicts_are_aligned),
        cmocka_unit_test(test_value_text__lists_go_on_a_line_or_below),
        cmocka_unit_test(test_value_text__long_lists_and_dicts_are_abridged),
        cmocka_unit_test(test_value_text__arrays_have_a_header),
        cmocka_unit_test(test_value_text__arrays_of_every_dtype),
        cmocka_unit_test(test_value_text__large_arrays_show_their_ends),
        cmocka_unit_test(test_value_text__arrays_of_any_shape_stay_short),
        cmocka_unit_test(test_value_text__errors_tell_what_happened),
        cmocka_unit_test(test_value_text__what_errors_show_is_bounded),
        cmocka_unit_test(test_value_text__depth_and_lines_are_bounded),
        cmocka_unit_test(test_value_text__survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
