/*
 * alloc: all memory of the library's own comes from here, with overflow-checked sizes and a fault point
 * at each allocation (fault.h). Every function returns NULL after setting the detail text.
 * Any thread; no lock.
 */
#ifndef MIRAI__ALLOC_H
#define MIRAI__ALLOC_H

#include <stddef.h>

void *mirai__alloc(size_t size);                            /* uninitialised; size 0 gives a unique pointer */
void *mirai__alloc_zero(size_t count, size_t size);         /* zeroed; the product is checked */
void *mirai__realloc(void *old, size_t count, size_t size); /* old stays valid on failure */
void *mirai__alloc_aligned(size_t size);                    /* MIRAI_BUFFER_ALIGNMENT, uninitialised; free() as usual */
char *mirai__strdup(const char *text);
char *mirai__strndup(const char *text, size_t size); /* copies exactly size bytes and adds a NUL */
char *mirai__format(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
void mirai__free(void *memory);

#endif
