/*
 * Links over every maker of channels. Threads report by return values; assertions are made on the
 * test's own thread.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "buffer_private.h"
#include "channel_ends.h"
#include "clock.h"
#include "fault.h"
#include "link.h"

static channel_maker maker_of(void **state)
{
    return *(channel_maker *)*state;
}

typedef struct link_ends {
    mirai__link *a, *b;
} link_ends;

static link_ends links_open(channel_maker maker)
{
    channel_ends ends = ends_open(maker);
    link_ends links = {.a = mirai__link_new(ends.a, &mirai__limits_local),
                       .b = mirai__link_new(ends.b, &mirai__limits_local)};
    assert_non_null(links.a);
    assert_non_null(links.b);
    return links;
}

static void links_close(link_ends *links)
{
    mirai__link_free(links->a);
    mirai__link_free(links->b);
}

static mirai_buffer *patterned(size_t size, unsigned seed)
{
    mirai_buffer *buffer = mirai__buffer_alloc(size);
    if (size > 0) fill_pattern(mirai__buffer_bytes(buffer), size, seed);
    mirai__buffer_freeze(buffer);
    return buffer;
}

/* A frame with a body and buffers of these sizes, numbered so that is_frame can tell. */
static mirai__frame make_frame(unsigned number, size_t body, const size_t *sizes, size_t count)
{
    mirai_buffer *buffers[8];
    if (body == 0) count = 0;
    for (size_t i = 0; i < count; i++) buffers[i] = patterned(sizes[i], number + 1 + (unsigned)i);
    mirai__frame frame = {
        .kind = MIRAI__FRAME_JOB, .aux = -5, .task = number, .attempt = number + 1};
    if (body == 0) return frame;
    mirai_buffer *bytes = patterned(body, number);
    frame.segment = mirai__segment_new(mirai_buffer_data(bytes), body, buffers, count);
    mirai_buffer_release(bytes);
    return frame;
}

static bool is_buffer(const mirai_buffer *buffer, size_t size, unsigned seed)
{
    return mirai_buffer_size(buffer) == size &&
           (size == 0 || is_pattern(mirai_buffer_data(buffer), size, seed));
}

static bool is_frame(const mirai__frame *frame, unsigned number, size_t body, const size_t *sizes,
                     size_t count)
{
    if (frame->kind != MIRAI__FRAME_JOB || frame->aux != -5 || frame->task != number ||
        frame->attempt != number + 1)
        return false;
    if (body == 0) return frame->segment == NULL;
    if (frame->segment == NULL || frame->segment->count != count ||
        frame->segment->body_size != body || !is_pattern(frame->segment->body, body, number))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_buffer(mirai__segment_buffers(frame->segment)[i], sizes[i], number + 1 + (unsigned)i))
            return false;
    return true;
}

/* The next frame, waiting for it. */
static mirai_status receive(mirai__link *link, mirai__frame *frame)
{
    for (;;) {
        mirai_status status = mirai__link_receive(link, frame);
        if (status != MIRAI_E_AGAIN) return status;
        status = mirai__link_wait(link, false, -1, mirai__deadline(GUARD_MS));
        if (status != MIRAI_OK) return status;
    }
}

/* ---- frames of all sizes ---- */

static const size_t BODIES[] = {0, 1, 63, 64, 100, 4032, 4096, 16320, 16384, 70000, 1 << 20};
static const size_t BUFFERS[] = {0, 1, 4096, 300000, 7, 16384};

enum { ROUNDS = (int)(sizeof BODIES / sizeof *BODIES) * 6 };

static void *receive_rounds(void *argument)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        mirai__frame frame = {0};
        if (receive(argument, &frame) != MIRAI_OK) return (void *)"not received";
        bool good = is_frame(&frame, i, BODIES[i / 6], BUFFERS, i % 6);
        mirai__frame_fini(&frame);
        if (!good) return (void *)"another frame";
    }
    return NULL;
}

static void test_link__carries_frames_of_all_sizes(void **state)
{
    link_ends links = links_open(maker_of(state));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, receive_rounds, links.b), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        mirai__frame frame = make_frame(i, BODIES[i / 6], BUFFERS, i % 6);
        mirai_status status =
            i % 2 == 0 ? mirai__link_send(links.a, &frame)
                       : mirai__link_send_all(links.a, &frame, mirai__deadline(GUARD_MS));
        mirai__frame_fini(&frame);
        assert_int_equal(status, MIRAI_OK);
    }
    assert_int_equal(mirai__link_queued(links.a), 0);
    void *complaint;
    assert_int_equal(pthread_join(thread, &complaint), 0);
    assert_null(complaint);
    links_close(&links);
}

/* Moves what can be moved on both links, on one thread, as poll tells; false when nothing comes any
 * more. */
static bool turn(link_ends *links)
{
    struct pollfd watched[2] = {
        {.fd = mirai__link_fd(links->a), .events = mirai__link_events(links->a)},
        {.fd = mirai__link_fd(links->b), .events = mirai__link_events(links->b)},
    };
    if (poll(watched, 2, GUARD_MS) < 1) return false;
    if (watched[0].revents & POLLOUT) (void)mirai__link_flush(links->a);
    if (watched[1].revents & POLLOUT) (void)mirai__link_flush(links->b);
    return true;
}

static void test_link__carries_large_buffers_both_ways(void **state)
{
    static const size_t sizes[] = {64 << 20, 3};
    link_ends links = links_open(maker_of(state));
    mirai__frame out[2] = {make_frame(1, 10, sizes, 2), make_frame(2, 10, sizes, 2)}, in[2] = {0};
    assert_int_equal(mirai__link_send(links.a, &out[0]), MIRAI_OK);
    assert_int_equal(mirai__link_send(links.b, &out[1]), MIRAI_OK);
    assert_true(mirai__link_queued(links.a) > 0); /* more than any buffers on the way hold */
    int missing = 3;
    while (missing != 0) {
        assert_true(turn(&links));
        mirai_status b = missing & 1 ? mirai__link_receive(links.b, &in[0]) : MIRAI_E_AGAIN;
        mirai_status a = missing & 2 ? mirai__link_receive(links.a, &in[1]) : MIRAI_E_AGAIN;
        assert_true(a == MIRAI_OK || a == MIRAI_E_AGAIN);
        assert_true(b == MIRAI_OK || b == MIRAI_E_AGAIN);
        if (b == MIRAI_OK) missing &= ~1;
        if (a == MIRAI_OK) missing &= ~2;
    }
    assert_true(is_frame(&in[0], 1, 10, sizes, 2));
    assert_true(is_frame(&in[1], 2, 10, sizes, 2));
    for (int i = 0; i < 2; i++) {
        mirai__frame_fini(&out[i]);
        mirai__frame_fini(&in[i]);
    }
    links_close(&links);
}

static void *send_large(void *argument)
{
    static const size_t sizes[] = {16 << 20};
    mirai__frame frame = make_frame(4, 10, sizes, 1);
    mirai_status status = mirai__link_send_all(argument, &frame, mirai__deadline(GUARD_MS));
    mirai__frame_fini(&frame);
    return status == MIRAI_OK ? argument : NULL;
}

/* One thread blocks in sending while another receives on the same link. */
static void test_link__halves_share_nothing(void **state)
{
    static const size_t sizes[] = {16 << 20};
    link_ends links = links_open(maker_of(state));
    pthread_t a, b;
    assert_int_equal(pthread_create(&a, NULL, send_large, links.a), 0);
    assert_int_equal(pthread_create(&b, NULL, send_large, links.b), 0);
    mirai__frame in[2] = {0};
    mirai__link *link[2] = {links.a, links.b};
    for (int missing = 2; missing > 0;) {
        struct pollfd watched[2] = {
            {.fd = mirai__link_fd(links.a), .events = in[0].segment ? 0 : POLLIN},
            {.fd = mirai__link_fd(links.b), .events = in[1].segment ? 0 : POLLIN}};
        assert_true(poll(watched, 2, GUARD_MS) > 0);
        for (int i = 0; i < 2; i++)
            if (watched[i].revents & POLLIN && mirai__link_receive(link[i], &in[i]) == MIRAI_OK)
                missing--;
    }
    void *done;
    assert_int_equal(pthread_join(a, &done), 0);
    assert_ptr_equal(done, links.a);
    assert_int_equal(pthread_join(b, &done), 0);
    assert_ptr_equal(done, links.b);
    for (int i = 0; i < 2; i++) {
        assert_true(is_frame(&in[i], 4, 10, sizes, 1));
        mirai__frame_fini(&in[i]);
    }
    links_close(&links);
}

/* ---- bursts ---- */

static void test_link__keeps_a_burst_in_order(void **state)
{
    enum { BURST = 20000, PIECE = 1000 }; /* more than any buffers on the way hold */
    link_ends links = links_open(maker_of(state));
    for (unsigned i = 0; i < BURST; i++) {
        mirai__frame frame = make_frame(i, PIECE, NULL, 0);
        assert_int_equal(mirai__link_send(links.a, &frame), MIRAI_OK);
        mirai__frame_fini(&frame);
    }
    assert_true(mirai__link_queued(links.a) > 0);
    assert_true(mirai__link_events(links.a) & POLLOUT);
    for (unsigned i = 0; i < BURST;) {
        assert_true(turn(&links));
        mirai__frame frame;
        while (mirai__link_receive(links.b, &frame) == MIRAI_OK) {
            assert_true(is_frame(&frame, i, PIECE, NULL, 0));
            mirai__frame_fini(&frame);
            i++;
        }
    }
    while (mirai__link_flush(links.a) == MIRAI_E_AGAIN) assert_true(turn(&links));
    assert_int_equal(mirai__link_queued(links.a), 0);
    assert_int_equal(mirai__link_events(links.a), POLLIN);
    links_close(&links);
}

/* ---- split points ---- */

/* The bytes of a frame. */
static size_t bytes_of(const mirai__frame *frame, uint8_t *into, size_t room)
{
    struct iovec vectors[16];
    mirai__frame_writer *writer = mirai__frame_writer_new(frame, false);
    assert_non_null(writer);
    size_t size = 0;
    int count = mirai__frame_writer_vectors(writer, vectors, 16);
    for (int i = 0; i < count; i++) {
        assert_true(size + vectors[i].iov_len <= room);
        memcpy(into + size, vectors[i].iov_base, vectors[i].iov_len);
        size += vectors[i].iov_len;
    }
    mirai__frame_writer_free(writer);
    return size;
}

static void test_link__takes_frames_in_any_pieces(void **state)
{
    static const size_t sizes[] = {5, 0, 130};
    uint8_t bytes[2000];
    mirai__frame frames[3] = {make_frame(0, 20, sizes, 3), make_frame(1, 0, NULL, 0),
                              make_frame(2, 30, sizes, 1)};
    size_t total = 0;
    for (int i = 0; i < 3; i++) total += bytes_of(&frames[i], bytes + total, sizeof bytes - total);
    for (int i = 0; i < 3; i++) mirai__frame_fini(&frames[i]);

    channel_ends ends = ends_open(maker_of(state));
    mirai__link *link = mirai__link_new(ends.b, &mirai__limits_local);
    assert_non_null(link);
    for (size_t split = 0; split <= total; split++) {
        static const size_t bodies[] = {20, 0, 30}, counts[] = {3, 0, 1};
        mirai__frame frame;
        unsigned next = 0;
        assert_true(write_all(ends.a, bytes, split));
        while (next < 3 && mirai__link_receive(link, &frame) == MIRAI_OK) {
            assert_true(is_frame(&frame, next, bodies[next], sizes, counts[next]));
            mirai__frame_fini(&frame);
            next++;
        }
        assert_true(write_all(ends.a, bytes + split, total - split));
        for (; next < 3; next++) {
            assert_int_equal(receive(link, &frame), MIRAI_OK);
            assert_true(is_frame(&frame, next, bodies[next], sizes, counts[next]));
            mirai__frame_fini(&frame);
        }
        assert_int_equal(mirai__link_receive(link, &frame), MIRAI_E_AGAIN);
    }
    ends.a->ops->free(ends.a);
    mirai__link_free(link);
}

/* ---- what goes wrong ---- */

static void test_link__refuses_what_is_beyond_the_limits(void **state)
{
    link_ends links = links_open(maker_of(state));
    mirai__link_limit(links.b, &mirai__limits_stranger);
    mirai__frame frame = make_frame(1, 4096, NULL, 0), large = make_frame(2, 4097, NULL, 0), in;
    assert_int_equal(mirai__link_send(links.a, &frame), MIRAI_OK);
    assert_int_equal(mirai__link_send(links.a, &large), MIRAI_OK);
    assert_int_equal(receive(links.b, &in), MIRAI_OK);
    mirai__frame_fini(&in);
    assert_int_equal(receive(links.b, &in), MIRAI_E_LIMIT);
    assert_true(mirai__link_receive(links.b, &in) < 0);
    mirai__frame_fini(&frame);
    mirai__frame_fini(&large);
    links_close(&links);
}

/* What the other end makes of a frame that this one compresses; `later`: its limits are set again.
 */
static mirai_status receive_compressed(channel_ends ends, bool off_host, bool later)
{
    enum { SIZE = 1 << 20 };
    ends.a->off_host = true;
    ends.b->off_host = off_host;
    link_ends links = {.a = mirai__link_new(ends.a, &mirai__limits_local),
                       .b = mirai__link_new(ends.b, &mirai__limits_local)};
    if (later) mirai__link_limit(links.b, &mirai__limits_local);
    mirai__frame frame = make_frame(1, 0, NULL, 0), in = {0};
    frame.segment = mirai__segment_alloc(SIZE, 0);
    assert_non_null(frame.segment);
    memset(frame.segment->body, 0, SIZE);
    assert_int_equal(mirai__link_send(links.a, &frame), MIRAI_OK);
    mirai_status status = receive(links.b, &in);
    mirai__frame_fini(&in);
    mirai__frame_fini(&frame);
    links_close(&links);
    return status;
}

static void test_link__refuses_compression_on_one_host(void **state)
{
    channel_maker maker = maker_of(state);
    for (int later = 0; later < 2; later++) {
        assert_int_equal(receive_compressed(ends_open(maker), false, later), MIRAI_E_LIMIT);
        assert_int_equal(receive_compressed(ends_open(maker), true, later), MIRAI_OK);
    }
}

static void test_link__refuses_what_is_no_frame(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    mirai__link *link = mirai__link_new(ends.b, &mirai__limits_local);
    mirai__frame frame;
    uint8_t noise[100];
    fill_pattern(noise, sizeof noise, 1);
    assert_true(write_all(ends.a, noise, sizeof noise));
    assert_int_equal(receive(link, &frame), MIRAI_E_PROTOCOL);
    ends.a->ops->free(ends.a);
    mirai__link_free(link);
}

static void test_link__ends_in_mid_frame_when_the_peer_closes(void **state)
{
    static const size_t sizes[] = {3000};
    uint8_t bytes[4000];
    mirai__frame frame = make_frame(1, 10, sizes, 1), in;
    size_t size = bytes_of(&frame, bytes, sizeof bytes);
    mirai__frame_fini(&frame);
    for (size_t cut = 0; cut < size; cut += 333) {
        channel_ends ends = ends_open(maker_of(state));
        mirai__link *link = mirai__link_new(ends.b, &mirai__limits_local);
        assert_true(write_all(ends.a, bytes, cut));
        ends.a->ops->free(ends.a);
        assert_int_equal(receive(link, &in), MIRAI_E_CLOSED);
        assert_int_equal(receive(link, &in), MIRAI_E_CLOSED);
        mirai__link_free(link);
    }
}

static void test_link__sending_to_a_peer_that_left_fails(void **state)
{
    link_ends links = links_open(maker_of(state));
    mirai__link_free(links.b);
    links.b = NULL;
    static const size_t sizes[] = {200000};
    mirai__frame frame = make_frame(1, 10, sizes, 1);
    mirai_status status;
    do {
        status = mirai__link_send_all(links.a, &frame, mirai__deadline(GUARD_MS));
    } while (status == MIRAI_OK);
    assert_int_equal(status, MIRAI_E_CONNRESET);
    assert_int_equal(mirai__link_queued(links.a), 0);
    assert_int_equal(mirai__link_send(links.a, &frame), MIRAI_E_CONNRESET);
    assert_int_equal(mirai__link_flush(links.a), MIRAI_E_CONNRESET);
    mirai__frame_fini(&frame);
    links_close(&links);
}

static void test_link__gives_up_at_the_deadline(void **state)
{
    link_ends links = links_open(maker_of(state));
    static const size_t sizes[] = {8 << 20};
    mirai__frame frame = make_frame(1, 10, sizes, 1), in;
    assert_int_equal(mirai__link_send_all(links.a, &frame, mirai__deadline(20)), MIRAI_E_TIMEDOUT);
    assert_true(mirai__link_queued(links.a) > 0);
    assert_int_equal(mirai__link_receive(links.a, &in), MIRAI_E_AGAIN);
    assert_int_equal(mirai__link_wait(links.a, false, -1, mirai__deadline(20)), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai__link_wait(links.a, false, -1, mirai__deadline(0)), MIRAI_E_TIMEDOUT);
    mirai__frame_fini(&frame);
    links_close(&links);
}

static void *shut_down(void *argument)
{
    mirai__link_shutdown(argument);
    return NULL;
}

static void test_link__waits_for_whatever_comes_first(void **state)
{
    link_ends links = links_open(maker_of(state));
    mirai__frame in;
    int wake = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(mirai__link_receive(links.a, &in), MIRAI_E_AGAIN);
    assert_int_equal(mirai__link_wait(links.a, false, wake, MIRAI__NEVER), MIRAI_OK);
    (void)close(wake);
    assert_int_equal(mirai__link_wait(links.a, true, -1, MIRAI__NEVER), MIRAI_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, shut_down, links.a), 0);
    assert_int_equal(mirai__link_wait(links.a, false, -1, MIRAI__NEVER), MIRAI_OK);
    assert_int_equal(receive(links.a, &in), MIRAI_E_CLOSED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    links_close(&links);
}

static void test_link__bad_arguments(void **state)
{
    (void)state;
    assert_null(mirai__link_new(NULL, &mirai__limits_local));
    mirai__link_free(NULL);
}

static void test_link__survives_failed_allocations(void **state)
{
    static const size_t sizes[] = {100, 200};
    mirai__frame frame = make_frame(1, 10, sizes, 2), in = {0};
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        channel_ends ends = ends_open(maker_of(state));
        mirai__link *b = mirai__link_new(ends.b, &mirai__limits_local);
        mirai__fault_arm(n, false);
        mirai__link *a = mirai__link_new(ends.a, &mirai__limits_local);
        mirai_status status = a == NULL ? MIRAI_E_NOMEM : mirai__link_send(a, &frame);
        if (status == MIRAI_OK) status = receive(b, &in);
        done = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        assert_int_equal(status, done ? MIRAI_OK : MIRAI_E_NOMEM);
        if (status == MIRAI_OK) mirai__frame_fini(&in);
        mirai__link_free(a);
        mirai__link_free(b);
    }
    mirai__frame_fini(&frame);
}

/* Small frames need no memory until the channel is full. The one that it took a part of cannot be taken back then, and the
 * link is broken; one of which it took nothing was never sent. */
static void test_link__small_frames_need_memory_only_when_it_is_full(void **state)
{
    link_ends links = links_open(maker_of(state));
    mirai__frame frame = make_frame(1, 100, NULL, 0), in = {0};
    mirai__fault_arm(1, true);
    mirai_status status = MIRAI_OK;
    size_t sent = 0;
    for (; status == MIRAI_OK && sent < 1000000; sent += status == MIRAI_OK) status = mirai__link_send(links.a, &frame);
    uint64_t written = mirai__link_written(links.a);
    mirai__fault_arm(0, false);
    size_t queued = mirai__link_queued(links.a);
    mirai_status next = mirai__link_send(links.a, &frame);
    assert_int_equal(status, MIRAI_E_NOMEM);
    assert_int_equal(queued, 0);
    if (written % 164 != 0) /* a header and a body */
        assert_int_equal(next, MIRAI_E_CONNRESET);
    else
        assert_int_equal(next, MIRAI_OK);
    for (size_t i = 0; i < written / 164; i++) {
        assert_int_equal(receive(links.b, &in), MIRAI_OK);
        assert_true(is_frame(&in, 1, 100, NULL, 0));
        mirai__frame_fini(&in);
    }
    mirai__frame_fini(&frame);
    links_close(&links);
}

#define ONE(name, maker)                                                                           \
    {                                                                                              \
        "test_link__" #name "(" #maker ")", test_link__##name, NULL, NULL, &maker                  \
    }
#define BATTERY(maker)                                                                             \
    ONE(carries_frames_of_all_sizes, maker), ONE(carries_large_buffers_both_ways, maker),          \
        ONE(halves_share_nothing, maker), ONE(keeps_a_burst_in_order, maker),                      \
        ONE(takes_frames_in_any_pieces, maker), ONE(refuses_what_is_beyond_the_limits, maker),     \
        ONE(refuses_compression_on_one_host, maker), ONE(refuses_what_is_no_frame, maker),         \
        ONE(ends_in_mid_frame_when_the_peer_closes, maker),                                        \
        ONE(sending_to_a_peer_that_left_fails, maker), ONE(gives_up_at_the_deadline, maker),       \
        ONE(waits_for_whatever_comes_first, maker), ONE(survives_failed_allocations, maker)

int main(void)
{
    static channel_maker pair = BY_PAIR, ring = BY_RING, ipc = BY_IPC, abstract = BY_ABSTRACT, tcp = BY_TCP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link__bad_arguments),
        BATTERY(pair),
        BATTERY(ring),
        BATTERY(ipc),
        BATTERY(abstract),
        BATTERY(tcp),
        ONE(small_frames_need_memory_only_when_it_is_full, pair),
        ONE(small_frames_need_memory_only_when_it_is_full, ring),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
