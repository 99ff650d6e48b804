/*
 * borrower: the slabs of a peer that were passed to us, mapped to be read, and what is to be said of the buffers in
 * them: that they are no longer read. Such a buffer may outlive the link, and be let go of on any thread.
 *
 * What the peer says of its slabs is hostile: numbers and sizes are checked, bytes are never looked at.
 * A lock of its own, under which nothing else is called.
 */
#ifndef MIRAI__BORROWER_H
#define MIRAI__BORROWER_H

#include "frame.h"

typedef struct mirai__borrower mirai__borrower;

mirai__borrower *mirai__borrower_new(void); /* NULL: no memory */
/* The link is gone: nothing is to be said any more. The slabs go with the last buffers in them. NULL is allowed. */
void mirai__borrower_close(mirai__borrower *borrower);

/* A slab: the next number is its. Takes fd. E_PROTOCOL, E_NOMEM. */
mirai_status mirai__borrower_map(mirai__borrower *borrower, int fd);
uint64_t mirai__borrower_known(const mirai__borrower *borrower); /* the last number */
/* A FORGET. E_PROTOCOL where there is no such slab. */
mirai_status mirai__borrower_forget(mirai__borrower *borrower, uint64_t number);
/* A buffer in a slab. E_PROTOCOL where it does not lie in one; E_NOMEM. */
mirai_status mirai__borrower_take(mirai__borrower *borrower, const mirai__lent *lent, uint64_t size,
                                  mirai_buffer **out);
/* Whether a buffer is such a one: its memory is mapped so that nobody here can write to it. */
bool mirai__borrower_lent(const mirai_buffer *buffer);
/* Leases that have ended, and of which the peer is still to be told. False: none. */
bool mirai__borrower_next(mirai__borrower *borrower, uint64_t *first, uint64_t *count);
bool mirai__borrower_owes(const mirai__borrower *borrower); /* whether there are any; any thread, a hint */

#endif
