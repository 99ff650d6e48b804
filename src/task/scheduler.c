/*
 * scheduler: tasks, from submission to RESOLVE, and closing (scheduler.h). No thread and no lock of
 * its own. A task waits in its shape, blocked or queued, until mirai__sched_next() matches it with
 * an idle daemon, and ends in `resolved`.
 */
#include "scheduler.h"

#include "clock.h"
#include "detail.h"
#include "scheduler_private.h"

enum { LOSSES = 3 };

void mirai__sched_init(mirai__sched *sched, const mirai__sched_config *config)
{
    *sched = (mirai__sched){.config = *config, .group_count = 1, .now = INT64_MIN};
    mirai__list *lists[] = {&sched->shapes,  &sched->waiting, &sched->resolved, &sched->daemons,
                            &sched->pending, &sched->setups,  &sched->reports, &sched->roomy,
                            &sched->laden};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) mirai__list_init(lists[i]);
    mirai__sched_shape_init(&sched->plain);
    sched->plain.groups = 1;
    mirai__heap_init(&sched->timeouts);
    mirai__heap_init(&sched->timers);
    mirai__sched_resources_init(sched, config);
    int64_t daemons = config->daemons < 0 ? 0 : config->daemons;
    mirai__sched_group_init(&sched->groups[0], daemons, config->tags);
    sched->config.daemons = sched->counts.wanted = daemons;
}

void mirai__sched_fini(mirai__sched *sched)
{
    mirai__sched_shapes_fini(sched);
    mirai__heap_fini(&sched->timeouts);
    mirai__heap_fini(&sched->timers);
}

static void adopt(mirai__sched *sched, mirai__sched_task *task, const mirai__sched_request *request)
{
    task->grace_ms = request->grace_ms == 0 ? sched->config.grace_ms : request->grace_ms;
    task->waits = request->waits;
    task->retries = request->retries < 0 ? 0 : request->retries;
    task->retry_on = (uint8_t)(request->retry_on == 0 ? MIRAI_RETRY_LOST : request->retry_on);
    task->losses = request->losses == 0 ? LOSSES : request->losses < 0 ? 0 : request->losses;
    task->attempts = 0;
    task->deaths = task->loss = task->cancellation = 0;
    task->lendable = request->lendable;
}

/* For the first time: its place in the order is decided. */
static void enqueue(mirai__sched *sched, mirai__sched_task *task)
{
    int64_t rank = MIRAI__PRIORITY_MAX - task->priority;
    task->place.key = (int64_t)((uint64_t)rank << 52 | ++sched->last_queued);
    task->state = MIRAI_TASK_QUEUED;
    sched->counts.awaiting++;
    mirai__sched_shape_queue(sched, task, false);
}

mirai_status mirai__sched_submit(mirai__sched *sched, mirai__sched_task *task,
                                 const mirai__sched_request *request, int64_t now)
{
    if (sched->closing) return mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    if (task->state != 0) return mirai__fail(MIRAI_E_STATE, "the task was submitted before");
    sched->now = now;
    task->priority = (int16_t)request->priority;
    MIRAI_TRY(mirai__sched_shape_enter(sched, request, task));
    if (request->timeout_ms > 0) {
        int64_t deadline = mirai__sched_after(now, request->timeout_ms);
        mirai_status status = mirai__heap_push(&sched->timeouts, &task->timer, deadline);
        if (status != MIRAI_OK) {
            mirai__sched_shape_leave(sched, task);
            mirai__sched_conclude(sched, now);
            return status;
        }
    }
    adopt(sched, task, request);
    sched->counts.submitted++;
    if (request->waits == 0) {
        enqueue(sched, task);
        return MIRAI_OK;
    }
    task->state = MIRAI_TASK_BLOCKED;
    sched->counts.blocked++;
    mirai__list_append(&task->shape->blocked, &task->node);
    return MIRAI_OK;
}

void mirai__sched_unblock(mirai__sched *sched, mirai__sched_task *task, int64_t now)
{
    if (task->state != MIRAI_TASK_BLOCKED || --task->waits > 0) return;
    mirai__list_remove(&task->node);
    sched->counts.blocked--;
    enqueue(sched, task);
    sched->now = now;
    if (sched->closing) mirai__sched_plan_spawns(sched, now);
}

void mirai__sched_fail_blocked(mirai__sched *sched, mirai__sched_task *task, int64_t now)
{
    if (task->state != MIRAI_TASK_BLOCKED) return;
    sched->now = now;
    mirai__sched_resolve(sched, task, MIRAI_OUTCOME_FAILED);
    mirai__sched_conclude(sched, now);
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

/* Out of where its state has it. */
static void withdraw(mirai__sched *sched, mirai__sched_task *task)
{
    if (task->state == MIRAI_TASK_QUEUED) {
        sched->counts.awaiting--;
        if (task->daemon)
            mirai__sched_unlend(sched, task);
        else
            mirai__sched_shape_unqueue(task);
    } else if (task->state == MIRAI_TASK_BLOCKED) {
        sched->counts.blocked--;
        mirai__list_remove(&task->node);
    } else {
        sched->counts.executing--;
    }
}

void mirai__sched_resolve(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome)
{
    withdraw(sched, task);
    ++*outcome_count(&sched->counts, outcome);
    mirai__heap_remove(&sched->timeouts, &task->timer);
    task->state = MIRAI_TASK_RESOLVED;
    task->outcome = outcome;
    task->daemon = NULL;
    mirai__list_append(&sched->resolved, &task->node);
    mirai__sched_shape_leave(sched, task);
}

void mirai__sched_requeue(mirai__sched *sched, mirai__sched_task *task)
{
    sched->counts.executing--;
    sched->counts.awaiting++;
    task->daemon = NULL;
    task->state = MIRAI_TASK_QUEUED;
    mirai__sched_shape_queue(sched, task, true);
    mirai__sched_recall_all(sched); /* it is older than what is lent */
}

void mirai__sched_abandon(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome,
                          int64_t now)
{
    if (task->state == MIRAI_TASK_RUNNING && task->daemon) {
        mirai__sched_stop(sched, task->daemon, mirai__sched_after(now, task->grace_ms));
    }
    mirai__sched_resolve(sched, task, outcome);
}

static void note_cancel(mirai__sched_task *task, int32_t what)
{
    if (task->cancellation == 0) task->cancellation = (uint8_t)(what & 15);
}

size_t mirai__sched_abandon_shape(mirai__sched *sched, mirai__sched_shape *shape,
                                  mirai_outcome outcome, int64_t now)
{
    size_t count = 0;
    shape->holders++; /* so that it outlives its last task */
    for (;; count++) {
        mirai__sched_task *task = NULL;
        if (shape->queued > 0) {
            task = mirai__sched_shape_first(shape);
        } else if (!mirai__list_is_empty(&shape->blocked)) {
            task = mirai__list_entry(shape->blocked.next, mirai__sched_task, node);
        }
        if (!task) break;
        if (outcome == MIRAI_OUTCOME_CANCELLED) note_cancel(task, MIRAI_CANCEL_NEVER_RAN);
        if (outcome == MIRAI_OUTCOME_LOST) task->loss = MIRAI__LOSS_STRANDED;
        mirai__sched_abandon(sched, task, outcome, now);
    }
    mirai__sched_shape_let_go(sched, shape);
    return count;
}

/* ---- cancelling ---- */

int32_t mirai__sched_cancel(mirai__sched *sched, mirai__sched_task *task, int64_t now)
{
    int32_t what = MIRAI_CANCEL_TOO_LATE;
    bool is_waiting = task->state == MIRAI_TASK_QUEUED || task->state == MIRAI_TASK_BLOCKED;
    if (is_waiting && !task->daemon) {
        what = MIRAI_CANCEL_NEVER_RAN;
    } else if (task->state != MIRAI_TASK_RESOLVED && task->daemon) { /* not one that runs here */
        what = MIRAI_CANCEL_INTERRUPTED;
    }
    note_cancel(task, what);
    if (what == MIRAI_CANCEL_TOO_LATE) return what;
    sched->now = now;
    mirai__sched_abandon(sched, task, MIRAI_OUTCOME_CANCELLED, now);
    mirai__sched_conclude(sched, now);
    return what;
}

/* All that is queued or blocked. */
static size_t abandon_waiting(mirai__sched *sched, mirai_outcome outcome, int64_t now)
{
    size_t count = mirai__sched_abandon_shape(sched, &sched->plain, outcome, now);
    for (mirai__list *next, *node = sched->shapes.next; node != &sched->shapes; node = next) {
        next = node->next;
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, all);
        count += mirai__sched_abandon_shape(sched, shape, outcome, now);
    }
    return count;
}

/* What is lent still: its daemon has begun it out of turn, or says so. */
static size_t abandon_lent(mirai__sched *sched, mirai_outcome outcome, int64_t now)
{
    size_t count = 0;
    if (sched->lent == 0) return 0;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        for (mirai__sched_task *task; (task = mirai__sched_last_lent(daemon)); count++) {
            if (outcome == MIRAI_OUTCOME_CANCELLED) note_cancel(task, MIRAI_CANCEL_INTERRUPTED);
            mirai__sched_abandon(sched, task, outcome, now);
        }
    }
    return count;
}

/* Every attempt that somebody still waits for; the others have been stopped before. */
static size_t abandon_running(mirai__sched *sched, mirai_outcome outcome, int64_t now)
{
    size_t count = 0;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        if (!daemon->task) continue;
        if (outcome == MIRAI_OUTCOME_CANCELLED) note_cancel(daemon->task, MIRAI_CANCEL_INTERRUPTED);
        mirai__sched_abandon(sched, daemon->task, outcome, now);
        count++;
    }
    return count;
}

size_t mirai__sched_cancel_all(mirai__sched *sched, int64_t now)
{
    sched->now = now;
    size_t count = abandon_waiting(sched, MIRAI_OUTCOME_CANCELLED, now);
    count += abandon_lent(sched, MIRAI_OUTCOME_CANCELLED, now);
    count += abandon_running(sched, MIRAI_OUTCOME_CANCELLED, now);
    mirai__sched_conclude(sched, now);
    return count;
}

/* ---- closing ---- */

static void stop_setups(mirai__sched *sched, int64_t now)
{
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        if (!daemon->setup) continue;
        mirai__sched_stop(sched, daemon, mirai__sched_after(now, sched->config.grace_ms));
    }
}

void mirai__sched_close(mirai__sched *sched, int32_t how, int64_t now)
{
    if (sched->closing == MIRAI_CANCEL) return;
    sched->closing = how == MIRAI_DRAIN ? MIRAI_DRAIN : MIRAI_CANCEL;
    sched->now = now;
    if (sched->closing == MIRAI_CANCEL) {
        (void)abandon_waiting(sched, MIRAI_OUTCOME_CLOSED, now);
        (void)abandon_lent(sched, MIRAI_OUTCOME_CLOSED, now);
        mirai__sched_setup_fail_open(sched, now);
        (void)abandon_running(sched, MIRAI_OUTCOME_CLOSED, now);
        stop_setups(sched, now);
    }
    mirai__sched_census(sched, now);
}

bool mirai__sched_is_drained(const mirai__sched *sched)
{
    const mirai__sched_counts *counts = &sched->counts;
    return counts->awaiting == 0 && counts->executing == 0 && counts->blocked == 0;
}
