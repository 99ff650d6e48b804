/*
 * encode_array: arrays to CBOR (FORMAT.md section 4). Part of one encode, on its thread.
 * Strides do not travel: an array that is not row-major without gaps is packed first.
 */
#include "alloc.h"
#include "buffer_private.h"
#include "cbor.h"
#include "detail.h"
#include "encode_private.h"
#include "typed.h"

static mirai_status put_shape(mirai__encoder *encoder, const mirai_value *array)
{
    int32_t rank = mirai_value_rank(array);
    const int64_t *shape = mirai_value_shape(array);
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_ARRAY, (uint64_t)rank));
    for (int32_t i = 0; i < rank; i++) {
        MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, (uint64_t)shape[i]));
    }
    return MIRAI_OK;
}

/* A byte string of the elements. */
static mirai_status put_elements(mirai__encoder *encoder, const mirai_value *array, size_t size)
{
    mirai__bytes *out = encoder->out;
    MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_BYTES, size));
    if (size == 0) return MIRAI_OK;
    MIRAI_TRY(mirai__bytes_reserve(out, size));
    MIRAI_TRY(mirai_value_copy_elements(array, out->data + out->size, size));
    out->size += size;
    return MIRAI_OK;
}

static mirai_status put_inline(mirai__encoder *encoder, const mirai_value *array, size_t size)
{
    mirai__bytes *out = encoder->out;
    mirai_dtype dtype = mirai_value_dtype(array);
    uint64_t tag = mirai__typed_tag(dtype);
    if (tag == 0) {
        MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_TAG, MIRAI__TAG_ARRAY));
        MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_ARRAY, 3));
        MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_UINT, (uint64_t)dtype));
        MIRAI_TRY(put_shape(encoder, array));
    } else {
        if (mirai_value_rank(array) != 1) {
            MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_TAG, MIRAI__TAG_GRID));
            MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_ARRAY, 2));
            MIRAI_TRY(put_shape(encoder, array));
        }
        MIRAI_TRY(mirai__cbor_put(out, MIRAI__CBOR_TAG, tag));
    }
    return put_elements(encoder, array, size);
}

/* The place of a buffer that holds the elements and nothing else. */
static mirai_status place_elements(mirai__encoder *encoder, const mirai_value *array, size_t size,
                                   size_t *place)
{
    mirai_buffer *buffer = mirai_value_buffer(array);
    if (mirai_value_is_contiguous(array)) {
        const char *start = mirai_buffer_data(buffer);
        size_t offset = (size_t)((const char *)mirai_value_data(array) - start);
        return mirai__buffer_table_add(&encoder->buffers, buffer, offset, size, encoder->given,
                                       place);
    }
    mirai_buffer *packed = mirai__slabs_buffer(encoder->buffers.slabs, size);
    if (!packed) return MIRAI_E_NOMEM;
    mirai_status status = mirai_value_copy_elements(array, mirai__buffer_bytes(packed), size);
    if (status) {
        mirai_buffer_release(packed);
        return status;
    }
    return mirai__buffer_table_take(&encoder->buffers, packed, place);
}

mirai_status mirai__encode_array(mirai__encoder *encoder, const mirai_value *array)
{
    size_t size;
    mirai_dtype dtype = mirai_value_dtype(array);
    if (__builtin_mul_overflow(mirai_value_count(array), mirai_dtype_size(dtype), &size) ||
        size > mirai__limits_local.buffer_bytes) {
        return mirai__fail(MIRAI_E_LIMIT, "an array of %zu elements", mirai_value_count(array));
    }
    if (size <= MIRAI__INLINE_SIZE) return put_inline(encoder, array, size);
    size_t place;
    MIRAI_TRY(place_elements(encoder, array, size, &place));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_ARRAY));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_ARRAY, 3));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, (uint64_t)dtype));
    MIRAI_TRY(put_shape(encoder, array));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_BUFFER));
    return mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, place);
}
