/*
 * api_daemons: the exported calls on how many daemons a pool keeps: check arguments, call down. Any thread.
 */
#include <miraicore/pool.h>

#include "detail.h"
#include "engine.h"
#include "pool.h"

enum { DAEMONS_MAX = 4096 };

static mirai_status check(const mirai_pool *pool, int32_t daemons, int32_t least)
{
    if (pool == NULL) return mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
    if (pool->sync) return mirai__fail(MIRAI_E_STATE, "a sync pool has no daemons");
    if (daemons < least || daemons > DAEMONS_MAX)
        return mirai__fail(MIRAI_E_INVALID, "%d daemons; %d to %d are possible", (int)daemons, (int)least,
                           DAEMONS_MAX);
    return MIRAI_OK;
}

mirai_status mirai_pool_resize(mirai_pool *pool, int32_t daemons)
{
    return mirai_pool_resize_group(pool, 0, daemons);
}

mirai_status mirai_pool_resize_group(mirai_pool *pool, int32_t group, int32_t daemons)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check(pool, daemons, 0));
    return mirai__pool_resize(pool, group, daemons);
}

mirai_status mirai_pool_launch(mirai_pool *pool, int32_t daemons, const mirai_daemon_options *options,
                               int32_t *group)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check(pool, daemons, 1));
    return mirai__pool_launch(pool, daemons, options, group);
}

mirai_status mirai_pool_settle(mirai_pool *pool, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    if (pool == NULL) return mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
    if (timeout_ms < MIRAI_FOREVER)
        return mirai__fail(MIRAI_E_INVALID, "a time of %lld ms", (long long)timeout_ms);
    return mirai__pool_settle(pool, timeout_ms);
}
