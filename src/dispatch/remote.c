/*
 * remote: starting a daemon, talking to it, and seeing it die. Everything runs on a thread that makes a turn or
 * submits, with the pool's lock held; only the start itself drops it. What a daemon sends is hostile input: the
 * first frame that breaks the protocol ends it.
 */
#include "remote.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "everywhere.h"
#include "handle.h"
#include "random.h"

enum { STRAYS_MAX = 16, LINGER_MS = 1000, CUT_OFF_MS = 250, LEAVE_MS = 5000 };

static _Atomic uint64_t last_remote_id;

mirai__remote *mirai__remote_of(mirai__sched_daemon *daemon)
{
    return mirai__list_entry(daemon, mirai__remote, sched);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void free_remote(mirai__remote *remote)
{
    mirai__link_free(remote->link);
    mirai__process_close(&remote->process);
    mirai__tail_fini(&remote->tail);
    mirai__free(remote);
}

/* Lock not held. */
static mirai_status start(const mirai_pool *pool, mirai__remote *remote)
{
    mirai__spawn spawn = pool->spawn; /* the template is constant */
    spawn.launch = remote->id;
    spawn.token = remote->token;
    mirai__channel *channel = NULL;
    if (spawn.url != NULL) {
        MIRAI_TRY(mirai__random_bytes(remote->token, sizeof remote->token));
    } else {
        MIRAI_TRY(mirai__channel_pair(&channel, &spawn.socket));
        remote->link = mirai__link_new(channel, &mirai__limits_stranger);
        if (remote->link == NULL) {
            (void)close(spawn.socket);
            return MIRAI_E_NOMEM;
        }
    }
    mirai_status status = mirai__spawn_process(&spawn, &remote->process);
    if (spawn.socket >= 0) (void)close(spawn.socket);
    return status;
}

/* Lock held. Whatever of this fails, the process is killed by the caller. */
static mirai_status enrol(mirai_pool *pool, mirai__remote *remote)
{
    mirai__list_init(&remote->lingering);
    remote->watched = POLLIN;
    remote->started = mirai__now_ms();
    MIRAI_TRY(mirai__map_put(&pool->remotes, remote->id, remote));
    mirai_status status =
        mirai__engine_watch(pool, remote->process.pidfd, POLLIN, MIRAI__SOURCE_PROCESS, remote->id);
    if (status == MIRAI_OK && remote->link != NULL)
        status = mirai__engine_watch(pool, mirai__link_fd(remote->link), POLLIN, MIRAI__SOURCE_LINK,
                                     remote->id);
    if (status == MIRAI_OK && remote->process.output_fd >= 0)
        status = mirai__engine_watch(pool, remote->process.output_fd, POLLIN, MIRAI__SOURCE_OUTPUT,
                                     remote->id);
    if (status == MIRAI_OK)
        status = mirai__sched_daemon_added(&pool->sched, &remote->sched, remote->started);
    if (status == MIRAI_OK) return MIRAI_OK;
    (void)mirai__map_remove(&pool->remotes, remote->id);
    mirai__engine_unwatch(pool, remote->process.pidfd); /* those not watched yet do not mind */
    if (remote->link != NULL) mirai__engine_unwatch(pool, mirai__link_fd(remote->link));
    if (remote->process.output_fd >= 0) mirai__engine_unwatch(pool, remote->process.output_fd);
    return status;
}

/* A process that could not be enrolled. It was started a moment ago, so this does not wait long. */
static void abandon(mirai__remote *remote)
{
    mirai__process_kill(&remote->process, SIGKILL);
    struct pollfd dead = {.fd = remote->process.pidfd, .events = POLLIN};
    while (poll(&dead, 1, -1) < 0 && errno == EINTR) continue;
    mirai__death death;
    (void)mirai__process_reap(&remote->process, &death);
}

static void note_failed_start(mirai_pool *pool, mirai_status status, const char *detail)
{
    pool->start_status = status;
    mirai__free(pool->start_detail);
    pool->start_detail = mirai__strdup(detail);
}

void mirai__remote_spawn(mirai_pool *pool)
{
    pool->spawns_owed--;
    pool->spawning++;
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__remote *remote = mirai__alloc_zero(1, sizeof *remote);
    mirai_status status = remote == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
    if (remote != NULL) {
        remote->id = atomic_fetch_add(&last_remote_id, 1) + 1;
        remote->process = (mirai__process){.pid = -1, .pidfd = -1, .output_fd = -1};
        status = start(pool, remote);
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->spawning--;
    if (status == MIRAI_OK) {
        status = enrol(pool, remote);
        if (status == MIRAI_OK) {
            if (pool->ending) mirai__remote_kill(pool, remote, "the pool was closed");
            return;
        }
        abandon(remote);
    }
    note_failed_start(pool, status, mirai_error_detail());
    if (remote != NULL) free_remote(remote);
    mirai__sched_spawn_failed(&pool->sched, mirai__now_ms());
}

/* ---- sending --------------------------------------------------------------------------------- */

static void rewatch(mirai_pool *pool, mirai__remote *remote)
{
    short events = mirai__link_events(remote->link);
    if (events == remote->watched) return;
    remote->watched = events;
    mirai__engine_rewatch(pool, mirai__link_fd(remote->link), events, MIRAI__SOURCE_LINK, remote->id);
}

/* Its connection has ended or broken. Most likely it is dying, and its death will say of what: it gets a moment. */
static void cut_off(mirai_pool *pool, mirai__remote *remote, const char *fault)
{
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());
    if (remote->killed || !mirai__list_is_empty(&remote->lingering)) return;
    remote->cut = fault;
    remote->linger_until = mirai__deadline(remote->asked ? LEAVE_MS : CUT_OFF_MS);
    mirai__list_append(&pool->lingering, &remote->lingering);
}

static void send(mirai_pool *pool, mirai__remote *remote, const mirai__frame *frame)
{
    if (remote->link == NULL) return; /* it has ended; its death will settle what it had */
    mirai_status status = mirai__link_send(remote->link, frame);
    if (status == MIRAI_OK)
        rewatch(pool, remote);
    else if (status == MIRAI_E_NOMEM)
        mirai__remote_kill(pool, remote, "there was no memory to send it a frame");
    else
        cut_off(pool, remote, "its connection broke");
}

void mirai__remote_run(mirai_pool *pool, mirai__remote *remote, const mirai__frame *job)
{
    send(pool, remote, job);
}

void mirai__remote_interrupt(mirai_pool *pool, mirai__remote *remote, uint64_t attempt)
{
    mirai__frame frame = {.kind = MIRAI__FRAME_CANCEL, .attempt = attempt, .incarnation = remote->id};
    send(pool, remote, &frame);
}

void mirai__remote_ask(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->asked) return;
    if (!remote->ready) {
        mirai__remote_kill(pool, remote, "the pool was closed");
        return;
    }
    remote->asked = true;
    mirai__frame frame = {.kind = MIRAI__FRAME_CLOSE, .incarnation = remote->id};
    send(pool, remote, &frame);
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());
}

void mirai__remote_kill(mirai_pool *pool, mirai__remote *remote, const char *fault)
{
    if (remote->killed) return;
    remote->killed = true;
    remote->fault = fault;
    mirai__process_kill(&remote->process, SIGKILL);
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());
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
    mirai__frame welcome = {.kind = MIRAI__FRAME_WELCOME, .incarnation = remote->id};
    send(pool, remote, &welcome);
    mirai__sched_daemon_ready(&pool->sched, &remote->sched, mirai__now_ms());
    return true;
}

static const char *on_result(mirai_pool *pool, mirai__remote *remote, mirai__frame *frame)
{
    if (frame->segment == NULL) return "it sent a result without a value";
    if (frame->aux != MIRAI_OUTCOME_VALUE && frame->aux != MIRAI_OUTCOME_FAILED)
        return "it sent a result with an unknown outcome";
    mirai__sched_task *task = NULL;
    mirai__sched_setup *setup = NULL;
    if (!mirai__sched_result(&pool->sched, &remote->sched, frame->attempt, frame->aux, mirai__now_ms(),
                             &task, &setup))
        return ++remote->strays > STRAYS_MAX ? "it sent results for tasks that it did not have" : NULL;
    remote->jobs++;
    remote->task_id = 0;
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

/* What is wrong with the frame; NULL when it was dealt with. */
static const char *on_frame(mirai_pool *pool, mirai__remote *remote, mirai__frame *frame)
{
    if (!remote->ready) {
        mirai__hello hello;
        if (mirai__hello_read(frame, NULL, &hello) != MIRAI_OK) return "its handshake was wrong";
        (void)mirai__remote_welcome(pool, remote, &hello);
        return NULL;
    }
    if (remote->left) return "it went on after it had said that it leaves";
    switch (frame->kind) {
    case MIRAI__FRAME_RESULT: return on_result(pool, remote, frame);
    case MIRAI__FRAME_LEAVE:
        remote->left = remote->asked = true;
        cut_off(pool, remote, "it said that it leaves, and did not");
        return NULL;
    default: return "it sent a frame that a daemon may not send";
    }
}

static const char closed[] = "it closed its connection";

/* Read frames until there are no more. Returns why the link is of no more use; NULL when it goes on. */
static const char *receive(mirai_pool *pool, mirai__remote *remote)
{
    for (;;) {
        mirai__frame frame;
        mirai_status status = mirai__link_receive(remote->link, &frame);
        if (status == MIRAI_E_AGAIN) return NULL;
        if (status == MIRAI_E_CLOSED || status == MIRAI_E_CONNRESET) return closed;
        if (status == MIRAI_E_NOMEM) return "there was no memory for its result";
        if (status == MIRAI_E_LIMIT) return "it sent more than is allowed";
        if (status != MIRAI_OK) return "it broke the protocol";
        const char *fault = on_frame(pool, remote, &frame);
        mirai__frame_fini(&frame);
        if (fault != NULL) return fault;
    }
}

static void bury(mirai_pool *pool, mirai__remote *remote);

static void unlink_remote(mirai_pool *pool, mirai__remote *remote)
{
    mirai__engine_unwatch(pool, mirai__link_fd(remote->link));
    mirai__link_free(remote->link);
    remote->link = NULL;
}

void mirai__remote_on_link(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->link == NULL) return;
    const char *fault = receive(pool, remote);
    if (fault == NULL) {
        mirai_status status = mirai__link_flush(remote->link);
        if (status == MIRAI_OK || status == MIRAI_E_AGAIN) {
            rewatch(pool, remote);
            return;
        }
        fault = closed;
    }
    unlink_remote(pool, remote);
    if (remote->process.reaped)
        bury(pool, remote);
    else if (fault == closed)
        cut_off(pool, remote, fault);
    else
        mirai__remote_kill(pool, remote, fault);
}

void mirai__remote_on_output(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->process.output_fd < 0 || mirai__tail_read(&remote->tail, remote->process.output_fd)) return;
    mirai__engine_unwatch(pool, remote->process.output_fd);
    (void)close(remote->process.output_fd);
    remote->process.output_fd = -1;
}

/* ---- dying ----------------------------------------------------------------------------------- */

static mirai__cause *cause_of(const mirai__remote *remote, const mirai__death *death)
{
    mirai__cause *cause = mirai__alloc_zero(1, sizeof *cause);
    if (cause == NULL) return NULL; /* the task then says less */
    cause->daemon = remote->id;
    cause->pid = (uint64_t)remote->process.pid;
    cause->dead = true;
    cause->death = *death;
    cause->fault = remote->fault;
    cause->last_words = mirai__tail_text(&remote->tail);
    return cause;
}

static void tell_failed_start(mirai_pool *pool, const mirai__remote *remote, const mirai__death *death)
{
    char how[128];
    mirai__death_text(death, how, sizeof how);
    char *words = mirai__tail_text(&remote->tail);
    const char *program = pool->spawn.command != NULL ? pool->spawn.command[0] : "its program";
    bool ours = remote->killed && death->signal == SIGKILL;
    char *text = mirai__format("a daemon (%s, process %ld) did not start: %s%s%s", program,
                               (long)remote->process.pid, ours && remote->fault != NULL ? remote->fault : how,
                               words != NULL ? "; it said: " : "", words != NULL ? words : "");
    note_failed_start(pool, MIRAI_E_START, text != NULL ? text : how);
    mirai__free(text);
    mirai__free(words);
}

/* It is dead, and nothing of it is on its way any more. */
static void bury(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->sched.task != NULL) {
        mirai_task *task = mirai__task_of(remote->sched.task);
        mirai__cause_free(task->cause);
        task->cause = cause_of(remote, &remote->death);
    }
    if ((!remote->ready || pool->opening) && !pool->ending) tell_failed_start(pool, remote, &remote->death);
    if (remote->link != NULL) unlink_remote(pool, remote);
    if (remote->process.output_fd >= 0) mirai__engine_unwatch(pool, remote->process.output_fd);
    mirai__list_remove(&remote->lingering);
    mirai__sched_daemon_gone(&pool->sched, &remote->sched, mirai__now_ms());
    (void)mirai__map_remove(&pool->remotes, remote->id);
    free_remote(remote);
}

void mirai__remote_on_process(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->process.reaped) return; /* an event that two threads took; it lingers already */
    if (mirai__process_reap(&remote->process, &remote->death) != MIRAI_OK) return;
    mirai__engine_unwatch(pool, remote->process.pidfd);
    if (remote->process.output_fd >= 0) (void)mirai__tail_read(&remote->tail, remote->process.output_fd);
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());

    /* What it had written is in a socket's buffer by now, but may still be on its way through NNG. */
    bool ended = remote->link == NULL || receive(pool, remote) != NULL || pool->listener == NULL || pool->ending;
    bool awaited = remote->sched.task != NULL || remote->sched.setup != NULL;
    if (ended || !awaited) {
        bury(pool, remote);
        return;
    }
    remote->linger_until = mirai__deadline(LINGER_MS);
    mirai__list_remove(&remote->lingering);
    mirai__list_append(&pool->lingering, &remote->lingering);
}

void mirai__remote_expire(mirai_pool *pool, int64_t now)
{
    for (mirai__list *next, *at = pool->lingering.next; at != &pool->lingering; at = next) {
        mirai__remote *remote = mirai__list_entry(at, mirai__remote, lingering);
        next = at->next;
        if (remote->linger_until > now) continue;
        mirai__list_remove(at);
        if (remote->process.reaped)
            bury(pool, remote);
        else
            mirai__remote_kill(pool, remote, remote->cut);
    }
}

int64_t mirai__remote_deadline(const mirai_pool *pool)
{
    int64_t soonest = MIRAI__NEVER;
    for (const mirai__list *at = pool->lingering.next; at != &pool->lingering; at = at->next) {
        const mirai__remote *remote = mirai__list_entry(at, mirai__remote, lingering);
        if (remote->linger_until < soonest) soonest = remote->linger_until;
    }
    return soonest;
}
