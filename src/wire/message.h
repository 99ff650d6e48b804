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

#include "map.h"
#include "message_limits.h"
#include "slabs.h"
#include "value_private.h"

enum {
    /* Every byte of a buffer is copied, so that nobody can change the segment through a pointer kept. */
    MIRAI__ENCODE_COPY = 1,
    /* The caller lets go of the root after this: buffers that were born in the slabs, and that nobody else holds,
     * are not copied. */
    MIRAI__ENCODE_MOVE = 2
};

/* Borrows root; overlay may be NULL. E_HOOK, E_LIMIT, E_NOMEM; the detail names the class where a hook failed. */
mirai_status mirai__encode(const mirai_value *root, mirai__hooks *overlay, int flags, mirai__segment **out);

/* The shared values that a message refers to. */
typedef struct mirai__sharing {
    const void *home;       /* given: whose may be referred to */
    mirai__shared **items;  /* found, each once; with a count for each */
    size_t count, capacity;
    mirai__map seen;        /* by id */
} mirai__sharing;

void mirai__sharing_init(mirai__sharing *sharing, const void *home);
void mirai__sharing_fini(mirai__sharing *sharing); /* gives back the counts of what is still in it */

/* As mirai__encode(), for a message that may refer to shared values, which are put into `sharing`, also on failure.
 * mirai__encode() fails where there are any (E_STATE); this one, where they are of another home (E_INVALID). */
mirai_status mirai__encode_sharing(const mirai_value *root, mirai__hooks *overlay, int flags,
                                   mirai__sharing *sharing, mirai__segment **out);

/* A random stream in a JOB: six numbers of 32 bits, little-endian. */
#define MIRAI__STREAM_SIZE 24

/* What the body of a JOB says. */
typedef struct mirai__call {
    const char *function; /* checked to be valid UTF-8, as is the label */
    const mirai_value *args;
    const char *label;     /* NULL: none */
    const uint8_t *stream; /* MIRAI__STREAM_SIZE bytes, which come last in the body; NULL: none */
} mirai__call;

/* As mirai__encode_sharing() of a list of these four, of which no list has to be made. Borrows call. */
mirai_status mirai__encode_call(const mirai__call *call, mirai__hooks *overlay, int flags, mirai__slabs *slabs,
                                mirai__sharing *sharing, mirai__segment **out);

/* As mirai__encode(), or, where `sharing` is given, as mirai__encode_sharing(). Large buffers are copied into `slabs`
 * (NULL: there are none). */
mirai_status mirai__encode_into(const mirai_value *root, mirai__hooks *overlay, int flags, mirai__slabs *slabs,
                                mirai__sharing *sharing, mirai__segment **out);

/* Who knows the shared values that a message refers to. */
typedef struct mirai__resolver {
    /* The value of a number, owned, and how many levels of nesting lie below it. E_DECODE for a number that is not
     * known; whatever a decode gives. May decode other messages. */
    mirai_status (*resolve)(void *context, uint64_t id, mirai_value **out, uint32_t *height);
    void *context;
} mirai__resolver;

/* As mirai__decode(), for a message that may refer to shared values. *height (NULL: not wanted) is how many levels of
 * nesting lie below the root. */
mirai_status mirai__decode_sharing(mirai__segment *segment, mirai__hooks *overlay, const mirai__limits *limits,
                                   const mirai__resolver *resolver, mirai_value **out, uint32_t *height);

/* As mirai__decode_sharing() of a list, for its first items, at most `most`; owned. A root that is no
 * list is the one item. */
mirai_status mirai__decode_items(mirai__segment *segment, mirai__hooks *overlay, const mirai__limits *limits,
                                 const mirai__resolver *resolver, mirai_value **items, size_t most, size_t *count);

/* Borrows segment. References to shared values are not understood (E_DECODE). Values share the segment's buffers (frozen); E_DECODE, E_LIMIT, E_HOOK, E_NOMEM. Body bytes
 * are private memory by now, buffers may be shared with a hostile peer: never branch on their contents. */
mirai_status mirai__decode(mirai__segment *segment, mirai__hooks *overlay, const mirai__limits *limits,
                           mirai_value **out);

#endif
