/*
 * value_array: building arrays, and copying their elements out.
 *
 * An array from foreign hands (a peer, a binding) may claim any shape, strides and offset. All sums
 * here are checked: what is built has each element inside its buffer, and a count that fits in
 * memory.
 *
 * Any thread; no lock.
 */
#include "value_node.h"

#include <string.h>

#include "alloc.h"
#include "buffer_private.h"
#include "detail.h"
#include "element.h"

static mirai_status check_shape(mirai_dtype dtype, int32_t rank, const int64_t *shape)
{
    if (mirai_dtype_size(dtype) == 0)
        return mirai__fail(MIRAI_E_INVALID, "%d is no dtype", (int)dtype);
    if (rank < 0 || rank > MIRAI_RANK_MAX)
        return mirai__fail(MIRAI_E_INVALID, "rank %d is not from 0 to %d", (int)rank,
                           MIRAI_RANK_MAX);
    if (rank > 0 && !shape) return mirai__fail_missing("shape is NULL, but rank is %d", (int)rank);
    /* Also sizes beside a 0 must multiply to something addressable, or strides would not. */
    int64_t size = (int64_t)mirai_dtype_size(dtype);
    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return mirai__fail(MIRAI_E_INVALID, "size %lld of dimension %d is negative",
                               (long long)shape[i], (int)i);
        if (__builtin_mul_overflow(size, shape[i] ? shape[i] : 1, &size))
            return mirai__fail(MIRAI_E_RANGE, "the shape has more elements than can be addressed");
    }
    return MIRAI_OK;
}

static size_t count_elements(int32_t rank, const int64_t *shape)
{
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= shape[i];
    return (size_t)count;
}

static void fill_strides(int32_t rank, const int64_t *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (int32_t i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape[i] ? shape[i] : 1;
    }
}

static bool is_row_major(const mirai__array_node *array)
{
    if (array->count == 0) return true;
    int64_t stride = 1;
    for (int32_t i = array->rank - 1; i >= 0; i--) {
        if (array->shape[i] == 1) continue; /* its stride is never used */
        if (array->shape[array->rank + i] != stride) return false;
        stride *= array->shape[i];
    }
    return true;
}

/* The lowest and the highest element that the strides reach; false: not even a number holds it. */
static bool reach(const mirai__array_node *array, int64_t *lowest, int64_t *highest)
{
    const int64_t *strides = array->shape + array->rank;
    *lowest = *highest = 0;
    for (int32_t i = 0; i < array->rank; i++) {
        int64_t *end = strides[i] < 0 ? lowest : highest, span;
        if (__builtin_mul_overflow(array->shape[i] - 1, strides[i], &span) ||
            __builtin_add_overflow(*end, span, end))
            return false;
    }
    return true;
}

/* Where an element begins in the buffer; false: no number holds it. */
static bool place(int64_t element, int64_t item, size_t offset, int64_t *out)
{
    return !__builtin_mul_overflow(element, item, out) &&
           !__builtin_add_overflow(*out, (int64_t)offset, out);
}

static mirai_status check_extent(const mirai__array_node *array, size_t offset)
{
    size_t size = mirai_buffer_size(array->buffer);
    if (offset > size || size > PTRDIFF_MAX)
        return mirai__fail(MIRAI_E_RANGE, "offset %zu of a buffer of %zu bytes", offset, size);
    if (array->count == 0) return MIRAI_OK;
    int64_t item = (int64_t)mirai_dtype_size(array->dtype), lowest, highest;
    if (!reach(array, &lowest, &highest) || !place(lowest, item, offset, &lowest) ||
        !place(highest, item, offset, &highest) || lowest < 0 || highest > (int64_t)size - item)
        return mirai__fail(MIRAI_E_RANGE,
                           "elements of the array lie outside of its buffer of %zu bytes", size);
    return MIRAI_OK;
}

/* Takes buffer, also on failure. The shape has been checked. */
static mirai_value *array_new(mirai_dtype dtype, int32_t rank, const int64_t *shape,
                              const int64_t *strides, size_t offset, mirai_buffer *buffer)
{
    size_t numbers = (size_t)rank;
    mirai__array_node *array =
        mirai__node_new(MIRAI_TYPE_ARRAY, sizeof(*array) + 2 * numbers * sizeof(int64_t));
    if (!array) {
        mirai_buffer_release(buffer);
        return NULL;
    }
    array->buffer = buffer;
    array->dtype = dtype;
    array->rank = rank;
    array->count = count_elements(rank, shape);
    if (rank) memcpy(array->shape, shape, numbers * sizeof(int64_t));
    if (strides && rank)
        memcpy(array->shape + rank, strides, numbers * sizeof(int64_t));
    else
        fill_strides(rank, shape, array->shape + rank);
    if (check_extent(array, offset) != MIRAI_OK) {
        mirai_value_release(&array->head);
        return NULL;
    }
    mirai__buffer_freeze(buffer);
    const uint8_t *data = mirai_buffer_data(buffer);
    array->origin = data ? data + offset : NULL;
    array->is_contiguous = is_row_major(array);
    return &array->head;
}

mirai_value *mirai_array(mirai_dtype dtype, int32_t rank, const int64_t *shape, const void *data)
{
    if (check_shape(dtype, rank, shape) != MIRAI_OK) return NULL;
    size_t size = count_elements(rank, shape) * mirai_dtype_size(dtype);
    mirai_buffer *buffer = data ? mirai_buffer_copy(data, size) : mirai_buffer_new(NULL, size);
    return buffer ? array_new(dtype, rank, shape, NULL, 0, buffer) : NULL;
}

mirai_value *mirai_array_buffer(mirai_dtype dtype, int32_t rank, const int64_t *shape,
                                const int64_t *strides, size_t offset_bytes, mirai_buffer *buffer)
{
    if (!buffer) {
        mirai__fail_missing("the buffer of an array is NULL");
        return NULL;
    }
    if (check_shape(dtype, rank, shape) != MIRAI_OK) {
        mirai_buffer_release(buffer);
        return NULL;
    }
    return array_new(dtype, rank, shape, strides, offset_bytes, buffer);
}

/* ---- copying out ----------------------------------------------------------------------------- */

#define COPY_RUN(bytes)                                                                            \
    case bytes:                                                                                    \
        for (size_t i = 0; i < count; i++, from += step, to += (bytes)) memcpy(to, from, (bytes)); \
        break

/* Sizes are constants in each loop, so that a copy of an element is one load and one store. */
static uint8_t *copy_run(uint8_t *to, const uint8_t *from, size_t count, int64_t stride,
                         size_t item)
{
    int64_t step = stride * (int64_t)item;
    if (stride == 1) {
        memcpy(to, from, count * item);
        return to + count * item;
    }
    switch (item) {
        COPY_RUN(1);
        COPY_RUN(2);
        COPY_RUN(4);
        COPY_RUN(8);
        COPY_RUN(16);
    default: break;
    }
    return to;
}

mirai_status mirai_value_copy_elements(const mirai_value *value, void *out, size_t size_bytes)
{
    if (!value) return mirai__fail_missing("the value is NULL");
    mirai__detail_clear();
    if (value->type != MIRAI_TYPE_ARRAY)
        return mirai__fail(MIRAI_E_TYPE, "a value of type %s has no elements to copy",
                           mirai_type_text(value->type));
    const mirai__array_node *array = MIRAI__CONST_NODE(array, value);
    size_t item = mirai_dtype_size(array->dtype), size = array->count * item;
    if (size_bytes != size)
        return mirai__fail(MIRAI_E_RANGE, "room for %zu bytes, but the array's elements are %zu",
                           size_bytes, size);
    if (size == 0) return MIRAI_OK;
    if (!out) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    if (array->is_contiguous) {
        memcpy(out, array->origin, size);
        return MIRAI_OK;
    }
    mirai__element_walk walk;
    uint8_t *to = out;
    for (mirai__element_walk_start(&walk, array); !walk.is_done; mirai__element_walk_next(&walk))
        to = copy_run(to, walk.run, walk.count, walk.stride, item);
    return MIRAI_OK;
}
