/*
 * hello: the record in a daemon's first frame: fixed layout, little-endian, nothing in it is looked at before the
 * token has been compared in constant time (FORMAT.md).
 */
#ifndef MIRAI__HELLO_H
#define MIRAI__HELLO_H

#include <stdint.h>
#include "frame.h"

#define MIRAI__TOKEN_SIZE 16
#define MIRAI__BUILD_ID_SIZE 20
#define MIRAI__HELLO_SIZE 128

typedef struct mirai__hello {
    uint8_t token[MIRAI__TOKEN_SIZE]; /* zeros on an inherited socket, which needs none */
    uint32_t wire_version;            /* highest that the daemon speaks */
    uint32_t library_version;         /* mirai_version() */
    uint64_t pid;
    uint64_t launch;                              /* which launch of the host's this is; 0: unasked */
    uint8_t build_id[MIRAI__BUILD_ID_SIZE];       /* of the program, zeros when unknown */
    uint32_t flags;                               /* MIRAI__HELLO_* */
    char host[64];                                /* name of the machine, NUL-padded */
} mirai__hello;

enum { MIRAI__HELLO_SELF = 1 /* the program re-executed itself: build ids must agree */ };

mirai_status mirai__hello_frame(const mirai__hello *hello, mirai__frame *out); /* a HELLO frame; owns its segment */
/* E_AUTH when the token is not `token` (NULL: none is needed); E_PROTOCOL; E_VERSION. */
mirai_status mirai__hello_read(const mirai__frame *frame, const uint8_t *token, mirai__hello *out);

#endif
