/*
 * buffer_table: the buffers of a message being built. The same bytes (address and size) are entered
 * once, however many buffers and slices show them; what was entered stays alive until the message
 * is done, so that an address cannot come back as other bytes.
 */
#ifndef MIRAI__BUFFER_TABLE_H
#define MIRAI__BUFFER_TABLE_H

#include <stdbool.h>

#include "bytes.h"
#include "map.h"
#include "slabs.h"
#include "segment.h"

typedef struct mirai__buffer_table {
    bool copies; /* every buffer is copied on entry, but for those of spliced segments */
    mirai__slabs *slabs; /* borrowed; where large ones are copied to, if they do not lie there; NULL: nowhere */
    size_t count, capacity, window_capacity;
    uint64_t size;                  /* bytes of all */
    mirai_buffer **buffers;         /* as sent; owned */
    struct mirai__window *windows;  /* where they came from */
    mirai__map by_data, by_segment; /* to place plus one */
} mirai__buffer_table;

void mirai__buffer_table_init(mirai__buffer_table *table, bool copies, mirai__slabs *slabs);
void mirai__buffer_table_fini(mirai__buffer_table *table);
/* A window of a buffer, of at least one byte. Borrows buffer. `given`: whoever holds it lets go of it afterwards. */
mirai_status mirai__buffer_table_add(mirai__buffer_table *table, mirai_buffer *buffer,
                                     size_t offset, size_t size, bool given, size_t *place);
/* A whole buffer that nobody else has. Takes buffer, also on failure. */
mirai_status mirai__buffer_table_take(mirai__buffer_table *table, mirai_buffer *buffer,
                                      size_t *place);
/* All buffers of a segment, in a row from *first. */
mirai_status mirai__buffer_table_splice(mirai__buffer_table *table, mirai__segment *segment,
                                        size_t *first);
/* The segment of `body` (copied) and all buffers. The table is then empty. */
mirai__segment *mirai__buffer_table_segment(mirai__buffer_table *table, const mirai__bytes *body);

#endif
