/*
 * test_frame: streams of frames, cut anywhere; what is received in place; limits; what is final;
 * writing in pieces. Malformed headers one by one: tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bytes.h"
#include "fault.h"
#include "frame.h"

/* Buffers of the given sizes after a body of another; bytes count up. */
static mirai__segment *segment_of(size_t body_size, const size_t *sizes, size_t count)
{
    mirai_buffer *parts[8];
    for (size_t i = 0; i <= count; i++) {
        size_t size = i == 0 ? body_size : sizes[i - 1];
        uint8_t *data = malloc(size ? size : 1);
        assert_non_null(data);
        for (size_t at = 0; at < size; at++) data[at] = (uint8_t)(at / 16 + i);
        parts[i] = mirai_buffer_copy(data, size);
        free(data);
    }
    mirai__segment *segment = mirai__segment_new(mirai_buffer_data(parts[0]), body_size, parts + 1, count);
    mirai_buffer_release(parts[0]);
    return segment;
}

static void assert_same_buffer(const mirai_buffer *a, const mirai_buffer *b)
{
    assert_int_equal(mirai_buffer_size(a), mirai_buffer_size(b));
    assert_true(mirai_buffer_is_frozen(b));
    if (mirai_buffer_size(a) > 0) {
        assert_memory_equal(mirai_buffer_data(a), mirai_buffer_data(b), mirai_buffer_size(a));
        assert_true((uintptr_t)mirai_buffer_data(b) % MIRAI_BUFFER_ALIGNMENT == 0);
    }
}

/* Releases what was read. */
static void assert_same(const mirai__frame *sent, mirai__frame *got)
{
    assert_int_equal(sent->kind, got->kind);
    assert_int_equal(sent->aux, got->aux);
    assert_true(sent->task == got->task && sent->attempt == got->attempt);
    assert_true(sent->incarnation == got->incarnation);
    assert_true(!sent->segment == !got->segment);
    if (sent->segment) {
        assert_int_equal(sent->segment->count, got->segment->count);
        assert_int_equal(sent->segment->body_size, got->segment->body_size);
        assert_memory_equal(sent->segment->body, got->segment->body, got->segment->body_size);
        for (size_t i = 0; i < sent->segment->count; i++)
            assert_same_buffer(mirai__segment_buffers(sent->segment)[i], mirai__segment_buffers(got->segment)[i]);
    }
    mirai__frame_fini(got);
}

/* Append a frame's bytes, taken `piece` at a time in up to 3 vectors. */
static void write_frame(const mirai__frame *frame, bool compress, size_t piece, mirai__bytes *out)
{
    mirai__frame_writer *writer = mirai__frame_writer_new(frame, compress);
    assert_non_null(writer);
    size_t left = mirai__frame_writer_left(writer);
    struct iovec vectors[3];
    int count;
    while ((count = mirai__frame_writer_vectors(writer, vectors, 3)) > 0) {
        size_t wrote = 0;
        for (int i = 0; i < count && wrote < piece; i++) {
            size_t size = vectors[i].iov_len;
            if (size > piece - wrote) size = piece - wrote;
            assert_int_equal(mirai__bytes_append(out, vectors[i].iov_base, size), MIRAI_OK);
            wrote += size;
        }
        mirai__frame_writer_wrote(writer, wrote);
        left -= wrote;
        assert_int_equal(mirai__frame_writer_left(writer), left);
    }
    assert_int_equal(left, 0);
    mirai__frame_writer_free(writer);
}

enum { STREAM_FRAMES = 5 };

/* A stream of frames of all shapes. */
static void make_stream(mirai__frame *frames, bool compress, mirai__bytes *out)
{
    static const size_t sizes[] = {1, 0, 700};
    static const size_t compressible[] = {3000};
    memset(frames, 0, STREAM_FRAMES * sizeof *frames);
    frames[0] = (mirai__frame){.kind = MIRAI__FRAME_PING, .aux = INT32_MIN};
    frames[1] = (mirai__frame){.kind = MIRAI__FRAME_JOB,
                               .task = UINT64_MAX,
                               .attempt = 1ull << 63,
                               .incarnation = 7,
                               .segment = segment_of(10, sizes, 3)};
    frames[2] = (mirai__frame){.kind = MIRAI__FRAME_CANCEL, .attempt = 9};
    frames[3] = (mirai__frame){
        .kind = MIRAI__FRAME_RESULT, .aux = 100, .segment = segment_of(600, compressible, 1)};
    frames[4] = (mirai__frame){.kind = MIRAI__FRAME_WELCOME, .segment = segment_of(1, NULL, 0)};
    mirai__bytes_init(out);
    for (int i = 0; i < STREAM_FRAMES; i++) write_frame(&frames[i], compress, SIZE_MAX, out);
}

static void drop_frames(mirai__frame *frames, mirai__bytes *stream)
{
    for (int i = 0; i < STREAM_FRAMES; i++) mirai__frame_fini(&frames[i]);
    mirai__bytes_fini(stream);
}

/* Feed bytes and check the frames that come out; *next is the one that must come next. */
static void feed(mirai__frame_reader *reader, const uint8_t *data, size_t size,
                 const mirai__frame *frames, int *next)
{
    while (size > 0) {
        void *into;
        size_t room;
        assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
        assert_true(room > 0);
        if (room > size) room = size;
        memcpy(into, data, room);
        mirai__frame_reader_got(reader, room);
        data += room;
        size -= room;
        mirai__frame frame;
        mirai_status status;
        while ((status = mirai__frame_reader_next(reader, &frame)) == MIRAI_OK) {
            assert_true(*next < STREAM_FRAMES);
            assert_same(&frames[(*next)++], &frame);
        }
        assert_int_equal(status, MIRAI_E_AGAIN);
    }
}

static void test_frame__first_bytes_and_nothing(void **state)
{
    (void)state;
    mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
    mirai__frame frame;
    void *into;
    size_t room;
    assert_int_equal(mirai__frame_reader_next(reader, &frame), MIRAI_E_AGAIN);
    assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
    mirai__frame_reader_got(reader, 0);
    assert_int_equal(mirai__frame_reader_next(reader, &frame), MIRAI_E_AGAIN);
    /* What fills the staging area must be taken before more can come. */
    memset(into, 0, room);
    mirai__frame_reader_got(reader, room);
    assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_E_STATE);
    /* A failure is final. */
    assert_int_equal(mirai__frame_reader_next(reader, &frame), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__frame_reader_next(reader, &frame), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_E_PROTOCOL);
    mirai__frame_reader_free(reader);
    mirai__frame_reader_free(NULL);
    mirai__frame_writer_free(NULL);
    mirai__frame empty = {0};
    mirai__frame_fini(&empty);
}

/* In two pieces cut at each place, byte by byte, and all at once; plain and compressed. */
static void test_frame__streams_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        mirai__frame frames[STREAM_FRAMES];
        mirai__bytes stream;
        make_stream(frames, compress, &stream);
        for (size_t cut = 0; cut <= stream.size; cut++) {
            mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
            int next = 0;
            feed(reader, stream.data, cut, frames, &next);
            feed(reader, stream.data + cut, stream.size - cut, frames, &next);
            assert_int_equal(next, STREAM_FRAMES);
            mirai__frame_reader_free(reader);
        }
        for (size_t piece = 1; piece < 200; piece += 13) {
            mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
            int next = 0;
            for (size_t at = 0; at < stream.size; at += piece) {
                size_t size = stream.size - at < piece ? stream.size - at : piece;
                feed(reader, stream.data + at, size, frames, &next);
            }
            assert_int_equal(next, STREAM_FRAMES);
            mirai__frame_reader_free(reader);
        }
        drop_frames(frames, &stream);
    }
}

static void test_frame__any_prefix_is_no_frame(void **state)
{
    (void)state;
    mirai__frame frames[STREAM_FRAMES];
    mirai__bytes stream;
    make_stream(frames, false, &stream);
    for (size_t size = 0; size < stream.size; size++) {
        mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
        int next = 0;
        feed(reader, stream.data, size, frames, &next);
        assert_true(next < STREAM_FRAMES);
        mirai__frame_reader_free(reader); /* what had begun is released */
    }
    drop_frames(frames, &stream);
}

static void test_frame__writing_in_pieces(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 0, 0, 5};
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .segment = segment_of(33, sizes, 4)};
    mirai__bytes whole, pieces;
    mirai__bytes_init(&whole);
    write_frame(&frame, false, SIZE_MAX, &whole);
    assert_int_equal(whole.size, 64 + 33 + 4 * 8 + 105);
    for (size_t piece = 1; piece <= whole.size; piece++) {
        mirai__bytes_init(&pieces);
        write_frame(&frame, false, piece, &pieces);
        assert_int_equal(pieces.size, whole.size);
        assert_memory_equal(pieces.data, whole.data, whole.size);
        mirai__bytes_fini(&pieces);
    }
    mirai__bytes_fini(&whole);
    mirai__frame_fini(&frame);
}

static void test_frame__an_empty_body_is_none(void **state)
{
    (void)state;
    mirai__frame frame = {.kind = MIRAI__FRAME_PONG, .segment = segment_of(0, NULL, 0)};
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    write_frame(&frame, true, SIZE_MAX, &bytes);
    assert_int_equal(bytes.size, MIRAI__FRAME_HEADER_SIZE);
    mirai__bytes_fini(&bytes);
    mirai__frame_fini(&frame);
}

/* The rest of a large buffer is asked for at once, and lands where it stays. */
static void test_frame__large_buffers_arrive_in_place(void **state)
{
    (void)state;
    static const size_t sizes[] = {1 << 20};
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .segment = segment_of(9, sizes, 1)}, got;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    write_frame(&frame, false, SIZE_MAX, &bytes);
    mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
    void *into;
    size_t room, head = 64 + 9 + 8 + 50;
    assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
    assert_true(room >= head);
    memcpy(into, bytes.data, head);
    mirai__frame_reader_got(reader, head);
    assert_int_equal(mirai__frame_reader_next(reader, &got), MIRAI_E_AGAIN);
    assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
    assert_int_equal(room, sizes[0] - 50);
    memcpy(into, bytes.data + head, room);
    mirai__frame_reader_got(reader, room);
    assert_int_equal(mirai__frame_reader_next(reader, &got), MIRAI_OK);
    assert_ptr_equal((const char *)mirai_buffer_data(mirai__segment_buffers(got.segment)[0]) + 50, into);
    assert_same(&frame, &got);
    mirai__frame_reader_free(reader);
    mirai__bytes_fini(&bytes);
    mirai__frame_fini(&frame);
}

/* Feed all of it; the status of the first frame. */
static mirai_status status_of(const mirai__bytes *bytes, const mirai__limits *limits)
{
    mirai__frame_reader *reader = mirai__frame_reader_new(limits);
    mirai__frame frame = {0};
    mirai_status status = reader ? MIRAI_E_AGAIN : MIRAI_E_NOMEM;
    for (size_t at = 0; at < bytes->size && status == MIRAI_E_AGAIN;) {
        void *into;
        size_t room;
        if (mirai__frame_reader_want(reader, &into, &room) != MIRAI_OK) break;
        if (room > bytes->size - at) room = bytes->size - at;
        memcpy(into, bytes->data + at, room);
        mirai__frame_reader_got(reader, room);
        at += room;
        status = mirai__frame_reader_next(reader, &frame);
    }
    mirai__frame_fini(&frame);
    mirai__frame_reader_free(reader);
    return status;
}

static void test_frame__limits(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 100};
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .segment = segment_of(1000, sizes, 2)};
    const mirai__limits enough = {.body_bytes = 1000, .buffer_bytes = 200, .buffers = 2};
    mirai__bytes plain, compressed;
    mirai__bytes_init(&plain);
    mirai__bytes_init(&compressed);
    write_frame(&frame, false, SIZE_MAX, &plain);
    write_frame(&frame, true, SIZE_MAX, &compressed);
    assert_true(compressed.size < plain.size);
    assert_int_equal(status_of(&plain, &enough), MIRAI_OK);
    assert_int_equal(status_of(&compressed, &enough), MIRAI_E_LIMIT);
    mirai__limits tight[] = {enough, enough, enough};
    tight[0].body_bytes--;
    tight[1].buffer_bytes--;
    tight[2].buffers--;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(status_of(&plain, &tight[i]), MIRAI_E_LIMIT);
        tight[i].compressed = true;
        assert_int_equal(status_of(&compressed, &tight[i]), MIRAI_E_LIMIT);
    }
    mirai__frame_fini(&frame);
    mirai__bytes_fini(&plain);
    mirai__bytes_fini(&compressed);
}

/* A stranger may send a little; once known, more: also what has arrived together with the first
 * frame. */
static void test_frame__limits_widen(void **state)
{
    (void)state;
    mirai__frame first = {.kind = MIRAI__FRAME_HELLO, .segment = segment_of(128, NULL, 0)};
    mirai__frame second = {.kind = MIRAI__FRAME_RESULT, .segment = segment_of(5000, NULL, 0)}, got;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    write_frame(&first, false, SIZE_MAX, &bytes);
    write_frame(&second, false, SIZE_MAX, &bytes);
    for (int widen = 0; widen < 2; widen++) {
        mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_stranger);
        void *into;
        size_t room;
        assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
        assert_true(room >= bytes.size);
        memcpy(into, bytes.data, bytes.size);
        mirai__frame_reader_got(reader, bytes.size);
        assert_int_equal(mirai__frame_reader_next(reader, &got), MIRAI_OK);
        assert_same(&first, &got);
        if (widen) mirai__frame_reader_limit(reader, &mirai__limits_local);
        mirai_status status = mirai__frame_reader_next(reader, &got);
        assert_int_equal(status, widen ? MIRAI_OK : MIRAI_E_LIMIT);
        if (status == MIRAI_OK) assert_same(&second, &got);
        mirai__frame_reader_free(reader);
    }
    mirai__frame_fini(&first);
    mirai__frame_fini(&second);
    mirai__bytes_fini(&bytes);
}

/* Each byte of a compressed frame replaced: refused, or another frame, or more is waited for. */
static void test_frame__any_wrong_byte_is_survived(void **state)
{
    (void)state;
    static const size_t sizes[] = {2000, 3};
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .segment = segment_of(1000, sizes, 2)};
    const mirai__limits limits = {
        .body_bytes = 1 << 16, .buffer_bytes = 1 << 16, .buffers = 16, .compressed = true};
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    write_frame(&frame, true, SIZE_MAX, &bytes);
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t right = bytes.data[at];
        for (unsigned wrong = 0; wrong < 256; wrong += 5) {
            bytes.data[at] = (uint8_t)wrong;
            mirai_status status = status_of(&bytes, &limits);
            assert_true(status == MIRAI_OK || status == MIRAI_E_AGAIN ||
                        status == MIRAI_E_PROTOCOL || status == MIRAI_E_VERSION ||
                        status == MIRAI_E_LIMIT);
        }
        bytes.data[at] = right;
    }
    mirai__bytes_fini(&bytes);
    mirai__frame_fini(&frame);
}

static void test_frame__allocation_failures(void **state)
{
    (void)state;
    static const size_t sizes[] = {2000, 3};
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .segment = segment_of(1000, sizes, 2)};
    for (int compress = 0; compress < 2; compress++) {
        mirai__bytes bytes;
        mirai__bytes_init(&bytes);
        write_frame(&frame, compress, SIZE_MAX, &bytes);
        mirai_status status = MIRAI_E_NOMEM;
        for (int64_t n = 1; status != MIRAI_OK; n++) {
            mirai__fault_arm(n, false);
            status = status_of(&bytes, &mirai__limits_local);
            mirai__fault_arm(0, false);
            assert_true(status == MIRAI_OK || status == MIRAI_E_NOMEM);
            assert_true(n < 100);
        }
        mirai__bytes_fini(&bytes);
        /* A writer does without compression when memory is short, but not without itself. */
        mirai__frame_writer *writer = NULL;
        int64_t n = 1;
        for (int written = 0; written < 20; n++) {
            mirai__fault_arm(n, false);
            writer = mirai__frame_writer_new(&frame, compress);
            mirai__fault_arm(0, false);
            if (writer) written++;
            mirai__frame_writer_free(writer);
        }
        assert_true(n > 22);
    }
    mirai__frame_fini(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame__first_bytes_and_nothing),
        cmocka_unit_test(test_frame__streams_may_be_cut_anywhere),
        cmocka_unit_test(test_frame__any_prefix_is_no_frame),
        cmocka_unit_test(test_frame__writing_in_pieces),
        cmocka_unit_test(test_frame__an_empty_body_is_none),
        cmocka_unit_test(test_frame__large_buffers_arrive_in_place),
        cmocka_unit_test(test_frame__limits),
        cmocka_unit_test(test_frame__limits_widen),
        cmocka_unit_test(test_frame__any_wrong_byte_is_survived),
        cmocka_unit_test(test_frame__allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
