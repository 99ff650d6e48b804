/*
 * resize: how many daemons of which kinds a pool keeps. Any thread; everything but copying options is done under the
 * pool's lock.
 */
#include "pool.h"

#include "clock.h"
#include "daemon_options.h"
#include "detail.h"
#include "driver.h"
#include "engine.h"

/* Failed starts in a row after which it is not worth waiting any longer. */
enum { AGAIN_AND_AGAIN = 3 };

/* What the scheduler made of it. Lock held. */
static void follow(mirai_pool *pool)
{
    mirai__engine_commands(pool);
    mirai__driver_notify(pool); /* who waits for the pool to settle looks again */
    mirai__engine_rearm(pool);
}

mirai_status mirai__pool_resize(mirai_pool *pool, int32_t group, int32_t daemons)
{
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->sched.closing)
        status = mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    else if (group < 0 || group >= pool->sched.group_count)
        status = mirai__fail(MIRAI_E_NOT_FOUND, "group %d; this pool has %d", (int)group,
                             (int)pool->sched.group_count);
    if (status == MIRAI_OK) {
        mirai__sched_resize(&pool->sched, group, daemons, mirai__now_ms());
        follow(pool);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

mirai_status mirai__pool_launch(mirai_pool *pool, int32_t daemons, const mirai_daemon_options *options,
                                int32_t *group)
{
    mirai_daemon_options *own = NULL;
    int32_t number = 0;
    if (options == NULL) options = pool->groups[0].options; /* constant */
    MIRAI_TRY(mirai__daemon_options_copy(options, &own));
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = mirai__sched_group_add(&pool->sched, daemons, own->tags, &number, mirai__now_ms());
    if (status == MIRAI_OK) {
        pool->groups[number].options = own;
        follow(pool);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (status != MIRAI_OK)
        mirai__daemon_options_free(own);
    else if (group != NULL)
        *group = number;
    return status;
}

static bool is_hopeless(const mirai_pool *pool)
{
    for (int32_t i = 0; i < pool->sched.group_count; i++)
        if (pool->sched.groups[i].start_failures >= AGAIN_AND_AGAIN) return true;
    return false;
}

static bool is_settled(void *context)
{
    const mirai_pool *pool = context;
    return mirai__sched_is_settled(&pool->sched) || is_hopeless(pool);
}

mirai_status mirai__pool_settle(mirai_pool *pool, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status =
        mirai__driver_wait(pool, NULL, is_settled, pool, mirai__deadline(timeout_ms), true);
    if (status == MIRAI_OK && !mirai__sched_is_settled(&pool->sched))
        status = mirai__fail(MIRAI_E_START, "%s",
                             pool->start_detail != NULL ? pool->start_detail : "daemons did not start");
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}
