/*
 * message_limits: what a decoder accepts. Checked before anything is allocated. One place, so that every reader agrees.
 */
#ifndef MIRAI__MESSAGE_LIMITS_H
#define MIRAI__MESSAGE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mirai__limits {
    uint64_t body_bytes;   /* of one message, uncompressed */
    uint64_t buffer_bytes; /* of all buffers of one message, uncompressed */
    uint32_t buffers;      /* per message */
    uint32_t depth;        /* of nesting, groups and segments included */
    uint32_t items;        /* values per message */
    bool compressed;       /* whether frames may be compressed */
} mirai__limits;

/* Between processes of one program: 1 GiB body, 1 TiB buffers, 1 M buffers, depth 512, 64 M values, compressed
 * or not. */
extern const mirai__limits mirai__limits_local;
/* For frames before a peer is authenticated: 4 KiB body, no buffers, depth 4, 64 values,
 * nothing compressed. */
extern const mirai__limits mirai__limits_stranger;

#endif
