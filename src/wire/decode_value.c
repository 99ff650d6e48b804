/*
 * decode_value: a tree of values from CBOR (FORMAT.md sections 3 to 7). Part of one decode, on its
 * thread.
 *
 * Values gather on a stack until their container is complete: so nothing is allocated for what a
 * head merely announces, and a failure leaves all that was made in one place. Recursion is bounded
 * by limits.depth.
 */
#include <string.h>

#include "decode_private.h"
#include "detail.h"
#include "alloc.h"
#include "map.h"
#include "utf8.h"

static mirai_status grow_stack(mirai__decoding *all)
{
    bool is_few = all->stack == all->few;
    size_t wanted = 2 * all->stack_capacity;
    mirai_value **stack = mirai__realloc(is_few ? NULL : all->stack, wanted, sizeof(mirai_value *));
    if (!stack) return MIRAI_E_NOMEM;
    if (is_few) memcpy(stack, all->few, all->height * sizeof(mirai_value *));
    all->stack = stack;
    all->stack_capacity = wanted;
    return MIRAI_OK;
}

mirai_status mirai__decode_push(mirai__decoder *decoder, mirai_value *value)
{
    mirai__decoding *all = decoder->all;
    if (!value) return MIRAI_E_NOMEM;
    if (all->height == all->stack_capacity) {
        mirai_status status = grow_stack(all);
        if (status) {
            mirai_value_release(value);
            return status;
        }
    }
    all->stack[all->height++] = value;
    return MIRAI_OK;
}

mirai_value *mirai__decode_pop(mirai__decoder *decoder)
{
    return decoder->all->stack[--decoder->all->height];
}

mirai_status mirai__decode_count(mirai__decoder *decoder, uint64_t items)
{
    if (items > decoder->all->items) {
        return mirai__fail(MIRAI_E_LIMIT, "a message has more than %u values",
                           (unsigned)decoder->all->limits->items);
    }
    decoder->all->items -= (uint32_t)items;
    return MIRAI_OK;
}

/* Objects count as if they stood where they are referred to: whoever walks the tree through them,
 * and be it to release it, goes no deeper than that. */
static mirai_status reach_to(mirai__decoder *decoder, uint64_t depth)
{
    mirai__decoding *all = decoder->all;
    if (depth >= all->limits->depth) {
        return mirai__fail(MIRAI_E_LIMIT, "values are nested more than %u deep",
                           (unsigned)all->limits->depth);
    }
    if (depth > all->reach) all->reach = (uint32_t)depth;
    return MIRAI_OK;
}

static mirai_status read_text(mirai__decoder *decoder, uint64_t size)
{
    const char *text = (const char *)mirai__cbor_take(&decoder->in, size);
    mirai_value *value = mirai_string_n(text, size);
    if (!value && !mirai__utf8_valid(text, size)) {
        return mirai__fail(MIRAI_E_DECODE, "a string is not valid UTF-8");
    }
    return mirai__decode_push(decoder, value);
}

static mirai_status read_list(mirai__decoder *decoder, uint64_t count, uint32_t depth)
{
    size_t base = decoder->all->height;
    for (uint64_t i = 0; i < count; i++) MIRAI_TRY(mirai__decode_value(decoder, depth + 1));
    decoder->all->height = base; /* mirai_list() takes them all */
    return mirai__decode_push(decoder, mirai_list(decoder->all->stack + base, count));
}

/* ---- dicts -------------------------------------------------------------------------------------
 */

static mirai_status read_key(mirai__decoder *decoder)
{
    uint64_t size;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_TEXT, "key of a dict", &size));
    const char *key = (const char *)mirai__cbor_take(&decoder->in, size);
    if (memchr(key, 0, size) || !mirai__utf8_valid(key, size)) {
        return mirai__fail(MIRAI_E_DECODE, "a key of a dict is not valid UTF-8 without NUL");
    }
    MIRAI_TRY(mirai__bytes_append(&decoder->all->keys, key, size));
    return mirai__bytes_append(&decoder->all->keys, "", 1);
}

/* Whether mirai_dict() has failed because a key occurs twice. */
static mirai_status why_no_dict(const char **keys, size_t count)
{
    mirai__names seen;
    mirai__names_init(&seen);
    mirai_status status = MIRAI_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (mirai__names_get(&seen, keys[i])) {
            status = mirai__fail(MIRAI_E_DECODE, "a key occurs twice in a dict");
            break;
        }
        if (mirai__names_put(&seen, keys[i], &seen) != MIRAI_OK) break;
    }
    mirai__names_fini(&seen);
    return status;
}

/* Of the last `count` values and the keys from `first_key` on. */
static mirai_status make_dict(mirai__decoder *decoder, size_t first_key, size_t count)
{
    mirai__decoding *all = decoder->all;
    const char **keys = mirai__alloc_zero(count, sizeof *keys);
    if (!keys) return MIRAI_E_NOMEM;
    const char *at = count > 0 ? (const char *)all->keys.data + first_key : NULL;
    for (size_t i = 0; i < count; i++) {
        keys[i] = at;
        at += strlen(at) + 1;
    }
    all->height -= count; /* mirai_dict() takes them all */
    mirai_value *dict = mirai_dict(keys, count > 0 ? all->stack + all->height : NULL, count);
    mirai_status status = dict ? mirai__decode_push(decoder, dict) : why_no_dict(keys, count);
    mirai__free(keys);
    all->keys.size = first_key;
    return status;
}

static mirai_status read_dict(mirai__decoder *decoder, uint64_t count, uint32_t depth)
{
    size_t first_key = decoder->all->keys.size;
    for (uint64_t i = 0; i < count; i++) {
        MIRAI_TRY(read_key(decoder));
        MIRAI_TRY(mirai__decode_value(decoder, depth + 1));
    }
    return make_dict(decoder, first_key, count);
}

/* ---- what has a tag of ours
 * ---------------------------------------------------------------------- */

/* What mirai_error_of() demands of fields, so that its failure can only mean a lack of memory. */
static bool are_error_fields(const mirai_value *fields)
{
    const mirai_value *classes = mirai_value_get(fields, "class");
    const mirai_value *code = mirai_value_get(fields, "code");
    if (mirai_value_type(classes) != MIRAI_TYPE_LIST || mirai_value_count(classes) == 0)
        return false;
    for (size_t i = 0; i < mirai_value_count(classes); i++) {
        if (!mirai_value_string(mirai_value_item(classes, i))) return false;
    }
    if (mirai_value_type(code) != MIRAI_TYPE_INT) return false;
    int64_t number = mirai_value_int_or(code, INT64_MAX);
    return number >= INT32_MIN && number <= INT32_MAX &&
           mirai_value_string(mirai_value_get(fields, "message"));
}

static mirai_status read_error(mirai__decoder *decoder, uint32_t depth)
{
    uint64_t count;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_MAP, "fields of an error", &count));
    MIRAI_TRY(read_dict(decoder, count, depth));
    if (!are_error_fields(decoder->all->stack[decoder->all->height - 1])) {
        return mirai__fail(MIRAI_E_DECODE, "an error lacks a class, a code or a message");
    }
    return mirai__decode_push(decoder, mirai_error_of(mirai__decode_pop(decoder)));
}

static mirai_status read_reference(mirai__decoder *decoder, uint32_t depth)
{
    uint64_t number;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_UINT, "number of an object", &number));
    if (number >= decoder->object_count || !decoder->objects[number]) {
        return mirai__fail(MIRAI_E_DECODE, "object %llu is referred to before it is made",
                           (unsigned long long)number);
    }
    decoder->object_used[number] = OBJECT_USED;
    MIRAI_TRY(reach_to(decoder, (uint64_t)depth + decoder->object_height[number]));
    return mirai__decode_push(decoder, mirai_value_ref(decoder->objects[number]));
}

/* [first buffer, count of buffers, body] */
static mirai_status read_segment(mirai__decoder *decoder, uint32_t depth)
{
    uint64_t parts, first, count, size;
    mirai__cbor *in = &decoder->in;
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_ARRAY, "segment", &parts));
    if (parts != 3) return mirai__fail(MIRAI_E_DECODE, "a segment has %u parts", (unsigned)parts);
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_UINT, "first buffer", &first));
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_UINT, "count of buffers", &count));
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_BYTES, "body of a segment", &size));
    if (first > decoder->buffer_count || count > decoder->buffer_count - first ||
        (count == 0 && first != 0)) {
        return mirai__fail(MIRAI_E_DECODE, "a segment of buffers that are not there");
    }
    const uint8_t *data = mirai__cbor_take(in, size);
    if (count > 0) memset(decoder->buffer_used + first, 1, count);
    if (decoder->all->embedded == MIRAI__EMBEDDED_MAX) {
        return mirai__fail(MIRAI_E_LIMIT, "messages are embedded more than %d deep",
                           (int)MIRAI__EMBEDDED_MAX);
    }
    decoder->all->embedded++;
    mirai_status status =
        mirai__decode_message(decoder->all, (mirai__cbor){data, data + size},
                              count > 0 ? decoder->buffers + first : NULL, count, depth + 1);
    decoder->all->embedded--;
    return status;
}

/* A reference to a shared value: it stands in its place, as deep as it is. */
static mirai_status read_shared(mirai__decoder *decoder, uint32_t depth)
{
    const mirai__resolver *resolver = decoder->all->resolver;
    uint64_t id;
    MIRAI_TRY(
        mirai__cbor_expect(&decoder->in, MIRAI__CBOR_UINT, "number of a shared value", &id));
    if (!resolver) return mirai__fail(MIRAI_E_DECODE, "a shared value cannot be referred to here");
    mirai_value *value = NULL;
    uint32_t height = 0;
    MIRAI_TRY(resolver->resolve(resolver->context, id, &value, &height));
    MIRAI_TRY(mirai__decode_push(decoder, value));
    return reach_to(decoder, (uint64_t)depth + height);
}

static mirai_status read_tagged(mirai__decoder *decoder, uint64_t tag, uint32_t depth)
{
    mirai_buffer *buffer;
    switch (tag) {
    case MIRAI__TAG_BUFFER:
        MIRAI_TRY(mirai__decode_buffer(decoder, &buffer));
        return mirai__decode_push(decoder, mirai_bytes_buffer(mirai_buffer_ref(buffer)));
    case MIRAI__TAG_REFERENCE: return read_reference(decoder, depth);
    case MIRAI__TAG_ERROR: return read_error(decoder, depth);
    case MIRAI__TAG_SEGMENT: return read_segment(decoder, depth);
    case MIRAI__TAG_SHARED: return read_shared(decoder, depth);
    default: return mirai__decode_array(decoder, tag);
    }
}

/* ---- all
 * ----------------------------------------------------------------------------------------- */

static mirai_status read_simple(mirai__decoder *decoder, const mirai__cbor_head *head)
{
    double number;
    if (head->width > 1) {
        MIRAI_TRY(mirai__cbor_float(head, &number));
        return mirai__decode_push(decoder, mirai_float(number));
    }
    switch (head->argument) {
    case MIRAI__CBOR_FALSE: return mirai__decode_push(decoder, mirai_bool(0));
    case MIRAI__CBOR_TRUE: return mirai__decode_push(decoder, mirai_bool(1));
    case MIRAI__CBOR_NULL: return mirai__decode_push(decoder, mirai_null());
    default:
        return mirai__fail(MIRAI_E_DECODE, "unknown simple value %u", (unsigned)head->argument);
    }
}

mirai_status mirai__decode_int(const mirai__cbor_head *head, int64_t *out)
{
    if (head->argument > INT64_MAX) {
        return mirai__fail(MIRAI_E_DECODE, "an integer does not fit 64 bits");
    }
    int64_t number = (int64_t)head->argument;
    *out = head->major == MIRAI__CBOR_UINT ? number : -1 - number;
    return MIRAI_OK;
}

static mirai_status read_int(mirai__decoder *decoder, const mirai__cbor_head *head)
{
    int64_t number = 0;
    MIRAI_TRY(mirai__decode_int(head, &number));
    return mirai__decode_push(decoder, mirai_int(number));
}

mirai_status mirai__decode_value(mirai__decoder *decoder, uint32_t depth)
{
    MIRAI_TRY(reach_to(decoder, depth));
    MIRAI_TRY(mirai__decode_count(decoder, 1));
    mirai__cbor_head head;
    MIRAI_TRY(mirai__cbor_get(&decoder->in, &head));
    switch (head.major) {
    case MIRAI__CBOR_UINT:
    case MIRAI__CBOR_NINT: return read_int(decoder, &head);
    case MIRAI__CBOR_BYTES: {
        const uint8_t *data = mirai__cbor_take(&decoder->in, head.argument);
        return mirai__decode_push(decoder, mirai_bytes(data, head.argument));
    }
    case MIRAI__CBOR_TEXT: return read_text(decoder, head.argument);
    case MIRAI__CBOR_ARRAY: return read_list(decoder, head.argument, depth);
    case MIRAI__CBOR_MAP: return read_dict(decoder, head.argument, depth);
    case MIRAI__CBOR_TAG: return read_tagged(decoder, head.argument, depth);
    default: return read_simple(decoder, &head);
    }
}
