/*
 * slab_homes: whose buffers are born in which set of slabs (slabs.h): a short list under a lock of its own, under
 * which nothing else is called. A pool is a key and no more, so that this floor need not know pools, and a pool that
 * is gone is merely not found.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "alloc.h"
#include "detail.h"
#include "list.h"
#include "slabs.h"

typedef struct home {
    mirai__list node;
    const void *owner;
    mirai__slabs *slabs; /* held */
} home;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mirai__list homes = {&homes, &homes};
static _Atomic int count; /* most programs' buffers are for nobody in particular, and most have no home */

static home *find(const void *owner)
{
    for (mirai__list *at = homes.next; at != &homes; at = at->next) {
        home *candidate = mirai__list_entry(at, home, node);
        if (candidate->owner == owner) return candidate;
    }
    return NULL;
}

mirai_status mirai__slabs_bind(const void *owner, mirai__slabs *slabs)
{
    home *made = mirai__alloc(sizeof *made);
    if (made == NULL) return MIRAI_E_NOMEM;
    *made = (home){.owner = owner, .slabs = mirai__slabs_ref(slabs)};
    (void)pthread_mutex_lock(&lock);
    mirai__list_append(&homes, &made->node);
    (void)pthread_mutex_unlock(&lock);
    (void)atomic_fetch_add(&count, 1);
    return MIRAI_OK;
}

void mirai__slabs_unbind(const void *owner)
{
    if (mirai__forked()) return;
    (void)pthread_mutex_lock(&lock);
    home *gone = find(owner);
    if (gone != NULL) mirai__list_remove(&gone->node);
    (void)pthread_mutex_unlock(&lock);
    if (gone == NULL) return;
    (void)atomic_fetch_sub(&count, 1);
    mirai__slabs_unref(gone->slabs);
    mirai__free(gone);
}

mirai__slabs *mirai__slabs_of(const void *owner)
{
    if (atomic_load_explicit(&count, memory_order_relaxed) == 0 || mirai__forked()) return NULL;
    (void)pthread_mutex_lock(&lock);
    home *known = find(owner);
    mirai__slabs *slabs = known != NULL ? mirai__slabs_ref(known->slabs) : NULL;
    (void)pthread_mutex_unlock(&lock);
    return slabs;
}
