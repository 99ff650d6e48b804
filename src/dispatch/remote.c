/*
 * remote: talking to a daemon. Everything runs on a thread that makes a turn or submits, with the pool's lock held.
 * What a daemon sends is hostile input: the first frame that breaks the protocol ends it.
 */
#include "remote_private.h"

#include <string.h>
#include <unistd.h>

#include "ahead.h"
#include "clock.h"
#include "events.h"
#include "everywhere.h"
#include "handle.h"
#include "heartbeat.h"
#include "output.h"
#include "partial.h"
#include "settings.h"

enum {
    STRAYS_MAX = 16,
    EMITS_MAX = 64,      /* partial results that may be out (FORMAT.md section 2.5) */
    FRAMES_MAX = 100000, /* read in one go */
    LEAVES_IDLE = 1      /* status with which an idle daemon leaves */
};

mirai__remote *mirai__remote_of(mirai__sched_daemon *daemon)
{
    return mirai__list_entry(daemon, mirai__remote, sched);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void rewatch(mirai_pool *pool, mirai__remote *remote)
{
    short events = mirai__link_events(remote->link);
    if (events == remote->watched) return;
    remote->watched = events;
    mirai__engine_rewatch(pool, mirai__link_fd(remote->link), events, MIRAI__SOURCE_LINK, remote->id);
}

static const char closed[] = "it closed its connection", protocol[] = "it broke the protocol";

void mirai__remote_send(mirai_pool *pool, mirai__remote *remote, const mirai__frame *frame)
{
    bool is_job = frame->kind == MIRAI__FRAME_JOB;
    if (remote->link == NULL) { /* it has ended; its death will settle what it had */
        if (is_job) remote->unbegun = true;
        return;
    }
    if (is_job) remote->job_end = UINT64_MAX; /* should it not even be queued */
    mirai_status status = mirai__link_send(remote->link, frame);
    remote->job_last = is_job;
    if (is_job && status == MIRAI_OK)
        remote->job_end = mirai__link_written(remote->link) + mirai__link_queued(remote->link);
    if (status == MIRAI_OK)
        rewatch(pool, remote);
    else if (status == MIRAI_E_NOMEM)
        mirai__remote_kill(pool, remote, "there was no memory to send it a frame");
    else if (status == MIRAI_E_PROTOCOL)
        mirai__remote_kill(pool, remote, protocol);
    else
        mirai__remote_cut_off(pool, remote, "its connection broke");
}

void mirai__remote_begin(mirai_pool *pool, mirai__remote *remote, mirai_task *task)
{
    remote->task_id = task->id;
    remote->job_since = pool->sched.now; /* of the event that brought it out */
    task->ran_on = remote->id;
    task->ran_pid = (int32_t)remote->process.pid;
    mirai__events_task(pool, MIRAI_EVENT_TASK_RUNNING, task);
}

void mirai__remote_run(mirai_pool *pool, mirai__remote *remote, const mirai__frame *job)
{
    remote->job_since = pool->sched.now;
    mirai__remote_send(pool, remote, job);
    mirai__ahead_handed(pool, remote);
    mirai__heartbeat_busy(pool, remote);
}

void mirai__remote_interrupt(mirai_pool *pool, mirai__remote *remote, uint64_t attempt)
{
    mirai__frame frame = {.kind = MIRAI__FRAME_CANCEL, .attempt = attempt, .incarnation = remote->id};
    mirai__remote_send(pool, remote, &frame);
}

void mirai__remote_ask(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->asked) return;
    if (!remote->ready) {
        mirai__remote_kill(pool, remote, pool->ending ? "the pool was closed" : "it was not needed any more");
        return;
    }
    remote->asked = true;
    mirai__frame frame = {.kind = MIRAI__FRAME_CLOSE, .incarnation = remote->id};
    mirai__remote_send(pool, remote, &frame);
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());
}

void mirai__remote_retire(mirai_pool *pool, mirai__remote *remote)
{
    mirai__remote_ask(pool, remote);
    mirai__remote_cut_off(pool, remote, "it did not leave when it was asked to");
}

/* ---- receiving ------------------------------------------------------------------------------- */

bool mirai__remote_welcome(mirai_pool *pool, mirai__remote *remote, const mirai__hello *hello)
{
    if (hello->flags & MIRAI__HELLO_SELF) {
        uint8_t ours[MIRAI__BUILD_ID_SIZE];
        mirai__program_build_id(ours);
        if (memcmp(ours, hello->build_id, sizeof ours) != 0) {
            mirai__remote_kill(pool, remote, "it runs another build of this program");
            return false;
        }
    }
    mirai__link_limit(remote->link, &mirai__limits_local);
    remote->ready = true;
    remote->sched.borrows = mirai__ahead_is_possible(pool, remote);
    const mirai_daemon_options *options = remote->options;
    const mirai__settings settings = {.idle_ms = options->idle_ms,
                                      .wall_ms = options->wall_ms,
                                      .max_jobs = options->max_jobs,
                                      .cleanup = options->cleanup};
    mirai__frame welcome = {.kind = MIRAI__FRAME_WELCOME, .incarnation = remote->id};
    if (mirai__settings_encode(&settings, &welcome.segment) != MIRAI_OK) {
        mirai__remote_kill(pool, remote, "there was no memory to welcome it");
        return false;
    }
    mirai__remote_send(pool, remote, &welcome);
    mirai__frame_fini(&welcome);
    pool->came++;
    mirai__vigil_judge(pool);
    mirai__sched_daemon_ready(&pool->sched, &remote->sched, mirai__now_ms());
    mirai__events_joined(pool, remote);
    return true;
}

static const char *on_result(mirai_pool *pool, mirai__remote *remote, mirai__frame *frame, int64_t now)
{
    if (frame->segment == NULL) return "it sent a result without a value";
    if (frame->aux != MIRAI_OUTCOME_VALUE && frame->aux != MIRAI_OUTCOME_FAILED)
        return "it sent a result with an unknown outcome";
    mirai__sched_task *task = NULL;
    mirai__sched_setup *setup = NULL;
    mirai__sched_task *had = remote->sched.task;
    if (frame->attempt == remote->sched.attempt)
        mirai__output_drain(pool, remote, had != NULL ? mirai__task_of(had) : NULL);
    if (!mirai__sched_result(&pool->sched, &remote->sched, frame->attempt, frame->aux, now, &task, &setup))
        return ++remote->strays > STRAYS_MAX ? "it sent results for tasks that it did not have" : NULL;
    mirai__heartbeat_idle(remote);
    mirai__events_queued(pool, had); /* to be tried again */
    remote->jobs++;
    remote->task_id = 0;
    remote->untold = 0;
    if (remote->sched.task != NULL) { /* what had been sent ahead */
        if (task != NULL) mirai__task_tell(pool, mirai__task_of(task)); /* it ended before this begins */
        mirai__remote_begin(pool, remote, mirai__task_of(remote->sched.task));
        mirai__heartbeat_busy(pool, remote);
    }
    if (task != NULL) {
        mirai__task_of(task)->result = frame->segment;
        frame->segment = NULL;
    } else if (setup != NULL && frame->aux == MIRAI_OUTCOME_FAILED) {
        mirai__everywhere *everywhere = mirai__everywhere_of(setup);
        if (everywhere->failure == NULL) {
            everywhere->failure = frame->segment;
            frame->segment = NULL;
        }
    }
    return NULL;
}

static void tell_taken(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->untold == 0) return;
    mirai__frame taken = {.kind = MIRAI__FRAME_TAKEN,
                          .aux = remote->untold,
                          .attempt = remote->sched.attempt,
                          .incarnation = remote->id};
    remote->untold = 0;
    mirai__remote_send(pool, remote, &taken);
}

/* PROGRESS or EMIT. Those of a task that has resolved meanwhile are passed over. What was taken in is told once all
 * that is there was read: so a daemon cannot keep us reading. */
static const char *on_said(mirai_pool *pool, mirai__remote *remote, mirai__frame *frame)
{
    if (frame->attempt == 0 || frame->attempt != remote->sched.attempt)
        return ++remote->strays > STRAYS_MAX ? "it sent partial results for tasks that it did not have" : NULL;
    mirai_task *task = remote->sched.task != NULL ? mirai__task_of(remote->sched.task) : NULL;
    if (frame->kind == MIRAI__FRAME_PROGRESS) return mirai__partials_progress(pool, task, frame);
    if (++remote->untold > EMITS_MAX) return "it sent more partial results than it may at a time";
    return mirai__partials_emit(pool, task, frame);
}

/* A job that is out was never begun, unless it says that it leaves that one behind. */
static void on_leave(mirai_pool *pool, mirai__remote *remote, const mirai__frame *frame)
{
    bool begun = frame->attempt != 0 && frame->attempt == remote->sched.attempt;
    const mirai__sched_task *had = remote->sched.task;
    remote->left = true;
    mirai__heartbeat_idle(remote);
    if (!begun)
        mirai__sched_daemon_left(&pool->sched, &remote->sched, frame->aux == LEAVES_IDLE, mirai__now_ms());
    mirai__events_queued(pool, had);
    mirai__remote_ask(pool, remote); /* it waits for this */
    mirai__remote_cut_off(pool, remote, "it said that it leaves, and did not");
}

/* What is wrong with the frame; NULL when it was dealt with. */
static const char *on_frame(mirai_pool *pool, mirai__remote *remote, mirai__frame *frame, int64_t now)
{
    if (!remote->ready) {
        mirai__hello hello;
        if (mirai__hello_read(frame, NULL, &hello) != MIRAI_OK) return "its handshake was wrong";
        (void)mirai__remote_welcome(pool, remote, &hello);
        return NULL;
    }
    if (frame->kind == MIRAI__FRAME_PONG) /* also from one that leaves: it had been asked */
        return mirai__heartbeat_pong(remote, frame->aux) || ++remote->strays <= STRAYS_MAX
                   ? NULL
                   : "it answered pings that were not sent";
    if (remote->left) return "it went on after it had said that it leaves";
    switch (frame->kind) {
    case MIRAI__FRAME_RESULT: return on_result(pool, remote, frame, now);
    case MIRAI__FRAME_PROGRESS:
    case MIRAI__FRAME_EMIT: return on_said(pool, remote, frame);
    case MIRAI__FRAME_LEAVE: on_leave(pool, remote, frame); return NULL;
    default: return "it sent a frame that a daemon may not send";
    }
}

const char *mirai__remote_receive(mirai_pool *pool, mirai__remote *remote)
{
    int64_t now = 0; /* of all that has come by then */
    for (int count = 0; count < FRAMES_MAX; count++) {
        mirai__frame frame;
        mirai_status status = mirai__link_receive(remote->link, &frame);
        if (status == MIRAI_E_AGAIN) return NULL;
        if (status == MIRAI_E_CLOSED || status == MIRAI_E_CONNRESET) return closed;
        if (status == MIRAI_E_NOMEM) return "there was no memory for its result";
        if (status == MIRAI_E_LIMIT) return "it sent more than is allowed";
        if (status != MIRAI_OK) return protocol;
        if (count == 0) now = mirai__now_ms();
        const char *fault = on_frame(pool, remote, &frame, now);
        mirai__frame_fini(&frame);
        if (fault != NULL) return fault;
    }
    return "it sent frames without end";
}

void mirai__remote_on_link(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->link == NULL) return;
    uint64_t jobs = remote->jobs;
    const char *fault = mirai__remote_receive(pool, remote);
    mirai__ahead_learn(pool, remote, remote->jobs - jobs);
    if (fault == NULL) {
        tell_taken(pool, remote);
        mirai_status status = mirai__link_flush(remote->link);
        if (status == MIRAI_OK || status == MIRAI_E_AGAIN) {
            rewatch(pool, remote);
            return;
        }
        fault = status == MIRAI_E_PROTOCOL ? protocol : closed;
    }
    mirai__remote_unlink(pool, remote);
    if (remote->process.reaped)
        mirai__remote_bury(pool, remote);
    else if (fault == closed)
        mirai__remote_cut_off(pool, remote, fault);
    else
        mirai__remote_kill(pool, remote, fault);
}

void mirai__remote_on_output(mirai_pool *pool, mirai__remote *remote, int32_t stream)
{
    int *fd = stream == 1 ? &remote->process.stdout_fd : &remote->process.output_fd;
    if (*fd < 0) return;
    if (pool->capturing != NULL ? mirai__output_read(pool, remote, stream) : mirai__tail_read(&remote->tail, *fd))
        return;
    mirai__engine_unwatch(pool, *fd);
    (void)close(*fd);
    *fd = -1;
}
