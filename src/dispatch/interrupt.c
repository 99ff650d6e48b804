/*
 * interrupt: interrupts kept and delivered. Threads and locks: interrupt.h.
 */
#include "interrupt.h"

#include <stdatomic.h>

#include "driver.h"

static _Atomic int64_t kept;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mirai__list passives = {&passives, &passives};

void mirai__interrupt_keep(mirai_pool *pool)
{
    /* Counted first: where the flag is seen, the count is not 0. */
    (void)atomic_fetch_add(&kept, 1);
    if (atomic_exchange(&pool->interrupt, 1) != 0) (void)atomic_fetch_sub(&kept, 1);
}

bool mirai__interrupt_is_kept(const mirai_pool *pool)
{
    return atomic_load(&pool->interrupt) != 0;
}

bool mirai__interrupt_take(mirai_pool *pool)
{
    if (atomic_exchange(&pool->interrupt, 0) == 0) return false;
    (void)atomic_fetch_sub(&kept, 1);
    return true;
}

bool mirai__interrupt_anywhere(void)
{
    return atomic_load(&kept) != 0;
}

void mirai__interrupt_deliver(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    if (mirai__interrupt_take(pool)) (void)mirai__driver_interrupt(pool);
    (void)pthread_mutex_unlock(&pool->lock);
}

void mirai__passive_add(mirai__passive *passive)
{
    (void)pthread_mutex_lock(&lock);
    mirai__list_append(&passives, &passive->node);
    (void)pthread_mutex_unlock(&lock);
}

void mirai__passive_remove(mirai__passive *passive, bool heeded)
{
    (void)pthread_mutex_lock(&lock);
    mirai__list_remove(&passive->node);
    (void)pthread_mutex_unlock(&lock);
    if (passive->by == NULL) return;
    if (!heeded) mirai__interrupt_keep(passive->by);
    mirai__engine_release(passive->by);
}

bool mirai__passive_tell(mirai_pool *pool)
{
    bool any = false;
    (void)pthread_mutex_lock(&lock);
    for (mirai__list *at = passives.next; at != &passives; at = at->next) {
        mirai__passive *passive = mirai__list_entry(at, mirai__passive, node);
        if (!passive->tell(passive, pool)) continue;
        if (passive->by == NULL) passive->by = mirai__engine_ref(pool);
        any = true;
    }
    (void)pthread_mutex_unlock(&lock);
    return any;
}
