/*
 * budget: counting tasks and bytes, and the line of those who wait for room. Threads and lock: budget.h.
 */
#include "budget.h"

#include <stdatomic.h>

#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "engine.h"
#include "notify.h"

static _Thread_local int32_t inside; /* tickets that this thread holds, of whatever pool */

void mirai__budget_init(mirai__budget *budget, const mirai_pool_options *options)
{
    bool is_sync = options->sync != 0; /* there each task resolves before the next, and nobody else makes room */
    budget->max_tasks = options->max_tasks > 0 ? options->max_tasks : -1;
    budget->max_bytes = options->max_bytes > 0 ? options->max_bytes : -1;
    budget->is_limited = !is_sync && (budget->max_tasks > 0 || budget->max_bytes > 0);
    mirai__list_init(&budget->line);
    mirai__list_init(&budget->waiters);
}

static bool has_tasks(const mirai__budget *budget)
{
    return budget->max_tasks < 0 || budget->tasks < budget->max_tasks;
}

static bool has_bytes(const mirai__budget *budget)
{
    return budget->max_bytes < 0 || atomic_load(&budget->bytes) < budget->max_bytes;
}

static bool has_room(const mirai__budget *budget)
{
    return !budget->is_limited || (has_tasks(budget) && has_bytes(budget));
}

static mirai__ticket *first(const mirai__budget *budget)
{
    if (mirai__list_is_empty(&budget->line)) return NULL;
    return mirai__list_entry(budget->line.next, mirai__ticket, node);
}

/* Something has changed: let the next one look, or have the program told. */
static void look(mirai_pool *pool)
{
    mirai__budget *budget = &pool->budget;
    const mirai__ticket *next = first(budget);
    bool tells = budget->on_room != NULL && !budget->room_due;
    atomic_store(&budget->is_awaited, next != NULL || tells); /* before the bytes are looked at: see _free() */
    if (!has_room(budget)) return;
    if (next != NULL) {
        if (!next->is_in && !mirai__list_is_empty(&budget->waiters))
            mirai__driver_wake(pool, mirai__list_entry(budget->waiters.next, mirai__waiter, of_task));
    } else if (tells) {
        budget->room_due = true;
        atomic_store(&budget->is_awaited, false);
        mirai__notify_ring(pool);
    }
}

/* ---- coming in ------------------------------------------------------------------------------- */

typedef struct turn {
    const mirai_pool *pool;
    const mirai__ticket *ticket;
} turn;

static bool is_my_turn(void *context)
{
    const turn *turn = context;
    const mirai_pool *pool = turn->pool;
    if (pool->sched.closing != 0) return true;
    return first(&pool->budget) == turn->ticket && has_room(&pool->budget);
}

static mirai_status wait_in_line(mirai_pool *pool, mirai__ticket *ticket, int64_t deadline)
{
    turn turn = {.pool = pool, .ticket = ticket};
    mirai__list_append(&pool->budget.line, &ticket->node);
    look(pool);
    mirai_status status =
        mirai__driver_wait(pool, &pool->budget.waiters, is_my_turn, &turn, deadline, true);
    if (status == MIRAI_OK && pool->sched.closing == 0) return MIRAI_OK;
    mirai__list_remove(&ticket->node);
    look(pool);
    return status == MIRAI_OK ? mirai__fail(MIRAI_E_CLOSED, "the pool is closing") : status;
}

static mirai_status refuse(const mirai__budget *budget)
{
    if (!has_tasks(budget))
        return mirai__fail(MIRAI_E_FULL, "%lld tasks have not resolved, and max_tasks is %lld",
                           (long long)budget->tasks, (long long)budget->max_tasks);
    if (!has_bytes(budget))
        return mirai__fail(MIRAI_E_FULL, "requests and unread results hold %lld bytes, and max_bytes is %lld",
                           (long long)atomic_load(&budget->bytes), (long long)budget->max_bytes);
    return mirai__fail(MIRAI_E_FULL, "others wait for room and come first");
}

mirai_status mirai__budget_enter(mirai_pool *pool, mirai__ticket *ticket, bool may_wait)
{
    mirai__budget *budget = &pool->budget;
    *ticket = (mirai__ticket){.is_in = false};
    mirai__list_init(&ticket->node);
    if (!budget->is_limited) return MIRAI_OK;

    (void)pthread_mutex_lock(&pool->lock);
    mirai__engine_ref(pool); /* whoever waits for room may see the pool close */
    mirai_status status = MIRAI_OK;
    if (pool->sched.closing != 0)
        status = mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    else if (inside == 0 && (first(budget) != NULL || !has_room(budget)))
        status = may_wait ? wait_in_line(pool, ticket, MIRAI__NEVER) : refuse(budget);
    if (status == MIRAI_OK) {
        ticket->is_in = true;
        inside++;
        budget->tasks++;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__engine_release(pool);
    return status;
}

mirai_status mirai__budget_await(mirai_pool *pool, int64_t deadline)
{
    mirai__ticket ticket = {.is_in = false};
    mirai__list_init(&ticket.node);
    (void)pthread_mutex_lock(&pool->lock);
    mirai__engine_ref(pool);
    mirai_status status = wait_in_line(pool, &ticket, deadline);
    if (status == MIRAI_OK) {
        mirai__list_remove(&ticket.node);
        look(pool);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__engine_release(pool);
    return status;
}

void mirai__budget_entered(mirai_pool *pool, mirai__ticket *ticket, bool submitted)
{
    if (!ticket->is_in) return;
    ticket->is_in = false;
    inside--;
    if (!submitted) pool->budget.tasks--;
    mirai__list_remove(&ticket->node);
    if (atomic_load(&pool->budget.is_awaited)) look(pool);
}

void mirai__budget_resolved(mirai_pool *pool)
{
    mirai__budget *budget = &pool->budget;
    if (!budget->is_limited) return;
    budget->tasks--;
    if (atomic_load(&budget->is_awaited)) look(pool);
}

void mirai__budget_close(mirai_pool *pool)
{
    mirai__list *waiters = &pool->budget.waiters;
    for (mirai__list *at = waiters->next; at != waiters; at = at->next)
        mirai__driver_wake(pool, mirai__list_entry(at, mirai__waiter, of_task));
}

/* ---- bytes ----------------------------------------------------------------------------------- */

void mirai__budget_hold(mirai_pool *pool, size_t bytes)
{
    int64_t now = atomic_fetch_add(&pool->budget.bytes, (int64_t)bytes) + (int64_t)bytes;
    if (now > pool->budget.peak) pool->budget.peak = now;
}

/* Who waits says so before it looks at the bytes; this lets go of them before it looks whether anybody waits. */
void mirai__budget_free(mirai_pool *pool, size_t bytes, bool locked)
{
    if (bytes == 0) return;
    atomic_fetch_sub(&pool->budget.bytes, (int64_t)bytes);
    if (!atomic_load(&pool->budget.is_awaited)) return;
    if (!locked) (void)pthread_mutex_lock(&pool->lock);
    look(pool);
    if (!locked) (void)pthread_mutex_unlock(&pool->lock);
}

/* ---- telling the program --------------------------------------------------------------------- */

void mirai__budget_on_room(mirai_pool *pool, mirai_room_fn fn, void *user)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->budget.on_room = fn;
    pool->budget.room_user = user;
    pool->budget.room_due = false;
    look(pool);
    mirai__notify_calm(pool);
    (void)pthread_mutex_unlock(&pool->lock);
}

bool mirai__budget_is_due(const mirai_pool *pool)
{
    return pool->budget.room_due;
}

size_t mirai__budget_deliver(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    mirai__budget *budget = &pool->budget;
    mirai_room_fn fn = NULL;
    void *user = budget->room_user;
    if (budget->room_due) {
        budget->room_due = false;
        if (has_room(budget) && mirai__list_is_empty(&budget->line)) {
            fn = budget->on_room;
            budget->on_room = NULL;
        }
        look(pool); /* it is gone again: the next one counts */
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (fn == NULL) return 0;
    fn(pool, user);
    return 1;
}
