/*
 * private_view: memory that another process made and this one may write to, so that nobody else sees it: a mapping
 * that copies a page when it is first written. There is one of a slab at most, and one buffer at a time lies in it.
 * It is kept when that buffer is gone, since its pages are mapped then and the next one finds them warm; but those
 * that were written are dropped first, for they would show the past.
 *
 * Any thread: whoever has taken a view has it alone.
 */
#ifndef MIRAI__PRIVATE_VIEW_H
#define MIRAI__PRIVATE_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Smaller buffers are copied: that takes no longer. */
#define MIRAI__VIEW_MIN ((size_t)1 << 19)

typedef struct mirai__view {
    atomic_bool taken;
    int fd;        /* until it is mapped; -1: not any more, or never */
    uint8_t *base; /* NULL: not mapped */
    size_t size;
} mirai__view;

/* Of all of that memory. Takes fd, which is kept only if it is worth it, and few are. */
void mirai__view_init(mirai__view *view, int fd, size_t size);
void mirai__view_fini(mirai__view *view);
/* The memory, until it is left. NULL: it is taken, or cannot be had. */
uint8_t *mirai__view_take(mirai__view *view);
/* So many bytes from there on may have been written, and no others. They are as they were when this returns. */
void mirai__view_leave(mirai__view *view, const uint8_t *data, size_t size);

#endif
