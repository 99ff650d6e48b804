/*
 * grounds: see grounds.h. Chains of grounds are walked by loops: they may be as long as chains of tasks.
 */
#include "grounds.h"

#include <stdatomic.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "handle.h"
#include "received.h"

/* Errors told inside one another: of longer chains, so many of the nearest, and the first. */
enum { TOLD_MAX = 12 };

/* Where there was no memory. Its count never comes to 0. */
static mirai__grounds unknown = {.references = 1, .outcome = MIRAI_OUTCOME_FAILED};

mirai__grounds *mirai__grounds_new(const mirai_task *task, mirai_outcome outcome, mirai__segment *error)
{
    size_t size = strlen(task->names) + 1;
    if (task->label_at != 0) size = task->label_at + strlen(task->names + task->label_at) + 1;
    mirai__grounds *grounds = mirai__alloc_zero(1, sizeof *grounds + size);
    if (grounds == NULL) {
        mirai__segment_release(error);
        return mirai__grounds_ref(&unknown);
    }
    atomic_init(&grounds->references, 1);
    grounds->task = task->id;
    grounds->outcome = outcome == MIRAI_OUTCOME_VALUE ? MIRAI_OUTCOME_FAILED : outcome;
    grounds->deeper = mirai__grounds_ref(mirai__task_extra(task)->because);
    grounds->error = error;
    grounds->attempts = task->sched.attempts;
    grounds->label_at = task->label_at;
    memcpy(grounds->names, task->names, size);
    return grounds;
}

mirai__grounds *mirai__grounds_ref(mirai__grounds *grounds)
{
    if (grounds != NULL) atomic_fetch_add_explicit(&grounds->references, 1, memory_order_relaxed);
    return grounds;
}

void mirai__grounds_release(mirai__grounds *grounds)
{
    while (grounds != NULL && atomic_fetch_sub_explicit(&grounds->references, 1, memory_order_acq_rel) == 1) {
        mirai__grounds *deeper = grounds->deeper;
        mirai__segment_release(grounds->error);
        mirai__free(grounds);
        grounds = deeper;
    }
}

/* ---- error values ---------------------------------------------------------------------------- */

/* What the task's host knows of it. Takes error; NULL stays NULL. */
static mirai_value *annotate(const mirai__grounds *grounds, mirai_value *error)
{
    if (grounds->task == 0) return error;
    return mirai__outcome_tell(error, grounds->task, grounds->attempts, grounds->names, grounds->label_at);
}

static mirai_value *unread(const mirai__grounds *grounds, const char *why)
{
    char *copy = mirai__strdup(why);
    mirai_value *error = mirai_error("decode_error", MIRAI_E_DECODE, "the error of task %llu could not be read: %s",
                                     (unsigned long long)grounds->task, copy != NULL ? copy : "");
    mirai__free(copy);
    return error;
}

/* The error of a task that failed by itself. */
static mirai_value *first_error(const mirai_pool *pool, const mirai__grounds *grounds)
{
    if (grounds->error == NULL) return unread(grounds, "there was no memory for it");
    mirai_value *error = NULL;
    mirai_status status = mirai__received_decode(pool, grounds->error, true, &error);
    if (status == MIRAI_E_NOMEM) return NULL;
    if (status != MIRAI_OK) return unread(grounds, mirai_error_detail());
    if (mirai_value_is_error(error)) return error;
    mirai_value_release(error);
    return unread(grounds, "the daemon gave none");
}

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

/* The error of a task that needed this one, whose own error is `cause` (taken). */
static mirai_value *needed(const mirai__grounds *grounds, mirai_value *cause)
{
    if (cause == NULL) return NULL;
    const char *label = grounds->label_at != 0 ? grounds->names + grounds->label_at : NULL;
    mirai_value *error =
        mirai_error("dependency_error", grounds->outcome, "task %llu%s%s%s, whose result is an argument, %s",
                    (unsigned long long)grounds->task, label != NULL ? " (" : "", label != NULL ? label : "",
                    label != NULL ? ")" : "", what_became(grounds->outcome));
    error = mirai__value_with(error, "dependency", mirai_int((int64_t)grounds->task));
    return mirai__value_with(error, "cause", cause);
}

mirai_value *mirai__grounds_error(const mirai_pool *pool, const mirai__grounds *grounds)
{
    const mirai__grounds *told[TOLD_MAX + 1];
    size_t count = 0;
    for (const mirai__grounds *at = grounds; at != NULL; at = at->deeper) {
        if (count <= TOLD_MAX) count++;
        told[count - 1] = at; /* beyond the most, the last place is the first's */
    }
    mirai_value *error = annotate(told[count - 1], first_error(pool, told[count - 1]));
    for (size_t i = count - 1; i > 0; i--) error = annotate(told[i - 1], needed(told[i - 1]->deeper, error));
    return needed(grounds, error);
}
