/*
 * message: a tree of values to a segment and back (FORMAT.md). This is where refhooks run.
 *
 * A message holds a root value, the distinct objects that its references name, and groups: per group the
 * class, the objects' numbers, and the one value (vectorised hooks) or values that stand for them. An object
 * is identified by (class, identity) and is serialised once. An object's data may refer to others: the encoder
 * sorts the groups so that each refers to earlier ones only, and the decoder makes objects in that order. A
 * cycle is an error of the encoder, and cannot be written down.
 *
 * Runs on the caller's thread, under no lock. Reentrant: hooks may encode and decode other messages.
 */
#ifndef MIRAI__MESSAGE_H
#define MIRAI__MESSAGE_H

#include "message_limits.h"
#include "value_private.h"

enum {
    /* Every byte of a buffer is copied, so that nobody can change the segment through a pointer kept. */
    MIRAI__ENCODE_COPY = 1
};

/* Borrows root; overlay may be NULL. E_HOOK, E_LIMIT, E_NOMEM; the detail names the class where a hook failed. */
mirai_status mirai__encode(const mirai_value *root, mirai__hooks *overlay, int flags, mirai__segment **out);

/* Borrows segment. Values share the segment's buffers (frozen); E_DECODE, E_LIMIT, E_HOOK, E_NOMEM. Body bytes
 * are private memory by now, buffers may be shared with a hostile peer: never branch on their contents. */
mirai_status mirai__decode(mirai__segment *segment, mirai__hooks *overlay, const mirai__limits *limits,
                           mirai_value **out);

#endif
