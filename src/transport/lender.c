/*
 * lender: see lender.h. Slabs have numbers of the link's own: the n-th that was passed is n.
 */
#include "lender.h"

#include <pthread.h>

#include "alloc.h"
#include "detail.h"
#include "map.h"

struct mirai__lender {
    mirai__slabs *slabs; /* held */
    pthread_mutex_t lock;
    mirai__map passed;   /* id of a slab -> its number here */
    mirai__map leases;   /* number -> buffer, owned */
    uint64_t last_slab, last_lease;
    uint64_t dropped; /* of the slabs, when those that were passed were last looked at; the sending thread's */
    bool looking;     /* not all of them yet; the sending thread's */
};

mirai__lender *mirai__lender_new(mirai__slabs *slabs)
{
    mirai__lender *lender = mirai__alloc_zero(1, sizeof *lender);
    if (lender == NULL) return NULL;
    lender->slabs = mirai__slabs_ref(slabs);
    (void)pthread_mutex_init(&lender->lock, NULL);
    mirai__map_init(&lender->passed);
    mirai__map_init(&lender->leases);
    return lender;
}

void mirai__lender_free(mirai__lender *lender)
{
    if (lender == NULL) return;
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&lender->leases, &cursor, &id, &item)) mirai_buffer_release(item);
    mirai__map_fini(&lender->leases);
    mirai__map_fini(&lender->passed);
    mirai__slabs_unref(lender->slabs);
    (void)pthread_mutex_destroy(&lender->lock);
    mirai__free(lender);
}

/* ---- offering -------------------------------------------------------------------------------- */

static void *number_of(uint64_t number)
{
    return (void *)(uintptr_t)number;
}

/* The number of a slab that the peer has got, or is to get with this loan; 0: it cannot. Lock held. */
static uint64_t pass(mirai__lender *lender, mirai__loan *loan, const mirai__slab_place *place)
{
    uint64_t number = (uintptr_t)mirai__map_get(&lender->passed, place->slab);
    if (number != 0) return number;
    if (loan->fd_count == MIRAI__LENDER_AT_ONCE) return 0;
    if (mirai__map_put(&lender->passed, place->slab, number_of(lender->last_slab + 1)) != MIRAI_OK) return 0;
    loan->fds[loan->fd_count++] = place->fd;
    return ++lender->last_slab;
}

/* Lock held. */
static void lend(mirai__lender *lender, mirai__loan *loan, mirai_buffer *buffer, mirai__lent *lent)
{
    mirai__slab_place place;
    if (!mirai__slabs_find(lender->slabs, buffer, &place)) return;
    uint64_t lease = lender->last_lease + 1;
    if (mirai__map_put(&lender->leases, lease, buffer) != MIRAI_OK) return;
    uint64_t number = pass(lender, loan, &place);
    if (number == 0) {
        (void)mirai__map_remove(&lender->leases, lease);
        return;
    }
    (void)mirai_buffer_ref(buffer);
    lender->last_lease = lease;
    *lent = (mirai__lent){.slab = number, .offset = place.offset, .lease = lease};
}

static bool has_any(const mirai__lender *lender, const mirai__segment *segment)
{
    mirai__slab_place place;
    for (size_t i = 0; i < segment->count; i++)
        if (mirai__slabs_find(lender->slabs, mirai__segment_buffers(segment)[i], &place)) return true;
    return false;
}

mirai__loan *mirai__lender_offer(mirai__lender *lender, const mirai__segment *segment)
{
    if (lender == NULL || segment == NULL || !has_any(lender, segment)) return NULL;
    mirai__loan *loan = mirai__alloc(sizeof *loan);
    mirai__lent *lent = mirai__alloc_zero(segment->count, sizeof *lent);
    if (loan == NULL || lent == NULL) {
        mirai__free(loan);
        mirai__free(lent);
        return NULL;
    }
    loan->lent = lent;
    loan->fd_count = 0;
    (void)pthread_mutex_lock(&lender->lock);
    loan->first = lender->last_lease + 1;
    for (size_t i = 0; i < segment->count; i++) lend(lender, loan, mirai__segment_buffers(segment)[i], &lent[i]);
    (void)pthread_mutex_unlock(&lender->lock);
    return loan;
}

/* As if it had not been offered. One thread sends, so that these are the last ones. */
static void undo(mirai__lender *lender, const mirai__loan *loan)
{
    (void)pthread_mutex_lock(&lender->lock);
    for (; lender->last_lease >= loan->first; lender->last_lease--)
        mirai_buffer_release(mirai__map_remove(&lender->leases, lender->last_lease));
    uint64_t known = lender->last_slab - (uint64_t)loan->fd_count, id;
    size_t cursor = 0;
    void *item;
    while (loan->fd_count > 0 && mirai__map_next(&lender->passed, &cursor, &id, &item))
        if ((uintptr_t)item > known) (void)mirai__map_remove(&lender->passed, id);
    lender->last_slab = known;
    (void)pthread_mutex_unlock(&lender->lock);
}

void mirai__lender_settle(mirai__lender *lender, mirai__loan *loan, bool passed)
{
    if (loan == NULL) return;
    if (!passed) undo(lender, loan);
    mirai__free(loan->lent);
    mirai__free(loan);
}

/* ---- what comes back ------------------------------------------------------------------------- */

mirai_status mirai__lender_released(mirai__lender *lender, uint64_t first, uint64_t count)
{
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&lender->lock);
    if (first == 0 || count == 0 || count > lender->leases.count)
        status = mirai__fail(MIRAI_E_PROTOCOL, "the peer released %llu leases from %llu on",
                             (unsigned long long)count, (unsigned long long)first);
    for (uint64_t i = 0; i < count && status == MIRAI_OK; i++) {
        mirai_buffer *buffer = mirai__map_remove(&lender->leases, first + i);
        mirai_buffer_release(buffer);
        if (buffer == NULL)
            status = mirai__fail(MIRAI_E_PROTOCOL, "the peer released lease %llu, which it does not have",
                                 (unsigned long long)(first + i));
    }
    (void)pthread_mutex_unlock(&lender->lock);
    return status;
}

uint64_t mirai__lender_forget(mirai__lender *lender)
{
    uint64_t dropped = mirai__slabs_dropped(lender->slabs), id;
    if (dropped == lender->dropped && !lender->looking) return 0;
    (void)pthread_mutex_lock(&lender->lock);
    lender->looking = true;
    lender->dropped = dropped;
    uint64_t number = 0;
    size_t cursor = 0;
    void *item;
    while (lender->looking && number == 0) {
        lender->looking = mirai__map_next(&lender->passed, &cursor, &id, &item);
        if (!lender->looking || mirai__slabs_has(lender->slabs, id)) continue;
        number = (uintptr_t)item;
        (void)mirai__map_remove(&lender->passed, id);
    }
    (void)pthread_mutex_unlock(&lender->lock);
    return number;
}

size_t mirai__lender_leases(mirai__lender *lender)
{
    (void)pthread_mutex_lock(&lender->lock);
    size_t count = lender->leases.count;
    (void)pthread_mutex_unlock(&lender->lock);
    return count;
}
