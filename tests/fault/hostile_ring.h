/*
 * hostile_ring: a stream over rings in shared memory, by hand from src/wire/FORMAT.md, for a daemon that lies.
 */
#ifndef HOSTILE_RING_H
#define HOSTILE_RING_H

#include <stdbool.h>
#include <stddef.h>

/* Take the host's offer, if there is one in the socket. One per process. */
bool hostile_ring_open(int fd);
bool hostile_ring_is_open(int fd);
/* Blocking; false at the end. */
bool hostile_ring_put(const void *data, size_t size);
bool hostile_ring_get(void *data, size_t size);
/* Lies that only a ring can tell; false: there is no such mode, or no ring. */
bool hostile_ring_lie(const char *mode);

#endif
