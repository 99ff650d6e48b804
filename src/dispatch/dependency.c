/*
 * dependency: tasks whose arguments are the results of others. A result is passed on as it came, and never decoded
 * here. Where there is none, those who wait for it fail, for a reason (grounds.h) that becomes an error value when
 * somebody reads it.
 *
 * Threads and locks: share.h. Nothing here calls itself along a chain of tasks: a task that is failed goes back to the
 * scheduler, and its own dependants follow when it is given as resolved.
 */
#include "share.h"

#include <stdatomic.h>

#include "clock.h"
#include "events.h"
#include "handle.h"

static mirai__segment *encode_and_release(mirai_value *value, mirai__hooks *hooks, mirai_status *status)
{
    mirai__segment *segment = NULL;
    *status = value != NULL ? mirai__encode(value, hooks, MIRAI__ENCODE_COPY, &segment) : MIRAI_E_NOMEM;
    mirai_value_release(value);
    return segment;
}

/* Fill in a share whose task has resolved. `result`: its encoded result (taken), NULL where it has none. */
static void fill(mirai__share *share, const mirai_task *task, mirai_outcome outcome, mirai__segment *result)
{
    if (outcome == MIRAI_OUTCOME_VALUE && result != NULL) {
        share->segment = result;
        share->state = MIRAI__SHARE_READY;
        return;
    }
    mirai_status status;
    if (result == NULL && outcome != MIRAI_OUTCOME_VALUE && outcome != MIRAI_OUTCOME_FAILED)
        result = encode_and_release(mirai__outcome_error(task, outcome), NULL, &status);
    share->grounds = mirai__grounds_new(task, outcome, result);
    share->state = MIRAI__SHARE_FAILED;
}

/* The result of a task that has resolved, encoded, though its segment may be gone: it was decoded. Hooks may run. */
static mirai_status result_of(mirai_task *task, mirai_outcome *outcome, mirai__segment **out)
{
    *outcome = task->sched.outcome; /* constant by now, as is `because` */
    *out = NULL;
    if ((*outcome != MIRAI_OUTCOME_VALUE && *outcome != MIRAI_OUTCOME_FAILED) || mirai__task_extra(task)->because != NULL)
        return MIRAI_OK;
    *out = mirai__task_segment(task);
    if (*out != NULL) return MIRAI_OK;
    const mirai_value *value = NULL;
    mirai_status status = MIRAI_OK;
    MIRAI_TRY(mirai__task_value(task, &value));
    if (mirai_value_is_error(value)) *outcome = MIRAI_OUTCOME_FAILED; /* also when it could not be decoded */
    *out = encode_and_release(mirai_value_ref(value), task->pool->hooks, &status);
    return status;
}

static bool is_resolved(const mirai_task *task)
{
    return task->sched.state == MIRAI_TASK_RESOLVED;
}

mirai_status mirai__dependency_share(mirai_task *task, mirai__share **out)
{
    pthread_mutex_t *lock = &task->pool->lock;
    (void)pthread_mutex_lock(lock);
    *out = mirai__share_of_task(task);
    bool resolved = is_resolved(task);
    (void)pthread_mutex_unlock(lock);
    if (*out != NULL) return MIRAI_OK;

    mirai_outcome outcome = MIRAI_OUTCOME_VALUE;
    mirai__segment *result = NULL;
    if (resolved) MIRAI_TRY(result_of(task, &outcome, &result));
    mirai__share *share = mirai__share_new(task->pool);
    if (share == NULL) {
        mirai__segment_release(result);
        return MIRAI_E_NOMEM;
    }
    if (resolved) fill(share, task, outcome, result);
    (void)pthread_mutex_lock(lock);
    if (!resolved && is_resolved(task)) { /* meanwhile */
        (void)pthread_mutex_unlock(lock);
        mirai__shared_release(&share->shared);
        return mirai__dependency_share(task, out); /* once: it stays resolved */
    }
    *out = mirai__share_tie(share, task);
    (void)pthread_mutex_unlock(lock);
    return *out != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

void mirai__dependency_fail(mirai_pool *pool, mirai_task *task, const mirai__share *share)
{
    if (task->sched.state != MIRAI_TASK_BLOCKED) return; /* resolved, and about to be given as such */
    mirai__extra *extra = mirai__task_extend(task); /* it is there: it has the needs */
    if (extra != NULL) extra->because = mirai__grounds_ref(share->grounds);
    mirai__sched_fail_blocked(&pool->sched, &task->sched, mirai__now_ms());
}

void mirai__dependency_settle(mirai_pool *pool, mirai_task *task)
{
    mirai__share *share = mirai__share_of_task(task);
    if (share == NULL) return;
    if (share->state == MIRAI__SHARE_PENDING) fill(share, task, task->sched.outcome, mirai__task_segment(task));
    mirai__list *node;
    while ((node = mirai__list_pop(&share->dependants)) != NULL) {
        mirai__need *need = mirai__list_entry(node, mirai__need, of_share);
        mirai_task *dependant = need->task;
        if (share->state == MIRAI__SHARE_FAILED) {
            mirai__dependency_fail(pool, dependant, share);
        } else {
            mirai__needs_count(need);
            mirai__sched_unblock(&pool->sched, &dependant->sched, mirai__now_ms());
            mirai__events_queued(pool, &dependant->sched);
        }
    }
    mirai__shared_release(&share->shared);
}
