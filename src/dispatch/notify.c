/*
 * notify: events for the program's own loop. Threads and locks: notify.h.
 */
#include "notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "budget.h"
#include "detail.h"
#include "events.h"
#include "output.h"
#include "partial.h"

static bool is_due(const mirai_pool *pool)
{
    return pool->plain_events > 0 || !mirai__list_is_empty(&pool->callbacks) || mirai__events_are_due(pool) ||
           mirai__budget_is_due(pool) || mirai__output_is_due(pool);
}

/* The descriptor is written once, and read when mirai_pool_process() is called: so it can never be full. */
void mirai__notify_ring(mirai_pool *pool)
{
    if (pool->event_fd < 0 || pool->rung) return;
    pool->rung = true;
    uint64_t one = 1;
    ssize_t written = write(pool->event_fd, &one, sizeof one);
    (void)written;
}

static void unring(mirai_pool *pool)
{
    uint64_t count;
    if (!pool->rung) return;
    pool->rung = false;
    ssize_t got = read(pool->event_fd, &count, sizeof count);
    (void)got;
}

void mirai__notify_calm(mirai_pool *pool)
{
    if (!is_due(pool)) unring(pool);
}

/* Have the task's callbacks called; once, however much is due. Whoever is at it looks again. */
static void enqueue(mirai_pool *pool, mirai__extra *extra)
{
    if (extra->delivering || !mirai__list_is_empty(&extra->callback)) return;
    atomic_fetch_add_explicit(&extra->task->references, 1, memory_order_relaxed);
    mirai__list_append(&pool->callbacks, &extra->callback);
    mirai__notify_ring(pool);
}

void mirai__notify_resolved(mirai_pool *pool, mirai_task *task)
{
    if (mirai__task_extra(task)->on_resolved != NULL) {
        mirai__extra *extra = mirai__task_extend(task);
        extra->resolved_due = true;
        enqueue(pool, extra);
    } else if (pool->event_fd >= 0) {
        pool->plain_events++;
        mirai__notify_ring(pool);
    }
}

void mirai__notify_said(mirai_pool *pool, mirai_task *task)
{
    enqueue(pool, mirai__task_extend(task)); /* it is there: it has the callbacks */
}

mirai_status mirai__notify_fd(mirai_pool *pool, int *fd)
{
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->event_fd < 0) {
        pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (pool->event_fd < 0)
            status = mirai__fail_errno(errno, "making the pool's descriptor");
        else if (is_due(pool))
            mirai__notify_ring(pool);
    }
    if (status == MIRAI_OK) *fd = pool->event_fd;
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

/* Events and output come in order: one thread gives them at a time, and not from within one of them. */
static size_t deliver(mirai_pool *pool)
{
    size_t count = mirai__events_deliver(pool) + mirai__output_deliver(pool) + mirai__budget_deliver(pool);
    (void)pthread_mutex_lock(&pool->lock);
    pool->delivering = false;
    if (is_due(pool)) mirai__notify_ring(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return count;
}

/* Lock held. */
static bool take_resolved(mirai__extra *extra)
{
    bool due = extra->resolved_due;
    extra->resolved_due = false;
    return due;
}

/* Call what is due for a task, in order, until nothing is; the lock is dropped meanwhile. */
static size_t call_back(mirai_pool *pool, mirai__extra *extra)
{
    mirai_task *task = extra->task;
    size_t count = 0;
    extra->delivering = true;
    for (;;) {
        bool said = mirai__partials_due(task);
        if (!said && !take_resolved(extra)) break;
        (void)pthread_mutex_unlock(&pool->lock);
        if (said) {
            count += mirai__partials_deliver(task);
        } else {
            extra->on_resolved(task, task->user);
            count++;
        }
        (void)pthread_mutex_lock(&pool->lock);
    }
    extra->delivering = false;
    return count;
}

size_t mirai__notify_process(mirai_pool *pool)
{
    mirai__list due, *node;
    mirai__list_init(&due);
    (void)pthread_mutex_lock(&pool->lock);
    size_t handled = (size_t)pool->plain_events;
    pool->plain_events = 0;
    while ((node = mirai__list_pop(&pool->callbacks)) != NULL) mirai__list_append(&due, node);
    unring(pool);
    bool delivers = !pool->delivering && is_due(pool);
    if (delivers) pool->delivering = true;
    (void)pthread_mutex_unlock(&pool->lock);

    if (delivers) handled += deliver(pool);
    (void)pthread_mutex_lock(&pool->lock);
    while ((node = mirai__list_pop(&due)) != NULL) {
        mirai__extra *extra = mirai__list_entry(node, mirai__extra, callback);
        /* Another thread that is at it looks again before it stops; so order is kept. */
        if (!extra->delivering) handled += call_back(pool, extra);
        (void)pthread_mutex_unlock(&pool->lock);
        mirai__task_drop(extra->task);
        (void)pthread_mutex_lock(&pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return handled;
}
