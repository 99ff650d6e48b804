/*
 * slabs: the memory in which buffers are born that other processes are to read in place. A slab is one piece of
 * shared memory: one of 4 MiB holds many buffers of up to 1 MiB, a larger buffer has one of its own. Slabs without
 * buffers are kept warm, up to a bound, since fresh pages cost ten times what it takes to fill them.
 *
 * Any thread. Each set has a lock, under which nothing else is called. A set lives as long as its owner or one of
 * its buffers holds it.
 */
#ifndef MIRAI__SLABS_H
#define MIRAI__SLABS_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer_private.h"

/* Buffers below this size are not worth it: they are born on the heap, and their bytes travel. */
#define MIRAI__SLAB_MIN ((size_t)32768)

typedef struct mirai__slabs mirai__slabs;

/* Where a buffer lies. */
typedef struct mirai__slab_place {
    uint64_t slab;   /* never reused in its set; 0: in none */
    int fd;          /* its memory; borrowed, good while the buffer lives */
    uint64_t offset; /* in bytes */
} mirai__slab_place;

/* A set that takes at most `budget` bytes, of which those without buffers are at most a quarter. NULL: no memory. */
mirai__slabs *mirai__slabs_new(uint64_t budget);
/* What a host gives to a pool's requests: a quarter of the memory that there is; and a daemon to its results. */
uint64_t mirai__slabs_budget(void);
uint64_t mirai__slabs_budget_of_daemon(void);
/* Nothing is born in it any more. What has no buffers goes now, the rest with its last buffer. NULL is allowed. */
void mirai__slabs_shut(mirai__slabs *slabs);
void mirai__slabs_close(mirai__slabs *slabs); /* that, and one hold less */
/* Holds on the set alone. NULL is allowed. */
mirai__slabs *mirai__slabs_ref(mirai__slabs *slabs);
void mirai__slabs_unref(mirai__slabs *slabs);

/* An open, *uninitialised* buffer: in a slab, or, where it is small, or the budget is used up, or `slabs` is NULL, on
 * the heap. NULL: no memory. */
mirai_buffer *mirai__slabs_buffer(mirai__slabs *slabs, size_t size);
/* The same, of zeros. */
mirai_buffer *mirai__slabs_buffer_zero(mirai__slabs *slabs, size_t size);

/* Whether a buffer was born in this set (a slice of one was not). slabs may be NULL. */
bool mirai__slabs_find(const mirai__slabs *slabs, const mirai_buffer *buffer, mirai__slab_place *out);
/* How many slabs are gone for good: a hint to ask for those that one knows. */
uint64_t mirai__slabs_dropped(const mirai__slabs *slabs);
bool mirai__slabs_has(mirai__slabs *slabs, uint64_t slab);
/* Bytes of all its slabs, and of those without buffers. */
void mirai__slabs_count(mirai__slabs *slabs, uint64_t *bytes, uint64_t *idle);

/* ---- whose buffers are born where ---- */

/* Buffers made for `owner` (a pool; NULL: for nobody in particular) are born in this set, which is held until it is
 * unbound. E_NOMEM. */
mirai_status mirai__slabs_bind(const void *owner, mirai__slabs *slabs);
void mirai__slabs_unbind(const void *owner);
/* Owned; NULL: nothing is bound. The pointer is compared, and not followed. */
mirai__slabs *mirai__slabs_of(const void *owner);

#endif
