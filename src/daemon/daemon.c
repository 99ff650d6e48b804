/*
 * daemon: the main thread's side: greeting the host, taking jobs from the control thread, running
 * them, and sending what came of them. While there is no job, it sleeps on a condition variable.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "daemon_private.h"
#include "detail.h"
#include "functions.h"
#include "lock.h"
#include "spawn.h"

enum { GREETING_MS = 60000 };

/* ---- coming and going ---- */

static mirai_status attach(mirai_daemon *daemon)
{
    mirai__channel *channel = NULL;
    if (daemon->session.socket >= 0) {
        int fd = daemon->session.socket;
        daemon->session.socket = -1;
        MIRAI_TRY(mirai__channel_socket(fd, &channel));
    } else {
        MIRAI_TRY(mirai__dial(daemon->session.url, mirai__deadline(GREETING_MS), &channel));
    }
    return mirai__control_start(daemon, channel);
}

mirai_status mirai__daemon_new(mirai_daemon **out)
{
    *out = NULL;
    mirai__session session;
    MIRAI_TRY(mirai__session_take(&session));
    mirai_daemon *daemon = mirai__alloc_zero(1, sizeof *daemon);
    if (daemon == NULL || mirai__cond_init(&daemon->changed) != MIRAI_OK) {
        mirai__free(daemon);
        mirai__free(session.url);
        if (session.socket >= 0) (void)close(session.socket);
        return MIRAI_E_NOMEM;
    }
    (void)pthread_mutex_init(&daemon->lock, NULL);
    (void)pthread_mutex_init(&daemon->sending, NULL);
    daemon->session = session;
    mirai_status status = session.socket >= 0 ? attach(daemon) : MIRAI_OK;
    if (status == MIRAI_OK)
        *out = daemon;
    else
        mirai_daemon_close(daemon);
    return status;
}

static mirai_status send_hello(mirai_daemon *daemon)
{
    mirai__hello hello = {.wire_version = MIRAI__WIRE_VERSION,
                          .library_version = (uint32_t)mirai_version(),
                          .pid = (uint64_t)getpid(),
                          .launch = daemon->session.launch,
                          .flags = daemon->session.is_self ? MIRAI__HELLO_SELF : 0};
    memcpy(hello.token, daemon->session.token, sizeof hello.token);
    mirai__program_build_id(hello.build_id);
    (void)gethostname(hello.host, sizeof hello.host - 1);
    mirai__frame frame;
    MIRAI_TRY(mirai__hello_frame(&hello, &frame));
    mirai_status status = mirai__control_send(daemon, &frame);
    mirai__frame_fini(&frame);
    return status;
}

/* Under the lock. */
static mirai_status fail_as_told(const mirai_daemon *daemon)
{
    return mirai__fail(daemon->status, "%s", daemon->detail);
}

mirai_status mirai__daemon_greet(mirai_daemon *daemon)
{
    MIRAI_TRY(mirai__enter());
    if (daemon->link == NULL) MIRAI_TRY(attach(daemon));
    MIRAI_TRY(send_hello(daemon));
    int64_t deadline = mirai__deadline(GREETING_MS);
    (void)pthread_mutex_lock(&daemon->lock);
    bool in_time = true;
    while (!daemon->welcomed && !daemon->closing && daemon->status == MIRAI_OK && in_time)
        in_time = mirai__cond_wait_until(&daemon->changed, &daemon->lock, deadline);
    mirai_status status = MIRAI_OK;
    if (daemon->status != MIRAI_OK)
        status = fail_as_told(daemon);
    else if (!daemon->welcomed && daemon->closing)
        status =
            mirai__fail(MIRAI_E_CONNRESET, "the host closed this daemon instead of welcoming it");
    else if (!daemon->welcomed)
        status =
            mirai__fail(MIRAI_E_CONNRESET, "the host did not answer within %d ms", GREETING_MS);
    (void)pthread_mutex_unlock(&daemon->lock);
    if (status == MIRAI_OK) mirai__session_enter();
    return status;
}

mirai_status mirai_daemon_open(mirai_daemon **out)
{
    MIRAI_TRY(mirai__enter());
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    *out = NULL;
    mirai_daemon *daemon;
    MIRAI_TRY(mirai__builtins_register());
    MIRAI_TRY(mirai__daemon_new(&daemon));
    mirai_status status = mirai__daemon_greet(daemon);
    if (status == MIRAI_OK) {
        *out = daemon;
        return MIRAI_OK;
    }
    char detail[sizeof daemon->detail];
    (void)snprintf(detail, sizeof detail, "%s", mirai_error_detail());
    mirai_daemon_close(daemon);
    return mirai__fail(status, "%s", detail);
}

void mirai__daemon_leave(mirai_daemon *daemon)
{
    (void)pthread_mutex_lock(&daemon->lock);
    daemon->leaving = true;
    (void)pthread_mutex_unlock(&daemon->lock);
}

void mirai_daemon_close(mirai_daemon *daemon)
{
    if (daemon == NULL || mirai__forked()) return;
    mirai__daemon_leave(daemon);
    (void)pthread_mutex_lock(&daemon->lock);
    bool unasked = daemon->welcomed && !daemon->closing && daemon->status == MIRAI_OK;
    (void)pthread_mutex_unlock(&daemon->lock);
    const mirai__frame leave = {.kind = MIRAI__FRAME_LEAVE};
    if (unasked) (void)mirai__control_send(daemon, &leave);
    mirai__control_stop(daemon);
    mirai__job_free(daemon->present);
    mirai__free(daemon->session.url);
    (void)pthread_cond_destroy(&daemon->changed);
    (void)pthread_mutex_destroy(&daemon->lock);
    (void)pthread_mutex_destroy(&daemon->sending);
    mirai__free(daemon);
}

/* ---- jobs ---- */

/* The next job that no one has taken. None in a child that the job before has forked: there, locks
 * may be held by nobody. */
static mirai_status take(mirai_daemon *daemon, int64_t deadline, mirai_job **out)
{
    MIRAI_TRY(mirai__enter());
    mirai_status status = MIRAI_E_AGAIN;
    bool in_time = true;
    (void)pthread_mutex_lock(&daemon->lock);
    while (status == MIRAI_E_AGAIN) {
        if (daemon->status != MIRAI_OK) {
            status = fail_as_told(daemon);
        } else if (daemon->present != NULL && daemon->taken) {
            status = mirai__fail(MIRAI_E_STATE, "the job before was not replied to");
        } else if (daemon->present != NULL) {
            daemon->taken = true;
            *out = daemon->present;
            status = MIRAI_OK;
        } else if (daemon->closing) {
            status = mirai__fail(MIRAI_E_CLOSED, "the host has closed this daemon");
        } else if (!in_time) {
            status = mirai__fail(MIRAI_E_TIMEDOUT, "no job within the time given");
        } else {
            in_time = mirai__cond_wait_until(&daemon->changed, &daemon->lock, deadline);
        }
    }
    (void)pthread_mutex_unlock(&daemon->lock);
    return status;
}

/* End a job: takes job and result (NULL: there was no memory for one). The job is no longer present
 * when its result is sent, since the host may send the next one at once. In a child that the job
 * has forked nothing is sent: the connection is its parent's. */
static mirai_status finish(mirai_daemon *daemon, mirai_job *job, mirai_value *result)
{
    if (mirai__forked()) {
        mirai_value_release(result);
        mirai__job_free(job);
        return mirai__enter();
    }
    mirai__job_watch(job, NULL, NULL);
    mirai__frame frame = {.kind = MIRAI__FRAME_RESULT};
    mirai_status encoded = MIRAI_OK;
    mirai_status status = result == NULL
                              ? mirai__fail(MIRAI_E_NOMEM, "out of memory for a job's result")
                              : mirai__job_result(job, result, &frame, &encoded);
    (void)pthread_mutex_lock(&daemon->lock);
    daemon->present = NULL;
    daemon->taken = false;
    (void)pthread_mutex_unlock(&daemon->lock);
    if (status == MIRAI_OK) status = mirai__control_send(daemon, &frame);
    if (status != MIRAI_OK) mirai__control_fault(daemon, status);
    mirai__frame_fini(&frame);
    mirai_value_release(result);
    mirai__job_free(job);
    return status == MIRAI_OK ? encoded : status;
}

static mirai_value *unknown_function(void)
{
    char detail[1024]; /* a copy, since building a value may set the text */
    (void)snprintf(detail, sizeof detail, "%s", mirai_error_detail());
    return mirai_error("unknown_function", MIRAI_E_FUNCTION, "%s", detail);
}

/* Run a job to its end; or, when it calls a function that is not registered and `pull`, leave it to
 * the caller. What goes wrong for good is found by the next take(). */
static bool serve(mirai_daemon *daemon, mirai_job *job, bool pull)
{
    mirai__function function;
    mirai_value *result;
    mirai_status status;
    if (mirai_job_cancelled(job))
        result = mirai_error("cancelled", MIRAI_OUTCOME_CANCELLED, "cancelled before it began");
    else if ((status = mirai__job_decode(job)) != MIRAI_OK)
        result = mirai__codec_error(status, "decode_error");
    else if (mirai__function_find(job->function, &function) == MIRAI_OK)
        result = mirai__function_call(&function, job->function, job, job->args);
    else if (pull)
        return false;
    else
        result = unknown_function();
    (void)finish(daemon, job, result);
    return true;
}

mirai_status mirai_daemon_next(mirai_daemon *daemon, mirai_job **out, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    if (daemon == NULL || out == NULL)
        return mirai__fail(MIRAI_E_INVALID, "%s is NULL", daemon == NULL ? "daemon" : "out");
    if (timeout_ms < MIRAI_FOREVER) return mirai__fail(MIRAI_E_INVALID, "timeout_ms is below -1");
    *out = NULL;
    int64_t deadline = mirai__deadline(timeout_ms);
    mirai_job *job;
    do {
        MIRAI_TRY(take(daemon, deadline, &job));
    } while (serve(daemon, job, true));
    job->pulled = true;
    *out = job;
    return MIRAI_OK;
}

mirai_status mirai_daemon_run(mirai_daemon *daemon)
{
    MIRAI_TRY(mirai__enter());
    if (daemon == NULL) return mirai__fail(MIRAI_E_INVALID, "daemon is NULL");
    mirai_job *job;
    mirai_status status;
    while ((status = take(daemon, MIRAI__NEVER, &job)) == MIRAI_OK) (void)serve(daemon, job, false);
    return status == MIRAI_E_CLOSED ? MIRAI_OK : status;
}

mirai_status mirai_job_reply(mirai_job *job, mirai_value *result)
{
    if (job != NULL && job->pulled && result == NULL) { /* before the text is cleared */
        result = mirai__codec_error(MIRAI_E_USER, NULL);
    }
    mirai_status status = mirai__enter();
    if (status == MIRAI_OK && (job == NULL || !job->pulled))
        status = mirai__fail(MIRAI_E_INVALID,
                             job == NULL ? "job is NULL" : "job is not one to be replied to");
    if (status != MIRAI_OK) {
        mirai_value_release(result);
        return status;
    }
    return finish(job->daemon, job, result);
}
