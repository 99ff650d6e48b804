/*
 * request: the body of a JOB frame: the list [function, args, label].
 */
#ifndef MIRAI__REQUEST_H
#define MIRAI__REQUEST_H

#include "segment.h"
#include <miraicore/pool.h>

/* Takes args. Hooks run in this call. */
mirai_status mirai__request_encode(mirai_pool *pool, const char *function, mirai_value *args, const char *label,
                                   mirai__segment **out);

#endif
