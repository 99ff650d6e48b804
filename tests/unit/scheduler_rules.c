/*
 * scheduler_rules: what the model knows of groups, requirements and resources, and what is checked
 * of them (scheduler_world.h).
 */
#include <inttypes.h>
#include <string.h>

#include "scheduler_world.h"

const char *const model_tags[3] = {"a", "b", "c"};

/* ---- groups ---- */

int64_t model_wanted(const world *w)
{
    int64_t sum = 0;
    for (int i = 0; i < w->group_count; i++) sum += w->groups[i].wanted;
    return sum;
}

int64_t model_spawning(const world *w)
{
    int64_t sum = 0;
    for (int i = 0; i < w->group_count; i++) sum += w->groups[i].spawning;
    return sum;
}

bool model_has_excess(const group_model *group)
{
    return group->starting + group->ready + group->dormant > group->wanted;
}

bool model_is_short(const group_model *group)
{
    return group->starting + group->ready + group->dormant + group->spawning < group->wanted;
}

/* ---- who may run what ---- */

/* All tags of groups here are single letters. */
bool model_has_tag(const group_model *group, int tag)
{
    return group->tags && strchr(group->tags, model_tags[tag][0]);
}

bool model_admits(const world *w, const task_model *task, int group)
{
    return task->wish.tag == NOBODY || model_has_tag(&w->groups[group], task->wish.tag);
}

bool model_fits(const world *w, const task_model *task)
{
    for (int i = 0; i < RESOURCES; i++)
        if (task->wish.needs[i] > w->free[i]) return false;
    return true;
}

bool model_is_deserted(const world *w, const task_model *task)
{
    if (task->wish.pin != NOBODY) return false;
    for (int i = 0; i < w->group_count; i++) {
        const group_model *group = &w->groups[i];
        if (!model_admits(w, task, i)) continue;
        if (group->wanted + group->starting + group->ready + group->spawning > 0) return false;
    }
    return true;
}

bool model_has_place(const world *w, int task)
{
    int pin = w->tasks[task].wish.pin;
    return pin == NOBODY || w->daemons[pin].state != MIRAI__DAEMON_ENDING;
}

/* ---- attempts ---- */

void model_enqueue(world *w, int id)
{
    w->tasks[id].sequence = ++w->last_sequence;
    w->tasks[id].state = MIRAI_TASK_QUEUED;
    w->counts.awaiting++;
}

void model_let_go(world *w, daemon_model *daemon)
{
    if (daemon->holds != NOBODY) {
        const wish *held = &w->tasks[daemon->holds].wish;
        for (int i = 0; i < RESOURCES; i++) w->free[i] += held->needs[i];
        w->devices &= ~daemon->devices;
    }
    daemon->holds = NOBODY;
    daemon->devices = 0;
    daemon->attempt = 0;
    daemon->task = daemon->setup = NOBODY;
    daemon->interrupt_due = false;
    daemon->kill_at = MIRAI__NEVER;
}

void model_again(world *w, int id)
{
    w->tasks[id].state = MIRAI_TASK_QUEUED;
    w->tasks[id].daemon = NOBODY;
    w->tasks[id].claimed = false;
    w->counts.executing--;
    w->counts.awaiting++;
    w->totals->again++;
    for (int i = 0; i < w->live_count; i++) { /* it is older than what is lent */
        daemon_model *daemon = &w->daemons[w->live[i]];
        if (daemon->lent_count > 0) daemon->recallable = true;
    }
}

static bool is_pinned_to(const world *w, int daemon)
{
    for (int id = w->oldest; id < w->task_count; id++)
        if (w->tasks[id].wish.pin == daemon && w->tasks[id].state != MIRAI_TASK_RESOLVED)
            return true;
    return false;
}

static bool is_retirable(const world *w, int id)
{
    const daemon_model *daemon = &w->daemons[id];
    bool rests = daemon->state == MIRAI__DAEMON_STARTING ||
                 (daemon->state == MIRAI__DAEMON_IDLE && daemon->attempt == 0);
    return rests && model_has_excess(&w->groups[daemon->group]) && !is_pinned_to(w, id);
}

void model_catch_up(world *w, bool all)
{
    for (int i = 0; i < w->live_count; i++) {
        daemon_model *daemon = &w->daemons[w->live[i]];
        if (daemon->held->sched.state != MIRAI__DAEMON_ENDING) continue;
        if (daemon->state == MIRAI__DAEMON_ENDING) continue;
        if (!all && !daemon->held->sched.parting) continue;
        model_expect(w, is_retirable(w, w->live[i]), "daemon %d was ended for no reason",
                     w->live[i]);
        daemon->retire_due = true;
        daemon->kill_at = MIRAI__NEVER;
        w->totals->retired++;
        model_end(w, daemon);
    }
    for (int i = 0; i < w->group_count; i++) {
        group_model *group = &w->groups[i];
        int64_t real = w->sched.groups[i].dormant;
        model_expect(w, real <= group->dormant, "group %d has %" PRId64 " dormant, not %" PRId64, i,
                     real, group->dormant);
        model_expect(w, real == group->dormant || w->counts.awaiting > 0, "group %d was roused", i);
        w->totals->roused += group->dormant - real;
        group->dormant = real;
    }
}

/* ---- checks ---- */

static uint64_t groups_with_idle(const world *w)
{
    uint64_t groups = 0;
    for (int i = 0; i < w->live_count; i++) {
        const daemon_model *daemon = &w->daemons[w->live[i]];
        if (daemon->state == MIRAI__DAEMON_IDLE && daemon->attempt == 0)
            groups |= (uint64_t)1 << daemon->group;
    }
    return groups;
}

bool model_has_idle(const world *w)
{
    return groups_with_idle(w) != 0;
}

static bool is_runnable(const world *w, const task_model *task, uint64_t idle)
{
    if (task->state != MIRAI_TASK_QUEUED || task->lender != NOBODY || !model_fits(w, task)) return false;
    if (task->wish.pin != NOBODY) {
        const daemon_model *daemon = &w->daemons[task->wish.pin];
        return daemon->state == MIRAI__DAEMON_IDLE && daemon->attempt == 0;
    }
    for (int i = 0; i < w->group_count; i++)
        if ((idle >> i & 1) && model_admits(w, task, i)) return true;
    return false;
}

int model_best(const world *w)
{
    int best = NOBODY;
    uint64_t idle = groups_with_idle(w);
    for (int id = w->oldest; id < w->task_count && idle != 0; id++) {
        const task_model *task = &w->tasks[id], *other = best == NOBODY ? task : &w->tasks[best];
        if (!is_runnable(w, task, idle)) continue;
        bool better = task->priority > other->priority ||
                      (task->priority == other->priority && task->sequence < other->sequence);
        if (best == NOBODY || better) best = id;
    }
    return best;
}

/* Nobody who is wanted for a task stays away for having been idle. */
static void check_dormant(world *w, int id)
{
    const task_model *task = &w->tasks[id];
    if (task->state != MIRAI_TASK_QUEUED || task->wish.pin != NOBODY || !model_fits(w, task))
        return;
    if (model_has_idle(w) && (task->lender != NOBODY || model_holds(w))) return; /* it is near another */
    int64_t coming = 0, dormant = 0;
    for (int i = 0; i < w->group_count; i++) {
        const group_model *group = &w->groups[i];
        if (!model_admits(w, task, i)) continue;
        int64_t missing = group->wanted - group->dormant - group->ready;
        coming += missing > 0 ? missing : 0;
        dormant += group->dormant;
    }
    model_expect(w, dormant == 0 || coming > 0, "task %d waits and %" PRId64 " are dormant", id,
                 dormant);
}

void model_check_rules(world *w)
{
    int waits = w->closing == MIRAI_CANCEL || model_holds(w) ? NOBODY : model_best(w);
    model_expect(w, waits == NOBODY, "task %d waits and a daemon idles", waits);
    for (int i = 0; i < w->live_count; i++)
        model_expect(w, !is_retirable(w, w->live[i]), "daemon %d is one too many", w->live[i]);
    if (w->sched.counts.dormant > 0)
        for (int id = w->oldest; id < w->task_count; id++) check_dormant(w, id);
    for (size_t i = 0; i < w->sched.resource_count; i++)
        model_expect(w, w->sched.resources[i].free == w->free[i],
                     "%" PRId64 " parts of resource %zu are free, not %" PRId64,
                     w->sched.resources[i].free, i, w->free[i]);
    for (int i = 0; i < w->group_count; i++) {
        const mirai__sched_group *real = &w->sched.groups[i];
        const group_model *ours = &w->groups[i];
        model_expect(w,
                     real->wanted == ours->wanted && real->starting == ours->starting &&
                         real->ready == ours->ready && real->ending == ours->ending &&
                         real->spawning == ours->spawning,
                     "group %d counts %" PRId64 " ready, %" PRId64 " ending, not %" PRId64
                     ", %" PRId64,
                     i, real->ready, real->ending, ours->ready, ours->ending);
    }
}
