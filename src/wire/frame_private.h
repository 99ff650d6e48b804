/*
 * frame_private: the fixed header of a frame (FORMAT.md section 2), shared by reader and writer.
 */
#ifndef MIRAI__FRAME_PRIVATE_H
#define MIRAI__FRAME_PRIVATE_H

#include "frame.h"

#define MIRAI__FRAME_COMPRESSED 1u /* flag: parts may be compressed, the table has two columns */
#define MIRAI__FRAME_LENT 2u /* flag: buffers may lie in slabs, the table has four columns */

typedef struct mirai__frame_header {
    uint8_t kind;
    uint16_t flags;
    int32_t aux;
    uint32_t buffers;
    uint64_t task, attempt, incarnation;
    uint64_t body_size;   /* uncompressed */
    uint64_t body_stored; /* as it travels; the same when it is not compressed */
    uint64_t buffer_size; /* of all buffers, uncompressed */
} mirai__frame_header;

void mirai__frame_header_write(const mirai__frame_header *header,
                               uint8_t out[MIRAI__FRAME_HEADER_SIZE]);
/* E_PROTOCOL, E_VERSION, E_LIMIT. */
mirai_status mirai__frame_header_read(const uint8_t in[MIRAI__FRAME_HEADER_SIZE],
                                      const mirai__limits *limits, mirai__frame_header *out);

static inline size_t mirai__frame_entry_size(const mirai__frame_header *header)
{
    if (header->flags & MIRAI__FRAME_LENT) return 32;
    return header->flags & MIRAI__FRAME_COMPRESSED ? 16 : 8;
}

#endif
