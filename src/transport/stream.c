/*
 * stream: a channel over an NNG byte stream: two rings, with one NNG operation at a time filling
 * the one and one emptying the other, and a gate that shows poll how they stand.
 *
 * Readers and writers run on the owner's threads, the two completions on NNG's. `lock` guards all
 * fields but the rings' bytes; it is never held while an operation is handed to NNG. No operation
 * is started once `closed` is set, or if one is all the same, its end is not waited for: NNG
 * forgets a receive that arrives after the close, until the aio is stopped.
 */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "detail.h"
#include "gate.h"
#include "nng_calls.h"
#include "nng_error.h"
#include "ring.h"

/* One for each direction. Half of it costs half as much processor time again per byte, twice of it
 * saves none. */
enum { RING_SIZE = 128 * 1024 };

typedef struct stream {
    mirai__channel channel; /* first */
    pthread_mutex_t lock;
    mirai__gate gate;
    mirai__ring in, out;
    nng_stream *nng;
    nng_aio *receive, *send;
    bool receiving, sending; /* the operation is under way */
    int in_end, out_end;     /* what NNG ended the direction with; 0: it has not */
    bool closed;             /* shutdown was called */
} stream;

/* ---- receiving ---- */

/* Whether to start receiving, which the caller then does without the lock. */
static bool claim_receive(stream *self)
{
    if (self->receiving || self->closed || self->in_end != 0 || self->in.used > RING_SIZE / 2)
        return false;
    self->receiving = true;
    return true;
}

static void hand_over(nng_aio *aio, const struct iovec *pieces, int count)
{
    nng_iov vectors[2];
    for (int i = 0; i < count; i++) {
        vectors[i].iov_buf = pieces[i].iov_base;
        vectors[i].iov_len = pieces[i].iov_len;
    }
    (void)mirai__nng.aio_set_iov(aio, (unsigned)count, vectors); /* fails for more than 8 only */
}

static void start_receive(stream *self)
{
    struct iovec pieces[2];
    (void)pthread_mutex_lock(&self->lock);
    int count = mirai__ring_room(&self->in, pieces);
    (void)pthread_mutex_unlock(&self->lock);
    hand_over(self->receive, pieces, count);
    mirai__nng.stream_recv(self->nng, self->receive);
}

static void on_received(void *argument)
{
    stream *self = argument;
    (void)pthread_mutex_lock(&self->lock);
    self->receiving = false;
    self->in_end = mirai__nng.aio_result(self->receive);
    if (self->in_end == 0) mirai__ring_put(&self->in, mirai__nng.aio_count(self->receive));
    mirai__gate_set_readable(&self->gate, true);
    bool again = claim_receive(self);
    (void)pthread_mutex_unlock(&self->lock);
    if (again) start_receive(self);
}

static ssize_t copy_out(const struct iovec *pieces, int count, uint8_t *into, size_t size)
{
    size_t done = 0;
    for (int i = 0; i < count && done < size; i++) {
        size_t part = pieces[i].iov_len < size - done ? pieces[i].iov_len : size - done;
        memcpy(into + done, pieces[i].iov_base, part);
        done += part;
    }
    return (ssize_t)done;
}

static ssize_t nothing_to_read(stream *self)
{
    if (self->closed || self->in_end == NNG_ECONNSHUT || self->in_end == NNG_ECLOSED) return 0;
    if (self->in_end != 0) return -mirai__nng_errno(self->in_end);
    mirai__gate_set_readable(&self->gate, false);
    return -EAGAIN;
}

static ssize_t stream_read(mirai__channel *channel, void *into, size_t size)
{
    stream *self = (stream *)channel;
    if (size == 0) return -EINVAL;
    struct iovec pieces[2];
    (void)pthread_mutex_lock(&self->lock);
    int count = self->closed ? 0 : mirai__ring_filled(&self->in, pieces);
    ssize_t got = count == 0 ? nothing_to_read(self) : 0;
    (void)pthread_mutex_unlock(&self->lock);
    if (count == 0) return got;

    got = copy_out(pieces, count, into, size);
    (void)pthread_mutex_lock(&self->lock);
    mirai__ring_take(&self->in, (size_t)got);
    bool again = claim_receive(self);
    (void)pthread_mutex_unlock(&self->lock);
    if (again) start_receive(self);
    return got;
}

/* ---- sending ---- */

static void start_send(stream *self)
{
    struct iovec pieces[2];
    (void)pthread_mutex_lock(&self->lock);
    int count = mirai__ring_filled(&self->out, pieces);
    (void)pthread_mutex_unlock(&self->lock);
    hand_over(self->send, pieces, count);
    mirai__nng.stream_send(self->nng, self->send);
}

static void on_sent(void *argument)
{
    stream *self = argument;
    (void)pthread_mutex_lock(&self->lock);
    self->out_end = mirai__nng.aio_result(self->send);
    if (self->out_end == 0) mirai__ring_take(&self->out, mirai__nng.aio_count(self->send));
    bool more = self->out_end == 0 && !self->closed && self->out.used > 0;
    self->sending = more;
    if (self->out_end != 0 || self->out.used <= RING_SIZE / 2)
        mirai__gate_set_writable(&self->gate, true);
    (void)pthread_mutex_unlock(&self->lock);
    if (more) start_send(self);
}

static size_t copy_in(const struct iovec *room, int rooms, const struct iovec *vectors, int count)
{
    size_t done = 0, at = 0; /* `at`: how far into *vectors */
    for (int i = 0; i < rooms; i++) {
        uint8_t *to = room[i].iov_base;
        size_t left = room[i].iov_len;
        while (left > 0 && count > 0) {
            size_t part = vectors->iov_len - at < left ? vectors->iov_len - at : left;
            if (part > 0) memcpy(to, (const uint8_t *)vectors->iov_base + at, part);
            to += part;
            left -= part;
            done += part;
            at += part;
            if (at < vectors->iov_len) continue;
            vectors++;
            count--;
            at = 0;
        }
    }
    return done;
}

static ssize_t stream_write(mirai__channel *channel, const struct iovec *vectors, int count)
{
    stream *self = (stream *)channel;
    struct iovec room[2];
    (void)pthread_mutex_lock(&self->lock);
    ssize_t failed = self->closed         ? -EPIPE
                     : self->out_end != 0 ? -mirai__nng_errno(self->out_end)
                                          : 0;
    int rooms = mirai__ring_room(&self->out, room);
    bool blocked = count > 0 ? rooms == 0 : self->out.used > 0;
    if (failed == 0 && blocked) {
        mirai__gate_set_writable(&self->gate, false);
        failed = -EAGAIN; /* something is being sent, whose completion opens the gate */
    }
    (void)pthread_mutex_unlock(&self->lock);
    if (failed != 0 || count <= 0) return failed;

    size_t done = copy_in(room, rooms, vectors, count);
    (void)pthread_mutex_lock(&self->lock);
    mirai__ring_put(&self->out, done);
    bool start = !self->sending && !self->closed && self->out_end == 0 && self->out.used > 0;
    if (start) self->sending = true;
    (void)pthread_mutex_unlock(&self->lock);
    if (start) start_send(self);
    return (ssize_t)done;
}

static short stream_writable(mirai__channel *channel)
{
    (void)channel;
    return POLLOUT;
}

/* ---- life ---- */

static void stream_shutdown(mirai__channel *channel)
{
    stream *self = (stream *)channel;
    (void)pthread_mutex_lock(&self->lock);
    self->closed = true;
    mirai__gate_set_readable(&self->gate, true);
    mirai__gate_set_writable(&self->gate, true);
    (void)pthread_mutex_unlock(&self->lock);
    mirai__nng.stream_close(self->nng);
}

/* What holds without a stream: also the way back out of a failed start. */
static void release(stream *self)
{
    mirai__nng.aio_free(self->receive); /* NULL is allowed */
    mirai__nng.aio_free(self->send);
    mirai__ring_fini(&self->in);
    mirai__ring_fini(&self->out);
    mirai__gate_fini(&self->gate);
    (void)pthread_mutex_destroy(&self->lock);
    mirai__free(self);
}

static void stream_free(mirai__channel *channel)
{
    stream *self = (stream *)channel;
    stream_shutdown(channel);
    mirai__nng.aio_stop(
        self->receive); /* waits for the completion, if it is running, and for nothing else */
    mirai__nng.aio_stop(self->send);
    mirai__nng.stream_free(self->nng);
    release(self);
}

static const mirai__channel_ops stream_ops = {
    .read = stream_read,
    .write = stream_write,
    .writable = stream_writable,
    .shutdown = stream_shutdown,
    .free = stream_free,
};

/* Whether the peer may be on another machine. An address that cannot be told counts as far away. */
static bool is_off_host(nng_stream *nng)
{
    nng_sockaddr peer;
    if (mirai__nng.stream_get_addr(nng, NNG_OPT_REMADDR, &peer) != 0) return true;
    if (peer.s_family == NNG_AF_INET) return (ntohl(peer.s_in.sa_addr) >> 24) != 127;
    if (peer.s_family != NNG_AF_INET6) return false;
    static const uint8_t self[16] = {[15] = 1};
    static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    const uint8_t *address = (const uint8_t *)peer.s_in6.sa_addr;
    return memcmp(address, self, sizeof self) != 0 && memcmp(address, mapped, sizeof mapped) != 0;
}

bool mirai__stream_is_ours(nng_stream *nng)
{
    uint64_t uid = UINT64_MAX;
    return mirai__nng.stream_get_uint64(nng, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
           uid == (uint64_t)geteuid();
}

static mirai_status prepare(stream *self)
{
    int code = mirai__nng.aio_alloc(&self->receive, on_received, self);
    if (code == 0) code = mirai__nng.aio_alloc(&self->send, on_sent, self);
    if (code != 0) return mirai__nng_fail(code, "stream");
    mirai__nng.aio_set_timeout(self->receive, NNG_DURATION_INFINITE);
    mirai__nng.aio_set_timeout(self->send, NNG_DURATION_INFINITE);
    MIRAI_TRY(mirai__ring_init(&self->in, RING_SIZE));
    return mirai__ring_init(&self->out, RING_SIZE);
}

mirai_status mirai__channel_stream(nng_stream *nng, mirai__channel **out)
{
    stream *self = mirai__alloc_zero(1, sizeof *self);
    if (self == NULL) return MIRAI_E_NOMEM;
    mirai_status status = mirai__gate_init(&self->gate);
    if (status != MIRAI_OK) {
        mirai__free(self);
        return status;
    }
    (void)pthread_mutex_init(&self->lock, NULL); /* cannot fail for a default mutex on Linux */
    status = prepare(self);
    if (status != MIRAI_OK) {
        release(self);
        return status;
    }
    self->nng = nng;
    self->channel =
        (mirai__channel){.ops = &stream_ops, .fd = self->gate.fd, .off_host = is_off_host(nng)};
    self->receiving = true;
    start_receive(self);
    *out = &self->channel;
    return MIRAI_OK;
}
