/*
 * pool: a pool's life as its owner sees it: open, submit, run everywhere, look, close. Arguments have been checked
 * by the floor above. No lock is held on entry; hooks run in submit, and in everywhere on failure.
 */
#ifndef MIRAI__POOL_H
#define MIRAI__POOL_H

#include <miraicore/pool.h>
#include <miraicore/rng.h>
#include <miraicore/status.h>

/* Options are complete: no defaults are left to fill in (times: -1 is none). */
mirai_status mirai__pool_open(const char *name, int32_t daemons, const mirai_pool_options *options,
                              mirai_pool **out);
/* Have a pool that was just opened start a daemon for each task. */
void mirai__pool_make_ephemeral(mirai_pool *pool);
/* Take no further tasks, and resolve those that it has to CLOSED: safe while others use it. Close it afterwards. */
void mirai__pool_refuse(mirai_pool *pool);
mirai_status mirai__pool_close(mirai_pool *pool, int32_t how, int64_t timeout_ms);
/* Takes args. */
mirai_status mirai__pool_submit(mirai_pool *pool, const char *function, mirai_value *args,
                                const mirai_submit_options *options, mirai_task **out);
/* As that, but E_FULL instead of waiting for room. Takes args. */
mirai_status mirai__pool_try_submit(mirai_pool *pool, const char *function, mirai_value *args,
                                    const mirai_submit_options *options, mirai_task **out);
/* As that, with a random stream of the caller's (seeds.h); NULL: the next of the pool's own. Takes args. */
mirai_status mirai__pool_try_submit_stream(mirai_pool *pool, const char *function, mirai_value *args,
                                       const mirai_submit_options *options, const mirai_rng *stream,
                                       mirai_task **out);
/* Takes args. */
mirai_status mirai__pool_everywhere(mirai_pool *pool, const char *key, const char *function, mirai_value *args,
                                    const mirai_everywhere_options *options);
mirai_status mirai__pool_resize(mirai_pool *pool, int32_t group, int32_t daemons);
mirai_status mirai__pool_launch(mirai_pool *pool, int32_t daemons, const mirai_daemon_options *options,
                                int32_t *group);
mirai_status mirai__pool_settle(mirai_pool *pool, int64_t timeout_ms);
size_t mirai__pool_cancel_all(mirai_pool *pool);
void mirai__pool_status(mirai_pool *pool, mirai_pool_status *out);
mirai_value *mirai__pool_describe(mirai_pool *pool);

#endif
