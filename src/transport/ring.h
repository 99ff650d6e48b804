/*
 * ring: a fixed block of bytes, filled at one end and emptied at the other. One side may copy into
 * the room while the other copies out of what is filled, without a lock; the four functions need
 * the owner's lock.
 */
#ifndef MIRAI__RING_H
#define MIRAI__RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <miraicore/error.h>

typedef struct mirai__ring {
    uint8_t *data;
    size_t size, head, used;
} mirai__ring;

mirai_status mirai__ring_init(mirai__ring *ring, size_t size);
void mirai__ring_fini(mirai__ring *ring);
/* What is filled, or the room that is left, as 0 to 2 vectors; returns how many. */
int mirai__ring_filled(const mirai__ring *ring, struct iovec out[2]);
int mirai__ring_room(const mirai__ring *ring, struct iovec out[2]);
/* size bytes of the room have been filled; size filled bytes have been used. */
void mirai__ring_put(mirai__ring *ring, size_t size);
void mirai__ring_take(mirai__ring *ring, size_t size);

#endif
