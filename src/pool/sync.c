/*
 * sync: see sync.h.
 */
#include "sync.h"

#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "functions.h"
#include "here.h"
#include "message.h"
#include "partial.h"
#include "segment.h"

mirai_status mirai__sync_open(mirai_pool *pool)
{
    MIRAI_TRY(mirai__builtins_register());
    pool->store = mirai__store_new();
    return pool->store != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

void mirai__sync_close(mirai_pool *pool)
{
    mirai__store_free(pool->store);
    pool->store = NULL;
}

/* ---- shared values --------------------------------------------------------------------------- */

/* What a message refers to, for decoding it. What a daemon would decode once is decoded for each here. */
typedef struct scope {
    const mirai__needs *needs; /* constant: it is held, and ready */
    mirai__hooks *hooks;
} scope;

static mirai_status resolve(void *context, uint64_t id, mirai_value **out, uint32_t *height)
{
    const scope *outer = context;
    for (size_t i = 0; i < outer->needs->count; i++) {
        const mirai__share *share = outer->needs->items[i].share;
        if (share->shared.id != id) continue;
        scope inner = {.needs = &share->needs, .hooks = outer->hooks};
        const mirai__resolver resolver = {.resolve = resolve, .context = &inner};
        return mirai__decode_sharing(share->segment, outer->hooks, &mirai__limits_local, &resolver, out, height);
    }
    return mirai__fail(MIRAI_E_DECODE, "shared value %llu is not known here", (unsigned long long)id);
}

/* What a task says ahead of its result. */
static mirai_status tell(void *host, mirai__frame *frame)
{
    mirai_task *task = host;
    mirai_pool *pool = task->pool;
    (void)pthread_mutex_lock(&pool->lock);
    const char *fault = frame->kind == MIRAI__FRAME_PROGRESS ? mirai__partials_progress(pool, task, frame)
                                                             : mirai__partials_emit(pool, task, frame);
    (void)pthread_mutex_unlock(&pool->lock);
    return fault == NULL ? MIRAI_OK : mirai__fail(MIRAI_E_NOMEM, "out of memory for what the job says");
}

static mirai_status ignore(void *host, mirai__frame *frame)
{
    (void)host, (void)frame; /* nobody listens to what everywhere says */
    return MIRAI_OK;
}

/* `task`: NULL for everywhere. */
static mirai_status run(mirai_pool *pool, mirai_task *task, mirai__segment *request, const mirai__needs *needs,
                        mirai_outcome *outcome, mirai__segment **result)
{
    scope outer = {.needs = needs, .hooks = pool->hooks};
    const mirai__resolver resolver = {.resolve = resolve, .context = &outer};
    const mirai__here here = {.task = task != NULL ? task->id : mirai__task_number(),
                              .request = request,
                              .hooks = pool->hooks,
                              .resolver = &resolver,
                              .store = pool->store,
                              .is_setup = task == NULL,
                              .tell = task != NULL ? tell : ignore,
                              .host = task};
    return mirai__here_run(&here, outcome, result);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static bool awaits_result(const mirai__needs *needs)
{
    for (size_t i = 0; i < needs->count; i++)
        if (needs->items[i].share->state == MIRAI__SHARE_PENDING) return true;
    return false;
}

/* One whose arguments failed fails with them. Nobody is there to run one later that waits for them. Lock held. */
static mirai_status begin(mirai_pool *pool, mirai_task *task, bool stream, bool *failed)
{
    mirai__needs none = {.items = NULL};
    mirai__extra *extra = atomic_load(&task->extra);
    mirai__needs *needs = extra != NULL ? &extra->needs : &none;
    if (awaits_result(needs))
        return mirai__fail(MIRAI_E_STATE, "a task of a sync pool cannot wait for the result of one that still runs");
    const mirai__sched_request asked = {.waits = mirai__needs_enter(needs, task)};
    *failed = asked.waits > 0;
    mirai_status status = *failed ? mirai__sched_submit(&pool->sched, &task->sched, &asked, mirai__now_ms())
                                  : mirai__sched_begin_here(&pool->sched, &task->sched);
    if (status != MIRAI_OK) mirai__needs_leave(needs);
    if (status == MIRAI_OK && stream) mirai__seeds_take(&pool->seeds, task->request);
    if (status != MIRAI_OK || !*failed) return status;
    mirai__needs_judge(pool, needs);
    mirai__engine_commands(pool);
    return MIRAI_OK;
}

mirai_status mirai__sync_submit(mirai_pool *pool, mirai_task *task, bool stream)
{
    bool failed = false;
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = begin(pool, task, stream, &failed);
    (void)pthread_mutex_unlock(&pool->lock);
    if (status != MIRAI_OK || failed) return status;

    mirai_outcome outcome = MIRAI_OUTCOME_LOST;
    mirai__segment *result = NULL;
    status = run(pool, task, task->request, &mirai__task_extra(task)->needs, &outcome, &result);
    if (status == MIRAI_E_FORKED) return status; /* the lock may be held by a thread that is not here */

    (void)pthread_mutex_lock(&pool->lock);
    task->result = result;
    mirai__sched_end_here(&pool->sched, &task->sched, status == MIRAI_OK ? outcome : MIRAI_OUTCOME_LOST);
    mirai__engine_commands(pool);
    mirai__driver_notify(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__detail_clear(); /* what the function has said is its own */
    return MIRAI_OK;
}

mirai_status mirai__sync_everywhere(mirai_pool *pool, mirai__segment *request, mirai__needs *needs,
                                    mirai__segment **failure)
{
    mirai_outcome outcome = MIRAI_OUTCOME_VALUE;
    mirai__segment *result = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = mirai__needs_check(needs, "everywhere");
    (void)pthread_mutex_unlock(&pool->lock);
    if (status == MIRAI_OK) status = run(pool, NULL, request, needs, &outcome, &result);
    mirai__segment_release(request);
    mirai__needs_fini(needs);
    bool failed = status == MIRAI_OK && outcome != MIRAI_OUTCOME_VALUE;
    *failure = failed ? result : NULL;
    if (!failed) mirai__segment_release(result);
    return status;
}
