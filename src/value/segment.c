/*
 * segment: counting one encoded message and letting go of its buffers. Any thread; no lock: the
 * count is atomic, all else never changes.
 */
#include "segment.h"

#include <stdatomic.h>
#include <stdint.h>

#include "alloc.h"
#include "buffer_private.h"
#include "detail.h"

static mirai__segment *segment_alloc(mirai_buffer *body, mirai_buffer *const *buffers, size_t count)
{
    if (!body) {
        mirai__fail(MIRAI_E_INVALID, "a segment has no body");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (buffers && buffers[i]) continue;
        mirai__fail(MIRAI_E_INVALID, "buffer %zu of a segment is missing", i);
        return NULL;
    }
    size_t size;
    if (__builtin_mul_overflow(count, sizeof(mirai_buffer *), &size) ||
        __builtin_add_overflow(size, sizeof(mirai__segment), &size)) {
        mirai__fail(MIRAI_E_NOMEM, "a segment of %zu buffers", count);
        return NULL;
    }
    return mirai__alloc(size);
}

mirai__segment *mirai__segment_new(mirai_buffer *body, mirai_buffer *const *buffers, size_t count)
{
    mirai__segment *segment = segment_alloc(body, buffers, count);
    if (!segment) {
        mirai_buffer_release(body);
        for (size_t i = 0; buffers && i < count; i++) mirai_buffer_release(buffers[i]);
        return NULL;
    }
    atomic_init(&segment->references, 1);
    segment->body = body;
    segment->count = count;
    mirai__buffer_freeze(body);
    for (size_t i = 0; i < count; i++) {
        segment->buffers[i] = buffers[i];
        mirai__buffer_freeze(buffers[i]);
    }
    return segment;
}

mirai__segment *mirai__segment_ref(mirai__segment *segment)
{
    if (segment) atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
    return segment;
}

void mirai__segment_release(mirai__segment *segment)
{
    if (!segment) return;
    if (atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) != 1) return;
    mirai_buffer_release(segment->body);
    for (size_t i = 0; i < segment->count; i++) mirai_buffer_release(segment->buffers[i]);
    mirai__free(segment);
}

size_t mirai__segment_size(const mirai__segment *segment)
{
    if (!segment) return 0;
    size_t size = mirai_buffer_size(segment->body);
    for (size_t i = 0; i < segment->count; i++) size += mirai_buffer_size(segment->buffers[i]);
    return size;
}
