/*
 * segment: making and counting encoded messages, and letting go of their buffers. Any thread; no lock: the
 * count is atomic, all else never changes.
 */
#include "segment.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "alloc.h"
#include "buffer_private.h"
#include "common_memory.h"
#include "detail.h"
#include "registry.h"

mirai__segment *mirai__segment_alloc(size_t body_size, size_t room)
{
    const size_t unit = sizeof(mirai_buffer *);
    size_t size, table;
    if (room > UINT32_MAX || __builtin_add_overflow(body_size, sizeof(mirai__segment) + unit - 1, &size) ||
        __builtin_mul_overflow(room, unit, &table) ||
        __builtin_add_overflow(size / unit * unit, table, &table)) {
        mirai__fail(MIRAI_E_NOMEM, "a segment of %zu bytes and %zu buffers", body_size, room);
        return NULL;
    }
    mirai__segment *segment = mirai__alloc(room == 0 ? sizeof *segment + body_size : table);
    if (!segment) return NULL;
    atomic_init(&segment->references, 1);
    segment->count = 0;
    segment->keeps = NULL;
    segment->body_size = body_size;
    return segment;
}

static mirai__segment *segment_make(const void *body, size_t body_size, mirai_buffer *const *buffers,
                                    size_t count)
{
    if (!body && body_size > 0) {
        mirai__fail(MIRAI_E_INVALID, "a segment has no body");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (buffers && buffers[i]) continue;
        mirai__fail(MIRAI_E_INVALID, "buffer %zu of a segment is missing", i);
        return NULL;
    }
    return mirai__segment_alloc(body_size, count);
}

mirai__segment *mirai__segment_new(const void *body, size_t body_size, mirai_buffer *const *buffers, size_t count)
{
    mirai__segment *segment = segment_make(body, body_size, buffers, count);
    if (!segment) {
        for (size_t i = 0; buffers && i < count; i++) mirai_buffer_release(buffers[i]);
        return NULL;
    }
    if (body_size > 0) memcpy(segment->body, body, body_size);
    for (size_t i = 0; i < count; i++) {
        mirai__buffer_freeze(buffers[i]);
        mirai__segment_buffers(segment)[segment->count++] = buffers[i];
    }
    return segment;
}

mirai__segment *mirai__segment_copy(const mirai__segment *segment, bool (*stays)(const mirai_buffer *buffer))
{
    mirai__segment *copy = mirai__segment_alloc(segment->body_size, segment->count);
    if (!copy) return NULL;
    memcpy(copy->body, segment->body, segment->body_size);
    copy->keeps = mirai_value_ref(segment->keeps);
    for (uint32_t i = 0; i < segment->count; i++) {
        mirai_buffer *buffer = mirai__segment_buffers(segment)[i];
        mirai_buffer *own = stays && stays(buffer) ? mirai_buffer_ref(buffer)
                                          : mirai_buffer_copy(mirai_buffer_data(buffer), mirai_buffer_size(buffer));
        if (!own) {
            mirai__segment_release(copy);
            return NULL;
        }
        mirai__buffer_freeze(own);
        mirai__segment_buffers(copy)[copy->count++] = own;
    }
    return copy;
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
    for (size_t i = 0; i < segment->count; i++) mirai_buffer_release(mirai__segment_buffers(segment)[i]);
    mirai_value_release(segment->keeps);
    mirai__free(segment);
}

/* The name of memory in common has a token that nothing else has. */
static bool is_named(const mirai__segment *segment, const mirai_value *reference)
{
    const void *token = mirai__common_token(mirai_value_object(reference, MIRAI__CLASS_COMMON));
    return memmem(segment->body, segment->body_size, token, MIRAI__COMMON_TOKEN) != NULL;
}

static bool is_among(mirai_value *const *items, size_t count, const mirai_value *reference)
{
    const void *object = mirai_value_object(reference, NULL);
    for (size_t i = 0; i < count; i++)
        if (mirai_value_object(items[i], NULL) == object) return true;
    return false;
}

static void keep(mirai__segment *segment, const mirai__segment *other, bool all)
{
    size_t own = mirai_value_count(segment->keeps), more = mirai_value_count(other->keeps), count = 0;
    if (more == 0) return;
    mirai_value **items = mirai__alloc_zero(own + more, sizeof *items);
    for (size_t i = 0; items && i < own + more; i++) {
        const mirai_value *each = i < own ? mirai_value_item(segment->keeps, i) : mirai_value_item(other->keeps, i - own);
        if (i < own || ((all || is_named(segment, each)) && !is_among(items, count, each)))
            items[count++] = mirai_value_ref((mirai_value *)(uintptr_t)each);
    }
    mirai_value_release(segment->keeps);
    segment->keeps = count > 0 ? mirai_list(items, count) : NULL;
    mirai__free(items);
}

void mirai__segment_keep(mirai__segment *segment, const mirai__segment *other)
{
    keep(segment, other, false);
}

void mirai__segment_keep_all(mirai__segment *segment, const mirai__segment *other)
{
    keep(segment, other, true);
}

size_t mirai__segment_size(const mirai__segment *segment)
{
    if (!segment) return 0;
    size_t size = segment->body_size;
    for (size_t i = 0; i < segment->count; i++) size += mirai_buffer_size(mirai__segment_buffers(segment)[i]);
    return size;
}
