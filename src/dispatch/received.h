/*
 * received: what a daemon has sent, decoded for its reader, who by then may be reading memory in which the daemon
 * still writes, or which other tasks are to find unchanged: where either matters, the reader gets bytes of its own.
 * On the reader's thread, under no lock.
 */
#ifndef MIRAI__RECEIVED_H
#define MIRAI__RECEIVED_H

#include <stdbool.h>

#include "segment.h"

struct mirai_pool;

/* `elsewhere`: it is an argument of other tasks too, which are to find in it what came. As mirai__decode(). */
mirai_status mirai__received_decode(const struct mirai_pool *pool, mirai__segment *segment, bool elsewhere,
                                    mirai_value **out);

#endif
