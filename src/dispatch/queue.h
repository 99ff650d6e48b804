/*
 * queue: tasks in the order in which they resolve (mirai_queue). A task in a queue is a member until it resolves, then
 * ready until it comes out; its node and the pointer to its queue lie in the task, so that nothing here allocates per
 * task.
 *
 * While all tasks are of one pool, whoever waits is one of that pool's waiters and may drive it; with tasks of
 * several pools waiting is passive (interrupt.h), and the service thread makes the turns. The queue's lock is taken
 * after a pool's; `waiters` alone is guarded by the lock of the queue's one pool.
 */
#ifndef MIRAI__QUEUE_H
#define MIRAI__QUEUE_H

#include "engine.h"
#include <miraicore/many.h>

/* No lock is held on entry to any of these, but the last. Arguments have been checked. */
mirai_status mirai__queue_new(mirai_queue **out);
mirai_status mirai__queue_add(mirai_queue *queue, mirai_task *task); /* E_STATE, E_NOMEM */
/* MIRAI_OK, E_NOT_FOUND, E_TIMEDOUT, E_INTERRUPTED, E_NOMEM. */
mirai_status mirai__queue_next(mirai_queue *queue, mirai_task **out, int64_t deadline);
/* What is ready, without waiting, driving or saying why not: NULL: nothing is. Owned. */
mirai_task *mirai__queue_poll(mirai_queue *queue);
size_t mirai__queue_size(const mirai_queue *queue);
void mirai__queue_release(mirai_queue *queue);
/* A task has resolved: hand it to its queue, if it is in one. Pool's lock held. */
void mirai__queue_resolved(mirai_pool *pool, mirai_task *task);

#endif
