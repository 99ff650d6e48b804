/*
 * lender: what of our slabs a peer has got, and which buffers in them it may read: the leases. A lease holds its buffer
 * until the peer has released it; the owner ends those that are left when the peer is dead, and not before.
 *
 * A lock of its own, since in a daemon one thread receives releases while another sends; nothing but the slabs' lock
 * is taken under it.
 */
#ifndef MIRAI__LENDER_H
#define MIRAI__LENDER_H

#include "frame.h"
#include "slabs.h"

enum { MIRAI__LENDER_AT_ONCE = 32 /* descriptors that are passed with one frame */ };

typedef struct mirai__lender mirai__lender;

mirai__lender *mirai__lender_new(mirai__slabs *slabs); /* holds the set; NULL: no memory */
void mirai__lender_free(mirai__lender *lender);        /* ends all leases; NULL is allowed */

/* What is to be lent of a segment's buffers. NULL: nothing, also where there is no memory to do so. */
typedef struct mirai__loan {
    mirai__lent *lent; /* owned; one for each buffer */
    int fds[MIRAI__LENDER_AT_ONCE]; /* of slabs that the peer has not got; in order */
    int fd_count;
    uint64_t first; /* lease */
} mirai__loan;
mirai__loan *mirai__lender_offer(mirai__lender *lender, const mirai__segment *segment);
/* The descriptors were passed, and the frame will be sent; or not: the loan is as if it had not been. Frees it. */
void mirai__lender_settle(mirai__lender *lender, mirai__loan *loan, bool passed);

/* A RELEASE: E_PROTOCOL where there are no such leases. */
mirai_status mirai__lender_released(mirai__lender *lender, uint64_t first, uint64_t count);
/* A slab that the peer has got and that is gone; 0: none. Asked again until then. */
uint64_t mirai__lender_forget(mirai__lender *lender);
size_t mirai__lender_leases(mirai__lender *lender);

#endif
