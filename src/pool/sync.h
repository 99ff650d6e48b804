/*
 * sync: pools without daemons: a task runs inside its submission, on that thread. No lock is held meanwhile, so that it
 * may do what a job may, and submit further tasks. A time-out does not end it, and whoever cancels it comes too late.
 */
#ifndef MIRAI__SYNC_H
#define MIRAI__SYNC_H

#include "handle.h"

/* What opening such a pool needs besides. */
mirai_status mirai__sync_open(mirai_pool *pool);
void mirai__sync_close(mirai_pool *pool); /* frees what tasks have kept; no lock held */
/* Run a task that is submitted; it has resolved when this returns MIRAI_OK. `stream`: it takes the pool's next. */
mirai_status mirai__sync_submit(mirai_pool *pool, mirai_task *task, bool stream);
/* Run a request as everywhere does. MIRAI_OK, and *failure is what went wrong (owned; NULL: nothing). Takes request and
 * needs. */
mirai_status mirai__sync_everywhere(mirai_pool *pool, mirai__segment *request, mirai__needs *needs,
                                    mirai__segment **failure);

#endif
