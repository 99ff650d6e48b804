/*
 * encode_value: a tree of values to CBOR (FORMAT.md sections 3 to 7). Part of one encode, on its
 * thread. Recursion is as deep as the tree, which is bounded.
 */
#include <string.h>

#include "cbor.h"
#include "detail.h"
#include "encode_private.h"
#include "grow.h"

mirai_status mirai__encode_count(mirai__encoder *encoder, uint64_t items)
{
    if (items > encoder->items) {
        return mirai__fail(MIRAI_E_LIMIT, "a message has more than %u values",
                           (unsigned)mirai__limits_local.items);
    }
    encoder->items -= (uint32_t)items;
    return MIRAI_OK;
}

static mirai_status put_bool(mirai__encoder *encoder, const mirai_value *value)
{
    int32_t flag;
    MIRAI_TRY(mirai_value_to_bool(value, &flag));
    return mirai__cbor_put(encoder->out, MIRAI__CBOR_SIMPLE,
                           flag ? MIRAI__CBOR_TRUE : MIRAI__CBOR_FALSE);
}

static mirai_status put_int(mirai__encoder *encoder, const mirai_value *value)
{
    int64_t number;
    MIRAI_TRY(mirai_value_to_int(value, &number));
    return mirai__cbor_put_int(encoder->out, number);
}

static mirai_status put_float(mirai__encoder *encoder, const mirai_value *value)
{
    double number;
    MIRAI_TRY(mirai_value_to_float(value, &number));
    return mirai__cbor_put_float(encoder->out, number);
}

static mirai_status put_bytes(mirai__encoder *encoder, const mirai_value *value)
{
    mirai_buffer *buffer = mirai_value_buffer(value);
    size_t size = mirai_buffer_size(buffer);
    if (size <= MIRAI__INLINE_SIZE) {
        return mirai__cbor_put_string(encoder->out, MIRAI__CBOR_BYTES, mirai_buffer_data(buffer),
                                      size);
    }
    size_t place;
    MIRAI_TRY(mirai__buffer_table_add(&encoder->buffers, buffer, 0, size, encoder->given, &place));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_BUFFER));
    return mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, place);
}

static mirai_status put_list(mirai__encoder *encoder, const mirai_value *value, uint32_t depth)
{
    size_t count = mirai_value_count(value);
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_ARRAY, count));
    for (size_t i = 0; i < count; i++) {
        MIRAI_TRY(mirai__encode_value(encoder, mirai_value_item(value, i), depth + 1));
    }
    return MIRAI_OK;
}

static mirai_status put_dict(mirai__encoder *encoder, const mirai_value *value, uint32_t depth)
{
    size_t count = mirai_value_count(value);
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_MAP, count));
    for (size_t i = 0; i < count; i++) {
        const char *key = mirai_value_key(value, i);
        MIRAI_TRY(mirai__cbor_put_string(encoder->out, MIRAI__CBOR_TEXT, key, strlen(key)));
        MIRAI_TRY(mirai__encode_value(encoder, mirai_value_item(value, i), depth + 1));
    }
    return MIRAI_OK;
}

/* The fields are no value of their own in the message, but may have other owners than the error. */
static mirai_status put_error(mirai__encoder *encoder, const mirai_value *value, uint32_t depth)
{
    const mirai_value *fields = mirai__error_fields(value);
    encoder->given = encoder->given && mirai__value_is_sole(fields);
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_ERROR));
    return put_dict(encoder, fields, depth);
}

/* The segment will hold it. */
static mirai_status keep(mirai__encoder *encoder, mirai_value *value)
{
    MIRAI_TRY(mirai__grow(encoder->keeps, encoder->keep_capacity, encoder->keep_count));
    encoder->keeps[encoder->keep_count++] = value;
    return MIRAI_OK;
}

static mirai_status put_reference(mirai__encoder *encoder, const mirai_value *value, uint32_t depth)
{
    size_t number, before = encoder->objects.count;
    bool given = encoder->given && mirai__reference_owns(value);
    MIRAI_TRY(mirai__objects_number(&encoder->objects, value, given, encoder->group, depth, &number));
    if (number == before && mirai__class_is_ours(mirai_value_class(value)))
        MIRAI_TRY(keep(encoder, encoder->objects.items[number].reference));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_REFERENCE));
    return mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, number);
}

static mirai_status put_segment(mirai__encoder *encoder, const mirai_value *value)
{
    mirai__segment *segment = mirai__value_get_segment(value);
    size_t first;
    for (size_t i = 0; i < mirai_value_count(segment->keeps); i++)
        MIRAI_TRY(keep(encoder, (mirai_value *)(uintptr_t)mirai_value_item(segment->keeps, i)));
    MIRAI_TRY(mirai__buffer_table_splice(&encoder->buffers, segment, &first));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_SEGMENT));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_ARRAY, 3));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, first));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, segment->count));
    return mirai__cbor_put_string(encoder->out, MIRAI__CBOR_BYTES, segment->body,
                                  segment->body_size);
}

static mirai_status put_shared(mirai__encoder *encoder, const mirai_value *value)
{
    mirai__shared *shared = mirai__value_get_shared(value);
    MIRAI_TRY(mirai__sharing_add(encoder->sharing, shared));
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_TAG, MIRAI__TAG_SHARED));
    return mirai__cbor_put(encoder->out, MIRAI__CBOR_UINT, shared->id);
}

static mirai_status put_value(mirai__encoder *encoder, const mirai_value *value, uint32_t depth)
{
    if (depth >= MIRAI__ENCODE_DEPTH) {
        return mirai__fail(MIRAI_E_LIMIT, "values are nested more than %u deep",
                           (unsigned)MIRAI__ENCODE_DEPTH);
    }
    if (depth > encoder->deepest) encoder->deepest = depth;
    MIRAI_TRY(mirai__encode_count(encoder, 1));
    switch (mirai_value_type(value)) {
    case MIRAI_TYPE_NULL:
        return mirai__cbor_put(encoder->out, MIRAI__CBOR_SIMPLE, MIRAI__CBOR_NULL);
    case MIRAI_TYPE_BOOL: return put_bool(encoder, value);
    case MIRAI_TYPE_INT: return put_int(encoder, value);
    case MIRAI_TYPE_FLOAT: return put_float(encoder, value);
    case MIRAI_TYPE_STRING:
        return mirai__cbor_put_string(encoder->out, MIRAI__CBOR_TEXT, mirai_value_string(value),
                                      mirai_value_count(value));
    case MIRAI_TYPE_BYTES: return put_bytes(encoder, value);
    case MIRAI_TYPE_ARRAY: return mirai__encode_array(encoder, value);
    case MIRAI_TYPE_LIST: return put_list(encoder, value, depth);
    case MIRAI_TYPE_DICT: return put_dict(encoder, value, depth);
    case MIRAI_TYPE_REFERENCE: return put_reference(encoder, value, depth);
    case MIRAI_TYPE_ERROR: return put_error(encoder, value, depth);
    case MIRAI_TYPE_SHARED: return put_shared(encoder, value);
    case MIRAI__TYPE_SEGMENT: return put_segment(encoder, value);
    default:
        return mirai__fail(MIRAI_E_TYPE, "a value of type %d cannot be sent",
                           (int)mirai_value_type(value));
    }
}

mirai_status mirai__encode_value(mirai__encoder *encoder, const mirai_value *value, uint32_t depth)
{
    bool given = encoder->given;
    encoder->given = given && mirai__value_is_sole(value);
    mirai_status status = put_value(encoder, value, depth);
    encoder->given = given;
    return status;
}
