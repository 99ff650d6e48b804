/*
 * decode_array: arrays from CBOR (FORMAT.md section 4). Part of one decode, on its thread.
 * Elements in buffers are never looked at: the peer may still be writing them.
 */
#include "decode_private.h"
#include "detail.h"
#include "typed.h"

typedef struct shape {
    int32_t rank;
    int64_t sizes[MIRAI_RANK_MAX];
} shape;

static mirai_status read_shape(mirai__cbor *in, shape *out)
{
    uint64_t rank;
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_ARRAY, "sizes of an array", &rank));
    if (rank > MIRAI_RANK_MAX) {
        return mirai__fail(MIRAI_E_DECODE, "an array of %llu dimensions", (unsigned long long)rank);
    }
    out->rank = (int32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        uint64_t size;
        MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_UINT, "size of a dimension", &size));
        if (size > INT64_MAX) return mirai__fail(MIRAI_E_DECODE, "a dimension is too large");
        out->sizes[i] = (int64_t)size;
    }
    return MIRAI_OK;
}

/* The elements must fill `size` bytes exactly. Sizes are multiplied with every 0 counted as 1, so
 * that what is said of strides elsewhere holds for empty arrays, too. */
static mirai_status check_shape(const shape *shape, mirai_dtype dtype, uint64_t size)
{
    uint64_t total = mirai_dtype_size(dtype);
    bool is_empty = false;
    for (int32_t i = 0; i < shape->rank; i++) {
        uint64_t factor = (uint64_t)shape->sizes[i];
        if (factor == 0) is_empty = true;
        if (__builtin_mul_overflow(total, factor == 0 ? 1 : factor, &total) || total > INT64_MAX) {
            return mirai__fail(MIRAI_E_DECODE, "the sizes of an array are too large");
        }
    }
    if (is_empty) total = 0;
    if (total == size) return MIRAI_OK;
    return mirai__fail(MIRAI_E_DECODE, "an array of %llu bytes has %llu bytes of elements",
                       (unsigned long long)total, (unsigned long long)size);
}

mirai_status mirai__decode_buffer(mirai__decoder *decoder, mirai_buffer **out)
{
    uint64_t index;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_UINT, "index of a buffer", &index));
    if (index >= decoder->buffer_count) {
        return mirai__fail(MIRAI_E_DECODE, "buffer %llu of %zu", (unsigned long long)index,
                           decoder->buffer_count);
    }
    decoder->buffer_used[index] = 1;
    *out = decoder->buffers[index];
    return MIRAI_OK;
}

/* The byte string of a typed array whose tag has just been read. */
static mirai_status read_inline(mirai__decoder *decoder, mirai_dtype dtype, const shape *given)
{
    uint64_t size;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_BYTES, "elements of an array", &size));
    const uint8_t *data = mirai__cbor_take(&decoder->in, size);
    shape whole = {1, {(int64_t)(size / mirai_dtype_size(dtype))}};
    const shape *sizes = given ? given : &whole;
    MIRAI_TRY(check_shape(sizes, dtype, size));
    return mirai__decode_push(decoder, mirai_array(dtype, sizes->rank, sizes->sizes, data));
}

/* Tag 40: [[sizes], typed array], of any rank but 1. */
static mirai_status read_grid(mirai__decoder *decoder)
{
    uint64_t count, tag;
    shape sizes;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_ARRAY, "array", &count));
    if (count != 2) return mirai__fail(MIRAI_E_DECODE, "an array has %u parts", (unsigned)count);
    MIRAI_TRY(read_shape(&decoder->in, &sizes));
    if (sizes.rank == 1) return mirai__fail(MIRAI_E_DECODE, "tag 40 on an array of one dimension");
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_TAG, "typed array", &tag));
    mirai_dtype dtype = mirai__typed_dtype(tag);
    if (dtype == 0) {
        return mirai__fail(MIRAI_E_DECODE, "tag %llu in the place of a typed array",
                           (unsigned long long)tag);
    }
    return read_inline(decoder, dtype, &sizes);
}

/* Our own form: [dtype, [sizes], byte string or buffer]. */
static mirai_status read_own(mirai__decoder *decoder)
{
    uint64_t count, dtype;
    shape sizes;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_ARRAY, "array", &count));
    if (count != 3) return mirai__fail(MIRAI_E_DECODE, "an array has %u parts", (unsigned)count);
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_UINT, "element type", &dtype));
    if (dtype > INT32_MAX || mirai_dtype_size((mirai_dtype)dtype) == 0) {
        return mirai__fail(MIRAI_E_DECODE, "unknown element type %llu", (unsigned long long)dtype);
    }
    MIRAI_TRY(read_shape(&decoder->in, &sizes));
    const uint8_t *at = decoder->in.at;
    mirai__cbor_head head = {0};
    MIRAI_TRY(mirai__cbor_get(&decoder->in, &head));
    if (head.major == MIRAI__CBOR_BYTES && mirai__typed_tag((mirai_dtype)dtype) == 0) {
        decoder->in.at = at;
        return read_inline(decoder, (mirai_dtype)dtype, &sizes);
    }
    if (head.major != MIRAI__CBOR_TAG || head.argument != MIRAI__TAG_BUFFER) {
        return mirai__fail(MIRAI_E_DECODE,
                           "the elements of an array are neither bytes nor a buffer");
    }
    mirai_buffer *buffer = NULL;
    MIRAI_TRY(mirai__decode_buffer(decoder, &buffer));
    MIRAI_TRY(check_shape(&sizes, (mirai_dtype)dtype, mirai_buffer_size(buffer)));
    return mirai__decode_push(decoder,
                              mirai_array_buffer((mirai_dtype)dtype, sizes.rank, sizes.sizes, NULL,
                                                 0, mirai_buffer_ref(buffer)));
}

mirai_status mirai__decode_array(mirai__decoder *decoder, uint64_t tag)
{
    if (tag == MIRAI__TAG_ARRAY) return read_own(decoder);
    if (tag == MIRAI__TAG_GRID) return read_grid(decoder);
    mirai_dtype dtype = mirai__typed_dtype(tag);
    if (dtype == 0) {
        return mirai__fail(MIRAI_E_DECODE, "unknown tag %llu", (unsigned long long)tag);
    }
    return read_inline(decoder, dtype, NULL);
}
