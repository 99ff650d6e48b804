/*
 * Buffers that stay where they are: between the two ends of a ring, which this process holds both; and what a peer
 * must not say of them.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "borrower.h"
#include "fault.h"
#include "lender.h"
#include "link.h"

#define MIB ((size_t)1 << 20)

typedef struct ends {
    mirai__slabs *slabs;
    mirai__lender *lender;
    mirai__link *host, *daemon;
} ends;

static void close_ends(ends *ends)
{
    mirai__link_free(ends->host);
    mirai__link_free(ends->daemon);
    mirai__lender_free(ends->lender);
    mirai__slabs_close(ends->slabs);
}

/* The host lends, the daemon borrows. What failed is NULL. */
static bool try_open(ends *ends)
{
    mirai__channel *host, *daemon;
    int fd;
    *ends = (struct ends){.slabs = mirai__slabs_new(64 * MIB)};
    if (ends->slabs == NULL) return false;
    ends->lender = mirai__lender_new(ends->slabs);
    if (ends->lender == NULL || mirai__channel_ring(&host, &fd) != MIRAI_OK) return false;
    ends->host = mirai__link_new(host, &mirai__limits_local);
    if (mirai__channel_inherited(fd, &daemon) == MIRAI_OK)
        ends->daemon = mirai__link_new(daemon, &mirai__limits_local);
    return ends->host != NULL && ends->daemon != NULL &&
           mirai__link_share_memory(ends->host, ends->lender) == MIRAI_OK &&
           mirai__link_share_memory(ends->daemon, NULL) == MIRAI_OK;
}

static ends open_ends(void)
{
    ends ends;
    assert_true(try_open(&ends));
    return ends;
}

/* A message of one buffer of each size, each of bytes of its own. NULL: no memory. */
static mirai__segment *message(mirai__slabs *slabs, const size_t *sizes, size_t count)
{
    mirai_buffer *buffers[64] = {NULL};
    for (size_t i = 0; i < count; i++) {
        buffers[i] = mirai__slabs_buffer(slabs, sizes[i]);
        if (buffers[i] != NULL) memset(mirai__buffer_bytes(buffers[i]), (int)i + 1, sizes[i]);
    }
    return mirai__segment_new("x", 1, buffers, count);
}

static mirai_status send_segment(ends *ends, mirai__segment *segment)
{
    const mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .task = 1, .attempt = 1, .segment = segment};
    return mirai__link_send(ends->host, &frame);
}

/* Both sides move until the frame is there. */
static mirai_status receive(ends *ends, mirai__frame *frame)
{
    mirai_status status;
    while ((status = mirai__link_receive(ends->daemon, frame)) == MIRAI_E_AGAIN) {
        status = mirai__link_flush(ends->host);
        if (status != MIRAI_OK && status != MIRAI_E_AGAIN) break;
    }
    return status;
}

/* The daemon says what is due, and the host hears it. */
static void settle(ends *ends)
{
    mirai__frame frame;
    assert_int_equal(mirai__link_flush(ends->daemon), MIRAI_OK);
    assert_int_equal(mirai__link_receive(ends->host, &frame), MIRAI_E_AGAIN);
}

static bool is_lent(ends *ends, const mirai_buffer *sent, const mirai_buffer *got)
{
    mirai__slab_place place;
    return mirai__slabs_find(ends->slabs, sent, &place) && !mirai__buffer_is_sole(sent) && got != sent;
}

static void test_lending__bad_arguments(void **state)
{
    (void)state;
    mirai__lender_free(NULL);
    mirai__borrower_close(NULL);
    assert_null(mirai__lender_offer(NULL, NULL));
    mirai__borrower *borrower = mirai__borrower_new();
    mirai_buffer *buffer;
    uint64_t first, count;
    const mirai__lent none = {.slab = 1};
    assert_int_equal(mirai__borrower_map(borrower, open("/dev/null", O_RDONLY | O_CLOEXEC)), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__borrower_forget(borrower, 1), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__borrower_take(borrower, &none, 1, &buffer), MIRAI_E_PROTOCOL);
    assert_false(mirai__borrower_next(borrower, &first, &count));
    mirai__borrower_close(borrower);
}

static void test_lending__buffers_arrive_without_their_bytes(void **state)
{
    (void)state;
    const size_t sizes[] = {100, 40000, 3 * MIB, 50000, MIB, 1};
    enum { COUNT = 6 };
    ends ends = open_ends();
    for (int round = 0; round < 20; round++) {
        mirai__frame frame;
        mirai__segment *sent = message(ends.slabs, sizes, COUNT);
        uint64_t before = mirai__link_written(ends.host);
        assert_int_equal(send_segment(&ends, sent), MIRAI_OK);
        assert_int_equal(receive(&ends, &frame), MIRAI_OK);
        assert_true(mirai__link_written(ends.host) - before < 1000);
        for (size_t i = 0; i < COUNT; i++) {
            const mirai_buffer *got = mirai__segment_buffers(frame.segment)[i];
            assert_int_equal(mirai_buffer_size(got), sizes[i]);
            assert_memory_equal(mirai_buffer_data(got), mirai_buffer_data(mirai__segment_buffers(sent)[i]), sizes[i]);
            assert_int_equal(is_lent(&ends, mirai__segment_buffers(sent)[i], got), sizes[i] >= MIRAI__SLAB_MIN);
        }
        assert_int_equal(mirai__lender_leases(ends.lender), 4);
        mirai__frame_fini(&frame);
        assert_true(mirai__link_owes(ends.daemon));
        settle(&ends);
        assert_false(mirai__link_owes(ends.daemon));
        assert_int_equal(mirai__lender_leases(ends.lender), 0);
        mirai__segment_release(sent);
    }
    uint64_t bytes, idle;
    mirai__slabs_count(ends.slabs, &bytes, &idle);
    assert_int_equal(bytes, 7 * MIB); /* the same ones all the time */
    close_ends(&ends);
}

/* A buffer that is read may outlive the link, and what it was lent from. */
static void test_lending__leases_outlive(void **state)
{
    (void)state;
    const size_t size = 2 * MIB;
    ends ends = open_ends();
    mirai__frame frame;
    mirai__segment *sent = message(ends.slabs, &size, 1);
    assert_int_equal(send_segment(&ends, sent), MIRAI_OK);
    assert_int_equal(receive(&ends, &frame), MIRAI_OK);
    mirai__segment_release(sent);
    uint64_t bytes, idle;
    mirai__slabs_count(ends.slabs, &bytes, &idle);
    assert_int_equal(idle, 0);
    close_ends(&ends);
    assert_int_equal(((const uint8_t *)mirai_buffer_data(mirai__segment_buffers(frame.segment)[0]))[size - 1], 1);
    mirai__frame_fini(&frame);
}

/* More slabs than are passed with one frame: the bytes of the others travel. Those that go are forgotten. */
static void test_lending__many_slabs(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    size_t sizes[COUNT];
    ends ends = open_ends();
    for (size_t i = 0; i < COUNT; i++) sizes[i] = MIB + 4096 * (i + 1);
    for (int round = 0; round < 4; round++) {
        mirai__frame frame;
        mirai__segment *sent = message(ends.slabs, sizes, COUNT);
        assert_int_equal(send_segment(&ends, sent), MIRAI_OK);
        assert_int_equal(receive(&ends, &frame), MIRAI_OK);
        for (size_t i = 0; i < COUNT; i++)
            assert_memory_equal(mirai_buffer_data(mirai__segment_buffers(frame.segment)[i]), mirai_buffer_data(mirai__segment_buffers(sent)[i]),
                                sizes[i]);
        mirai__frame_fini(&frame);
        mirai__segment_release(sent);
        settle(&ends);
        assert_int_equal(mirai__lender_leases(ends.lender), 0);
    }
    assert_true(mirai__slabs_dropped(ends.slabs) > 0);
    assert_int_equal(mirai__link_flush(ends.host), MIRAI_OK);
    mirai__frame frame;
    assert_int_equal(mirai__link_receive(ends.daemon, &frame), MIRAI_E_AGAIN);
    close_ends(&ends);
}

/* ---- private views --------------------------------------------------------------------------- */

static bool is_all(const mirai_buffer *buffer, uint8_t byte)
{
    const uint8_t *data = mirai_buffer_data(buffer);
    return data[0] == byte && memcmp(data, data + 1, mirai_buffer_size(buffer) - 1) == 0;
}

/* A message of one buffer goes there; what arrives is all that is left of it. */
static mirai_buffer *send_one(ends *ends, size_t size, uint8_t byte)
{
    mirai__frame frame;
    mirai__segment *sent = message(ends->slabs, &size, 1);
    memset(mirai__buffer_bytes(mirai__segment_buffers(sent)[0]), byte, size);
    assert_int_equal(send_segment(ends, sent), MIRAI_OK);
    mirai__segment_release(sent);
    assert_int_equal(receive(ends, &frame), MIRAI_OK);
    mirai_buffer *got = mirai_buffer_ref(mirai__segment_buffers(frame.segment)[0]);
    mirai__frame_fini(&frame);
    return got;
}

/* What is written is seen by nobody else, and by nobody later, though it is one memory each time. */
static void test_lending__private_views(void **state)
{
    (void)state;
    const size_t size = 3 * MIB + 100;
    ends ends = open_ends();
    const void *place = NULL;
    for (uint8_t round = 1; round < 30; round++) {
        uint8_t *data;
        mirai_buffer *lent = send_one(&ends, size, round), *own = mirai_buffer_ref(lent);
        assert_int_equal(mirai_buffer_private(&own, (void **)&data), MIRAI_OK);
        assert_int_equal(mirai_buffer_is_frozen(own), 0);
        assert_true(own != lent && is_all(own, round));
        assert_true(place == NULL || data == place);
        place = data;
        for (size_t at = round * 1000; at < size; at += round * 20000) data[at] = 200;
        if (round % 10 == 0) memset(data, 200, size);
        data[0] = data[size - 1] = 201;
        assert_true(is_all(lent, round));
        mirai_buffer_release(lent);
        settle(&ends);
        assert_int_equal(mirai__lender_leases(ends.lender), 1); /* the view is of that memory */
        assert_int_equal(data[0], 201);
        mirai_buffer_release(own);
        settle(&ends);
        assert_int_equal(mirai__lender_leases(ends.lender), 0);
    }
    uint64_t bytes, idle;
    mirai__slabs_count(ends.slabs, &bytes, &idle);
    assert_true(bytes < 4 * MIB);
    close_ends(&ends);
}

/* Two at a time of one buffer, of its slices, and of one that is small: each has its own bytes. */
static void test_lending__private_bytes_of_all_kinds(void **state)
{
    (void)state;
    ends ends = open_ends();
    mirai_buffer *lent = send_one(&ends, 4 * MIB, 7);
    mirai_buffer *owns[] = {mirai_buffer_slice(lent, MIB + 100, 2 * MIB), mirai_buffer_slice(lent, 64, MIB - 64),
                            mirai_buffer_ref(lent), mirai_buffer_ref(lent)};
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t *data;
        assert_int_equal(mirai_buffer_private(&owns[i], (void **)&data), MIRAI_OK);
        assert_true(is_all(owns[i], 7));
        memset(data, 8 + i, mirai_buffer_size(owns[i]));
    }
    assert_true(is_all(lent, 7));
    mirai_buffer_release(lent);
    for (uint8_t i = 0; i < 4; i++) {
        assert_true(is_all(owns[i], 8 + i));
        mirai_buffer_release(owns[i]);
    }
    settle(&ends);
    assert_int_equal(mirai__lender_leases(ends.lender), 0);
    close_ends(&ends);
}

/* It may outlive the link, like any buffer of a peer's. */
static void test_lending__private_views_outlive(void **state)
{
    (void)state;
    ends ends = open_ends();
    uint8_t *data;
    mirai_buffer *own = send_one(&ends, 2 * MIB, 5);
    assert_int_equal(mirai_buffer_private(&own, (void **)&data), MIRAI_OK);
    data[4096] = 6;
    close_ends(&ends);
    assert_true(data[0] == 5 && data[4096] == 6 && data[8192] == 5);
    mirai_buffer_release(own);
}

/* Whatever fails: the bytes are there, or there is no memory for them; and the next view shows what is there then. */
static void test_lending__private_views_without_memory(void **state)
{
    (void)state;
    bool whole = false;
    for (int64_t n = 1; !whole; n++)
        for (int sticky = 0; sticky < 2; sticky++) {
            ends ends = open_ends();
            for (uint8_t round = 1; round < 4; round++) {
                uint8_t *data;
                mirai_buffer *own = send_one(&ends, 2 * MIB, round);
                mirai__fault_arm(n, sticky);
                mirai_status status = mirai_buffer_private(&own, (void **)&data);
                if (status == MIRAI_OK) {
                    assert_true(is_all(own, round));
                    data[4096] = data[2 * MIB - 1] = 99;
                }
                assert_true(status == MIRAI_OK || (status == MIRAI_E_NOMEM && sticky && is_all(own, round)));
                mirai_buffer_release(own);
                whole = mirai__fault_count() < n;
                mirai__fault_arm(0, false);
                settle(&ends);
                assert_int_equal(mirai__lender_leases(ends.lender), 0);
            }
            close_ends(&ends);
        }
}

/* ---- lies ------------------------------------------------------------------------------------ */

/* A frame that the daemon sends and that breaks the rules. */
static void expect_refused(const mirai__frame *lie)
{
    const size_t size = MIB;
    ends ends = open_ends();
    mirai__frame frame;
    mirai__segment *sent = message(ends.slabs, &size, 1);
    assert_int_equal(send_segment(&ends, sent), MIRAI_OK);
    assert_int_equal(receive(&ends, &frame), MIRAI_OK);
    assert_int_equal(mirai__link_send(ends.daemon, lie), MIRAI_OK);
    mirai__frame got;
    assert_int_equal(mirai__link_receive(ends.host, &got), MIRAI_E_PROTOCOL);
    mirai__frame_fini(&frame);
    mirai__segment_release(sent);
    close_ends(&ends);
}

static void test_lending__lies_about_leases_and_slabs(void **state)
{
    (void)state;
    const mirai__frame lies[] = {
        {.kind = MIRAI__FRAME_RELEASE, .task = 2, .attempt = 1},
        {.kind = MIRAI__FRAME_RELEASE, .task = 1, .attempt = 2},
        {.kind = MIRAI__FRAME_RELEASE, .task = 1, .attempt = 0},
        {.kind = MIRAI__FRAME_RELEASE, .task = 0, .attempt = 1},
        {.kind = MIRAI__FRAME_RELEASE, .task = UINT64_MAX, .attempt = UINT64_MAX},
        {.kind = MIRAI__FRAME_FORGET, .task = 0},
        {.kind = MIRAI__FRAME_FORGET, .task = 1},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) expect_refused(&lies[i]);
    mirai__segment *segment = message(NULL, &(size_t){100}, 1);
    const mirai__lent lent[] = {{.slab = 1}, {.slab = UINT64_MAX, .lease = 1}, {.slab = 2, .offset = 64}};
    for (size_t i = 0; i < sizeof lent / sizeof *lent; i++) {
        const mirai__frame lie = {.kind = MIRAI__FRAME_RESULT, .segment = segment, .lent = &lent[i]};
        expect_refused(&lie);
    }
    mirai__segment_release(segment);
}

static void test_lending__buffers_lie_in_slabs(void **state)
{
    (void)state;
    mirai__slabs *slabs = mirai__slabs_new(64 * MIB);
    mirai__borrower *borrower = mirai__borrower_new();
    mirai_buffer *inside = mirai__slabs_buffer(slabs, 2 * MIB), *buffer = NULL;
    mirai__slab_place place;
    assert_true(mirai__slabs_find(slabs, inside, &place));
    assert_int_equal(mirai__borrower_map(borrower, fcntl(place.fd, F_DUPFD_CLOEXEC, 0)), MIRAI_OK);
    assert_int_equal(mirai__borrower_known(borrower), 1);
    const struct {
        mirai__lent lent;
        uint64_t size;
    } wrong[] = {
        {{.slab = 1, .offset = 0}, 2 * MIB + 1},     {{.slab = 1, .offset = 64}, 2 * MIB},
        {{.slab = 1, .offset = 2 * MIB + 64}, 0},    {{.slab = 1, .offset = UINT64_MAX - 63}, 64},
        {{.slab = 1, .offset = 1}, 1},               {{.slab = 1, .offset = 64}, UINT64_MAX},
        {{.slab = 2, .offset = 0}, 1},               {{.slab = 0, .offset = 0}, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mirai__borrower_take(borrower, &wrong[i].lent, wrong[i].size, &buffer), MIRAI_E_PROTOCOL);
    const mirai__lent right = {.slab = 1, .offset = MIB, .lease = 7};
    assert_int_equal(mirai__borrower_take(borrower, &right, MIB, &buffer), MIRAI_OK);
    assert_int_equal(mirai__borrower_forget(borrower, 1), MIRAI_OK); /* the buffer keeps it */
    assert_int_equal(mirai__borrower_take(borrower, &right, MIB, &(mirai_buffer *){NULL}), MIRAI_E_PROTOCOL);
    assert_memory_equal(mirai_buffer_data(buffer), (const uint8_t *)mirai_buffer_data(inside) + MIB, MIB);
    mirai_buffer_release(buffer);
    uint64_t first, count;
    assert_true(mirai__borrower_next(borrower, &first, &count));
    assert_true(first == 7 && count == 1);
    mirai__borrower_close(borrower);
    mirai_buffer_release(inside);
    mirai__slabs_close(slabs);
}

/* Whatever fails, what arrives is what was sent, and nothing leaks. */
static void test_lending__without_memory(void **state)
{
    (void)state;
    const size_t sizes[] = {50000, 2 * MIB};
    bool whole = false;
    for (int64_t n = 1; !whole; n++) {
        ends ends;
        mirai__frame frame = {.segment = NULL};
        mirai__segment *sent = NULL;
        mirai__fault_arm(n, false);
        bool good = try_open(&ends);
        if (good) sent = message(ends.slabs, sizes, 2);
        good = sent != NULL && send_segment(&ends, sent) == MIRAI_OK && receive(&ends, &frame) == MIRAI_OK;
        whole = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        for (size_t i = 0; good && i < 2; i++)
            assert_memory_equal(mirai_buffer_data(mirai__segment_buffers(frame.segment)[i]), mirai_buffer_data(mirai__segment_buffers(sent)[i]),
                                sizes[i]);
        assert_true(good || !whole);
        mirai__frame_fini(&frame);
        mirai__segment_release(sent);
        close_ends(&ends);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lending__bad_arguments),
        cmocka_unit_test(test_lending__buffers_arrive_without_their_bytes),
        cmocka_unit_test(test_lending__leases_outlive),
        cmocka_unit_test(test_lending__many_slabs),
        cmocka_unit_test(test_lending__private_views),
        cmocka_unit_test(test_lending__private_bytes_of_all_kinds),
        cmocka_unit_test(test_lending__private_views_outlive),
        cmocka_unit_test(test_lending__private_views_without_memory),
        cmocka_unit_test(test_lending__lies_about_leases_and_slabs),
        cmocka_unit_test(test_lending__buffers_lie_in_slabs),
        cmocka_unit_test(test_lending__without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
