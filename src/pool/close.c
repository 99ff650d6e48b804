/*
 * close: settling a pool's tasks and ending its daemons. The closing thread drives the pool meanwhile, and nobody
 * else calls it. It ends within the drain's deadline and about a second, whatever the daemons do.
 */
#include "pool.h"

#include "ahead.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "engine.h"
#include "everywhere.h"
#include "notify.h"
#include "remote.h"
#include "service.h"
#include "sync.h"

/* What daemons get to leave by themselves: while at a job that was told to stop, and while idle. */
enum { BUSY_MS = 250, LEAVE_MS = 1000 };

static bool is_drained(void *context)
{
    const mirai_pool *pool = context;
    if (mirai__sched_is_drained(&pool->sched)) return true;
    return pool->sched.counts.wanted == 0 && pool->remotes.count == 0; /* nobody ever will */
}

static bool is_quiet(void *context)
{
    const mirai_pool *pool = context;
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item))
        if (((const mirai__remote *)item)->sched.attempt != 0) return false;
    return true;
}

static bool is_empty(void *context)
{
    const mirai_pool *pool = context;
    return pool->remotes.count == 0 && pool->spawning == 0;
}

static void kill_remotes(mirai_pool *pool, bool busy_only)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        mirai__remote *remote = item;
        if (!busy_only || remote->sched.attempt != 0) mirai__remote_kill(pool, remote, "the pool was closed");
    }
}

/* Lock held. */
static mirai_status settle(mirai_pool *pool, int32_t how, int64_t timeout_ms)
{
    mirai_status status = MIRAI_OK;
    if (how == MIRAI_CANCEL) mirai__ahead_settle_all(pool);
    mirai__sched_close(&pool->sched, how, mirai__now_ms());
    mirai__budget_close(pool);
    mirai__engine_commands(pool);
    if (how == MIRAI_DRAIN) {
        status = mirai__driver_wait(pool, NULL, is_drained, pool, mirai__deadline(timeout_ms), true);
        bool all = mirai__sched_is_drained(&pool->sched);
        mirai__ahead_settle_all(pool);
        mirai__sched_close(&pool->sched, MIRAI_CANCEL, mirai__now_ms());
        mirai__engine_commands(pool);
        if (all)
            status = MIRAI_OK;
        else if (status == MIRAI_OK || status == MIRAI_E_TIMEDOUT)
            status = mirai__fail(MIRAI_E_TIMEDOUT, "tasks were cut off by the deadline");
    }
    return status;
}

/* Lock held. */
static void end_daemons(mirai_pool *pool)
{
    pool->ending = true;
    pool->spawns_owed = 0;
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) mirai__remote_ask(pool, item);
    int64_t leave_by = mirai__deadline(LEAVE_MS);
    (void)mirai__driver_wait(pool, NULL, is_quiet, pool, mirai__deadline(BUSY_MS), false);
    kill_remotes(pool, true);
    (void)mirai__driver_wait(pool, NULL, is_empty, pool, leave_by, false);
    kill_remotes(pool, false);
    /* What was killed dies: only the kernel could hold it up now. Without memory to wait, look again. */
    while (mirai__driver_wait(pool, NULL, is_empty, pool, MIRAI__NEVER, false) != MIRAI_OK) continue;
    mirai__engine_commands(pool);
}

static void drop_rest(mirai_pool *pool)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->strangers, &cursor, &id, &item)) mirai__stranger_drop(pool, item);
    while (!mirai__list_is_empty(&pool->setups))
        mirai__everywhere_remove(pool, mirai__list_entry(pool->setups.next, mirai__everywhere, node));
}

void mirai__pool_refuse(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    mirai__ahead_settle_all(pool);
    mirai__sched_close(&pool->sched, MIRAI_CANCEL, mirai__now_ms());
    mirai__budget_close(pool);
    mirai__engine_commands(pool);
    mirai__driver_notify(pool);
    mirai__engine_rearm(pool);
    (void)pthread_mutex_unlock(&pool->lock);
}

mirai_status mirai__pool_close(mirai_pool *pool, int32_t how, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = settle(pool, how, timeout_ms);
    end_daemons(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__service_remove(pool);
    (void)mirai__notify_process(pool); /* callbacks of what was resolved by this: there is no later */
    mirai__sync_close(pool);
    (void)pthread_mutex_lock(&pool->lock);
    drop_rest(pool); /* now that nobody accepts any more */
    mirai__engine_shut(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__engine_release(pool);
    return status;
}
