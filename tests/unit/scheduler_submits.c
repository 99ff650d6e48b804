/*
 * scheduler_submits: what is done to tasks from outside, to the scheduler and to the model
 * (scheduler_world.h): submitting, with all that a task may ask for, and releasing what is blocked.
 */
#include <stdlib.h>

#include "fault.h"
#include "scheduler_world.h"

const char *const model_resources[RESOURCES] = {"cpus", "gpus"};

/* A few bits of an event's number, the next ones with each call. */
static uint32_t draw(uint64_t *bits, uint32_t below)
{
    *bits = *bits * 0x5851f42d4c957f2dU + 0x14057b7ef767814fU;
    return (uint32_t)(*bits >> 33) % below;
}

/* What a task asks for; `amounts` is room for its resources. */
static void make_wish(const world *w, uint64_t *bits, task_model *task,
                      mirai__sched_request *request, mirai_resource amounts[RESOURCES])
{
    task->wish.tag = draw(bits, 3) == 0 ? (int)draw(bits, 3) : NOBODY;
    if (draw(bits, 6) == 0 && w->live_count > 0)
        task->wish.pin = w->live[draw(bits, (uint32_t)w->live_count)];
    for (int i = 0; i < RESOURCES; i++) {
        if (draw(bits, 4) != 0) continue;
        double amount = i == 0 ? 0.25 * (1 + draw(bits, 9)) : 1 + draw(bits, 3);
        task->wish.needs[i] = (int64_t)(amount * MIRAI__RESOURCE_PARTS);
        amounts[request->resource_count++] = (mirai_resource){model_resources[i], amount};
    }
    request->resources = amounts;
    if (task->wish.tag != NOBODY) request->tag = model_tags[task->wish.tag];
    if (task->wish.pin != NOBODY) request->daemon = &w->daemons[task->wish.pin].held->sched;
    request->priority = draw(bits, 2) == 0 ? (int32_t)draw(bits, 5) - 2 : 0;
    request->retries = (int32_t)draw(bits, 5);
    request->retry_on = (int32_t)draw(bits, 4);
    request->losses = (int32_t)draw(bits, 4) - 1;
    if (draw(bits, 4) == 0) request->waits = 1 + draw(bits, 2);
    task->priority = request->priority;
    task->waits = request->waits;
    task->retries = request->retries;
    task->retry_on = request->retry_on == 0 ? MIRAI_RETRY_LOST : request->retry_on;
    task->losses = request->losses == 0 ? 3 : request->losses < 0 ? 0 : request->losses;
}

static bool can_ever_run(const world *w, const task_model *task)
{
    bool some = false;
    for (int i = 0; i < RESOURCES; i++)
        if (task->wish.needs[i] > w->total[i]) return false;
    for (int i = 0; i < w->group_count; i++) some = some || model_admits(w, task, i);
    if (task->wish.pin == NOBODY) return some;
    const daemon_model *daemon = &w->daemons[task->wish.pin];
    return daemon->state != MIRAI__DAEMON_ENDING && model_admits(w, task, daemon->group);
}

static void take_in(world *w, int id, const task_model *task)
{
    w->tasks[id] = *task;
    w->task_count++;
    w->counts.submitted++;
    w->totals->tasks++;
    if (task->waits == 0) {
        model_enqueue(w, id);
    } else {
        w->tasks[id].state = MIRAI_TASK_BLOCKED;
        w->counts.blocked++;
    }
}

void model_submit(world *w, uint32_t number, bool nomem, bool demanding)
{
    static const int64_t graces[] = {0, -1, 50, 500};
    if (w->task_count == TASKS) return;
    uint64_t bits = number;
    int64_t timeout = number % 3 == 0 ? 1 + number / 3 % 300 : -(int64_t)(number % 2);
    int64_t grace = graces[number >> 20 & 3];
    held_task *held = calloc(1, sizeof *held);
    task_model task = {.held = held, .wish = {NOBODY, NOBODY, {0}}, .outcome = UNDECIDED, .lender = NOBODY};
    mirai__sched_request request = {.timeout_ms = timeout, .grace_ms = grace};
    mirai_resource amounts[RESOURCES];
    held->id = w->task_count;
    task.losses = 3;
    task.retry_on = MIRAI_RETRY_LOST;
    task.deadline = timeout > 0 ? w->now + timeout : MIRAI__NEVER;
    task.grace = grace == 0 ? w->grace : grace;
    if (demanding) make_wish(w, &bits, &task, &request, amounts);
    request.lendable = task.lendable = draw(&bits, 8) > 0;
    mirai_status expected = w->closing                 ? MIRAI_E_CLOSED
                            : can_ever_run(w, &task) ? MIRAI_OK
                                                       : MIRAI_E_INFEASIBLE;
    if (nomem) mirai__fault_arm(1 + (int)draw(&bits, 2), false);
    mirai_status status = mirai__sched_submit(&w->sched, &held->sched, &request, w->now);
    mirai__fault_arm(0, false);
    bool good = status == expected ||
                (expected == MIRAI_OK && nomem && status == MIRAI_E_NOMEM);
    model_expect(w, good, "submit gave %d, not %d", (int)status, (int)expected);
    if (status == MIRAI_OK) {
        take_in(w, held->id, &task);
        return;
    }
    if (status == MIRAI_E_INFEASIBLE) w->totals->infeasible++;
    model_expect(w, held->sched.state == 0, "a failed submit left a trace");
    free(held);
}

/* The n-th of those that are blocked. */
static int pick_blocked(const world *w, uint32_t number)
{
    if (w->counts.blocked <= 0) return NOBODY;
    int64_t left = number % (uint32_t)w->counts.blocked;
    for (int id = w->oldest; id < w->task_count; id++)
        if (w->tasks[id].state == MIRAI_TASK_BLOCKED && left-- == 0) return id;
    return NOBODY;
}

void model_unblock(world *w, uint32_t number, bool fail)
{
    int id = pick_blocked(w, number);
    if (id == NOBODY) return;
    task_model *task = &w->tasks[id];
    if (fail) {
        mirai__sched_fail_blocked(&w->sched, &task->held->sched, w->now);
        model_decide(w, id, MIRAI_OUTCOME_FAILED);
        return;
    }
    mirai__sched_unblock(&w->sched, &task->held->sched, w->now);
    if (--task->waits > 0) return;
    w->counts.blocked--;
    model_enqueue(w, id);
}

void model_cancel_all(world *w)
{
    model_take_all_back(w);
    size_t expected = (size_t)(w->counts.blocked + w->counts.awaiting + w->counts.executing);
    size_t real = mirai__sched_cancel_all(&w->sched, w->now);
    model_expect(w, real == expected, "cancelled %zu of %zu", real, expected);
    for (int id = w->oldest; id < w->task_count; id++)
        if (w->tasks[id].state != MIRAI_TASK_RESOLVED)
            model_abandon(w, id, MIRAI_OUTCOME_CANCELLED);
}
