/*
 * scheduler_daemon: the life of daemons in the scheduler, and their attempts (scheduler.h). No
 * thread and no lock of its own.
 *
 *   STARTING -> IDLE <-> BUSY, and from each to ENDING, until it is gone.
 *
 * An attempt whose task was resolved, or whose setup was withdrawn, has neither pointer and keeps
 * its daemon busy until its result has come or the daemon is gone.
 */
#include "clock.h"
#include "detail.h"
#include "scheduler_private.h"

void mirai__sched_census(mirai__sched *sched, int64_t now)
{
    mirai__sched_setup_settle(sched, now);
    mirai__sched_plan_spawns(sched, now);
}

/* An idle daemon goes where the next command will find it. The one that was used last is used
 * first: its caches are warm. */
static void rest(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    daemon->state = MIRAI__DAEMON_IDLE;
    if (daemon->applied < sched->last_sequence) {
        mirai__list_append(&sched->pending, &daemon->pending);
    } else {
        mirai__list_prepend(&sched->idle, &daemon->node);
    }
}

/* ---- coming ---- */

mirai_status mirai__sched_daemon_added(mirai__sched *sched, mirai__sched_daemon *daemon,
                                       int64_t now)
{
    if (daemon->state != 0) return mirai__fail(MIRAI_E_STATE, "the daemon was added before");
    int64_t deadline = mirai__sched_after(now, sched->config.start_timeout_ms);
    MIRAI_TRY(mirai__heap_push(&sched->timers, &daemon->timer, deadline));
    daemon->state = MIRAI__DAEMON_STARTING;
    daemon->joined = UINT64_MAX;
    daemon->round = sched->round;
    mirai__list_init(&daemon->node);
    mirai__list_init(&daemon->pending);
    mirai__list_append(&sched->daemons, &daemon->all);
    sched->counts.starting++;
    if (sched->spawning > 0) sched->spawning--;
    return MIRAI_OK;
}

void mirai__sched_spawn_failed(mirai__sched *sched, int64_t now)
{
    if (sched->spawning > 0) sched->spawning--;
    mirai__sched_start_failed(sched, sched->round, now);
    mirai__sched_census(sched, now);
}

void mirai__sched_daemon_ready(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state != MIRAI__DAEMON_STARTING) return;
    sched->counts.starting--;
    sched->counts.ready++;
    sched->counts.start_failures = 0;
    sched->retry_at = INT64_MIN;
    daemon->joined = sched->last_sequence;
    mirai__sched_timer_set(sched, daemon, MIRAI__NEVER);
    rest(sched, daemon);
    mirai__sched_plan_spawns(sched, now);
}

/* ---- attempts ---- */

void mirai__sched_give(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task,
                       mirai__sched_setup *setup)
{
    daemon->state = MIRAI__DAEMON_BUSY;
    daemon->attempt = ++sched->last_attempt;
    daemon->task = task;
    daemon->setup = setup;
    daemon->tried = true;
}

void mirai__sched_stop(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline)
{
    daemon->task = NULL;
    daemon->setup = NULL;
    daemon->commands |= MIRAI__COMMANDS_INTERRUPT;
    mirai__list_remove(&daemon->pending);
    mirai__list_append(&sched->pending, &daemon->pending);
    mirai__sched_timer_set(sched, daemon, deadline);
}

bool mirai__sched_result(mirai__sched *sched, mirai__sched_daemon *daemon, uint64_t attempt,
                         mirai_outcome outcome, int64_t now, mirai__sched_task **task,
                         mirai__sched_setup **setup)
{
    *task = NULL;
    *setup = NULL;
    if (daemon->attempt == 0 || daemon->attempt != attempt) return false;
    if (outcome != MIRAI_OUTCOME_VALUE) outcome = MIRAI_OUTCOME_FAILED;
    *task = daemon->task;
    *setup = daemon->setup;
    daemon->attempt = 0;
    daemon->task = NULL;
    daemon->setup = NULL;
    daemon->commands &= ~(uint32_t)MIRAI__COMMANDS_INTERRUPT;
    if (daemon->commands == 0) mirai__list_remove(&daemon->pending);
    mirai__sched_timer_set(sched, daemon, MIRAI__NEVER);
    if (*task) mirai__sched_resolve(sched, *task, outcome);
    if (*setup) mirai__sched_setup_ran(sched, daemon, *setup, outcome, now);
    if (daemon->state == MIRAI__DAEMON_BUSY) rest(sched, daemon);
    return true;
}

/* ---- going ---- */

/* Whether the pool is a daemon short, not counting those that are ending. */
static bool is_short(const mirai__sched *sched)
{
    const mirai__sched_counts *counts = &sched->counts;
    return counts->starting + counts->ready + sched->spawning < counts->wanted;
}

void mirai__sched_end(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state == MIRAI__DAEMON_STARTING) {
        sched->counts.starting--;
    } else {
        sched->counts.ready--;
    }
    sched->counts.ending++;
    daemon->state = MIRAI__DAEMON_ENDING;
    mirai__list_remove(&daemon->node);
    if (daemon->commands == 0) mirai__list_remove(&daemon->pending);
    mirai__sched_setup_skip(sched, daemon);
    if (!daemon->tried && is_short(sched)) mirai__sched_start_failed(sched, daemon->round, now);
}

void mirai__sched_daemon_leaving(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state == 0 || daemon->state == MIRAI__DAEMON_ENDING) return;
    mirai__sched_end(sched, daemon, now);
    mirai__sched_census(sched, now);
}

void mirai__sched_daemon_gone(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state == 0) return;
    if (daemon->state != MIRAI__DAEMON_ENDING) mirai__sched_end(sched, daemon, now);
    sched->counts.ending--;
    if (daemon->joined != UINT64_MAX && is_short(sched) && sched->closing != MIRAI_CANCEL) {
        sched->counts.lost++;
    }
    mirai__heap_remove(&sched->timers, &daemon->timer);
    mirai__list_remove(&daemon->all);
    mirai__list_remove(&daemon->pending);
    mirai__sched_task *task = daemon->task;
    mirai__sched_setup *setup = daemon->setup;
    daemon->state = 0;
    daemon->commands = 0;
    daemon->attempt = 0;
    daemon->task = NULL;
    daemon->setup = NULL;
    if (task) mirai__sched_resolve(sched, task, MIRAI_OUTCOME_LOST);
    if (setup) mirai__sched_setup_died(sched, daemon, setup, now);
    mirai__sched_census(sched, now);
}
