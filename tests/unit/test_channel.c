/*
 * One battery of cases over every maker of channels. Threads report by return values; assertions are made on
 * the test's own thread. Run as "test_unit_channel peer <what> <where>" it is the other process of a case.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <dirent.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "channel_ends.h"
#include "clock.h"
#include "fault.h"

extern char **environ;

static channel_maker maker_of(void **state)
{
    return *(channel_maker *)*state;
}

static void test_channel__bad_arguments(void **state)
{
    (void)state;
    mirai__channel *channel = NULL;
    int fd = -1;
    assert_int_equal(mirai__channel_pair(NULL, &fd), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_pair(&channel, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_socket(-1, &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_socket(1000000, &channel), MIRAI_E_INVALID);
    /* taken, also on failure */
    size_t before = count_descriptors();
    assert_int_equal(mirai__channel_socket(open("/dev/null", O_RDWR), &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_socket(socket(AF_UNIX, SOCK_DGRAM, 0), &channel), MIRAI_E_INVALID);
    assert_int_equal(mirai__channel_socket(socket(AF_UNIX, SOCK_STREAM, 0), NULL), MIRAI_E_INVALID);
    assert_int_equal(count_descriptors(), before);
    assert_null(channel);
}

/* ---- threads of the process ---- */

static size_t count_threads(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static void test_channel__a_pair_starts_no_thread(void **state)
{
    (void)state;
    size_t before = count_threads();
    for (channel_maker maker = BY_PAIR; maker <= BY_RING; maker++) {
        channel_ends ends = ends_open(maker);
        char text[6];
        assert_true(write_all(ends.a, "hello", 6));
        assert_true(read_all(ends.b, text, 6));
        assert_string_equal(text, "hello");
        ends_close(&ends);
    }
    assert_int_equal(count_threads(), before);
}

/* How many threads of NNG's there are, after checking that each has all signals blocked. */
static size_t check_masks(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[300], line[128];
        unsigned long long mask = 0;
        bool ours = false;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file == NULL) continue;
        while (fgets(line, sizeof line, file) != NULL) {
            if (strncmp(line, "Name:\tnng:", 10) == 0) ours = true;
            if (strncmp(line, "SigBlk:", 7) == 0) mask = strtoull(line + 7, NULL, 16);
        }
        (void)fclose(file);
        if (!ours) continue;
        count++;
        for (int number = 1; number < 32; number++)
            if (number != SIGKILL && number != SIGSTOP)
                assert_true((mask >> (number - 1)) & 1);
    }
    (void)closedir(folder);
    return count;
}

static void test_channel__nng_threads_block_signals(void **state)
{
    (void)state;
    sigset_t before, after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    channel_ends ends = ends_open(BY_ABSTRACT);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    assert_true(check_masks() > 0);
    ends_close(&ends);
}

/* ---- moving bytes ---- */

static void *echo(void *argument)
{
    mirai__channel *channel = argument;
    static uint8_t block[50000]; /* one echo at a time */
    for (;;) {
        ssize_t got = channel->ops->read(channel, block, sizeof block);
        if (got == -EAGAIN) {
            if (!wait_for(channel, POLLIN)) return (void *)"no data";
        } else if (got <= 0) {
            return NULL;
        } else if (!write_all(channel, block, (size_t)got)) {
            return (void *)"not written";
        }
    }
}

static void test_channel__echoes(void **state)
{
    static const size_t sizes[] = {0,    1,     2,     63,     64,     65,     4095,    4096,
                                   4097, 65535, 65536, 131071, 131072, 131073, 1000000, 1048576};
    channel_ends ends = ends_open(maker_of(state));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, echo, ends.b), 0);
    uint8_t *out = malloc(1 << 20), *in = malloc(1 << 20);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        /* Small enough for the buffers on the way, so that one thread may write before it reads. */
        size_t step = 60000;
        fill_pattern(out, sizes[i], i);
        for (size_t at = 0; at < sizes[i]; at += step) {
            size_t part = sizes[i] - at < step ? sizes[i] - at : step;
            assert_true(write_all(ends.a, out + at, part));
            assert_true(read_all(ends.a, in + at, part));
        }
        assert_true(is_pattern(in, sizes[i], i));
    }
    ends.a->ops->shutdown(ends.a);
    void *complaint;
    assert_int_equal(pthread_join(thread, &complaint), 0);
    assert_null(complaint);
    free(out);
    free(in);
    ends_close(&ends);
}

enum { STREAM_SIZE = 8 << 20 };

typedef struct flow {
    mirai__channel *channel;
    unsigned seed;
    size_t piece; /* how much to offer or ask for at once */
    bool good;
} flow;

static void *pour(void *argument)
{
    flow *self = argument;
    uint8_t *data = malloc(STREAM_SIZE);
    fill_pattern(data, STREAM_SIZE, self->seed);
    self->good = true;
    for (size_t at = 0; at < STREAM_SIZE && self->good; at += self->piece) {
        size_t part = STREAM_SIZE - at < self->piece ? STREAM_SIZE - at : self->piece;
        self->good = write_all(self->channel, data + at, part);
    }
    free(data);
    return NULL;
}

static void *drink(void *argument)
{
    flow *self = argument;
    uint8_t *data = malloc(STREAM_SIZE);
    self->good = true;
    for (size_t at = 0; at < STREAM_SIZE && self->good; at += self->piece) {
        size_t part = STREAM_SIZE - at < self->piece ? STREAM_SIZE - at : self->piece;
        self->good = read_all(self->channel, data + at, part);
    }
    self->good = self->good && is_pattern(data, STREAM_SIZE, self->seed);
    free(data);
    return NULL;
}

static void test_channel__carries_both_ways_at_once(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    flow flows[4] = {{.channel = ends.a, .seed = 1, .piece = 100000},
                     {.channel = ends.b, .seed = 1, .piece = 77777},
                     {.channel = ends.b, .seed = 2, .piece = 3000},
                     {.channel = ends.a, .seed = 2, .piece = 500000}};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 == 0 ? pour : drink, &flows[i]), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 4; i++) assert_true(flows[i].good);
    ends_close(&ends);
}

static void test_channel__gathers_vectors(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    uint8_t data[3000], back[3000];
    fill_pattern(data, sizeof data, 9);
    struct iovec vectors[2000];
    int count = 0;
    size_t at = 0;
    for (size_t size = 0; count < 2000; size = (size + 1) % 4) {
        if (at + size > sizeof data) break;
        vectors[count++] = (struct iovec){.iov_base = data + at, .iov_len = size};
        at += size;
    }
    /* More than the system takes at once: a part is taken. */
    ssize_t put = ends.a->ops->write(ends.a, vectors, count);
    assert_true(put > 1000 && (size_t)put <= at);
    assert_true(read_all(ends.b, back, (size_t)put));
    assert_true(is_pattern(back, (size_t)put, 9));
    assert_int_equal(ends.a->ops->read(ends.a, back, 0), -EINVAL);
    ends_close(&ends);
}

/* ---- readiness ---- */

static bool is_ready(const mirai__channel *channel, short event)
{
    struct pollfd one = {.fd = channel->fd, .events = event};
    return poll(&one, 1, 0) == 1;
}

/* Write until no more is taken, also after the pipeline has settled; returns how much. */
static size_t write_until_full(mirai__channel *channel)
{
    static const uint8_t block[30000];
    struct iovec vector = {.iov_base = (void *)(uintptr_t)block, .iov_len = sizeof block};
    size_t total = 0;
    struct pollfd one = {.fd = channel->fd, .events = channel->ops->writable(channel)};
    do {
        ssize_t put;
        while ((put = channel->ops->write(channel, &vector, 1)) >= 0) total += (size_t)put;
        assert_int_equal(put, -EAGAIN);
    } while (poll(&one, 1, 100) == 1);
    return total;
}

static void test_channel__holds_back_a_writer_that_is_ahead(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    short event = ends.a->ops->writable(ends.a);
    size_t total = write_until_full(ends.a);
    assert_true(total > 60000 && total < (8u << 20));
    /* Neither way is ready, so nobody spins. */
    uint8_t byte;
    assert_int_equal(ends.a->ops->read(ends.a, &byte, 1), -EAGAIN);
    assert_false(is_ready(ends.a, POLLIN));
    assert_false(is_ready(ends.a, event));
    assert_int_equal(ends.a->ops->write(ends.a, NULL, 0), is_inherited(maker_of(state)) ? 0 : -EAGAIN);
    assert_false(is_ready(ends.a, event));
    /* Data in the other direction changes nothing for the writer, and the reader's news stays. */
    assert_true(write_all(ends.b, "x", 1));
    assert_true(wait_for(ends.a, POLLIN));
    assert_false(is_ready(ends.a, POLLOUT));
    assert_true(is_ready(ends.a, POLLIN));
    assert_true(read_all(ends.a, &byte, 1));
    assert_int_equal(ends.a->ops->read(ends.a, &byte, 1), -EAGAIN);
    assert_false(is_ready(ends.a, POLLIN));
    /* Room comes as the reader reads. */
    uint8_t *back = malloc(total);
    assert_true(read_all(ends.b, back, total));
    free(back);
    assert_true(wait_for(ends.a, event));
    while (ends.a->ops->write(ends.a, NULL, 0) == -EAGAIN)
        assert_true(wait_for(ends.a, event));
    assert_true(write_all(ends.a, "y", 1));
    assert_true(read_all(ends.b, &byte, 1));
    assert_int_equal(byte, 'y');
    ends_close(&ends);
}

enum { MUCH = 4 << 20 };

static void *write_much(void *argument)
{
    static const uint8_t block[MUCH];
    return write_all(argument, block, sizeof block) ? argument : NULL;
}

static void test_channel__wakes_a_blocked_writer(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    size_t left = write_until_full(ends.a) + MUCH;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_much, ends.a), 0);
    static uint8_t waste[1000];
    void *written = NULL;
    while (left > 0) {
        size_t part = left < sizeof waste ? left : sizeof waste;
        if (!read_all(ends.b, waste, part)) break;
        left -= part;
    }
    assert_int_equal(pthread_join(thread, &written), 0);
    assert_ptr_equal(written, ends.a);
    ends_close(&ends);
}

static void test_channel__is_quiet_when_idle(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    uint8_t byte = 7;
    assert_int_equal(ends.a->ops->read(ends.a, &byte, 1), -EAGAIN);
    assert_false(is_ready(ends.a, POLLIN));
    assert_int_equal(ends.a->ops->write(ends.a, NULL, 0), 0);
    for (int i = 0; i < 200; i++) {
        assert_true(write_all(ends.b, &byte, 1));
        assert_true(wait_for(ends.a, POLLIN));
        assert_true(read_all(ends.a, &byte, 1));
        assert_int_equal(ends.a->ops->read(ends.a, &byte, 1), -EAGAIN);
        assert_false(is_ready(ends.a, POLLIN));
    }
    ends_close(&ends);
}

/* ---- ends ---- */

/* Reads to the end; what the last read gave. */
static ssize_t read_to_end(mirai__channel *channel)
{
    static uint8_t waste[65536];
    for (;;) {
        ssize_t got = channel->ops->read(channel, waste, sizeof waste);
        if (got == -EAGAIN) {
            if (!wait_for(channel, POLLIN)) return 1;
        } else if (got <= 0) {
            return got;
        }
    }
}

/* Writes until it fails; with what. */
static ssize_t write_to_end(mirai__channel *channel)
{
    static const uint8_t block[10000];
    struct iovec vector = {.iov_base = (void *)(uintptr_t)block, .iov_len = sizeof block};
    for (;;) {
        ssize_t put = channel->ops->write(channel, &vector, 1);
        if (put == -EAGAIN) {
            if (!wait_for(channel, channel->ops->writable(channel))) return 1;
        } else if (put < 0) {
            return put;
        }
    }
}

static void test_channel__gives_all_before_the_end(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    uint8_t data[50000], back[50000], byte;
    fill_pattern(data, sizeof data, 3);
    assert_true(write_all(ends.a, data, sizeof data));
    while (ends.a->ops->write(ends.a, NULL, 0) == -EAGAIN)
        assert_true(wait_for(ends.a, ends.a->ops->writable(ends.a)));
    ends.a->ops->free(ends.a);
    ends.a = NULL;
    assert_true(read_all(ends.b, back, sizeof back));
    assert_true(is_pattern(back, sizeof back, 3));
    assert_int_equal(read_to_end(ends.b), 0);
    for (int i = 0; i < 3; i++) assert_int_equal(ends.b->ops->read(ends.b, &byte, 1), 0);
    assert_true(is_ready(ends.b, POLLIN));
    ssize_t failed = write_to_end(ends.b);
    assert_true(failed < 0);
    for (int i = 0; i < 3; i++) assert_true(write_to_end(ends.b) < 0);
    ends_close(&ends);
}

static void *shut_down(void *argument)
{
    mirai__channel *channel = argument;
    for (int i = 0; i < 3; i++) channel->ops->shutdown(channel);
    return NULL;
}

static void test_channel__shutdown_wakes_a_reader(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    uint8_t byte;
    assert_int_equal(ends.a->ops->read(ends.a, &byte, 1), -EAGAIN);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, shut_down, ends.a), 0);
    assert_true(wait_for(ends.a, POLLIN));
    assert_true(read_to_end(ends.a) <= 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(write_to_end(ends.a) < 0);
    assert_true(read_to_end(ends.b) <= 0);
    ends_close(&ends);
}

static void test_channel__shutdown_wakes_a_writer(void **state)
{
    channel_ends ends = ends_open(maker_of(state));
    (void)write_until_full(ends.a);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, shut_down, ends.a), 0);
    assert_true(write_to_end(ends.a) < 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    ends_close(&ends);
}

static void test_channel__closing_does_not_wait_for_the_peer(void **state)
{
    for (int i = 0; i < 20; i++) {
        channel_ends ends = ends_open(maker_of(state));
        (void)write_all(ends.a, "abc", 3);
        if (i == 0) {
            (void)write_until_full(ends.a);
            (void)write_until_full(ends.b);
        }
        ends_close(&ends);
    }
}

/* ---- a peer that is killed ---- */

/* The other process: connects and then does `what` until it is killed. */
static int be_peer(const char *what, const char *where)
{
    mirai__channel *channel = NULL;
    mirai_status status = strchr(where, ':') != NULL
                              ? mirai__dial(where, mirai__deadline(GUARD_MS), &channel)
                              : mirai__channel_inherited(atoi(where), &channel);
    if (status != MIRAI_OK || !write_all(channel, "up", 3)) return 1;
    if (strcmp(what, "flood") == 0) return write_to_end(channel) == 0;
    for (;;) (void)pause();
}

static pid_t start_peer(const char *what, const char *where, int fd)
{
    pid_t pid = -1;
    char program[4096] = {0}; /* read, because under valgrind the link itself leads to valgrind */
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    char *arguments[] = {program, "peer", (char *)(uintptr_t)what, (char *)(uintptr_t)where, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    if (fd >= 0) assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fd, 3), 0);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void kill_peer_that(channel_maker maker, const char *what)
{
    mirai__channel *channel = NULL;
    pid_t pid;
    if (is_inherited(maker)) {
        int fd = -1;
        assert_int_equal(make_inherited(maker, &channel, &fd), MIRAI_OK);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(channel->fd, F_GETFD) & FD_CLOEXEC);
        int high = fcntl(fd, F_DUPFD_CLOEXEC, 10); /* dup2 onto itself would keep the flag */
        pid = start_peer(what, "3", high);
        (void)close(fd);
        (void)close(high);
    } else {
        mirai__listener *listener = fresh_listener(maker);
        pid = start_peer(what, mirai__listener_url(listener), -1);
        channel = accept_one(listener);
        mirai__listener_free(listener);
    }
    char text[3];
    assert_true(read_all(channel, text, 3));
    assert_string_equal(text, "up");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(read_to_end(channel) <= 0);
    assert_true(write_to_end(channel) < 0);
    channel->ops->free(channel);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void test_channel__notices_a_killed_peer(void **state)
{
    kill_peer_that(maker_of(state), "silent");
    kill_peer_that(maker_of(state), "flood");
}

/* ---- many, and often ---- */

static void test_channel__many_at_once(void **state)
{
    enum { MANY = 50 };
    channel_ends ends[MANY];
    for (int i = 0; i < MANY; i++) ends[i] = ends_open(maker_of(state));
    for (int i = 0; i < MANY; i++) {
        assert_true(write_all(ends[i].a, &i, sizeof i));
        assert_true(write_all(ends[i].b, &i, sizeof i));
    }
    for (int i = 0; i < MANY; i++) {
        int a = -1, b = -1;
        assert_true(read_all(ends[i].a, &a, sizeof a));
        assert_true(read_all(ends[i].b, &b, sizeof b));
        assert_int_equal(a, i);
        assert_int_equal(b, i);
    }
    for (int i = 0; i < MANY; i++) ends_close(&ends[i]);
}

static void test_channel__leaves_descriptors_as_they_were(void **state)
{
    channel_ends first = ends_open(maker_of(state)); /* NNG's own descriptors */
    ends_close(&first);
    assert_true(descriptors_fall_to(64));
    size_t before = count_descriptors();
    int cycles = getenv("MIRAI_TEST_CYCLES") != NULL ? atoi(getenv("MIRAI_TEST_CYCLES")) : 300;
    for (int i = 0; i < cycles; i++) {
        channel_ends ends = ends_open(maker_of(state));
        if (i % 3 != 0) assert_true(write_all(ends.a, "traffic", 7));
        if (i % 5 == 0) ends.b->ops->shutdown(ends.b);
        ends_close(&ends);
    }
    assert_true(descriptors_fall_to(before));
}

/* ---- out of memory and descriptors ---- */

static void test_channel__survives_failed_allocations(void **state)
{
    channel_maker maker = maker_of(state);
    mirai__listener *listener = is_inherited(maker) ? NULL : fresh_listener(maker);
    channel_ends warm = ends_open(maker);
    ends_close(&warm);
    assert_true(descriptors_fall_to(64));
    size_t before = count_descriptors();
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        mirai__channel *channel = NULL;
        int fd = -1;
        mirai__fault_arm(n, false);
        mirai_status status =
            is_inherited(maker) ? make_inherited(maker, &channel, &fd)
                                : mirai__dial(mirai__listener_url(listener),
                                              mirai__deadline(GUARD_MS), &channel);
        done = mirai__fault_count() < n;
        mirai__fault_arm(0, false);
        assert_true(done ? status == MIRAI_OK : status == MIRAI_E_NOMEM || status == MIRAI_E_NOFILES);
        if (status == MIRAI_OK) channel->ops->free(channel);
        if (fd >= 0) (void)close(fd);
    }
    mirai__channel *left;
    while (listener != NULL && mirai__listener_accept(listener, &left) == MIRAI_OK)
        left->ops->free(left);
    /* The listener may still hold one that it accepted. */
    assert_true(descriptors_fall_to(before + (listener != NULL ? 16 : 0)));
    mirai__listener_free(listener);
    assert_true(descriptors_fall_to(before));
}

#define ONE(name, maker) {"test_channel__" #name "(" #maker ")", test_channel__##name, NULL, NULL, &maker}
#define BATTERY(maker)                                                                             \
    ONE(echoes, maker), ONE(carries_both_ways_at_once, maker), ONE(gathers_vectors, maker),        \
        ONE(holds_back_a_writer_that_is_ahead, maker), ONE(wakes_a_blocked_writer, maker),         \
        ONE(is_quiet_when_idle, maker), ONE(gives_all_before_the_end, maker),                      \
        ONE(shutdown_wakes_a_reader, maker), ONE(shutdown_wakes_a_writer, maker),                  \
        ONE(closing_does_not_wait_for_the_peer, maker), ONE(notices_a_killed_peer, maker),         \
        ONE(many_at_once, maker), ONE(leaves_descriptors_as_they_were, maker),                     \
        ONE(survives_failed_allocations, maker)

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "peer") == 0) return be_peer(argv[2], argv[3]);
    static channel_maker pair = BY_PAIR, ring = BY_RING, ipc = BY_IPC, abstract = BY_ABSTRACT, tcp = BY_TCP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel__bad_arguments),
        cmocka_unit_test(test_channel__a_pair_starts_no_thread),
        BATTERY(pair),
        BATTERY(ring),
        cmocka_unit_test(test_channel__a_pair_starts_no_thread),
        cmocka_unit_test(test_channel__nng_threads_block_signals),
        BATTERY(ipc),
        BATTERY(abstract),
        BATTERY(tcp),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
