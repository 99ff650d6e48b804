/*
 * events: what happens in a pool, kept in a bounded ring until mirai_pool_process() gives it to whoever listens.
 * Guarded by the pool's lock; the listener is called under none. While nobody listens, an event costs a test of
 * pool->event_kinds.
 */
#ifndef MIRAI__EVENTS_H
#define MIRAI__EVENTS_H

#include <miraicore/status.h>

#include "handle.h"

typedef struct mirai__events mirai__events;

/* As mirai_pool_on_event(); arguments have been checked. Lock not held. */
mirai_status mirai__events_listen(mirai_pool *pool, int32_t kinds, mirai_event_fn fn, void *user);
void mirai__events_free(mirai__events *events); /* NULL is allowed */
int64_t mirai__events_dropped(const mirai_pool *pool);
bool mirai__events_are_due(const mirai_pool *pool);
/* Give what is due now, in order; how many. Lock not held; not by two threads at a time. */
size_t mirai__events_deliver(mirai_pool *pool);

/* ---- what happens; lock held ---- */

void mirai__events_joined(mirai_pool *pool, const mirai__remote *remote);
void mirai__events_left(mirai_pool *pool, const mirai__remote *remote); /* it is dead */
void mirai__events_queued(mirai_pool *pool, const mirai__sched_task *task); /* if it is; NULL is allowed */
void mirai__events_task(mirai_pool *pool, int32_t kind, const mirai_task *task);

#endif
