/*
 * interrupt: mirai_pool_interrupt(), and those whom it may concern though no pool has them among its waiters: who waits
 * for tasks of several pools drives none of them and is *passive*.
 *
 * The table of the passive has a lock of its own, taken after a pool's and before that of a queue or a gathering. How
 * many pools have an interrupt that nobody has taken is counted, so that a passive wait asks its pools only then.
 */
#ifndef MIRAI__INTERRUPT_H
#define MIRAI__INTERRUPT_H

#include "engine.h"

typedef struct mirai__passive {
    mirai__list node;
    mirai_pool *by; /* whose interrupt it was told of; held; NULL: none */
    /* Tell it, if it waits for a task of this pool; false: it does not. Called under the table's lock. */
    bool (*tell)(struct mirai__passive *passive, const mirai_pool *pool);
} mirai__passive;

/* Remember an interrupt, until it is taken. Async-signal-safe; no lock needed. */
void mirai__interrupt_keep(mirai_pool *pool);
bool mirai__interrupt_is_kept(const mirai_pool *pool);
bool mirai__interrupt_take(mirai_pool *pool);
/* Whether any pool of this process may have one. */
bool mirai__interrupt_anywhere(void);
/* Take what the pool has kept, and deliver it to all that wait. No lock held. */
void mirai__interrupt_deliver(mirai_pool *pool);

/* `heeded`: its wait has ended with the interrupt that it was told of; else that is kept for the next wait. */
void mirai__passive_add(mirai__passive *passive); /* no lock held, as for the next */
void mirai__passive_remove(mirai__passive *passive, bool heeded);
bool mirai__passive_tell(mirai_pool *pool); /* tell all; whether it concerned one. Pool's lock held */

#endif
