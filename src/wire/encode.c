/*
 * encode: a value to a segment (message.h): runs hooks until no object is left, puts the groups in
 * order, and writes the body. On the caller's thread, under no lock; everything is on this call's
 * own stack.
 *
 * Hooks of single objects go first and to the end; a vectorised hook is called only when nothing
 * else is left to do, and so once, unless it brings objects of further classes to light.
 */
#include "alloc.h"
#include "buffer_private.h"
#include "cbor.h"
#include "detail.h"
#include "encode_private.h"
#include "grow.h"

enum { SMALL_SIZE = 512 }; /* what a tree up to here takes is the stack's */

/* Write what a hook has given (taken) as the value of a new group. */
static mirai_status put_group(mirai__encoder *encoder, const size_t *numbers, size_t count,
                              mirai_value *given)
{
    mirai__objects *objects = &encoder->objects;
    const char *class_name = objects->items[numbers[0]].of->hook->class_name;
    if (!given) return mirai__message_blame(class_name, "serialize");
    size_t group = objects->group_count, offset = encoder->out->size;
    mirai_status status = mirai__objects_group(objects, numbers, count);
    encoder->group = group;
    encoder->deepest = 0;
    if (!status) status = mirai__encode_value(encoder, given, 0);
    mirai_value_release(given);
    if (status) return status;
    objects->groups[group].height = encoder->deepest + 1;
    objects->groups[group].offset = offset;
    objects->groups[group].size = encoder->out->size - offset;
    return MIRAI_OK;
}

static mirai_status serialize_one(mirai__encoder *encoder, size_t number)
{
    const mirai__object *object = &encoder->objects.items[number];
    const mirai_refhook *hook = &object->of->hook->hook;
    void *pointer = mirai_value_object(object->reference, NULL);
    bool is_given = object->given;
    mirai__detail_clear();
    mirai__message_offer(&encoder->message, &pointer, &is_given, 1);
    mirai_value *given = hook->serialize(&encoder->message, pointer, hook->context);
    mirai__message_withdraw(&encoder->message);
    return put_group(encoder, &number, 1, given);
}

static mirai_status serialize_pending(mirai__encoder *encoder, mirai__class *class)
{
    size_t count = class->pending_count;
    size_t *numbers = class->pending; /* ours now: the hook may bring further ones to light */
    class->pending = NULL;
    class->pending_count = class->pending_capacity = 0;
    void **pointers = mirai__alloc_zero(count, sizeof *pointers + sizeof(bool));
    mirai_status status = MIRAI_E_NOMEM;
    if (pointers) {
        bool *are_given = (bool *)(pointers + count);
        for (size_t i = 0; i < count; i++) {
            const mirai__object *object = &encoder->objects.items[numbers[i]];
            pointers[i] = mirai_value_object(object->reference, NULL);
            are_given[i] = object->given;
        }
        const mirai_refhook *hook = &class->hook->hook;
        mirai__detail_clear();
        mirai__message_offer(&encoder->message, pointers, are_given, count);
        mirai_value *given = hook->serialize_all(&encoder->message, pointers, count, hook->context);
        mirai__message_withdraw(&encoder->message);
        status = put_group(encoder, numbers, count, given);
    }
    mirai__free(pointers);
    mirai__free(numbers);
    return status;
}

static mirai__class *first_pending(const mirai__objects *objects)
{
    for (size_t i = 0; i < objects->class_count; i++) {
        if (objects->classes[i]->pending_count > 0) return objects->classes[i];
    }
    return NULL;
}

static mirai_status serialize_objects(mirai__encoder *encoder)
{
    mirai__objects *objects = &encoder->objects;
    size_t next = 0; /* objects before this one are serialised or pending */
    for (;;) {
        for (; next < objects->count; next++) {
            mirai__class *class = objects->items[next].of;
            if (!class->hook->hook.serialize_all) {
                MIRAI_TRY(serialize_one(encoder, next));
                continue;
            }
            MIRAI_TRY(mirai__grow(class->pending, class->pending_capacity, class->pending_count));
            class->pending[class->pending_count++] = next;
        }
        mirai__class *class = first_pending(objects);
        if (!class) return MIRAI_OK;
        MIRAI_TRY(serialize_pending(encoder, class));
    }
}

/* [class, number or [numbers], value in a byte string] */
static mirai_status write_group(const mirai__objects *objects, const mirai__group *group,
                                const mirai__bytes *values, mirai__bytes *body)
{
    const mirai__hook *hook = group->of->hook;
    MIRAI_TRY(mirai__cbor_put(body, MIRAI__CBOR_ARRAY, 3));
    MIRAI_TRY(
        mirai__cbor_put_string(body, MIRAI__CBOR_TEXT, hook->class_name, strlen(hook->class_name)));
    if (hook->hook.serialize_all) MIRAI_TRY(mirai__cbor_put(body, MIRAI__CBOR_ARRAY, group->count));
    for (size_t i = 0; i < group->count; i++) {
        MIRAI_TRY(mirai__cbor_put(body, MIRAI__CBOR_UINT, objects->members[group->first + i]));
    }
    return mirai__cbor_put_string(body, MIRAI__CBOR_BYTES, values->data + group->offset,
                                  group->size);
}

/* [count of objects, [groups], root] */
static mirai_status write_groups(mirai__encoder *encoder, const mirai__bytes *values,
                                 mirai__bytes *body)
{
    mirai__objects *objects = &encoder->objects;
    size_t *order;
    MIRAI_TRY(mirai__encode_count(encoder, objects->count));
    MIRAI_TRY(mirai__objects_order(objects, MIRAI__ENCODE_DEPTH, &order));
    mirai_status status = mirai__cbor_put(body, MIRAI__CBOR_ARRAY, 3);
    if (!status) status = mirai__cbor_put(body, MIRAI__CBOR_UINT, objects->count);
    if (!status) status = mirai__cbor_put(body, MIRAI__CBOR_ARRAY, objects->group_count);
    for (size_t i = 0; i < objects->group_count && !status; i++) {
        status = write_group(objects, &objects->groups[order[i]], values, body);
    }
    mirai__free(order);
    return status;
}

static mirai_status put_text(mirai__encoder *encoder, const char *text)
{
    if (!text) return mirai__cbor_put(encoder->out, MIRAI__CBOR_SIMPLE, MIRAI__CBOR_NULL);
    return mirai__cbor_put_string(encoder->out, MIRAI__CBOR_TEXT, text, strlen(text));
}

static mirai_status close_segment(mirai__encoder *encoder, const mirai__bytes *body,
                                  mirai__segment **out)
{
    if (body->size > mirai__limits_local.body_bytes) {
        return mirai__fail(MIRAI_E_LIMIT, "the body of a message has %zu bytes", body->size);
    }
    mirai_value *keeps = NULL;
    if (encoder->keep_count > 0) {
        for (size_t i = 0; i < encoder->keep_count; i++) (void)mirai_value_ref(encoder->keeps[i]);
        keeps = mirai_list(encoder->keeps, encoder->keep_count);
        if (!keeps) return MIRAI_E_NOMEM;
    }
    *out = mirai__buffer_table_segment(&encoder->buffers, body);
    if (!*out) {
        mirai_value_release(keeps);
        return MIRAI_E_NOMEM;
    }
    (*out)->keeps = keeps;
    return MIRAI_OK;
}

/* [function, arguments, label, stream], as if that were a list. */
static mirai_status put_call(mirai__encoder *encoder, const mirai__call *call)
{
    enum { PARTS = 4 };
    MIRAI_TRY(mirai__encode_count(encoder, PARTS)); /* the arguments count themselves, and here the list does */
    MIRAI_TRY(mirai__cbor_put(encoder->out, MIRAI__CBOR_ARRAY, PARTS));
    MIRAI_TRY(put_text(encoder, call->function));
    MIRAI_TRY(mirai__encode_value(encoder, call->args, 1));
    MIRAI_TRY(put_text(encoder, call->label));
    if (!call->stream) return put_text(encoder, NULL);
    return mirai__cbor_put_string(encoder->out, MIRAI__CBOR_BYTES, call->stream, MIRAI__STREAM_SIZE);
}

/* What a message is made of. */
typedef struct content {
    const mirai_value *root; /* NULL: a call */
    const mirai__call *call;
} content;

static mirai_status encode(mirai__encoder *encoder, const content *content, mirai__bytes *body,
                           mirai__bytes *tree, mirai__bytes *values, mirai__segment **out)
{
    encoder->out = tree;
    encoder->group = MIRAI__NO_GROUP;
    MIRAI_TRY(mirai__cbor_put(tree, MIRAI__CBOR_ARRAY, 1));
    MIRAI_TRY(content->root ? mirai__encode_value(encoder, content->root, 0)
                            : put_call(encoder, content->call));
    if (encoder->objects.count == 0) return close_segment(encoder, tree, out);
    encoder->out = values;
    MIRAI_TRY(serialize_objects(encoder));
    MIRAI_TRY(write_groups(encoder, values, body));
    MIRAI_TRY(mirai__bytes_append(body, tree->data + 1, tree->size - 1));
    return close_segment(encoder, body, out);
}

mirai_status mirai__encode(const mirai_value *root, mirai__hooks *overlay, int flags,
                           mirai__segment **out)
{
    return mirai__encode_into(root, overlay, flags, NULL, NULL, out);
}

static mirai_status encode_content(const content *content, mirai__hooks *overlay, int flags,
                                   mirai__slabs *slabs, mirai__sharing *sharing, mirai__segment **out)
{
    mirai__encoder encoder = {.items = mirai__limits_local.items,
                              .sharing = sharing,
                              .given = (flags & MIRAI__ENCODE_MOVE) != 0};
    mirai__message_init(&encoder.message);
    mirai__objects_init(&encoder.objects, overlay);
    mirai__buffer_table_init(&encoder.buffers, (flags & MIRAI__ENCODE_COPY) != 0, slabs);
    mirai__bytes body, tree, values;
    uint8_t small[SMALL_SIZE];
    mirai__bytes_init(&body);
    mirai__bytes_lend(&tree, small, sizeof small);
    mirai__bytes_init(&values);
    mirai__segment *segment = NULL;
    mirai_status status = encode(&encoder, content, &body, &tree, &values, &segment);
    mirai__said said;
    mirai__said_keep(&said, status);
    mirai__bytes_fini(&body);
    mirai__bytes_fini(&tree);
    mirai__bytes_fini(&values);
    mirai__buffer_table_fini(&encoder.buffers);
    mirai__objects_fini(&encoder.objects);
    mirai__free(encoder.keeps);
    mirai__message_fini(&encoder.message);
    if (status == MIRAI_OK) *out = segment;
    return mirai__said_again(&said);
}

mirai_status mirai__encode_sharing(const mirai_value *root, mirai__hooks *overlay, int flags,
                                   mirai__sharing *sharing, mirai__segment **out)
{
    return mirai__encode_into(root, overlay, flags, NULL, sharing, out);
}

mirai_status mirai__encode_into(const mirai_value *root, mirai__hooks *overlay, int flags,
                                mirai__slabs *slabs, mirai__sharing *sharing, mirai__segment **out)
{
    if (!root || !out) return mirai__fail(MIRAI_E_INVALID, "there is no value to encode");
    return encode_content(&(content){.root = root}, overlay, flags, slabs, sharing, out);
}

mirai_status mirai__encode_call(const mirai__call *call, mirai__hooks *overlay, int flags,
                                mirai__slabs *slabs, mirai__sharing *sharing, mirai__segment **out)
{
    return encode_content(&(content){.call = call}, overlay, flags, slabs, sharing, out);
}
