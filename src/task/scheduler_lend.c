/*
 * scheduler_lend: plain tasks that are sent to busy daemons before their turn (scheduler.h). No thread and no lock of its
 * own.
 *
 * What is lent stays QUEUED, in its daemon's list instead of its shape's. It goes on with the result of the attempt before
 * (promote), or comes back when the owner has revoked it (recalled). The most that is lent to one daemon is the
 * owner's to set, who knows how long tasks take.
 */
#include "scheduler_private.h"

enum { SLOTS = 250, /* that may be in use at a time: of 256, less what is on its way */
       LOOKS = 4    /* daemons that are looked at for one with less than the average */ };

/* How many of those lent to the daemon are nearer there than they would be at an idle one. */
static int32_t near_count(const mirai__sched *sched, const mirai__sched_daemon *daemon)
{
    return daemon->slow ? 0 : sched->near;
}

static mirai__sched_task *entry(mirai__list *node)
{
    return mirai__list_entry(node, mirai__sched_task, node);
}

bool mirai__sched_is_lent(const mirai__sched_task *task)
{
    return task->state == MIRAI_TASK_QUEUED && task->daemon;
}

mirai__sched_task *mirai__sched_last_lent(const mirai__sched_daemon *daemon)
{
    return daemon->lent_count > 0 ? entry(daemon->lent.prev) : NULL;
}

mirai__sched_task *mirai__sched_lent_before(const mirai__sched_daemon *daemon, const mirai__sched_task *task)
{
    return task->node.prev != &daemon->lent ? entry(task->node.prev) : NULL;
}

void mirai__sched_judge_room(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    bool room = daemon->state == MIRAI__DAEMON_BUSY && daemon->task && daemon->borrows && !daemon->slow && !sched->config.ephemeral &&
                daemon->lent_count < sched->ahead && (uint8_t)(daemon->next_slot - daemon->slot) < SLOTS;
    if (!room)
        mirai__list_remove(&daemon->roomy);
    else if (mirai__list_is_empty(&daemon->roomy))
        mirai__list_append(&sched->roomy, &daemon->roomy);
}

/* Something of what is lent to it may be worth recalling: it was not asked since that has changed. */
static void note_laden(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    if (daemon->lent_count > 0 && mirai__list_is_empty(&daemon->laden))
        mirai__list_append(&sched->laden, &daemon->laden);
}

/* ---- out ---- */

/* Besides what it has, nothing may come before: a setup, or its end. */
static bool may_borrow(const mirai__sched *sched, const mirai__sched_daemon *daemon)
{
    return daemon->applied >= sched->last_sequence && !mirai__sched_has_excess(&sched->groups[daemon->group]);
}

/* One that may be lent another, if possible with no more than its share. Each goes to the end of the line. */
static mirai__sched_daemon *borrower(mirai__sched *sched)
{
    mirai__list *node;
    int64_t share = sched->lent / (sched->counts.ready > 0 ? sched->counts.ready : 1);
    for (int looks = 0; (node = mirai__list_pop(&sched->roomy)); looks++) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, roomy);
        if (!may_borrow(sched, daemon)) continue; /* judged again with its next attempt */
        mirai__list_append(&sched->roomy, node);
        if (looks >= LOOKS || daemon->lent_count <= share) return daemon;
    }
    return NULL;
}

/* The first of the queue, if it is plain, and the only kind that waits. */
static mirai__sched_task *next_lendable(const mirai__sched *sched)
{
    const mirai__sched_shape *plain = &sched->plain;
    bool alone = plain->queued > 0 && sched->waiting.next == &plain->waiting && sched->waiting.prev == &plain->waiting;
    mirai__sched_task *task = alone ? mirai__sched_shape_first(plain) : NULL;
    return task && task->priority == 0 && task->lendable && task->attempts == 0 ? task : NULL;
}

/* One to which another task would be near. It stays first in line, so that the next goes to the same. */
static mirai__sched_daemon *near_borrower(const mirai__sched *sched)
{
    int looks = 0;
    for (mirai__list *node = sched->roomy.next; node != &sched->roomy && looks < LOOKS; node = node->next, looks++) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, roomy);
        if (daemon->lent_count < near_count(sched, daemon) && may_borrow(sched, daemon)) return daemon;
    }
    return NULL;
}

static void lend(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task, mirai__sched_command *out)
{
    mirai__sched_shape_unqueue(task);
    mirai__list_append(&daemon->lent, &task->node);
    daemon->lent_count++;
    note_laden(sched, daemon);
    sched->lent++;
    task->daemon = daemon;
    task->attempt = ++sched->last_attempt;
    task->slot = daemon->next_slot++;
    mirai__sched_judge_room(sched, daemon);
    out->kind = MIRAI__COMMAND_LEND;
    out->daemon = daemon;
    out->task = task;
    out->attempt = task->attempt;
    out->slot = task->slot;
}

bool mirai__sched_holds(const mirai__sched *sched)
{
    const mirai__sched_daemon *daemon = sched->gatherer;
    return daemon && sched->near > MIRAI__AHEAD_MAX && daemon->state == MIRAI__DAEMON_BUSY && daemon->task &&
           !daemon->slow && may_borrow(sched, daemon) && next_lendable(sched);
}

bool mirai__sched_next_lend(mirai__sched *sched, bool near, mirai__sched_command *out)
{
    if (mirai__list_is_empty(&sched->roomy) || (near ? sched->near == 0 : mirai__sched_idle_groups(sched) != 0)) return false;
    mirai__sched_task *task = next_lendable(sched);
    mirai__sched_daemon *daemon = !task ? NULL : near ? near_borrower(sched) : borrower(sched);
    if (!daemon) return false;
    lend(sched, daemon, task, out);
    if (near) sched->gatherer = daemon;
    return true;
}

/* ---- on ---- */

/* Out of what is lent to its daemon. */
static void take_out(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task)
{
    mirai__list_remove(&task->node);
    sched->lent--;
    if (--daemon->lent_count > 0) return;
    if (sched->gatherer == daemon) sched->gatherer = NULL;
    mirai__list_remove(&daemon->laden);
    daemon->commands &= ~(uint32_t)MIRAI__COMMANDS_RECALL;
    if (daemon->commands == 0) mirai__list_remove(&daemon->pending);
}

bool mirai__sched_promote(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    if (daemon->lent_count == 0) return false;
    mirai__sched_task *task = entry(daemon->lent.next);
    take_out(sched, daemon, task);
    task->state = MIRAI_TASK_RUNNING;
    task->attempts++;
    sched->counts.awaiting--;
    sched->counts.executing++;
    daemon->attempt = task->attempt;
    daemon->slot = task->slot;
    daemon->task = task;
    daemon->tried = true;
    daemon->slow = false;
    note_laden(sched, daemon);
    mirai__sched_judge_room(sched, daemon);
    return true;
}

/* ---- back ---- */

void mirai__sched_unlend(mirai__sched *sched, mirai__sched_task *task)
{
    mirai__sched_daemon *daemon = task->daemon;
    take_out(sched, daemon, task);
    task->daemon = NULL;
    mirai__sched_judge_room(sched, daemon);
}

void mirai__sched_recalled(mirai__sched *sched, mirai__sched_task *task)
{
    if (!mirai__sched_is_lent(task)) return;
    mirai__sched_daemon *daemon = task->daemon;
    mirai__sched_unlend(sched, task);
    mirai__sched_shape_queue(sched, task, true);
    note_laden(sched, daemon);
    if (sched->closing) mirai__sched_plan_spawns(sched, sched->now); /* there may be nobody left for it */
}

void mirai__sched_recall(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    if (daemon->lent_count > 0) mirai__sched_order(sched, daemon, MIRAI__COMMANDS_RECALL);
}

void mirai__sched_recall_all(mirai__sched *sched)
{
    if (sched->lent == 0) return;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next)
        mirai__sched_recall(sched, mirai__list_entry(node, mirai__sched_daemon, all));
}

bool mirai__sched_next_steal(mirai__sched *sched, mirai__sched_command *out)
{
    if (mirai__list_is_empty(&sched->laden) || mirai__sched_idle_groups(sched) == 0) return false;
    mirai__list *node;
    while ((node = mirai__list_pop(&sched->laden))) { /* until something changes, there is no point in asking again */
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, laden);
        if (daemon->lent_count <= near_count(sched, daemon)) continue;
        out->kind = MIRAI__COMMAND_RECALL;
        out->daemon = daemon;
        out->count = (daemon->lent_count + 1) / 2;
        return true;
    }
    return false;
}

/* ---- how many ---- */

void mirai__sched_set_near(mirai__sched *sched, int32_t near)
{
    bool less = near < sched->near;
    sched->near = near < 0 ? 0 : near;
    if (!less || sched->lent == 0) return;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next)
        note_laden(sched, mirai__list_entry(node, mirai__sched_daemon, all));
}

bool mirai__sched_is_gathered(const mirai__sched *sched)
{
    return sched->lent > 0 && mirai__sched_idle_groups(sched) != 0;
}

bool mirai__sched_may_spread(const mirai__sched *sched)
{
    return sched->lent > 0 && sched->counts.ready > 1;
}

/* Where one idles it takes half at a time (steal); else all go back into the queue, which the others come to. */
bool mirai__sched_spread(mirai__sched *sched, bool all)
{
    bool any = false;
    bool others = sched->counts.ready > 1 && mirai__sched_idle_groups(sched) == 0;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        bool late = !all && daemon->task && daemon->seen == daemon->attempt;
        if (!all) daemon->seen = daemon->attempt;
        if (!late && (!all || daemon->lent_count == 0)) continue;
        any = any || !daemon->slow;
        daemon->slow = true;
        note_laden(sched, daemon);
        if (late && others) mirai__sched_recall(sched, daemon);
        mirai__sched_judge_room(sched, daemon);
    }
    return any;
}

void mirai__sched_set_ahead(mirai__sched *sched, int32_t ahead)
{
    if (ahead < 0) ahead = 0;
    if (ahead > MIRAI__AHEAD_MAX) ahead = MIRAI__AHEAD_MAX;
    bool less = ahead < sched->ahead;
    sched->ahead = ahead;
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        if (less && daemon->lent_count > ahead) mirai__sched_recall(sched, daemon);
        mirai__sched_judge_room(sched, daemon);
    }
}
