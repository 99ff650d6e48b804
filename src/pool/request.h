/*
 * request: the body of a JOB frame: the list [function, args, label, stream].
 */
#ifndef MIRAI__REQUEST_H
#define MIRAI__REQUEST_H

#include "segment.h"
#include "share.h"
#include <miraicore/pool.h>
#include <miraicore/rng.h>

/* Takes args. Hooks run in this call. *needs: what the request refers to; owned. */
mirai_status mirai__request_encode(mirai_pool *pool, const char *function, mirai_value *args, const char *label,
                                   mirai__needs *needs, mirai__segment **out);
/* With a random stream (NULL: none). */
mirai_status mirai__request_encode_stream(mirai_pool *pool, const char *function, mirai_value *args,
                                          const char *label, const mirai_rng *stream, mirai__needs *needs,
                                          mirai__segment **out);

#endif
