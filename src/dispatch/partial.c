/*
 * partial: kept, waited for, and delivered. Threads and locks: partial.h.
 */
#include "partial.h"

#include <stdatomic.h>

#include "alloc.h"
#include "budget.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "handle.h"
#include "notify.h"
#include "progress.h"
#include "received.h"

/* One partial result. */
typedef struct item {
    mirai__list node;
    mirai__segment *segment;
} item;

/* ---- life ------------------------------------------------------------------------------------ */

static mirai__partials *of(mirai_task *task)
{
    mirai__extra *extra = mirai__task_extend(task);
    if (extra == NULL) return NULL;
    if (extra->partials == NULL) {
        extra->partials = mirai__alloc_zero(1, sizeof *extra->partials);
        if (extra->partials != NULL) mirai__list_init(&extra->partials->items);
    }
    return extra->partials;
}

/* As it is; NULL: it has none. */
static mirai__partials *found(const mirai_task *task)
{
    return mirai__task_extra(task)->partials;
}

mirai_status mirai__partials_expect(mirai_task *task, mirai_progress_fn on_progress, mirai_partial_fn on_partial)
{
    if (on_progress == NULL && on_partial == NULL) return MIRAI_OK;
    mirai__partials *partials = of(task);
    if (partials == NULL) return MIRAI_E_NOMEM;
    partials->on_progress = on_progress;
    partials->on_partial = on_partial;
    return MIRAI_OK;
}

void mirai__partials_free(mirai__partials *partials)
{
    mirai__list *node;
    if (partials == NULL) return;
    while ((node = mirai__list_pop(&partials->items)) != NULL) {
        item *each = mirai__list_entry(node, item, node);
        mirai__segment_release(each->segment);
        mirai__free(each);
    }
    mirai__free(partials->text);
    mirai__free(partials);
}

/* ---- hearing; lock held ---------------------------------------------------------------------- */

const char *mirai__partials_progress(mirai_pool *pool, mirai_task *task, const mirai__frame *frame)
{
    double fraction;
    char *text;
    mirai_status status = mirai__progress_read(frame->segment, &fraction, &text);
    if (status == MIRAI_E_NOMEM) return NULL; /* it will say more */
    if (status != MIRAI_OK) return "it sent progress that makes no sense";
    mirai__partials *partials = task != NULL ? of(task) : NULL;
    if (partials == NULL) {
        mirai__free(text);
        return NULL;
    }
    mirai__free(partials->text);
    partials->text = text;
    partials->fraction = fraction;
    partials->has_progress = true;
    if (partials->on_progress != NULL) {
        partials->progress_due = true;
        mirai__notify_said(pool, task);
    }
    return NULL;
}

/* Nobody has a handle: the one owner is the scheduler. */
static bool is_detached(const mirai_task *task)
{
    bool called = found(task) != NULL && found(task)->on_partial != NULL;
    return !called && atomic_load_explicit(&task->references, memory_order_relaxed) <= 1;
}

const char *mirai__partials_emit(mirai_pool *pool, mirai_task *task, mirai__frame *frame)
{
    static const char no_memory[] = "there was no memory for its partial result";
    if (frame->segment == NULL) return "it sent a partial result without a value";
    if (task == NULL || is_detached(task)) return NULL;
    mirai__partials *partials = of(task);
    item *fresh = partials != NULL ? mirai__alloc(sizeof *fresh) : NULL;
    if (fresh == NULL) return no_memory;
    fresh->segment = frame->segment;
    frame->segment = NULL;
    mirai__task_keep_named(task, fresh->segment);
    mirai__list_append(&partials->items, &fresh->node);
    partials->held += mirai__segment_size(fresh->segment);
    mirai__budget_hold(pool, mirai__segment_size(fresh->segment));
    if (partials->on_partial != NULL) mirai__notify_said(pool, task);
    for (mirai__list *at = task->waiters.next; at != &task->waiters; at = at->next)
        mirai__driver_wake(pool, mirai__list_entry(at, mirai__waiter, of_task));
    return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Take the first one out; NULL: there is none. Lock held. */
static mirai__segment *take(mirai_pool *pool, mirai__partials *partials)
{
    mirai__list *node = partials != NULL ? mirai__list_pop(&partials->items) : NULL;
    if (node == NULL) return NULL;
    item *first = mirai__list_entry(node, item, node);
    mirai__segment *segment = first->segment;
    mirai__free(first);
    partials->held -= mirai__segment_size(segment);
    mirai__budget_free(pool, mirai__segment_size(segment), true);
    return segment;
}

static mirai_status decode(const mirai_task *task, mirai__segment *segment, mirai_value **out)
{
    mirai_status status = mirai__received_decode(task->pool, segment, false, out);
    mirai__segment_release(segment);
    return status == MIRAI_E_LIMIT ? MIRAI_E_DECODE : status;
}

static bool has_partial(void *context)
{
    const mirai_task *task = context;
    bool has = found(task) != NULL && !mirai__list_is_empty(&found(task)->items);
    return has || task->sched.state == MIRAI_TASK_RESOLVED;
}

mirai_status mirai_task_next_partial(mirai_task *task, mirai_value **out, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    if (task == NULL || out == NULL)
        return mirai__fail(MIRAI_E_INVALID, "%s is NULL", task == NULL ? "the task" : "out");
    if (timeout_ms < MIRAI_FOREVER) return mirai__fail(MIRAI_E_INVALID, "timeout_ms is below -1");
    *out = NULL;
    mirai_pool *pool = task->pool;
    mirai__segment *segment = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    bool called = found(task) != NULL && found(task)->on_partial != NULL;
    mirai_status status = called ? mirai__fail(MIRAI_E_STATE, "the task was submitted with on_partial")
                                 : mirai__driver_wait(pool, &task->waiters, has_partial, task,
                                                      mirai__deadline(timeout_ms), true);
    if (status == MIRAI_OK) {
        segment = take(pool, found(task));
        if (segment == NULL) status = mirai__fail(MIRAI_E_CLOSED, "the task has resolved and emits no more");
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return status == MIRAI_OK ? decode(task, segment, out) : status;
}

mirai_status mirai_task_progress(mirai_task *task, double *fraction, char **text)
{
    MIRAI_TRY(mirai__enter());
    if (task == NULL) return mirai__fail(MIRAI_E_INVALID, "the task is NULL");
    mirai_status status = MIRAI_OK;
    char *copy = NULL;
    (void)pthread_mutex_lock(&task->pool->lock);
    const mirai__partials *partials = found(task);
    if (partials == NULL || !partials->has_progress)
        status = mirai__fail(MIRAI_E_AGAIN, "the task has not said how far it is");
    else if (text != NULL) {
        copy = mirai__strdup(partials->text != NULL ? partials->text : "");
        if (copy == NULL) status = MIRAI_E_NOMEM;
    }
    if (status == MIRAI_OK && fraction != NULL) *fraction = partials->fraction;
    (void)pthread_mutex_unlock(&task->pool->lock);
    if (text != NULL) *text = copy;
    return status;
}

/* ---- calling; lock not held ------------------------------------------------------------------ */

bool mirai__partials_due(const mirai_task *task)
{
    const mirai__partials *partials = found(task);
    if (partials == NULL) return false;
    return partials->progress_due || (partials->on_partial != NULL && !mirai__list_is_empty(&partials->items));
}

static void call_partial(mirai_task *task, mirai__segment *segment)
{
    mirai_value *value = NULL;
    mirai_status status = decode(task, segment, &value);
    if (status != MIRAI_OK) {
        char *why = mirai__strdup(mirai_error_detail());
        value = mirai_error(status == MIRAI_E_HOOK ? "hook_error" : "decode_error", status,
                            "a partial result could not be read: %s", why != NULL ? why : "no memory");
        mirai__free(why);
    }
    if (value != NULL) found(task)->on_partial(task, value, task->user);
    mirai_value_release(value);
}

size_t mirai__partials_deliver(mirai_task *task)
{
    mirai__partials *partials = found(task);
    size_t count = 0;
    if (partials == NULL) return 0;
    for (;; count++) {
        mirai__segment *segment = NULL;
        char *text = NULL;
        (void)pthread_mutex_lock(&task->pool->lock);
        if (partials->on_partial != NULL) segment = take(task->pool, partials);
        bool progress = segment == NULL && partials->progress_due;
        double fraction = partials->fraction;
        if (progress) {
            partials->progress_due = false;
            text = partials->text != NULL ? mirai__strdup(partials->text) : NULL;
        }
        (void)pthread_mutex_unlock(&task->pool->lock);
        if (segment != NULL)
            call_partial(task, segment);
        else if (progress)
            partials->on_progress(task, fraction, text, task->user);
        else
            return count;
        mirai__free(text);
    }
}
