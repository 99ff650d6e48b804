/*
 * open: making a pool and waiting until its daemons are ready. The opening thread drives the pool meanwhile.
 */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "channel.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "engine.h"
#include "random.h"
#include "remote.h"
#include "service.h"
#include "session.h"
#include "sync.h"

/* MIRAI_TRANSPORT says how local daemons are connected: by rings or an inherited socket alone, or through a listener. */
static mirai_status listen_as_told(mirai_pool *pool)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    if (transport == NULL || *transport == '\0') return MIRAI_OK;
    if (strcmp(transport, "pair") == 0) pool->local = MIRAI__LOCAL_PAIR;
    if (strcmp(transport, "ring") == 0) pool->local = MIRAI__LOCAL_RING;
    if (pool->local != MIRAI__LOCAL_BEST) return MIRAI_OK;
    uint64_t unique[2];
    char url[128];
    MIRAI_TRY(mirai__random_bytes(unique, sizeof unique));
    unsigned long long high = unique[0], low = unique[1];
    if (strcmp(transport, "ipc") == 0)
        (void)snprintf(url, sizeof url, "ipc:///tmp/mirai-%llx%llx", high, low);
    else if (strcmp(transport, "abstract") == 0)
        (void)snprintf(url, sizeof url, "abstract://mirai-%llx%llx", high, low);
    else if (strcmp(transport, "tcp") == 0)
        (void)snprintf(url, sizeof url, "tcp://127.0.0.1:0");
    else
        return mirai__fail(MIRAI_E_UNSUPPORTED,
                           "MIRAI_TRANSPORT is \"%s\"; it may be ring, pair, ipc, abstract or tcp", transport);
    MIRAI_TRY(mirai__listen(url, &pool->listener));
    pool->spawn.url = mirai__listener_url(pool->listener);
    return mirai__engine_watch(pool, mirai__listener_fd(pool->listener), POLLIN, MIRAI__SOURCE_LISTENER, 0);
}

static bool is_up(void *context)
{
    const mirai_pool *pool = context;
    return pool->start_status != MIRAI_OK || pool->came >= pool->sched.counts.wanted;
}

/* Each daemon has the start time-out for itself, and its end tells more than a deadline of ours: so ours comes a
 * little later. It is for those that start, die and start again. */
enum { SLACK_MS = 1000 };

static mirai_status start_daemons(mirai_pool *pool, int32_t daemons)
{
    int64_t limit = pool->sched.config.start_timeout_ms;
    int64_t deadline = limit < 0 || limit > INT64_MAX - SLACK_MS ? MIRAI__NEVER : mirai__deadline(limit + SLACK_MS);
    (void)pthread_mutex_lock(&pool->lock);
    pool->opening = true;
    mirai__sched_resize(&pool->sched, 0, daemons, mirai__now_ms());
    mirai__engine_commands(pool);
    mirai_status status = mirai__driver_wait(pool, NULL, is_up, pool, deadline, true);
    pool->opening = false;
    if (status == MIRAI_E_TIMEDOUT)
        status = mirai__fail(MIRAI_E_START, "%lld of %d daemons were ready after %lld ms",
                             (long long)pool->sched.counts.ready, (int)daemons, (long long)limit);
    if (status == MIRAI_OK && pool->start_status != MIRAI_OK)
        status = mirai__fail(pool->start_status, "%s",
                             pool->start_detail != NULL ? pool->start_detail : "a daemon did not start");
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

mirai_status mirai__pool_open(const char *name, int32_t daemons, const mirai_pool_options *options,
                              mirai_pool **out)
{
    mirai_pool *pool = NULL;
    MIRAI_TRY(mirai__engine_new(name, options, &pool));
    pool->spawn.depth = mirai__session_depth() + 1;
    mirai_status status = pool->sync ? mirai__sync_open(pool) : listen_as_told(pool);
    if (status == MIRAI_OK) status = mirai__engine_lend(pool);
    if (status == MIRAI_OK && !pool->sync) status = mirai__service_add(pool);
    if (status != MIRAI_OK) {
        mirai__engine_release(pool);
        return status;
    }
    if (daemons > 0) status = start_daemons(pool, daemons);
    if (status == MIRAI_OK) {
        *out = pool;
        return MIRAI_OK;
    }
    char *why = mirai__strdup(mirai_error_detail()); /* closing says things of its own */
    (void)mirai__pool_close(pool, MIRAI_CANCEL, 0);
    status = mirai__fail(status, "%s", why != NULL ? why : "a daemon did not start");
    mirai__free(why);
    return status;
}

void mirai__pool_make_ephemeral(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->sched.config.ephemeral = true;
    (void)pthread_mutex_unlock(&pool->lock);
}
