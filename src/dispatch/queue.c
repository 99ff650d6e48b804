/*
 * queue: see queue.h for threads and locks.
 */
#include "queue.h"

#include <stdatomic.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "handle.h"
#include "interrupt.h"
#include "lock.h"

struct mirai_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the passive: a task is ready, the queue is empty, an interrupt came */
    mirai__list members;    /* tasks in it that have not resolved: mirai__extra.queued */
    mirai__list ready;      /* that have, in order */
    size_t ready_count, size;
    size_t inside;      /* threads in mirai__queue_next() that may wait */
    mirai_pool *pool;   /* of all its tasks, and of those who wait; held. NULL: none yet */
    bool is_mixed;      /* tasks of several pools: nobody drives */
    mirai__list waiters; /* mirai__waiter.of_task, of `pool`, guarded by its lock */
};

mirai_status mirai__queue_new(mirai_queue **out)
{
    mirai_queue *queue = mirai__alloc_zero(1, sizeof *queue);
    if (queue == NULL) return MIRAI_E_NOMEM;
    mirai_status status = mirai__cond_init(&queue->changed);
    if (status != MIRAI_OK) {
        mirai__free(queue);
        return status;
    }
    (void)pthread_mutex_init(&queue->lock, NULL);
    mirai__list_init(&queue->members);
    mirai__list_init(&queue->ready);
    mirai__list_init(&queue->waiters);
    *out = queue;
    return MIRAI_OK;
}

/* ---- waking ---------------------------------------------------------------------------------- */

/* As many of those who wait as `most`: each takes one task. Both locks held, of the queue and of its pool. */
static void wake(mirai_queue *queue, mirai_pool *pool, size_t most)
{
    for (mirai__list *at = queue->waiters.next; at != &queue->waiters && most > 0; at = at->next, most--)
        mirai__driver_wake(pool, mirai__list_entry(at, mirai__waiter, of_task));
}

/* A task of this pool is ready. Both locks held. */
static void tell_ready(mirai_queue *queue, mirai_pool *pool)
{
    if (queue->is_mixed)
        (void)pthread_cond_signal(&queue->changed);
    else
        wake(queue, pool, queue->ready_count);
}

/* All of them, whichever way they wait: what they wait for has changed. No lock held. */
static void wake_all(mirai_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    mirai_pool *pool = queue->inside > 0 && queue->pool != NULL ? mirai__engine_ref(queue->pool) : NULL;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->lock);
    if (pool == NULL) return;
    (void)pthread_mutex_lock(&pool->lock);
    (void)pthread_mutex_lock(&queue->lock);
    if (queue->pool == pool) wake(queue, pool, SIZE_MAX);
    (void)pthread_mutex_unlock(&queue->lock);
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__engine_release(pool);
}

/* ---- going in -------------------------------------------------------------------------------- */

static mirai__extra *extra_at(mirai__list *node)
{
    return mirai__list_entry(node, mirai__extra, queued);
}

static void make_ready(mirai_queue *queue, mirai__extra *extra)
{
    mirai__list_append(&queue->ready, &extra->queued);
    queue->ready_count++;
}

void mirai__queue_resolved(mirai_pool *pool, mirai_task *task)
{
    mirai__extra *extra = atomic_load_explicit(&task->extra, memory_order_relaxed);
    mirai_queue *queue = extra != NULL ? atomic_load(&extra->queue) : NULL;
    if (queue == NULL) return;
    (void)pthread_mutex_lock(&queue->lock);
    mirai__list_remove(&extra->queued);
    make_ready(queue, extra);
    tell_ready(queue, pool);
    (void)pthread_mutex_unlock(&queue->lock);
}

/* The queue's pool, once it has a further task; true: those who wait must learn that it has several now. *left: the pool
 * that it has no more to do with, to be released under no lock. */
static bool join_pool(mirai_queue *queue, mirai_pool *pool, mirai_pool **left)
{
    bool is_free = queue->size == 0 && queue->inside == 0;
    if (is_free) queue->is_mixed = false;
    if (queue->pool == pool || queue->is_mixed) return false;
    if (queue->pool != NULL && !is_free) {
        queue->is_mixed = true;
        return true;
    }
    *left = queue->pool;
    queue->pool = mirai__engine_ref(pool);
    return false;
}

mirai_status mirai__queue_add(mirai_queue *queue, mirai_task *task)
{
    mirai_queue *none = NULL;
    mirai_pool *pool = task->pool, *left = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    mirai__extra *extra = mirai__task_extend(task);
    if (extra == NULL || !atomic_compare_exchange_strong(&extra->queue, &none, queue)) {
        (void)pthread_mutex_unlock(&pool->lock);
        return extra == NULL ? MIRAI_E_NOMEM : mirai__fail(MIRAI_E_STATE, "the task is in a queue already");
    }
    atomic_fetch_add_explicit(&task->references, 1, memory_order_relaxed);
    (void)pthread_mutex_lock(&queue->lock);
    bool changed = join_pool(queue, pool, &left);
    queue->size++;
    bool resolved = task->sched.state == MIRAI_TASK_RESOLVED;
    if (resolved)
        make_ready(queue, extra);
    else
        mirai__list_append(&queue->members, &extra->queued);
    if (resolved) tell_ready(queue, pool);
    (void)pthread_mutex_unlock(&queue->lock);
    (void)pthread_mutex_unlock(&pool->lock);
    if (left != NULL) mirai__engine_release(left);
    if (changed) wake_all(queue);
    return MIRAI_OK;
}

/* ---- coming out ------------------------------------------------------------------------------ */

typedef struct visit {
    mirai__passive passive;
    mirai_queue *queue;
    mirai_task *task; /* what came out */
    bool was_last;    /* nothing is left for others who wait */
    bool interrupted;
} visit;

/* Queue's lock held. True: there is no more to wait for. */
static bool take(visit *self)
{
    mirai_queue *queue = self->queue;
    mirai__list *node = mirai__list_pop(&queue->ready);
    if (node == NULL) return queue->size == 0;
    mirai__extra *extra = extra_at(node);
    self->task = extra->task;
    queue->ready_count--;
    queue->size--;
    self->was_last = queue->size == 0 && queue->inside > 1;
    atomic_store(&extra->queue, NULL);
    return true;
}

/* For the driver: also when the queue has become one that is not to be driven. */
static bool take_or_change(void *context)
{
    visit *self = context;
    (void)pthread_mutex_lock(&self->queue->lock);
    bool over = take(self) || self->queue->is_mixed;
    (void)pthread_mutex_unlock(&self->queue->lock);
    return over;
}

/* Queue's lock held on entry and on return. */
static mirai_status wait_driving(visit *self, int64_t deadline)
{
    mirai_queue *queue = self->queue;
    mirai_pool *pool = mirai__engine_ref(queue->pool);
    (void)pthread_mutex_unlock(&queue->lock);
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = mirai__driver_wait(pool, &queue->waiters, take_or_change, self, deadline, true);
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__engine_release(pool);
    (void)pthread_mutex_lock(&queue->lock);
    return status;
}

static bool tell(mirai__passive *passive, const mirai_pool *pool)
{
    visit *self = mirai__list_entry(passive, visit, passive);
    mirai_queue *queue = self->queue;
    (void)pthread_mutex_lock(&queue->lock);
    for (mirai__list *at = queue->members.next; at != &queue->members && !self->interrupted; at = at->next)
        self->interrupted = extra_at(at)->task->pool == pool;
    bool concerned = self->interrupted;
    if (concerned) (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->lock);
    return concerned;
}

/* The pool of a task in the queue that has kept an interrupt, held; NULL: none. Queue's lock held. */
static mirai_pool *interrupted_pool(const mirai_queue *queue)
{
    if (!mirai__interrupt_anywhere()) return NULL;
    for (mirai__list *at = queue->members.next; at != &queue->members; at = at->next) {
        mirai_pool *pool = extra_at(at)->task->pool;
        if (mirai__interrupt_is_kept(pool)) return mirai__engine_ref(pool);
    }
    return NULL;
}

/* Queue's lock held on entry and on return. */
static mirai_status wait_passive(visit *self, int64_t deadline)
{
    mirai_queue *queue = self->queue;
    (void)pthread_mutex_unlock(&queue->lock);
    mirai__passive_add(&self->passive);
    (void)pthread_mutex_lock(&queue->lock);
    mirai_pool *pool;
    while ((pool = interrupted_pool(queue)) != NULL) {
        (void)pthread_mutex_unlock(&queue->lock);
        mirai__interrupt_deliver(pool);
        mirai__engine_release(pool);
        (void)pthread_mutex_lock(&queue->lock);
    }
    mirai_status status = MIRAI_OK;
    bool in_time = true;
    while (!take(self)) {
        if (self->interrupted)
            status = mirai__fail(MIRAI_E_INTERRUPTED, "the wait was interrupted");
        else if (!in_time)
            status = mirai__fail(MIRAI_E_TIMEDOUT, "the time to wait was over");
        if (status != MIRAI_OK) break;
        in_time = mirai__cond_wait_until(&queue->changed, &queue->lock, deadline);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    mirai__passive_remove(&self->passive, status == MIRAI_E_INTERRUPTED);
    (void)pthread_mutex_lock(&queue->lock);
    return status;
}

mirai_status mirai__queue_next(mirai_queue *queue, mirai_task **out, int64_t deadline)
{
    visit self = {.passive = {.tell = tell}, .queue = queue};
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&queue->lock);
    queue->inside++;
    while (status == MIRAI_OK && self.task == NULL && !take(&self))
        status = queue->is_mixed ? wait_passive(&self, deadline) : wait_driving(&self, deadline);
    queue->inside--;
    bool others = self.was_last && queue->inside > 0;
    (void)pthread_mutex_unlock(&queue->lock);
    if (others) wake_all(queue);
    if (status == MIRAI_OK && self.task == NULL) return mirai__fail(MIRAI_E_NOT_FOUND, "no task is in the queue");
    if (status == MIRAI_OK) *out = self.task;
    return status;
}

mirai_task *mirai__queue_poll(mirai_queue *queue)
{
    visit self = {.queue = queue};
    (void)pthread_mutex_lock(&queue->lock);
    queue->inside++;
    (void)take(&self);
    queue->inside--;
    (void)pthread_mutex_unlock(&queue->lock);
    if (self.was_last) wake_all(queue);
    return self.task;
}

size_t mirai__queue_size(const mirai_queue *queue)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&queue->lock;
    (void)pthread_mutex_lock(lock);
    size_t size = queue->size;
    (void)pthread_mutex_unlock(lock);
    return size;
}

/* ---- its end --------------------------------------------------------------------------------- */

void mirai__queue_release(mirai_queue *queue)
{
    for (;;) {
        (void)pthread_mutex_lock(&queue->lock);
        mirai__list *node = queue->members.next != &queue->members ? queue->members.next : queue->ready.next;
        if (node == &queue->ready) break;
        mirai__extra *extra = extra_at(node);
        mirai_task *task = extra->task;
        (void)pthread_mutex_unlock(&queue->lock);
        /* Its pool's lock first: it may be about to resolve. What is in the queue is held, so that it is still there. */
        (void)pthread_mutex_lock(&task->pool->lock);
        (void)pthread_mutex_lock(&queue->lock);
        mirai__list_remove(&extra->queued);
        atomic_store(&extra->queue, NULL);
        (void)pthread_mutex_unlock(&queue->lock);
        (void)pthread_mutex_unlock(&task->pool->lock);
        mirai__task_drop(task);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    if (queue->pool != NULL) mirai__engine_release(queue->pool);
    (void)pthread_cond_destroy(&queue->changed);
    (void)pthread_mutex_destroy(&queue->lock);
    mirai__free(queue);
}
