/*
 * share: the life of shares, and which daemon has got which (share.h).
 *
 * `links` guards what is touched when a count reaches 0, under whatever lock that is: the pools' graves, and the
 * pointers between tasks and their shares. No other lock is taken under it.
 */
#include "share.h"

#include <stdatomic.h>

#include "alloc.h"
#include "detail.h"
#include "handle.h"
#include "remote.h"
#include "shares.h"

/* Shares in shares: so many levels. */
enum { DEPTH_MAX = 8 };

/* That a daemon has got a share. */
typedef struct copy {
    mirai__list of_share; /* in share->copies */
    mirai__remote *remote;
} copy;

static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t last_share_id;

mirai__share *mirai__share_of(mirai__shared *shared)
{
    return mirai__list_entry(shared, mirai__share, shared);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The last count is gone: nobody refers to it, and nobody will. */
static void end(mirai__shared *shared)
{
    if (mirai__forked()) return; /* locks may be held by nobody */
    mirai__share *share = mirai__share_of(shared);
    mirai_pool *pool = share->pool;
    (void)pthread_mutex_lock(&links);
    if (share->task != NULL) atomic_store(&mirai__task_extend(share->task)->share, NULL); /* it has been tied */
    share->task = NULL;
    (void)pthread_mutex_unlock(&links);
    mirai__segment_release(share->segment);
    mirai__grounds_release(share->grounds);
    mirai__needs_fini(&share->needs);
    (void)pthread_mutex_lock(&links);
    bool shut = pool->shares_shut, first = mirai__list_is_empty(&pool->graves);
    if (!shut) {
        mirai__list_append(&pool->graves, &share->grave);
        atomic_store_explicit(&pool->has_graves, true, memory_order_release);
        if (first) mirai__engine_kick(pool); /* here, where its descriptor cannot be closed */
    }
    (void)pthread_mutex_unlock(&links);
    if (shut) mirai__free(share);
    mirai__engine_release(pool);
}

mirai__share *mirai__share_new(mirai_pool *pool)
{
    mirai__share *share = mirai__alloc_zero(1, sizeof *share);
    if (share == NULL) return NULL;
    atomic_init(&share->shared.references, 1);
    share->shared.id = atomic_fetch_add_explicit(&last_share_id, 1, memory_order_relaxed) + 1;
    share->shared.home = pool;
    share->shared.end = end;
    share->pool = mirai__engine_ref(pool);
    share->state = MIRAI__SHARE_PENDING;
    mirai__list_init(&share->dependants);
    mirai__list_init(&share->copies);
    mirai__list_init(&share->grave);
    return share;
}

static mirai_status fill(mirai__share *share, const mirai_value *value)
{
    mirai__sharing sharing;
    mirai__sharing_init(&sharing, share->pool);
    mirai_status status = mirai__encode_into(value, share->pool->hooks, MIRAI__ENCODE_COPY | MIRAI__ENCODE_MOVE,
                                             share->pool->slabs, &sharing, &share->segment);
    if (status == MIRAI_OK) status = mirai__needs_take(&share->needs, &sharing);
    mirai__sharing_fini(&sharing);
    if (status != MIRAI_OK) return status;
    (void)pthread_mutex_lock(&share->pool->lock);
    status = mirai__needs_check(&share->needs, "a value that is shared");
    for (size_t i = 0; i < share->needs.count; i++) {
        uint32_t depth = share->needs.items[i].share->depth + 1;
        if (depth > share->depth) share->depth = depth;
    }
    for (size_t i = 0; status == MIRAI_OK && i < share->needs.count; i++)
        mirai__segment_keep_all(share->segment, share->needs.items[i].share->segment);
    (void)pthread_mutex_unlock(&share->pool->lock);
    if (status == MIRAI_OK && share->depth > DEPTH_MAX)
        status = mirai__fail(MIRAI_E_LIMIT, "shared values are nested more than %d deep", (int)DEPTH_MAX);
    share->shared.size = mirai__segment_size(share->segment);
    share->state = MIRAI__SHARE_READY;
    return status;
}

mirai_status mirai__share_value(mirai_pool *pool, mirai_value *value, mirai__share **out)
{
    mirai__share *share = mirai__share_new(pool);
    mirai_status status = share == NULL ? MIRAI_E_NOMEM : fill(share, value);
    mirai_value_release(value);
    if (status == MIRAI_OK)
        *out = share;
    else if (share != NULL)
        mirai__shared_release(&share->shared);
    return status;
}

size_t mirai__share_size(const mirai__share *share)
{
    return mirai__segment_size(share->segment);
}

/* ---- a task and its share -------------------------------------------------------------------- */

mirai__share *mirai__share_of_task(mirai_task *task)
{
    const mirai__extra *extra = mirai__task_extra(task);
    if (atomic_load_explicit(&extra->share, memory_order_acquire) == NULL) return NULL;
    (void)pthread_mutex_lock(&links);
    mirai__share *share = atomic_load(&extra->share);
    if (share != NULL && !mirai__shared_try_ref(&share->shared)) share = NULL; /* it is about to go */
    (void)pthread_mutex_unlock(&links);
    return share;
}

mirai__share *mirai__share_tie(mirai__share *share, mirai_task *task)
{
    mirai__share *other = mirai__share_of_task(task);
    mirai__extra *extra = other == NULL ? mirai__task_extend(task) : NULL;
    if (extra == NULL) {
        mirai__shared_release(&share->shared);
        return other;
    }
    (void)pthread_mutex_lock(&links);
    mirai__share *before = atomic_load(&extra->share);
    if (before != NULL) before->task = NULL; /* one that is about to go */
    atomic_store(&extra->share, share);
    share->task = task;
    share->shared.task = task->id;
    (void)pthread_mutex_unlock(&links);
    return share;
}

void mirai__share_untie(mirai_task *task)
{
    const mirai__extra *extra = mirai__task_extra(task);
    if (atomic_load_explicit(&extra->share, memory_order_acquire) == NULL) return;
    (void)pthread_mutex_lock(&links);
    mirai__share *share = atomic_load(&extra->share);
    if (share != NULL) share->task = NULL;
    (void)pthread_mutex_unlock(&links);
}

/* ---- daemons --------------------------------------------------------------------------------- */

/* Note that the daemon has got it, and send it. */
static mirai_status give(mirai_pool *pool, mirai__remote *remote, mirai__share *share)
{
    copy *made = mirai__alloc_zero(1, sizeof *made);
    if (made == NULL) return MIRAI_E_NOMEM;
    made->remote = remote;
    mirai_status status = mirai__map_put(&remote->shares, share->shared.id, made);
    if (status != MIRAI_OK) {
        mirai__free(made);
        return status;
    }
    mirai__list_append(&share->copies, &made->of_share);
    mirai__frame frame = {.kind = MIRAI__FRAME_SHARE,
                          .aux = share->shared.task == 0 ? MIRAI__SHARE_KEPT : 0,
                          .task = share->shared.id,
                          .incarnation = remote->id,
                          .segment = share->segment};
    mirai__remote_send(pool, remote, &frame);
    return MIRAI_OK;
}

/* Recursion is bounded by DEPTH_MAX. */
bool mirai__share_supply(mirai_pool *pool, mirai__remote *remote, const mirai__needs *needs)
{
    for (size_t i = 0; i < needs->count && !remote->killed; i++) {
        mirai__share *share = needs->items[i].share;
        if (mirai__map_get(&remote->shares, share->shared.id) != NULL) continue;
        if (!mirai__share_supply(pool, remote, &share->needs)) break;
        if (give(pool, remote, share) != MIRAI_OK)
            mirai__remote_kill(pool, remote, "there was no memory to send it a shared value");
    }
    return !remote->killed;
}

void mirai__share_forget(mirai__remote *remote)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&remote->shares, &cursor, &id, &item)) {
        copy *gone = item;
        mirai__list_remove(&gone->of_share);
        mirai__free(gone);
    }
    mirai__map_fini(&remote->shares);
}

static mirai__share *next_grave(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&links);
    mirai__list *node = mirai__list_pop(&pool->graves);
    if (node == NULL) atomic_store_explicit(&pool->has_graves, false, memory_order_relaxed);
    (void)pthread_mutex_unlock(&links);
    return node != NULL ? mirai__list_entry(node, mirai__share, grave) : NULL;
}

bool mirai__share_bury(mirai_pool *pool)
{
    bool any = false;
    if (!atomic_load_explicit(&pool->has_graves, memory_order_acquire)) return false; /* who sets it kicks afterwards */
    for (mirai__share *share; (share = next_grave(pool)) != NULL; any = true) {
        mirai__list *node;
        while ((node = mirai__list_pop(&share->copies)) != NULL) {
            copy *gone = mirai__list_entry(node, copy, of_share);
            mirai__frame frame = {.kind = MIRAI__FRAME_UNSHARE,
                                  .task = share->shared.id,
                                  .incarnation = gone->remote->id};
            (void)mirai__map_remove(&gone->remote->shares, share->shared.id);
            mirai__remote_send(pool, gone->remote, &frame);
            mirai__free(gone);
        }
        mirai__free(share);
    }
    return any;
}

void mirai__share_shut(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&links);
    pool->shares_shut = true;
    (void)pthread_mutex_unlock(&links);
    for (mirai__share *share; (share = next_grave(pool)) != NULL;) mirai__free(share);
}
