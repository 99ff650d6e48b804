/*
 * driver: waiting. A thread that waits for something of a pool becomes its driver if there is none, and makes the
 * pool's turns itself, so that submit-and-wait pays no hop; the service thread parks meanwhile. Exactly one thread
 * drives at a time. When a driver has what it waited for, it promotes another waiter, or hands back to the service
 * thread. Nobody spins or sleeps holding the lock.
 */
#ifndef MIRAI__DRIVER_H
#define MIRAI__DRIVER_H

#include "engine.h"

typedef struct mirai__waiter {
    mirai__list of_pool; /* in pool->waiters */
    mirai__list of_task; /* in task->waiters; else in none, and woken after every turn */
    pthread_cond_t condition;
    bool watches_all;
    bool interrupted;
} mirai__waiter;

/* Wait until done(context) or the deadline. The lock is held on entry and on return and while done() runs.
 * `task_waiters`: the list of a task, whose resolution wakes the waiter; NULL: look after every turn.
 * MIRAI_OK, E_TIMEDOUT, E_INTERRUPTED (only where `interruptible`), E_NOMEM. */
mirai_status mirai__driver_wait(mirai_pool *pool, mirai__list *task_waiters, bool (*done)(void *context),
                                void *context, int64_t deadline, bool interruptible);
/* Make a waiter look again, whether it waits for its condition or drives: what it waits for may come about on another
 * thread. Lock held. */
void mirai__driver_wake(mirai_pool *pool, mirai__waiter *waiter);
/* After a turn or a change: wake those waiters that watch all. Lock held. */
void mirai__driver_notify(mirai_pool *pool);
/* Deliver an interrupt to all waiters, the passive ones too (interrupt.h); false when there is none. Lock held. */
bool mirai__driver_interrupt(mirai_pool *pool);

#endif
