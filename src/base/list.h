/*
 * list: intrusive doubly linked list with a sentinel. A node that is in no list points to itself, so that
 * mirai__list_remove() may be called on it at any time.
 */
#ifndef MIRAI__LIST_H
#define MIRAI__LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mirai__list {
    struct mirai__list *next, *prev;
} mirai__list;

#define mirai__list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void mirai__list_init(mirai__list *list)
{
    list->next = list->prev = list;
}

static inline bool mirai__list_is_empty(const mirai__list *list)
{
    return list->next == list;
}

static inline void mirai__list_append(mirai__list *list, mirai__list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

static inline void mirai__list_prepend(mirai__list *list, mirai__list *node)
{
    mirai__list_append(list->next, node);
}

static inline void mirai__list_remove(mirai__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    mirai__list_init(node);
}

/* First node, taken out; NULL when empty. */
static inline mirai__list *mirai__list_pop(mirai__list *list)
{
    mirai__list *node = list->next;
    if (node == list) return NULL;
    mirai__list_remove(node);
    return node;
}

#endif
