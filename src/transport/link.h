/*
 * link: frames over a channel: a channel, a frame reader, and a queue of frames to write.
 * The receiving half and the sending half share nothing: one thread may receive while another sends. Each half is
 * guarded by its user's lock (the pool's in the host; in a daemon the control thread owns receiving and a mutex
 * guards sending).
 */
#ifndef MIRAI__LINK_H
#define MIRAI__LINK_H

#include "channel.h"
#include "frame.h"
#include "lender.h"

typedef struct mirai__link mirai__link;

mirai__link *mirai__link_new(mirai__channel *channel, const mirai__limits *limits); /* takes channel, also on failure */
void mirai__link_free(mirai__link *link);                                           /* frees the channel; NULL is allowed */
void mirai__link_shutdown(mirai__link *link);                                       /* any thread */
void mirai__link_limit(mirai__link *link, const mirai__limits *limits);

/* From now on buffers that the lender knows are referred to, and those that the peer refers to are taken; RELEASE and
 * FORGET are dealt with here, and never received. Nothing where the channel cannot pass memory. The lender (NULL: ours
 * travel) is borrowed, and outlives the link: what the peer had may be read as long as it lives. E_NOMEM. */
mirai_status mirai__link_share_memory(mirai__link *link, mirai__lender *lender);
/* Whether memory can be passed. */
bool mirai__link_passes(const mirai__link *link);

/* Queue a frame and write what can be written now. Borrows frame (refs its segment). MIRAI_OK also when a part is
 * still queued; E_CONNRESET, E_PROTOCOL (the channel's own rules), E_NOMEM. */
mirai_status mirai__link_send(mirai__link *link, const mirai__frame *frame);
/* Write on. MIRAI_OK: nothing is queued any more; E_AGAIN; E_CONNRESET, E_PROTOCOL. */
mirai_status mirai__link_flush(mirai__link *link);
size_t mirai__link_queued(const mirai__link *link); /* bytes still to be written */
/* Bytes that were read and written in its life: whether anything moves. Only where one lock guards both halves. */
uint64_t mirai__link_moved(const mirai__link *link);
uint64_t mirai__link_written(const mirai__link *link); /* bytes that the channel took, in all */
/* The peer's end of a socket on this machine is gone, and it had not read all that the channel took. Never true where
 * it had; over NNG, which does not tell, it is always false. Known once receive has given E_CONNRESET. */
bool mirai__link_was_unread(const mirai__link *link);

/* Next frame; owned. E_AGAIN; E_CLOSED at the end of the stream; E_CONNRESET; the reader's errors. */
mirai_status mirai__link_receive(mirai__link *link, mirai__frame *out);

/* Waiting without polls, where the channel is in shared memory (channel.h): contracts there. Where it is not, dozes is
 * false, look true, and the others do nothing. Of the receiving half, but for rouse and set_active. */
bool mirai__link_dozes(const mirai__link *link);
void mirai__link_attend(mirai__link *link);
bool mirai__link_look(mirai__link *link);
void mirai__link_hush(mirai__link *link);
bool mirai__link_park(mirai__link *link);
void mirai__link_doze(mirai__link *link, int64_t deadline);
void mirai__link_rouse(mirai__link *link);
void mirai__link_set_active(mirai__link *link, int how);
int mirai__link_active(mirai__link *link);
/* The words by which jobs are claimed (claims.h); NULL where the channel is not in shared memory. As long as the link;
 * any thread. */
mirai__claims *mirai__link_claims(mirai__link *link);

int mirai__link_fd(const mirai__link *link);
/* What to poll for now: POLLIN, and POLLOUT where queued bytes need it. */
short mirai__link_events(const mirai__link *link);

/* For threads that may block: wait until it is worth receiving (or, `sending`, flushing) or the deadline has
 * passed; also returns when *wake_fd* (-1: none) is readable. MIRAI_OK, E_TIMEDOUT. */
mirai_status mirai__link_wait(mirai__link *link, bool sending, int wake_fd, int64_t deadline);
/* Whether the peer waits to be told of buffers that are not read any more; any thread, a hint. */
bool mirai__link_owes(const mirai__link *link);
/* Wait until all that is queued is written. */
mirai_status mirai__link_flush_all(mirai__link *link, int64_t deadline);
/* Send and wait until all of it is written. */
mirai_status mirai__link_send_all(mirai__link *link, const mirai__frame *frame, int64_t deadline);

#endif
