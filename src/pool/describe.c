/*
 * describe: a pool's counters and daemons at one moment. Read under the lock, told under none.
 */
#include "pool.h"

#include <stdatomic.h>
#include <string.h>

#include "alloc.h"
#include "events.h"
#include "roster.h"

static void fill(const mirai_pool *pool, mirai_pool_status *out)
{
    const mirai__sched_counts *counts = &pool->sched.counts;
    out->daemons_wanted = counts->wanted;
    out->daemons_ready = counts->ready;
    out->daemons_lost = counts->lost;
    out->awaiting = counts->awaiting;
    out->executing = counts->executing;
    out->completed = counts->completed;
    out->failed = counts->failed;
    out->cancelled = counts->cancelled;
    out->timedout = counts->timedout;
    out->lost = counts->lost_tasks;
    out->closed = counts->closed;
    out->blocked = counts->blocked;
    out->submitted = counts->submitted;
    out->retried = counts->retried;
    out->daemons_starting = counts->starting + counts->spawning;
    out->bytes_used = atomic_load(&pool->budget.bytes);
    out->bytes_peak = pool->budget.peak;
    out->bytes_capacity = pool->budget.max_bytes;
    out->tasks_capacity = pool->budget.max_tasks;
    out->events_dropped = mirai__events_dropped(pool);
}

void mirai__pool_status(mirai_pool *pool, mirai_pool_status *out)
{
    (void)pthread_mutex_lock(&pool->lock);
    fill(pool, out);
    (void)pthread_mutex_unlock(&pool->lock);
}

static mirai_value *list_resources(const mirai__sched_resource *resources, size_t count)
{
    mirai_value *items[MIRAI__RESOURCES_MAX];
    for (size_t i = 0; i < count; i++)
        items[i] = mirai_dict_of("name", mirai_string(resources[i].name), "total",
                                 mirai_float((double)resources[i].total / MIRAI__RESOURCE_PARTS), "free",
                                 mirai_float((double)resources[i].free / MIRAI__RESOURCE_PARTS), MIRAI_END);
    return mirai_list(items, count);
}

/* The counters come first, in the order of mirai_pool_status. */
mirai_value *mirai__pool_describe(mirai_pool *pool)
{
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    (void)pthread_mutex_lock(&pool->lock);
    fill(pool, &status);
    mirai__roster *roster = mirai__roster_read(pool);
    mirai__sched_resource resources[MIRAI__RESOURCES_MAX];
    memcpy(resources, pool->sched.resources, sizeof resources);
    size_t resource_count = pool->sched.resource_count;
    (void)pthread_mutex_unlock(&pool->lock);
    if (roster == NULL) return NULL;
#define COUNTER(name) #name, mirai_int(status.name)
    return mirai_dict_of("name", mirai_string(pool->name), COUNTER(daemons_wanted), COUNTER(daemons_ready),
                         COUNTER(daemons_lost), COUNTER(awaiting), COUNTER(executing), COUNTER(completed),
                         COUNTER(failed), COUNTER(cancelled), COUNTER(timedout), COUNTER(lost), COUNTER(closed),
                         COUNTER(blocked), COUNTER(submitted), COUNTER(retried), COUNTER(daemons_starting),
                         COUNTER(bytes_used), COUNTER(bytes_peak), COUNTER(bytes_capacity), COUNTER(tasks_capacity),
                         COUNTER(events_dropped), "daemons", mirai__roster_tell(roster), "resources",
                         list_resources(resources, resource_count), MIRAI_END);
#undef COUNTER
}
