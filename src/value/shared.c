/*
 * shared: counting what stands for a value kept elsewhere, and the values that refer to it. Any thread; no lock: the
 * count is atomic, all else never changes.
 */
#include "value_node.h"

mirai__shared *mirai__shared_ref(mirai__shared *shared)
{
    if (shared) atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

bool mirai__shared_try_ref(mirai__shared *shared)
{
    int64_t count = atomic_load_explicit(&shared->references, memory_order_relaxed);
    while (count > 0) {
        if (atomic_compare_exchange_weak_explicit(&shared->references, &count, count + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    }
    return false;
}

void mirai__shared_release(mirai__shared *shared)
{
    if (!shared) return;
    if (atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) == 1)
        shared->end(shared);
}

mirai_value *mirai__value_shared(mirai__shared *shared)
{
    if (!shared) return NULL;
    mirai__shared_node *node = mirai__node_new(MIRAI_TYPE_SHARED, sizeof(*node));
    if (!node) {
        mirai__shared_release(shared);
        return NULL;
    }
    node->shared = shared;
    return &node->head;
}

mirai__shared *mirai__value_get_shared(const mirai_value *value)
{
    if (!value || value->type != MIRAI_TYPE_SHARED) return NULL;
    return MIRAI__CONST_NODE(shared, value)->shared;
}
