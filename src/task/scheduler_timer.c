/*
 * scheduler_timer: what depends on the time (scheduler.h): time-outs of tasks, start deadlines and
 * grace periods of daemons. The time is an argument; no thread and no lock of
 * its own.
 *
 * Every daemon is in the heap `timers` for as long as it is in the machine, mostly with the key
 * "never", so that setting a timer needs no memory.
 */
#include "clock.h"
#include "scheduler_private.h"

int64_t mirai__sched_after(int64_t now, int64_t timeout_ms)
{
    int64_t deadline;
    if (timeout_ms < 0 || __builtin_add_overflow(now, timeout_ms, &deadline)) return MIRAI__NEVER;
    return deadline;
}

void mirai__sched_timer_set(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline)
{
    if (daemon->timer.key == deadline) return;
    (void)mirai__heap_push(&sched->timers, &daemon->timer, deadline); /* re-keys: cannot fail */
}

/* ---- timers ---- */

/* A start deadline or a grace period is over. */
static void expire(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->timer.key == MIRAI__GRACE_NOT_BEGUN) {
        int64_t grace = sched->config.grace_ms;
        mirai__sched_timer_set(sched, daemon, mirai__sched_after(now, grace));
        if (grace != 0) return;
    }
    mirai__sched_timer_set(sched, daemon, MIRAI__NEVER);
    if (daemon->state != MIRAI__DAEMON_ENDING) mirai__sched_end(sched, daemon, now);
    daemon->commands |= MIRAI__COMMANDS_KILL;
    mirai__list_remove(&daemon->pending);
    mirai__list_append(&sched->pending, &daemon->pending);
}

void mirai__sched_advance(mirai__sched *sched, int64_t now)
{
    mirai__heap_node *node;
    sched->now = now;
    while ((node = mirai__heap_first(&sched->timeouts)) && node->key <= now) {
        mirai__sched_task *task = mirai__list_entry(node, mirai__sched_task, timer);
        mirai__sched_abandon(sched, task, MIRAI_OUTCOME_TIMEDOUT, now);
    }
    while ((node = mirai__heap_first(&sched->timers)) && node->key <= now) {
        expire(sched, mirai__list_entry(node, mirai__sched_daemon, timer), now);
    }
    mirai__sched_census(sched, now);
}

int64_t mirai__sched_deadline(const mirai__sched *sched)
{
    int64_t deadline = MIRAI__NEVER;
    for (int32_t i = 0; i < sched->group_count; i++) {
        if (sched->groups[i].spawn_at < deadline) deadline = sched->groups[i].spawn_at;
    }
    const mirai__heap_node *task = mirai__heap_first(&sched->timeouts);
    const mirai__heap_node *daemon = mirai__heap_first(&sched->timers);
    if (task && task->key < deadline) deadline = task->key;
    if (daemon && daemon->key < deadline) deadline = daemon->key;
    return deadline;
}
