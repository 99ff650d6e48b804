/*
 * describe: a pool's counters and daemons at one moment. Read under the lock, told under none.
 */
#include "pool.h"

#include <stdatomic.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "events.h"
#include "remote.h"

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

typedef struct record {
    uint64_t id, jobs, task;
    int64_t pid, uptime_ms;
    int32_t state, group;
    const char *tags; /* of its kind: they live as long as the pool */
} record;

static const char *state_text(int32_t state)
{
    switch (state) {
    case MIRAI__DAEMON_STARTING: return "starting";
    case MIRAI__DAEMON_IDLE: return "idle";
    case MIRAI__DAEMON_BUSY: return "busy";
    default: return "leaving";
    }
}

/* Names joined by commas, as a list. */
static mirai_value *list_tags(const char *tags)
{
    size_t count = tags != NULL;
    for (const char *at = tags; at != NULL && *at != '\0'; at++) count += *at == ',';
    mirai_value **names = mirai__alloc_zero(count + 1, sizeof *names);
    if (names == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(tags, ",");
        names[i] = mirai_string_n(tags, size);
        tags += size + 1;
    }
    mirai_value *list = mirai_list(names, count);
    mirai__free(names);
    return list;
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

static mirai_value *describe_daemon(const record *daemon)
{
    return mirai_dict_of("id", mirai_int((int64_t)daemon->id), "pid", mirai_int(daemon->pid), "group",
                         mirai_int(daemon->group), "tags", list_tags(daemon->tags), "state",
                         mirai_string(state_text(daemon->state)), "jobs", mirai_int((int64_t)daemon->jobs),
                         "uptime_ms", mirai_int(daemon->uptime_ms), "task",
                         daemon->task != 0 ? mirai_int((int64_t)daemon->task) : mirai_null(), MIRAI_END);
}

/* In the order of their ids. Lock held. */
static record *read_daemons(const mirai_pool *pool, size_t *count)
{
    record *records = mirai__alloc_zero(pool->remotes.count + 1, sizeof *records);
    if (records == NULL) return NULL;
    int64_t now = mirai__now_ms();
    size_t cursor = 0, n = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        const mirai__remote *remote = item;
        record each = {.id = id, .jobs = remote->jobs, .task = remote->task_id, .pid = remote->process.pid,
                       .uptime_ms = now - remote->started, .state = remote->sched.state,
                       .group = remote->sched.group, .tags = remote->options->tags};
        size_t at = n++;
        for (; at > 0 && records[at - 1].id > id; at--) records[at] = records[at - 1];
        records[at] = each;
    }
    *count = n;
    return records;
}

static mirai_value *list_daemons(const record *records, size_t count)
{
    mirai_value **items = mirai__alloc_zero(count + 1, sizeof *items);
    if (items == NULL) return NULL;
    for (size_t i = 0; i < count; i++) items[i] = describe_daemon(&records[i]);
    mirai_value *list = mirai_list(items, count);
    mirai__free(items);
    return list;
}

mirai_value *mirai__pool_describe(mirai_pool *pool)
{
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    size_t count = 0;
    (void)pthread_mutex_lock(&pool->lock);
    fill(pool, &status);
    record *records = read_daemons(pool, &count);
    mirai__sched_resource resources[MIRAI__RESOURCES_MAX];
    memcpy(resources, pool->sched.resources, sizeof resources);
    size_t resource_count = pool->sched.resource_count;
    (void)pthread_mutex_unlock(&pool->lock);
    if (records == NULL) return NULL;
    mirai_value *daemons = list_daemons(records, count);
    mirai__free(records);
    return mirai_dict_of("name", mirai_string(pool->name), "daemons_wanted", mirai_int(status.daemons_wanted),
                         "daemons_ready", mirai_int(status.daemons_ready), "daemons_lost",
                         mirai_int(status.daemons_lost), "awaiting", mirai_int(status.awaiting), "executing",
                         mirai_int(status.executing), "completed", mirai_int(status.completed), "failed",
                         mirai_int(status.failed), "cancelled", mirai_int(status.cancelled), "timedout",
                         mirai_int(status.timedout), "lost", mirai_int(status.lost), "closed", mirai_int(status.closed), "blocked", mirai_int(status.blocked), "submitted",
                         mirai_int(status.submitted), "retried", mirai_int(status.retried), "daemons_starting",
                         mirai_int(status.daemons_starting), "daemons", daemons, "resources",
                         list_resources(resources, resource_count), MIRAI_END);
}
