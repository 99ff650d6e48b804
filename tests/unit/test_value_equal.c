/*
 * Deep equality.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "value_private.h"

/* Takes both, and compares them both ways. */
static int equal(mirai_value *a, mirai_value *b)
{
    int same = mirai_value_equal(a, b), back = mirai_value_equal(b, a);
    assert_int_equal(same, back);
    assert_int_equal(mirai_value_equal(a, a), 1);
    mirai_value_release(a);
    mirai_value_release(b);
    return same;
}

static void test_value_equal__null_equals_only_null(void **state)
{
    (void)state;
    assert_int_equal(mirai_value_equal(NULL, NULL), 1);
    assert_int_equal(mirai_value_equal(NULL, mirai_null()), 0);
    assert_int_equal(mirai_value_equal(mirai_null(), NULL), 0);
}

static void test_value_equal__compares_scalars(void **state)
{
    (void)state;
    assert_true(equal(mirai_int(1), mirai_int(1)));
    assert_false(equal(mirai_int(1), mirai_int(2)));
    assert_false(equal(mirai_int(1), mirai_float(1)));
    assert_false(equal(mirai_bool(1), mirai_bool(0)));
    assert_true(equal(mirai_float(0.0), mirai_float(-0.0)));
    assert_true(equal(mirai_float((double)NAN), mirai_float(-(double)NAN)));
    assert_true(equal(mirai_string("a"), mirai_string("a")));
    assert_false(equal(mirai_string("a"), mirai_string_n("a\0", 2)));
    assert_true(equal(mirai_bytes("ab", 2), mirai_bytes("ab", 2)));
    assert_true(equal(mirai_bytes("", 0), mirai_bytes(NULL, 0)));
    assert_false(equal(mirai_bytes("ab", 2), mirai_bytes("ac", 2)));
    assert_false(equal(mirai_bytes("ab", 2), mirai_string("ab")));
}

static void test_value_equal__compares_containers(void **state)
{
    (void)state;
    assert_true(equal(mirai_list_of(mirai_int(1), mirai_list(NULL, 0), MIRAI_END),
                      mirai_list_of(mirai_int(1), mirai_list(NULL, 0), MIRAI_END)));
    assert_false(equal(mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END),
                       mirai_list_of(mirai_int(2), mirai_int(1), MIRAI_END)));
    assert_false(equal(mirai_list_of(mirai_int(1), MIRAI_END), mirai_list(NULL, 0)));
    assert_false(equal(mirai_list(NULL, 0), mirai_dict(NULL, NULL, 0)));
    assert_true(equal(mirai_dict_of("a", mirai_int(1), "b", mirai_int(2), MIRAI_END),
                      mirai_dict_of("b", mirai_int(2), "a", mirai_int(1), MIRAI_END)));
    assert_false(equal(mirai_dict_of("a", mirai_int(1), "b", mirai_int(2), MIRAI_END),
                       mirai_dict_of("b", mirai_int(1), "a", mirai_int(2), MIRAI_END)));
    assert_false(equal(mirai_dict_of("a", mirai_int(1), MIRAI_END),
                       mirai_dict_of("b", mirai_int(1), MIRAI_END)));
    assert_true(equal(mirai_error("a", 1, "m"), mirai_error("a", 1, "m")));
    assert_false(equal(mirai_error("a", 1, "m"), mirai_error("a", 2, "m")));
    assert_false(equal(mirai_error("a", 1, "m"), mirai_error("b", 1, "m")));
}

static void test_value_equal__compares_arrays_by_elements(void **state)
{
    (void)state;
    const int64_t shape[] = {2, 3}, turned[] = {3, 2}, columns[] = {1, 2}, flat[] = {6};
    const float rows[] = {1, 2, 3, 4, 5, 6}, by_column[] = {1, 4, 2, 5, 3, 6};
    const float nan_rows[] = {1, 2, NAN, 4, -0.0f, 6}, other_nan[] = {1, 2, -NAN, 4, 0, 6};
    assert_true(equal(mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, rows),
                      mirai_array_buffer(MIRAI_DTYPE_FLOAT32, 2, shape, columns, 0,
                                         mirai_buffer_copy(by_column, sizeof(by_column)))));
    assert_true(equal(mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, nan_rows),
                      mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, other_nan)));
    assert_false(equal(mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, rows),
                       mirai_array(MIRAI_DTYPE_FLOAT32, 2, turned, rows)));
    assert_false(equal(mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, rows),
                       mirai_array(MIRAI_DTYPE_FLOAT32, 1, flat, rows)));
    assert_false(equal(mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, rows),
                       mirai_array(MIRAI_DTYPE_INT32, 2, shape, rows)));
    assert_false(equal(mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, rows),
                       mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, by_column)));
    assert_false(equal(mirai_array(MIRAI_DTYPE_UINT64, 2, shape, (uint64_t[]){1, 2, 3, 4, 5, 6}),
                       mirai_array(MIRAI_DTYPE_UINT64, 2, shape, (uint64_t[]){1, 2, 3, 4, 5, 7})));
    assert_false(equal(mirai_array(MIRAI_DTYPE_COMPLEX64, 0, NULL, (float[]){1, 2}),
                       mirai_array(MIRAI_DTYPE_COMPLEX64, 0, NULL, (float[]){1, 3})));
    assert_true(equal(mirai_array(MIRAI_DTYPE_BOOL, 0, NULL, "\1"),
                      mirai_array(MIRAI_DTYPE_BOOL, 0, NULL, "\2")));
    const int64_t none[] = {0, 3};
    assert_true(equal(mirai_array(MIRAI_DTYPE_INT8, 2, none, NULL),
                      mirai_array(MIRAI_DTYPE_INT8, 2, none, NULL)));
}

static void test_value_equal__does_not_walk_what_is_shown_many_times(void **state)
{
    (void)state;
    const int64_t shape[] = {INT64_C(1) << 60}, strides[] = {0};
    assert_false(equal(
        mirai_array_buffer(MIRAI_DTYPE_INT8, 1, shape, strides, 0, mirai_buffer_copy("a", 1)),
        mirai_array_buffer(MIRAI_DTYPE_INT8, 1, shape, strides, 0, mirai_buffer_copy("b", 1))));
    assert_true(equal(
        mirai_array_buffer(MIRAI_DTYPE_INT8, 1, shape, strides, 0, mirai_buffer_copy("a", 1)),
        mirai_array_buffer(MIRAI_DTYPE_INT8, 1, shape, strides, 0, mirai_buffer_copy("a", 1))));
}

static mirai_value *nest(size_t depth, int64_t core)
{
    mirai_value *value = mirai_int(core);
    for (size_t i = 0; i < depth; i++)
        value = i % 2 ? mirai_dict_of("in", value, MIRAI_END) : mirai_list_of(value, MIRAI_END);
    return value;
}

static void test_value_equal__goes_as_deep_as_it_takes(void **state)
{
    (void)state;
    assert_true(equal(nest(200000, 1), nest(200000, 1)));
    assert_false(equal(nest(200000, 1), nest(200000, 2)));
    assert_false(equal(nest(200000, 1), nest(200001, 1)));
}

static void test_value_equal__says_when_memory_ran_out(void **state)
{
    (void)state;
    mirai_value *a = nest(1000, 1), *b = nest(1000, 1);
    mirai__fault_arm(2, false);
    assert_int_equal(mirai_value_equal(a, b), 0);
    mirai__fault_arm(0, false);
    assert_non_null(strstr(mirai_error_detail(), "memory"));
    assert_int_equal(mirai_value_equal(a, b), 1);
    mirai_value_release(a);
    mirai_value_release(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_equal__null_equals_only_null),
        cmocka_unit_test(test_value_equal__compares_scalars),
        cmocka_unit_test(test_value_equal__compares_containers),
        cmocka_unit_test(test_value_equal__compares_arrays_by_elements),
        cmocka_unit_test(test_value_equal__does_not_walk_what_is_shown_many_times),
        cmocka_unit_test(test_value_equal__goes_as_deep_as_it_takes),
        cmocka_unit_test(test_value_equal__says_when_memory_ran_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
