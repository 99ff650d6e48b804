/*
 * hostile_ring: see hostile_ring.h.
 */
#include "hostile_ring.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LANES = 128, LANE = 512, HEAD = 128, SLEEPING = 256, WAITING = 384, DATA = 4096, WORDS = 64 };

static struct {
    int fd;
    uint8_t *base;
    size_t size; /* of one ring */
    uint64_t head, tail;
} ring = {.fd = -1};

/* Word of the ring that we read (0) or write (1). */
static _Atomic uint64_t *index_at(int which, int at)
{
    return (_Atomic uint64_t *)(ring.base + LANES + LANE * which + at);
}

static _Atomic uint32_t *flag_at(int which, int at)
{
    return (_Atomic uint32_t *)(ring.base + LANES + LANE * which + at);
}

static int take_descriptor(int fd)
{
    char byte = 0;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int memory = -1;
    if (recvmsg(fd, &message, MSG_DONTWAIT) == 1 && byte == 'R' && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof memory);
    return memory;
}

bool hostile_ring_open(int fd)
{
    char byte;
    struct stat status;
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || byte != 'R') return false;
    int memory = take_descriptor(fd);
    if (memory < 0 || fstat(memory, &status) != 0) return false;
    void *base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    (void)close(memory);
    if (base == MAP_FAILED) return false;
    ring.base = base;
    ring.size = ((size_t)status.st_size - DATA) / 2;
    ring.fd = fd;
    return true;
}

bool hostile_ring_is_open(int fd)
{
    return fd >= 0 && fd == ring.fd;
}

bool hostile_ring_put(const void *data, size_t size)
{
    const uint8_t *from = data;
    static const char bells[4096];
    while (size > 0) {
        size_t room = ring.size - (size_t)(ring.tail - atomic_load(index_at(1, HEAD)));
        if (room == 0) {
            atomic_store(flag_at(1, WAITING), 1);
            while (send(ring.fd, bells, sizeof bells, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
            if (errno != EAGAIN) return false;
            if (atomic_load(index_at(1, HEAD)) != ring.tail - ring.size) continue;
            struct pollfd one = {.fd = ring.fd, .events = POLLOUT};
            (void)poll(&one, 1, -1);
            continue;
        }
        size_t part = size < room ? size : room;
        for (size_t i = 0; i < part; i++)
            ring.base[DATA + ring.size + (ring.tail + i) % ring.size] = from[i];
        ring.tail += part;
        from += part;
        size -= part;
        atomic_store(index_at(1, 0), ring.tail);
        if (atomic_exchange(flag_at(1, SLEEPING), 0) != 0 && send(ring.fd, bells, 1, MSG_NOSIGNAL) < 0 &&
            errno != EAGAIN)
            return false;
    }
    return true;
}

bool hostile_ring_get(void *data, size_t size)
{
    uint8_t *into = data;
    char bells[4096];
    while (size > 0) {
        size_t there = (size_t)(atomic_load(index_at(0, 0)) - ring.head);
        if (there == 0) {
            atomic_store(flag_at(0, SLEEPING), 1);
            if (atomic_load(index_at(0, 0)) != ring.head) continue;
            if (recv(ring.fd, bells, sizeof bells, 0) <= 0 && errno != EINTR) return false;
            continue;
        }
        size_t part = size < there ? size : there;
        for (size_t i = 0; i < part; i++) into[i] = ring.base[DATA + (ring.head + i) % ring.size];
        ring.head += part;
        into += part;
        size -= part;
        atomic_store(index_at(0, HEAD), ring.head);
    }
    return true;
}

/* ---- lies ------------------------------------------------------------------------------------ */

static bool ring_bell(void)
{
    return send(ring.fd, "", 1, MSG_NOSIGNAL) == 1;
}

static void scribble(void)
{
    uint64_t seed = (uint64_t)getpid();
    do {
        for (int i = 0; i < 1000; i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            _Atomic uint64_t *word = (_Atomic uint64_t *)(ring.base + 8 * (seed >> 40 & 255));
            atomic_store(word, seed >> (seed >> 58));
        }
    } while (ring_bell());
}

bool hostile_ring_lie(const char *mode)
{
    if (ring.base == NULL) return false;
    if (strcmp(mode, "ring_tail") == 0) {
        atomic_store(index_at(1, 0), UINT64_MAX);
        (void)ring_bell();
    } else if (strcmp(mode, "ring_head") == 0) {
        for (;;) { /* before and after the next frame of the host's */
            struct timespec moment = {.tv_nsec = 100000};
            atomic_store(index_at(0, HEAD), ring.head - ring.size);
            (void)nanosleep(&moment, NULL);
        }
    } else if (strcmp(mode, "ring_back") == 0) {
        atomic_store(index_at(1, 0), ring.tail - 1);
        (void)ring_bell();
    } else if (strcmp(mode, "ring_scribble") == 0) {
        scribble();
    } else if (strcmp(mode, "ring_bells") == 0) {
        static const char bells[65536];
        while (send(ring.fd, bells, sizeof bells, MSG_NOSIGNAL) > 0) continue;
    } else {
        return false;
    }
    return true;
}
