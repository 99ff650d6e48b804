/*
 * encode_private: one message being built: shared by encode.c (references, groups) and
 * encode_value.c (trees).
 */
#ifndef MIRAI__ENCODE_PRIVATE_H
#define MIRAI__ENCODE_PRIVATE_H

#include "buffer_table.h"
#include "bytes.h"
#include "message.h"
#include "message_private.h"
#include "objects.h"

/* Bytes and elements up to this size travel in the body, all others as buffers. */
#define MIRAI__INLINE_SIZE 512

/* Half of what a reader accepts, so that a segment may be embedded at any depth of another message.
 */
#define MIRAI__ENCODE_DEPTH (mirai__limits_local.depth / 2)

typedef struct mirai__encoder {
    mirai_message message;
    mirai__objects objects;
    mirai__buffer_table buffers;
    mirai__sharing *sharing; /* NULL: shared values are refused */
    mirai__bytes *out; /* where values are written: the root's bytes or the groups' */
    mirai_value **keeps; /* what the message names: memory in common; borrowed from the values */
    size_t keep_count, keep_capacity;
    bool given;        /* nobody else holds the value being written, nor those around it, and it will go */
    size_t group;      /* whose value is being written; MIRAI__NO_GROUP: the root's */
    uint32_t items;    /* values that may still be written */
    uint32_t deepest;  /* place in the value that is being written */
} mirai__encoder;

/* Append a value to encoder->out. depth: of the containers around it. */
mirai_status mirai__encode_value(mirai__encoder *encoder, const mirai_value *value, uint32_t depth);
/* Append an array: typed or ours, inline or as a buffer. */
mirai_status mirai__encode_array(mirai__encoder *encoder, const mirai_value *array);
/* Note that the message refers to a shared value. */
mirai_status mirai__sharing_add(mirai__sharing *sharing, mirai__shared *shared);
/* Fewer values than that are left: E_LIMIT. */
mirai_status mirai__encode_count(mirai__encoder *encoder, uint64_t items);

#endif
