/*
 * job: what a function sees of its task, and the way from a JOB frame to a RESULT frame. Everything
 * here runs on the main thread, but mirai__job_new() and mirai__job_cancel(), which run on whichever
 * thread receives: the control thread, or over rings, while there is no job, the main thread.
 */
#include "job.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "message.h"
#include "segment.h"

mirai_job *mirai__job_new(mirai_daemon *daemon, pthread_mutex_t *lock, mirai__frame *frame)
{
    mirai_job *job = mirai__alloc(sizeof *job);
    if (job == NULL) return NULL;
    memset(job, 0, offsetof(mirai_job, report.sizes));
    job->daemon = daemon;
    job->lock = lock;
    job->task = frame->task;
    job->attempt = frame->attempt;
    job->number = frame->aux;
    job->incarnation = frame->incarnation;
    job->segment = frame->segment;
    job->is_large = frame->segment != NULL && mirai__segment_size(frame->segment) >= MIRAI__SLAB_MIN;
    frame->segment = NULL;
    atomic_init(&job->cancelled, false);
    return job;
}

void mirai__job_free(mirai_job *job)
{
    if (job == NULL) return;
    for (size_t i = 0; i < MIRAI__JOB_PARTS; i++) mirai_value_release(job->parts[i]);
    mirai__segment_release(job->segment);
    mirai__segment_release(job->environ);
    mirai__surroundings_restore(&job->surroundings);
    mirai__free(job->report.text);
    mirai__free(job);
}

void mirai__job_free_all(mirai__list *jobs)
{
    for (mirai__list *node; (node = mirai__list_pop(jobs)) != NULL;)
        mirai__job_free(mirai__list_entry(node, mirai_job, node));
}

void mirai__job_let_go(mirai_job *job)
{
    if (!job->is_large) return;
    for (size_t i = 0; i < MIRAI__JOB_PARTS; i++) {
        mirai_value_release(job->parts[i]);
        job->parts[i] = NULL;
    }
    job->args = NULL;
    job->function = NULL;
}

mirai_status mirai__job_decode(mirai_job *job)
{
    size_t count; /* those that are not there stay NULL */
    MIRAI_TRY(mirai__decode_items(job->segment, job->hooks, &mirai__limits_local, job->resolver, job->parts,
                                  MIRAI__JOB_PARTS, &count));
    mirai__segment_release(job->segment); /* the values hold what they need of it */
    job->segment = NULL;
    const char *function = mirai_value_string(job->parts[0]);
    const mirai_value *args = job->parts[1];
    if (function == NULL || args == NULL)
        return mirai__fail(MIRAI_E_DECODE, "a job must be a list of function, arguments and label");
    job->function = function;
    job->args = args;
    return mirai__job_take_stream(job, job->parts[3]);
}

/* ---- cancelling ---- */

void mirai__job_cancel(mirai_job *job)
{
    if (atomic_exchange(&job->cancelled, true)) return;
    mirai_cancel_fn fn = job->on_cancel;
    job->on_cancel = NULL;
    if (fn != NULL) fn(job->user);
}

int32_t mirai_job_cancelled(const mirai_job *job)
{
    return job != NULL && atomic_load(&job->cancelled);
}

void mirai__job_watch(mirai_job *job, mirai_cancel_fn fn, void *user)
{
    if (job == NULL) return;
    (void)pthread_mutex_lock(job->lock);
    bool due = atomic_load(&job->cancelled) && fn != NULL;
    job->on_cancel = due ? NULL : fn;
    job->user = user;
    (void)pthread_mutex_unlock(job->lock);
    if (due) fn(user);
}

mirai_status mirai_job_on_cancel(mirai_job *job, mirai_cancel_fn fn, void *user)
{
    MIRAI_TRY(mirai__enter());
    if (job == NULL) return mirai__fail(MIRAI_E_INVALID, "job is NULL");
    mirai__job_watch(job, fn, user);
    return MIRAI_OK;
}

/* ---- reading ---- */

const char *mirai_job_function(const mirai_job *job)
{
    return job == NULL ? NULL : job->function;
}

const mirai_value *mirai_job_args(const mirai_job *job)
{
    return job == NULL ? NULL : job->args;
}

uint64_t mirai_job_task_id(const mirai_job *job)
{
    return job == NULL ? 0 : job->task;
}

int32_t mirai_job_attempt(const mirai_job *job)
{
    if (job == NULL) return 0;
    return job->number > 0 ? job->number : 1;
}

/* ---- the result ---- */

mirai_value *mirai__codec_error(mirai_status status, const char *otherwise)
{
    char detail[1024]; /* a copy, since building a value may set the text */
    (void)snprintf(detail, sizeof detail, "%s", mirai_error_detail());
    return mirai_error(status == MIRAI_E_HOOK ? "hook_error" : otherwise, status, "%s",
                       *detail != '\0' ? detail : mirai_status_text(status));
}

mirai_status mirai__job_result(const mirai_job *job, const mirai_value *value, mirai__frame *out,
                               mirai_status *encoded)
{
    *out = (mirai__frame){.kind = MIRAI__FRAME_RESULT,
                          .aux = mirai_value_is_error(value) ? MIRAI_OUTCOME_FAILED
                                                             : MIRAI_OUTCOME_VALUE,
                          .task = job->task,
                          .attempt = job->attempt,
                          .incarnation = job->incarnation};
    /* No copies for another process: it is written before whoever owns the memory goes on. */
    *encoded = mirai__encode_into(value, job->hooks, job->here ? MIRAI__ENCODE_COPY : MIRAI__ENCODE_MOVE,
                                  job->slabs, NULL, &out->segment);
    if (*encoded == MIRAI_OK) return MIRAI_OK;
    mirai_value *error = mirai__codec_error(*encoded, "encode_error");
    if (error == NULL) return MIRAI_E_NOMEM;
    out->aux = MIRAI_OUTCOME_FAILED;
    mirai_status status = mirai__encode(error, NULL, 0, &out->segment);
    mirai_value_release(error);
    return status;
}
