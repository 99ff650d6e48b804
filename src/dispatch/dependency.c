/*
 * dependency: tasks whose arguments are the results of others. A result is passed on as it came, and never decoded
 * here. Where there is none, those who wait for it fail, with an error value that is encoded like one from a daemon,
 * and has the other's error inside it as it came, too.
 *
 * Threads and locks: share.h. Nothing here calls itself along a chain of tasks: a task that is failed goes back to the
 * scheduler, and its own dependants follow when it is given as resolved.
 */
#include "share.h"

#include <stdatomic.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "events.h"
#include "handle.h"

/* Causes in causes: messages in messages have a limit (FORMAT.md section 7). Beyond it, those between are left out. */
enum { CAUSES_MAX = 12 };

void mirai__grounds_fini(mirai__grounds *grounds)
{
    mirai_value_release(grounds->about);
    mirai__segment_release(grounds->error);
    *grounds = (mirai__grounds){.about = NULL};
}

static mirai__grounds copy_of(const mirai__grounds *grounds)
{
    return (mirai__grounds){.about = mirai_value_ref(grounds->about),
                            .error = mirai__segment_ref(grounds->error)};
}

/* ---- what became of a task ------------------------------------------------------------------- */

static mirai_value *about(const mirai_task *task)
{
    mirai_value *id = mirai_int((int64_t)task->id), *function = mirai_string(task->names);
    if (task->label_at == 0) return mirai_dict_of("task", id, "function", function, MIRAI_END);
    return mirai_dict_of("task", id, "label", mirai_string(task->names + task->label_at), "function", function,
                         MIRAI_END);
}

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
    share->outcome = outcome == MIRAI_OUTCOME_VALUE ? MIRAI_OUTCOME_FAILED : outcome;
    share->depth = task->depth;
    share->grounds = (mirai__grounds){.about = about(task), .error = result};
    share->deeper = copy_of(&task->because);
    share->state = MIRAI__SHARE_FAILED;
}

/* The result of a task that has resolved, encoded, though its segment may be gone: it was decoded. Hooks may run. */
static mirai_status result_of(mirai_task *task, mirai_outcome *outcome, mirai__segment **out)
{
    *outcome = task->sched.outcome; /* constant by now */
    *out = NULL;
    if (*outcome != MIRAI_OUTCOME_VALUE && *outcome != MIRAI_OUTCOME_FAILED) return MIRAI_OK;
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
    if (!resolved && is_resolved(task)) { /* meanwhile: so it has not been decoded, or can be again */
        (void)pthread_mutex_unlock(lock);
        mirai__shared_release(&share->shared);
        return mirai__dependency_share(task, out); /* once: it stays resolved */
    }
    *out = mirai__share_tie(share, task);
    (void)pthread_mutex_unlock(lock);
    return MIRAI_OK;
}

/* ---- failing --------------------------------------------------------------------------------- */

static const char *what_became(mirai_outcome outcome)
{
    switch (outcome) {
    case MIRAI_OUTCOME_TIMEDOUT: return "timed out";
    case MIRAI_OUTCOME_CANCELLED: return "was cancelled";
    case MIRAI_OUTCOME_CLOSED: return "was cut off when its pool was closed";
    case MIRAI_OUTCOME_LOST: return "was lost with its daemon";
    default: return "failed";
    }
}

/* A list [what the host knows of the task, its error]; put right by mirai__dependency_complete(). */
static mirai_value *cause_of(const mirai__grounds *grounds)
{
    if (grounds->about == NULL || grounds->error == NULL) return mirai_null();
    return mirai_list_of(mirai_value_ref(grounds->about),
                         mirai__value_segment(mirai__segment_ref(grounds->error)), MIRAI_END);
}

static mirai_value *error_of(const mirai__share *share, const mirai__grounds *grounds)
{
    const char *label = mirai_value_string(mirai_value_get(share->grounds.about, "label"));
    char *message = mirai__format("task %llu%s%s%s, whose result is an argument, %s",
                                  (unsigned long long)share->shared.task, label != NULL ? " (" : "",
                                  label != NULL ? label : "", label != NULL ? ")" : "",
                                  what_became(share->outcome));
    if (message == NULL) return NULL;
    mirai_value *classes = mirai_list_of(mirai_string("dependency_error"), mirai_string("error"), MIRAI_END);
    mirai_value *error = mirai_error_of(mirai_dict_of(
        "class", classes, "code", mirai_int(share->outcome), "message", mirai_string(message), "dependency",
        mirai_int((int64_t)share->shared.task), "cause", cause_of(grounds), MIRAI_END));
    mirai__free(message);
    return error;
}

void mirai__dependency_fail(mirai_pool *pool, mirai_task *task, const mirai__share *share)
{
    if (task->sched.state != MIRAI_TASK_BLOCKED) return; /* resolved, and about to be given as such */
    bool all = share->depth < CAUSES_MAX;
    const mirai__grounds *grounds = all ? &share->grounds : &share->deeper;
    mirai_status status;
    task->result = encode_and_release(error_of(share, grounds), NULL, &status);
    task->because = copy_of(grounds);
    task->depth = all ? share->depth + 1 : share->depth;
    mirai__sched_fail_blocked(&pool->sched, &task->sched, mirai__now_ms());
}

void mirai__dependency_settle(mirai_pool *pool, mirai_task *task)
{
    mirai__share *share = mirai__share_of_task(task);
    if (share == NULL) return;
    fill(share, task, task->sched.outcome, mirai__task_segment(task));
    mirai__list *node;
    while ((node = mirai__list_pop(&share->dependants)) != NULL) {
        mirai_task *dependant = mirai__list_entry(node, mirai__need, of_share)->task;
        if (share->state == MIRAI__SHARE_FAILED) {
            mirai__dependency_fail(pool, dependant, share);
        } else {
            mirai__sched_unblock(&pool->sched, &dependant->sched, mirai__now_ms());
            mirai__events_queued(pool, &dependant->sched);
        }
    }
    mirai__shared_release(&share->shared);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Add to an error what its host knows of the task. Takes error. */
static mirai_value *annotate(mirai_value *error, const mirai_value *about_it)
{
    for (size_t i = 0; i < mirai_value_count(about_it) && error != NULL; i++)
        error = mirai__value_with(error, mirai_value_key(about_it, i),
                                  mirai_value_ref(mirai_value_item(about_it, i)));
    return error;
}

/* Depth is bounded: by CAUSES_MAX where it is ours, by that of a message where a daemon made it up. */
mirai_value *mirai__dependency_complete(mirai_value *error)
{
    const mirai_value *pair = mirai_value_get(error, "cause");
    const mirai_value *about_it = mirai_value_item(pair, 0), *cause = mirai_value_item(pair, 1);
    if (!mirai_value_error_inherits(error, "dependency_error") || mirai_value_type(pair) != MIRAI_TYPE_LIST ||
        mirai_value_type(about_it) != MIRAI_TYPE_DICT || cause == NULL)
        return error;
    mirai_value *whole = mirai_value_ref(cause);
    if (mirai_value_is_error(cause)) whole = annotate(mirai__dependency_complete(whole), about_it);
    return whole != NULL ? mirai__value_with(error, "cause", whole) : error;
}
