/*
 * scheduler: tasks, from submission to RESOLVE, closing, and the commands (scheduler.h). No thread
 * and no lock of its own. A task waits in `queue` until next() matches it with an idle daemon, and
 * ends in `resolved`.
 *
 * The lists keep two promises between events: a daemon in `idle` has run every setup that it has to
 * run, and one that has not is in `pending`. So matching is taking the first of two lists.
 */
#include "scheduler.h"

#include "clock.h"
#include "detail.h"
#include "scheduler_private.h"

void mirai__sched_init(mirai__sched *sched, const mirai__sched_config *config)
{
    *sched = (mirai__sched){.config = *config, .spawn_at = MIRAI__NEVER, .retry_at = INT64_MIN};
    if (sched->config.daemons < 0) sched->config.daemons = 0;
    sched->counts.wanted = sched->config.daemons;
    sched->spawns_due = sched->config.daemons;
    mirai__list *lists[] = {&sched->queue,   &sched->resolved, &sched->idle,   &sched->daemons,
                            &sched->pending, &sched->setups,   &sched->reports};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) mirai__list_init(lists[i]);
    mirai__heap_init(&sched->timeouts);
    mirai__heap_init(&sched->timers);
}

void mirai__sched_fini(mirai__sched *sched)
{
    mirai__heap_fini(&sched->timeouts);
    mirai__heap_fini(&sched->timers);
}

mirai_status mirai__sched_submit(mirai__sched *sched, mirai__sched_task *task, int64_t now,
                                 int64_t timeout_ms, int64_t grace_ms)
{
    if (sched->closing) return mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    if (task->state != 0) return mirai__fail(MIRAI_E_STATE, "the task was submitted before");
    if (timeout_ms > 0) {
        int64_t deadline = mirai__sched_after(now, timeout_ms);
        MIRAI_TRY(mirai__heap_push(&sched->timeouts, &task->timer, deadline));
    }
    task->grace_ms = grace_ms == 0 ? sched->config.grace_ms : grace_ms;
    task->state = MIRAI_TASK_QUEUED;
    mirai__list_append(&sched->queue, &task->node);
    sched->counts.submitted++;
    sched->counts.awaiting++;
    return MIRAI_OK;
}

static int64_t *outcome_count(mirai__sched_counts *counts, mirai_outcome outcome)
{
    switch (outcome) {
    case MIRAI_OUTCOME_VALUE: return &counts->completed;
    case MIRAI_OUTCOME_TIMEDOUT: return &counts->timedout;
    case MIRAI_OUTCOME_CLOSED: return &counts->closed;
    case MIRAI_OUTCOME_LOST: return &counts->lost_tasks;
    case MIRAI_OUTCOME_CANCELLED: return &counts->cancelled;
    default: return &counts->failed;
    }
}

void mirai__sched_resolve(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome)
{
    if (task->state == MIRAI_TASK_QUEUED) {
        sched->counts.awaiting--;
        mirai__list_remove(&task->node);
    } else {
        sched->counts.executing--;
    }
    ++*outcome_count(&sched->counts, outcome);
    mirai__heap_remove(&sched->timeouts, &task->timer);
    task->state = MIRAI_TASK_RESOLVED;
    task->outcome = outcome;
    task->daemon = NULL;
    mirai__list_append(&sched->resolved, &task->node);
}

void mirai__sched_abandon(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome,
                          int64_t now)
{
    if (task->daemon) {
        mirai__sched_stop(sched, task->daemon, mirai__sched_after(now, task->grace_ms));
    }
    mirai__sched_resolve(sched, task, outcome);
}

void mirai__sched_abandon_queue(mirai__sched *sched, int64_t now)
{
    while (!mirai__list_is_empty(&sched->queue)) {
        mirai__sched_task *task = mirai__list_entry(sched->queue.next, mirai__sched_task, node);
        mirai__sched_abandon(sched, task, MIRAI_OUTCOME_CLOSED, now);
    }
}

int32_t mirai__sched_cancel(mirai__sched *sched, mirai__sched_task *task, int64_t now)
{
    int32_t state = task->state;
    if (state != MIRAI_TASK_QUEUED && state != MIRAI_TASK_RUNNING) return MIRAI_CANCEL_TOO_LATE;
    mirai__sched_abandon(sched, task, MIRAI_OUTCOME_CANCELLED, now);
    return state == MIRAI_TASK_QUEUED ? MIRAI_CANCEL_NEVER_RAN : MIRAI_CANCEL_INTERRUPTED;
}

/* ---- closing ---- */

/* Every attempt that somebody still waits for; the others have been stopped before. */
static void abandon_running(mirai__sched *sched, int64_t now)
{
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        if (daemon->task) {
            mirai__sched_abandon(sched, daemon->task, MIRAI_OUTCOME_CLOSED, now);
        } else if (daemon->setup) {
            mirai__sched_stop(sched, daemon, mirai__sched_after(now, sched->config.grace_ms));
        }
    }
}

void mirai__sched_close(mirai__sched *sched, int32_t how, int64_t now)
{
    if (sched->closing == MIRAI_CANCEL) return;
    sched->closing = how == MIRAI_DRAIN ? MIRAI_DRAIN : MIRAI_CANCEL;
    if (sched->closing == MIRAI_CANCEL) {
        mirai__sched_abandon_queue(sched, now);
        mirai__sched_setup_fail_open(sched, now);
        abandon_running(sched, now);
    }
    mirai__sched_census(sched, now);
}

bool mirai__sched_is_drained(const mirai__sched *sched)
{
    return sched->counts.awaiting == 0 && sched->counts.executing == 0;
}

/* ---- commands ---- */

static bool next_resolved(mirai__sched *sched, mirai__sched_command *out)
{
    mirai__list *node = mirai__list_pop(&sched->resolved);
    if (!node) return false;
    out->kind = MIRAI__COMMAND_RESOLVE;
    out->task = mirai__list_entry(node, mirai__sched_task, node);
    return true;
}

static bool next_report(mirai__sched *sched, mirai__sched_command *out)
{
    mirai__list *node = mirai__list_pop(&sched->reports);
    if (!node) return false;
    out->setup = mirai__list_entry(node, mirai__sched_setup, report);
    out->kind = out->setup->failed ? MIRAI__COMMAND_SETUP_FAILED : MIRAI__COMMAND_SETUP_DONE;
    return true;
}

static bool run(mirai__sched *sched, mirai__sched_command *out, mirai__sched_daemon *daemon,
                mirai__sched_task *task, mirai__sched_setup *setup)
{
    mirai__sched_give(sched, daemon, task, setup);
    out->kind = MIRAI__COMMAND_RUN;
    out->daemon = daemon;
    out->task = task;
    out->setup = setup;
    out->attempt = daemon->attempt;
    return true;
}

/* Stop and kill orders, and daemons that have setups to run before they may idle. */
static bool next_pending(mirai__sched *sched, mirai__sched_command *out)
{
    mirai__list *node;
    while ((node = mirai__list_pop(&sched->pending))) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, pending);
        if (daemon->commands) {
            bool kill = daemon->commands & MIRAI__COMMANDS_KILL;
            daemon->commands = 0;
            out->kind = kill ? MIRAI__COMMAND_KILL : MIRAI__COMMAND_INTERRUPT;
            out->daemon = daemon;
            out->attempt = daemon->attempt;
            return true;
        }
        mirai__sched_setup *setup = mirai__sched_setup_next(sched, daemon);
        if (setup) return run(sched, out, daemon, NULL, setup);
        mirai__list_prepend(&sched->idle, &daemon->node);
    }
    return false;
}

static bool next_run(mirai__sched *sched, mirai__sched_command *out)
{
    if (mirai__list_is_empty(&sched->queue)) return false;
    mirai__list *node = mirai__list_pop(&sched->idle);
    if (!node) return false;
    mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, node);
    mirai__list *first = mirai__list_pop(&sched->queue);
    mirai__sched_task *task = mirai__list_entry(first, mirai__sched_task, node);
    task->state = MIRAI_TASK_RUNNING;
    task->daemon = daemon;
    sched->counts.awaiting--;
    sched->counts.executing++;
    run(sched, out, daemon, task, NULL);
    task->attempt = daemon->attempt;
    return true;
}

static bool next_spawn(mirai__sched *sched, mirai__sched_command *out)
{
    if (sched->spawns_due <= 0 || mirai__sched_lacking(sched) <= 0) return false;
    sched->spawns_due--;
    sched->spawning++;
    out->kind = MIRAI__COMMAND_SPAWN;
    return true;
}

void mirai__sched_next(mirai__sched *sched, mirai__sched_command *out)
{
    *out = (mirai__sched_command){.kind = MIRAI__COMMAND_NONE};
    (void)(next_resolved(sched, out) || next_report(sched, out) || next_pending(sched, out) ||
           next_run(sched, out) || next_spawn(sched, out));
}
