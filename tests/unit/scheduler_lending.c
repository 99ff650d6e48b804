/*
 * scheduler_lending: what the model knows of jobs that are with a daemon, which it has begun, and what its owner does
 * about those that were lent (scheduler_world.h).
 *
 * A daemon claims its jobs in order, each when it has finished the one before, and is always a little ahead of what is
 * read of it; one that breaks the rules grabs all at once. The owner revokes what is not claimed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler_world.h"

enum { SLOTS = 250 /* in use at a time */ };

static int id_of(const daemon_model *daemon)
{
    return daemon->held->id;
}

/* ---- jobs ---- */

void model_count_slot(world *w, daemon_model *daemon, uint8_t slot)
{
    model_expect(w, slot == daemon->next_slot, "daemon %d got slot %d, not %d", id_of(daemon), slot,
                 daemon->next_slot);
    daemon->next_slot++;
}

/* Of those lent, the first so many. */
static int claimed_of_lent(const daemon_model *daemon)
{
    if (daemon->attempt == 0) return daemon->claims;
    return daemon->claims > 1 ? daemon->claims - 1 : 0;
}

static int job_count(const daemon_model *daemon)
{
    return daemon->attempt != 0 ? 1 + daemon->lent_count : 0;
}

/* It begins the next of its jobs. */
static void begin(world *w, daemon_model *daemon)
{
    bool lent = daemon->claims > 0 || daemon->promoted;
    int id = daemon->claims > 0 ? daemon->lent[daemon->claims - 1] : daemon->task;
    daemon->claims++;
    w->totals->claimed += lent;
    if (id == NOBODY) return; /* a setup, or it was stopped */
    task_model *task = &w->tasks[id];
    model_expect(w, !task->claimed, "task %d was begun twice", id);
    model_expect(w, !task->never_ran, "task %d was begun and a cancel said that it never ran", id);
    task->claimed = true;
}

void model_finish(world *w, daemon_model *daemon, mirai_outcome outcome)
{
    if (daemon->attempt == 0 || daemon->claims == daemon->finished) return;
    if (daemon->finished++ == 0)
        daemon->unread = outcome;
    else
        w->tasks[daemon->lent[daemon->finished - 2]].unread = outcome;
}

void model_claim(world *w, daemon_model *daemon, uint32_t number)
{
    if (!daemon || daemon->left) return;
    model_finish(w, daemon, number % 4 == 0 ? MIRAI_OUTCOME_FAILED : MIRAI_OUTCOME_VALUE);
    if (number / 4 % 4 > 0 && daemon->claims < job_count(daemon)) begin(w, daemon);
}

void model_grab(world *w, daemon_model *daemon)
{
    while (daemon && !daemon->left && daemon->claims < job_count(daemon)) begin(w, daemon);
}

/* ---- results ---- */

static void setup_ran(world *w, daemon_model *daemon, int id, mirai_outcome outcome)
{
    setup_model *setup = &w->setups[id];
    daemon->ran |= (uint64_t)1 << id;
    if (setup->open && outcome != MIRAI_OUTCOME_VALUE)
        model_fail_setup(w, id);
    else if (setup->open)
        setup->runs++;
    else
        setup->deaths = 0;
}

bool model_promote(world *w, daemon_model *daemon)
{
    if (daemon->lent_count == 0) return false;
    int id = daemon->lent[0];
    task_model *task = &w->tasks[id];
    memmove(daemon->lent, daemon->lent + 1, (size_t)--daemon->lent_count * sizeof *daemon->lent);
    task->lender = NOBODY;
    task->state = MIRAI_TASK_RUNNING;
    task->daemon = id_of(daemon);
    task->attempts++;
    w->counts.awaiting--;
    w->counts.executing++;
    daemon->attempt = task->lent_attempt;
    daemon->task = id;
    daemon->slot = task->slot;
    daemon->unread = task->unread;
    daemon->promoted = true;
    daemon->excused = daemon->slow = false;
    return true;
}

static void check_promoted(world *w, const daemon_model *daemon)
{
    const mirai__sched_task *task = &w->tasks[daemon->task].held->sched;
    model_expect(w, task->state == MIRAI_TASK_RUNNING, "task %d was lent and does not run now", daemon->task);
    model_expect(w, task->attempts == w->tasks[daemon->task].attempts, "task %d is at attempt %d", daemon->task,
                 (int)task->attempts);
    model_expect(w, daemon->held->sched.attempt == daemon->attempt, "daemon %d has attempt %" PRIu64 ", not %" PRIu64,
                 id_of(daemon), daemon->held->sched.attempt, daemon->attempt);
}

/* The scheduler took the result; so does the model. */
static void on_result(world *w, daemon_model *daemon, mirai_outcome outcome, const mirai__sched_task *task,
                      const mirai__sched_setup *setup)
{
    int id = daemon->task, ran = daemon->setup;
    bool again = id != NOBODY && outcome == MIRAI_OUTCOME_FAILED && (w->tasks[id].retry_on & MIRAI_RETRY_FAILED) &&
                 w->tasks[id].retries > 0 && model_has_place(w, id);
    held_task *our_task = id == NOBODY || again ? NULL : w->tasks[id].held;
    held_setup *our_setup = ran == NOBODY ? NULL : w->setups[ran].held;
    model_expect(w, task == (our_task ? &our_task->sched : NULL), "a result for another task");
    model_expect(w, setup == (our_setup ? &our_setup->sched : NULL), "a result for another setup");
    model_let_go(w, daemon);
    if (our_task) model_decide(w, id, outcome);
    if (again) {
        w->tasks[id].retries--;
        model_again(w, id);
    }
    if (our_setup) setup_ran(w, daemon, ran, outcome);
    if (model_promote(w, daemon)) check_promoted(w, daemon);
}

void model_read(world *w, daemon_model *daemon, mirai_outcome outcome)
{
    mirai__sched_task *task = NULL;
    mirai__sched_setup *setup = NULL;
    if (!daemon || daemon->attempt == 0) return;
    if (daemon->claims == 0) begin(w, daemon);
    if (daemon->finished == 0) model_finish(w, daemon, outcome);
    outcome = daemon->unread;
    daemon->claims--;
    daemon->finished--;
    bool taken =
        mirai__sched_result(&w->sched, &daemon->held->sched, daemon->attempt, outcome, w->now, &task, &setup);
    model_expect(w, taken, "a good result was refused");
    on_result(w, daemon, outcome, task, setup);
    model_follow(w);
}

void model_read_all(world *w, daemon_model *daemon)
{
    while (daemon->finished > 0) model_read(w, daemon, MIRAI_OUTCOME_VALUE);
}

/* ---- back ---- */

/* Out of what is lent. */
static void take_out(world *w, daemon_model *daemon, int index)
{
    w->tasks[daemon->lent[index]].lender = NOBODY;
    size_t after = (size_t)(--daemon->lent_count - index);
    memmove(daemon->lent + index, daemon->lent + index + 1, after * sizeof *daemon->lent);
}

static int index_of(const daemon_model *daemon, int id)
{
    int index = 0;
    while (daemon->lent[index] != id) index++;
    return index;
}

void model_unlend(world *w, int id)
{
    daemon_model *daemon = &w->daemons[w->tasks[id].lender];
    int index = index_of(daemon, id);
    model_expect(w, index < claimed_of_lent(daemon), "task %d was not taken back", id);
    daemon->claims--;
    take_out(w, daemon, index);
}

static void give_back(world *w, daemon_model *daemon, int index)
{
    int id = daemon->lent[index];
    task_model *task = &w->tasks[id];
    model_expect(w, !task->claimed, "task %d was claimed and is given back", id);
    take_out(w, daemon, index);
    w->totals->recalled++;
    mirai__sched_recalled(&w->sched, &task->held->sched);
    model_expect(w, !mirai__sched_is_lent(&task->held->sched), "task %d was given back and is lent", id);
    model_follow(w);
}

void model_revoke(world *w, daemon_model *daemon, int but)
{
    int first = claimed_of_lent(daemon) + but;
    while (daemon->lent_count > first) give_back(w, daemon, daemon->lent_count - 1);
}

void model_take_back(world *w, int id)
{
    if (w->tasks[id].lender == NOBODY) return;
    daemon_model *daemon = &w->daemons[w->tasks[id].lender];
    int index = index_of(daemon, id);
    if (index >= claimed_of_lent(daemon)) {
        give_back(w, daemon, index);
        return;
    }
    while (w->tasks[id].lender != NOBODY && daemon->finished > 0) model_read(w, daemon, MIRAI_OUTCOME_VALUE);
}

void model_take_all_back(world *w)
{
    for (int i = 0; i < w->live_count; i++) {
        daemon_model *daemon = &w->daemons[w->live[i]];
        model_revoke(w, daemon, 0);
        model_read_all(w, daemon);
    }
}

void model_set_ahead(world *w, uint32_t number)
{
    static const int most[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 8, 16, 64, MIRAI__AHEAD_MAX};
    w->ahead = most[number % (sizeof most / sizeof *most)];
    mirai__sched_set_ahead(&w->sched, w->ahead);
}

void model_set_near(world *w, uint32_t number)
{
    static const int most[] = {0, 1, 2, 3, 5, 16, MIRAI__AHEAD_MAX, MIRAI__AHEAD_MAX + 1, INT32_MAX};
    w->near = most[number % (sizeof most / sizeof *most)];
    mirai__sched_set_near(&w->sched, w->near);
}

void model_spread(world *w, bool all)
{
    bool others = w->counts.ready > 1 && !model_has_idle(w), any = false;
    for (int i = 0; i < w->live_count; i++) {
        daemon_model *daemon = &w->daemons[w->live[i]];
        bool late = !all && daemon->attempt != 0 && daemon->task != NOBODY && daemon->seen == daemon->attempt;
        if (!all) daemon->seen = daemon->attempt;
        if (!late && (!all || daemon->lent_count == 0)) continue;
        any = any || !daemon->slow;
        daemon->slow = true;
        if (late && others && daemon->lent_count > 0) daemon->recallable = true;
    }
    model_expect(w, mirai__sched_spread(&w->sched, all) == any, "what was spread is told wrongly");
}

static int near_count(const world *w, const daemon_model *daemon)
{
    return daemon->slow ? 0 : w->near;
}

/* ---- commands ---- */

static bool is_plain(const wish *wish)
{
    bool plain = wish->tag == NOBODY && wish->pin == NOBODY;
    for (int i = 0; i < RESOURCES; i++) plain = plain && wish->needs[i] == 0;
    return plain;
}

/* The task to be lent next: the first of the queue, if all that wait are plain; NOBODY. */
static int next_lendable(const world *w)
{
    int first = NOBODY;
    for (int id = w->oldest; id < w->task_count; id++) {
        const task_model *task = &w->tasks[id], *other = first == NOBODY ? task : &w->tasks[first];
        if (task->state != MIRAI_TASK_QUEUED || task->lender != NOBODY) continue;
        if (!is_plain(&task->wish) || task->priority > 0) return NOBODY;
        bool before = task->priority > other->priority ||
                      (task->priority == other->priority && task->sequence < other->sequence);
        if (first == NOBODY || before) first = id;
    }
    if (first == NOBODY || w->tasks[first].priority != 0) return NOBODY;
    return w->tasks[first].lendable && w->tasks[first].attempts == 0 ? first : NOBODY;
}

/* It is busy with a task, and nothing but what is lent comes after that. */
static bool may_hold(const world *w, const daemon_model *daemon)
{
    bool works = daemon->state == MIRAI__DAEMON_IDLE && daemon->attempt != 0 && daemon->task != NOBODY;
    return works && daemon->borrows && !model_has_excess(&w->groups[daemon->group]) && !model_owes(w, daemon) &&
           w->closing != MIRAI_CANCEL;
}

bool model_holds(const world *w)
{
    if (w->near <= MIRAI__AHEAD_MAX || next_lendable(w) == NOBODY) return false;
    for (int i = 0; i < w->live_count; i++) {
        const daemon_model *daemon = &w->daemons[w->live[i]];
        if (may_hold(w, daemon) && !daemon->slow && daemon->lent_count > 0) return true;
    }
    return false;
}

static bool has_slot(const daemon_model *daemon)
{
    return (uint8_t)(daemon->next_slot - daemon->slot) < SLOTS;
}

static void check_slot(world *w, const daemon_model *daemon, uint8_t slot)
{
    model_expect(w, daemon->slot != slot, "daemon %d got its attempt's slot", id_of(daemon));
    for (int i = 0; i < daemon->lent_count; i++)
        model_expect(w, w->tasks[daemon->lent[i]].slot != slot, "daemon %d got a slot twice", id_of(daemon));
}

void model_on_lend(world *w, const mirai__sched_command *command)
{
    const held_task *held = mirai__list_entry(command->task, held_task, sched);
    daemon_model *daemon = &w->daemons[mirai__list_entry(command->daemon, held_daemon, sched)->id];
    int id = held->id, next = next_lendable(w);
    task_model *task = &w->tasks[id];
    model_expect(w, id == next, "task %d was lent, not task %d", id, next);
    model_expect(w, may_hold(w, daemon), "daemon %d was lent task %d", id_of(daemon), id);
    bool near = daemon->lent_count < near_count(w, daemon);
    model_expect(w, near || !model_has_idle(w), "task %d was lent and a daemon idles", id);
    w->totals->near += near && model_has_idle(w);
    model_expect(w, command->attempt > w->last_attempt && command->attempt == held->sched.attempt,
                 "task %d was lent as attempt %" PRIu64, id, command->attempt);
    model_expect(w, mirai__sched_is_lent(&held->sched), "task %d is not lent", id);
    if (!model_expect(w, daemon->lent_count < w->ahead, "daemon %d has %d lent", id_of(daemon), daemon->lent_count))
        return;
    model_count_slot(w, daemon, command->slot);
    check_slot(w, daemon, command->slot);
    w->last_attempt = task->lent_attempt = command->attempt;
    task->slot = command->slot;
    task->lender = id_of(daemon);
    if (daemon->lent_count == 0) daemon->recallable = false;
    daemon->lent[daemon->lent_count++] = id;
    w->totals->lent++;
}

/* One of a higher priority waits. */
static bool is_urgent(const world *w)
{
    for (int id = w->oldest; id < w->task_count; id++)
        if (w->tasks[id].state == MIRAI_TASK_QUEUED && w->tasks[id].priority > 0) return true;
    return false;
}

/* Whether it is not to keep what is lent to it. */
static bool is_recallable(const world *w, const daemon_model *daemon)
{
    return daemon->lent_count > w->ahead || !may_hold(w, daemon) || is_urgent(w);
}

void model_watch(world *w)
{
    bool excess = false;
    for (int i = 0; i < w->group_count; i++) excess = excess || model_has_excess(&w->groups[i]);
    for (int i = 0; i < w->live_count; i++) {
        daemon_model *daemon = &w->daemons[w->live[i]];
        if (model_has_excess(&w->groups[daemon->group])) daemon->excused = true;
        if (daemon->lent_count > 0 && (excess || is_recallable(w, daemon))) daemon->recallable = true;
    }
}

void model_on_recall(world *w, const mirai__sched_command *command)
{
    daemon_model *daemon = &w->daemons[mirai__list_entry(command->daemon, held_daemon, sched)->id];
    bool good = command->count > 0 && command->count <= daemon->lent_count;
    if (!model_expect(w, good, "%d recalled of %d", (int)command->count, daemon->lent_count)) return;
    bool stolen = model_has_idle(w) && command->count == (daemon->lent_count + 1) / 2 &&
                  daemon->lent_count > near_count(w, daemon);
    good = stolen || (daemon->recallable && command->count == daemon->lent_count);
    model_expect(w, good, "%d recalled of %d for no reason", (int)command->count, daemon->lent_count);
    daemon->recallable = false;
    mirai__sched_task *before, *task = mirai__sched_last_lent(command->daemon);
    for (int index = daemon->lent_count - 1; index >= claimed_of_lent(daemon); index--, task = before) {
        bool same = task == &w->tasks[daemon->lent[index]].held->sched;
        if (!model_expect(w, same, "daemon %d: another task is lent", id_of(daemon))) return;
        before = mirai__sched_lent_before(command->daemon, task);
        if (index < command->count) give_back(w, daemon, index);
    }
}

/* ---- checks ---- */

/* The scheduler knows of the same. */
static void check_lent(world *w, const daemon_model *daemon)
{
    int i = daemon->lent_count;
    mirai__sched_task *task = mirai__sched_last_lent(&daemon->held->sched);
    for (; task && i > 0; task = mirai__sched_lent_before(&daemon->held->sched, task)) {
        const task_model *ours = &w->tasks[daemon->lent[--i]];
        model_expect(w, task == &ours->held->sched, "daemon %d: another task is lent", id_of(daemon));
        model_expect(w, task->state == MIRAI_TASK_QUEUED && ours->state == MIRAI_TASK_QUEUED,
                     "task %d is lent and not queued", daemon->lent[i]);
    }
    model_expect(w, !task && i == 0 && daemon->held->sched.lent_count == daemon->lent_count,
                 "daemon %d has %d lent, not %d", id_of(daemon), (int)daemon->held->sched.lent_count,
                 daemon->lent_count);
}

/* Nothing is lent to it that could be elsewhere. */
static void check_unclaimed(world *w, const daemon_model *daemon)
{
    if (daemon->lent_count <= claimed_of_lent(daemon)) return;
    model_expect(w, may_hold(w, daemon), "daemon %d keeps what is lent", id_of(daemon));
    /* Or it has begun all that was asked for, which is told with the results. */
    bool asked = claimed_of_lent(daemon) > 0 || daemon->lent_count <= near_count(w, daemon);
    model_expect(w, asked || !model_has_idle(w), "daemon %d keeps what another could run", id_of(daemon));
    model_expect(w, daemon->lent_count <= w->ahead, "daemon %d keeps %d", id_of(daemon), daemon->lent_count);
}

void model_check_lending(world *w)
{
    int64_t lent = 0, unclaimed = 0;
    int next = model_has_idle(w) && model_holds(w) ? NOBODY : next_lendable(w);
    for (int i = 0; i < w->live_count; i++) {
        const daemon_model *daemon = &w->daemons[w->live[i]];
        check_lent(w, daemon);
        check_unclaimed(w, daemon);
        lent += daemon->lent_count;
        unclaimed += daemon->lent_count - claimed_of_lent(daemon);
        bool room = may_hold(w, daemon) && !daemon->excused && !daemon->slow && daemon->known == w->setup_count &&
                    daemon->lent_count < w->ahead && has_slot(daemon);
        model_expect(w, next == NOBODY || !room, "task %d waits and daemon %d could be lent it", next, w->live[i]);
    }
    model_expect(w, w->sched.lent == lent, "%" PRId64 " are lent, not %" PRId64, w->sched.lent, lent);
    model_expect(w, unclaimed == 0 || !is_urgent(w), "%" PRId64 " stay lent and something urgent waits", unclaimed);
}
