/*
 * channel: a two-way byte stream between host and daemon, non-blocking, whatever carries it: an inherited
 * socketpair, rings in shared memory with such a pair for bells, or an NNG byte stream (ipc, abstract, tcp).
 */
#ifndef MIRAI__CHANNEL_H
#define MIRAI__CHANNEL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <miraicore/error.h>

#include "claims.h"

typedef struct mirai__channel mirai__channel;

enum { MIRAI__PASS_MOST = 32 };

/*
 * Contract of the operations, for every maker:
 *  - read and write never block and never raise SIGPIPE. One thread may read while another writes; two may not
 *    read, nor write, at once (the owner's lock sees to that).
 *  - read gives >0 bytes, 0 at the end of the stream, -EAGAIN when there is nothing, other -errno when broken;
 *    -EPROTO when the peer has broken the channel's own rules. After an end or an error it goes on giving it.
 *  - write takes >=0 bytes of what it is offered, -EAGAIN when it can take none, other -errno when broken. Offered
 *    nothing (count 0) it gives 0 once all that it took is out of this process's hands, and -EAGAIN before that.
 *  - fd is one descriptor for the channel's life, for poll: after -EAGAIN of a read it becomes readable when
 *    reading is worth a try; after -EAGAIN of a write, poll it for writable(channel). Spurious readiness is
 *    allowed, a lost one is not; a busy loop over a descriptor that stays ready is not allowed either: the
 *    descriptor is level-triggered for sockets; for NNG streams read() and write() disarm it when they give -EAGAIN.
 *    Reading and writing do not disturb each other's readiness.
 *  - pass hands descriptors to the peer, before anything that is written later: 0; -EAGAIN where it cannot now; other
 *    -errno. take gives the next that the peer has passed, in order; -1 where there is none. They belong to whoever
 *    writes, and to whoever reads. Both are NULL where descriptors cannot be passed.
 *  - shutdown may be called from any thread at any time, more than once: reads and writes then give an end or
 *    an error soon, and a poll wakes up. free is called once, when no operation is under way; it may not block
 *    on the peer.
 */
typedef struct mirai__channel_ops {
    ssize_t (*read)(mirai__channel *channel, void *into, size_t size);
    ssize_t (*write)(mirai__channel *channel, const struct iovec *vectors, int count);
    short (*writable)(mirai__channel *channel); /* poll event to wait for after write gave -EAGAIN: POLLIN or POLLOUT */
    int (*pass)(mirai__channel *channel, const int *fds, int count); /* up to MIRAI__PASS_MOST; borrowed */
    int (*take)(mirai__channel *channel);                            /* owned */
    void (*shutdown)(mirai__channel *channel);
    void (*free)(mirai__channel *channel);
} mirai__channel_ops;

/*
 * What a channel in shared memory can do besides: waiting without polls. Of the reading half, and for the thread that
 * reads, unless said otherwise.
 *  - attend, once: from now on the reader looks by itself, before it dozes, for what is written patiently; fd need not
 *    tell of that.
 *  - look tells whether read would find something (or something wrong), without a system call.
 *  - hush: until a read gives -EAGAIN, the reader looks by itself; fd may miss what comes meanwhile.
 *  - park: after a read gave -EAGAIN, the reader is going to doze; false: not now, there is something to read.
 *  - doze sleeps until something comes, somebody calls rouse, a signal comes, or timeout_ms is over (-1: never); spurious
 *    ends are allowed. Meanwhile fd tells of nothing but the end, and of a writer that waits for room.
 *  - rouse, on any thread, ends a doze that was begun by park; one that comes between the two is not lost. Whoever has
 *    read on another thread, while the one that dozes let it, must rouse it.
 *  - set_active tells the peer how to wait (MIRAI__SPIN_*); active is what it told us. A hint.
 *  - claims are the words that lie in the memory besides (claims.h), as long as the channel; any thread.
 */
typedef struct mirai__memory_ops {
    void (*attend)(mirai__channel *channel);
    bool (*look)(mirai__channel *channel);
    void (*hush)(mirai__channel *channel);
    bool (*park)(mirai__channel *channel);
    void (*doze)(mirai__channel *channel, int timeout_ms);
    void (*rouse)(mirai__channel *channel);
    void (*set_active)(mirai__channel *channel, int how);
    int (*active)(mirai__channel *channel);
    mirai__claims *(*claims)(mirai__channel *channel);
} mirai__memory_ops;

struct mirai__channel {
    const mirai__channel_ops *ops;
    const mirai__memory_ops *memory; /* NULL: it is not in shared memory */
    int fd;
    bool off_host; /* bytes may leave this machine: compressing pays, and the peer may do so */
    bool tells;    /* a read gives -ECONNRESET, not 0, where the peer ended without having read all that was written */
    bool exact;    /* fd is as ready as the kernel says: a short read or write need not be followed by a second
                      one that gives -EAGAIN before polling */
    bool patient;  /* set by who writes: what it writes may wait until a reader that attends looks by itself */
};

/* A connected pair: the host's end as a channel, the daemon's end as a plain descriptor without CLOEXEC trouble
 * (it is CLOEXEC; the spawner passes it on by dup2). */
mirai_status mirai__channel_pair(mirai__channel **host, int *daemon_fd);
/* What both kinds of local channels begin with: checks where they are to go, and makes the two ends (CLOEXEC). */
mirai_status mirai__channel_ends(mirai__channel **host, const int *daemon_fd, int ends[2]);
/* A channel over a connected socket; takes fd, also on failure. */
mirai_status mirai__channel_socket(int fd, mirai__channel **out);
/* As mirai__channel_pair(), but the bytes go through memory that both share, and the sockets carry bells. */
mirai_status mirai__channel_ring(mirai__channel **host, int *daemon_fd);
/* The daemon's end of either of these two; takes fd, also on failure. */
mirai_status mirai__channel_inherited(int fd, mirai__channel **out);

/* ---- by URL, over NNG streams (the only users of NNG) ---- */

typedef struct mirai__listener mirai__listener;

/* Listen at ipc://PATH, abstract://NAME, tcp://HOST:PORT (port 0: any; no HOST: all interfaces). Path and name are
 * taken as they are, without escapes. For ipc the socket file is 0600; a stale one is replaced, anything else there
 * is left alone. E_ADDRESS, E_PERMISSION, E_NOENT, E_NOFILES, E_NOMEM. */
mirai_status mirai__listen(const char *url, mirai__listener **out);
const char *mirai__listener_url(const mirai__listener *listener); /* with the real port; borrowed */
int mirai__listener_fd(const mirai__listener *listener);          /* readable when accept is worth a try */
/* E_AGAIN when nobody waits, also while no descriptor or memory can be had (the peer waits, and the descriptor
 * becomes readable in a while); E_CLOSED. A peer of another uid (ipc, abstract) is refused and never seen here. */
mirai_status mirai__listener_accept(mirai__listener *listener, mirai__channel **out);
void mirai__listener_free(mirai__listener *listener);
/* Blocks until connected or the deadline (clock.h) has passed. E_REFUSED, E_TIMEDOUT, E_ADDRESS; E_PERMISSION also
 * when the listener (ipc, abstract) belongs to another uid: it must not get a token. */
mirai_status mirai__dial(const char *url, int64_t deadline, mirai__channel **out);

#endif
