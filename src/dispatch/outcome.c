/*
 * outcome: the error values of tasks that did not end by themselves, and what is added to those that did. Runs on
 * the thread that reads a result, under no lock; the task has resolved, so what is read here is constant.
 */
#include "handle.h"

#include <signal.h>
#include <stdio.h>

#include "alloc.h"

void mirai__cause_free(mirai__cause *cause)
{
    if (cause == NULL) return;
    mirai__free(cause->last_words);
    mirai__free(cause->unstarted);
    mirai__free(cause);
}

void mirai__cause_unstarted(mirai_task *task, const char *why)
{
    mirai__extra *extra = mirai__task_extend(task); /* without memory its error says less */
    if (extra == NULL) return;
    mirai__cause_free(extra->cause);
    extra->cause = mirai__alloc_zero(1, sizeof *extra->cause);
    if (extra->cause != NULL) extra->cause->unstarted = mirai__strdup(why != NULL ? why : "its daemon did not start");
}

static mirai_value *with_text(mirai_value *error, const char *key, const char *text)
{
    if (error == NULL || text == NULL) return error;
    return mirai__value_with(error, key, mirai_string(text));
}

static mirai_value *with_number(mirai_value *error, const char *key, uint64_t number)
{
    return error == NULL ? NULL : mirai__value_with(error, key, mirai_int((int64_t)number));
}

mirai_value *mirai__outcome_tell(mirai_value *error, uint64_t task, int32_t attempts, const char *names,
                                 uint32_t label_at)
{
    error = with_number(error, "attempt", (uint64_t)attempts);
    error = with_number(error, "task", task);
    if (label_at != 0) error = with_text(error, "label", names + label_at);
    return with_text(error, "function", names);
}

mirai_value *mirai__outcome_annotate(const mirai_task *task, mirai_value *error)
{
    return mirai__outcome_tell(error, task->id, task->sched.attempts, task->names, task->label_at);
}

/* Whether we ended the daemon ourselves, so that its signal says nothing. */
static bool ended_by_us(const mirai__cause *cause)
{
    return cause->fault != NULL && (!cause->death.known || cause->death.signal == SIGKILL);
}

void mirai__cause_text(const mirai__cause *cause, char *out, size_t size)
{
    char how[128];
    if (cause == NULL)
        (void)snprintf(out, size, "the daemon was lost");
    else if (ended_by_us(cause) && cause->silent_ms > 0)
        (void)snprintf(out, size, "daemon process %llu was ended: it has not answered for %lld ms",
                       (unsigned long long)cause->pid, (long long)cause->silent_ms);
    else if (ended_by_us(cause))
        (void)snprintf(out, size, "daemon process %llu was ended: %s", (unsigned long long)cause->pid,
                       cause->fault);
    else {
        mirai__death_text(&cause->death, how, sizeof how);
        (void)snprintf(out, size, "daemon process %llu was lost: %s", (unsigned long long)cause->pid, how);
    }
}

static mirai_value *with_flag(mirai_value *error, const char *key, bool set)
{
    return error != NULL && set ? mirai__value_with(error, key, mirai_bool(1)) : error;
}

static mirai_value *with_cause(mirai_value *error, const mirai__cause *cause)
{
    error = with_number(error, "daemon", cause->daemon);
    error = with_number(error, "pid", cause->pid);
    error = with_flag(error, "heartbeat", cause->silent_ms > 0);
    if (cause->dead && cause->death.signal != 0 && !ended_by_us(cause))
        error = with_text(error, "signal", mirai__signal_name(cause->death.signal));
    if (cause->dead && cause->death.known && cause->death.signal == 0)
        error = with_number(error, "exit_status", (uint64_t)cause->death.exit_status);
    return with_text(error, "stderr", cause->last_words);
}

static mirai_value *lost(const mirai_task *task)
{
    const mirai__cause *cause = mirai__task_extra(task)->cause;
    uint64_t only_on = mirai__task_extra(task)->only_on;
    char message[512];
    if (task->sched.loss == MIRAI__LOSS_STRANDED) {
        mirai_value *error =
            mirai_error("daemon_lost", MIRAI_OUTCOME_LOST,
                        "daemon %llu, on which alone the task was to run, is gone", (unsigned long long)only_on);
        return with_number(error, "daemon", only_on);
    }
    if (cause != NULL && cause->unstarted != NULL)
        return mirai_error("daemon_lost", MIRAI_OUTCOME_LOST, "%s", cause->unstarted);
    mirai__cause_text(cause, message, sizeof message);
    bool quarantined = task->sched.loss == MIRAI__LOSS_QUARANTINED;
    mirai_value *error =
        mirai_error("daemon_lost", MIRAI_OUTCOME_LOST, "%s%s", message,
                    quarantined ? "; it was the last of several that died in this task, which is not tried again" : "");
    error = with_flag(error, "quarantined", quarantined);
    return cause != NULL ? with_cause(error, cause) : error;
}

mirai_value *mirai__outcome_error(const mirai_task *task, mirai_outcome outcome)
{
    mirai_value *error = NULL;
    bool ran = task->sched.attempt != 0;
    switch (outcome) {
    case MIRAI_OUTCOME_TIMEDOUT:
        error = mirai_error("timed_out", outcome, "%s",
                            ran ? "the task timed out while it ran" : "the task timed out before it ran");
        break;
    case MIRAI_OUTCOME_CANCELLED:
        error = mirai_error("cancelled", outcome, "%s",
                            ran ? "the task was cancelled while it ran"
                                : "the task was cancelled before it ran");
        break;
    case MIRAI_OUTCOME_CLOSED:
        error = mirai_error("pool_closed", outcome, "the pool \"%s\" was closed before the task ended",
                            task->pool->name);
        break;
    default: error = lost(task); break;
    }
    return mirai__outcome_annotate(task, error);
}
