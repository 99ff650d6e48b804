/*
 * buffer_table: the buffers of a message being built (buffer_table.h). Owned by the encoder, on its
 * thread.
 */
#include <stdint.h>
#include <string.h>

#include "buffer_private.h"
#include "buffer_table.h"
#include "detail.h"
#include "grow.h"
#include "message_limits.h"

/* What stands behind a buffer of the table. */
typedef struct mirai__window {
    const void *data; /* NULL: cannot occur again */
    size_t size;
    mirai_buffer *source;    /* owned; NULL where the entry itself keeps the bytes alive */
    mirai__segment *segment; /* owned; of the first buffer of a splice */
    size_t next;             /* place plus one of the next window that starts at the same address */
} mirai__window;

void mirai__buffer_table_init(mirai__buffer_table *table, bool copies, mirai__slabs *slabs)
{
    memset(table, 0, sizeof *table);
    table->copies = copies;
    table->slabs = slabs;
    mirai__map_init(&table->by_data);
    mirai__map_init(&table->by_segment);
}

void mirai__buffer_table_fini(mirai__buffer_table *table)
{
    if (!table->buffers) return; /* the first thing that is made */
    for (size_t i = 0; i < table->count; i++) {
        mirai_buffer_release(table->buffers[i]);
        mirai_buffer_release(table->windows[i].source);
        mirai__segment_release(table->windows[i].segment);
    }
    mirai__free(table->buffers);
    mirai__free(table->windows);
    mirai__map_fini(&table->by_data);
    mirai__map_fini(&table->by_segment);
    mirai__buffer_table_init(table, table->copies, table->slabs);
}

static uint64_t key_of(const void *address)
{
    return (uint64_t)(uintptr_t)address;
}

/* Maps keep no NULL: place 0 is kept as 1. */
static void *kept(size_t place)
{
    return (void *)(uintptr_t)(place + 1);
}

/* Takes buffer. All else of the window is the caller's to set. */
static mirai_status append(mirai__buffer_table *table, mirai_buffer *buffer)
{
    if (!buffer) return MIRAI_E_NOMEM;
    size_t size = mirai_buffer_size(buffer);
    mirai_status status = MIRAI_OK;
    if (table->count >= mirai__limits_local.buffers) {
        status = mirai__fail(MIRAI_E_LIMIT, "a message has more than %u buffers",
                             (unsigned)mirai__limits_local.buffers);
    } else if (size > mirai__limits_local.buffer_bytes - table->size) {
        status = mirai__fail(MIRAI_E_LIMIT, "the buffers of a message hold more than %llu bytes",
                             (unsigned long long)mirai__limits_local.buffer_bytes);
    }
    if (!status) status = mirai__grow(table->buffers, table->capacity, table->count);
    if (!status) status = mirai__grow(table->windows, table->window_capacity, table->count);
    if (status) {
        mirai_buffer_release(buffer);
        return status;
    }
    table->windows[table->count] = (mirai__window){0};
    table->buffers[table->count++] = buffer;
    table->size += size;
    return MIRAI_OK;
}

/* Whether it lies in the slabs, whole, and nobody else will hold it: it need not be copied to be isolated. */
static bool moves(const mirai__buffer_table *table, const mirai_buffer *buffer, size_t size, bool given)
{
    mirai__slab_place place;
    return given && size == mirai_buffer_size(buffer) && mirai__buffer_is_sole(buffer) &&
           mirai__slabs_find(table->slabs, buffer, &place);
}

static mirai_buffer *buffer_for(const mirai__buffer_table *table, mirai_buffer *buffer,
                                size_t offset, size_t size, bool given)
{
    bool is_large = table->slabs != NULL && size >= MIRAI__SLAB_MIN;
    if (moves(table, buffer, size, given)) return mirai_buffer_ref(buffer);
    if (table->copies || is_large) {
        mirai_buffer *copy = mirai__slabs_buffer(table->slabs, size);
        if (!copy) return NULL;
        memcpy(mirai__buffer_bytes(copy), (const char *)mirai_buffer_data(buffer) + offset, size);
        mirai__buffer_freeze(copy);
        return copy;
    }
    if (size == mirai_buffer_size(buffer)) return mirai_buffer_ref(buffer);
    return mirai_buffer_slice(buffer, offset, size);
}

mirai_status mirai__buffer_table_add(mirai__buffer_table *table, mirai_buffer *buffer,
                                     size_t offset, size_t size, bool given, size_t *place)
{
    const char *data = (const char *)mirai_buffer_data(buffer) + offset;
    size_t first = (size_t)(uintptr_t)mirai__map_get(&table->by_data, key_of(data));
    for (size_t at = first; at != 0; at = table->windows[at - 1].next) {
        if (table->windows[at - 1].size == size) {
            *place = at - 1;
            return MIRAI_OK;
        }
    }
    MIRAI_TRY(append(table, buffer_for(table, buffer, offset, size, given)));
    *place = table->count - 1;
    table->windows[*place] = (mirai__window){
        .data = data,
        .size = size,
        .source = table->buffers[*place] != buffer ? mirai_buffer_ref(buffer) : NULL,
        .next = first,
    };
    return mirai__map_put(&table->by_data, key_of(data), kept(*place));
}

mirai_status mirai__buffer_table_take(mirai__buffer_table *table, mirai_buffer *buffer,
                                      size_t *place)
{
    MIRAI_TRY(append(table, buffer));
    *place = table->count - 1;
    return MIRAI_OK;
}

mirai_status mirai__buffer_table_splice(mirai__buffer_table *table, mirai__segment *segment,
                                        size_t *first)
{
    *first = 0;
    if (segment->count == 0) return MIRAI_OK;
    size_t known = (size_t)(uintptr_t)mirai__map_get(&table->by_segment, key_of(segment));
    if (known != 0) {
        *first = known - 1;
        return MIRAI_OK;
    }
    *first = table->count;
    for (size_t i = 0; i < segment->count; i++) {
        MIRAI_TRY(append(table, mirai_buffer_ref(mirai__segment_buffers(segment)[i])));
    }
    table->windows[*first].segment = mirai__segment_ref(segment);
    return mirai__map_put(&table->by_segment, key_of(segment), kept(*first));
}

mirai__segment *mirai__buffer_table_segment(mirai__buffer_table *table, const mirai__bytes *body)
{
    for (size_t i = 0; i < table->count; i++) mirai_buffer_ref(table->buffers[i]);
    mirai__segment *segment = mirai__segment_new(body->data, body->size, table->buffers, table->count);
    mirai__buffer_table_fini(table);
    return segment;
}
