/*
 * gather: see gather.h for threads and locks.
 */
#include "gather.h"

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "handle.h"
#include "interrupt.h"
#include "lock.h"

typedef struct gathering gathering;

typedef struct watch {
    mirai__chained of_task; /* in task->watches; guarded by the lock of the task's pool */
    gathering *of;
} watch;

struct gathering {
    mirai__passive passive;
    mirai_task *const *tasks;
    watch *watches; /* one for each task */
    size_t count, missing, first;
    mirai_pool *pool;    /* of all tasks; NULL: of several, and then the next two are in use */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mirai__list waiters; /* of the one pool: mirai__waiter.of_task */
    bool interrupted;
};

static void count_down(gathering *all, size_t index)
{
    if (index < all->first) all->first = index;
    if (all->missing > 0) all->missing--;
}

void mirai__gather_resolved(mirai_pool *pool, mirai_task *task)
{
    mirai__chained *node;
    while ((node = mirai__chain_pop(&task->watches)) != NULL) {
        watch *at = mirai__list_entry(node, watch, of_task);
        gathering *all = at->of;
        if (all->pool == NULL) (void)pthread_mutex_lock(&all->lock);
        /* The first to resolve stays the first. */
        count_down(all, all->first == SIZE_MAX ? (size_t)(at - all->watches) : all->first);
        if (all->missing == 0 && all->pool == NULL) (void)pthread_cond_signal(&all->changed);
        if (all->pool == NULL) {
            (void)pthread_mutex_unlock(&all->lock);
        } else if (all->missing == 0) {
            for (mirai__list *to = all->waiters.next; to != &all->waiters; to = to->next)
                mirai__driver_wake(pool, mirai__list_entry(to, mirai__waiter, of_task));
        }
    }
}

/* ---- all tasks, pool by pool ----------------------------------------------------------------- */

/* Call visit() for each task with its pool's lock held; runs of tasks of one pool share one locking. */
static void visit_all(gathering *all, void (*visit)(gathering *all, size_t index))
{
    mirai_pool *held = NULL;
    for (size_t i = 0; i < all->count; i++) {
        mirai_pool *pool = all->tasks[i]->pool;
        if (pool != held) {
            if (held != NULL) (void)pthread_mutex_unlock(&held->lock);
            (void)pthread_mutex_lock(&pool->lock);
            held = pool;
        }
        visit(all, i);
    }
    if (held != NULL) (void)pthread_mutex_unlock(&held->lock);
}

static void count_resolved(gathering *all, size_t index)
{
    if (all->tasks[index]->sched.state == MIRAI_TASK_RESOLVED) count_down(all, index);
}

static void add_watch(gathering *all, size_t index)
{
    watch *at = &all->watches[index];
    at->of = all;
    if (all->tasks[index]->sched.state != MIRAI_TASK_RESOLVED) {
        mirai__chain_add(&all->tasks[index]->watches, &at->of_task);
        return;
    }
    if (all->pool == NULL) (void)pthread_mutex_lock(&all->lock);
    count_down(all, index);
    if (all->pool == NULL) (void)pthread_mutex_unlock(&all->lock);
}

static void remove_watch(gathering *all, size_t index)
{
    mirai__chain_remove(&all->watches[index].of_task);
}

/* ---- tasks of one pool ----------------------------------------------------------------------- */

static bool is_enough(void *context)
{
    return ((const gathering *)context)->missing == 0;
}

static mirai_status wait_driving(gathering *all, int64_t deadline)
{
    mirai_pool *pool = all->pool;
    (void)pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < all->count; i++) add_watch(all, i);
    mirai_status status = mirai__driver_wait(pool, &all->waiters, is_enough, all, deadline, true);
    for (size_t i = 0; i < all->count; i++) remove_watch(all, i);
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

/* ---- tasks of several pools ------------------------------------------------------------------ */

static bool tell(mirai__passive *passive, const mirai_pool *pool)
{
    gathering *all = mirai__list_entry(passive, gathering, passive);
    for (size_t i = 0; i < all->count; i++) {
        if (all->tasks[i]->pool != pool) continue;
        (void)pthread_mutex_lock(&all->lock);
        all->interrupted = true;
        (void)pthread_cond_signal(&all->changed);
        (void)pthread_mutex_unlock(&all->lock);
        return true;
    }
    return false;
}

/* Interrupts that came when nobody waited are for us. */
static void take_kept(gathering *all)
{
    for (size_t i = 0; i < all->count && mirai__interrupt_anywhere(); i++)
        if (mirai__interrupt_is_kept(all->tasks[i]->pool)) mirai__interrupt_deliver(all->tasks[i]->pool);
}

static mirai_status wait_passive(gathering *all, int64_t deadline)
{
    MIRAI_TRY(mirai__cond_init(&all->changed));
    (void)pthread_mutex_init(&all->lock, NULL);
    mirai__passive_add(&all->passive);
    visit_all(all, add_watch);
    take_kept(all);
    (void)pthread_mutex_lock(&all->lock);
    bool in_time = true;
    while (all->missing > 0 && !all->interrupted && in_time)
        in_time = mirai__cond_wait_until(&all->changed, &all->lock, deadline);
    mirai_status status = MIRAI_OK;
    if (all->missing > 0)
        status = all->interrupted ? mirai__fail(MIRAI_E_INTERRUPTED, "the wait was interrupted")
                                  : mirai__fail(MIRAI_E_TIMEDOUT, "the time to wait was over");
    (void)pthread_mutex_unlock(&all->lock);
    visit_all(all, remove_watch);
    mirai__passive_remove(&all->passive, status == MIRAI_E_INTERRUPTED);
    (void)pthread_mutex_destroy(&all->lock);
    (void)pthread_cond_destroy(&all->changed);
    return status;
}

mirai_status mirai__gather_wait(mirai_task *const *tasks, size_t count, size_t enough, int64_t deadline,
                                size_t *first)
{
    gathering all = {.passive = {.tell = tell}, .tasks = tasks, .count = count, .missing = enough, .first = SIZE_MAX};
    mirai__list_init(&all.waiters);
    visit_all(&all, count_resolved);
    mirai_status status = MIRAI_OK;
    if (all.missing > 0) {
        all.watches = mirai__alloc_zero(count, sizeof *all.watches);
        if (all.watches == NULL) return MIRAI_E_NOMEM;
        all.missing = enough;
        all.first = SIZE_MAX;
        all.pool = tasks[0]->pool;
        for (size_t i = 1; i < count && all.pool != NULL; i++)
            if (tasks[i]->pool != all.pool) all.pool = NULL;
        status = all.pool != NULL ? wait_driving(&all, deadline) : wait_passive(&all, deadline);
        mirai__free(all.watches);
    }
    if (first != NULL) *first = all.first;
    return status;
}
