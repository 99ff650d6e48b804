/*
 * message_limits: the two sets of bounds that readers work with (limits.h). Constants; any thread.
 */
#include "message_limits.h"

#define KIB ((uint64_t)1024)
#define GIB (KIB * KIB * KIB)

const mirai__limits mirai__limits_local = {
    .body_bytes = GIB,
    .buffer_bytes = KIB * GIB,
    .buffers = 1024 * 1024,
    .depth = 512,
    .items = 64 * 1024 * 1024,
    .compressed = true,
};

const mirai__limits mirai__limits_stranger = {
    .body_bytes = 4 * KIB,
    .buffer_bytes = 0,
    .buffers = 0,
    .depth = 4,
    .items = 64,
    .compressed = false,
};
