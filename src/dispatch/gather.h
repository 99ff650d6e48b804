/*
 * gather: waiting for several tasks. Each that has not resolved gets a watch, and every resolution counts down: what a
 * wait costs is linear in its tasks once, and constant per resolution.
 *
 * Tasks of one pool: the pool's lock guards the gathering, and the waiting thread drives. Of several pools: it has a
 * lock of its own, taken after a pool's, and its thread is passive (interrupt.h), since nobody can drive several at once;
 * the service thread makes the turns.
 */
#ifndef MIRAI__GATHER_H
#define MIRAI__GATHER_H

#include "engine.h"

/* Wait until `enough` (0 to count) of the tasks have resolved; *first, if not NULL: index of the first that has (of
 * those that had before, the lowest). No lock held. MIRAI_OK, E_TIMEDOUT, E_INTERRUPTED, E_NOMEM. */
mirai_status mirai__gather_wait(mirai_task *const *tasks, size_t count, size_t enough, int64_t deadline,
                                size_t *first);
/* A task has resolved: count down in all gatherings that watch it. Pool's lock held. */
void mirai__gather_resolved(mirai_pool *pool, mirai_task *task);

#endif
