/*
 * value_node: how values lie in memory: for the files of this folder only.
 *
 * Every kind starts with the head. All nodes but the immortal ones (null, true, false) are one
 * allocation, with their items, keys or text at the end.
 */
#ifndef MIRAI__VALUE_NODE_H
#define MIRAI__VALUE_NODE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "value_private.h"

struct mirai_value {
    _Atomic int64_t references; /* once it is 0: the next node to be torn down */
    mirai_type type;
    int32_t flag; /* of a bool */
};

typedef struct mirai__number_node {
    mirai_value head;
    union {
        int64_t integer;
        double real;
    } as;
} mirai__number_node;

typedef struct mirai__string_node {
    mirai_value head;
    size_t size; /* without the NUL byte after the text */
    char text[];
} mirai__string_node;

typedef struct mirai__bytes_node {
    mirai_value head;
    mirai_buffer *buffer;
} mirai__bytes_node;

typedef struct mirai__array_node {
    mirai_value head;
    mirai_buffer *buffer;
    const uint8_t *origin; /* the element with all indices 0 */
    size_t count;          /* of elements */
    mirai_dtype dtype;
    int32_t rank;
    bool is_contiguous;
    int64_t shape[]; /* rank sizes, then rank strides */
} mirai__array_node;

typedef struct mirai__list_node {
    mirai_value head;
    size_t count;
    mirai_value *items[];
} mirai__list_node;

typedef struct mirai__dict_entry {
    const char *key; /* in the same block */
    mirai_value *item;
} mirai__dict_entry;

typedef struct mirai__dict_slot {
    uint32_t hash;
    uint32_t place; /* of the entry, from 1; 0: empty */
} mirai__dict_slot;

typedef struct mirai__dict_node {
    mirai_value head;
    size_t count;
    size_t slot_mask; /* slots less 1; 0: so few entries that there are none */
    mirai__dict_slot *slots;
    mirai__dict_entry entries[];
} mirai__dict_node;

/* What a `get` hook gave, kept for as long as the reference lives, so that it can be borrowed. */
typedef struct mirai__fetched {
    struct mirai__fetched *next;
    mirai_value *value;
    char key[];
} mirai__fetched;

typedef struct mirai__reference_node {
    mirai_value head;
    void *object;
    mirai_release_fn release;
    void *context;
    mirai__hook *hook; /* with which it was made; NULL: by the user */
    _Atomic(mirai__fetched *) fetched;
    char class_name[];
} mirai__reference_node;

typedef struct mirai__error_node {
    mirai_value head;
    mirai_value *fields;
    int32_t code;
    const mirai_value *classes; /* borrowed from fields, as is the message */
    const char *message;
} mirai__error_node;

typedef struct mirai__segment_node {
    mirai_value head;
    mirai__segment *segment;
} mirai__segment_node;

typedef struct mirai__shared_node {
    mirai_value head;
    mirai__shared *shared;
} mirai__shared_node;

/* The node of a value of one type, const or not as the value is. */
#define MIRAI__NODE(kind, value) ((mirai__##kind##_node *)(value))
#define MIRAI__CONST_NODE(kind, value) ((const mirai__##kind##_node *)(value))

/* A node of `size` bytes with one reference, all else uninitialised; NULL: no memory. */
void *mirai__node_new(mirai_type type, size_t size);
/* Tear-down of what only a reference holds, except values: hooks and foreign releases run here. */
void mirai__reference_fini(mirai__reference_node *node);
/* What the class's `get` hook gives for a key; borrowed; NULL when there is nothing. */
const mirai_value *mirai__reference_get(const mirai_value *reference, const char *key);
/* Entry of a dict by key; NULL when there is none. */
const mirai__dict_entry *mirai__dict_find(const mirai_value *dict, const char *key);

/*
 * Fails with MIRAI_E_INVALID for a NULL that was handed in as a value. The call that gave the NULL
 * has most likely said why; only when there is no detail text, this one sets it.
 */
mirai_status mirai__fail_missing(const char *format, ...)
    __attribute__((__format__(__printf__, 1, 2)));

#endif
