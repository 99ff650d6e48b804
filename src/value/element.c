/*
 * element: the table of dtypes, reading one element, and walking over an array run by run.
 * Any thread; no lock.
 */
#include "element.h"

#include <math.h>
#include <string.h>

size_t mirai_dtype_size(mirai_dtype dtype)
{
    switch (dtype) {
#define DTYPE_SIZE(name, number, size, text)                                                       \
    case number: return size;
        MIRAI_DTYPE_MAP(DTYPE_SIZE)
#undef DTYPE_SIZE
    default: return 0;
    }
}

const char *mirai_dtype_text(mirai_dtype dtype)
{
    switch (dtype) {
#define DTYPE_TEXT(name, number, size, text)                                                       \
    case number: return text;
        MIRAI_DTYPE_MAP(DTYPE_TEXT)
#undef DTYPE_TEXT
    default: return "unknown";
    }
}

mirai_dtype mirai__dtype_part(mirai_dtype dtype)
{
    switch (dtype) {
    case MIRAI_DTYPE_COMPLEX32: return MIRAI_DTYPE_FLOAT16;
    case MIRAI_DTYPE_COMPLEX64: return MIRAI_DTYPE_FLOAT32;
    case MIRAI_DTYPE_COMPLEX128: return MIRAI_DTYPE_FLOAT64;
    default: return dtype;
    }
}

/* binary16: 1 sign, 5 exponent and 10 fraction bits. */
static double real_of_half(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    double size;
    if (exponent == 0x1f)
        size = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        size = ldexp(fraction, -24);
    else
        size = ldexp(fraction | 0x400, exponent - 25);
    return bits & 0x8000 ? -size : size;
}

/* bfloat16 is the upper half of a binary32. */
static double real_of_bfloat(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float number;
    memcpy(&number, &wide, sizeof(number));
    return (double)number;
}

static double load_real(mirai_dtype dtype, const uint8_t *at)
{
    uint16_t half;
    float single;
    double number;
    switch (dtype) {
    case MIRAI_DTYPE_FLOAT16: memcpy(&half, at, sizeof(half)); return real_of_half(half);
    case MIRAI_DTYPE_BFLOAT16: memcpy(&half, at, sizeof(half)); return real_of_bfloat(half);
    case MIRAI_DTYPE_FLOAT32: memcpy(&single, at, sizeof(single)); return (double)single;
    default: memcpy(&number, at, sizeof(number)); return number;
    }
}

#define LOAD(type)                                                                                 \
    do {                                                                                           \
        type number_;                                                                              \
        memcpy(&number_, at, sizeof(number_));                                                     \
        element.integer = (int64_t)number_;                                                        \
        element.unsigned_integer = (uint64_t)number_;                                              \
    } while (0)

static mirai__element load_integer(mirai_dtype dtype, const uint8_t *at)
{
    mirai__element element = {MIRAI__ELEMENT_SIGNED, 0, 0, 0, 0};
    switch (dtype) {
    case MIRAI_DTYPE_INT8: LOAD(int8_t); break;
    case MIRAI_DTYPE_INT16: LOAD(int16_t); break;
    case MIRAI_DTYPE_INT32: LOAD(int32_t); break;
    case MIRAI_DTYPE_INT64: LOAD(int64_t); break;
    case MIRAI_DTYPE_UINT8: LOAD(uint8_t); break;
    case MIRAI_DTYPE_UINT16: LOAD(uint16_t); break;
    case MIRAI_DTYPE_UINT32: LOAD(uint32_t); break;
    default: LOAD(uint64_t); break;
    }
    if (dtype >= MIRAI_DTYPE_UINT8) element.kind = MIRAI__ELEMENT_UNSIGNED;
    return element;
}

mirai__element mirai__element_load(mirai_dtype dtype, const uint8_t *at)
{
    mirai_dtype part = mirai__dtype_part(dtype);
    if (dtype == MIRAI_DTYPE_BOOL) return (mirai__element){MIRAI__ELEMENT_BOOL, *at != 0, 0, 0, 0};
    if (part != dtype)
        return (mirai__element){MIRAI__ELEMENT_COMPLEX, 0, 0, load_real(part, at),
                                load_real(part, at + mirai_dtype_size(part))};
    if (dtype <= MIRAI_DTYPE_UINT64) return load_integer(dtype, at);
    return (mirai__element){MIRAI__ELEMENT_REAL, 0, 0, load_real(dtype, at), 0};
}

static void set_run(mirai__element_walk *walk)
{
    const mirai__array_node *array = walk->array;
    const int64_t *strides = array->shape + array->rank;
    int64_t offset = 0;
    for (int32_t i = 0; i < array->rank - 1; i++) offset += walk->index[i] * strides[i];
    walk->run = array->origin + offset * (int64_t)mirai_dtype_size(array->dtype);
}

void mirai__element_walk_start(mirai__element_walk *walk, const mirai__array_node *array)
{
    int32_t last = array->rank - 1;
    memset(walk, 0, sizeof(*walk));
    walk->array = array;
    walk->is_done = array->count == 0;
    walk->run = array->origin;
    walk->count = last < 0 ? 1 : (size_t)array->shape[last];
    /* The stride of a single element is never used, and may be any number. */
    walk->stride = walk->count > 1 ? array->shape[array->rank + last] : 1;
}

void mirai__element_walk_next(mirai__element_walk *walk)
{
    const mirai__array_node *array = walk->array;
    int32_t dimension = array->rank - 2;
    while (dimension >= 0 && ++walk->index[dimension] == array->shape[dimension])
        walk->index[dimension--] = 0;
    walk->is_done = dimension < 0;
    if (!walk->is_done) set_run(walk);
}
