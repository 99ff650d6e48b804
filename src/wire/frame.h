/*
 * frame: the unit on a byte stream: a fixed header of 64 bytes, a body, a table of buffer sizes, the buffers
 * (FORMAT.md). The reader is fed bytes and gives frames; the writer is given a frame and gives bytes. Neither
 * does I/O. Each is owned by one thread or guarded by its owner's lock.
 *
 * Bodies and buffers may be compressed with zstd, one by one (flag per frame, sizes say which): the writer does
 * so when asked and when it pays; the reader always understands it, and bounds the sizes before it inflates.
 */
#ifndef MIRAI__FRAME_H
#define MIRAI__FRAME_H

#include <stdbool.h>
#include <sys/uio.h>

#include "message_limits.h"
#include "segment.h"

#define MIRAI__FRAME_HEADER_SIZE 64
#define MIRAI__WIRE_VERSION 1

/* X(NAME, number, from): H host to daemon, D daemon to host, B both. */
#define MIRAI__FRAME_MAP(X)                                                                        \
    X(HELLO, 1, D)    /* first frame; body is a hello record (hello.h), not CBOR */                \
    X(WELCOME, 2, H)  /* accepted; body: the pool's settings for the daemon */                     \
    X(JOB, 3, H)      /* body: list [function, args, label, stream]; aux: which attempt, from 1 */ \
    X(RESULT, 4, D)   /* body: the value; aux is a mirai_outcome: VALUE or FAILED */               \
    X(CANCEL, 5, H)   /* no body; names the attempt */                                             \
    X(PING, 6, H)     /* no body; aux is echoed */                                                 \
    X(PONG, 7, D)     /* no body */                                                                \
    X(CLOSE, 8, H)    /* no body; the daemon ends after the job at hand */                         \
    X(LEAVE, 9, D)    /* no body; aux is the exit code that follows; no more jobs, please */       \
    X(ENVIRON, 10, H) /* body: dict of environment variables, for the next job only */             \
    X(PROGRESS, 11, D) /* body: list [fraction, text] */                                           \
    X(EMIT, 12, D)    /* body: a value, ahead of the result */                                     \
    X(TAKEN, 13, H)   /* no body; aux: how many more of the attempt's EMITs were taken in */       \
    X(SHARE, 14, H)   /* body: a value to keep under the number in `task`; aux bit 0: decode once */ \
    X(UNSHARE, 15, H) /* no body; the number in `task` is not referred to any more */              \
    X(RELEASE, 16, B) /* no body; from lease `task` on, as many as `attempt` says have ended */    \
    X(FORGET, 17, B)  /* no body; the slab with the number in `task` is gone */

enum {
#define MIRAI__FRAME_ENUM(name, number, from) MIRAI__FRAME_##name = number,
    MIRAI__FRAME_MAP(MIRAI__FRAME_ENUM)
#undef MIRAI__FRAME_ENUM
};

/* Where a buffer lies that does not travel: in memory that was passed to the peer (FORMAT.md section 11). */
typedef struct mirai__lent {
    uint64_t slab;   /* from 1 in the order in which they were passed; 0: the bytes travel */
    uint64_t offset; /* in it */
    uint64_t lease;  /* to be named in the RELEASE that ends it */
} mirai__lent;

typedef struct mirai__frame {
    uint8_t kind;
    int32_t aux;
    uint64_t task, attempt, incarnation;
    mirai__segment *segment; /* owned by whoever holds the frame; NULL: no body and no buffers */
    const mirai__lent *lent; /* to be written: borrowed, one for each buffer; NULL: all of them travel */
} mirai__frame;

void mirai__frame_fini(mirai__frame *frame); /* releases the segment */

/* ---- reading ---- */

typedef struct mirai__frame_reader mirai__frame_reader;

mirai__frame_reader *mirai__frame_reader_new(const mirai__limits *limits); /* NULL: no memory */
void mirai__frame_reader_free(mirai__frame_reader *reader);
/* Makes the buffer that a frame refers to. E_PROTOCOL where there is none; E_NOMEM. */
typedef mirai_status (*mirai__borrow_fn)(void *context, const mirai__lent *lent, uint64_t size,
                                         mirai_buffer **out);
/* Frames may refer to buffers from now on. */
void mirai__frame_reader_borrow(mirai__frame_reader *reader, mirai__borrow_fn borrow, void *context);
void mirai__frame_reader_limit(mirai__frame_reader *reader, const mirai__limits *limits);
/* Where the next bytes go and how many fit: read straight into it. Small frames gather in a staging area of a
 * few KiB, so that one read may bring many; large buffers are received in place. */
mirai_status mirai__frame_reader_want(mirai__frame_reader *reader, void **into, size_t *room);
void mirai__frame_reader_got(mirai__frame_reader *reader, size_t size);
/* Next complete frame; E_AGAIN when more bytes are needed; E_PROTOCOL, E_VERSION, E_LIMIT, E_NOMEM are final. */
mirai_status mirai__frame_reader_next(mirai__frame_reader *reader, mirai__frame *out);

/* ---- writing ---- */

typedef struct mirai__frame_writer mirai__frame_writer;

/* A frame without buffers as it stands on the stream: its header, put into `header`, and its body. How many vectors; 0:
 * it has buffers, and needs a writer. Borrows frame. */
int mirai__frame_vectors(const mirai__frame *frame, uint8_t header[MIRAI__FRAME_HEADER_SIZE],
                         struct iovec vectors[2]);

/* Borrows frame, refs its segment. NULL: no memory. */
mirai__frame_writer *mirai__frame_writer_new(const mirai__frame *frame, bool compress);
void mirai__frame_writer_free(mirai__frame_writer *writer);
/* Fill up to `most` vectors with what is still to be written; returns how many (0: done). */
int mirai__frame_writer_vectors(const mirai__frame_writer *writer, struct iovec *vectors, int most);
void mirai__frame_writer_wrote(mirai__frame_writer *writer, size_t size);
size_t mirai__frame_writer_left(const mirai__frame_writer *writer);

#endif
