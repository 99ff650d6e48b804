/*
 * value_build: builders of numbers, strings, bytes and lists.
 *
 * No builder clears the detail text: in an expression that builds a tree, the arguments are built
 * first, and what failed there is what the caller is to see.
 *
 * Any thread; no lock.
 */
#include "value_node.h"

#include <stdarg.h>
#include <string.h>

#include "alloc.h"
#include "buffer_private.h"
#include "detail.h"
#include "utf8.h"

mirai_value *mirai_int(int64_t number)
{
    mirai__number_node *node = mirai__node_new(MIRAI_TYPE_INT, sizeof(*node));
    if (!node) return NULL;
    node->as.integer = number;
    return &node->head;
}

mirai_value *mirai_float(double number)
{
    mirai__number_node *node = mirai__node_new(MIRAI_TYPE_FLOAT, sizeof(*node));
    if (!node) return NULL;
    node->as.real = number;
    return &node->head;
}

mirai_value *mirai_string(const char *text)
{
    if (!text) {
        mirai__fail_missing("the text of a string is NULL");
        return NULL;
    }
    return mirai_string_n(text, strlen(text));
}

mirai_value *mirai_string_n(const char *text, size_t size_bytes)
{
    if (!text && size_bytes) {
        mirai__fail_missing("the text of a string is NULL");
        return NULL;
    }
    if (size_bytes > PTRDIFF_MAX - sizeof(mirai__string_node) - 1) {
        mirai__fail(MIRAI_E_NOMEM, "a string of %zu bytes is more than can be addressed",
                    size_bytes);
        return NULL;
    }
    if (size_bytes && !mirai__utf8_valid(text, size_bytes)) {
        mirai__fail(MIRAI_E_INVALID, "a string of %zu bytes is not valid UTF-8", size_bytes);
        return NULL;
    }
    mirai__string_node *node = mirai__node_new(MIRAI_TYPE_STRING, sizeof(*node) + size_bytes + 1);
    if (!node) return NULL;
    node->size = size_bytes;
    if (size_bytes) memcpy(node->text, text, size_bytes);
    node->text[size_bytes] = '\0';
    return &node->head;
}

mirai_value *mirai_bytes(const void *data, size_t size_bytes)
{
    if (!data && size_bytes) {
        mirai__fail_missing("data is NULL, but size_bytes is %zu", size_bytes);
        return NULL;
    }
    mirai_buffer *buffer = mirai_buffer_copy(data, size_bytes);
    return buffer ? mirai_bytes_buffer(buffer) : NULL;
}

mirai_value *mirai_bytes_buffer(mirai_buffer *buffer)
{
    if (!buffer) {
        mirai__fail_missing("the buffer is NULL");
        return NULL;
    }
    mirai__bytes_node *node = mirai__node_new(MIRAI_TYPE_BYTES, sizeof(*node));
    if (!node) {
        mirai_buffer_release(buffer);
        return NULL;
    }
    mirai__buffer_freeze(buffer);
    node->buffer = buffer;
    return &node->head;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static mirai__list_node *list_alloc(size_t count)
{
    size_t size;
    if (__builtin_mul_overflow(count, sizeof(mirai_value *), &size) ||
        __builtin_add_overflow(size, sizeof(mirai__list_node), &size)) {
        mirai__fail(MIRAI_E_NOMEM, "a list of %zu items is more than can be addressed", count);
        return NULL;
    }
    mirai__list_node *list = mirai__node_new(MIRAI_TYPE_LIST, size);
    if (list) list->count = 0;
    return list;
}

/* Takes item. *list becomes NULL, and what it held is released, when the item is missing. */
static void list_append(mirai__list_node **list, mirai_value *item, size_t index)
{
    if (*list && item) {
        (*list)->items[(*list)->count++] = item;
        return;
    }
    if (!item) mirai__fail_missing("item %zu of a list is NULL", index);
    if (*list) mirai_value_release(&(*list)->head);
    *list = NULL;
    mirai_value_release(item);
}

mirai_value *mirai_list(mirai_value *const *items, size_t count)
{
    if (!items && count) {
        mirai__fail_missing("items is NULL, but count is %zu", count);
        return NULL;
    }
    mirai__list_node *list = list_alloc(count);
    for (size_t i = 0; i < count; i++) list_append(&list, items[i], i);
    return list ? &list->head : NULL;
}

mirai_value *mirai_list_of(mirai_value *first, ...)
{
    va_list arguments;
    size_t count = 0;
    va_start(arguments, first);
    for (mirai_value *item = first; item != MIRAI_END; item = va_arg(arguments, mirai_value *))
        count++;
    va_end(arguments);

    mirai__list_node *list = list_alloc(count);
    mirai_value *item = first;
    va_start(arguments, first);
    for (size_t i = 0; i < count; i++) {
        list_append(&list, item, i);
        item = va_arg(arguments, mirai_value *);
    }
    va_end(arguments);
    return list ? &list->head : NULL;
}
