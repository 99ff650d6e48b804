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
    do {
        sched->census_due = false;
        mirai__sched_setup_settle(sched, now);
        mirai__sched_plan_spawns(sched, now);
    } while (sched->census_due);
}

void mirai__sched_conclude(mirai__sched *sched, int64_t now)
{
    if (sched->census_due) mirai__sched_census(sched, now);
}

/* An idle daemon goes where the next command will find it. */
static void rest(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    daemon->state = MIRAI__DAEMON_IDLE;
    if (daemon->applied < sched->last_sequence) {
        mirai__list_append(&sched->pending, &daemon->pending);
    } else {
        mirai__list_prepend(&sched->groups[daemon->group].idle, &daemon->node);
    }
    mirai__sched_retire(sched, daemon, now);
}

/* ---- coming ---- */

mirai_status mirai__sched_daemon_added(mirai__sched *sched, mirai__sched_daemon *daemon,
                                       int32_t group, int64_t now)
{
    if (group < 0 || group >= sched->group_count)
        return mirai__fail(MIRAI_E_RANGE, "group %d of %d", (int)group, (int)sched->group_count);
    if (daemon->state != 0) return mirai__fail(MIRAI_E_STATE, "the daemon was added before");
    int64_t deadline = mirai__sched_after(now, sched->config.start_timeout_ms);
    MIRAI_TRY(mirai__heap_push(&sched->timers, &daemon->timer, deadline));
    daemon->state = MIRAI__DAEMON_STARTING;
    daemon->joined = UINT64_MAX;
    daemon->group = group;
    daemon->round = sched->groups[group].round;
    mirai__list_init(&daemon->node);
    mirai__list_init(&daemon->pending);
    mirai__list_init(&daemon->lent);
    mirai__list_init(&daemon->roomy);
    mirai__list_init(&daemon->laden);
    mirai__list_append(&sched->daemons, &daemon->all);
    MIRAI__TALLY(sched, group, starting, 1);
    if (sched->groups[group].spawning > 0) MIRAI__TALLY(sched, group, spawning, -1);
    sched->now = now;
    mirai__sched_retire(sched, daemon, now); /* resized since it was spawned */
    mirai__sched_conclude(sched, now);
    return MIRAI_OK;
}

void mirai__sched_spawn_failed(mirai__sched *sched, int32_t group, int64_t now)
{
    if (group < 0 || group >= sched->group_count) return;
    if (sched->groups[group].spawning > 0) MIRAI__TALLY(sched, group, spawning, -1);
    mirai__sched_start_failed(&sched->groups[group], sched->groups[group].round, now);
    sched->now = now;
    if (sched->config.ephemeral) mirai__sched_unstarted(sched);
    mirai__sched_census(sched, now);
}

void mirai__sched_daemon_ready(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state != MIRAI__DAEMON_STARTING) return;
    mirai__sched_group *group = &sched->groups[daemon->group];
    MIRAI__TALLY(sched, daemon->group, starting, -1);
    MIRAI__TALLY(sched, daemon->group, ready, 1);
    group->start_failures = 0;
    group->retry_at = INT64_MIN;
    daemon->joined = sched->last_sequence;
    mirai__sched_timer_set(sched, daemon, MIRAI__NEVER);
    rest(sched, daemon, now);
    mirai__sched_plan_spawns(sched, now);
    mirai__sched_conclude(sched, now);
}

/* ---- attempts ---- */

void mirai__sched_give(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task,
                       mirai__sched_setup *setup)
{
    daemon->state = MIRAI__DAEMON_BUSY;
    daemon->attempt = ++sched->last_attempt;
    daemon->task = task;
    daemon->setup = setup;
    daemon->slot = daemon->next_slot++;
    daemon->slow = false;
    if (task != NULL || !setup->reported) daemon->tried = true;
    mirai__sched_judge_room(sched, daemon);
}

void mirai__sched_order(mirai__sched *sched, mirai__sched_daemon *daemon, uint32_t command)
{
    daemon->commands |= command;
    mirai__list_remove(&daemon->pending);
    mirai__list_append(&sched->pending, &daemon->pending);
}

void mirai__sched_stop(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline)
{
    daemon->task = NULL;
    daemon->setup = NULL;
    mirai__sched_order(sched, daemon, MIRAI__COMMANDS_INTERRUPT);
    mirai__sched_recall(sched, daemon);
    mirai__sched_judge_room(sched, daemon);
    mirai__sched_timer_set(sched, daemon, deadline);
}

/* The attempt is over, whatever became of it. */
static void let_go(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    mirai__sched_give_back(sched, daemon);
    daemon->attempt = 0;
    daemon->task = NULL;
    daemon->setup = NULL;
    daemon->commands &= ~(uint32_t)MIRAI__COMMANDS_INTERRUPT;
    if (daemon->commands == 0) mirai__list_remove(&daemon->pending);
    mirai__list_remove(&daemon->roomy);
    mirai__sched_timer_set(sched, daemon, MIRAI__NEVER);
}

/* Whether there is a daemon that the task may run on, now that an attempt on `daemon` is over. */
static bool has_place(const mirai__sched_task *task, const mirai__sched_daemon *daemon)
{
    return !task->shape->daemon || daemon->state != MIRAI__DAEMON_ENDING;
}

/* Uses up a retry. */
static bool may_retry(mirai__sched_task *task, const mirai__sched_daemon *daemon, int32_t after)
{
    if (!(task->retry_on & after) || task->retries <= 0 || !has_place(task, daemon)) return false;
    task->retries--;
    return true;
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
    sched->now = now;
    let_go(sched, daemon);
    bool failed = *task && outcome == MIRAI_OUTCOME_FAILED;
    if (failed && may_retry(*task, daemon, MIRAI_RETRY_FAILED)) {
        mirai__sched_requeue(sched, *task);
        *task = NULL;
        if (sched->closing) mirai__sched_plan_spawns(sched, now);
    }
    if (*task) mirai__sched_resolve(sched, *task, outcome);
    if (*setup) mirai__sched_setup_ran(sched, daemon, *setup, outcome, now);
    bool more = mirai__sched_promote(sched, daemon);
    if (!more && daemon->state == MIRAI__DAEMON_BUSY) rest(sched, daemon, now);
    mirai__sched_conclude(sched, now);
    return true;
}

/* ---- going ---- */

void mirai__sched_end(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    mirai__sched_group *group = &sched->groups[daemon->group];
    if (daemon->state == MIRAI__DAEMON_STARTING) {
        MIRAI__TALLY(sched, daemon->group, starting, -1);
    } else {
        MIRAI__TALLY(sched, daemon->group, ready, -1);
    }
    MIRAI__TALLY(sched, daemon->group, ending, 1);
    daemon->state = MIRAI__DAEMON_ENDING;
    mirai__list_remove(&daemon->node);
    if (daemon->commands == 0) mirai__list_remove(&daemon->pending);
    mirai__list_remove(&daemon->roomy);
    mirai__sched_recall(sched, daemon);
    mirai__sched_setup_skip(sched, daemon);
    bool failed = !daemon->tried && !daemon->parting && mirai__sched_is_short(group);
    if (failed) mirai__sched_start_failed(group, daemon->round, now);
    mirai__sched_strand(sched, daemon, now);
}

void mirai__sched_retire(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state != MIRAI__DAEMON_STARTING && daemon->state != MIRAI__DAEMON_IDLE) return;
    bool spent = sched->config.ephemeral && daemon->tried;
    bool excess = daemon->pins == 0 && mirai__sched_has_excess(&sched->groups[daemon->group]);
    if (!spent && !excess) return;
    daemon->parting = true;
    mirai__sched_order(sched, daemon, MIRAI__COMMANDS_RETIRE);
    mirai__sched_timer_set(sched, daemon, MIRAI__NEVER);
    mirai__sched_end(sched, daemon, now);
    sched->census_due = true;
}

void mirai__sched_daemon_leaving(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->state == 0 || daemon->state == MIRAI__DAEMON_ENDING) return;
    mirai__sched_end(sched, daemon, now);
    mirai__sched_census(sched, now);
}

void mirai__sched_daemon_left(mirai__sched *sched, mirai__sched_daemon *daemon, bool idle,
                              int64_t now)
{
    if (daemon->state == 0) return;
    mirai__sched_task *task = daemon->task;
    mirai__sched_setup *setup = daemon->state == MIRAI__DAEMON_ENDING ? daemon->setup : NULL;
    daemon->parting = true;
    let_go(sched, daemon); /* an attempt that is out was never begun */
    if (daemon->state != MIRAI__DAEMON_ENDING) {
        mirai__sched_end(sched, daemon, now);
        mirai__sched_group *group = &sched->groups[daemon->group];
        bool missed = mirai__sched_is_short(group);
        if (missed && idle) {
            MIRAI__TALLY(sched, daemon->group, dormant, 1);
        } else if (missed && !daemon->tried) { /* or those that leave at once come without end */
            mirai__sched_start_failed(group, daemon->round, now);
        }
    }
    if (setup) mirai__sched_setup_died(sched, daemon, setup, false, now);
    if (task) task->attempts--;
    if (task && has_place(task, daemon)) {
        mirai__sched_requeue(sched, task);
    } else if (task) {
        task->loss = MIRAI__LOSS_STRANDED;
        mirai__sched_resolve(sched, task, MIRAI_OUTCOME_LOST);
    }
    mirai__sched_census(sched, now);
}

static void lose(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task,
                 bool begun)
{
    bool again = false;
    if (!begun) {
        again = task->losses > 0 && has_place(task, daemon);
        if (again) task->losses--;
    } else if (++task->deaths >= MIRAI__DEATHS_MAX) {
        task->loss = MIRAI__LOSS_QUARANTINED;
    } else {
        again = may_retry(task, daemon, MIRAI_RETRY_LOST);
    }
    if (again) {
        mirai__sched_requeue(sched, task);
    } else {
        mirai__sched_resolve(sched, task, MIRAI_OUTCOME_LOST);
    }
}

void mirai__sched_daemon_gone(mirai__sched *sched, mirai__sched_daemon *daemon, bool begun,
                              int64_t now)
{
    if (daemon->state == 0) return;
    if (daemon->state != MIRAI__DAEMON_ENDING) mirai__sched_end(sched, daemon, now);
    MIRAI__TALLY(sched, daemon->group, ending, -1);
    bool needed = mirai__sched_is_short(&sched->groups[daemon->group]) && !daemon->parting;
    if (daemon->joined != UINT64_MAX && needed && sched->closing != MIRAI_CANCEL) {
        sched->counts.lost++;
    }
    mirai__sched_task *task = daemon->task;
    mirai__sched_setup *setup = daemon->setup;
    let_go(sched, daemon);
    mirai__heap_remove(&sched->timers, &daemon->timer);
    mirai__list_remove(&daemon->all);
    sched->now = now;
    if (task) lose(sched, daemon, task, begun);
    while (mirai__sched_promote(sched, daemon)) { /* claimed, out of turn: it broke the rules */
        task = daemon->task;
        let_go(sched, daemon);
        lose(sched, daemon, task, true);
    }
    mirai__list_remove(&daemon->pending);
    daemon->commands = 0;
    daemon->state = 0;
    if (sched->config.ephemeral && !daemon->tried && !daemon->parting) mirai__sched_unstarted(sched);
    if (setup) mirai__sched_setup_died(sched, daemon, setup, begun, now);
    mirai__sched_census(sched, now);
}
