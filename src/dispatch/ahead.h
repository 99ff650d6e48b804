/*
 * ahead: jobs that lie ahead of a busy daemon: sending them before their turn, taking them back, and how many there may be.
 * Guarded by the pool's lock.
 *
 * The scheduler says what to lend and when to ask for it back; the words that host and daemon share (claims.h) decide
 * who gets a job: the daemon that begins it, or the host that revokes it.
 */
#ifndef MIRAI__AHEAD_H
#define MIRAI__AHEAD_H

#include "remote.h"

/* Whether jobs may be sent ahead to it. */
bool mirai__ahead_is_possible(const mirai_pool *pool, const mirai__remote *remote);
/* Whether the task may be sent ahead: it is small, and nothing has to go before it. */
bool mirai__ahead_may_lend(const struct mirai_task *task);

/* The job that is sent next may be begun by its daemon. */
void mirai__ahead_offer(mirai__remote *remote, uint8_t slot, uint64_t attempt);
/* A command of the scheduler. */
void mirai__ahead_recall(mirai_pool *pool, mirai__remote *remote, int32_t count); /* reads results; it may be gone then */
/* The link, which is in shared memory, is about to go: take back all that was not begun. True: neither was its present
 * attempt. */
bool mirai__ahead_cut(mirai_pool *pool, mirai__remote *remote);

/* Before tasks are ended: what is lent is queued again, or running, when this returns; one task, or all. Reads results; daemons
 * may be gone then. */
void mirai__ahead_settle(mirai_pool *pool, struct mirai_task *task);
void mirai__ahead_settle_all(mirai_pool *pool);

/* A new pool: none yet; or always as many as the environment's MIRAI_AHEAD says (0: never any). */
void mirai__ahead_init(mirai_pool *pool);
/* After commands: see to it that what is lent to one daemon of several does not wait there long. */
void mirai__ahead_look(mirai_pool *pool);
/* It is that late: spread what has waited; `in_vain`: what is held while others idle, since the driver has looked for results
 * and found none. True: done, and results may have been read, so that nobody may sleep before it has looked for its own. */
bool mirai__ahead_spread(mirai_pool *pool, int64_t now, bool in_vain);
/* A job was handed to the daemon while it had none; so many results of its have come. */
void mirai__ahead_handed(mirai_pool *pool, mirai__remote *remote);
void mirai__ahead_learn(mirai_pool *pool, mirai__remote *remote, uint64_t results);

#endif
