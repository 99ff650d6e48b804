/*
 * remote_death: how daemons end: cut off, killed, dead, buried. Everything runs with the pool's lock held. A task
 * resolves as lost only when its daemon is dead and nothing of it is on its way any more.
 */
#include "remote_private.h"

#include <signal.h>

#include "ahead.h"
#include "alloc.h"
#include "clock.h"
#include "events.h"
#include "everywhere.h"
#include "handle.h"
#include "heartbeat.h"
#include "output.h"
#include "share.h"

enum { LINGER_MS = 1000, CUT_OFF_MS = 250, LEAVE_MS = 5000 };

void mirai__remote_free(mirai__remote *remote)
{
    mirai__share_forget(remote);
    mirai__link_free(remote->link);
    mirai__lender_free(remote->lender);
    mirai__process_close(&remote->process);
    mirai__tail_fini(&remote->tail);
    mirai__free(remote);
}

void mirai__remote_unlink(mirai_pool *pool, mirai__remote *remote)
{
    /* What it has not read to its end it has not begun. Not read are the last bytes, if any. Where memory is shared, it has
     * said what it has begun. */
    bool unsent = remote->job_end > mirai__link_written(remote->link);
    bool unread = remote->job_last && mirai__link_was_unread(remote->link);
    bool told = mirai__link_claims(remote->link) != NULL;
    remote->unbegun = told ? mirai__ahead_cut(pool, remote) : unsent || unread;
    mirai__engine_unwatch(pool, mirai__link_fd(remote->link));
    mirai__link_free(remote->link);
    remote->link = NULL;
}

void mirai__remote_cut_off(mirai_pool *pool, mirai__remote *remote, const char *fault)
{
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());
    if (remote->killed || !mirai__list_is_empty(&remote->lingering)) return;
    remote->cut = fault;
    remote->linger_until = mirai__deadline(remote->asked ? LEAVE_MS : CUT_OFF_MS);
    mirai__list_append(&pool->lingering, &remote->lingering);
}

void mirai__remote_kill(mirai_pool *pool, mirai__remote *remote, const char *fault)
{
    if (remote->killed) return;
    remote->killed = true;
    remote->fault = fault;
    mirai__process_kill(&remote->process, SIGKILL);
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());
}

static mirai__cause *cause_of(const mirai__remote *remote, const mirai__death *death)
{
    mirai__cause *cause = mirai__alloc_zero(1, sizeof *cause);
    if (cause == NULL) return NULL; /* the task then says less */
    cause->daemon = remote->id;
    cause->pid = (uint64_t)remote->process.pid;
    cause->dead = true;
    cause->death = *death;
    cause->fault = remote->fault;
    cause->silent_ms = remote->pulse.silent_ms;
    cause->last_words = mirai__tail_text(&remote->tail);
    return cause;
}

void mirai__remote_note_start(mirai_pool *pool, mirai_status status, const char *detail)
{
    pool->start_status = status;
    mirai__free(pool->start_detail);
    pool->start_detail = mirai__strdup(detail);
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
    mirai__remote_note_start(pool, MIRAI_E_START, text != NULL ? text : how);
    mirai__free(text);
    mirai__free(words);
}

/* For what it was at. */
static void note_cause(const mirai__remote *remote)
{
    mirai__cause **cause = NULL;
    mirai__extra *extra = NULL;
    if (remote->sched.task != NULL) extra = mirai__task_extend(mirai__task_of(remote->sched.task));
    if (remote->sched.task != NULL)
        cause = extra != NULL ? &extra->cause : NULL;
    else if (remote->sched.setup != NULL)
        cause = &mirai__everywhere_of(remote->sched.setup)->cause;
    if (cause == NULL) return;
    mirai__cause_free(*cause);
    *cause = cause_of(remote, &remote->death);
}

void mirai__remote_bury(mirai_pool *pool, mirai__remote *remote)
{
    mirai__sched_task *had = remote->sched.task;
    mirai__output_drain(pool, remote, had != NULL ? mirai__task_of(had) : NULL);
    note_cause(remote);
    bool wanted = !pool->ending && !remote->sched.parting;
    if ((!remote->ready || pool->opening) && wanted) tell_failed_start(pool, remote, &remote->death);
    if (remote->link != NULL) mirai__remote_unlink(pool, remote);
    if (remote->process.output_fd >= 0) mirai__engine_unwatch(pool, remote->process.output_fd);
    if (remote->process.stdout_fd >= 0) mirai__engine_unwatch(pool, remote->process.stdout_fd);
    mirai__list_remove(&remote->lingering);
    mirai__heartbeat_idle(remote);
    mirai__events_left(pool, remote);
    mirai__sched_daemon_gone(&pool->sched, &remote->sched, !remote->unbegun, mirai__now_ms());
    mirai__events_queued(pool, had); /* to be tried again */
    (void)mirai__map_remove(&pool->remotes, remote->id);
    mirai__remote_free(remote);
    mirai__vigil_judge(pool);
}

void mirai__remote_on_process(mirai_pool *pool, mirai__remote *remote)
{
    if (remote->process.reaped) return; /* an event that two threads took; it lingers already */
    if (mirai__process_reap(&remote->process, &remote->death) != MIRAI_OK) return;
    mirai__engine_unwatch(pool, remote->process.pidfd);
    if (remote->process.output_fd >= 0 && pool->capturing == NULL)
        (void)mirai__tail_read(&remote->tail, remote->process.output_fd);
    mirai__sched_daemon_leaving(&pool->sched, &remote->sched, mirai__now_ms());

    /* What it had written is in a socket's buffer by now, but may still be on its way through NNG. */
    bool ended = remote->link == NULL || mirai__remote_receive(pool, remote) != NULL ||
                 pool->listener == NULL || pool->ending;
    bool awaited = remote->sched.task != NULL || remote->sched.setup != NULL;
    if (ended || !awaited) {
        mirai__remote_bury(pool, remote);
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
            mirai__remote_bury(pool, remote);
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
