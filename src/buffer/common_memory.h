/*
 * common_memory: memory that several processes of one machine read and write at once: a memfd with all its pages, sealed
 * so that its size stays, whose name in /proc carries a secret token. Whoever is told where a process holds it opens it
 * from there, and believes nothing but what the kernel says of it. It lives as long as some process has it.
 *
 * Any thread. A list of what this process holds, so that it holds each once, lies under a lock of its own, under which
 * nothing else is called.
 */
#ifndef MIRAI__COMMON_MEMORY_H
#define MIRAI__COMMON_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <miraicore/error.h>

enum { MIRAI__COMMON_TOKEN = 16, MIRAI__COMMON_PLACES = 2 };

/* A descriptor of a process. */
typedef struct mirai__common_place {
    int32_t pid, fd;
} mirai__common_place;

/* How one process tells another of it. */
typedef struct mirai__common_name {
    uint8_t token[MIRAI__COMMON_TOKEN];
    uint64_t size;
    size_t count; /* of places: where the teller has it and, if that was another, where it was made */
    mirai__common_place places[MIRAI__COMMON_PLACES];
} mirai__common_name;

typedef struct mirai__common mirai__common; /* counted */

/* Zeros. NULL: E_INVALID for 0 bytes, E_NOMEM, E_NOSPACE, E_NOFILES, E_FORKED; detail set. */
mirai__common *mirai__common_new(size_t size);
/* What has that name: that which this process has already, or one that is opened now. E_NOENT when it is at none of its
 * places; E_PROTOCOL when what is there is not as it was named; E_PERMISSION, E_NOFILES, E_NOMEM. */
mirai_status mirai__common_open(const mirai__common_name *name, mirai__common **out);
mirai__common *mirai__common_ref(mirai__common *common);
void mirai__common_unref(mirai__common *common); /* NULL is allowed */
void mirai__common_tell(const mirai__common *common, mirai__common_name *out);
/* MIRAI__COMMON_TOKEN bytes. */
const uint8_t *mirai__common_token(const mirai__common *common);
void *mirai__common_bytes(const mirai__common *common);
size_t mirai__common_bytes_count(const mirai__common *common);

#endif
