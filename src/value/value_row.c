/*
 * value_row: see value_row.h. Any thread; no lock.
 */
#include "value_row.h"

#include <string.h>

#include "detail.h"
#include "element.h"

size_t mirai__array_rows(const mirai_value *array)
{
    return mirai_value_rank(array) > 0 ? (size_t)mirai_value_shape(array)[0] : 0;
}

static mirai_value *view(const mirai__array_node *array, size_t first, int32_t rank, const int64_t *shape,
                         const int64_t *strides)
{
    const uint8_t *start = mirai_buffer_data(array->buffer);
    size_t offset = 0;
    if (array->count > 0) {
        int64_t step = array->shape[array->rank] * (int64_t)mirai_dtype_size(array->dtype);
        offset = (size_t)((array->origin - start) + (int64_t)first * step);
    }
    return mirai_array_buffer(array->dtype, rank, shape, strides, offset, mirai_buffer_ref(array->buffer));
}

mirai_value *mirai__array_slice(const mirai_value *value, size_t first, size_t count)
{
    size_t rows = mirai__array_rows(value);
    if (first > rows || count > rows - first) {
        (void)mirai__fail(MIRAI_E_RANGE, "rows %zu to %zu of %zu", first, first + count, rows);
        return NULL;
    }
    const mirai__array_node *array = MIRAI__CONST_NODE(array, value);
    int64_t shape[MIRAI_RANK_MAX];
    shape[0] = (int64_t)count;
    for (int32_t i = 1; i < array->rank; i++) shape[i] = array->shape[i];
    return view(array, count > 0 ? first : 0, array->rank, shape, array->shape + array->rank);
}

static mirai_value *scalar(const mirai__array_node *array, size_t index)
{
    int64_t step = array->shape[1] * (int64_t)mirai_dtype_size(array->dtype);
    const uint8_t *at = array->origin + (int64_t)index * step;
    if (array->dtype == MIRAI_DTYPE_FLOAT64) { /* the most frequent: without a detour */
        double number;
        memcpy(&number, at, sizeof number);
        return mirai_float(number);
    }
    mirai__element element = mirai__element_load(array->dtype, at);
    switch (array->dtype) {
    case MIRAI_DTYPE_BOOL: return mirai_bool(element.integer != 0);
    case MIRAI_DTYPE_INT8:
    case MIRAI_DTYPE_INT16:
    case MIRAI_DTYPE_INT32:
    case MIRAI_DTYPE_INT64: return mirai_int(element.integer);
    case MIRAI_DTYPE_UINT8:
    case MIRAI_DTYPE_UINT16:
    case MIRAI_DTYPE_UINT32: return mirai_int((int64_t)element.unsigned_integer);
    case MIRAI_DTYPE_FLOAT32: return mirai_float(element.real);
    default: return view(array, index, 0, NULL, NULL);
    }
}

mirai_value *mirai__array_row(const mirai_value *value, size_t index)
{
    if (index >= mirai__array_rows(value)) {
        (void)mirai__fail(MIRAI_E_RANGE, "row %zu of %zu", index, mirai__array_rows(value));
        return NULL;
    }
    const mirai__array_node *array = MIRAI__CONST_NODE(array, value);
    if (array->rank == 1) return scalar(array, index);
    const int64_t *strides = array->shape + array->rank;
    return view(array, index, array->rank - 1, array->shape + 1, strides + 1);
}
