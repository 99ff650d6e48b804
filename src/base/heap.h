/*
 * heap: intrusive binary min-heap by an int64 key (deadlines in ms). Push may fail for memory; remove and
 * re-key are O(log n). Guarded by the owner's lock. index 0 means "in no heap".
 */
#ifndef MIRAI__HEAP_H
#define MIRAI__HEAP_H

#include <stddef.h>
#include <stdint.h>
#include <miraicore/error.h>

typedef struct mirai__heap_node {
    int64_t key;
    size_t index; /* place in the heap, from 1; 0: in none. Zero it before first use. */
} mirai__heap_node;

typedef struct mirai__heap {
    mirai__heap_node **nodes;
    size_t count, capacity;
} mirai__heap;

void mirai__heap_init(mirai__heap *heap);
void mirai__heap_fini(mirai__heap *heap);
mirai_status mirai__heap_reserve(mirai__heap *heap, size_t count); /* room for so many: no push fails up to there */
mirai_status mirai__heap_push(mirai__heap *heap, mirai__heap_node *node, int64_t key); /* or re-keys */
void mirai__heap_remove(mirai__heap *heap, mirai__heap_node *node);                    /* no-op when in none */
mirai__heap_node *mirai__heap_first(const mirai__heap *heap);                          /* NULL when empty */

#endif
