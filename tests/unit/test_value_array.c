/*
 * Arrays: shapes, strides, bounds, and copying elements out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "value_private.h"

static void test_value_array__refuses_bad_arguments(void **state)
{
    (void)state;
    const int64_t two[] = {2}, negative[] = {-1}, huge[] = {INT64_MAX, 2}, wide[] = {0, INT64_MAX};
    assert_null(mirai_array(0, 1, two, NULL));
    assert_null(mirai_array(17, 1, two, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT8, -1, two, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT8, MIRAI_RANK_MAX + 1, two, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT8, 1, NULL, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT8, 1, negative, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT8, 2, huge, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT16, 2, wide, NULL));
    assert_null(mirai_array(MIRAI_DTYPE_INT8, 1, huge, NULL)); /* no memory */
    assert_null(mirai_array_buffer(MIRAI_DTYPE_INT8, 0, NULL, NULL, 0, NULL));
    assert_int_equal(mirai_value_copy_elements(NULL, NULL, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_copy_elements(mirai_null(), NULL, 0), MIRAI_E_TYPE);
    assert_int_equal(mirai_dtype_size(0), 0);
    assert_string_equal(mirai_dtype_text(99), "unknown");
}

static void test_value_array__knows_all_dtypes(void **state)
{
    (void)state;
#define CHECK(name, number, size, text)                                                            \
    assert_int_equal(mirai_dtype_size(MIRAI_DTYPE_##name), size);                                  \
    assert_string_equal(mirai_dtype_text(MIRAI_DTYPE_##name), text);
    MIRAI_DTYPE_MAP(CHECK)
#undef CHECK
}

static void test_value_array__copies_row_major(void **state)
{
    (void)state;
    const int64_t shape[] = {2, 3};
    int32_t data[] = {1, 2, 3, 4, 5, 6}, out[6] = {0};
    mirai_value *array = mirai_array(MIRAI_DTYPE_INT32, 2, shape, data);
    assert_int_equal(mirai_value_type(array), MIRAI_TYPE_ARRAY);
    assert_int_equal(mirai_value_dtype(array), MIRAI_DTYPE_INT32);
    assert_int_equal(mirai_value_rank(array), 2);
    assert_memory_equal(mirai_value_shape(array), shape, sizeof(shape));
    assert_int_equal(mirai_value_strides(array)[0], 3);
    assert_int_equal(mirai_value_strides(array)[1], 1);
    assert_int_equal(mirai_value_count(array), 6);
    assert_int_equal(mirai_value_is_contiguous(array), 1);
    assert_int_equal(mirai_buffer_is_frozen(mirai_value_buffer(array)), 1);
    assert_memory_equal(mirai_value_data(array), data, sizeof(data));
    assert_int_equal(mirai_value_copy_elements(array, out, sizeof(out) - 1), MIRAI_E_RANGE);
    assert_int_equal(mirai_value_copy_elements(array, NULL, sizeof(out)), MIRAI_E_INVALID);
    assert_int_equal(mirai_value_copy_elements(array, out, sizeof(out)), MIRAI_OK);
    assert_memory_equal(out, data, sizeof(data));
    mirai_value_release(array);
}

static void test_value_array__is_zero_without_data(void **state)
{
    (void)state;
    const int64_t shape[] = {3}, none[] = {3, 0};
    static const uint8_t zeros[48];
    mirai_value *array = mirai_array(MIRAI_DTYPE_COMPLEX128, 1, shape, NULL);
    assert_memory_equal(mirai_value_data(array), zeros, sizeof(zeros));
    mirai_value *empty = mirai_array(MIRAI_DTYPE_INT64, 2, none, NULL);
    assert_int_equal(mirai_value_count(empty), 0);
    assert_null(mirai_value_data(empty));
    assert_int_equal(mirai_value_is_contiguous(empty), 1);
    assert_int_equal(mirai_value_copy_elements(empty, NULL, 0), MIRAI_OK);
    const double number = 2.5;
    mirai_value *scalar = mirai_array(MIRAI_DTYPE_FLOAT64, 0, NULL, &number);
    assert_int_equal(mirai_value_count(scalar), 1);
    assert_int_equal(mirai_value_rank(scalar), 0);
    assert_true(mirai_value_float_or(scalar, 0) == 2.5);
    mirai_value_release(array);
    mirai_value_release(empty);
    mirai_value_release(scalar);
}

static mirai_buffer *numbers(void)
{
    int16_t data[24];
    for (int16_t i = 0; i < 24; i++) data[i] = i;
    return mirai_buffer_copy(data, sizeof(data));
}

static void test_value_array__reads_by_strides(void **state)
{
    (void)state;
    const int64_t shape[] = {3, 2, 2}, strides[] = {-2, 1, 12};
    const int16_t expected[] = {4, 16, 5, 17, 2, 14, 3, 15, 0, 12, 1, 13};
    int16_t out[12];
    mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_INT16, 3, shape, strides, 8, numbers());
    assert_non_null(array);
    assert_int_equal(mirai_value_is_contiguous(array), 0);
    assert_int_equal(*(const int16_t *)mirai_value_data(array), 4);
    assert_int_equal(mirai_value_copy_elements(array, out, sizeof(out)), MIRAI_OK);
    assert_memory_equal(out, expected, sizeof(expected));
    mirai_value_release(array);

    const int64_t wide[] = {2, 3}, broadcast[] = {0, 1};
    array = mirai_array_buffer(MIRAI_DTYPE_INT16, 2, wide, broadcast, 0, numbers());
    assert_int_equal(mirai_value_copy_elements(array, out, 12), MIRAI_OK);
    assert_memory_equal(out, ((int16_t[]){0, 1, 2, 0, 1, 2}), 12);
    mirai_value_release(array);
}

static void test_value_array__copies_elements_of_any_size(void **state)
{
    (void)state;
    const mirai_dtype dtypes[] = {MIRAI_DTYPE_UINT8, MIRAI_DTYPE_INT16, MIRAI_DTYPE_FLOAT32,
                                  MIRAI_DTYPE_INT64, MIRAI_DTYPE_COMPLEX128};
    const int64_t shape[] = {3, 4}, turned[] = {4, 3}, strides[] = {1, 4};
    for (size_t d = 0; d < 5; d++) {
        size_t item = mirai_dtype_size(dtypes[d]);
        uint8_t data[12 * 16], out[12 * 16];
        for (size_t i = 0; i < 12 * item; i++) data[i] = (uint8_t)(i / item);
        mirai_value *array = mirai_array(dtypes[d], 2, shape, data);
        mirai_value *transposed = mirai_array_buffer(dtypes[d], 2, turned, strides, 0,
                                                     mirai_buffer_ref(mirai_value_buffer(array)));
        assert_int_equal(mirai_value_copy_elements(transposed, out, 12 * item), MIRAI_OK);
        for (size_t i = 0; i < 12; i++) assert_int_equal(out[i * item], i % 3 * 4 + i / 3);
        mirai_value_release(array);
        mirai_value_release(transposed);
    }
}

static void test_value_array__every_element_lies_inside(void **state)
{
    (void)state;
    const int64_t shape[] = {3, 4}, single[] = {1, 4}, empty[] = {0, 4};
    const struct {
        const int64_t *shape;
        int64_t strides[2];
        size_t offset;
        int is_good;
    } cases[] = {
        {shape, {4, 1}, 0, 1},
        {shape, {4, 1}, 24, 1},
        {shape, {4, 1}, 25, 0},
        {shape, {-4, 1}, 16, 1},
        {shape, {-4, 1}, 15, 0},
        {shape, {-4, -1}, 22, 1},
        {shape, {-4, -1}, 21, 0},
        {shape, {10, 1}, 0, 1},
        {shape, {11, 1}, 0, 0},
        {shape, {INT64_MAX, 1}, 0, 0},
        {shape, {INT64_MIN, 1}, 0, 0},
        {shape, {INT64_MAX / 2, 1}, 0, 0},
        {shape, {INT64_MAX / 4, INT64_MAX / 3}, 0, 0},
        {shape, {0, 0}, 46, 1},
        {shape, {0, 0}, 47, 0},
        {shape, {0, 0}, SIZE_MAX, 0},
        {single, {INT64_MIN, 1}, 40, 1},
        {single, {INT64_MAX, 1}, 40, 1},
        {empty, {INT64_MAX, INT64_MAX}, 48, 1},
        {empty, {1, 1}, 49, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_INT16, 2, cases[i].shape,
                                                cases[i].strides, cases[i].offset, numbers());
        assert_int_equal(array != NULL, cases[i].is_good);
        if (!array) assert_non_null(strstr(mirai_error_detail(), "buffer"));
        if (array) {
            int16_t out[12];
            assert_int_equal(mirai_value_copy_elements(array, out, 2 * mirai_value_count(array)),
                             MIRAI_OK);
            char *text = NULL;
            assert_int_equal(mirai_value_format(array, &text), MIRAI_OK);
            mirai_text_free(text);
        }
        mirai_value_release(array);
    }
}

static uint32_t roll(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % below;
}

/* Small arrays of all kinds against the plainest way to find each element. */
static void test_value_array__agrees_with_a_plain_walk(void **state)
{
    (void)state;
    uint8_t data[40], out[64], expected[64];
    uint32_t seed = 1;
    int good = 0;
    for (size_t i = 0; i < sizeof(data); i++) data[i] = (uint8_t)i;
    for (int round = 0; round < 20000; round++) {
        int64_t shape[3], strides[3];
        for (int i = 0; i < 3; i++) {
            shape[i] = roll(&seed, 8) ? 1 + roll(&seed, 3) : 0;
            strides[i] = (int64_t)roll(&seed, 13) - 6;
        }
        size_t offset = roll(&seed, 41), count = 0;
        int is_inside = 1;
        for (int64_t i = 0; i < shape[0]; i++)
            for (int64_t j = 0; j < shape[1]; j++)
                for (int64_t k = 0; k < shape[2]; k++, count++) {
                    int64_t at =
                        (int64_t)offset + 2 * (i * strides[0] + j * strides[1] + k * strides[2]);
                    is_inside = is_inside && at >= 0 && at + 2 <= (int64_t)sizeof(data);
                    if (is_inside) memcpy(expected + 2 * count, data + at, 2);
                }
        mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_INT16, 3, shape, strides, offset,
                                                mirai_buffer_copy(data, sizeof(data)));
        assert_int_equal(array != NULL, is_inside);
        if (!array) continue;
        good++;
        assert_int_equal(mirai_value_count(array), count);
        assert_int_equal(mirai_value_copy_elements(array, out, 2 * count), MIRAI_OK);
        assert_memory_equal(out, expected, 2 * count);
        mirai_value *copy = mirai_array(MIRAI_DTYPE_INT16, 3, shape, out);
        assert_int_equal(mirai_value_equal(array, copy), 1);
        if (mirai_value_is_contiguous(array) && count)
            assert_memory_equal(mirai_value_data(array), expected, 2 * count);
        mirai_value_release(array);
        mirai_value_release(copy);
    }
    assert_true(good > 1000);
}

static void test_value_array__may_lie_unaligned(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    uint8_t data[17] = {0};
    const double one = 1;
    memcpy(data + 1, &one, 8);
    mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 1, shape, NULL, 1,
                                            mirai_buffer_copy(data, sizeof(data)));
    double out[2];
    assert_int_equal(mirai_value_copy_elements(array, out, sizeof(out)), MIRAI_OK);
    assert_true(out[0] == 1.0 && out[1] == 0.0);
    mirai_value_release(array);
}

static int released;

static void count_release(void *object, void *context)
{
    (void)object;
    (void)context;
    released++;
}

static void test_value_array__takes_its_buffer_also_on_failure(void **state)
{
    (void)state;
    static const uint8_t data[4];
    const int64_t good[] = {4}, bad[] = {5}, negative[] = {-1};
    released = 0;
    assert_null(mirai_array_buffer(MIRAI_DTYPE_INT8, 1, bad, NULL, 0,
                                   mirai_buffer_adopt(data, 4, count_release, NULL, NULL)));
    assert_null(mirai_array_buffer(MIRAI_DTYPE_INT8, 1, negative, NULL, 0,
                                   mirai_buffer_adopt(data, 4, count_release, NULL, NULL)));
    assert_int_equal(released, 2);
    mirai_buffer *buffer = mirai_buffer_adopt(data, 4, count_release, NULL, NULL);
    mirai__fault_arm(1, false);
    assert_null(mirai_array_buffer(MIRAI_DTYPE_INT8, 1, good, NULL, 0, buffer));
    mirai__fault_arm(0, false);
    assert_int_equal(released, 3);
    for (int64_t n = 1; n <= 2; n++) {
        mirai__fault_arm(n, false);
        assert_null(mirai_array(MIRAI_DTYPE_INT8, 1, good, data));
        mirai__fault_arm(0, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_array__refuses_bad_arguments),
        cmocka_unit_test(test_value_array__knows_all_dtypes),
        cmocka_unit_test(test_value_array__copies_row_major),
        cmocka_unit_test(test_value_array__is_zero_without_data),
        cmocka_unit_test(test_value_array__reads_by_strides),
        cmocka_unit_test(test_value_array__copies_elements_of_any_size),
        cmocka_unit_test(test_value_array__every_element_lies_inside),
        cmocka_unit_test(test_value_array__agrees_with_a_plain_walk),
        cmocka_unit_test(test_value_array__may_lie_unaligned),
        cmocka_unit_test(test_value_array__takes_its_buffer_also_on_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
