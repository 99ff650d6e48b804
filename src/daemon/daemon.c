/*
 * daemon: the main thread's side: greeting the host, taking jobs, running them, and sending what came of
 * them. How it waits for one: idle.c.
 */
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "daemon_private.h"
#include "departure.h"
#include "detail.h"
#include "functions.h"
#include "here.h"
#include "lock.h"
#include "message.h"
#include "spawn.h"

enum { GREETING_MS = 60000, TIMED = 16, PACE_MOST_NS = 1000000 };

/* ---- coming and going ---- */

static mirai_status attach(mirai_daemon *daemon)
{
    mirai__channel *channel = NULL;
    if (daemon->session.socket >= 0) {
        int fd = daemon->session.socket;
        daemon->session.socket = -1;
        MIRAI_TRY(mirai__channel_inherited(fd, &channel));
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
    (void)pthread_mutex_init(&daemon->receiving, NULL);
    (void)pthread_mutex_init(&daemon->sending, NULL);
    mirai__shares_init(&daemon->shares);
    mirai__list_init(&daemon->ahead);
    daemon->session = session;
    daemon->started = daemon->idle_since = mirai__now_ms();
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
    daemon->idle_since = mirai__now_ms();
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
    bool unasked = daemon->welcomed && !daemon->closing && daemon->exit_code == 0 &&
                   daemon->status == MIRAI_OK;
    const mirai__frame leave = {.kind = MIRAI__FRAME_LEAVE, /* a job that was not begun is the host's */
                                .attempt = daemon->taken ? daemon->present->attempt : 0};
    (void)pthread_mutex_unlock(&daemon->lock);
    if (unasked) (void)mirai__control_send(daemon, &leave);
    mirai__control_stop(daemon);
    mirai__list waiting;
    mirai__list_init(&waiting);
    mirai__control_drop(daemon, &waiting);
    mirai__job_free_all(&waiting);
    mirai__job_free(daemon->present);
    mirai__segment_release(daemon->environ);
    mirai__states_fini(&daemon->states);
    mirai__shares_fini(&daemon->shares);
    mirai__free(daemon->session.url);
    (void)pthread_cond_destroy(&daemon->changed);
    (void)pthread_mutex_destroy(&daemon->lock);
    (void)pthread_mutex_destroy(&daemon->receiving);
    (void)pthread_mutex_destroy(&daemon->sending);
    mirai__free(daemon);
}

/* ---- jobs ---- */

/* Lock held, and dropped where there is something to pass over: make the present job the first that is still ours. False:
 * there is none. */
static bool claim(mirai_daemon *daemon)
{
    mirai_job *job;
    while ((job = daemon->present) != NULL && !mirai__claims_take(daemon->claims, job->slot, job->attempt)) {
        mirai__control_next(daemon);
        (void)pthread_mutex_unlock(&daemon->lock);
        mirai__job_free(job);
        (void)pthread_mutex_lock(&daemon->lock);
    }
    return job != NULL;
}

/* Lock held: the next job that no one has taken; E_AGAIN when there is none. */
static mirai_status take_now(mirai_daemon *daemon, int64_t now, mirai_job **out)
{
    if (daemon->status != MIRAI_OK) return fail_as_told(daemon);
    if (daemon->taken) return mirai__fail(MIRAI_E_STATE, "the job before was not replied to");
    if (mirai__departure_over(daemon, now))
        return mirai__fail(MIRAI_E_CLOSED, "this daemon leaves: it was idle, old or done");
    if (claim(daemon)) {
        daemon->taken = true;
        *out = daemon->present;
        return MIRAI_OK;
    }
    if (daemon->closing) return mirai__fail(MIRAI_E_CLOSED, "the host has closed this daemon");
    return MIRAI_E_AGAIN;
}

/* Lock held, and dropped where shared values have to go: hooks run then. */
static void sweep(mirai_daemon *daemon)
{
    if (!atomic_load(&daemon->shares.is_doomed)) return;
    (void)pthread_mutex_unlock(&daemon->lock);
    mirai__shares_sweep(&daemon->shares);
    mirai__control_settle(daemon);
    (void)pthread_mutex_lock(&daemon->lock);
}

/* The next job. None in a child that the job before has forked: there, locks may be held by nobody. */
static mirai_status take(mirai_daemon *daemon, int64_t deadline, mirai_job **out)
{
    MIRAI_TRY(mirai__enter());
    mirai_status status;
    bool looked = !mirai__link_dozes(daemon->link); /* for what has come, also where there is no time to wait */
    (void)pthread_mutex_lock(&daemon->lock);
    for (;;) {
        sweep(daemon);
        int64_t now = deadline != MIRAI__NEVER || mirai__departure_is_timed(daemon) ? mirai__now_ms() : 0, until;
        mirai__departure_look(daemon, now, &until);
        bool had = daemon->present != NULL;
        status = take_now(daemon, now, out);
        if (status != MIRAI_E_AGAIN) break;
        if (had) continue; /* it was passed over: only now there is nothing to do */
        if (deadline <= now && looked) {
            status = mirai__fail(MIRAI_E_TIMEDOUT, "no job within the time given");
            break;
        }
        mirai__idle_wait(daemon, deadline < until ? deadline : until);
        looked = true;
    }
    (void)pthread_mutex_unlock(&daemon->lock);
    return status;
}

/* Set what the host wants to be set for this job, and remember what is to be put back after it. What a
 * setup has done stays. */
static mirai_status prepare(mirai_daemon *daemon, mirai_job *job)
{
    int32_t cleanup = job->number > 0 ? daemon->settings.cleanup : 0;
    MIRAI_TRY(mirai__surroundings_keep(&job->surroundings, cleanup));
    if (job->environ == NULL) return MIRAI_OK;
    mirai_value *variables = NULL;
    MIRAI_TRY(mirai__decode(job->environ, NULL, &mirai__limits_local, &variables));
    mirai_status status = mirai__surroundings_set(&job->surroundings, variables);
    mirai_value_release(variables);
    return status;
}

static void put_back(mirai_daemon *daemon, mirai_job *job)
{
    mirai__surroundings_restore(&job->surroundings);
    if (job->number > 0 && (daemon->settings.cleanup & MIRAI_CLEANUP_STATE))
        mirai__states_clean(&daemon->states);
}

/* One job in TIMED tells how long they take, so that the clock is hardly ever read. A short one counts for more: what made
 * one long may have been that others had the processor. */
static void tell_pace(mirai_daemon *daemon, int64_t took_ns)
{
    int64_t pace = atomic_load_explicit(&daemon->claims->pace_ns, memory_order_relaxed);
    if (took_ns > PACE_MOST_NS) took_ns = PACE_MOST_NS;
    pace = pace == 0 ? took_ns : pace + (took_ns - pace) / (took_ns < pace ? 2 : 8);
    atomic_store_explicit(&daemon->claims->pace_ns, pace > 0 ? (uint32_t)pace : 1, memory_order_relaxed);
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
    mirai__report_end(job);
    mirai__frame frame = {.kind = MIRAI__FRAME_RESULT};
    mirai_status encoded = MIRAI_OK;
    mirai_status status = result == NULL
                              ? mirai__fail(MIRAI_E_NOMEM, "out of memory for a job's result")
                              : mirai__job_result(job, result, &frame, &encoded);
    mirai__job_let_go(job);
    if (__fpending(stdout) > 0) (void)fflush(stdout); /* what the task has written is told before its result */
    if (__fpending(stderr) > 0) (void)fflush(stderr);
    (void)pthread_mutex_lock(&daemon->lock);
    mirai__control_next(daemon);
    (void)pthread_mutex_unlock(&daemon->lock);
    if (status == MIRAI_OK) status = mirai__control_send(daemon, &frame);
    if (status != MIRAI_OK) (void)mirai__control_fault(daemon, status);
    mirai__frame_fini(&frame);
    mirai_value_release(result);
    put_back(daemon, job);
    mirai__departure_count(daemon, job->number > 0);
    if (job->began_ns != 0) tell_pace(daemon, mirai__now_ns() - job->began_ns);
    mirai__job_free(job);
    mirai__control_settle(daemon);
    return status == MIRAI_OK ? encoded : status;
}

/* Run a job to its end; or, when it calls a function that is not registered and `pull`, leave it to
 * the caller. What goes wrong for good is found by the next take(). */
static bool serve(mirai_daemon *daemon, mirai_job *job, bool pull)
{
    mirai_value *result;
    if (daemon->claims != NULL && ++daemon->served % TIMED == 0) job->began_ns = mirai__now_ns();
    mirai_status status = mirai_job_cancelled(job) ? MIRAI_OK : prepare(daemon, job);
    if (!mirai__job_run(job, status, pull, &result)) return false;
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

/* ---- what jobs keep ---- */

static mirai_status check_state(const mirai_job *job, const char *key)
{
    MIRAI_TRY(mirai__enter());
    if (job == NULL) return mirai__fail(MIRAI_E_INVALID, "job is NULL");
    if (job->daemon == NULL && job->store == NULL)
        return mirai__fail(MIRAI_E_STATE, "the job runs in no daemon");
    size_t size = key != NULL ? strnlen(key, 256) : 0;
    if (size == 0 || size > 255) return mirai__fail(MIRAI_E_INVALID, "a key has 1 to 255 bytes");
    return MIRAI_OK;
}

void *mirai_job_state(mirai_job *job, const char *key)
{
    if (check_state(job, key) != MIRAI_OK) return NULL;
    if (job->store != NULL) return mirai__store_get(job->store, key);
    return mirai__states_get(&job->daemon->states, key);
}

mirai_status mirai_job_set_state(mirai_job *job, const char *key, void *state,
                                 mirai_state_free_fn release)
{
    mirai_status status = check_state(job, key);
    if (status == MIRAI_OK && job->store != NULL)
        return mirai__store_set(job->store, key, state, release, job->number <= 0);
    if (status == MIRAI_OK)
        return mirai__states_set(&job->daemon->states, key, state, release, job->number <= 0);
    if (state != NULL && release != NULL) release(state);
    return status;
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
