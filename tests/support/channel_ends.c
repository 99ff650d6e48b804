/*
 * channel_ends: see channel_ends.h.
 */
#include "channel_ends.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"

bool is_inherited(channel_maker maker)
{
    return maker == BY_PAIR || maker == BY_RING;
}

mirai_status make_inherited(channel_maker maker, mirai__channel **host, int *daemon_fd)
{
    return maker == BY_RING ? mirai__channel_ring(host, daemon_fd) : mirai__channel_pair(host, daemon_fd);
}

void fresh_url(channel_maker maker, char *url, size_t size)
{
    static _Atomic unsigned serial;
    unsigned number = ++serial;
    const char *folder = getenv("TMPDIR");
    if (folder == NULL) folder = "/tmp";
    if (maker == BY_IPC)
        (void)snprintf(url, size, "ipc://%s/mirai-test-%d-%u", folder, (int)getpid(), number);
    else if (maker == BY_ABSTRACT)
        (void)snprintf(url, size, "abstract://mirai-test-%d-%u", (int)getpid(), number);
    else
        (void)snprintf(url, size, "tcp://127.0.0.1:0");
}

mirai__listener *fresh_listener(channel_maker maker)
{
    char url[200];
    mirai__listener *listener = NULL;
    fresh_url(maker, url, sizeof url);
    assert_int_equal(mirai__listen(url, &listener), MIRAI_OK);
    return listener;
}

mirai__channel *accept_one(mirai__listener *listener)
{
    mirai__channel *channel = NULL;
    for (;;) {
        mirai_status status = mirai__listener_accept(listener, &channel);
        if (status == MIRAI_OK) return channel;
        assert_int_equal(status, MIRAI_E_AGAIN);
        struct pollfd bell = {.fd = mirai__listener_fd(listener), .events = POLLIN};
        assert_int_equal(poll(&bell, 1, GUARD_MS), 1);
    }
}

channel_ends ends_open(channel_maker maker)
{
    channel_ends ends = {0};
    if (is_inherited(maker)) {
        int fd = -1;
        assert_int_equal(make_inherited(maker, &ends.a, &fd), MIRAI_OK);
        assert_int_equal(mirai__channel_inherited(fd, &ends.b), MIRAI_OK);
        return ends;
    }
    mirai__listener *listener = fresh_listener(maker);
    assert_int_equal(
        mirai__dial(mirai__listener_url(listener), mirai__deadline(GUARD_MS), &ends.b), MIRAI_OK);
    ends.a = accept_one(listener);
    mirai__listener_free(listener);
    return ends;
}

void ends_close(channel_ends *ends)
{
    if (ends->a != NULL) ends->a->ops->free(ends->a);
    if (ends->b != NULL) ends->b->ops->free(ends->b);
    *ends = (channel_ends){0};
}

bool wait_for(const mirai__channel *channel, short event)
{
    struct pollfd one = {.fd = channel->fd, .events = event};
    int ready;
    do {
        ready = poll(&one, 1, GUARD_MS);
    } while (ready < 0 && errno == EINTR);
    return ready == 1;
}

bool write_all(mirai__channel *channel, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size > 0) {
        struct iovec vector = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
        ssize_t put = channel->ops->write(channel, &vector, 1);
        if (put == -EAGAIN) {
            if (!wait_for(channel, channel->ops->writable(channel))) return false;
            continue;
        }
        if (put < 0) return false;
        from += put;
        size -= (size_t)put;
    }
    return true;
}

bool read_all(mirai__channel *channel, void *into, size_t size)
{
    uint8_t *to = into;
    while (size > 0) {
        ssize_t got = channel->ops->read(channel, to, size);
        if (got == -EAGAIN) {
            if (!wait_for(channel, POLLIN)) return false;
            continue;
        }
        if (got <= 0) return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

/* A block of the pattern: noise, which is dear to make and so is made once, after the block's number. */
enum { BLOCK = 4093 };

static void make_block(uint8_t block[BLOCK], unsigned seed)
{
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = (uint8_t)(((uint64_t)(i + 1) * 0x9E3779B97F4A7C15u + ((uint64_t)seed << 50)) >> 56);
}

void fill_pattern(uint8_t *data, size_t size, unsigned seed)
{
    uint8_t block[BLOCK];
    make_block(block, seed);
    for (size_t at = 0, number = 0; at < size; at += BLOCK, number++) {
        memcpy(block, &number, sizeof number);
        memcpy(data + at, block, size - at < BLOCK ? size - at : BLOCK);
    }
}

bool is_pattern(const uint8_t *data, size_t size, unsigned seed)
{
    uint8_t block[BLOCK];
    make_block(block, seed);
    for (size_t at = 0, number = 0; at < size; at += BLOCK, number++) {
        memcpy(block, &number, sizeof number);
        if (memcmp(data + at, block, size - at < BLOCK ? size - at : BLOCK) != 0) return false;
    }
    return true;
}

size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) count++;
    (void)closedir(folder);
    return count;
}

bool descriptors_fall_to(size_t most)
{
    int64_t deadline = mirai__deadline(GUARD_MS);
    while (count_descriptors() > most) {
        if (mirai__now_ms() > deadline) return false;
        struct timespec turn = {.tv_nsec = 1000000}; /* NNG tells nobody when it has closed */
        (void)nanosleep(&turn, NULL);
    }
    return true;
}
