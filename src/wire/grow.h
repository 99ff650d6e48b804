/*
 * grow: room for one more item in an array that doubles. The array stays as it was on failure.
 */
#ifndef MIRAI__GROW_H
#define MIRAI__GROW_H

#include <stddef.h>
#include <string.h>

#include "alloc.h"
#include <miraicore/error.h>

/* `array` points to the pointer; its type is of no account. */
static inline mirai_status mirai__grow_bytes(void *array, size_t *capacity, size_t count,
                                             size_t size)
{
    if (count < *capacity) return MIRAI_OK;
    void *items;
    memcpy(&items, array, sizeof items);
    size_t wanted = *capacity ? 2 * *capacity : 16;
    items = mirai__realloc(items, wanted, size);
    if (!items) return MIRAI_E_NOMEM;
    memcpy(array, &items, sizeof items);
    *capacity = wanted;
    return MIRAI_OK;
}

/* `array` is an lvalue of pointer type. */
#define mirai__grow(array, capacity, count)                                                        \
    mirai__grow_bytes(&(array), &(capacity), (count), sizeof *(array))

#endif
