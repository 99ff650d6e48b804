/*
 * borrower: see borrower.h. The receiving thread alone maps, forgets and takes; letting go happens on any thread.
 * Room to note the end of a lease is made when it begins, so that ending one cannot fail.
 */
#include "borrower.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "buffer_private.h"
#include "detail.h"
#include "map.h"
#include "private_view.h"
#include "shared_memory.h"

#define SLAB_MOST ((size_t)1 << 40)  /* bytes of one */
#define TOTAL_MOST ((size_t)1 << 42) /* bytes of all: of our address space */

enum { SLABS_MOST = 4096, RUNS_LEAST = 16 };

/* A slab of the peer's. */
typedef struct mapping {
    _Atomic int64_t references; /* the table's, and each of its buffers */
    mirai__borrower *borrower;  /* held */
    const uint8_t *base;
    size_t size;
    mirai__view view; /* of all of it */
} mapping;

/* Leases that have ended: `count` from `first` on. */
typedef struct run {
    uint64_t first, count;
} run;

struct mirai__borrower {
    _Atomic int64_t references; /* the link's, and each mapping */
    /* of the receiving thread */
    mirai__map slabs; /* number -> mapping */
    uint64_t known;
    size_t total;
    _Atomic size_t due; /* runs; a hint */
    pthread_mutex_t lock; /* guards what follows */
    run *runs;
    size_t count, room;
    size_t out; /* leases: for each there is room */
    bool closed;
};

mirai__borrower *mirai__borrower_new(void)
{
    mirai__borrower *borrower = mirai__alloc_zero(1, sizeof *borrower);
    if (borrower == NULL) return NULL;
    atomic_init(&borrower->references, 1);
    atomic_init(&borrower->due, 0);
    mirai__map_init(&borrower->slabs);
    (void)pthread_mutex_init(&borrower->lock, NULL);
    return borrower;
}

static void unhold(mirai__borrower *borrower)
{
    if (atomic_fetch_sub_explicit(&borrower->references, 1, memory_order_acq_rel) != 1) return;
    (void)pthread_mutex_destroy(&borrower->lock);
    mirai__free(borrower->runs);
    mirai__free(borrower);
}

static void unmap(mapping *slab)
{
    if (atomic_fetch_sub_explicit(&slab->references, 1, memory_order_acq_rel) != 1) return;
    mirai__view_fini(&slab->view);
    mirai__shared_memory_unmap(slab->base, slab->size);
    unhold(slab->borrower);
    mirai__free(slab);
}

void mirai__borrower_close(mirai__borrower *borrower)
{
    if (borrower == NULL) return;
    size_t cursor = 0;
    uint64_t number;
    void *item;
    (void)pthread_mutex_lock(&borrower->lock);
    borrower->closed = true;
    (void)pthread_mutex_unlock(&borrower->lock);
    while (mirai__map_next(&borrower->slabs, &cursor, &number, &item)) unmap(item);
    mirai__map_fini(&borrower->slabs);
    unhold(borrower);
}

/* ---- slabs ----------------------------------------------------------------------------------- */

static mirai_status attach(mirai__borrower *borrower, int fd, mapping *slab)
{
    if (borrower->slabs.count >= SLABS_MOST)
        return mirai__fail(MIRAI_E_PROTOCOL, "the peer has passed more than %d pieces of memory",
                           (int)SLABS_MOST);
    MIRAI_TRY(mirai__shared_memory_attach(fd, SLAB_MOST, &slab->size, &slab->base));
    if (slab->size > TOTAL_MOST - borrower->total) {
        mirai__shared_memory_unmap(slab->base, slab->size);
        return mirai__fail(MIRAI_E_PROTOCOL, "the peer has passed more memory than can be mapped");
    }
    return MIRAI_OK;
}

mirai_status mirai__borrower_map(mirai__borrower *borrower, int fd)
{
    mapping *slab = mirai__alloc_zero(1, sizeof *slab);
    mirai_status status = slab != NULL ? attach(borrower, fd, slab) : MIRAI_E_NOMEM;
    if (status != MIRAI_OK) {
        (void)close(fd);
        mirai__free(slab);
        return status;
    }
    mirai__view_init(&slab->view, fd, slab->size);
    atomic_init(&slab->references, 1);
    atomic_fetch_add_explicit(&borrower->references, 1, memory_order_relaxed);
    slab->borrower = borrower;
    status = mirai__map_put(&borrower->slabs, borrower->known + 1, slab);
    if (status != MIRAI_OK) {
        unmap(slab);
        return status;
    }
    borrower->known++;
    borrower->total += slab->size;
    return MIRAI_OK;
}

uint64_t mirai__borrower_known(const mirai__borrower *borrower)
{
    return borrower->known;
}

mirai_status mirai__borrower_forget(mirai__borrower *borrower, uint64_t number)
{
    mapping *slab = mirai__map_remove(&borrower->slabs, number);
    if (slab == NULL)
        return mirai__fail(MIRAI_E_PROTOCOL, "the peer takes slab %llu back, which is not here",
                           (unsigned long long)number);
    borrower->total -= slab->size;
    unmap(slab);
    return MIRAI_OK;
}

/* ---- leases ---------------------------------------------------------------------------------- */

/* Room to note the end of one more lease. */
static mirai_status reserve(mirai__borrower *borrower)
{
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&borrower->lock);
    if (borrower->count + borrower->out >= borrower->room) {
        size_t room = borrower->room > 0 ? 2 * borrower->room : RUNS_LEAST;
        run *grown = mirai__realloc(borrower->runs, room, sizeof *grown);
        if (grown != NULL) {
            borrower->runs = grown;
            borrower->room = room;
        } else {
            status = MIRAI_E_NOMEM;
        }
    }
    if (status == MIRAI_OK) borrower->out++;
    (void)pthread_mutex_unlock(&borrower->lock);
    return status;
}

/* The last count of a buffer is gone. */
static void let_go(void *object, void *lease)
{
    mapping *slab = object;
    mirai__borrower *borrower = slab->borrower;
    uint64_t number = (uintptr_t)lease;
    if (mirai__forked()) return;
    (void)pthread_mutex_lock(&borrower->lock);
    borrower->out--;
    run *last = borrower->count > 0 ? &borrower->runs[borrower->count - 1] : NULL;
    if (borrower->closed)
        borrower->count = 0;
    else if (last != NULL && last->first + last->count == number)
        last->count++;
    else
        borrower->runs[borrower->count++] = (run){.first = number, .count = 1};
    atomic_store_explicit(&borrower->due, borrower->count, memory_order_relaxed);
    (void)pthread_mutex_unlock(&borrower->lock);
    unmap(slab);
}

/* The last count of a buffer in a view is gone. Only then may the lease end. */
static void end_view(void *object, void *data, size_t size)
{
    mirai_buffer *whole = object;
    mapping *slab = mirai__buffer_adopted(whole, let_go);
    mirai__view_leave(&slab->view, data, size);
    mirai_buffer_release(whole);
}

static mirai_buffer *make_view(mirai_buffer *whole, const void *data, size_t size)
{
    if (size < MIRAI__VIEW_MIN || mirai__forked()) return NULL;
    mapping *slab = mirai__buffer_adopted(whole, let_go);
    uint8_t *base = mirai__view_take(&slab->view);
    if (base == NULL) return NULL;
    uint8_t *own = base + ((const uint8_t *)data - slab->base);
    mirai_buffer *view = mirai__buffer_over(own, size, end_view, mirai_buffer_ref(whole));
    if (view == NULL) end_view(whole, own, size);
    return view;
}

mirai_status mirai__borrower_take(mirai__borrower *borrower, const mirai__lent *lent, uint64_t size,
                                  mirai_buffer **out)
{
    mapping *slab = mirai__map_get(&borrower->slabs, lent->slab);
    if (slab == NULL || lent->offset % MIRAI_BUFFER_ALIGNMENT != 0 || lent->offset > slab->size ||
        size > slab->size - lent->offset)
        return mirai__fail(MIRAI_E_PROTOCOL, "a buffer of %llu bytes at %llu of slab %llu, which is not there",
                           (unsigned long long)size, (unsigned long long)lent->offset,
                           (unsigned long long)lent->slab);
    MIRAI_TRY(reserve(borrower));
    atomic_fetch_add_explicit(&slab->references, 1, memory_order_relaxed);
    *out = mirai_buffer_adopt(slab->base + lent->offset, size, let_go, slab,
                              (void *)(uintptr_t)lent->lease);
    if (*out == NULL) return MIRAI_E_NOMEM;
    mirai__buffer_offer_view(*out, make_view);
    return MIRAI_OK;
}

bool mirai__borrower_lent(const mirai_buffer *buffer)
{
    return mirai__buffer_adopted(buffer, let_go) != NULL;
}

bool mirai__borrower_owes(const mirai__borrower *borrower)
{
    return atomic_load_explicit(&borrower->due, memory_order_relaxed) > 0;
}

bool mirai__borrower_next(mirai__borrower *borrower, uint64_t *first, uint64_t *count)
{
    if (!mirai__borrower_owes(borrower)) return false;
    (void)pthread_mutex_lock(&borrower->lock);
    bool any = borrower->count > 0;
    if (any) {
        borrower->count--;
        *first = borrower->runs[borrower->count].first;
        *count = borrower->runs[borrower->count].count;
    }
    atomic_store_explicit(&borrower->due, borrower->count, memory_order_relaxed);
    (void)pthread_mutex_unlock(&borrower->lock);
    return any;
}
