/*
 * segment: one encoded message: a body of CBOR and the buffers that it refers to by index. Counted and
 * immutable. It is what travels in a frame, what is kept for a retry, and, as a value of an internal type,
 * what is spliced into another message without being decoded.
 */
#ifndef MIRAI__SEGMENT_H
#define MIRAI__SEGMENT_H

#include <miraicore/value.h>

typedef struct mirai__segment {
    _Atomic int64_t references;
    mirai_buffer *body;     /* owned, frozen */
    size_t count;           /* of buffers */
    mirai_buffer *buffers[]; /* owned, frozen */
} mirai__segment;

/* Takes body and each of buffers, also on failure (NULL: no memory). The array itself is borrowed. */
mirai__segment *mirai__segment_new(mirai_buffer *body, mirai_buffer *const *buffers, size_t count);
mirai__segment *mirai__segment_ref(mirai__segment *segment);
void mirai__segment_release(mirai__segment *segment); /* NULL is allowed */
size_t mirai__segment_size(const mirai__segment *segment); /* bytes of body and buffers */

#endif
