/*
 * shared_memory: memory that one process makes and others map to read it: a sealed memfd. It is there in full from
 * the start and can never change its size, so that touching it later cannot fail in either process. Only who made it
 * can write to it (but on kernels before 5.1). Stateless; any thread.
 */
#ifndef MIRAI__SHARED_MEMORY_H
#define MIRAI__SHARED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <miraicore/error.h>

/* What all such memory begins as: a memfd of this size, with all its pages, not sealed yet. A descriptor (CLOEXEC), or
 * -errno. */
int mirai__shared_memory_file(const char *name, size_t size);
/* Zeros, mapped to be written. size is a multiple of the page's. False: there is none to be had; no detail text. */
bool mirai__shared_memory_make(size_t size, int *fd, uint8_t **base);
/* Map what another process has made; borrows fd. E_PROTOCOL when it is something else; E_NOMEM. */
mirai_status mirai__shared_memory_attach(int fd, size_t most, size_t *size, const uint8_t **base);
void mirai__shared_memory_unmap(const void *base, size_t size);

#endif
