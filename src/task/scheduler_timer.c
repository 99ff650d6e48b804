/*
 * scheduler_timer: what depends on the time (scheduler.h): time-outs of tasks, start deadlines and
 * grace periods of daemons, and when to spawn. The time is an argument; no thread and no lock of
 * its own.
 *
 * Every daemon is in the heap `timers` for as long as it is in the machine, mostly with the key
 * "never", so that setting a timer needs no memory.
 */
#include "clock.h"
#include "scheduler_private.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 30000

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

/* ---- spawning ---- */

void mirai__sched_start_failed(mirai__sched *sched, uint64_t round, int64_t now)
{
    if (round != sched->round) return; /* failed together with one that was counted */
    sched->round++;
    int64_t failures = ++sched->counts.start_failures;
    int64_t wait = BACKOFF_FIRST_MS;
    for (int64_t k = 1; k < failures && wait < BACKOFF_MOST_MS; k++) wait *= 2;
    sched->retry_at = mirai__sched_after(now, wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
}

int64_t mirai__sched_lacking(const mirai__sched *sched)
{
    const mirai__sched_counts *counts = &sched->counts;
    if (sched->closing == MIRAI_CANCEL) return 0;
    if (sched->closing == MIRAI_DRAIN && counts->awaiting == 0) return 0;
    return counts->wanted - counts->starting - counts->ready - counts->ending - sched->spawning;
}

/* In a closing pool that wants no daemon, what is queued may wait for one that will never come. */
static bool is_stranded(const mirai__sched *sched)
{
    const mirai__sched_counts *counts = &sched->counts;
    return sched->closing && counts->wanted == 0 &&
           counts->starting + counts->ready + sched->spawning == 0;
}

void mirai__sched_plan_spawns(mirai__sched *sched, int64_t now)
{
    if (is_stranded(sched)) mirai__sched_abandon_queue(sched, now);
    int64_t lacking = mirai__sched_lacking(sched);
    sched->spawns_due = 0;
    sched->spawn_at = MIRAI__NEVER;
    if (lacking <= 0) return;
    if (now >= sched->retry_at) {
        sched->spawns_due = lacking;
    } else {
        sched->spawn_at = sched->retry_at;
    }
}

void mirai__sched_resize(mirai__sched *sched, int64_t daemons, int64_t now)
{
    sched->counts.wanted = daemons < 0 ? 0 : daemons;
    mirai__sched_census(sched, now);
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
    int64_t deadline = sched->spawn_at;
    const mirai__heap_node *task = mirai__heap_first(&sched->timeouts);
    const mirai__heap_node *daemon = mirai__heap_first(&sched->timers);
    if (task && task->key < deadline) deadline = task->key;
    if (daemon && daemon->key < deadline) deadline = daemon->key;
    return deadline;
}
