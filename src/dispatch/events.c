/*
 * events: the ring of events and its listener. Threads and lock: events.h.
 */
#include "events.h"

#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "notify.h"

enum { EVENTS_MAX = 4096, CAUSE_SIZE = 128 };

typedef struct record {
    mirai_event event;
    char *cause; /* owned or NULL */
} record;

struct mirai__events {
    mirai_event_fn fn;
    void *user;
    uint64_t first, end; /* numbers of the oldest kept, and of the next */
    int64_t dropped;
    record ring[EVENTS_MAX];
};

static record *at(mirai__events *events, uint64_t number)
{
    return &events->ring[number % EVENTS_MAX];
}

static void clear(mirai__events *events)
{
    for (; events->first != events->end; events->first++) mirai__free(at(events, events->first)->cause);
}

void mirai__events_free(mirai__events *events)
{
    if (events == NULL) return;
    clear(events);
    mirai__free(events);
}

mirai_status mirai__events_listen(mirai_pool *pool, int32_t kinds, mirai_event_fn fn, void *user)
{
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->events == NULL && kinds != 0) {
        pool->events = mirai__alloc_zero(1, sizeof *pool->events);
        if (pool->events == NULL) status = MIRAI_E_NOMEM;
    }
    if (status == MIRAI_OK && pool->events != NULL) {
        if (kinds == 0) clear(pool->events);
        pool->events->fn = fn;
        pool->events->user = user;
    }
    if (status == MIRAI_OK) pool->event_kinds = kinds;
    mirai__notify_calm(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

int64_t mirai__events_dropped(const mirai_pool *pool)
{
    return pool->events != NULL ? pool->events->dropped : 0;
}

bool mirai__events_are_due(const mirai_pool *pool)
{
    return pool->events != NULL && pool->events->first != pool->events->end;
}

/* ---- giving ---------------------------------------------------------------------------------- */

/* The next one up to `end` that is still wanted. Lock held. */
static bool take(mirai_pool *pool, uint64_t end, record *out)
{
    mirai__events *events = pool->events;
    while (events->first < end && events->first != events->end) {
        *out = *at(events, events->first++);
        if (pool->event_kinds & out->event.kind) return true;
        mirai__free(out->cause);
    }
    return false;
}

size_t mirai__events_deliver(mirai_pool *pool)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&pool->lock);
    uint64_t end = pool->events != NULL ? pool->events->end : 0; /* what comes meanwhile is for the next time */
    record next;
    while (pool->events != NULL && take(pool, end, &next)) {
        mirai_event_fn fn = pool->events->fn;
        void *user = pool->events->user;
        (void)pthread_mutex_unlock(&pool->lock);
        next.event.cause = next.cause;
        fn(pool, &next.event, user);
        mirai__free(next.cause);
        count++;
        (void)pthread_mutex_lock(&pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return count;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static void keep(mirai_pool *pool, const mirai_event *event, const char *cause)
{
    mirai__events *events = pool->events;
    if (events->end - events->first == EVENTS_MAX) {
        mirai__free(at(events, events->first++)->cause);
        events->dropped++;
    }
    record *record = at(events, events->end++);
    record->event = *event;
    record->event.struct_size = sizeof *event;
    record->event.time_ms = mirai__now_ms();
    record->cause = cause != NULL ? mirai__strdup(cause) : NULL; /* without memory it says less */
    mirai__notify_ring(pool);
}

void mirai__events_joined(mirai_pool *pool, const mirai__remote *remote)
{
    if (!(pool->event_kinds & MIRAI_EVENT_DAEMON_JOINED)) return;
    mirai_event event = {.kind = MIRAI_EVENT_DAEMON_JOINED, .daemon = remote->id, .pid = remote->process.pid};
    keep(pool, &event, NULL);
}

void mirai__events_left(mirai_pool *pool, const mirai__remote *remote)
{
    if (!(pool->event_kinds & MIRAI_EVENT_DAEMON_LEFT) || !remote->ready) return;
    const mirai__death *death = &remote->death;
    mirai_event event = {.kind = MIRAI_EVENT_DAEMON_LEFT, .daemon = remote->id, .pid = remote->process.pid};
    event.exit_status = death->known && death->signal == 0 ? death->exit_status : -1;
    char how[CAUSE_SIZE];
    mirai__death_text(death, how, sizeof how);
    keep(pool, &event, remote->killed && remote->fault != NULL ? remote->fault : how);
}

void mirai__events_task(mirai_pool *pool, int32_t kind, const mirai_task *task)
{
    if (!(pool->event_kinds & kind)) return;
    mirai_event event = {.kind = kind, .task = task->id, .attempt = task->sched.attempts};
    if (kind != MIRAI_EVENT_TASK_QUEUED) {
        event.daemon = task->ran_on;
        event.pid = task->ran_pid;
    }
    if (kind == MIRAI_EVENT_TASK_QUEUED) event.attempt++; /* the one to come */
    if (kind == MIRAI_EVENT_TASK_RESOLVED) event.outcome = task->sched.outcome;
    keep(pool, &event, NULL);
}

void mirai__events_queued(mirai_pool *pool, const mirai__sched_task *task)
{
    if (!(pool->event_kinds & MIRAI_EVENT_TASK_QUEUED) || task == NULL) return;
    if (task->state == MIRAI_TASK_QUEUED)
        mirai__events_task(pool, MIRAI_EVENT_TASK_QUEUED, mirai__list_entry(task, mirai_task, sched));
}
