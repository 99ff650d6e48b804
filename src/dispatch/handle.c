/*
 * handle: tasks as their owners hold them: counting, resolving, and decoding the result once.
 * Threads and locks: handle.h.
 */
#include "handle.h"

#include <stdatomic.h>
#include <string.h>

#include "ahead.h"
#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "events.h"
#include "gather.h"
#include "message.h"
#include "notify.h"
#include "output.h"
#include "partial.h"
#include "queue.h"
#include "received.h"

static _Atomic uint64_t last_task_id;

/* Decoding is rare and short: one condition for all tasks, so that a task need not carry its own. */
static pthread_mutex_t decode_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t decode_done = PTHREAD_COND_INITIALIZER;

enum { NOT_DECODED, DECODING, DECODED };

mirai_task *mirai__task_of(mirai__sched_task *task)
{
    return mirai__list_entry(task, mirai_task, sched);
}

uint64_t mirai__task_number(void)
{
    return atomic_fetch_add_explicit(&last_task_id, 1, memory_order_relaxed) + 1;
}

const mirai__extra *mirai__task_extra(const mirai_task *task)
{
    static const mirai__extra none;
    const mirai__extra *extra = atomic_load_explicit(&task->extra, memory_order_acquire);
    return extra != NULL ? extra : &none;
}

mirai__extra *mirai__task_extend(mirai_task *task)
{
    mirai__extra *extra = atomic_load_explicit(&task->extra, memory_order_relaxed);
    if (extra != NULL) return extra;
    extra = mirai__alloc_zero(1, sizeof *extra);
    if (extra == NULL) return NULL;
    extra->task = task;
    mirai__list_init(&extra->queued);
    mirai__list_init(&extra->callback);
    atomic_store_explicit(&task->extra, extra, memory_order_release);
    return extra;
}

/* The last handle is gone. */
static void free_extra(mirai_pool *pool, mirai__extra *extra, bool locked)
{
    if (extra == NULL) return;
    if (extra->partials != NULL) mirai__budget_free(pool, extra->partials->held, locked);
    mirai__share_untie(extra->task);
    mirai__needs_fini(&extra->needs);
    mirai__grounds_release(extra->because);
    mirai__cause_free(extra->cause);
    mirai__partials_free(extra->partials);
    mirai__output_free(extra->output);
    mirai__free(extra);
}

mirai_task *mirai__task_new(mirai_pool *pool, const char *function, const char *label)
{
    size_t function_size = strlen(function) + 1;
    size_t label_size = label != NULL ? strlen(label) + 1 : 0;
    mirai_task *task = mirai__alloc_zero(1, offsetof(mirai_task, names) + function_size + label_size);
    if (task == NULL) return NULL;
    atomic_init(&task->references, 1);
    task->pool = mirai__engine_ref(pool);
    task->id = mirai__task_number();
    mirai__list_init(&task->sched.node);
    mirai__list_init(&task->waiters);
    memcpy(task->names, function, function_size);
    if (label != NULL) {
        task->label_at = (uint16_t)function_size;
        memcpy(task->names + function_size, label, label_size);
    }
    return task;
}

/* Under the lock nothing of a user's can be in it: only a handle can have had it decoded. */
static void drop(mirai_task *task, bool locked)
{
    if (atomic_fetch_sub_explicit(&task->references, 1, memory_order_acq_rel) != 1) return;
    if (task->is_held) mirai__budget_free(task->pool, mirai__segment_size(task->result), locked);
    free_extra(task->pool, atomic_load_explicit(&task->extra, memory_order_acquire), locked);
    mirai__segment_release(task->request);
    mirai__segment_release(task->result);
    mirai_value_release(task->read.value);
    mirai__engine_release(task->pool);
    mirai__free(task);
}

void mirai__task_drop(mirai_task *task)
{
    drop(task, false);
}

void mirai__task_hold(mirai_pool *pool, mirai_task *task)
{
    task->is_held = true;
    mirai__budget_hold(pool, mirai__segment_size(task->request));
}

/* From now on its result counts, instead of its request. */
static void exchange(mirai_pool *pool, mirai_task *task)
{
    size_t before = task->is_held ? mirai__segment_size(task->request) : 0;
    task->is_held = true;
    mirai__budget_hold(pool, mirai__segment_size(task->result));
    mirai__budget_free(pool, before, true);
    mirai__budget_resolved(pool);
    mirai__segment_release(task->request);
    task->request = NULL;
}

void mirai__task_keep_named(const mirai_task *task, mirai__segment *answer)
{
    if (task->request != NULL) mirai__segment_keep(answer, task->request);
    mirai__needs_keep(&mirai__task_extra(task)->needs, answer);
}

void mirai__task_tell(mirai_pool *pool, mirai_task *task)
{
    if (!task->told) mirai__events_task(pool, MIRAI_EVENT_TASK_RESOLVED, task);
    task->told = true;
}

void mirai__task_resolved(mirai_pool *pool, mirai_task *task)
{
    if (task->sched.outcome == MIRAI_OUTCOME_LOST && task->sched.loss == MIRAI__LOSS_UNSTARTED)
        mirai__cause_unstarted(task, pool->start_detail);
    mirai__output_settle(pool, task);
    mirai__task_tell(pool, task);
    mirai__extra *extra = atomic_load_explicit(&task->extra, memory_order_relaxed);
    if (task->result != NULL) mirai__task_keep_named(task, task->result);
    if (extra != NULL) {
        mirai__dependency_settle(pool, task);
        mirai__needs_leave(&extra->needs);
        mirai__needs_fini(&extra->needs);
    }
    exchange(pool, task);
    for (mirai__list *at = task->waiters.next; at != &task->waiters; at = at->next)
        mirai__driver_wake(pool, mirai__list_entry(at, mirai__waiter, of_task));
    mirai__gather_resolved(pool, task);
    mirai__queue_resolved(pool, task);
    mirai__notify_resolved(pool, task);
    atomic_store_explicit(&task->is_resolved, true, memory_order_release);
    drop(task, true); /* the scheduler's hold */
}

mirai__segment *mirai__task_segment(mirai_task *task)
{
    (void)pthread_mutex_lock(&decode_lock);
    mirai__segment *segment = mirai__segment_ref(task->result);
    (void)pthread_mutex_unlock(&decode_lock);
    return segment;
}

bool mirai__task_is_resolved(const mirai_task *task)
{
    return atomic_load_explicit(&task->is_resolved, memory_order_acquire);
}

int32_t mirai__task_state(const mirai_task *task)
{
    pthread_mutex_t *lock = &task->pool->lock;
    if (mirai__task_is_resolved(task)) return MIRAI_TASK_RESOLVED;
    (void)pthread_mutex_lock(lock);
    int32_t state = task->sched.state;
    (void)pthread_mutex_unlock(lock);
    return state;
}

int32_t mirai__task_cancel(mirai_task *task)
{
    mirai_pool *pool = task->pool;
    (void)pthread_mutex_lock(&pool->lock);
    mirai__ahead_settle(pool, task);
    int32_t what = mirai__sched_cancel(&pool->sched, &task->sched, mirai__now_ms());
    mirai__engine_commands(pool);
    mirai__driver_notify(pool); /* it may have been the last that a closing thread waits for */
    mirai__engine_rearm(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return what;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static mirai_value *hook_error(mirai_status status)
{
    const char *class_name = status == MIRAI_E_HOOK     ? "hook_error"
                             : status == MIRAI_E_DECODE ? "decode_error"
                                                        : "result_error";
    char *detail = mirai__strdup(mirai_error_detail());
    mirai_value *error = mirai_error(class_name, status, "the result could not be read: %s",
                                     detail != NULL ? detail : mirai_status_text(status));
    mirai__free(detail);
    return error;
}

static mirai_status decode_result(mirai_task *task, mirai_value **out)
{
    bool elsewhere = atomic_load_explicit(&mirai__task_extra(task)->share, memory_order_acquire) != NULL;
    return mirai__received_decode(task->pool, task->result, elsewhere, out);
}

/* On the reader's thread, under no lock. A status only where there is no memory to say anything. */
static mirai_status decode(mirai_task *task, mirai_value **out)
{
    mirai_outcome outcome = task->sched.outcome;
    mirai_value *value = NULL;
    if (outcome != MIRAI_OUTCOME_VALUE && outcome != MIRAI_OUTCOME_FAILED) {
        value = mirai__outcome_error(task, outcome);
    } else if (mirai__task_extra(task)->because != NULL) {
        const mirai__grounds *because = mirai__task_extra(task)->because;
        value = mirai__outcome_annotate(task, mirai__grounds_error(task->pool, because));
    } else {
        mirai_status status = decode_result(task, &value);
        if (status == MIRAI_E_NOMEM) return status;
        if (status != MIRAI_OK) value = hook_error(status);
        if (outcome == MIRAI_OUTCOME_FAILED && !mirai_value_is_error(value)) {
            mirai_value_release(value);
            value = mirai_error("decode_error", MIRAI_E_DECODE, "the daemon said that the task failed, "
                                                                "and gave no error");
        }
        if (mirai_value_is_error(value)) value = mirai__outcome_annotate(task, value);
    }
    *out = value;
    return value != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

/* Whether this thread is to decode; what the state was, else. */
static bool claim(mirai_task *task, uint8_t *state)
{
    *state = NOT_DECODED;
    if (!atomic_compare_exchange_strong(&task->decoding, state, DECODING)) return false;
    atomic_store_explicit(&task->read.decoder, pthread_self(), memory_order_relaxed);
    return true;
}

/* Another reader is at it. *mine: it has failed, and this thread is to try. */
static mirai_status await_value(mirai_task *task, bool *mine)
{
    mirai_status status = MIRAI_OK;
    uint8_t state;
    (void)pthread_mutex_lock(&decode_lock);
    while (!(*mine = claim(task, &state)) && state == DECODING && status == MIRAI_OK) {
        if (pthread_equal(atomic_load_explicit(&task->read.decoder, memory_order_relaxed), pthread_self()))
            status = mirai__fail(MIRAI_E_STATE, "a hook asked for the very result that it is decoding");
        else
            (void)pthread_cond_wait(&decode_done, &decode_lock);
    }
    (void)pthread_mutex_unlock(&decode_lock);
    return status;
}

mirai_status mirai__task_value(mirai_task *task, const mirai_value **out)
{
    uint8_t state;
    bool mine = claim(task, &state);
    if (!mine && state == DECODING) MIRAI_TRY(await_value(task, &mine));
    if (!mine) {
        *out = task->read.value;
        return MIRAI_OK;
    }

    mirai_value *value = NULL;
    mirai_status status = decode(task, &value);
    (void)pthread_mutex_lock(&decode_lock);
    task->read.value = value; /* NULL on failure */
    task->decoding = status == MIRAI_OK ? DECODED : NOT_DECODED;
    mirai__segment *result = status == MIRAI_OK ? task->result : NULL;
    if (result != NULL) task->result = NULL;
    size_t held = mirai__segment_size(result);
    (void)pthread_cond_broadcast(&decode_done);
    (void)pthread_mutex_unlock(&decode_lock);
    mirai__segment_release(result);
    mirai__budget_free(task->pool, held, false);
    if (status == MIRAI_OK) *out = value;
    return status;
}
