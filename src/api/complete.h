/*
 * complete: arguments of exported calls that more than one of them takes: checked, and with their defaults filled in.
 */
#ifndef MIRAI__COMPLETE_H
#define MIRAI__COMPLETE_H

#include <miraicore/pool.h>

/* Of mirai_pool_open(). */
mirai_status mirai__complete_open(const char *name, int32_t daemons, const mirai_pool_options *options,
                                  mirai_pool_options *full);
/* Whether such a pool may be opened in this process, now. E_STATE. */
mirai_status mirai__complete_place(const mirai_pool_options *full);
/* Of a call of a function; keeps the detail of a builder that failed. */
mirai_status mirai__complete_call(const char *function, const mirai_value *args);

#endif
