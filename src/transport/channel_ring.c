/*
 * channel_ring: a channel over two rings in shared memory. All bytes go through the rings. The pair
 * of sockets carries what the kernel must see: bells, bytes without a meaning, and the end.
 *
 * To read: a reader that finds its ring empty says that it sleeps, and looks again; a writer that
 * publishes to a sleeper sends a bell, which makes the descriptor readable. Bells are taken away
 * when the ring is empty and one may be there, so that the descriptor is not readable for long.
 * A reader may doze instead, without the descriptor (channel.h).
 * To write: a writer that finds its ring full stuffs its socket with bells until the kernel takes no
 * more, so that the descriptor is not writable. The reader takes them away when half of the ring
 * is free (or, should it miss the wish, when it is empty), and so makes it writable again.
 * Each direction's state belongs to the thread that reads or writes; no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "channel.h"
#include "detail.h"
#include "fault.h"
#include "passing.h"
#include "shared_ring.h"

/* With the first byte on the socket the host passes the memory. No frame begins with this byte. */
static const char offer = 'R';

typedef struct ring_channel {
    mirai__channel channel; /* first */
    mirai__rings rings;
    _Atomic bool shut; /* by us */
    /* reading */
    mirai__ring_reader in;
    int asleep;       /* MIRAI__RING_BELL or _BUSY: what is owed when there is nothing to read */
    bool wants_bell;  /* a bell is owed, or was sent since we said so */
    bool rung;        /* a bell was sent, or is about to be, that was not taken away */
    bool fed;         /* there was something to read since the ring was last found empty */
    bool hung_up;     /* the peer's end is closed; what is in the ring is still to be read */
    bool read_over;
    ssize_t read_end; /* 0 or -errno */
    mirai__passed passed; /* descriptors that came with the bells */
    /* writing */
    mirai__ring_writer out;
    int buffer;        /* bytes that the socket takes before it is full */
    ssize_t write_end; /* 0: still open, or -errno */
} ring_channel;

/* ---- bells ----------------------------------------------------------------------------------- */

enum { ONE_BELL = 1, STUFFING = 4096 };

/* 0, or -errno when the peer is gone. */
static ssize_t ring_bells(const ring_channel *self, size_t count)
{
    static const char bells[STUFFING];
    ssize_t sent;
    do {
        sent = send(self->channel.fd, bells, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno; /* a full socket rings too */
}

/* A socket is writable while no more than a quarter of its buffer is used. */
static ssize_t stuff(const ring_channel *self)
{
    ssize_t rung = 0;
    for (int i = 0; i <= self->buffer / 4 / STUFFING && rung == 0; i++) rung = ring_bells(self, STUFFING);
    return rung;
}

/* Take the bells away that lie there; sees the end. What comes in the meantime is left: a peer could keep us busy. */
static void take_bells(ring_channel *self)
{
    char waste[2 * STUFFING];
    ssize_t got = mirai__passed_receive(&self->passed, self->channel.fd, waste, sizeof waste);
    if (got > 0) self->rung = false;
    self->hung_up = got == 0 || (got < 0 && got != -EAGAIN);
}

/* ---- reading --------------------------------------------------------------------------------- */

static ssize_t end_reading(ring_channel *self, ssize_t how)
{
    self->read_over = true;
    self->read_end = how;
    return how;
}

/* How the stream ends when the peer has hung up and all that it sent is read. */
static ssize_t hung_up(const ring_channel *self)
{
    return mirai__ring_writer_was_read(&self->out) ? 0 : -ECONNRESET;
}

/* No bell is wanted any more; one that was sent all the same will be taken away. */
static void renounce(ring_channel *self)
{
    if (mirai__ring_reader_wake(&self->in) == MIRAI__RING_AWAKE && self->wants_bell) self->rung = true;
    self->wants_bell = false;
}

/* Nothing was found. False: look once more. Whoever comes for nothing, again, was called by the descriptor. */
static bool fall_asleep(ring_channel *self)
{
    if (self->wants_bell && mirai__ring_reader_owed(&self->in) == MIRAI__RING_AWAKE) self->rung = true;
    if (self->rung || !self->fed) take_bells(self);
    self->fed = false;
    if (self->hung_up) return false; /* and all that it wrote before can be seen now */
    self->wants_bell = true;
    if (!mirai__ring_reader_sleep(&self->in, self->asleep)) return true;
    renounce(self);
    return false;
}

static ssize_t ring_read(mirai__channel *channel, void *into, size_t size)
{
    ring_channel *self = (ring_channel *)channel;
    if (self->read_over) return self->read_end;
    if (size == 0) return -EINVAL; /* its 0 could not be told from the end */
    if (atomic_load_explicit(&self->shut, memory_order_relaxed)) return end_reading(self, 0);
    size_t total = 0;
    for (;;) {
        bool last = self->hung_up;
        ssize_t got = mirai__ring_reader_take(&self->in, (uint8_t *)into + total, size - total);
        if (got < 0) return end_reading(self, got);
        total += (size_t)got;
        if (got > 0) self->fed = true;
        if (got > 0 && mirai__ring_reader_grant(&self->in)) take_bells(self);
        if (total == size || (got == 0 && total > 0)) return (ssize_t)total;
        if (got > 0) continue;
        if (last) return end_reading(self, hung_up(self));
        if (fall_asleep(self)) return -EAGAIN;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static void publish(ring_channel *self)
{
    if (!mirai__ring_writer_publish(&self->out, self->channel.patient)) return;
    ssize_t rung = ring_bells(self, ONE_BELL);
    if (rung < 0) self->write_end = rung;
}

/* Copy in and publish what there is room for; how much, or -EPROTO. */
static ssize_t fill(ring_channel *self, const struct iovec *vectors, int count)
{
    enum { TELL_AFTER = 131072 };
    size_t total = 0, untold = 0;
    for (int i = 0; i < count; i++) {
        size_t done = 0;
        while (done < vectors[i].iov_len) {
            ssize_t put = mirai__ring_writer_put(&self->out, (const uint8_t *)vectors[i].iov_base + done,
                                          vectors[i].iov_len - done);
            if (put < 0) return put;
            if (put == 0) {
                publish(self);
                return (ssize_t)total;
            }
            done += (size_t)put;
            total += (size_t)put;
            untold += (size_t)put;
            if (untold < TELL_AFTER) continue;
            publish(self);
            untold = 0;
        }
    }
    publish(self);
    return (ssize_t)total;
}

/* The ring is full. 1: there is room again; 0: the descriptor tells when; -errno. */
static ssize_t await_room(ring_channel *self)
{
    mirai__ring_writer_wish(&self->out, true);
    ssize_t rung = stuff(self);
    ssize_t roomy = rung < 0 ? rung : mirai__ring_writer_is_roomy(&self->out);
    if (roomy != 0) mirai__ring_writer_wish(&self->out, false);
    return roomy;
}

static bool is_empty(const struct iovec *vectors, int count)
{
    for (int i = 0; i < count; i++)
        if (vectors[i].iov_len > 0) return false;
    return true;
}

static ssize_t ring_write(mirai__channel *channel, const struct iovec *vectors, int count)
{
    ring_channel *self = (ring_channel *)channel;
    if (self->write_end == 0 && atomic_load_explicit(&self->shut, memory_order_relaxed))
        self->write_end = -EPIPE;
    if (self->write_end != 0) return self->write_end;
    if (is_empty(vectors, count)) return 0; /* what was taken is in memory that outlives us */
    ssize_t put = fill(self, vectors, count);
    while (put == 0) {
        ssize_t roomy = await_room(self);
        if (roomy == 0) return -EAGAIN;
        put = roomy < 0 ? roomy : fill(self, vectors, count);
    }
    if (put < 0) self->write_end = put;
    return self->write_end != 0 ? self->write_end : put;
}

static short ring_writable(mirai__channel *channel)
{
    (void)channel;
    return POLLOUT;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void ring_attend(mirai__channel *channel)
{
    ((ring_channel *)channel)->asleep = MIRAI__RING_BUSY;
}

static bool ring_look(mirai__channel *channel)
{
    ring_channel *self = (ring_channel *)channel;
    return self->read_over || mirai__ring_reader_look(&self->in) ||
           atomic_load_explicit(&self->shut, memory_order_relaxed);
}

static void ring_hush(mirai__channel *channel)
{
    renounce((ring_channel *)channel);
}

static bool ring_park(mirai__channel *channel)
{
    ring_channel *self = (ring_channel *)channel;
    if (self->read_over) return false;
    renounce(self);
    return !mirai__ring_reader_sleep(&self->in, MIRAI__RING_DOZE);
}

static void ring_doze(mirai__channel *channel, int timeout_ms)
{
    mirai__ring_reader_doze(&((ring_channel *)channel)->in, timeout_ms);
}

static void ring_rouse(mirai__channel *channel)
{
    mirai__ring_reader_rouse(&((ring_channel *)channel)->in);
}

static void ring_set_active(mirai__channel *channel, int how)
{
    mirai__rings_set_active(&((ring_channel *)channel)->rings, how);
}

static int ring_active(mirai__channel *channel)
{
    return mirai__rings_active(&((ring_channel *)channel)->rings);
}

static mirai__claims *ring_claims(mirai__channel *channel)
{
    return mirai__rings_claims(&((ring_channel *)channel)->rings);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int ring_pass(mirai__channel *channel, const int *fds, int count)
{
    const ring_channel *self = (const ring_channel *)channel;
    if (self->write_end != 0) return (int)self->write_end;
    return mirai__pass(channel->fd, 0, fds, count);
}

static int ring_take(mirai__channel *channel)
{
    ring_channel *self = (ring_channel *)channel;
    if (self->passed.count == 0) take_bells(self);
    return mirai__passed_take(&self->passed);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void ring_shutdown(mirai__channel *channel)
{
    ring_channel *self = (ring_channel *)channel;
    atomic_store_explicit(&self->shut, true, memory_order_relaxed);
    (void)shutdown(channel->fd, SHUT_RDWR);
}

static void ring_free(mirai__channel *channel)
{
    ring_channel *self = (ring_channel *)channel;
    (void)close(channel->fd);
    mirai__passed_fini(&self->passed);
    mirai__rings_close(&self->rings);
    mirai__free(self);
}

static const mirai__channel_ops ring_ops = {
    .read = ring_read,
    .write = ring_write,
    .writable = ring_writable,
    .pass = ring_pass,
    .take = ring_take,
    .shutdown = ring_shutdown,
    .free = ring_free,
};

static const mirai__memory_ops memory_ops = {
    .attend = ring_attend,
    .look = ring_look,
    .hush = ring_hush,
    .park = ring_park,
    .doze = ring_doze,
    .rouse = ring_rouse,
    .set_active = ring_set_active,
    .active = ring_active,
    .claims = ring_claims,
};

/* Takes fd and rings, on success only. `side`: 0 who created the rings, 1 who attached to them. */
static mirai_status wrap(int fd, const mirai__rings *rings, int side, mirai__channel **out)
{
    int buffer = 1; /* the kernel raises it to its minimum; a small buffer is quickly stuffed */
    socklen_t size = sizeof buffer;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, size);
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, &size) != 0)
        return mirai__fail_errno(errno, "descriptor %d", fd);
    ring_channel *self = mirai__alloc_zero(1, sizeof *self);
    if (self == NULL) return MIRAI_E_NOMEM;
    self->channel = (mirai__channel){.ops = &ring_ops, .memory = &memory_ops, .fd = fd, .tells = true};
    self->rings = *rings;
    self->buffer = buffer;
    self->asleep = MIRAI__RING_BELL;
    self->wants_bell = true; /* readers sleep at first */
    atomic_init(&self->shut, false);
    self->out = mirai__ring_writer_of(rings, side);
    self->in = mirai__ring_reader_of(rings, 1 - side);
    *out = &self->channel;
    return MIRAI_OK;
}

static mirai_status equip(int socket, mirai__channel **host)
{
    mirai__rings rings;
    int memory;
    MIRAI_TRY(mirai__rings_create(&rings, &memory));
    int passed = mirai__pass(socket, offer, &memory, 1); /* lies in the daemon's socket before the daemon starts */
    mirai_status status = passed == 0 ? MIRAI_OK : mirai__fail_errno(-passed, "passing on shared memory");
    (void)close(memory);
    if (status == MIRAI_OK) status = wrap(socket, &rings, 0, host);
    if (status != MIRAI_OK) mirai__rings_close(&rings);
    return status;
}

mirai_status mirai__channel_ring(mirai__channel **host, int *daemon_fd)
{
    int ends[2];
    MIRAI_TRY(mirai__channel_ends(host, daemon_fd, ends));
    mirai_status status = equip(ends[0], host);
    if (status == MIRAI_OK) {
        *daemon_fd = ends[1];
    } else {
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    return status;
}

/* Take the offer that lies in the socket. */
static mirai_status accept_offer(int fd, int *memory)
{
    char byte;
    mirai__passed passed = {.count = 0};
    ssize_t got = mirai__passed_receive(&passed, fd, &byte, 1);
    *memory = mirai__passed_take(&passed);
    mirai__passed_fini(&passed);
    return got == 1 && *memory >= 0 ? MIRAI_OK
                                    : mirai__fail(MIRAI_E_NOFILES, "the host's shared memory did not arrive");
}

static mirai_status attach(int fd, mirai__channel **out)
{
    mirai__rings rings;
    int memory = -1;
    MIRAI_TRY(accept_offer(fd, &memory));
    mirai_status status = mirai__rings_attach(&rings, memory);
    (void)close(memory);
    if (status != MIRAI_OK) return status;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        status = mirai__fail_errno(errno, "descriptor %d", fd);
    else
        status = wrap(fd, &rings, 1, out);
    if (status != MIRAI_OK) mirai__rings_close(&rings);
    return status;
}

mirai_status mirai__channel_inherited(int fd, mirai__channel **out)
{
    char first;
    if (fd < 0 || out == NULL || recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || first != offer)
        return mirai__channel_socket(fd, out);
    mirai_status status = attach(fd, out);
    if (status != MIRAI_OK) (void)close(fd);
    return status;
}
