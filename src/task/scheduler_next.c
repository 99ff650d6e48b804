/*
 * scheduler_next: which command is given next (scheduler.h). No thread and no lock of its own.
 *
 * Two promises hold between events: a daemon in an `idle` list has run every setup that it has to
 * run, and one that has not is in `pending`. `pending` is emptied before tasks are handed out, so
 * an IDLE daemon can then take any task that it may run.
 */
#include "scheduler_private.h"

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

static void run(mirai__sched *sched, mirai__sched_command *out, mirai__sched_daemon *daemon,
                mirai__sched_task *task, mirai__sched_setup *setup)
{
    mirai__sched_give(sched, daemon, task, setup);
    out->kind = MIRAI__COMMAND_RUN;
    out->daemon = daemon;
    out->task = task;
    out->setup = setup;
    out->attempt = daemon->attempt;
    out->slot = daemon->slot;
    out->devices = daemon->devices;
}

static void say_kind(mirai__sched_command *out, uint32_t commands)
{
    out->kind = MIRAI__COMMAND_RETIRE;
    if (commands & MIRAI__COMMANDS_INTERRUPT) out->kind = MIRAI__COMMAND_INTERRUPT;
    if (commands & MIRAI__COMMANDS_KILL) out->kind = MIRAI__COMMAND_KILL;
}

/* Orders for daemons, and daemons that have setups to run before they may idle. */
static bool next_pending(mirai__sched *sched, mirai__sched_command *out)
{
    mirai__list *node;
    while ((node = mirai__list_pop(&sched->pending))) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, pending);
        if (daemon->commands & MIRAI__COMMANDS_RECALL) {
            daemon->commands &= ~(uint32_t)MIRAI__COMMANDS_RECALL;
            if (daemon->commands != 0) mirai__list_prepend(&sched->pending, &daemon->pending);
            out->kind = MIRAI__COMMAND_RECALL;
            out->daemon = daemon;
            out->count = daemon->lent_count;
            return true;
        }
        if (daemon->commands) {
            say_kind(out, daemon->commands);
            out->daemon = daemon;
            out->attempt = daemon->attempt;
            daemon->commands = 0;
            return true;
        }
        mirai__sched_setup *setup = mirai__sched_setup_next(sched, daemon);
        if (setup) {
            run(sched, out, daemon, NULL, setup);
            return true;
        }
        mirai__list_prepend(&sched->groups[daemon->group].idle, &daemon->node);
    }
    return false;
}

uint64_t mirai__sched_idle_groups(const mirai__sched *sched)
{
    uint64_t groups = 0;
    for (int32_t i = 0; i < sched->group_count; i++) {
        if (!mirai__list_is_empty(&sched->groups[i].idle)) groups |= (uint64_t)1 << i;
    }
    return groups;
}

/* An idle daemon that may take the shape's tasks. Of several groups the first, and of its daemons
 * the one that was used last: its caches are warm. */
static mirai__sched_daemon *taker(const mirai__sched *sched, const mirai__sched_shape *shape,
                                  uint64_t idle)
{
    if (shape->daemon) return shape->daemon->state == MIRAI__DAEMON_IDLE ? shape->daemon : NULL;
    idle &= shape->groups;
    if (idle == 0) return NULL;
    const mirai__sched_group *group = &sched->groups[__builtin_ctzll(idle)];
    return mirai__list_entry(group->idle.next, mirai__sched_daemon, node);
}

static bool next_run(mirai__sched *sched, mirai__sched_command *out)
{
    if (mirai__list_is_empty(&sched->waiting)) return false;
    uint64_t idle = mirai__sched_idle_groups(sched);
    if (idle == 0 || mirai__sched_holds(sched)) return false;
    mirai__sched_task *best = NULL;
    mirai__sched_daemon *daemon = NULL;
    for (mirai__list *node = sched->waiting.next; node != &sched->waiting; node = node->next) {
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, waiting);
        mirai__sched_task *task = mirai__sched_shape_first(shape);
        if (best && best->place.key < task->place.key) continue;
        mirai__sched_daemon *its = taker(sched, shape, idle);
        if (!its || !mirai__sched_shape_fits(sched, shape)) continue;
        best = task;
        daemon = its;
    }
    if (!best) return false;
    mirai__sched_shape_unqueue(best);
    mirai__list_remove(&daemon->node);
    mirai__sched_take(sched, daemon, best->shape);
    best->state = MIRAI_TASK_RUNNING;
    best->daemon = daemon;
    sched->counts.awaiting--;
    sched->counts.executing++;
    if (best->attempts++ > 0) sched->counts.retried++;
    run(sched, out, daemon, best, NULL);
    best->attempt = daemon->attempt;
    return true;
}

static bool next_spawn(mirai__sched *sched, mirai__sched_command *out)
{
    mirai__sched_rouse(sched);
    for (int32_t i = 0; i < sched->group_count; i++) {
        mirai__sched_group *group = &sched->groups[i];
        if (group->spawns_due <= 0 || mirai__sched_lacking(sched, group) <= 0) continue;
        group->spawns_due--;
        MIRAI__TALLY(sched, i, spawning, 1);
        out->kind = MIRAI__COMMAND_SPAWN;
        out->group = i;
        return true;
    }
    return false;
}

void mirai__sched_next(mirai__sched *sched, mirai__sched_command *out)
{
    *out = (mirai__sched_command){.kind = MIRAI__COMMAND_NONE};
    if (sched->config.ephemeral) mirai__sched_follow(sched);
    (void)(next_resolved(sched, out) || next_report(sched, out) || next_pending(sched, out) ||
           mirai__sched_next_lend(sched, true, out) || next_run(sched, out) || mirai__sched_next_steal(sched, out) ||
           mirai__sched_next_lend(sched, false, out) || next_spawn(sched, out));
}
