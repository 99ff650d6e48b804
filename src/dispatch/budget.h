/*
 * budget: how many tasks may be unresolved in a pool, and how many bytes their requests and the results that nobody
 * has read may hold. Guarded by the pool's lock, but for the count of bytes: a result is let go of under no lock.
 *
 * Who waits for room stands in a line and is let in by its order of arrival, one at a time: the next one when the
 * request of the one before has been counted. A hook that submits while it encodes such a request is let in at once, since
 * the place that it would wait for may be its own. Waiting threads drive the pool (driver.h) as any other.
 */
#ifndef MIRAI__BUDGET_H
#define MIRAI__BUDGET_H

#include <stdbool.h>

#include "list.h"
#include <miraicore/pool.h>

typedef struct mirai__budget {
    int64_t max_tasks, max_bytes; /* -1: none; constant */
    bool is_limited;              /* by either of them; constant */
    _Atomic bool is_awaited;      /* somebody waits for room, in line or by on_room */
    _Atomic int64_t bytes;
    int64_t peak;         /* of bytes */
    int64_t tasks;        /* unresolved, and about to be submitted; counted only where there is a limit */
    mirai__list line;     /* mirai__ticket.node, in order of arrival */
    mirai__list waiters;  /* mirai__waiter.of_task of those in line that sleep, in the same order */
    mirai_room_fn on_room;
    void *room_user;
    bool room_due; /* there was room; on_room is to be told */
} mirai__budget;

/* A thread that submits. */
typedef struct mirai__ticket {
    mirai__list node; /* in the line, until its request is counted; empty: it had not to wait */
    bool is_in;
} mirai__ticket;

void mirai__budget_init(mirai__budget *budget, const mirai_pool_options *options);

/* Come in with one task, before its arguments are encoded. E_FULL where it may not wait; E_INTERRUPTED, E_CLOSED.
 * Lock not held. */
mirai_status mirai__budget_enter(mirai_pool *pool, mirai__ticket *ticket, bool may_wait);
/* Wait in the line until there is room, and leave it: the next to come in may be another. MIRAI_OK, E_TIMEDOUT, E_INTERRUPTED,
 * E_CLOSED, E_NOMEM. Lock not held. */
mirai_status mirai__budget_await(mirai_pool *pool, int64_t deadline);
/* It is submitted (then it is counted until _resolved), or it is not. Lock held. */
void mirai__budget_entered(mirai_pool *pool, mirai__ticket *ticket, bool submitted);
/* A task of a limited pool has resolved. Lock held. */
void mirai__budget_resolved(mirai_pool *pool);

/* Bytes that are held from now on. Lock held. */
void mirai__budget_hold(mirai_pool *pool, size_t bytes);
/* Bytes that are held no longer. `locked`: the lock is held. */
void mirai__budget_free(mirai_pool *pool, size_t bytes, bool locked);

/* The pool is closing: nobody is let in any more. Lock held. */
void mirai__budget_close(mirai_pool *pool);

/* As mirai_pool_on_room(). Lock not held. */
void mirai__budget_on_room(mirai_pool *pool, mirai_room_fn fn, void *user);
/* on_room is to be called. Lock held. */
bool mirai__budget_is_due(const mirai_pool *pool);
/* Call it, if there is room still; how many were called. Lock not held. */
size_t mirai__budget_deliver(mirai_pool *pool);

#endif
