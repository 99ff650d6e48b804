/*
 * scheduler_ephemeral: the pool that has a daemon for each task: one is started for each that is queued, has no second
 * task, and is not replaced (scheduler.h). No thread and no lock of its own.
 *
 * Which daemon takes which task does not matter, only that there are as many as are queued. One that does not come
 * takes a task with it.
 */
#include "scheduler_private.h"

/* It may still take a task. */
static bool is_coming(const mirai__sched_daemon *daemon)
{
    return !daemon->tried && !daemon->parting;
}

static int64_t count_coming(const mirai__sched *sched)
{
    int64_t count = sched->groups[0].spawning;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next)
        count += is_coming(mirai__list_entry(node, mirai__sched_daemon, all));
    return count;
}

/* One for each task that is queued, besides those that have had theirs. */
void mirai__sched_follow(mirai__sched *sched)
{
    int64_t wanted = sched->counts.awaiting;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        const mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        wanted += daemon->state == MIRAI__DAEMON_BUSY ||
                  (daemon->state == MIRAI__DAEMON_ENDING && !is_coming(daemon));
    }
    if (wanted != sched->groups[0].wanted) mirai__sched_resize(sched, 0, wanted, sched->now);
}

static mirai__sched_task *first_queued(const mirai__sched *sched)
{
    mirai__sched_task *first = NULL;
    for (mirai__list *node = sched->waiting.next; node != &sched->waiting; node = node->next) {
        mirai__sched_task *task =
            mirai__sched_shape_first(mirai__list_entry(node, mirai__sched_shape, waiting));
        if (!first || task->place.key < first->place.key) first = task;
    }
    return first;
}

void mirai__sched_unstarted(mirai__sched *sched)
{
    mirai__sched_group *group = &sched->groups[0];
    group->start_failures = 0; /* the others are not held up by it */
    group->retry_at = INT64_MIN;
    if (sched->counts.awaiting <= count_coming(sched)) return;
    mirai__sched_task *task = first_queued(sched);
    task->loss = MIRAI__LOSS_UNSTARTED;
    mirai__sched_resolve(sched, task, MIRAI_OUTCOME_LOST);
}
