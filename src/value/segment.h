/*
 * segment: one encoded message: a body of CBOR and the buffers that it refers to by index. Counted and
 * immutable. It is what travels in a frame, what is kept for a retry, and, as a value of an internal type,
 * what is spliced into another message without being decoded. One block with the body at its end, so that a
 * small message is one allocation.
 */
#ifndef MIRAI__SEGMENT_H
#define MIRAI__SEGMENT_H

#include <stdbool.h>

#include <miraicore/value.h>

typedef struct mirai__segment {
    _Atomic int32_t references;
    uint32_t count;         /* of buffers */
    size_t body_size;
    mirai_value *keeps;     /* owned; a list of memory in common, which is to be there until it was read; does not travel. NULL: none */
    uint8_t body[];         /* and behind it, in the same block, the buffers */
} mirai__segment;

/* Its buffers, owned and frozen; good to look at if there are any. Where they begin is not kept: many segments wait. */
static inline mirai_buffer **mirai__segment_buffers(const mirai__segment *segment)
{
    const size_t unit = sizeof(mirai_buffer *);
    size_t size = sizeof(mirai__segment) + segment->body_size;
    return (mirai_buffer **)((uintptr_t)segment + (size + unit - 1) / unit * unit);
}

/* Copies the body. Takes each of buffers, also on failure (NULL: no memory); the array itself is borrowed. */
mirai__segment *mirai__segment_new(const void *body, size_t body_size, mirai_buffer *const *buffers, size_t count);
/* One to be filled before anybody else sees it: the body is uninitialised, and of `room` buffers there are none:
 * whoever adds one freezes it and counts it. */
mirai__segment *mirai__segment_alloc(size_t body_size, size_t room);
/* One with copies of the buffers, but for those that `stays` (NULL: none) picks out. NULL: no memory. */
mirai__segment *mirai__segment_copy(const mirai__segment *segment, bool (*stays)(const mirai_buffer *buffer));
mirai__segment *mirai__segment_ref(mirai__segment *segment);
void mirai__segment_release(mirai__segment *segment); /* NULL is allowed */
/* Keep of what another one keeps that which its body names, too. Whoever else has it must not look at that meanwhile.
 * Without memory it keeps nothing. */
void mirai__segment_keep(mirai__segment *segment, const mirai__segment *other);
/* The same, of all that the other one keeps: it will be read with that. */
void mirai__segment_keep_all(mirai__segment *segment, const mirai__segment *other);
size_t mirai__segment_size(const mirai__segment *segment); /* bytes of body and buffers */

#endif
