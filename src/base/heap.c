/*
 * heap: the binary heap in an array of pointers, each node knowing its place. Guarded by the
 * owner's lock. Places count from 1, so that the parent of i is i / 2 and its children are 2i and
 * 2i + 1.
 */
#include "heap.h"

#include "alloc.h"

void mirai__heap_init(mirai__heap *heap)
{
    *heap = (mirai__heap){NULL, 0, 0};
}

void mirai__heap_fini(mirai__heap *heap)
{
    mirai__free(heap->nodes);
    mirai__heap_init(heap);
}

static void place(mirai__heap *heap, mirai__heap_node *node, size_t index)
{
    heap->nodes[index - 1] = node;
    node->index = index;
}

/* Put node where it belongs, starting from a place that is free. */
static void settle(mirai__heap *heap, mirai__heap_node *node, size_t index)
{
    while (index > 1 && heap->nodes[index / 2 - 1]->key > node->key) {
        place(heap, heap->nodes[index / 2 - 1], index);
        index /= 2;
    }
    for (;;) {
        size_t child = 2 * index;
        if (child > heap->count) break;
        if (child < heap->count && heap->nodes[child]->key < heap->nodes[child - 1]->key) child++;
        if (heap->nodes[child - 1]->key >= node->key) break;
        place(heap, heap->nodes[child - 1], index);
        index = child;
    }
    place(heap, node, index);
}

mirai_status mirai__heap_reserve(mirai__heap *heap, size_t count)
{
    if (count <= heap->capacity) return MIRAI_OK;
    size_t capacity = heap->capacity == 0 ? 16 : heap->capacity;
    while (capacity < count) capacity *= 2;
    mirai__heap_node **nodes = mirai__realloc(heap->nodes, capacity, sizeof *nodes);
    if (nodes == NULL) return MIRAI_E_NOMEM;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return MIRAI_OK;
}

mirai_status mirai__heap_push(mirai__heap *heap, mirai__heap_node *node, int64_t key)
{
    if (node->index == 0) {
        MIRAI_TRY(mirai__heap_reserve(heap, heap->count + 1));
        node->index = ++heap->count;
    }
    node->key = key;
    settle(heap, node, node->index);
    return MIRAI_OK;
}

void mirai__heap_remove(mirai__heap *heap, mirai__heap_node *node)
{
    size_t index = node->index;
    if (index == 0) return;
    node->index = 0;
    mirai__heap_node *last = heap->nodes[--heap->count];
    if (last != node) settle(heap, last, index);
}

mirai__heap_node *mirai__heap_first(const mirai__heap *heap)
{
    return heap->count == 0 ? NULL : heap->nodes[0];
}
