/*
 * chain: intrusive list whose head is one pointer, for what is mostly empty; in no order. A node that is in none may be
 * removed at any time.
 */
#ifndef MIRAI__CHAIN_H
#define MIRAI__CHAIN_H

#include <stddef.h>

typedef struct mirai__chained {
    struct mirai__chained *next, **at; /* at: what points to this one; NULL: it is in no chain */
} mirai__chained;

typedef struct mirai__chain {
    mirai__chained *first;
} mirai__chain;

static inline void mirai__chain_add(mirai__chain *chain, mirai__chained *node)
{
    node->next = chain->first;
    node->at = &chain->first;
    if (node->next != NULL) node->next->at = &node->next;
    chain->first = node;
}

static inline void mirai__chain_remove(mirai__chained *node)
{
    if (node->at == NULL) return;
    *node->at = node->next;
    if (node->next != NULL) node->next->at = node->at;
    node->at = NULL;
}

/* The first node, taken out; NULL when empty. */
static inline mirai__chained *mirai__chain_pop(mirai__chain *chain)
{
    mirai__chained *node = chain->first;
    if (node != NULL) mirai__chain_remove(node);
    return node;
}

#endif
