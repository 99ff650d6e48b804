/*
 * driver: who makes the turns of a pool. Threads and locks: driver.h.
 */
#include "driver.h"

#include "clock.h"
#include "detail.h"
#include "interrupt.h"
#include "lock.h"
#include "service.h"

static void take_over(mirai_pool *pool, mirai__waiter *waiter)
{
    pool->driver = waiter;
    pool->vigil.over = false; /* that was another's */
    mirai__service_park(pool);
}

/* The driver has what it wanted: promote another waiter, else give the pool back to the service thread. */
static void hand_over(mirai_pool *pool)
{
    pool->driver = NULL;
    if (mirai__list_is_empty(&pool->waiters))
        mirai__service_unpark(pool);
    else
        (void)pthread_cond_signal(
            &mirai__list_entry(pool->waiters.next, mirai__waiter, of_pool)->condition);
}

void mirai__driver_wake(mirai_pool *pool, mirai__waiter *waiter)
{
    if (waiter != pool->driver) {
        (void)pthread_cond_signal(&waiter->condition);
        return;
    }
    pool->vigil.called = true;
    if (pool->sleep_until != MIRAI__AWAKE) mirai__engine_kick(pool);
}

void mirai__driver_notify(mirai_pool *pool)
{
    for (mirai__list *at = pool->waiters.next; at != &pool->waiters; at = at->next) {
        mirai__waiter *waiter = mirai__list_entry(at, mirai__waiter, of_pool);
        if (waiter->watches_all) mirai__driver_wake(pool, waiter);
    }
}

bool mirai__driver_interrupt(mirai_pool *pool)
{
    bool any = mirai__passive_tell(pool);
    if (mirai__list_is_empty(&pool->waiters)) return any;
    pool->untold = true;
    for (mirai__list *at = pool->waiters.next; at != &pool->waiters; at = at->next) {
        mirai__waiter *waiter = mirai__list_entry(at, mirai__waiter, of_pool);
        waiter->interrupted = true;
        mirai__driver_wake(pool, waiter);
    }
    return true;
}

static mirai_status tell_interrupt(mirai_pool *pool)
{
    pool->untold = false;
    return mirai__fail(MIRAI_E_INTERRUPTED, "the wait was interrupted");
}

/* A wait that was interrupted ends with what it waited for. If no other tells the interrupt, the next one does, which
 * may have begun by now. */
static void pass_interrupt(mirai_pool *pool)
{
    if (!pool->untold) return;
    for (mirai__list *at = pool->waiters.next; at != &pool->waiters; at = at->next)
        if (mirai__list_entry(at, mirai__waiter, of_pool)->interrupted) return;
    pool->untold = false;
    if (!mirai__driver_interrupt(pool)) mirai__interrupt_keep(pool);
}

static mirai_status wait_as(mirai_pool *pool, mirai__waiter *waiter, bool (*done)(void *context),
                            void *context, int64_t deadline, bool interruptible)
{
    for (;;) {
        if (done(context)) return MIRAI_OK;
        if (waiter->interrupted && interruptible) return tell_interrupt(pool);
        if (deadline != MIRAI__NEVER && mirai__now_ms() >= deadline)
            return mirai__fail(MIRAI_E_TIMEDOUT, "the time to wait was over");
        if (pool->driver == NULL) take_over(pool, waiter);
        if (pool->driver == waiter)
            mirai__engine_turn(pool, waiter, deadline);
        else
            (void)mirai__cond_wait_until(&waiter->condition, &pool->lock, deadline);
    }
}

mirai_status mirai__driver_wait(mirai_pool *pool, mirai__list *task_waiters, bool (*done)(void *context),
                                void *context, int64_t deadline, bool interruptible)
{
    if (done(context)) return MIRAI_OK;
    if (interruptible && mirai__interrupt_take(pool)) {
        (void)mirai__driver_interrupt(pool); /* those who waited before are meant first of all */
        return tell_interrupt(pool);
    }
    if (deadline != MIRAI__NEVER && mirai__now_ms() >= deadline)
        return mirai__fail(MIRAI_E_TIMEDOUT, "not resolved yet");

    mirai__waiter waiter = {.watches_all = task_waiters == NULL, .interrupted = false};
    MIRAI_TRY(mirai__cond_init(&waiter.condition));
    mirai__list_init(&waiter.of_task);
    mirai__list_append(&pool->waiters, &waiter.of_pool);
    if (task_waiters != NULL) mirai__list_append(task_waiters, &waiter.of_task);
    mirai_status status = wait_as(pool, &waiter, done, context, deadline, interruptible);
    mirai__list_remove(&waiter.of_pool);
    mirai__list_remove(&waiter.of_task);
    if (status == MIRAI_OK && interruptible && waiter.interrupted) pass_interrupt(pool);
    /* NULL: it was promoted just now, and leaves before it took over. */
    if (pool->driver == &waiter || pool->driver == NULL) hand_over(pool);
    (void)pthread_cond_destroy(&waiter.condition);
    return status;
}
