/*
 * frame_writer: a frame in, bytes out (frame.h). Owned by one thread or guarded by its owner's
 * lock; no I/O. A frame has the parts: header, body, table, then each buffer. Nothing is copied:
 * vectors point to the segment's own bytes, or to what compression made of them.
 */
#include <string.h>

#include "alloc.h"
#include "compress.h"
#include "detail.h"
#include "frame_private.h"
#include "le.h"

enum { PART_HEADER, PART_BODY, PART_TABLE, PART_BUFFERS };

/* A compressed body or buffer. */
typedef struct block {
    void *data; /* owned; NULL: it travels as it is */
    size_t size;
} block;

struct mirai__frame_writer {
    mirai__segment *segment; /* owned; NULL: header only */
    uint8_t *table;          /* owned */
    size_t table_size;
    block body;
    block *buffers;      /* owned; NULL: none is compressed */
    size_t part, offset; /* what comes next */
    size_t left;
    bool is_lent; /* some buffers do not travel */
    uint8_t header[MIRAI__FRAME_HEADER_SIZE];
};

void mirai__frame_writer_free(mirai__frame_writer *writer)
{
    if (!writer) return;
    size_t count = writer->segment ? writer->segment->count : 0;
    for (size_t i = 0; writer->buffers && i < count; i++) mirai__free(writer->buffers[i].data);
    mirai__free(writer->buffers);
    mirai__free(writer->body.data);
    mirai__free(writer->table);
    mirai__segment_release(writer->segment);
    mirai__free(writer);
}

static block compress_part(const void *data, size_t size)
{
    block made = {0};
    made.data = mirai__compress(data, size, &made.size);
    return made;
}

/* Compress what pays. Sets whether anything did; does without compression where memory is short. */
static bool compress_parts(mirai__frame_writer *writer)
{
    const mirai__segment *segment = writer->segment;
    writer->body = compress_part(segment->body, segment->body_size);
    bool is_any = writer->body.data != NULL;
    if (segment->count == 0) return is_any;
    writer->buffers = mirai__alloc_zero(segment->count, sizeof *writer->buffers);
    for (size_t i = 0; writer->buffers && i < segment->count; i++) {
        const mirai_buffer *buffer = mirai__segment_buffers(segment)[i];
        writer->buffers[i] = compress_part(mirai_buffer_data(buffer), mirai_buffer_size(buffer));
        if (writer->buffers[i].data) is_any = true;
    }
    return is_any;
}

/* Whether a buffer lies where the peer can read it, and so does not travel. */
static bool is_lent(const mirai__frame_writer *writer, size_t index)
{
    return writer->is_lent && mirai__load_le64(writer->table + index * 32 + 8) != 0;
}

/* The bytes of a part. */
static struct iovec part_at(const mirai__frame_writer *writer, size_t part)
{
    if (part == PART_HEADER) {
        return (struct iovec){(void *)writer->header, MIRAI__FRAME_HEADER_SIZE};
    }
    if (part == PART_TABLE) return (struct iovec){writer->table, writer->table_size};
    block instead = writer->body;
    if (part >= PART_BUFFERS) {
        if (is_lent(writer, part - PART_BUFFERS)) return (struct iovec){NULL, 0};
        if (writer->buffers) instead = writer->buffers[part - PART_BUFFERS];
    }
    if (instead.data) return (struct iovec){instead.data, instead.size};
    if (part == PART_BODY) return (struct iovec){writer->segment->body, writer->segment->body_size};
    const mirai_buffer *buffer = mirai__segment_buffers(writer->segment)[part - PART_BUFFERS];
    return (struct iovec){(void *)(uintptr_t)mirai_buffer_data(buffer), mirai_buffer_size(buffer)};
}

static size_t part_count(const mirai__frame_writer *writer)
{
    return writer->segment ? PART_BUFFERS + writer->segment->count : PART_BODY;
}

/* The table, and what the header says of sizes. */
static mirai_status write_table(mirai__frame_writer *writer, mirai__frame_header *header,
                                const mirai__lent *lent)
{
    const mirai__segment *segment = writer->segment;
    size_t entry_size = mirai__frame_entry_size(header);
    header->body_size = segment->body_size;
    header->body_stored = part_at(writer, PART_BODY).iov_len;
    header->buffers = segment->count;
    if (segment->count == 0) return MIRAI_OK;
    writer->table_size = segment->count * entry_size;
    writer->table = mirai__alloc(writer->table_size);
    if (!writer->table) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < segment->count; i++) {
        uint64_t size = mirai_buffer_size(mirai__segment_buffers(segment)[i]);
        uint8_t *entry = writer->table + i * entry_size;
        mirai__store_le64(entry, size);
        if (entry_size == 16) {
            mirai__store_le64(entry + 8, part_at(writer, PART_BUFFERS + i).iov_len);
        } else if (lent) {
            mirai__store_le64(entry + 8, lent[i].slab);
            mirai__store_le64(entry + 16, lent[i].offset);
            mirai__store_le64(entry + 24, lent[i].lease);
        }
        header->buffer_size += size;
    }
    return MIRAI_OK;
}

static mirai__frame_header header_of(const mirai__frame *frame)
{
    return (mirai__frame_header){
        .kind = frame->kind,
        .aux = frame->aux,
        .task = frame->task,
        .attempt = frame->attempt,
        .incarnation = frame->incarnation,
    };
}

int mirai__frame_vectors(const mirai__frame *frame, uint8_t out[MIRAI__FRAME_HEADER_SIZE],
                         struct iovec vectors[2])
{
    mirai__frame_header header = header_of(frame);
    mirai__segment *segment = frame->segment;
    if (segment && segment->count > 0) return 0;
    size_t size = segment ? segment->body_size : 0;
    header.body_size = header.body_stored = size;
    mirai__frame_header_write(&header, out);
    vectors[0] = (struct iovec){out, MIRAI__FRAME_HEADER_SIZE};
    if (size > 0) vectors[1] = (struct iovec){segment->body, size};
    return size > 0 ? 2 : 1;
}

mirai__frame_writer *mirai__frame_writer_new(const mirai__frame *frame, bool compress)
{
    mirai__frame_writer *writer = mirai__alloc_zero(1, sizeof *writer);
    if (!writer) return NULL;
    mirai__frame_header header = header_of(frame);
    if (frame->segment && frame->segment->body_size > 0) {
        writer->segment = mirai__segment_ref(frame->segment);
        if (frame->lent) {
            header.flags = MIRAI__FRAME_LENT;
        } else if (compress && compress_parts(writer)) {
            header.flags = MIRAI__FRAME_COMPRESSED;
        }
        if (write_table(writer, &header, frame->lent) != MIRAI_OK) {
            mirai__frame_writer_free(writer);
            return NULL;
        }
        writer->is_lent = frame->lent != NULL;
    }
    mirai__frame_header_write(&header, writer->header);
    for (size_t i = 0; i < part_count(writer); i++) writer->left += part_at(writer, i).iov_len;
    return writer;
}

int mirai__frame_writer_vectors(const mirai__frame_writer *writer, struct iovec *vectors, int most)
{
    int count = 0;
    size_t offset = writer->offset;
    for (size_t i = writer->part; i < part_count(writer) && count < most; i++) {
        struct iovec part = part_at(writer, i);
        if (part.iov_len > offset) {
            vectors[count++] =
                (struct iovec){(char *)part.iov_base + offset, part.iov_len - offset};
        }
        offset = 0;
    }
    return count;
}

void mirai__frame_writer_wrote(mirai__frame_writer *writer, size_t size)
{
    writer->left -= size;
    while (writer->part < part_count(writer)) {
        size_t rest = part_at(writer, writer->part).iov_len - writer->offset;
        if (size < rest) break;
        size -= rest;
        writer->part++;
        writer->offset = 0;
    }
    writer->offset += size;
}

size_t mirai__frame_writer_left(const mirai__frame_writer *writer)
{
    return writer->left;
}
