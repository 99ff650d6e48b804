/*
 * link: see link.h. Each half on the threads of its user, under the user's lock; none here.
 *
 * A frame without buffers that nothing is queued before goes to the channel at once, from where it
 * is. What the channel does not take is queued: one writer per frame, oldest first; and the channel
 * is offered the vectors of as many as fit, so that a burst of small frames costs one system call.
 */
#include "link.h"

#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "link_memory.h"
#include "list.h"
#include "spin.h"

enum { VECTORS_AT_ONCE = 64 };

typedef struct pending {
    mirai__list node;
    mirai__frame_writer *writer;
} pending;

struct mirai__link {
    mirai__channel *channel;
    mirai__link_memory memory;
    /* the receiving half */
    mirai__frame_reader *reader;
    uint64_t received; /* bytes */
    bool unread;  /* it ended, and the peer had not read all that was written */
    bool emptied; /* the last read took all that was there, and the channel's descriptor knows */
    /* the sending half */
    mirai__list queue; /* of pending */
    size_t queued;     /* bytes in it */
    uint64_t written;  /* bytes that the channel took */
    bool hurry;        /* the queue holds what the peer must look at, whatever it does */
    bool draining;     /* a flush found bytes that the channel had taken and not yet passed on */
    int broken;        /* errno of the write that failed; 0: none */
};

/* Nothing is compressed on its way to this machine itself: a peer that does so is up to no good. */
static mirai__limits limits_for(const mirai__channel *channel, const mirai__limits *limits)
{
    mirai__limits own = *limits;
    own.compressed = limits->compressed && channel->off_host;
    return own;
}

mirai__link *mirai__link_new(mirai__channel *channel, const mirai__limits *limits)
{
    if (channel == NULL) {
        (void)mirai__fail(MIRAI_E_INVALID, "a link needs a channel");
        return NULL;
    }
    mirai__limits own = limits_for(channel, limits);
    mirai__link *link = mirai__alloc_zero(1, sizeof *link);
    mirai__frame_reader *reader = link == NULL ? NULL : mirai__frame_reader_new(&own);
    if (reader == NULL) {
        mirai__free(link);
        channel->ops->free(channel);
        return NULL;
    }
    link->channel = channel;
    link->memory.channel = channel;
    link->reader = reader;
    mirai__list_init(&link->queue);
    return link;
}

static void drop(pending *item)
{
    mirai__list_remove(&item->node);
    mirai__frame_writer_free(item->writer);
    mirai__free(item);
}

static pending *first(const mirai__link *link)
{
    mirai__list *node = link->queue.next;
    return node == &link->queue ? NULL : mirai__list_entry(node, pending, node);
}

static void drop_all(mirai__link *link)
{
    for (pending *item; (item = first(link)) != NULL;) drop(item);
    link->queued = 0;
}

void mirai__link_free(mirai__link *link)
{
    if (link == NULL) return;
    link->channel->ops->free(link->channel);
    drop_all(link);
    mirai__borrower_close(link->memory.borrower);
    mirai__frame_reader_free(link->reader);
    mirai__free(link);
}

void mirai__link_shutdown(mirai__link *link)
{
    link->channel->ops->shutdown(link->channel);
}

void mirai__link_limit(mirai__link *link, const mirai__limits *limits)
{
    mirai__limits own = limits_for(link->channel, limits);
    mirai__frame_reader_limit(link->reader, &own);
}

bool mirai__link_passes(const mirai__link *link)
{
    return link->channel->ops->pass != NULL;
}

bool mirai__link_owes(const mirai__link *link)
{
    return link->memory.borrower != NULL && mirai__borrower_owes(link->memory.borrower);
}

mirai_status mirai__link_share_memory(mirai__link *link, mirai__lender *lender)
{
    if (!mirai__link_passes(link)) return MIRAI_OK;
    link->memory.borrower = mirai__borrower_new();
    if (link->memory.borrower == NULL) return MIRAI_E_NOMEM;
    link->memory.lender = lender;
    mirai__frame_reader_borrow(link->reader, mirai__link_memory_borrow, &link->memory);
    return MIRAI_OK;
}

/* ---- sending ---- */

static mirai_status lost(int error)
{
    if (error == EPROTO)
        return mirai__fail(MIRAI_E_PROTOCOL, "the peer broke the rules of the connection");
    (void)mirai__fail_errno(error, "connection lost");
    return MIRAI_E_CONNRESET;
}

/* The next bytes of the queue as vectors; how many vectors, and how many bytes. */
static int gather(const mirai__link *link, struct iovec vectors[VECTORS_AT_ONCE], size_t *bytes)
{
    int count = 0;
    *bytes = 0;
    for (mirai__list *node = link->queue.next; node != &link->queue && count < VECTORS_AT_ONCE;
         node = node->next) {
        const pending *item = mirai__list_entry(node, pending, node);
        count +=
            mirai__frame_writer_vectors(item->writer, vectors + count, VECTORS_AT_ONCE - count);
    }
    for (int i = 0; i < count; i++) *bytes += vectors[i].iov_len;
    return count;
}

/* The channel took `size` bytes from the head of the queue. */
static void advance(mirai__link *link, size_t size)
{
    link->queued -= size;
    link->written += size;
    for (pending *item; (item = first(link)) != NULL;) {
        size_t left = mirai__frame_writer_left(item->writer);
        size_t part = left < size ? left : size;
        if (part > 0) mirai__frame_writer_wrote(item->writer, part);
        if (part < left) return;
        size -= part;
        drop(item);
    }
}

/* Write what the channel takes. MIRAI_OK: it took all; E_AGAIN; E_CONNRESET. */
static mirai_status push(mirai__link *link)
{
    if (link->broken != 0) return lost(link->broken);
    mirai__channel *channel = link->channel;
    channel->patient = !link->hurry;
    while (link->queued > 0) {
        struct iovec vectors[VECTORS_AT_ONCE];
        size_t offered;
        int count = gather(link, vectors, &offered);
        ssize_t taken = channel->ops->write(channel, vectors, count);
        if (taken == -EAGAIN) return MIRAI_E_AGAIN;
        if (taken < 0) {
            link->broken = (int)-taken;
            drop_all(link);
            return lost(link->broken);
        }
        advance(link, (size_t)taken);
        if (channel->exact && (size_t)taken < offered) return MIRAI_E_AGAIN;
    }
    link->hurry = false;
    return MIRAI_OK;
}

/* What a daemon that runs a job may as well look at afterwards. */
static bool is_patient(const mirai__frame *frame)
{
    return frame->kind == MIRAI__FRAME_JOB || frame->kind == MIRAI__FRAME_ENVIRON ||
           frame->kind == MIRAI__FRAME_SHARE || frame->kind == MIRAI__FRAME_UNSHARE ||
           frame->kind == MIRAI__FRAME_RELEASE || frame->kind == MIRAI__FRAME_FORGET;
}

/* Offer the channel a frame that nothing is queued before; *taken: bytes of it that the channel took. Where that is all,
 * nothing had to be allocated. */
static mirai_status write_straight(mirai__link *link, const mirai__frame *frame, size_t *taken, bool *whole)
{
    uint8_t header[MIRAI__FRAME_HEADER_SIZE];
    struct iovec vectors[2];
    *taken = 0;
    *whole = false;
    if (link->queued > 0 || link->channel->off_host) return MIRAI_OK;
    int count = mirai__frame_vectors(frame, header, vectors);
    if (count == 0) return MIRAI_OK;
    link->channel->patient = !link->hurry;
    ssize_t wrote = link->channel->ops->write(link->channel, vectors, count);
    if (wrote == -EAGAIN) return MIRAI_OK;
    if (wrote < 0) {
        link->broken = (int)-wrote;
        return lost(link->broken);
    }
    *taken = (size_t)wrote;
    *whole = *taken == vectors[0].iov_len + (count > 1 ? vectors[1].iov_len : 0);
    link->written += *taken;
    return MIRAI_OK;
}

/* The rest of a frame. */
static mirai_status enqueue(mirai__link *link, const mirai__frame *frame, size_t taken)
{
    pending *item = mirai__alloc(sizeof *item);
    if (item == NULL) return MIRAI_E_NOMEM;
    item->writer = mirai__link_memory_writer(&link->memory, frame);
    if (item->writer == NULL) {
        mirai__free(item);
        return MIRAI_E_NOMEM;
    }
    if (taken > 0) mirai__frame_writer_wrote(item->writer, taken);
    mirai__list_append(&link->queue, &item->node);
    link->queued += mirai__frame_writer_left(item->writer);
    return MIRAI_OK;
}

/* What is to be said of memory goes ahead. */
static mirai_status enqueue_due(mirai__link *link)
{
    for (mirai__frame due; mirai__link_memory_due(&link->memory, &due);) MIRAI_TRY(enqueue(link, &due, 0));
    return MIRAI_OK;
}

mirai_status mirai__link_send(mirai__link *link, const mirai__frame *frame)
{
    size_t taken;
    bool whole;
    if (link->broken != 0) return lost(link->broken);
    if (!is_patient(frame)) link->hurry = true;
    MIRAI_TRY(enqueue_due(link));
    MIRAI_TRY(write_straight(link, frame, &taken, &whole));
    if (whole) {
        link->hurry = false;
        return MIRAI_OK;
    }
    mirai_status status = enqueue(link, frame, taken);
    if (status != MIRAI_OK) {
        if (taken > 0) link->broken = ENOMEM; /* the peer has a part of it, and what follows would make no sense */
        return status;
    }
    status = push(link);
    return status == MIRAI_E_AGAIN ? MIRAI_OK : status;
}

mirai_status mirai__link_flush(mirai__link *link)
{
    link->draining = false;
    if (link->broken == 0) MIRAI_TRY(enqueue_due(link));
    MIRAI_TRY(push(link));
    ssize_t left = link->channel->ops->write(link->channel, NULL, 0);
    if (left == 0) return MIRAI_OK;
    link->draining = left == -EAGAIN;
    if (link->draining) return MIRAI_E_AGAIN;
    link->broken = (int)-left;
    return lost(link->broken);
}

size_t mirai__link_queued(const mirai__link *link)
{
    return link->queued;
}

uint64_t mirai__link_moved(const mirai__link *link)
{
    return link->received + link->written;
}

uint64_t mirai__link_written(const mirai__link *link)
{
    return link->written;
}

/* ---- receiving ---- */

bool mirai__link_was_unread(const mirai__link *link)
{
    return link->unread;
}

mirai_status mirai__link_receive(mirai__link *link, mirai__frame *out)
{
    mirai__channel *channel = link->channel;
    for (;;) {
        mirai_status status = mirai__frame_reader_next(link->reader, out);
        if (status == MIRAI_OK && mirai__link_memory_heard(&link->memory, out, &status)) {
            if (status != MIRAI_OK) return status;
            continue;
        }
        if (status != MIRAI_E_AGAIN) return status;
        if (link->emptied) {
            link->emptied = false;
            return MIRAI_E_AGAIN;
        }
        void *into;
        size_t room;
        MIRAI_TRY(mirai__frame_reader_want(link->reader, &into, &room));
        ssize_t got = channel->ops->read(channel, into, room);
        if (got == -EAGAIN) return MIRAI_E_AGAIN;
        if (got == 0) return mirai__fail(MIRAI_E_CLOSED, "the peer has closed the connection");
        if (got < 0) {
            link->unread = got == -ECONNRESET && channel->tells;
            return lost((int)-got);
        }
        link->received += (uint64_t)got;
        mirai__frame_reader_got(link->reader, (size_t)got);
        link->emptied = channel->exact && (size_t)got < room;
    }
}

/* ---- waiting ---- */

bool mirai__link_dozes(const mirai__link *link)
{
    return link->channel->memory != NULL;
}

void mirai__link_attend(mirai__link *link)
{
    if (mirai__link_dozes(link)) link->channel->memory->attend(link->channel);
}

bool mirai__link_look(mirai__link *link)
{
    return !mirai__link_dozes(link) || link->channel->memory->look(link->channel);
}

void mirai__link_hush(mirai__link *link)
{
    if (mirai__link_dozes(link)) link->channel->memory->hush(link->channel);
}

bool mirai__link_park(mirai__link *link)
{
    return mirai__link_dozes(link) && link->channel->memory->park(link->channel);
}

void mirai__link_doze(mirai__link *link, int64_t deadline)
{
    if (!mirai__link_dozes(link)) return;
    int timeout = deadline == MIRAI__NEVER ? -1 : mirai__until(deadline, mirai__now_ms());
    link->channel->memory->doze(link->channel, timeout);
}

void mirai__link_rouse(mirai__link *link)
{
    if (mirai__link_dozes(link)) link->channel->memory->rouse(link->channel);
}

void mirai__link_set_active(mirai__link *link, int how)
{
    if (mirai__link_dozes(link)) link->channel->memory->set_active(link->channel, how);
}

int mirai__link_active(mirai__link *link)
{
    return mirai__link_dozes(link) ? link->channel->memory->active(link->channel) : MIRAI__SPIN_NOT;
}

mirai__claims *mirai__link_claims(mirai__link *link)
{
    return mirai__link_dozes(link) ? link->channel->memory->claims(link->channel) : NULL;
}

int mirai__link_fd(const mirai__link *link)
{
    return link->channel->fd;
}

short mirai__link_events(const mirai__link *link)
{
    bool sending = link->queued > 0 || link->draining;
    return (short)(POLLIN | (sending ? link->channel->ops->writable(link->channel) : 0));
}

mirai_status mirai__link_wait(mirai__link *link, bool sending, int wake_fd, int64_t deadline)
{
    mirai__channel *channel = link->channel;
    struct pollfd watched[2] = {
        {.fd = channel->fd, .events = sending ? channel->ops->writable(channel) : (short)POLLIN},
        {.fd = wake_fd, .events = POLLIN}, /* poll ignores a negative one */
    };
    for (;;) {
        int ready = poll(watched, 2, mirai__until(deadline, mirai__now_ms()));
        if (ready > 0) return MIRAI_OK;
        if (ready < 0 && errno != EINTR) return mirai__fail_errno(errno, "waiting for a peer");
        if (mirai__now_ms() >= deadline)
            return mirai__fail(MIRAI_E_TIMEDOUT, "the peer did not answer in time");
    }
}

mirai_status mirai__link_flush_all(mirai__link *link, int64_t deadline)
{
    for (;;) {
        mirai_status status = mirai__link_flush(link);
        if (status != MIRAI_E_AGAIN) return status;
        MIRAI_TRY(mirai__link_wait(link, true, -1, deadline));
    }
}

mirai_status mirai__link_send_all(mirai__link *link, const mirai__frame *frame, int64_t deadline)
{
    MIRAI_TRY(mirai__link_send(link, frame));
    return mirai__link_flush_all(link, deadline);
}
