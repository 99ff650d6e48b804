/*
 * submit: a call becomes a request, a request a task. Arguments are encoded on the caller's thread, under no lock,
 * and by copy, so that nothing that the caller does afterwards can change the task; only what it gives away with
 * them (MIRAI__ENCODE_MOVE) is sent where it lies.
 */
#include "pool.h"

#include <stdatomic.h>

#include "ahead.h"
#include "clock.h"
#include "demand.h"
#include "driver.h"
#include "engine.h"
#include "events.h"
#include "handle.h"
#include "message.h"
#include "partial.h"
#include "request.h"
#include "sync.h"

mirai_status mirai__request_encode_stream(mirai_pool *pool, const char *function, mirai_value *args,
                                          const char *label, const mirai_rng *stream, mirai__needs *needs,
                                          mirai__segment **out)
{
    uint8_t state[MIRAI__STREAM_SIZE];
    mirai__call call = {.function = function, .args = args, .label = label};
    if (stream != NULL) {
        mirai__seeds_write(state, stream);
        call.stream = state;
    }
    mirai__sharing sharing;
    mirai__sharing_init(&sharing, pool);
    mirai__segment *segment = NULL;
    mirai_status status = mirai__encode_call(&call, pool->hooks, MIRAI__ENCODE_COPY | MIRAI__ENCODE_MOVE, pool->slabs,
                                             &sharing, &segment);
    mirai_value_release(args);
    if (status == MIRAI_OK) status = mirai__needs_take(needs, &sharing);
    mirai__sharing_fini(&sharing);
    if (status == MIRAI_OK)
        *out = segment;
    else
        mirai__segment_release(segment);
    return status;
}

mirai_status mirai__request_encode(mirai_pool *pool, const char *function, mirai_value *args, const char *label,
                                   mirai__needs *needs, mirai__segment **out)
{
    return mirai__request_encode_stream(pool, function, args, label, NULL, needs, out);
}

size_t mirai__pool_cancel_all(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    mirai__ahead_settle_all(pool);
    size_t count = mirai__sched_cancel_all(&pool->sched, mirai__now_ms());
    mirai__engine_commands(pool);
    mirai__driver_notify(pool); /* a closing thread may wait for the last of them */
    mirai__engine_rearm(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return count;
}

/* `stream`: it takes the pool's next. Lock held. */
static mirai_status enqueue(mirai_pool *pool, mirai_task *task, const mirai_submit_options *options, bool stream)
{
    mirai__sched_request asked;
    mirai__extra *extra = atomic_load_explicit(&task->extra, memory_order_relaxed);
    mirai_status status = mirai__demand_read(pool, options, &asked);
    asked.lendable = mirai__ahead_may_lend(task);
    if (extra != NULL) asked.waits = mirai__needs_enter(&extra->needs, task);
    if (status == MIRAI_OK) status = mirai__sched_submit(&pool->sched, &task->sched, &asked, mirai__now_ms());
    if (status == MIRAI_OK) {
        mirai__task_hold(pool, task);
        mirai__events_queued(pool, &task->sched);
        if (extra != NULL) mirai__needs_judge(pool, &extra->needs);
        if (stream) mirai__seeds_take(&pool->seeds, task->request);
        mirai__engine_commands(pool);
    } else if (extra != NULL) {
        mirai__needs_leave(&extra->needs);
    }
    return status;
}

/* What a call asks for. */
typedef struct call {
    const char *function;
    mirai_value *args; /* taken */
    const mirai_submit_options *options;
    const mirai_rng *stream; /* NULL: the next of the pool's own */
    bool is_mapped;          /* there will be memory to put it into a queue */
} call;

/* What only some calls ask for; takes needs. */
static mirai_status extend(mirai_task *task, const call *call, mirai__needs *needs)
{
    const mirai_submit_options *options = call->options;
    bool asks = needs->count > 0 || options->daemon != 0 || options->on_resolved != NULL || call->is_mapped;
    mirai__extra *extra = asks ? mirai__task_extend(task) : NULL;
    if (asks && extra == NULL) {
        mirai__needs_fini(needs);
        return MIRAI_E_NOMEM;
    }
    if (asks) {
        extra->needs = *needs;
        extra->on_resolved = options->on_resolved;
        extra->only_on = options->daemon;
    }
    return mirai__partials_expect(task, options->on_progress, options->on_partial);
}

/* A task with its request, held for the scheduler too. Hooks run. */
static mirai_status make(mirai_pool *pool, const call *call, mirai_task **out)
{
    const mirai_submit_options *options = call->options;
    mirai__segment *request = NULL;
    mirai__needs needs;
    const mirai_rng *room = pool->seeds.seeded ? &pool->seeds.base : NULL; /* for the next of the pool's own */
    MIRAI_TRY(mirai__request_encode_stream(pool, call->function, call->args, options->label,
                                           call->stream != NULL ? call->stream : room, &needs, &request));
    mirai_task *task = mirai__task_new(pool, call->function, options->label);
    if (task == NULL) {
        mirai__needs_fini(&needs);
        mirai__segment_release(request);
        return MIRAI_E_NOMEM;
    }
    task->request = request;
    task->user = options->user;
    if (extend(task, call, &needs) != MIRAI_OK) {
        mirai__task_drop(task);
        return MIRAI_E_NOMEM;
    }
    atomic_fetch_add_explicit(&task->references, 1, memory_order_relaxed); /* the scheduler's hold */
    *out = task;
    return MIRAI_OK;
}

static mirai_status submit(mirai_pool *pool, const call *call, bool may_wait, mirai_task **out)
{
    mirai__ticket ticket;
    mirai_status status = mirai__budget_enter(pool, &ticket, may_wait);
    if (status != MIRAI_OK) {
        mirai_value_release(call->args);
        return status;
    }
    mirai_task *task = NULL;
    bool stream = call->stream == NULL;
    status = make(pool, call, &task);
    bool is_made = status == MIRAI_OK;
    if (is_made && pool->sync) status = mirai__sync_submit(pool, task, stream);
    if (!pool->sync && (is_made || ticket.is_in)) {
        (void)pthread_mutex_lock(&pool->lock);
        if (is_made) status = enqueue(pool, task, call->options, stream);
        mirai__budget_entered(pool, &ticket, status == MIRAI_OK);
        if (is_made) mirai__engine_rearm(pool);
        (void)pthread_mutex_unlock(&pool->lock);
    }
    if (is_made && status != MIRAI_OK) mirai__task_drop(task);
    if (status == MIRAI_OK && out != NULL)
        *out = task;
    else if (is_made)
        mirai__task_drop(task);
    return status;
}

mirai_status mirai__pool_submit(mirai_pool *pool, const char *function, mirai_value *args,
                                const mirai_submit_options *options, mirai_task **out)
{
    const call call = {.function = function, .args = args, .options = options};
    return submit(pool, &call, true, out);
}

mirai_status mirai__pool_try_submit(mirai_pool *pool, const char *function, mirai_value *args,
                                    const mirai_submit_options *options, mirai_task **out)
{
    const call call = {.function = function, .args = args, .options = options};
    return submit(pool, &call, false, out);
}

mirai_status mirai__pool_try_submit_stream(mirai_pool *pool, const char *function, mirai_value *args,
                                       const mirai_submit_options *options, const mirai_rng *stream,
                                       mirai_task **out)
{
    const call call = {.function = function, .args = args, .options = options, .stream = stream, .is_mapped = true};
    return submit(pool, &call, false, out);
}
