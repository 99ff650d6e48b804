/*
 * frame_reader: bytes in, frames out (frame.h). Owned by one thread or guarded by its owner's lock;
 * no I/O.
 *
 * Bytes land in a staging area, and are copied on from there; only the rest of a large part is
 * received in place. A part of a frame (body, table, buffer) is allocated when its turn has come,
 * after its size was checked, and the memory is touched only as bytes arrive.
 */
#include <string.h>

#include "alloc.h"
#include "buffer_private.h"
#include "compress.h"
#include "detail.h"
#include "frame_private.h"
#include "le.h"

#define STAGE_SIZE ((size_t)16384)
#define IN_PLACE ((size_t)4096) /* from this size on, the rest of a part is received in place */

/* What the bytes that come next belong to. */
typedef enum stage_of { AT_HEADER, AT_BODY, AT_TABLE, AT_BUFFER, AT_END } stage_of;

struct mirai__frame_reader {
    mirai__limits limits;
    mirai__borrow_fn borrow; /* NULL: frames must not refer to buffers */
    void *context;
    mirai_status failed; /* final */
    size_t start, end;   /* bytes in the staging area that nobody has looked at */
    bool is_in_place;    /* what mirai__frame_reader_want() gave last */
    stage_of at;
    mirai__frame_header header;
    /* The part that is being received: */
    mirai_buffer *part; /* owned: the buffer that it will be */
    uint8_t *block;     /* owned: it is compressed, and is received here; else NULL */
    uint8_t *into;
    size_t size, filled;
    /* The frame that is being received: */
    mirai__segment *segment; /* owned; with the buffers that are complete */
    uint8_t *table;          /* owned */
    uint8_t stage[STAGE_SIZE];
};

mirai__frame_reader *mirai__frame_reader_new(const mirai__limits *limits)
{
    mirai__frame_reader *reader = mirai__alloc(sizeof *reader);
    if (!reader) return NULL;
    memset(reader, 0, offsetof(mirai__frame_reader, stage));
    reader->limits = *limits;
    return reader;
}

/* Forget the frame at hand. */
static void clear(mirai__frame_reader *reader)
{
    mirai_buffer_release(reader->part);
    mirai__segment_release(reader->segment);
    mirai__free(reader->block);
    mirai__free(reader->table);
    reader->part = NULL;
    reader->segment = NULL;
    reader->block = reader->table = reader->into = NULL;
    reader->size = reader->filled = 0;
    reader->at = AT_HEADER;
}

void mirai__frame_reader_free(mirai__frame_reader *reader)
{
    if (!reader) return;
    clear(reader);
    mirai__free(reader);
}

void mirai__frame_reader_limit(mirai__frame_reader *reader, const mirai__limits *limits)
{
    reader->limits = *limits;
}

void mirai__frame_reader_borrow(mirai__frame_reader *reader, mirai__borrow_fn borrow, void *context)
{
    reader->borrow = borrow;
    reader->context = context;
}

mirai_status mirai__frame_reader_want(mirai__frame_reader *reader, void **into, size_t *room)
{
    if (reader->failed) return mirai__fail(reader->failed, "the stream has failed before");
    size_t missing = reader->size - reader->filled;
    reader->is_in_place = reader->into && missing >= IN_PLACE && reader->start == reader->end;
    if (reader->is_in_place) {
        *into = reader->into + reader->filled;
        *room = missing;
        return MIRAI_OK;
    }
    if (reader->start > 0) {
        memmove(reader->stage, reader->stage + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (reader->end == STAGE_SIZE) {
        return mirai__fail(MIRAI_E_STATE, "take the frames that have arrived first");
    }
    *into = reader->stage + reader->end;
    *room = STAGE_SIZE - reader->end;
    return MIRAI_OK;
}

void mirai__frame_reader_got(mirai__frame_reader *reader, size_t size)
{
    if (reader->is_in_place) {
        reader->filled += size;
    } else {
        reader->end += size;
    }
}

/* ---- parts
 * --------------------------------------------------------------------------------------- */

/* Memory for the body or the buffer at hand; NULL: there is none. */
static uint8_t *make_part(mirai__frame_reader *reader, uint64_t size)
{
    if (reader->at == AT_BODY) {
        reader->segment = mirai__segment_alloc(size, reader->header.buffers);
        return reader->segment ? reader->segment->body : NULL;
    }
    reader->part = mirai__buffer_alloc(size);
    return reader->part ? mirai__buffer_bytes(reader->part) : NULL;
}

/* Make room for a part of `size` bytes that travels as `stored`. */
static mirai_status begin_part(mirai__frame_reader *reader, uint64_t size, uint64_t stored)
{
    reader->filled = 0;
    reader->size = stored;
    if (stored < size) {
        reader->block = mirai__alloc(stored); /* the part itself: when the block says the same */
        reader->into = reader->block;
    } else {
        reader->into = make_part(reader, size);
    }
    return reader->into ? MIRAI_OK : MIRAI_E_NOMEM;
}

/* The part is complete: inflate it if need be. */
static mirai_status end_part(mirai__frame_reader *reader, uint64_t size)
{
    if (reader->block) {
        MIRAI_TRY(mirai__inflate_check(reader->block, reader->size, size));
        uint8_t *into = make_part(reader, size);
        if (!into) return MIRAI_E_NOMEM;
        MIRAI_TRY(mirai__inflate(reader->block, reader->size, into, size));
        mirai__free(reader->block);
        reader->block = NULL;
    }
    reader->into = NULL;
    reader->size = reader->filled = 0;
    return MIRAI_OK;
}

/* Size and stored size of a buffer by the table. */
static void read_entry(const mirai__frame_reader *reader, size_t index, uint64_t *size,
                       uint64_t *stored)
{
    const uint8_t *entry = reader->table + index * mirai__frame_entry_size(&reader->header);
    *size = mirai__load_le64(entry);
    *stored = mirai__frame_entry_size(&reader->header) == 16 ? mirai__load_le64(entry + 8) : *size;
}

/* Where a buffer lies, if it does not travel. */
static mirai__lent read_lent(const mirai__frame_reader *reader, size_t index)
{
    if (!(reader->header.flags & MIRAI__FRAME_LENT)) return (mirai__lent){0};
    const uint8_t *entry = reader->table + index * mirai__frame_entry_size(&reader->header);
    return (mirai__lent){.slab = mirai__load_le64(entry + 8),
                         .offset = mirai__load_le64(entry + 16),
                         .lease = mirai__load_le64(entry + 24)};
}

static mirai_status begin_table(mirai__frame_reader *reader)
{
    size_t count = reader->header.buffers;
    reader->size = count * mirai__frame_entry_size(&reader->header);
    reader->filled = 0;
    reader->table = mirai__alloc(reader->size);
    reader->into = reader->table;
    return reader->table ? MIRAI_OK : MIRAI_E_NOMEM;
}

static mirai_status check_table(mirai__frame_reader *reader)
{
    uint64_t left = reader->header.buffer_size;
    for (size_t i = 0; i < reader->header.buffers; i++) {
        uint64_t size, stored;
        read_entry(reader, i, &size, &stored);
        if (size > left || stored > size || (stored == 0 && size > 0)) {
            return mirai__fail(MIRAI_E_PROTOCOL,
                               "buffer %zu of a frame has %llu bytes, stored in %llu", i,
                               (unsigned long long)size, (unsigned long long)stored);
        }
        left -= size;
    }
    if (left == 0) return MIRAI_OK;
    return mirai__fail(MIRAI_E_PROTOCOL, "the buffers of a frame are smaller than its header says");
}

/* ---- stages
 * -------------------------------------------------------------------------------------- */

static mirai_status begin_buffer(mirai__frame_reader *reader)
{
    mirai__segment *segment = reader->segment;
    for (; segment->count < reader->header.buffers; segment->count++) {
        uint64_t size, stored;
        read_entry(reader, segment->count, &size, &stored);
        mirai__lent lent = read_lent(reader, segment->count);
        if (lent.slab == 0) {
            reader->at = AT_BUFFER;
            return begin_part(reader, size, stored);
        }
        MIRAI_TRY(reader->borrow(reader->context, &lent, size, &mirai__segment_buffers(segment)[segment->count]));
        mirai__buffer_freeze(mirai__segment_buffers(segment)[segment->count]);
    }
    reader->at = AT_END;
    return MIRAI_OK;
}

static mirai_status after_body(mirai__frame_reader *reader)
{
    if (reader->header.buffers == 0) {
        reader->at = AT_END;
        return MIRAI_OK;
    }
    reader->at = AT_TABLE;
    return begin_table(reader);
}

/* The header lies whole in the staging area. */
static mirai_status read_header(mirai__frame_reader *reader)
{
    mirai__frame_header *header = &reader->header;
    MIRAI_TRY(mirai__frame_header_read(reader->stage + reader->start, &reader->limits, header));
    reader->start += MIRAI__FRAME_HEADER_SIZE;
    if ((header->flags & MIRAI__FRAME_LENT) && !reader->borrow) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a frame refers to memory that was not passed");
    }
    if (header->buffers == 0 && header->buffer_size > 0) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a frame announces bytes of no buffers");
    }
    if (header->body_size == 0) {
        reader->at = AT_END;
        return MIRAI_OK;
    }
    reader->at = AT_BODY;
    return begin_part(reader, header->body_size, header->body_stored);
}

/* The part at hand is complete: put it where it belongs, and begin the next. */
static mirai_status end_stage(mirai__frame_reader *reader)
{
    uint64_t size, stored;
    switch (reader->at) {
    case AT_BODY:
        MIRAI_TRY(end_part(reader, reader->header.body_size));
        return after_body(reader);
    case AT_TABLE:
        MIRAI_TRY(check_table(reader));
        reader->into = NULL;
        reader->size = reader->filled = 0;
        return begin_buffer(reader);
    default:
        read_entry(reader, reader->segment->count, &size, &stored);
        MIRAI_TRY(end_part(reader, size));
        mirai__buffer_freeze(reader->part);
        mirai__segment_buffers(reader->segment)[reader->segment->count++] = reader->part;
        reader->part = NULL;
        return begin_buffer(reader);
    }
}

/* Copy what the staging area has of the part at hand. */
static void fill(mirai__frame_reader *reader)
{
    size_t missing = reader->size - reader->filled;
    size_t there = reader->end - reader->start;
    size_t size = missing < there ? missing : there;
    if (size > 0) memcpy(reader->into + reader->filled, reader->stage + reader->start, size);
    reader->filled += size;
    reader->start += size;
}

/* E_AGAIN, a failure, or OK: one step nearer to the end of the frame. */
static mirai_status step(mirai__frame_reader *reader)
{
    if (reader->at == AT_HEADER) {
        if (reader->end - reader->start < MIRAI__FRAME_HEADER_SIZE) return MIRAI_E_AGAIN;
        return read_header(reader);
    }
    fill(reader);
    if (reader->filled < reader->size) return MIRAI_E_AGAIN;
    return end_stage(reader);
}

/* Hand over the complete frame. */
static void finish(mirai__frame_reader *reader, mirai__frame *out)
{
    const mirai__frame_header *header = &reader->header;
    *out = (mirai__frame){
        .kind = header->kind,
        .aux = header->aux,
        .task = header->task,
        .attempt = header->attempt,
        .incarnation = header->incarnation,
        .segment = reader->segment,
    };
    reader->segment = NULL;
    mirai__free(reader->table); /* and nothing else is left of it */
    reader->table = NULL;
    reader->at = AT_HEADER;
}

mirai_status mirai__frame_reader_next(mirai__frame_reader *reader, mirai__frame *out)
{
    if (reader->failed) return mirai__fail(reader->failed, "the stream has failed before");
    mirai_status status = MIRAI_OK;
    while (status == MIRAI_OK && reader->at != AT_END) status = step(reader);
    if (status == MIRAI_OK) finish(reader, out);
    if (status == MIRAI_OK || status == MIRAI_E_AGAIN) return status;
    clear(reader);
    reader->failed = status;
    return status;
}
