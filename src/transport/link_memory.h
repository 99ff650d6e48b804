/*
 * link_memory: what a link has to do with memory that both sides see: offering buffers in place of their bytes, taking
 * those that are offered, and saying when either has come to its end. Part of a link, and on its threads: offering and
 * what is due belong to the sending half, taking and what was received to the receiving half.
 */
#ifndef MIRAI__LINK_MEMORY_H
#define MIRAI__LINK_MEMORY_H

#include "borrower.h"
#include "channel.h"
#include "lender.h"

typedef struct mirai__link_memory {
    mirai__channel *channel;   /* borrowed */
    mirai__lender *lender;     /* borrowed; NULL: all our bytes travel */
    mirai__borrower *borrower; /* owned; NULL: all the peer's do */
} mirai__link_memory;

/* A writer of the frame, which refers to buffers that the peer can read. Descriptors are passed. NULL: no memory. */
mirai__frame_writer *mirai__link_memory_writer(mirai__link_memory *memory, const mirai__frame *frame);
/* A frame that is due. False: none. */
bool mirai__link_memory_due(mirai__link_memory *memory, mirai__frame *out);

/* For the frame reader; the context is the link_memory. */
mirai_status mirai__link_memory_borrow(void *context, const mirai__lent *lent, uint64_t size,
                                       mirai_buffer **out);
/* Deal with a frame that says what has ended. False: it says something else. */
bool mirai__link_memory_heard(mirai__link_memory *memory, const mirai__frame *frame, mirai_status *status);

#endif
