/*
 * shared_ring: two rings of bytes in memory shared by two processes, one for each direction. Each
 * ring has one writer and one reader, who copy in and out at the same time, without a lock.
 *
 * The peer may be hostile. Each side works with a copy of its own index that no other can touch,
 * and publishes it; the peer's is loaded once and checked against what it may be. Nothing else in
 * that memory is ever looked at but to copy it out, and the two words that say who sleeps, which
 * can do no more harm than a needless or a missing wake-up of the one who lied. The words of
 * claims.h lie there too; nothing here looks at them.
 */
#ifndef MIRAI__SHARED_RING_H
#define MIRAI__SHARED_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <miraicore/error.h>

#include "claims.h"

#define MIRAI__SHARED_RING_SIZE ((size_t)524288) /* of each ring; a power of two */

struct mirai__lane; /* one ring's indices in the shared memory */

/* What a reader does that has found its ring empty: what its writer owes it then. */
enum {
    MIRAI__RING_AWAKE, /* it looks again by itself */
    MIRAI__RING_BELL,  /* it sleeps over a descriptor: a bell */
    MIRAI__RING_DOZE,  /* it sleeps in mirai__ring_reader_doze(): to be woken */
    MIRAI__RING_BUSY   /* it does something else, and looks again by itself: a bell, but for what is patient */
};

/* Both rings, mapped. */
typedef struct mirai__rings {
    void *base;
} mirai__rings;

typedef struct mirai__ring_writer {
    struct mirai__lane *lane;
    uint8_t *data;
    uint64_t tail;      /* bytes ever written; ours alone */
    uint64_t published; /* of these, what the reader was told of */
    uint64_t head;      /* bytes ever read, as the reader last said */
} mirai__ring_writer;

typedef struct mirai__ring_reader {
    struct mirai__lane *lane;
    const uint8_t *data;
    uint64_t head; /* bytes ever read; ours alone, and published at once */
    uint64_t tail; /* bytes ever written, as the writer last said */
} mirai__ring_reader;

/* Readers sleep at first. Memory that can neither shrink nor grow and is there in full: touching it later cannot fail. *fd is owned by the
 * caller and may be closed once it was passed on. E_NOMEM, E_NOFILES, E_UNSUPPORTED, E_SYSTEM. */
mirai_status mirai__rings_create(mirai__rings *out, int *fd);
/* Map what the other side has created; borrows fd. E_PROTOCOL when it is something else; E_NOMEM. */
mirai_status mirai__rings_attach(mirai__rings *out, int fd);
void mirai__rings_close(mirai__rings *rings);

/* `which` is 0 for the ring from who created to who attached, 1 for the other. */
mirai__ring_writer mirai__ring_writer_of(const mirai__rings *rings, int which);
mirai__ring_reader mirai__ring_reader_of(const mirai__rings *rings, int which);

/* Copy in as much as there is room for, and tell nobody yet; how much, or -EPROTO. */
ssize_t mirai__ring_writer_put(mirai__ring_writer *writer, const void *from, size_t size);
/* Tell the reader, and wake it where it dozes. True: a bell is owed to it. `patient`: not if it is busy. */
bool mirai__ring_writer_publish(mirai__ring_writer *writer, bool patient);
/* Say whether the writer waits for room (a hint for the reader). */
void mirai__ring_writer_wish(mirai__ring_writer *writer, bool waits);
/* 1: at least half is free; 0; -EPROTO. */
int mirai__ring_writer_is_roomy(mirai__ring_writer *writer);

/* Whether the reader has read all that was published; the reader of the other ring may ask. */
bool mirai__ring_writer_was_read(const mirai__ring_writer *writer);

/* Copy out up to size bytes; 0: there are none; -EPROTO. */
ssize_t mirai__ring_reader_take(mirai__ring_reader *reader, void *into, size_t size);
/* Whether the writer waits and at least half is free now; says so once. */
bool mirai__ring_reader_grant(mirai__ring_reader *reader);
/* Whether there is something to read, or something wrong. */
bool mirai__ring_reader_look(mirai__ring_reader *reader);
/* From now on this is owed. True: there is something already. */
bool mirai__ring_reader_sleep(mirai__ring_reader *reader, int how);
/* It need not. What was owed still; MIRAI__RING_AWAKE: the writer has seen to it, or is about to. */
int mirai__ring_reader_wake(mirai__ring_reader *reader);
/* What is owed. */
int mirai__ring_reader_owed(const mirai__ring_reader *reader);
/* After sleep(MIRAI__RING_DOZE): wait until the writer publishes, somebody calls rouse, a signal comes, or it took so long
 * (-1: for ever). */
void mirai__ring_reader_doze(const mirai__ring_reader *reader, int timeout_ms);
/* Any thread of the reader's process: end the doze. */
void mirai__ring_reader_rouse(const mirai__ring_reader *reader);

/* A word for the other side, from who created the rings: how to wait (MIRAI__SPIN_*). Only a hint. */
void mirai__rings_set_active(const mirai__rings *rings, int how);
int mirai__rings_active(const mirai__rings *rings);

/* Which jobs the daemon has begun; at first no word is offered. As long as they are mapped. */
mirai__claims *mirai__rings_claims(const mirai__rings *rings);

#endif
