/*
 * report: PROGRESS and EMIT frames. The main thread says things; progress that it said too soon after
 * the last is sent later, by the control thread, by the next call, or before the result. One thread at
 * a time sends progress, so that nothing of it can come after the result.
 */
#include "report.h"

#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "daemon_private.h"
#include "detail.h"
#include "message.h"
#include "progress.h"
#include "utf8.h"

enum { APART_MS = 50, WINDOW_BYTES = 16 * 1024 * 1024 };

static mirai_status check_job(const mirai_job *job)
{
    if (job == NULL) return mirai__fail(MIRAI_E_INVALID, "job is NULL");
    if (job->daemon == NULL && job->tell == NULL)
        return mirai__fail(MIRAI_E_STATE, "the job runs in no daemon");
    return MIRAI_OK;
}

/* ---- progress ---- */

static mirai__frame frame_of(const mirai_job *job, uint8_t kind)
{
    return (mirai__frame){.kind = kind,
                          .task = job->task,
                          .attempt = job->attempt,
                          .incarnation = job->incarnation};
}

/* Lock held, and dropped while sending. `telling` keeps the job from ending meanwhile. */
static mirai_status tell(mirai_daemon *daemon, mirai_job *job)
{
    mirai__report *report = &job->report;
    mirai__frame frame = frame_of(job, MIRAI__FRAME_PROGRESS);
    double fraction = report->fraction;
    char *text = report->text;
    report->text = NULL;
    report->due = false;
    report->telling = true;
    report->told_at = mirai__now_ms();
    (void)pthread_mutex_unlock(&daemon->lock);
    mirai_status status = mirai__progress_write(fraction, text, &frame.segment);
    if (status == MIRAI_OK) status = mirai__control_send(daemon, &frame);
    mirai__frame_fini(&frame);
    mirai__free(text);
    (void)pthread_mutex_lock(&daemon->lock);
    report->telling = false;
    (void)pthread_cond_broadcast(&daemon->changed);
    return status;
}

static bool is_time(const mirai__report *report)
{
    bool early = report->told_at != 0 && mirai__now_ms() - report->told_at < APART_MS;
    return report->due && !report->telling && !early;
}

/* Takes text. */
static mirai_status tell_here(mirai_job *job, double fraction, char *text)
{
    mirai__frame frame = frame_of(job, MIRAI__FRAME_PROGRESS);
    mirai_status status = mirai__progress_write(fraction, text, &frame.segment);
    if (status == MIRAI_OK) status = job->tell(job->host, &frame);
    mirai__frame_fini(&frame);
    mirai__free(text);
    return status;
}

mirai_status mirai_job_progress(mirai_job *job, double fraction, const char *text)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_job(job));
    if (!(fraction >= 0 && fraction <= 1))
        return mirai__fail(MIRAI_E_RANGE, "a fraction of %g; it goes from 0 to 1", fraction);
    if (text != NULL && !mirai__utf8_valid(text, strlen(text)))
        return mirai__fail(MIRAI_E_INVALID, "the text is no UTF-8");
    char *copy = NULL;
    if (text != NULL) {
        size_t size = strlen(text);
        if (size > MIRAI__PROGRESS_TEXT_MOST) size = mirai__utf8_cut(text, MIRAI__PROGRESS_TEXT_MOST);
        copy = mirai__strndup(text, size);
        if (copy == NULL) return MIRAI_E_NOMEM;
    }
    if (job->tell != NULL) return tell_here(job, fraction, copy);
    mirai_daemon *daemon = job->daemon;
    (void)pthread_mutex_lock(&daemon->lock);
    char *old = job->report.text;
    job->report.fraction = fraction;
    job->report.text = copy;
    job->report.due = true;
    mirai_status status = is_time(&job->report) ? tell(daemon, job) : MIRAI_OK;
    (void)pthread_mutex_unlock(&daemon->lock);
    mirai__free(old);
    return status;
}

void mirai__report_look(mirai_daemon *daemon)
{
    (void)pthread_mutex_lock(&daemon->lock);
    if (daemon->present != NULL && is_time(&daemon->present->report))
        (void)tell(daemon, daemon->present);
    (void)pthread_mutex_unlock(&daemon->lock);
}

void mirai__report_end(mirai_job *job)
{
    mirai_daemon *daemon = job->daemon;
    (void)pthread_mutex_lock(&daemon->lock);
    while (job->report.telling) (void)pthread_cond_wait(&daemon->changed, &daemon->lock);
    if (job->report.due) (void)tell(daemon, job);
    (void)pthread_mutex_unlock(&daemon->lock);
}

/* ---- partial results ---- */

mirai_status mirai__report_taken(mirai__report *report, int32_t count)
{
    if (count <= 0 || (uint32_t)count > report->count)
        return mirai__fail(MIRAI_E_PROTOCOL, "the host has taken %d of %u partial results", (int)count,
                           (unsigned)report->count);
    for (; count > 0; count--) {
        report->bytes -= report->sizes[report->first];
        report->first = (report->first + 1) % MIRAI__REPORT_WINDOW;
        report->count--;
    }
    return MIRAI_OK;
}

static bool is_full(const mirai__report *report, uint64_t size)
{
    if (report->count == 0) return false;
    return report->count == MIRAI__REPORT_WINDOW || report->bytes >= WINDOW_BYTES ||
           size > WINDOW_BYTES - report->bytes;
}

/* Wait for room in the window, and take it. The host answers as long as it lives; when it does not,
 * the control thread ends this process. */
static mirai_status take_room(mirai_job *job, uint64_t size)
{
    mirai_daemon *daemon = job->daemon;
    mirai__report *report = &job->report;
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&daemon->lock);
    while (is_full(report, size) && !mirai_job_cancelled(job) && daemon->status == MIRAI_OK)
        (void)pthread_cond_wait(&daemon->changed, &daemon->lock);
    if (daemon->status != MIRAI_OK) {
        status = mirai__fail(MIRAI_E_CONNRESET, "the daemon has to end: %s", daemon->detail);
    } else if (mirai_job_cancelled(job)) {
        status = mirai__fail(MIRAI_E_CLOSED, "the job was cancelled: nobody takes its partial results");
    } else {
        report->sizes[(report->first + report->count) % MIRAI__REPORT_WINDOW] = size;
        report->count++;
        report->bytes += size;
    }
    (void)pthread_mutex_unlock(&daemon->lock);
    return status;
}

/* What could not be sent will not be taken. */
static void give_room_back(mirai_job *job)
{
    mirai__report *report = &job->report;
    (void)pthread_mutex_lock(&job->daemon->lock);
    report->count--;
    report->bytes -= report->sizes[(report->first + report->count) % MIRAI__REPORT_WINDOW];
    (void)pthread_mutex_unlock(&job->daemon->lock);
}

static mirai_status emit(mirai_job *job, const mirai_value *value)
{
    mirai__frame frame = frame_of(job, MIRAI__FRAME_EMIT);
    MIRAI_TRY(mirai__encode_into(value, job->hooks, job->here ? MIRAI__ENCODE_COPY : MIRAI__ENCODE_MOVE, job->slabs,
                                NULL, &frame.segment));
    mirai_status status = job->tell != NULL ? job->tell(job->host, &frame)
                                            : take_room(job, mirai__segment_size(frame.segment));
    if (status == MIRAI_OK && job->tell == NULL) {
        status = mirai__control_send(job->daemon, &frame);
        if (status != MIRAI_OK) give_room_back(job);
    }
    mirai__frame_fini(&frame);
    return status;
}

mirai_status mirai_job_emit(mirai_job *job, mirai_value *value)
{
    if (value == NULL && !mirai__forked()) { /* a builder's detail says why */
        const char *why = mirai_error_detail();
        char *copy = mirai__strdup(*why != '\0' ? why : "it was not built");
        mirai_status status =
            mirai__fail(MIRAI_E_INVALID, "the value is NULL: %s", copy != NULL ? copy : "no memory");
        mirai__free(copy);
        return status;
    }
    mirai_status status = mirai__enter();
    if (status == MIRAI_OK) status = check_job(job);
    if (status == MIRAI_OK) status = emit(job, value);
    mirai_value_release(value);
    return status;
}
