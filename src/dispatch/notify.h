/*
 * notify: the pool's descriptor and the callbacks that are due. The descriptor is readable if and only if
 * mirai_pool_process() has something to do. Guarded by the pool's lock; callbacks run under none.
 */
#ifndef MIRAI__NOTIFY_H
#define MIRAI__NOTIFY_H

#include "handle.h"

void mirai__notify_ring(mirai_pool *pool); /* something has fallen due; lock held */
void mirai__notify_calm(mirai_pool *pool); /* something is no longer due; lock held */
void mirai__notify_resolved(mirai_pool *pool, mirai_task *task); /* lock held */
/* It has partial results or progress that a callback is due for; lock held. */
void mirai__notify_said(mirai_pool *pool, mirai_task *task);
mirai_status mirai__notify_fd(mirai_pool *pool, int *fd);        /* lock not held */
size_t mirai__notify_process(mirai_pool *pool);                  /* lock not held; runs callbacks */

#endif
