/*
 * Rings in shared memory: between two threads, between two processes of which one is killed, and
 * with a peer that writes what it likes where the indices are.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel_ends.h"
#include "fault.h"
#include "shared_ring.h"

enum { SIZE = (int)MIRAI__SHARED_RING_SIZE };

/* Where the words of a ring lie; FORMAT.md. */
enum { TAIL = 0, HEAD = 128, SLEEPING = 256, LANE = 512, LANES = 128 };

static _Atomic uint64_t *word(const mirai__rings *rings, int which, int at)
{
    return (_Atomic uint64_t *)((uint8_t *)rings->base + LANES + which * LANE + at);
}

typedef struct ends {
    mirai__rings a, b;
    mirai__ring_writer writer;
    mirai__ring_reader reader;
} ends;

static ends open_ends(void)
{
    ends ends;
    int fd;
    assert_int_equal(mirai__rings_create(&ends.a, &fd), MIRAI_OK);
    assert_int_equal(mirai__rings_attach(&ends.b, fd), MIRAI_OK);
    (void)close(fd);
    ends.writer = mirai__ring_writer_of(&ends.a, 0);
    ends.reader = mirai__ring_reader_of(&ends.b, 0);
    assert_int_equal(mirai__ring_reader_wake(&ends.reader), MIRAI__RING_BELL); /* it sleeps at first */
    return ends;
}

static void close_ends(ends *ends)
{
    mirai__rings_close(&ends->a);
    mirai__rings_close(&ends->b);
}

static void test_shared_ring__bad_arguments(void **state)
{
    (void)state;
    mirai__rings rings;
    assert_int_equal(mirai__rings_attach(&rings, -1), MIRAI_E_PROTOCOL);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(mirai__rings_attach(&rings, fd), MIRAI_E_PROTOCOL);
    (void)close(fd);
    /* Of the right size, and empty. */
    mirai__rings good;
    struct stat status;
    assert_int_equal(mirai__rings_create(&good, &fd), MIRAI_OK);
    assert_int_equal(fstat(fd, &status), 0);
    int blank = memfd_create("blank", MFD_CLOEXEC);
    assert_int_equal(ftruncate(blank, status.st_size), 0);
    assert_int_equal(mirai__rings_attach(&rings, blank), MIRAI_E_PROTOCOL);
    (void)close(blank);
    (void)close(fd);
    mirai__rings_close(&good);
    mirai__rings_close(&good);

    mirai__channel *channel = NULL;
    size_t before = count_descriptors();
    assert_int_equal(mirai__channel_ring(NULL, &fd), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_ring(&channel, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_inherited(-1, &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_inherited(open("/dev/null", O_RDWR), &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_inherited(socket(AF_UNIX, SOCK_STREAM, 0), NULL), MIRAI_E_INVALID);
    int sockets[2]; /* an offer without memory */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    assert_int_equal(write(sockets[0], "R", 1), 1);
    assert_int_equal(mirai__channel_inherited(sockets[1], &channel), MIRAI_E_NOFILES);
    (void)close(sockets[0]);
    assert_int_equal(count_descriptors(), before);
}

static void test_shared_ring__memory_is_there_and_stays(void **state)
{
    (void)state;
    mirai__rings rings;
    struct stat status;
    int fd;
    assert_int_equal(mirai__rings_create(&rings, &fd), MIRAI_OK);
    assert_int_equal(fstat(fd, &status), 0);
    assert_true(status.st_blocks * 512 >= status.st_size);
    assert_int_not_equal(ftruncate(fd, 4096), 0);
    assert_int_not_equal(ftruncate(fd, status.st_size + 4096), 0);
    assert_int_not_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    (void)close(fd);
    mirai__rings_close(&rings);
}

static void test_shared_ring__a_limit_of_files_is_an_error(void **state)
{
    (void)state;
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 65536;
    mirai__rings rings;
    int fd;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    mirai_status status = mirai__rings_create(&rings, &fd); /* and no signal */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, MIRAI_E_SYSTEM);
}

static void test_shared_ring__survives_failed_steps(void **state)
{
    (void)state;
    bool done = false;
    size_t before = count_descriptors();
    for (int64_t n = 1; !done; n++) {
        mirai__rings rings;
        int fd = -1;
        mirai__fault_arm(n, false);
        mirai_status status = mirai__rings_create(&rings, &fd);
        done = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        assert_true(done == (status == MIRAI_OK));
        if (status != MIRAI_OK) continue;
        (void)close(fd);
        mirai__rings_close(&rings);
    }
    assert_int_equal(count_descriptors(), before);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void put_all(mirai__ring_writer *writer, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t put = mirai__ring_writer_put(writer, data + at, size - at);
        assert_true(put > 0);
        at += (size_t)put;
    }
}

static size_t take_all(mirai__ring_reader *reader, uint8_t *into, size_t size)
{
    size_t at = 0;
    ssize_t got;
    while ((got = mirai__ring_reader_take(reader, into + at, size - at)) > 0) at += (size_t)got;
    assert_int_equal(got, 0);
    return at;
}

static void test_shared_ring__goes_round(void **state)
{
    (void)state;
    ends ends = open_ends();
    static uint8_t out[SIZE], in[SIZE];
    static const size_t sizes[] = {1, SIZE - 1, SIZE, 3, SIZE / 2, SIZE / 2 + 1, 77777, SIZE};
    for (unsigned round = 0; round < 40; round++) {
        size_t size = sizes[round % (sizeof sizes / sizeof *sizes)];
        fill_pattern(out, size, round);
        put_all(&ends.writer, out, size);
        assert_false(mirai__ring_reader_look(&ends.reader)); /* not published */
        assert_int_equal(take_all(&ends.reader, in, SIZE), 0);
        assert_false(mirai__ring_writer_publish(&ends.writer, false));
        assert_true(mirai__ring_reader_look(&ends.reader));
        assert_int_equal(take_all(&ends.reader, in, size / 3), size / 3);
        assert_int_equal(take_all(&ends.reader, in + size / 3, SIZE - size / 3), size - size / 3);
        assert_true(is_pattern(in, size, round));
    }
    close_ends(&ends);
}

static void test_shared_ring__full_is_full(void **state)
{
    (void)state;
    ends ends = open_ends();
    static uint8_t block[SIZE];
    put_all(&ends.writer, block, SIZE);
    assert_int_equal(mirai__ring_writer_put(&ends.writer, block, 1), 0);
    (void)mirai__ring_writer_publish(&ends.writer, false);
    assert_false(mirai__ring_reader_grant(&ends.reader)); /* nobody waits */
    mirai__ring_writer_wish(&ends.writer, true);
    assert_int_equal(mirai__ring_writer_is_roomy(&ends.writer), 0);
    assert_int_equal(take_all(&ends.reader, block, SIZE / 2 - 1), SIZE / 2 - 1);
    assert_false(mirai__ring_reader_grant(&ends.reader));
    assert_int_equal(mirai__ring_writer_is_roomy(&ends.writer), 0);
    assert_int_equal(take_all(&ends.reader, block, 1), 1);
    assert_true(mirai__ring_reader_grant(&ends.reader));
    assert_false(mirai__ring_reader_grant(&ends.reader)); /* once */
    assert_int_equal(mirai__ring_writer_is_roomy(&ends.writer), 1);
    close_ends(&ends);
}

static void test_shared_ring__a_sleeper_is_owed_one_bell(void **state)
{
    (void)state;
    ends ends = open_ends();
    uint8_t byte = 0;
    assert_false(mirai__ring_reader_sleep(&ends.reader, MIRAI__RING_BELL));
    assert_false(mirai__ring_writer_publish(&ends.writer, false)); /* there is nothing to tell */
    put_all(&ends.writer, &byte, 1);
    assert_true(mirai__ring_writer_publish(&ends.writer, false));
    put_all(&ends.writer, &byte, 1);
    assert_false(mirai__ring_writer_publish(&ends.writer, false));
    assert_int_equal(mirai__ring_reader_wake(&ends.reader), MIRAI__RING_AWAKE); /* it was rung */
    assert_true(mirai__ring_reader_sleep(&ends.reader, MIRAI__RING_BELL)); /* there is something */
    assert_int_equal(mirai__ring_reader_wake(&ends.reader), MIRAI__RING_BELL);
    put_all(&ends.writer, &byte, 1);
    assert_false(mirai__ring_writer_publish(&ends.writer, false));
    close_ends(&ends);
}

/* ---- lies ------------------------------------------------------------------------------------ */

static void test_shared_ring__a_lying_writer_is_found_out(void **state)
{
    (void)state;
    static const uint64_t lies[] = {SIZE + 1, UINT64_MAX, UINT64_C(1) << 63, (uint64_t)SIZE * 2};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        ends ends = open_ends();
        uint8_t byte;
        atomic_store(word(&ends.a, 0, TAIL), lies[i]);
        assert_true(mirai__ring_reader_look(&ends.reader));
        assert_int_equal(mirai__ring_reader_take(&ends.reader, &byte, 1), -EPROTO);
        close_ends(&ends);
    }
    /* And one that goes back. */
    ends ends = open_ends();
    uint8_t bytes[100] = {0};
    put_all(&ends.writer, bytes, 100);
    (void)mirai__ring_writer_publish(&ends.writer, false);
    assert_int_equal(take_all(&ends.reader, bytes, 10), 10);
    atomic_store(word(&ends.a, 0, TAIL), 50);
    assert_int_equal(mirai__ring_reader_take(&ends.reader, bytes, 100), -EPROTO);
    close_ends(&ends);
}

static void test_shared_ring__a_lying_reader_is_found_out(void **state)
{
    (void)state;
    static const uint64_t lies[] = {101, UINT64_MAX, UINT64_C(1) << 63, 3};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        ends ends = open_ends();
        static uint8_t block[SIZE];
        put_all(&ends.writer, block, 100);
        (void)mirai__ring_writer_publish(&ends.writer, false);
        atomic_store(word(&ends.a, 0, HEAD), 50);
        assert_int_equal(mirai__ring_writer_is_roomy(&ends.writer), 1);
        atomic_store(word(&ends.a, 0, HEAD), lies[i]);
        assert_int_equal(mirai__ring_writer_is_roomy(&ends.writer), -EPROTO);
        assert_int_equal(mirai__ring_writer_put(&ends.writer, block, SIZE), -EPROTO);
        close_ends(&ends);
    }
}

/* Whatever stands there, at any time: nobody hangs or reads beyond. (Sanitizers watch.) */
static void test_shared_ring__noise_does_no_harm(void **state)
{
    (void)state;
    uint64_t seed = 1;
    static uint8_t block[SIZE];
    for (int i = 0; i < 300; i++) {
        ends ends = open_ends();
        for (int step = 0; step < 6; step++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            uint64_t value = seed >> (seed >> 58);
            atomic_store(word(&ends.a, 0, (int)(seed >> 40) % 4 * 128), value);
            (void)mirai__ring_writer_put(&ends.writer, block, value % SIZE);
            (void)mirai__ring_writer_publish(&ends.writer, false);
            (void)mirai__ring_reader_take(&ends.reader, block, (value >> 7) % SIZE);
            (void)mirai__ring_reader_grant(&ends.reader);
            (void)mirai__ring_reader_sleep(&ends.reader, MIRAI__RING_BELL);
        }
        close_ends(&ends);
    }
}

/* One may wait before one has ever read. */
static void test_shared_ring__the_first_wait_needs_no_read(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    assert_true(write_all(ends.a, "a", 1));
    assert_true(wait_for(ends.b, POLLIN));
    assert_true(write_all(ends.b, "b", 1));
    assert_true(wait_for(ends.a, POLLIN));
    ends_close(&ends);
}

/* Bells that were left unread are no loss; bytes are. */
static void test_shared_ring__tells_what_a_peer_had_not_read(void **state)
{
    (void)state;
    for (int unread = 0; unread < 2; unread++) {
        channel_ends ends = ends_open(BY_RING);
        uint8_t bytes[3];
        assert_true(write_all(ends.a, "abc", 3));
        assert_true(read_all(ends.b, bytes, unread ? 2 : 3));
        assert_true(write_all(ends.b, "xyz", 3));
        ends.b->ops->free(ends.b);
        ends.b = NULL;
        assert_true(read_all(ends.a, bytes, 3));
        assert_memory_equal(bytes, "xyz", 3);
        while (ends.a->ops->read(ends.a, bytes, 3) == -EAGAIN) assert_true(wait_for(ends.a, POLLIN));
        for (int i = 0; i < 3; i++)
            assert_int_equal(ends.a->ops->read(ends.a, bytes, 3), unread ? -ECONNRESET : 0);
        ends_close(&ends);
    }
}

/* ---- two threads, over channels -------------------------------------------------------------- */

typedef struct walker {
    mirai__channel *channel;
    uint32_t seed;
    size_t total;
    bool good;
} walker;

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* Most pieces are small, some larger than the ring. */
static size_t piece_of(uint32_t *seed)
{
    uint32_t kind = draw(seed) % 16;
    return 1 + draw(seed) % (kind == 0 ? SIZE * 2 : kind < 4 ? 70000 : 200);
}

/* Now and then a moment of another length, to open every window. */
static void dawdle(uint32_t *seed)
{
    uint32_t kind = draw(seed) % 64;
    if (kind == 0) {
        struct timespec pause = {.tv_nsec = (long)(draw(seed) % 200000)};
        (void)nanosleep(&pause, NULL);
    } else if (kind < 8) {
        for (volatile uint32_t i = draw(seed) % 3000; i > 0; i--) continue;
    }
}

static uint8_t byte_at(size_t at)
{
    return (uint8_t)((at * 0x9E3779B97F4A7C15u) >> 56);
}

static void *walk_out(void *argument)
{
    walker *self = argument;
    uint8_t *block = malloc(SIZE * 2 + 1);
    self->good = true;
    for (size_t at = 0; at < self->total && self->good;) {
        size_t size = piece_of(&self->seed);
        if (size > self->total - at) size = self->total - at;
        for (size_t i = 0; i < size; i++) block[i] = byte_at(at + i);
        self->good = write_all(self->channel, block, size);
        at += size;
        dawdle(&self->seed);
    }
    free(block);
    return NULL;
}

static void *walk_in(void *argument)
{
    walker *self = argument;
    uint8_t *block = malloc(SIZE * 2 + 1);
    self->good = true;
    for (size_t at = 0; at < self->total && self->good;) {
        size_t size = piece_of(&self->seed);
        if (size > self->total - at) size = self->total - at;
        self->good = read_all(self->channel, block, size);
        for (size_t i = 0; i < size && self->good; i++) self->good = block[i] == byte_at(at + i);
        at += size;
        dawdle(&self->seed);
    }
    free(block);
    return NULL;
}

/* A wake-up that is lost leaves two threads asleep: write_all() and read_all() then give up. */
static void test_shared_ring__loses_no_wake_up(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 6; round++) {
        channel_ends ends = ends_open(BY_RING);
        walker walkers[4] = {{.channel = ends.a}, {.channel = ends.b}, {.channel = ends.b}, {.channel = ends.a}};
        pthread_t threads[4];
        for (uint32_t i = 0; i < 4; i++) {
            walkers[i].seed = round * 4 + i + (uint32_t)getpid() * 1000;
            walkers[i].total = (size_t)3 << 20;
            assert_int_equal(pthread_create(&threads[i], NULL, i % 2 == 0 ? walk_out : walk_in, &walkers[i]), 0);
        }
        for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < 4; i++) assert_true(walkers[i].good);
        ends_close(&ends);
    }
}

/* One byte there and one back: each side falls asleep each time. */
static void *answer(void *argument)
{
    walker *self = argument;
    uint8_t byte;
    self->good = true;
    for (size_t i = 0; i < self->total && self->good; i++) {
        self->good = read_all(self->channel, &byte, 1) && write_all(self->channel, &byte, 1);
        dawdle(&self->seed);
    }
    return NULL;
}

static void test_shared_ring__loses_no_small_wake_up(void **state)
{
    (void)state;
    channel_ends ends = ends_open(BY_RING);
    walker walker = {.channel = ends.b, .seed = 5, .total = 5000};
    uint32_t seed = 6;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &walker), 0);
    for (size_t i = 0; i < walker.total; i++) {
        uint8_t out = (uint8_t)i, in = 0;
        assert_true(write_all(ends.a, &out, 1));
        dawdle(&seed);
        assert_true(read_all(ends.a, &in, 1));
        assert_int_equal(in, out);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(walker.good);
    ends_close(&ends);
}

/* ---- a hostile or a dying peer, over channels ------------------------------------------------ */

/* The rings of a channel's daemon, and its socket, as a liar would have them. */
static int open_liar(mirai__channel **host, mirai__rings *rings)
{
    int fd = -1, memory = -1;
    assert_int_equal(mirai__channel_ring(host, &fd), MIRAI_OK);
    char byte;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    assert_int_equal(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), 1);
    memcpy(&memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof memory);
    assert_int_equal(mirai__rings_attach(rings, memory), MIRAI_OK);
    (void)close(memory);
    return fd;
}

static void test_shared_ring__a_lie_ends_the_channel(void **state)
{
    (void)state;
    mirai__channel *host = NULL;
    mirai__rings rings;
    int fd = open_liar(&host, &rings);
    uint8_t byte, block[100] = {0};
    struct iovec vector = {.iov_base = block, .iov_len = sizeof block};
    assert_int_equal(host->ops->read(host, &byte, 1), -EAGAIN);
    atomic_store(word(&rings, 1, TAIL), UINT64_MAX / 2);
    for (int i = 0; i < 3; i++) assert_int_equal(host->ops->read(host, &byte, 1), -EPROTO);
    atomic_store(word(&rings, 0, HEAD), UINT64_MAX / 2);
    ssize_t put;
    do {
        put = host->ops->write(host, &vector, 1);
    } while (put > 0);
    assert_int_equal(put, -EPROTO);
    assert_int_equal(host->ops->write(host, &vector, 1), -EPROTO);
    host->ops->free(host);
    mirai__rings_close(&rings);
    (void)close(fd);
}

/* Bells that nobody asked for wake a reader; they neither keep it awake nor fill anything up. */
static void test_shared_ring__needless_bells_are_taken_away(void **state)
{
    (void)state;
    mirai__channel *host = NULL;
    mirai__rings rings;
    int fd = open_liar(&host, &rings);
    uint8_t byte;
    static const char bells[1000];
    for (int i = 0; i < 100; i++) {
        assert_int_equal(host->ops->read(host, &byte, 1), -EAGAIN);
        assert_int_equal(write(fd, bells, sizeof bells), sizeof bells);
        assert_true(wait_for(host, POLLIN));
        assert_int_equal(host->ops->read(host, &byte, 1), -EAGAIN);
        struct pollfd one = {.fd = host->fd, .events = POLLIN};
        assert_int_equal(poll(&one, 1, 0), 0);
    }
    host->ops->free(host);
    mirai__rings_close(&rings);
    (void)close(fd);
}

/* Killed at any moment: the stream ends, after whole bytes of the right kind. */
static void test_shared_ring__a_killed_peer_ends_the_stream(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        mirai__channel *host = NULL;
        int fd = -1;
        assert_int_equal(mirai__channel_ring(&host, &fd), MIRAI_OK);
        pid_t pid = fork();
        if (pid == 0) {
            mirai__channel *channel = NULL;
            (void)close(host->fd); /* else it would keep its own end from ending */
            if (mirai__channel_inherited(fd, &channel) != MIRAI_OK) _exit(1);
            walker self = {.channel = channel, .seed = round, .total = (size_t)1 << 30};
            (void)walk_out(&self);
            _exit(2);
        }
        (void)close(fd);
        static uint8_t block[50000];
        size_t at = 0, until = round * 40000;
        bool killed = false;
        ssize_t got;
        while ((got = host->ops->read(host, block, sizeof block)) != 0) {
            if (got == -EAGAIN) {
                assert_true(wait_for(host, POLLIN));
                continue;
            }
            assert_true(got > 0);
            for (ssize_t i = 0; i < got; i++) assert_int_equal(block[i], byte_at(at + (size_t)i));
            at += (size_t)got;
            if (at >= until && !killed) assert_int_equal(kill(pid, SIGKILL), 0);
            killed = killed || at >= until;
        }
        assert_true(killed);
        struct iovec vector = {.iov_base = block, .iov_len = sizeof block};
        do {
            got = host->ops->write(host, &vector, 1);
        } while (got >= 0);
        assert_int_equal(got, -EPIPE);
        host->ops->free(host);
        int how;
        assert_int_equal(waitpid(pid, &how, 0), pid);
        assert_true(WIFSIGNALED(how));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_ring__bad_arguments),
        cmocka_unit_test(test_shared_ring__memory_is_there_and_stays),
        cmocka_unit_test(test_shared_ring__a_limit_of_files_is_an_error),
        cmocka_unit_test(test_shared_ring__survives_failed_steps),
        cmocka_unit_test(test_shared_ring__goes_round),
        cmocka_unit_test(test_shared_ring__full_is_full),
        cmocka_unit_test(test_shared_ring__a_sleeper_is_owed_one_bell),
        cmocka_unit_test(test_shared_ring__a_lying_writer_is_found_out),
        cmocka_unit_test(test_shared_ring__a_lying_reader_is_found_out),
        cmocka_unit_test(test_shared_ring__noise_does_no_harm),
        cmocka_unit_test(test_shared_ring__the_first_wait_needs_no_read),
        cmocka_unit_test(test_shared_ring__tells_what_a_peer_had_not_read),
        cmocka_unit_test(test_shared_ring__loses_no_wake_up),
        cmocka_unit_test(test_shared_ring__loses_no_small_wake_up),
        cmocka_unit_test(test_shared_ring__a_lie_ends_the_channel),
        cmocka_unit_test(test_shared_ring__needless_bells_are_taken_away),
        cmocka_unit_test(test_shared_ring__a_killed_peer_ends_the_stream),
    };
    return cmocka_run_group_tests_name("shared_ring", tests, NULL, NULL);
}
