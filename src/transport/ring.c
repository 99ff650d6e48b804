/*
 * ring: see ring.h. Guarded by its owner's lock.
 */
#include "ring.h"

#include "alloc.h"

mirai_status mirai__ring_init(mirai__ring *ring, size_t size)
{
    uint8_t *data = mirai__alloc(size);
    if (data == NULL) return MIRAI_E_NOMEM;
    *ring = (mirai__ring){.data = data, .size = size};
    return MIRAI_OK;
}

void mirai__ring_fini(mirai__ring *ring)
{
    mirai__free(ring->data);
}

/* `size` bytes from `start`, in two pieces where they pass the end of the block. */
static int pieces(const mirai__ring *ring, size_t start, size_t size, struct iovec out[2])
{
    if (size == 0) return 0;
    if (start >= ring->size) start -= ring->size;
    size_t first = ring->size - start;
    if (first > size) first = size;
    out[0] = (struct iovec){.iov_base = ring->data + start, .iov_len = first};
    if (first == size) return 1;
    out[1] = (struct iovec){.iov_base = ring->data, .iov_len = size - first};
    return 2;
}

int mirai__ring_filled(const mirai__ring *ring, struct iovec out[2])
{
    return pieces(ring, ring->head, ring->used, out);
}

int mirai__ring_room(const mirai__ring *ring, struct iovec out[2])
{
    return pieces(ring, ring->head + ring->used, ring->size - ring->used, out);
}

void mirai__ring_put(mirai__ring *ring, size_t size)
{
    ring->used += size;
}

void mirai__ring_take(mirai__ring *ring, size_t size)
{
    ring->used -= size;
    ring->head += size;
    if (ring->head >= ring->size) ring->head -= ring->size;
}
