/*
 * notify: events for the program's own loop. Threads and locks: notify.h.
 */
#include "notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "detail.h"
#include "events.h"

static bool is_due(const mirai_pool *pool)
{
    return pool->plain_events > 0 || !mirai__list_is_empty(&pool->callbacks) || mirai__events_are_due(pool);
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

void mirai__notify_resolved(mirai_pool *pool, mirai_task *task)
{
    if (task->on_resolved != NULL) {
        atomic_fetch_add_explicit(&task->references, 1, memory_order_relaxed);
        mirai__list_append(&pool->callbacks, &task->callback);
    } else if (pool->event_fd >= 0) {
        pool->plain_events++;
    } else {
        return;
    }
    mirai__notify_ring(pool);
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
    size_t count = mirai__events_deliver(pool);
    (void)pthread_mutex_lock(&pool->lock);
    pool->delivering = false;
    if (is_due(pool)) mirai__notify_ring(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return count;
}

size_t mirai__notify_process(mirai_pool *pool)
{
    mirai__list due;
    mirai__list_init(&due);
    (void)pthread_mutex_lock(&pool->lock);
    size_t handled = (size_t)pool->plain_events;
    pool->plain_events = 0;
    mirai__list *node;
    while ((node = mirai__list_pop(&pool->callbacks)) != NULL) mirai__list_append(&due, node);
    unring(pool);
    bool delivers = !pool->delivering && is_due(pool);
    if (delivers) pool->delivering = true;
    (void)pthread_mutex_unlock(&pool->lock);

    if (delivers) handled += deliver(pool);
    while ((node = mirai__list_pop(&due)) != NULL) {
        mirai_task *task = mirai__list_entry(node, mirai_task, callback);
        task->on_resolved(task, task->user);
        mirai__task_drop(task);
        handled++;
    }
    return handled;
}
