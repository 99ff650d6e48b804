/*
 * decode: a segment to a value (message.h): limits, the table of objects and their hooks, the root,
 * and the check that nothing is left over. On the caller's thread, under no lock; all state is this
 * call's own.
 *
 * Groups come in an order in which each refers only to objects of earlier ones: so objects are made
 * by a loop, however long a chain of references is, and a circle cannot be written down.
 */
#include <string.h>

#include "alloc.h"
#include "common.h"
#include "decode_private.h"
#include "detail.h"
#include "grow.h"
#include "utf8.h"

enum { STACK_FEW = 16 };

/* ---- hooks -------------------------------------------------------------------------------------
 */

/* Looked up once per message and class; borrowed. */
static mirai_status find_hook(mirai__decoding *all, const char *class_name, mirai__hook **out)
{
    for (size_t i = 0; i < all->hook_count; i++) {
        *out = all->hooks[i];
        if (strcmp((*out)->class_name, class_name) == 0) return MIRAI_OK;
    }
    MIRAI_TRY(mirai__grow(all->hooks, all->hook_capacity, all->hook_count));
    *out = mirai__common_hook(class_name);
    if (!*out) *out = mirai__hooks_find(all->overlay, class_name);
    if (!*out) {
        return mirai__fail(MIRAI_E_HOOK, "no refhook is registered for class '%s'", class_name);
    }
    all->hooks[all->hook_count++] = *out;
    return MIRAI_OK;
}

/* Keep an object (taken) that a hook has made. */
static mirai_status keep_object(mirai__decoder *decoder, mirai__hook *hook, uint64_t number,
                                void *object)
{
    if (!object) {
        return mirai__fail(MIRAI_E_HOOK, "refhook '%s' made no object", hook->class_name);
    }
    decoder->objects[number] = mirai__reference_hooked(hook, object);
    return decoder->objects[number] ? MIRAI_OK : MIRAI_E_NOMEM;
}

static mirai_status make_one(mirai__decoder *decoder, mirai__hook *hook, uint64_t number,
                             const mirai_value *data)
{
    if (!hook->hook.unserialize) {
        return mirai__fail(MIRAI_E_HOOK, "refhook '%s' has no unserialize", hook->class_name);
    }
    void *object = NULL;
    mirai__detail_clear();
    if (hook->hook.unserialize(&decoder->message, data, &object, hook->hook.context) != MIRAI_OK) {
        return mirai__message_blame(hook->class_name, "unserialize");
    }
    return keep_object(decoder, hook, number, object);
}

static mirai_status make_all(mirai__decoder *decoder, mirai__hook *hook, const uint64_t *numbers,
                             size_t count, const mirai_value *data)
{
    if (!hook->hook.unserialize_all) {
        return mirai__fail(MIRAI_E_HOOK, "refhook '%s' has no unserialize_all", hook->class_name);
    }
    void **made = mirai__alloc_zero(count, sizeof *made);
    if (!made) return MIRAI_E_NOMEM;
    mirai__detail_clear();
    mirai_status status =
        hook->hook.unserialize_all(&decoder->message, data, made, count, hook->hook.context);
    if (status != MIRAI_OK) {
        status = mirai__message_blame(hook->class_name, "unserialize");
    } else {
        /* All of them, also after a failure: each object must find its owner. */
        for (size_t i = 0; i < count; i++) {
            mirai_status one = keep_object(decoder, hook, numbers[i], made[i]);
            if (status == MIRAI_OK) status = one;
        }
    }
    mirai__free(made);
    return status;
}

/* ---- groups
 * -------------------------------------------------------------------------------------- */

static mirai_status read_class(mirai__decoder *decoder, mirai__hook **hook)
{
    char name[256];
    uint64_t size;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_TEXT, "class of a group", &size));
    const uint8_t *text = mirai__cbor_take(&decoder->in, size);
    if (size >= sizeof name || memchr(text, 0, size)) {
        return mirai__fail(MIRAI_E_DECODE, "a class name is too long or holds a NUL");
    }
    memcpy(name, text, size);
    name[size] = '\0';
    if (!mirai__name_valid(name)) {
        return mirai__fail(MIRAI_E_DECODE, "a class name is empty or not valid UTF-8");
    }
    return find_hook(decoder->all, name, hook);
}

/* An object's number; each may be made once. */
static mirai_status claim_number(mirai__decoder *decoder, uint64_t number)
{
    if (number >= decoder->object_count || decoder->object_used[number] == OBJECT_CLAIMED ||
        decoder->objects[number]) {
        return mirai__fail(MIRAI_E_DECODE, "object %llu is out of range or made twice",
                           (unsigned long long)number);
    }
    decoder->object_used[number] = OBJECT_CLAIMED;
    return MIRAI_OK;
}

static mirai_status read_numbers(mirai__decoder *decoder, uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        MIRAI_TRY(
            mirai__cbor_expect(&decoder->in, MIRAI__CBOR_UINT, "number of an object", &numbers[i]));
        MIRAI_TRY(claim_number(decoder, numbers[i]));
    }
    return MIRAI_OK;
}

/* Read the value of a group, give it to the hooks, let it go. */
static mirai_status read_data(mirai__decoder *decoder, mirai__hook *hook, const uint64_t *numbers,
                              size_t count, bool is_vector)
{
    uint64_t size;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_BYTES, "value of a group", &size));
    const uint8_t *after = decoder->in.end;
    decoder->in.end = decoder->in.at + size;
    uint32_t outer = decoder->all->reach;
    decoder->all->reach = decoder->depth;
    MIRAI_TRY(mirai__decode_value(decoder, decoder->depth));
    if (decoder->in.at != decoder->in.end) {
        return mirai__fail(MIRAI_E_DECODE, "bytes follow the value of a group");
    }
    decoder->in.end = after;
    for (size_t i = 0; i < count; i++) {
        decoder->object_used[numbers[i]] = OBJECT_UNUSED;
        decoder->object_height[numbers[i]] = decoder->all->reach + 1 - decoder->depth;
    }
    decoder->all->reach = outer;
    mirai_value *data = mirai__decode_pop(decoder);
    mirai_status status = is_vector ? make_all(decoder, hook, numbers, count, data)
                                    : make_one(decoder, hook, numbers[0], data);
    mirai_value_release(data);
    return status;
}

/* [class, number or [numbers], value in a byte string] */
static mirai_status read_group(mirai__decoder *decoder)
{
    uint64_t parts, one;
    mirai__hook *hook;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_ARRAY, "group", &parts));
    if (parts != 3) return mirai__fail(MIRAI_E_DECODE, "a group has %u parts", (unsigned)parts);
    MIRAI_TRY(read_class(decoder, &hook));
    const uint8_t *at = decoder->in.at;
    mirai__cbor_head head;
    MIRAI_TRY(mirai__cbor_get(&decoder->in, &head));
    if (head.major != MIRAI__CBOR_ARRAY) {
        decoder->in.at = at;
        MIRAI_TRY(read_numbers(decoder, &one, 1));
        return read_data(decoder, hook, &one, 1, false);
    }
    if (head.argument == 0 || head.argument > decoder->object_count) {
        return mirai__fail(MIRAI_E_DECODE, "a group of %llu objects",
                           (unsigned long long)head.argument);
    }
    uint64_t *numbers = mirai__alloc_zero(head.argument, sizeof *numbers);
    if (!numbers) return MIRAI_E_NOMEM;
    mirai_status status = read_numbers(decoder, numbers, head.argument);
    if (status == MIRAI_OK) status = read_data(decoder, hook, numbers, head.argument, true);
    mirai__free(numbers);
    return status;
}

static mirai_status read_groups(mirai__decoder *decoder)
{
    uint64_t count, groups;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_UINT, "count of objects", &count));
    if (count == 0 || count > (uint64_t)(decoder->in.end - decoder->in.at)) {
        return mirai__fail(MIRAI_E_DECODE, "a message of %llu objects", (unsigned long long)count);
    }
    MIRAI_TRY(mirai__decode_count(decoder, count));
    decoder->objects = mirai__alloc_zero(count, sizeof *decoder->objects);
    decoder->object_used = mirai__alloc_zero(count, 1);
    decoder->object_height = mirai__alloc_zero(count, sizeof *decoder->object_height);
    if (!decoder->objects || !decoder->object_used || !decoder->object_height) return MIRAI_E_NOMEM;
    decoder->object_count = count;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_ARRAY, "groups", &groups));
    for (uint64_t i = 0; i < groups; i++) MIRAI_TRY(read_group(decoder));
    return MIRAI_OK;
}

/* ---- messages
 * ------------------------------------------------------------------------------------ */

/* A message holds nothing that nothing refers to: neither bytes, nor buffers, nor objects. */
static mirai_status check_leftovers(const mirai__decoder *decoder)
{
    if (decoder->in.at != decoder->in.end) {
        return mirai__fail(MIRAI_E_DECODE, "%zu bytes follow the message",
                           (size_t)(decoder->in.end - decoder->in.at));
    }
    for (size_t i = 0; i < decoder->buffer_count; i++) {
        if (!decoder->buffer_used[i]) {
            return mirai__fail(MIRAI_E_DECODE, "nothing refers to buffer %zu", i);
        }
    }
    for (size_t i = 0; i < decoder->object_count; i++) {
        if (!decoder->object_used[i]) {
            return mirai__fail(MIRAI_E_DECODE, "nothing refers to object %zu", i);
        }
    }
    return MIRAI_OK;
}

/* The items of a root that is a list: they stay where they are. */
static mirai_status read_items(mirai__decoder *decoder)
{
    const uint8_t *at = decoder->in.at;
    mirai__cbor_head head;
    MIRAI_TRY(mirai__cbor_get(&decoder->in, &head));
    if (head.major != MIRAI__CBOR_ARRAY) {
        decoder->in.at = at;
        return mirai__decode_value(decoder, decoder->depth);
    }
    MIRAI_TRY(mirai__decode_count(decoder, 1));
    for (uint64_t i = 0; i < head.argument; i++)
        MIRAI_TRY(mirai__decode_value(decoder, decoder->depth + 1));
    return MIRAI_OK;
}

static mirai_status read_message(mirai__decoder *decoder)
{
    uint64_t parts;
    MIRAI_TRY(mirai__cbor_expect(&decoder->in, MIRAI__CBOR_ARRAY, "message", &parts));
    if (parts != 1 && parts != 3) {
        return mirai__fail(MIRAI_E_DECODE, "a message has %llu parts", (unsigned long long)parts);
    }
    if (parts == 3) MIRAI_TRY(read_groups(decoder));
    bool unlisted = decoder->all->unlisted && decoder->all->embedded == 0;
    MIRAI_TRY(unlisted ? read_items(decoder) : mirai__decode_value(decoder, decoder->depth));
    return check_leftovers(decoder);
}

mirai_status mirai__decode_message(mirai__decoding *all, mirai__cbor body,
                                   mirai_buffer *const *buffers, size_t buffer_count,
                                   uint32_t depth)
{
    uint8_t few[32] = {0};
    mirai__decoder decoder = {
        .all = all,
        .in = body,
        .buffers = buffers,
        .buffer_used = few,
        .buffer_count = buffer_count,
        .depth = depth,
    };
    if (buffer_count > sizeof few) decoder.buffer_used = mirai__alloc_zero(buffer_count, 1);
    if (!decoder.buffer_used) return MIRAI_E_NOMEM;
    mirai__message_init(&decoder.message);
    mirai_status status = read_message(&decoder);
    if (all->said->status == MIRAI_OK) mirai__said_keep(all->said, status);
    mirai__message_fini(&decoder.message);
    for (size_t i = 0; i < decoder.object_count; i++) mirai_value_release(decoder.objects[i]);
    mirai__free(decoder.objects);
    mirai__free(decoder.object_used);
    mirai__free(decoder.object_height);
    if (decoder.buffer_used != few) mirai__free(decoder.buffer_used);
    return status;
}

static mirai_status check_limits(const mirai__segment *segment, const mirai__limits *limits)
{
    uint64_t total = 0;
    if (segment->body_size > limits->body_bytes) {
        return mirai__fail(MIRAI_E_LIMIT, "the body of a message has %zu bytes",
                           segment->body_size);
    }
    if (segment->count > limits->buffers) {
        return mirai__fail(MIRAI_E_LIMIT, "a message has %u buffers", segment->count);
    }
    for (size_t i = 0; i < segment->count; i++) total += mirai_buffer_size(mirai__segment_buffers(segment)[i]);
    if (total > limits->buffer_bytes) {
        return mirai__fail(MIRAI_E_LIMIT, "the buffers of a message hold %llu bytes",
                           (unsigned long long)total);
    }
    return MIRAI_OK;
}

mirai_status mirai__decode(mirai__segment *segment, mirai__hooks *overlay,
                           const mirai__limits *limits, mirai_value **out)
{
    return mirai__decode_sharing(segment, overlay, limits, NULL, out, NULL);
}

/* What comes of a message. */
typedef struct yield {
    mirai_value **values; /* room for `most` */
    size_t most, count;
    uint32_t height;
} yield;

/* Move what is wanted from the stack. */
static void take_values(mirai__decoding *all, yield *out)
{
    out->count = all->height < out->most ? all->height : out->most;
    memcpy(out->values, all->stack, out->count * sizeof(mirai_value *));
    while (all->height > out->count) mirai_value_release(all->stack[--all->height]);
    all->height = 0;
    out->height = all->reach;
}

static mirai_status decode(const mirai__segment *segment, mirai__hooks *overlay,
                           const mirai__limits *limits, const mirai__resolver *resolver,
                           bool unlisted, yield *out)
{
    MIRAI_TRY(check_limits(segment, limits));
    mirai__said said; /* large, and seldom used: only its status has a meaning yet */
    said.status = MIRAI_OK;
    mirai_value *few[STACK_FEW];
    mirai__decoding all = {.limits = limits,
                           .overlay = overlay,
                           .resolver = resolver,
                           .items = limits->items,
                           .stack = few,
                           .stack_capacity = STACK_FEW,
                           .few = few,
                           .unlisted = unlisted,
                           .said = &said};
    mirai__bytes_init(&all.keys);
    mirai__cbor body = {segment->body, segment->body + segment->body_size};
    mirai_status status = mirai__decode_message(&all, body, mirai__segment_buffers(segment), segment->count, 0);
    if (said.status == MIRAI_OK) mirai__said_keep(&said, status); /* before any clean-up */
    if (status == MIRAI_OK) take_values(&all, out);
    while (all.height > 0) mirai_value_release(all.stack[--all.height]);
    for (size_t i = 0; i < all.hook_count; i++) mirai__hook_unref(all.hooks[i]);
    if (all.stack != few) mirai__free(all.stack);
    mirai__free(all.hooks);
    mirai__bytes_fini(&all.keys);
    return status == MIRAI_OK ? MIRAI_OK : mirai__said_again(&said);
}

static mirai_status fail_missing(void)
{
    return mirai__fail(MIRAI_E_DECODE, "there is no message to decode");
}

/* The number of a message that is one number, for which nothing of all the rest is needed. False: it is another message,
 * or not right. */
static bool read_number(const mirai__segment *segment, mirai__cbor_head *head, int64_t *integer,
                        double *real)
{
    enum { ROOT_ONLY = MIRAI__CBOR_ARRAY << 5 | 1, HALF_FLOAT = 25 };
    const uint8_t *body = segment->body;
    if (segment->body_size < 2 || segment->count > 0 || body[0] != ROOT_ONLY) return false;
    int major = body[1] >> 5;
    bool is_int = major == MIRAI__CBOR_UINT || major == MIRAI__CBOR_NINT;
    if (!is_int && (major != MIRAI__CBOR_SIMPLE || (body[1] & 31) < HALF_FLOAT)) return false;
    mirai__cbor in = {body + 1, body + segment->body_size};
    if (mirai__cbor_get(&in, head) != MIRAI_OK || in.at != in.end) return false;
    return (is_int ? mirai__decode_int(head, integer) : mirai__cbor_float(head, real)) == MIRAI_OK;
}

static mirai_value *number_of(const mirai__segment *segment)
{
    mirai__cbor_head head;
    int64_t integer = 0;
    double real = 0;
    if (!read_number(segment, &head, &integer, &real)) return NULL;
    return head.major == MIRAI__CBOR_SIMPLE ? mirai_float(real) : mirai_int(integer);
}

mirai_status mirai__decode_sharing(mirai__segment *segment, mirai__hooks *overlay,
                                   const mirai__limits *limits, const mirai__resolver *resolver,
                                   mirai_value **out, uint32_t *height)
{
    if (!segment || !limits || !out) return fail_missing();
    if (!height && limits == &mirai__limits_local) {
        *out = number_of(segment);
        if (*out) return MIRAI_OK; /* else also where there was no memory: the way of all others tells */
    }
    yield root = {.values = out, .most = 1};
    MIRAI_TRY(decode(segment, overlay, limits, resolver, false, &root));
    if (height) *height = root.height;
    return MIRAI_OK;
}

mirai_status mirai__decode_items(mirai__segment *segment, mirai__hooks *overlay,
                                 const mirai__limits *limits, const mirai__resolver *resolver,
                                 mirai_value **items, size_t most, size_t *count)
{
    if (!segment || !limits || !items || !count) return fail_missing();
    yield all = {.values = items, .most = most};
    MIRAI_TRY(decode(segment, overlay, limits, resolver, true, &all));
    *count = all.count;
    return MIRAI_OK;
}
