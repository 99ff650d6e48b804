/*
 * scheduler_model: the plain rules of the contract, by search instead of by lists, and the checks
 * of what the scheduler says (scheduler_world.h).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler_world.h"

bool model_expect(world *w, bool good, const char *format, ...)
{
    if (good || w->broken[0] != 0) return good;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(w->broken, sizeof w->broken, format, arguments);
    va_end(arguments);
    return false;
}

int64_t model_after(const world *w, int64_t ms)
{
    return ms < 0 ? MIRAI__NEVER : w->now + ms;
}

/* ---- the model's own rules ---- */

static int64_t *outcome_total(mirai__sched_counts *counts, mirai_outcome outcome)
{
    switch (outcome) {
    case MIRAI_OUTCOME_VALUE: return &counts->completed;
    case MIRAI_OUTCOME_FAILED: return &counts->failed;
    case MIRAI_OUTCOME_CANCELLED: return &counts->cancelled;
    case MIRAI_OUTCOME_TIMEDOUT: return &counts->timedout;
    case MIRAI_OUTCOME_LOST: return &counts->lost_tasks;
    default: return &counts->closed;
    }
}

void model_decide(world *w, int id, mirai_outcome outcome)
{
    task_model *task = &w->tasks[id];
    if (task->state == MIRAI_TASK_QUEUED)
        w->counts.awaiting--;
    else if (task->state == MIRAI_TASK_BLOCKED)
        w->counts.blocked--;
    else
        w->counts.executing--;
    ++*outcome_total(&w->counts, outcome);
    task->state = MIRAI_TASK_RESOLVED;
    task->outcome = outcome;
}

void model_stop(daemon_model *daemon, int64_t kill_at)
{
    daemon->task = daemon->setup = NOBODY;
    daemon->interrupt_due = true;
    daemon->kill_at = kill_at;
}

void model_abandon(world *w, int id, mirai_outcome outcome)
{
    task_model *task = &w->tasks[id];
    if (task->state == MIRAI_TASK_RUNNING)
        model_stop(&w->daemons[task->daemon], model_after(w, task->grace));
    else if (task->lender != NOBODY)
        model_unlend(w, id);
    model_decide(w, id, outcome);
}

static bool is_waiting(const task_model *task)
{
    return task->state == MIRAI_TASK_QUEUED || task->state == MIRAI_TASK_BLOCKED;
}

void model_abandon_waiting(world *w, mirai_outcome outcome)
{
    for (int id = w->oldest; id < w->task_count; id++)
        if (is_waiting(&w->tasks[id])) model_abandon(w, id, outcome);
}

/* Is it in the machine for daemons to run? */
static bool stands(const setup_model *setup)
{
    return setup->held && !setup->failed && (setup->open || (setup->done && setup->remembered));
}

static bool owes(const world *w, const daemon_model *daemon, int id)
{
    const setup_model *setup = &w->setups[id];
    return stands(setup) && !(daemon->ran >> id & 1) && (setup->remembered || id >= daemon->joined);
}

bool model_owes(const world *w, const daemon_model *daemon)
{
    for (int id = 0; id < w->setup_count; id++)
        if (owes(w, daemon, id)) return true;
    return false;
}

void model_withdraw(world *w, int id, int64_t kill_at)
{
    for (int i = 0; i < w->live_count; i++)
        if (w->daemons[w->live[i]].setup == id) model_stop(&w->daemons[w->live[i]], kill_at);
}

void model_fail_setup(world *w, int id)
{
    setup_model *setup = &w->setups[id];
    model_withdraw(w, id, model_after(w, w->grace));
    setup->open = false;
    setup->failed = setup->given_due = true;
}

static bool waits(const world *w, int id)
{
    for (int i = 0; i < w->live_count; i++) {
        const daemon_model *daemon = &w->daemons[w->live[i]];
        if (!daemon->ever_ready || id < daemon->joined || (daemon->ran >> id & 1)) continue;
        if (daemon->state == MIRAI__DAEMON_IDLE || daemon->setup == id) return true;
    }
    return false;
}

static void settle(world *w)
{
    const mirai__sched_counts *counts = &w->counts;
    int64_t expected = model_wanted(w);
    for (int i = 0; i < w->group_count; i++) expected -= w->groups[i].dormant;
    for (int id = 0; id < w->setup_count; id++) {
        setup_model *setup = &w->setups[id];
        if (!setup->open) continue;
        if (setup->deaths >= 3) {
            model_fail_setup(w, id);
            continue;
        }
        if (waits(w, id)) continue;
        if (setup->runs == 0) {
            bool hope =
                expected + counts->starting + counts->ready + model_spawning(w) > 0;
            if (setup->remembered && hope) continue;
            if (setup->deaths > 0 || expected > 0) {
                model_fail_setup(w, id);
                continue;
            }
        }
        setup->open = false;
        setup->done = setup->given_due = true;
        setup->deaths = 0;
    }
}

void model_end(world *w, daemon_model *daemon)
{
    group_model *group = &w->groups[daemon->group];
    if (daemon->state == MIRAI__DAEMON_STARTING) {
        w->counts.starting--;
        group->starting--;
    } else {
        w->counts.ready--;
        group->ready--;
    }
    w->counts.ending++;
    group->ending++;
    daemon->state = MIRAI__DAEMON_ENDING;
    int pin = daemon->held->id;
    for (int id = w->oldest; id < w->task_count; id++)
        if (w->tasks[id].wish.pin == pin && is_waiting(&w->tasks[id]))
            model_decide(w, id, MIRAI_OUTCOME_LOST);
}

/* Where a task is stranded, so are those that are blocked and ask for the same. */
static void strand_alike(world *w, const wish *wish)
{
    for (int id = w->oldest; id < w->task_count; id++) {
        const task_model *task = &w->tasks[id];
        if (is_waiting(task) && task->lender == NOBODY && memcmp(&task->wish, wish, sizeof *wish) == 0)
            model_decide(w, id, MIRAI_OUTCOME_CLOSED);
    }
}

static void strand(world *w)
{
    for (int id = w->oldest; id < w->task_count && w->closing; id++) {
        const task_model *task = &w->tasks[id];
        if (task->state == MIRAI_TASK_QUEUED && task->lender == NOBODY && model_is_deserted(w, task))
            strand_alike(w, &task->wish);
    }
}

void model_judge(world *w)
{
    settle(w);
    strand(w);
}

/* ---- commands ---- */

static void on_resolve(world *w, const mirai__sched_command *command)
{
    held_task *held = mirai__list_entry(command->task, held_task, sched);
    task_model *task = &w->tasks[held->id];
    model_expect(w, !task->given, "task %d resolved twice", held->id);
    model_expect(w, task->outcome == held->sched.outcome, "task %d resolved to %d, not to %d",
                 held->id, held->sched.outcome, task->outcome);
    model_expect(w, held->sched.state == MIRAI_TASK_RESOLVED, "task %d is not in state resolved",
                 held->id);
    task->given = true;
    if (held->id % 2) return; /* kept: a cancel may come too late */
    free(held);
    task->held = NULL;
}

static void take(world *w, const mirai__sched_command *command, daemon_model *daemon, int id)
{
    const wish *wish = &w->tasks[id].wish;
    int64_t devices = wish->needs[1] / MIRAI__RESOURCE_PARTS;
    model_expect(w, __builtin_popcountll(command->devices) == devices, "task %d got %" PRIx64, id,
                 command->devices);
    model_expect(w, (command->devices & w->devices) == 0, "devices %" PRIx64 " are shared",
                 command->devices & w->devices);
    model_expect(w, command->devices < (uint64_t)1 << w->total[1] / MIRAI__RESOURCE_PARTS,
                 "there are no devices %" PRIx64, command->devices);
    w->devices |= daemon->devices = command->devices;
    daemon->holds = id;
    for (int i = 0; i < RESOURCES; i++) w->free[i] -= wish->needs[i];
}

static void run_task(world *w, const mirai__sched_command *command, daemon_model *daemon)
{
    const held_task *held = mirai__list_entry(command->task, held_task, sched);
    int id = held->id, number = mirai__list_entry(command->daemon, held_daemon, sched)->id;
    task_model *task = &w->tasks[id];
    daemon->attempt = 0; /* as when it was chosen */
    int best = model_best(w);
    daemon->attempt = command->attempt;
    model_expect(w, id == best, "task %d ran before task %d", id, best);
    model_expect(w, model_admits(w, task, daemon->group), "task %d ran without its tag", id);
    model_expect(w, task->wish.pin == NOBODY || task->wish.pin == number,
                 "task %d ran on daemon %d", id, number);
    model_expect(w, held->sched.attempt == command->attempt, "task %d has another attempt", id);
    task->attempts++;
    model_expect(w, held->sched.attempts == task->attempts, "task %d is at attempt %d, not %d", id,
                 (int)held->sched.attempts, task->attempts);
    if (task->attempts > 1) w->counts.retried++;
    take(w, command, daemon, id);
    daemon->task = id;
    task->state = MIRAI_TASK_RUNNING;
    task->daemon = number;
    w->counts.awaiting--;
    w->counts.executing++;
}

static void on_run(world *w, const mirai__sched_command *command)
{
    int id = mirai__list_entry(command->daemon, held_daemon, sched)->id;
    daemon_model *daemon = &w->daemons[id];
    model_expect(w, daemon->state == MIRAI__DAEMON_IDLE, "daemon %d got work in state %d", id,
                 daemon->state);
    model_expect(w, daemon->attempt == 0, "daemon %d got a second attempt", id);
    model_expect(w, command->attempt > w->last_attempt, "attempt %" PRIu64 " given again",
                 command->attempt);
    model_expect(w, w->closing != MIRAI_CANCEL, "daemon %d got work in a closed pool", id);
    int first = 0;
    while (first < w->setup_count && !owes(w, daemon, first)) first++;
    w->last_attempt = daemon->attempt = command->attempt;
    w->totals->runs++;
    model_count_slot(w, daemon, command->slot);
    daemon->slot = command->slot;
    daemon->promoted = daemon->excused = daemon->slow = false;
    daemon->known = w->setup_count;
    if (command->setup) {
        int setup = mirai__list_entry(command->setup, held_setup, sched)->id;
        model_expect(w, setup == first, "daemon %d got setup %d before %d", id, setup, first);
        daemon->setup = setup;
        return;
    }
    run_task(w, command, daemon);
    model_expect(w, first == w->setup_count, "daemon %d got a task before setup %d", id, first);
}

static void on_report(world *w, const mirai__sched_command *command)
{
    held_setup *held = mirai__list_entry(command->setup, held_setup, sched);
    setup_model *setup = &w->setups[held->id];
    bool failed = command->kind == MIRAI__COMMAND_SETUP_FAILED;
    model_expect(w, setup->given_due, "setup %d reported for no reason", held->id);
    model_expect(w, setup->failed == failed, "setup %d: %s", held->id, failed ? "failed" : "done");
    setup->given_due = false;
    if (!failed && setup->remembered) return;
    free(held);
    setup->held = NULL;
}

static void on_daemon(world *w, const mirai__sched_command *command)
{
    int id = mirai__list_entry(command->daemon, held_daemon, sched)->id;
    daemon_model *daemon = &w->daemons[id];
    if (command->kind == MIRAI__COMMAND_RETIRE) {
        model_expect(w, daemon->retire_due && daemon->attempt == 0,
                     "daemon %d retired for no reason", id);
        daemon->retire_due = false;
    } else if (command->kind == MIRAI__COMMAND_KILL) {
        model_expect(w, daemon->kill_due, "daemon %d killed for no reason", id);
        daemon->kill_due = daemon->interrupt_due = daemon->retire_due = false;
        w->totals->kills++;
    } else {
        model_expect(w, daemon->interrupt_due, "daemon %d interrupted for no reason", id);
        model_expect(w, daemon->attempt == command->attempt, "daemon %d: wrong attempt interrupted",
                     id);
        daemon->interrupt_due = false;
        w->totals->interrupts++;
    }
}

static int64_t lacking(const world *w, const group_model *group)
{
    if (w->closing == MIRAI_CANCEL || (w->closing && w->counts.awaiting == 0)) return 0;
    return group->wanted - group->starting - group->ready - group->ending - group->spawning -
           group->dormant;
}

static void on_spawn(world *w, int number)
{
    group_model *group = &w->groups[number];
    model_expect(w, lacking(w, group) > 0, "spawned a daemon too many");
    model_expect(w, w->now >= group->retry_at, "spawned during the back-off");
    group->spawning++;
    w->totals->spawns++;
}

static void check_idle(world *w);
static void check_counts(world *w);
static void check_deadline(world *w);

bool model_take(world *w)
{
    mirai__sched_command command;
    mirai__sched_next(&w->sched, &command);
    model_catch_up(w, true);
    if (w->trace && command.kind != MIRAI__COMMAND_NONE)
        printf("#   command %d\n", (int)command.kind);
    switch (command.kind) {
    case MIRAI__COMMAND_NONE: return false;
    case MIRAI__COMMAND_RESOLVE: on_resolve(w, &command); break;
    case MIRAI__COMMAND_RUN: on_run(w, &command); break;
    case MIRAI__COMMAND_LEND: model_on_lend(w, &command); break;
    case MIRAI__COMMAND_RECALL: model_on_recall(w, &command); break;
    case MIRAI__COMMAND_SPAWN: on_spawn(w, command.group); break;
    case MIRAI__COMMAND_SETUP_DONE:
    case MIRAI__COMMAND_SETUP_FAILED: on_report(w, &command); break;
    default: on_daemon(w, &command); break;
    }
    return true;
}

void model_pump(world *w)
{
    for (int i = 0; w->broken[0] == 0 && model_take(w); i++)
        if (!model_expect(w, i < 1000000, "commands without end")) return;
    while (w->oldest < w->task_count && w->tasks[w->oldest].state == MIRAI_TASK_RESOLVED) {
        model_expect(w, w->tasks[w->oldest].given, "task %d is decided and was not given",
                     w->oldest);
        w->oldest++;
    }
    check_idle(w);
    check_counts(w);
    check_deadline(w);
}

/* Nothing may be left to do for daemons or reports once there are no more commands. */
static void check_idle(world *w)
{
    for (int i = 0; i < w->live_count; i++) {
        const daemon_model *daemon = &w->daemons[w->live[i]];
        model_expect(w, !daemon->kill_due, "daemon %d was not killed", w->live[i]);
        model_expect(w, !daemon->interrupt_due, "daemon %d was not interrupted", w->live[i]);
        model_expect(w, !daemon->retire_due, "daemon %d was not retired", w->live[i]);
        if (daemon->state != MIRAI__DAEMON_IDLE || daemon->attempt != 0 ||
            w->closing == MIRAI_CANCEL)
            continue;
        for (int id = 0; id < w->setup_count; id++)
            model_expect(w, !owes(w, daemon, id), "daemon %d idles and owes setup %d", w->live[i],
                         id);
    }
    for (int id = 0; id < w->setup_count; id++)
        model_expect(w, !w->setups[id].given_due, "setup %d was not reported", id);
    for (int i = 0; i < w->group_count; i++) {
        if (lacking(w, &w->groups[i]) <= 0) continue;
        model_expect(w, w->groups[i].failures > 0, "a daemon is lacking without a back-off");
        model_expect(w, mirai__sched_deadline(&w->sched) <= w->groups[i].retry_at,
                     "the back-off is too long");
    }
    model_check_rules(w);
    model_check_lending(w);
}

static void check_counts(world *w)
{
    const mirai__sched_counts *real = &w->sched.counts, *ours = &w->counts;
#define SAME(field)                                                                                \
    model_expect(w, real->field == ours->field, #field " is %" PRId64 ", not %" PRId64,            \
                 real->field, ours->field)
    SAME(starting);
    SAME(ready);
    SAME(ending);
    SAME(awaiting);
    SAME(executing);
    SAME(blocked);
    SAME(retried);
    SAME(submitted);
    SAME(completed);
    SAME(failed);
    SAME(cancelled);
    SAME(timedout);
    SAME(lost_tasks);
    SAME(closed);
#undef SAME
    int64_t ended = real->completed + real->failed + real->cancelled + real->timedout;
    model_expect(w,
                 real->submitted ==
                     real->awaiting + real->executing + real->blocked + ended + real->lost_tasks +
                         real->closed,
                 "counters do not add up");
    bool drained = real->awaiting == 0 && real->executing == 0 && real->blocked == 0;
    model_expect(w, mirai__sched_is_drained(&w->sched) == drained, "is_drained is wrong");
}

static void check_deadline(world *w)
{
    int64_t least = MIRAI__NEVER;
    for (int id = w->oldest; id < w->task_count; id++) {
        const task_model *task = &w->tasks[id];
        if (task->state != MIRAI_TASK_RESOLVED && task->deadline < least) least = task->deadline;
    }
    for (int i = 0; i < w->live_count; i++)
        if (w->daemons[w->live[i]].kill_at < least) least = w->daemons[w->live[i]].kill_at;
    int64_t real = mirai__sched_deadline(&w->sched), spawn_at = MIRAI__NEVER;
    for (int i = 0; i < w->group_count; i++)
        if (w->sched.groups[i].spawn_at < spawn_at) spawn_at = w->sched.groups[i].spawn_at;
    model_expect(w, real == least || (real < least && real == spawn_at),
                 "the deadline is %" PRId64 ", not %" PRId64, real, least);
}
