/*
 * slabs: see slabs.h. Small buffers take runs of units, found first-fit in a map of bits.
 */
#include "slabs.h"

#include <stdatomic.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "alloc.h"
#include "detail.h"
#include "list.h"
#include "map.h"
#include "ram.h"
#include "shared_memory.h"

#define PAGE ((size_t)4096)
#define UNIT ((size_t)16384)
#define UNITS ((size_t)256)
#define SMALL_MAX ((size_t)1 << 20) /* larger ones have a slab of their own */

enum {
    SLABS_MAX = 128,   /* each takes a descriptor */
    BUDGET_PART = 4,   /* of the memory that there is */
    DAEMON_PART = 16,
    IDLE_PART = 4      /* of the budget */
};

typedef struct slab {
    mirai__list node; /* of a small one with room, or of one without buffers; else alone */
    mirai__slabs *slabs;
    uint64_t id;
    uint8_t *base;
    size_t size, buffers;
    int fd;
    bool is_small; /* for small buffers */
    bool is_used;  /* its bytes may be other than 0 */
    uint8_t taken[UNITS]; /* of a small one, for each unit */
} slab;

struct mirai__slabs {
    _Atomic int64_t references; /* its owner, others, and each of its buffers */
    _Atomic uint64_t dropped;
    pthread_mutex_t lock; /* guards what follows */
    mirai__map by_id;
    mirai__list small; /* with buffers; those that most likely have room first */
    mirai__list idle;  /* of either kind, without buffers, the last used first */
    uint64_t budget, bytes, idle_bytes, last_id;
    size_t count;
    bool closed;
};

/* ---- life ------------------------------------------------------------------------------------ */

uint64_t mirai__slabs_budget(void)
{
    return mirai__ram_bytes() / BUDGET_PART;
}

uint64_t mirai__slabs_budget_of_daemon(void)
{
    return mirai__ram_bytes() / DAEMON_PART;
}

mirai__slabs *mirai__slabs_new(uint64_t budget)
{
    mirai__slabs *slabs = mirai__alloc_zero(1, sizeof *slabs);
    if (slabs == NULL) return NULL;
    atomic_init(&slabs->references, 1);
    atomic_init(&slabs->dropped, 0);
    (void)pthread_mutex_init(&slabs->lock, NULL);
    mirai__map_init(&slabs->by_id);
    mirai__list_init(&slabs->small);
    mirai__list_init(&slabs->idle);
    slabs->budget = budget;
    return slabs;
}

mirai__slabs *mirai__slabs_ref(mirai__slabs *slabs)
{
    if (slabs != NULL) atomic_fetch_add_explicit(&slabs->references, 1, memory_order_relaxed);
    return slabs;
}

void mirai__slabs_unref(mirai__slabs *slabs)
{
    if (slabs == NULL) return;
    if (atomic_fetch_sub_explicit(&slabs->references, 1, memory_order_acq_rel) != 1) return;
    mirai__map_fini(&slabs->by_id);
    (void)pthread_mutex_destroy(&slabs->lock);
    mirai__free(slabs);
}

static void destroy(mirai__list *doomed)
{
    mirai__list *node;
    while ((node = mirai__list_pop(doomed)) != NULL) {
        slab *gone = mirai__list_entry(node, slab, node);
        mirai__shared_memory_unmap(gone->base, gone->size);
        (void)close(gone->fd);
        mirai__free(gone);
    }
}

/* Put those that were idle longest among the doomed, until no more than `most` bytes are. Lock held. */
static void evict(mirai__slabs *slabs, uint64_t most, mirai__list *doomed)
{
    while (slabs->idle_bytes > most) {
        slab *oldest = mirai__list_entry(slabs->idle.prev, slab, node);
        mirai__list_remove(&oldest->node);
        mirai__list_append(doomed, &oldest->node);
        (void)mirai__map_remove(&slabs->by_id, oldest->id);
        slabs->idle_bytes -= oldest->size;
        slabs->bytes -= oldest->size;
        slabs->count--;
        atomic_fetch_add_explicit(&slabs->dropped, 1, memory_order_release);
    }
}

void mirai__slabs_shut(mirai__slabs *slabs)
{
    if (slabs == NULL || mirai__forked()) return; /* in a child of a fork the lock may be held by nobody */
    mirai__list doomed;
    mirai__list_init(&doomed);
    (void)pthread_mutex_lock(&slabs->lock);
    slabs->closed = true;
    evict(slabs, 0, &doomed);
    (void)pthread_mutex_unlock(&slabs->lock);
    destroy(&doomed);
}

void mirai__slabs_close(mirai__slabs *slabs)
{
    mirai__slabs_shut(slabs);
    mirai__slabs_unref(slabs);
}

/* ---- slabs ----------------------------------------------------------------------------------- */

/* A program may have few descriptors. */
static size_t most_slabs(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 8 > SLABS_MAX) return SLABS_MAX;
    return (size_t)limit.rlim_cur / 8;
}

/* Make room in the budget. False: there is none. Lock held. */
static bool reserve(mirai__slabs *slabs, size_t size, mirai__list *doomed)
{
    if (size > slabs->budget || slabs->closed) return false;
    uint64_t others = slabs->budget - size;
    if (slabs->bytes > others) {
        uint64_t excess = slabs->bytes - others;
        evict(slabs, excess < slabs->idle_bytes ? slabs->idle_bytes - excess : 0, doomed);
    }
    if (slabs->count >= most_slabs() && slabs->idle_bytes > 0) evict(slabs, slabs->idle_bytes - 1, doomed);
    if (slabs->bytes > others || slabs->count >= most_slabs()) return false;
    slabs->bytes += size;
    slabs->count++;
    return true;
}

static slab *make(mirai__slabs *slabs, size_t size, bool is_small)
{
    slab *made = mirai__alloc_zero(1, sizeof *made);
    if (made == NULL) return NULL;
    mirai__list_init(&made->node);
    made->slabs = slabs;
    made->size = size;
    made->is_small = is_small;
    if (mirai__shared_memory_make(size, &made->fd, &made->base)) return made;
    mirai__free(made);
    return NULL;
}

/* A new one, without buffers. The lock is dropped meanwhile: fresh pages take their time. */
static slab *grow(mirai__slabs *slabs, size_t size, bool is_small)
{
    mirai__list doomed;
    mirai__list_init(&doomed);
    bool reserved = reserve(slabs, size, &doomed);
    (void)pthread_mutex_unlock(&slabs->lock);
    destroy(&doomed);
    slab *made = reserved ? make(slabs, size, is_small) : NULL;
    (void)pthread_mutex_lock(&slabs->lock);
    if (made != NULL) {
        made->id = ++slabs->last_id;
        if (mirai__map_put(&slabs->by_id, made->id, made) == MIRAI_OK) return made;
        mirai__list_append(&doomed, &made->node);
        destroy(&doomed);
    }
    if (reserved) {
        slabs->bytes -= size;
        slabs->count--;
    }
    return NULL;
}

static void leave_idle(mirai__slabs *slabs, slab *taken)
{
    if (taken->buffers == 0 && !mirai__list_is_empty(&taken->node)) slabs->idle_bytes -= taken->size;
    mirai__list_remove(&taken->node);
}

/* ---- small buffers --------------------------------------------------------------------------- */

/* Take a run of so many units. False: there is none. */
static bool take_units(slab *from, size_t count, size_t *first)
{
    size_t run = 0;
    for (size_t i = 0; i < UNITS; i++) {
        run = from->taken[i] ? 0 : run + 1;
        if (run < count) continue;
        *first = i + 1 - count;
        memset(from->taken + *first, 1, count);
        return true;
    }
    return false;
}

static slab *take_small(mirai__slabs *slabs, size_t size, size_t *offset)
{
    size_t count = (size + UNIT - 1) / UNIT, first = 0;
    slab *found = NULL;
    mirai__list *lists[] = {&slabs->small, &slabs->idle};
    for (size_t i = 0; i < 2 && found == NULL; i++)
        for (mirai__list *at = lists[i]->next; at != lists[i] && found == NULL; at = at->next) {
            slab *candidate = mirai__list_entry(at, slab, node);
            if (candidate->is_small && take_units(candidate, count, &first)) found = candidate;
        }
    if (found == NULL) {
        found = grow(slabs, UNITS * UNIT, true);
        if (found == NULL) return NULL;
        (void)take_units(found, count, &first);
    }
    leave_idle(slabs, found);
    mirai__list_prepend(&slabs->small, &found->node);
    *offset = first * UNIT;
    return found;
}

/* ---- large buffers --------------------------------------------------------------------------- */

/* One that is idle may be a quarter too large. */
static slab *take_large(mirai__slabs *slabs, size_t size)
{
    size_t least = (size + PAGE - 1) / PAGE * PAGE, most = least + least / 4;
    slab *found = NULL;
    for (mirai__list *at = slabs->idle.next; at != &slabs->idle && found == NULL; at = at->next) {
        slab *candidate = mirai__list_entry(at, slab, node);
        if (!candidate->is_small && candidate->size >= least && candidate->size <= most) found = candidate;
    }
    if (found == NULL) found = grow(slabs, least, false);
    if (found != NULL) leave_idle(slabs, found);
    return found;
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* The last count of a buffer is gone. */
static void give_back(void *object, void *data, size_t size)
{
    slab *from = object;
    mirai__slabs *slabs = from->slabs;
    if (mirai__forked()) return;
    mirai__list doomed;
    mirai__list_init(&doomed);
    (void)pthread_mutex_lock(&slabs->lock);
    if (from->is_small) {
        size_t first = (size_t)((uint8_t *)data - from->base) / UNIT;
        memset(from->taken + first, 0, (size + UNIT - 1) / UNIT);
    }
    if (--from->buffers == 0) {
        mirai__list_remove(&from->node);
        mirai__list_prepend(&slabs->idle, &from->node);
        slabs->idle_bytes += from->size;
        evict(slabs, slabs->closed ? 0 : slabs->budget / IDLE_PART, &doomed);
    }
    (void)pthread_mutex_unlock(&slabs->lock);
    destroy(&doomed);
    mirai__slabs_unref(slabs);
}

/* NULL: it has to be on the heap. */
static mirai_buffer *born_in(mirai__slabs *slabs, size_t size, bool zero)
{
    if (slabs == NULL || size < MIRAI__SLAB_MIN || size > slabs->budget || mirai__forked()) return NULL;
    size_t offset = 0;
    (void)pthread_mutex_lock(&slabs->lock);
    slab *from = size <= SMALL_MAX ? take_small(slabs, size, &offset) : take_large(slabs, size);
    bool is_used = from != NULL && from->is_used;
    if (from != NULL) {
        from->buffers++;
        from->is_used = true;
        (void)mirai__slabs_ref(slabs);
    }
    (void)pthread_mutex_unlock(&slabs->lock);
    if (from == NULL) return NULL;
    if (zero && is_used) memset(from->base + offset, 0, size);
    mirai_buffer *buffer = mirai__buffer_over(from->base + offset, size, give_back, from);
    if (buffer == NULL) give_back(from, from->base + offset, size);
    return buffer;
}

mirai_buffer *mirai__slabs_buffer(mirai__slabs *slabs, size_t size)
{
    mirai_buffer *buffer = born_in(slabs, size, false);
    return buffer != NULL ? buffer : mirai__buffer_alloc(size);
}

mirai_buffer *mirai__slabs_buffer_zero(mirai__slabs *slabs, size_t size)
{
    mirai_buffer *buffer = born_in(slabs, size, true);
    return buffer != NULL ? buffer : mirai__buffer_zero(size);
}

bool mirai__slabs_find(const mirai__slabs *slabs, const mirai_buffer *buffer, mirai__slab_place *out)
{
    const slab *in = slabs != NULL ? mirai__buffer_origin(buffer, give_back) : NULL;
    if (in == NULL || in->slabs != slabs) return false;
    size_t offset = (size_t)((const uint8_t *)mirai_buffer_data(buffer) - in->base);
    *out = (mirai__slab_place){.slab = in->id, .fd = in->fd, .offset = offset};
    return true;
}

uint64_t mirai__slabs_dropped(const mirai__slabs *slabs)
{
    return atomic_load_explicit(&slabs->dropped, memory_order_acquire);
}

bool mirai__slabs_has(mirai__slabs *slabs, uint64_t id)
{
    (void)pthread_mutex_lock(&slabs->lock);
    bool has = mirai__map_get(&slabs->by_id, id) != NULL;
    (void)pthread_mutex_unlock(&slabs->lock);
    return has;
}

void mirai__slabs_count(mirai__slabs *slabs, uint64_t *bytes, uint64_t *idle)
{
    (void)pthread_mutex_lock(&slabs->lock);
    *bytes = slabs->bytes;
    *idle = slabs->idle_bytes;
    (void)pthread_mutex_unlock(&slabs->lock);
}
