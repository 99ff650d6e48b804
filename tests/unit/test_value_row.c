#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"
#include "value_row.h"

static const int64_t shape[] = {4, 3};

static mirai_value *grid(void)
{
    int32_t data[12];
    for (int32_t i = 0; i < 12; i++) data[i] = i;
    return mirai_array(MIRAI_DTYPE_INT32, 2, shape, data);
}

static void assert_elements(mirai_value *array, size_t count, const int32_t *expected)
{
    int32_t got[12];
    assert_int_equal(mirai_value_count(array), count);
    assert_int_equal(mirai_value_copy_elements(array, got, count * sizeof *got), MIRAI_OK);
    for (size_t i = 0; i < count; i++) assert_int_equal(got[i], expected[i]);
    mirai_value_release(array);
}

static void test_value_row__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_value *array = grid(), *number = mirai_int(3), *scalar = mirai_array(MIRAI_DTYPE_INT8, 0, NULL, NULL);
    assert_int_equal(mirai__array_rows(NULL), 0);
    assert_int_equal(mirai__array_rows(number), 0);
    assert_int_equal(mirai__array_rows(scalar), 0);
    assert_null(mirai__array_row(NULL, 0));
    assert_null(mirai__array_row(number, 0));
    assert_null(mirai__array_row(scalar, 0));
    assert_null(mirai__array_row(array, 4));
    assert_null(mirai__array_row(array, SIZE_MAX));
    assert_null(mirai__array_slice(array, 5, 0));
    assert_null(mirai__array_slice(array, 2, 3));
    assert_null(mirai__array_slice(array, 1, SIZE_MAX));
    mirai_value_release(array);
    mirai_value_release(number);
    mirai_value_release(scalar);
}

static void test_value_row__rows_share_the_buffer(void **state)
{
    (void)state;
    mirai_value *array = grid();
    assert_int_equal(mirai__array_rows(array), 4);
    mirai_value *row = mirai__array_row(array, 2);
    assert_ptr_equal(mirai_value_buffer(row), mirai_value_buffer(array));
    assert_int_equal(mirai_value_rank(row), 1);
    assert_elements(row, 3, (const int32_t[]){6, 7, 8});
    mirai_value *slice = mirai__array_slice(array, 1, 2);
    assert_int_equal(mirai_value_shape(slice)[0], 2);
    mirai_value_release(array); /* views keep what they show */
    assert_elements(mirai__array_row(slice, 1), 3, (const int32_t[]){6, 7, 8});
    assert_elements(slice, 6, (const int32_t[]){3, 4, 5, 6, 7, 8});
}

static void test_value_row__follows_strides(void **state)
{
    (void)state;
    const int64_t turned[] = {3, 4}, strides[] = {-1, 3};
    mirai_value *array = grid();
    mirai_value *view = mirai_array_buffer(MIRAI_DTYPE_INT32, 2, turned, strides, 2 * sizeof(int32_t),
                                           mirai_buffer_ref(mirai_value_buffer(array)));
    mirai_value_release(array);
    assert_elements(mirai__array_row(view, 0), 4, (const int32_t[]){2, 5, 8, 11});
    assert_elements(mirai__array_row(view, 2), 4, (const int32_t[]){0, 3, 6, 9});
    assert_elements(mirai__array_slice(view, 1, 2), 8, (const int32_t[]){1, 4, 7, 10, 0, 3, 6, 9});
    mirai_value *column = mirai__array_row(view, 1), *one = mirai__array_row(column, 3);
    assert_int_equal(mirai_value_int_or(one, -1), 10);
    mirai_value_release(one);
    mirai_value_release(column);
    mirai_value_release(view);
}

static void test_value_row__of_nothing(void **state)
{
    (void)state;
    const int64_t none[] = {0, 3}, thin[] = {3, 0};
    mirai_value *array = mirai_array(MIRAI_DTYPE_FLOAT64, 2, none, NULL);
    assert_null(mirai__array_row(array, 0));
    mirai_value *slice = mirai__array_slice(array, 0, 0);
    assert_int_equal(mirai_value_count(slice), 0);
    mirai_value_release(slice);
    mirai_value_release(array);
    array = mirai_array(MIRAI_DTYPE_FLOAT64, 2, thin, NULL);
    mirai_value *row = mirai__array_row(array, 2);
    assert_int_equal(mirai_value_rank(row), 1);
    assert_int_equal(mirai_value_count(row), 0);
    mirai_value_release(row);
    slice = mirai__array_slice(array, 3, 0);
    assert_int_equal(mirai_value_shape(slice)[0], 0);
    mirai_value_release(slice);
    mirai_value_release(array);
}

static void test_value_row__scalars_by_dtype(void **state)
{
    (void)state;
    static const uint64_t data[4] = {UINT64_C(0x8000000000000001), 0, 3, 4};
    for (mirai_dtype dtype = MIRAI_DTYPE_BOOL; dtype <= MIRAI_DTYPE_COMPLEX128; dtype++) {
        const int64_t two[] = {2};
        mirai_value *array = mirai_array(dtype, 1, two, data), *row = mirai__array_row(array, 0);
        mirai_type type = mirai_value_type(row);
        if (dtype == MIRAI_DTYPE_BOOL)
            assert_int_equal(type, MIRAI_TYPE_BOOL);
        else if (dtype <= MIRAI_DTYPE_UINT32)
            assert_int_equal(type, MIRAI_TYPE_INT);
        else if (dtype == MIRAI_DTYPE_FLOAT32 || dtype == MIRAI_DTYPE_FLOAT64)
            assert_int_equal(type, MIRAI_TYPE_FLOAT);
        else
            assert_int_equal(type, MIRAI_TYPE_ARRAY);
        if (type == MIRAI_TYPE_ARRAY) assert_int_equal(mirai_value_rank(row), 0);
        if (dtype == MIRAI_DTYPE_INT64) assert_true(mirai_value_int_or(row, 0) == INT64_MIN + 1);
        mirai_value_release(row);
        mirai_value_release(array);
    }
}

static void test_value_row__without_memory(void **state)
{
    (void)state;
    mirai_value *array = grid();
    mirai__fault_arm(1, false);
    assert_null(mirai__array_row(array, 1));
    mirai__fault_arm(1, false);
    assert_null(mirai__array_slice(array, 0, 2));
    mirai__fault_arm(0, false);
    mirai_value *row = mirai__array_row(array, 0), *one;
    mirai__fault_arm(1, false);
    one = mirai__array_row(row, 1);
    mirai__fault_arm(0, false);
    assert_null(one);
    mirai_value_release(row);
    mirai_value_release(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_row__refuses_bad_arguments),
        cmocka_unit_test(test_value_row__rows_share_the_buffer),
        cmocka_unit_test(test_value_row__follows_strides),
        cmocka_unit_test(test_value_row__of_nothing),
        cmocka_unit_test(test_value_row__scalars_by_dtype),
        cmocka_unit_test(test_value_row__without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
