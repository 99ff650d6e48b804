/*
 * output: what daemons write to standard output and standard error, in a pool that captures it: kept with the task at
 * hand, or in a queue for the pool's on_output. Guarded by the pool's lock; on_output is called under none.
 *
 * A daemon flushes its streams before it sends a result, and what the pipes hold when that comes is read first: so it is
 * the task's. Each event reads a bounded amount, and what is kept is bounded: a task's by output_limit, the queue's by
 * a constant. What goes beyond is read and dropped, so that no daemon waits for a host that does not listen.
 */
#ifndef MIRAI__OUTPUT_H
#define MIRAI__OUTPUT_H

#include "handle.h"

typedef struct mirai__capturing mirai__capturing; /* of a pool */
typedef struct mirai__output mirai__output;       /* of a task */

/* Where the options say so: sets pool->capturing. E_NOMEM. */
mirai_status mirai__output_capture(mirai_pool *pool, const mirai_pool_options *options);
void mirai__output_stop(mirai__capturing *capturing); /* NULL is allowed */
void mirai__output_free(mirai__output *output);       /* NULL is allowed */

/* ---- lock held; harmless in a pool that does not capture ---- */

/* One of the pipes is readable; `stream` is 1 or 2. False: it is at its end. */
bool mirai__output_read(mirai_pool *pool, mirai__remote *remote, int32_t stream);
/* Read what both pipes hold now: it belongs to `task` (NULL: nobody keeps it) and to the number remote->task_id. */
void mirai__output_drain(mirai_pool *pool, mirai__remote *remote, mirai_task *task);
/* The same for a task that resolves while its attempt goes on. */
void mirai__output_settle(mirai_pool *pool, mirai_task *task);
/* The task is handed to this daemon: what an earlier attempt wrote is forgotten. */
void mirai__output_begin(mirai_pool *pool, mirai__remote *remote, mirai_task *task);

/* ---- lock not held ---- */

bool mirai__output_is_due(const mirai_pool *pool); /* but here */
/* Call on_output with what is queued now; how often. Not by two threads at a time. */
size_t mirai__output_deliver(mirai_pool *pool);
/* As mirai_task_output(); arguments have been checked. */
mirai_status mirai__output_value(mirai_task *task, mirai_value **out);

#endif
