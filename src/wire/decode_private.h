/*
 * decode_private: a message being read: shared by decode.c (messages, objects), decode_value.c
 * (trees) and decode_array.c.
 */
#ifndef MIRAI__DECODE_PRIVATE_H
#define MIRAI__DECODE_PRIVATE_H

#include "bytes.h"
#include "cbor.h"
#include "message.h"
#include "message_private.h"

/* Messages in messages: one level is what the library writes. A bound on the stack that reading
 * takes. */
enum { MIRAI__EMBEDDED_MAX = 16 };

/* What has become of the number of an object. */
enum { OBJECT_UNUSED = 0, OBJECT_USED = 1, OBJECT_CLAIMED = 2 };

/* What a message and the segments embedded in it have in common. */
typedef struct mirai__decoding {
    const mirai__limits *limits;
    mirai__hooks *overlay;
    const mirai__resolver *resolver; /* NULL: nothing is shared */
    uint32_t items;    /* values that may still be read */
    uint32_t embedded; /* messages around the one at hand */
    bool unlisted;     /* the items of the root are wanted, and not the list */
    uint32_t reach;    /* deepest place so far, through the objects that were referred to */
    /* Values read whose container is not complete yet; owned, so that a failure anywhere releases
     * each once. */
    mirai_value **stack;
    size_t height, stack_capacity;
    mirai_value **few; /* not ours; where the stack begins */
    mirai__bytes keys;   /* keys of dicts not complete yet, one after the other, each with a NUL */
    mirai__hook **hooks; /* those looked up; owned */
    size_t hook_count, hook_capacity;
    mirai__said *said; /* the first failure; borrowed */
} mirai__decoding;

/* One message: the outermost or an embedded one. */
typedef struct mirai__decoder {
    mirai__decoding *all;
    mirai__cbor in;
    mirai_buffer *const *buffers;
    uint8_t *buffer_used; /* by buffer: 1 once something has referred to it */
    size_t buffer_count;
    mirai_value **objects;   /* by number: a reference; NULL as long as it is not made; owned */
    uint8_t *object_used;    /* by number: OBJECT_* */
    uint32_t *object_height; /* by number: levels of nesting below a reference to it */
    size_t object_count;
    uint32_t depth; /* of the containers around this message */
    mirai_message message;
} mirai__decoder;

/* Read one value and push it. depth: of the containers around it. */
mirai_status mirai__decode_value(mirai__decoder *decoder, uint32_t depth);
/* Push a value (taken); NULL: E_NOMEM, so all that is wrong with data is to be told before. */
mirai_status mirai__decode_push(mirai__decoder *decoder, mirai_value *value);
/* Take the topmost value off; the caller owns it. */
mirai_value *mirai__decode_pop(mirai__decoder *decoder);
/* The number behind a head of type UINT or NINT: E_DECODE. */
mirai_status mirai__decode_int(const mirai__cbor_head *head, int64_t *out);
/* Count values before they are read: E_LIMIT. */
mirai_status mirai__decode_count(mirai__decoder *decoder, uint64_t items);
/* The array or buffer behind a tag of RFC 8746 or of ours that has just been read. */
mirai_status mirai__decode_array(mirai__decoder *decoder, uint64_t tag);
/* The buffer whose index comes next; borrowed. */
mirai_status mirai__decode_buffer(mirai__decoder *decoder, mirai_buffer **out);
/* A message in a range of the body with a range of the buffers; pushes its root. */
mirai_status mirai__decode_message(mirai__decoding *all, mirai__cbor body,
                                   mirai_buffer *const *buffers, size_t buffer_count,
                                   uint32_t depth);

#endif
