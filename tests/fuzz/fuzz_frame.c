/*
 * fuzz_frame: any bytes as a stream of frames, in pieces of any size. Frames that come out must
 * come out again when they are written, compressed or not; a hello is read as one. Input: one byte
 * that says how to cut the stream and which limits hold; the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const mirai__limits wide = {.body_bytes = 1 << 15,
                                   .buffer_bytes = 1 << 15,
                                   .buffers = 1024,
                                   .depth = 64,
                                   .items = 4096,
                                   .compressed = true};

static int is_same_buffer(const mirai_buffer *a, const mirai_buffer *b)
{
    size_t size = mirai_buffer_size(a);
    return size == mirai_buffer_size(b) &&
           (size == 0 || memcmp(mirai_buffer_data(a), mirai_buffer_data(b), size) == 0);
}

static void check_same(const mirai__frame *a, const mirai__frame *b)
{
    if (a->kind != b->kind || a->aux != b->aux || a->task != b->task || a->attempt != b->attempt ||
        a->incarnation != b->incarnation || !a->segment != !b->segment) {
        abort();
    }
    if (!a->segment) return;
    if (a->segment->count != b->segment->count) abort();
    size_t size = a->segment->body_size;
    if (size != b->segment->body_size || memcmp(a->segment->body, b->segment->body, size) != 0) abort();
    for (size_t i = 0; i < a->segment->count; i++) {
        if (!is_same_buffer(mirai__segment_buffers(a->segment)[i], mirai__segment_buffers(b->segment)[i])) abort();
    }
}

/* Write a frame in pieces and read them back. */
static void round_trip(const mirai__frame *frame, bool compress, size_t piece)
{
    mirai__frame_writer *writer = mirai__frame_writer_new(frame, compress);
    mirai__frame_reader *reader = mirai__frame_reader_new(&wide);
    if (!writer || !reader) abort();
    mirai__frame copy;
    mirai_status status = MIRAI_E_AGAIN;
    struct iovec vectors[3];
    int count;
    while ((count = mirai__frame_writer_vectors(writer, vectors, 3)) > 0) {
        if (status != MIRAI_E_AGAIN) abort();
        void *into;
        size_t room;
        if (mirai__frame_reader_want(reader, &into, &room) != MIRAI_OK) abort();
        size_t size = vectors[0].iov_len < room ? vectors[0].iov_len : room;
        if (size > piece) size = piece;
        memcpy(into, vectors[0].iov_base, size);
        mirai__frame_reader_got(reader, size);
        mirai__frame_writer_wrote(writer, size);
        status = mirai__frame_reader_next(reader, &copy);
    }
    if (status != MIRAI_OK || mirai__frame_writer_left(writer) != 0) abort();
    check_same(frame, &copy);
    mirai__frame_fini(&copy);
    mirai__frame_reader_free(reader);
    mirai__frame_writer_free(writer);
}

static void use(const mirai__frame *frame, uint8_t how)
{
    static const uint8_t token[MIRAI__TOKEN_SIZE] = {1, 2, 3};
    mirai__hello hello;
    (void)mirai__hello_read(frame, how & 32 ? token : NULL, &hello);
    round_trip(frame, (how & 96) == 96, 1 + (size_t)(how & 15) * 301);
}

/* All frames that the reader has by now; false when the stream has failed. */
static bool take_frames(mirai__frame_reader *reader, uint8_t how)
{
    mirai__frame frame;
    mirai_status status;
    while ((status = mirai__frame_reader_next(reader, &frame)) == MIRAI_OK) {
        use(&frame, how);
        mirai__frame_fini(&frame);
    }
    return status == MIRAI_E_AGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t how = *data++;
    size--;
    size_t piece = how & 16 ? 1 + (how & 15) * (size_t)17 : SIZE_MAX;
    mirai__frame_reader *reader =
        mirai__frame_reader_new(how & 128 ? &mirai__limits_stranger : &wide);
    if (!reader) abort();
    while (size > 0) {
        void *into;
        size_t room;
        if (mirai__frame_reader_want(reader, &into, &room) != MIRAI_OK) abort();
        if (room > size) room = size;
        if (room > piece) room = piece;
        memcpy(into, data, room);
        mirai__frame_reader_got(reader, room);
        data += room;
        size -= room;
        if (!take_frames(reader, how)) break;
    }
    mirai__frame_reader_free(reader);
    return 0;
}
