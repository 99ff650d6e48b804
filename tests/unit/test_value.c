/*
 * Values: types, counting, reading numbers, and tearing down deep trees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include "detail.h"
#include "value_private.h"

static void test_value__answers_for_null_and_other_types(void **state)
{
    (void)state;
    mirai_value *others[] = {NULL, mirai_null(), mirai_int(3), mirai_string("text")};
    for (size_t i = 0; i < 4; i++) {
        const mirai_value *value = others[i];
        assert_null(mirai_value_data(value));
        assert_null(mirai_value_buffer(value));
        assert_int_equal(mirai_value_dtype(value), 0);
        assert_int_equal(mirai_value_rank(value), -1);
        assert_null(mirai_value_shape(value));
        assert_null(mirai_value_strides(value));
        assert_int_equal(mirai_value_is_contiguous(value), 0);
        assert_null(mirai_value_item(value, 0));
        assert_null(mirai_value_key(value, 0));
        assert_null(mirai_value_get(value, "key"));
        assert_null(mirai_value_get(value, NULL));
        assert_null(mirai_value_class(value));
        assert_null(mirai_value_object(value, NULL));
        assert_int_equal(mirai_value_is_error(value), 0);
        assert_int_equal(mirai_value_error_code(value), 0);
        assert_null(mirai_value_error_message(value));
        assert_int_equal(mirai_value_error_inherits(value, "error"), 0);
        if (i < 3) assert_null(mirai_value_string(value));
        if (i < 3) assert_int_equal(mirai_value_count(value), 0);
    }
    for (size_t i = 0; i < 4; i++) mirai_value_release(others[i]);
    assert_int_equal(mirai_value_type(NULL), 0);
    assert_null(mirai_value_ref(NULL));
}

static void test_value__names_types(void **state)
{
    (void)state;
    assert_string_equal(mirai_type_text(MIRAI_TYPE_LIST), "list");
    assert_string_equal(mirai_type_text(0), "unknown");
    assert_string_equal(mirai_type_text(MIRAI__TYPE_SEGMENT), "unknown");
    assert_int_equal(mirai_value_type(mirai_null()), MIRAI_TYPE_NULL);
    assert_int_equal(mirai_value_type(mirai_bool(2)), MIRAI_TYPE_BOOL);
    assert_ptr_not_equal(mirai_end(), mirai_null());
}

static void test_value__keeps_the_three_immortals(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        mirai_value_release(mirai_null());
        mirai_value_release(mirai_bool(i));
    }
    int32_t flag = -1;
    assert_int_equal(mirai_value_to_bool(mirai_bool(7), &flag), MIRAI_OK);
    assert_int_equal(flag, 1);
    assert_int_equal(mirai_value_to_bool(mirai_bool(0), &flag), MIRAI_OK);
    assert_int_equal(flag, 0);
}

static void test_value__refuses_to_convert_what_is_no_number(void **state)
{
    (void)state;
    int32_t flag = 5;
    int64_t integer = 5;
    double real = 5;
    mirai_value *text = mirai_string("3"), *one = mirai_int(1);
    assert_int_equal(mirai_value_to_bool(NULL, &flag), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_to_bool(one, &flag), MIRAI_E_TYPE);
    assert_int_equal(mirai_value_to_bool(mirai_bool(1), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_to_int(NULL, &integer), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_to_int(one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_to_int(text, &integer), MIRAI_E_TYPE);
    assert_int_equal(mirai_value_to_float(NULL, &real), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_to_float(one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_to_float(text, &real), MIRAI_E_TYPE);
    assert_non_null(strstr(mirai_error_detail(), "string"));
    assert_true(flag == 5 && integer == 5 && real == 5.0);
    assert_int_equal(mirai_value_int_or(text, 8), 8);
    assert_int_equal(mirai_value_int_or(NULL, 8), 8);
    assert_true(mirai_value_float_or(NULL, 8.5) == 8.5);
    mirai_value_release(text);
    mirai_value_release(one);
}

static void check_int(mirai_value *value, mirai_status status, int64_t expected)
{
    int64_t number = 0;
    assert_int_equal(mirai_value_to_int(value, &number), status);
    if (status == MIRAI_OK) assert_int_equal(number, expected);
    mirai_value_release(value);
}

static mirai_value *one_of(mirai_dtype dtype, const void *data)
{
    const int64_t shape[] = {1, 1};
    return mirai_array(dtype, 2, shape, data);
}

static void test_value__reads_integers_exactly(void **state)
{
    (void)state;
    check_int(mirai_int(INT64_MIN), MIRAI_OK, INT64_MIN);
    check_int(mirai_bool(1), MIRAI_OK, 1);
    check_int(mirai_float(-3.0), MIRAI_OK, -3);
    check_int(mirai_float(-0x1p63), MIRAI_OK, INT64_MIN);
    check_int(mirai_float(0x1p63), MIRAI_E_RANGE, 0);
    check_int(mirai_float(2.5), MIRAI_E_RANGE, 0);
    check_int(mirai_float((double)NAN), MIRAI_E_RANGE, 0);
    check_int(mirai_float((double)INFINITY), MIRAI_E_RANGE, 0);
    const int8_t small = -7;
    const uint64_t big = UINT64_MAX, fits = INT64_MAX;
    const uint16_t half = 0xc400 /* -4 */, bfloat = 0x4040 /* 3 */;
    const float single = 1.5f, complex[] = {1, 0};
    const uint8_t flag = 9;
    check_int(one_of(MIRAI_DTYPE_INT8, &small), MIRAI_OK, -7);
    check_int(one_of(MIRAI_DTYPE_UINT64, &big), MIRAI_E_RANGE, 0);
    check_int(one_of(MIRAI_DTYPE_UINT64, &fits), MIRAI_OK, INT64_MAX);
    check_int(one_of(MIRAI_DTYPE_FLOAT16, &half), MIRAI_OK, -4);
    check_int(one_of(MIRAI_DTYPE_BFLOAT16, &bfloat), MIRAI_OK, 3);
    check_int(one_of(MIRAI_DTYPE_FLOAT32, &single), MIRAI_E_RANGE, 0);
    check_int(one_of(MIRAI_DTYPE_COMPLEX64, complex), MIRAI_E_TYPE, 0);
    check_int(one_of(MIRAI_DTYPE_BOOL, &flag), MIRAI_OK, 1);
    const int64_t two[] = {2}, none[] = {0};
    check_int(mirai_array(MIRAI_DTYPE_INT8, 1, two, NULL), MIRAI_E_TYPE, 0);
    check_int(mirai_array(MIRAI_DTYPE_INT8, 1, none, NULL), MIRAI_E_TYPE, 0);
}

static void check_float(mirai_value *value, double expected)
{
    double number = 0;
    assert_int_equal(mirai_value_to_float(value, &number), MIRAI_OK);
    assert_true(number == expected || (isnan(number) && isnan(expected)));
    mirai_value_release(value);
}

static void test_value__reads_floats(void **state)
{
    (void)state;
    check_float(mirai_float(2.5), 2.5);
    check_float(mirai_float((double)NAN), (double)NAN);
    check_float(mirai_int(INT64_MAX), 0x1p63);
    check_float(mirai_bool(1), 1);
    const uint64_t big = UINT64_MAX;
    check_float(one_of(MIRAI_DTYPE_UINT64, &big), 0x1p64);
    const struct {
        uint16_t bits;
        double number;
    } halves[] = {{0x0000, 0},
                  {0x8000, 0},
                  {0x3c00, 1},
                  {0x0001, 0x1p-24},
                  {0x03ff, 0x3ffp-24},
                  {0x7bff, 65504},
                  {0x7c00, (double)INFINITY},
                  {0xfc00, -(double)INFINITY},
                  {0x7e00, (double)NAN}};
    for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++)
        check_float(one_of(MIRAI_DTYPE_FLOAT16, &halves[i].bits), halves[i].number);
}

static void test_value__keeps_what_failed_first(void **state)
{
    (void)state;
    int64_t number;
    mirai_value *dict = mirai_dict_of("a", mirai_int(1), MIRAI_END);
    assert_int_equal(mirai_value_to_int(mirai_value_at(dict, "b"), &number), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "'b'"));
    assert_int_equal(mirai_value_to_int(mirai_value_at(dict, "a"), &number), MIRAI_OK);
    assert_string_equal(mirai_error_detail(), "");
    mirai_value_release(dict);
}

static mirai_value *nest(size_t depth, int use_dicts)
{
    mirai_value *value = mirai_int(1);
    for (size_t i = 0; i < depth; i++)
        value = use_dicts ? mirai_dict_of("in", value, MIRAI_END) : mirai_list_of(value, MIRAI_END);
    return value;
}

static void test_value__tears_down_a_million_levels(void **state)
{
    (void)state;
    mirai_value *list = nest(1000000, 0), *dict = nest(100000, 1);
    assert_true(list != NULL && dict != NULL);
    mirai_value_release(list);
    mirai_value_release(dict);
}

static void *ref_and_release(void *argument)
{
    mirai_value *value = argument;
    for (int i = 0; i < 5000; i++) mirai_value_release(mirai_value_ref(value));
    mirai_value_release(value);
    return NULL;
}

static void test_value__is_counted_on_any_thread(void **state)
{
    (void)state;
    mirai_value *value = mirai_list_of(mirai_string("shared"), mirai_null(), MIRAI_END);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_release, mirai_value_ref(value)),
                         0);
    mirai_value_release(value);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__answers_for_null_and_other_types),
        cmocka_unit_test(test_value__names_types),
        cmocka_unit_test(test_value__keeps_the_three_immortals),
        cmocka_unit_test(test_value__refuses_to_convert_what_is_no_number),
        cmocka_unit_test(test_value__reads_integers_exactly),
        cmocka_unit_test(test_value__reads_floats),
        cmocka_unit_test(test_value__keeps_what_failed_first),
        cmocka_unit_test(test_value__tears_down_a_million_levels),
        cmocka_unit_test(test_value__is_counted_on_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
