/*
 * value: the head of every value: its type and its count, the three immortal values, and tearing
 * down.
 *
 * A tree is torn down by a loop, not by recursion, so that a list nested a million deep costs no
 * stack: dead nodes are chained through their counts, which they no longer need.
 *
 * Any thread; no lock: counts are atomic, all else never changes. Foreign releases run in the call
 * of mirai_value_release() that drops the last count.
 */
#include "value_node.h"

#include <stdarg.h>

#include "alloc.h"
#include "buffer_private.h"
#include "detail.h"

static mirai_value null_value = {.references = 1, .type = MIRAI_TYPE_NULL, .flag = 0};
static mirai_value false_value = {.references = 1, .type = MIRAI_TYPE_BOOL, .flag = 0};
static mirai_value true_value = {.references = 1, .type = MIRAI_TYPE_BOOL, .flag = 1};
static mirai_value end_value = {.references = 1, .type = MIRAI_TYPE_NULL, .flag = 0};

mirai_value *mirai_null(void)
{
    return &null_value;
}

mirai_value *mirai_bool(int32_t flag)
{
    return flag ? &true_value : &false_value;
}

mirai_value *mirai_end(void)
{
    return &end_value;
}

/* Not counted, so that threads do not fight over the count of what all of them use. */
static bool is_immortal(const mirai_value *value)
{
    return value->type == MIRAI_TYPE_NULL || value->type == MIRAI_TYPE_BOOL;
}

void *mirai__node_new(mirai_type type, size_t size)
{
    mirai_value *value = mirai__alloc(size);
    if (!value) return NULL;
    atomic_init(&value->references, 1);
    value->type = type;
    value->flag = 0;
    return value;
}

mirai_status mirai__fail_missing(const char *format, ...)
{
    if (mirai_error_detail()[0] != '\0') return MIRAI_E_INVALID;
    va_list arguments;
    va_start(arguments, format);
    mirai_status status = mirai__fail_v(MIRAI_E_INVALID, format, arguments);
    va_end(arguments);
    return status;
}

mirai_value *mirai_value_ref(const mirai_value *value)
{
    mirai_value *owned = (mirai_value *)value; /* the count is all that may change */
    if (owned && !is_immortal(owned))
        atomic_fetch_add_explicit(&owned->references, 1, memory_order_relaxed);
    return owned;
}

bool mirai__value_is_sole(const mirai_value *value)
{
    return atomic_load_explicit(&value->references, memory_order_acquire) == 1;
}

/* Drop one count of value; chain it to the dead when it was the last. */
static void drop(mirai_value *value, mirai_value **dead)
{
    if (!value || is_immortal(value)) return;
    if (atomic_fetch_sub_explicit(&value->references, 1, memory_order_acq_rel) != 1) return;
    atomic_store_explicit(&value->references, (int64_t)(intptr_t)*dead, memory_order_relaxed);
    *dead = value;
}

static void drop_reference(mirai__reference_node *node, mirai_value **dead)
{
    mirai__fetched *fetched = atomic_load_explicit(&node->fetched, memory_order_acquire);
    while (fetched) {
        mirai__fetched *next = fetched->next;
        drop(fetched->value, dead);
        mirai__free(fetched);
        fetched = next;
    }
    mirai__reference_fini(node);
}

static void drop_content(mirai_value *value, mirai_value **dead)
{
    switch (value->type) {
    case MIRAI_TYPE_BYTES: mirai_buffer_release(MIRAI__NODE(bytes, value)->buffer); break;
    case MIRAI_TYPE_ARRAY: mirai_buffer_release(MIRAI__NODE(array, value)->buffer); break;
    case MIRAI_TYPE_LIST: {
        mirai__list_node *list = MIRAI__NODE(list, value);
        for (size_t i = 0; i < list->count; i++) drop(list->items[i], dead);
        break;
    }
    case MIRAI_TYPE_DICT: {
        mirai__dict_node *dict = MIRAI__NODE(dict, value);
        for (size_t i = 0; i < dict->count; i++) drop(dict->entries[i].item, dead);
        break;
    }
    case MIRAI_TYPE_ERROR: drop(MIRAI__NODE(error, value)->fields, dead); break;
    case MIRAI_TYPE_REFERENCE: drop_reference(MIRAI__NODE(reference, value), dead); break;
    case MIRAI_TYPE_SHARED: mirai__shared_release(MIRAI__NODE(shared, value)->shared); break;
    case MIRAI__TYPE_SEGMENT: mirai__segment_release(MIRAI__NODE(segment, value)->segment); break;
    default: break;
    }
}

void mirai_value_release(mirai_value *value)
{
    mirai_value *dead = NULL;
    drop(value, &dead);
    while (dead) {
        mirai_value *node = dead;
        int64_t next = atomic_load_explicit(&node->references, memory_order_relaxed);
        dead = (mirai_value *)(intptr_t)next;
        drop_content(node, &dead);
        mirai__free(node);
    }
}

mirai_type mirai_value_type(const mirai_value *value)
{
    return value ? value->type : 0;
}

const char *mirai_type_text(mirai_type type)
{
    switch (type) {
#define TYPE_TEXT(name, number, text)                                                              \
    case number: return text;
        MIRAI_TYPE_MAP(TYPE_TEXT)
#undef TYPE_TEXT
    default: return "unknown";
    }
}

mirai_value *mirai__value_segment(mirai__segment *segment)
{
    if (!segment) {
        mirai__fail_missing("the segment is NULL");
        return NULL;
    }
    mirai__segment_node *node = mirai__node_new(MIRAI__TYPE_SEGMENT, sizeof(*node));
    if (!node) {
        mirai__segment_release(segment);
        return NULL;
    }
    node->segment = segment;
    return &node->head;
}

mirai__segment *mirai__value_get_segment(const mirai_value *value)
{
    if (!value || value->type != MIRAI__TYPE_SEGMENT) return NULL;
    return MIRAI__CONST_NODE(segment, value)->segment;
}
