/*
 * scheduler_private: what the parts of the scheduler ask of each other. scheduler.c owns tasks,
 * scheduler_next.c the commands, scheduler_shape.c requirements: queues, resources and who may take
 * what; scheduler_group.c how many daemons there are to be; scheduler_daemon.c their life and their
 * attempts, scheduler_lend.c what is sent ahead to them, scheduler_setup.c setups, scheduler_timer.c deadlines and grace periods.
 */
#ifndef MIRAI__SCHEDULER_PRIVATE_H
#define MIRAI__SCHEDULER_PRIVATE_H

#include "scheduler.h"

/* Bits of mirai__sched_daemon.commands. */
enum { MIRAI__COMMANDS_INTERRUPT = 1, MIRAI__COMMANDS_KILL = 2, MIRAI__COMMANDS_RETIRE = 4, MIRAI__COMMANDS_RECALL = 8 };

/* A grace period that begins with the next advance: for events that do not know the time. */
#define MIRAI__GRACE_NOT_BEGUN INT64_MIN

/* Count something of daemons, in a group and in all. */
#define MIRAI__TALLY(sched, group, field, by)                                                      \
    ((sched)->counts.field += (by), (sched)->groups[group].field += (by))

/* ---- scheduler.c ---- */

/* The task is decided; RESOLVE will be given. */
void mirai__sched_resolve(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome);
/* Resolve it, and stop its attempt when it has one. */
void mirai__sched_abandon(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome,
                          int64_t now);
/* Its attempt is over and another is to follow. */
void mirai__sched_requeue(mirai__sched *sched, mirai__sched_task *task);
/* Resolve all of a shape that is queued or blocked; how many. */
size_t mirai__sched_abandon_shape(mirai__sched *sched, mirai__sched_shape *shape,
                                  mirai_outcome outcome, int64_t now);

/* ---- scheduler_shape.c ---- */

void mirai__sched_shape_init(mirai__sched_shape *shape);
void mirai__sched_shapes_fini(mirai__sched *sched);
/* Find or make the shape of a request, with room for the task. E_INFEASIBLE, E_NOMEM. */
mirai_status mirai__sched_shape_enter(mirai__sched *sched, const mirai__sched_request *request,
                                      mirai__sched_task *task);
/* The task has nothing more to do with its shape. */
void mirai__sched_shape_leave(mirai__sched *sched, mirai__sched_task *task);
/* One of its holders does not need it any more. */
void mirai__sched_shape_let_go(mirai__sched *sched, mirai__sched_shape *shape);
/* Into the queue, at its place, and out of it. `again`: it was there before, and is among the first. */
void mirai__sched_shape_queue(mirai__sched *sched, mirai__sched_task *task, bool again);
void mirai__sched_shape_unqueue(mirai__sched_task *task);
/* First of its queue, which is not empty. */
mirai__sched_task *mirai__sched_shape_first(const mirai__sched_shape *shape);
/* Its resources are free. */
bool mirai__sched_shape_fits(const mirai__sched *sched, const mirai__sched_shape *shape);
/* The daemon takes and gives back the resources of an attempt. */
void mirai__sched_take(mirai__sched *sched, mirai__sched_daemon *daemon,
                       mirai__sched_shape *shape);
void mirai__sched_give_back(mirai__sched *sched, mirai__sched_daemon *daemon);
/* A group was added: it may take what asks for one of its tags or for none. */
void mirai__sched_shapes_admit(mirai__sched *sched, int32_t group);
/* The daemon is ending: resolve what may run there only. */
void mirai__sched_strand(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now);
void mirai__sched_resources_init(mirai__sched *sched, const mirai__sched_config *config);

/* ---- scheduler_group.c ---- */

void mirai__sched_group_init(mirai__sched_group *group, int64_t daemons, const char *tags);
/* Whether the group is a daemon short, not counting those that are ending; has one too many. */
bool mirai__sched_is_short(const mirai__sched_group *group);
bool mirai__sched_has_excess(const mirai__sched_group *group);
/* Daemons to be spawned now or later; may be negative. */
int64_t mirai__sched_lacking(const mirai__sched *sched, const mirai__sched_group *group);
void mirai__sched_start_failed(mirai__sched_group *group, uint64_t round, int64_t now);
void mirai__sched_plan_spawns(mirai__sched *sched, int64_t now);
/* Tasks wait that no idle or starting daemon can take: have dormant ones replaced. */
void mirai__sched_rouse(mirai__sched *sched);

/* ---- scheduler_daemon.c ---- */

/* Hand the daemon an attempt, of a task or a setup. */
void mirai__sched_give(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task,
                       mirai__sched_setup *setup);
/* Nobody wants the daemon's attempt any more: INTERRUPT, and KILL at `deadline`. */
void mirai__sched_stop(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline);
/* It gets nothing more. */
void mirai__sched_end(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now);
/* End it and say so, if it has nothing to do and its group has one too many, or it has had its only task. */
void mirai__sched_retire(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now);
/* The tail of every event that changed which daemons there are: setups that wait, and what to
 * spawn. */
void mirai__sched_census(mirai__sched *sched, int64_t now);
/* The tail of every other event in which a task may resolve or a daemon come to rest. */
void mirai__sched_conclude(mirai__sched *sched, int64_t now);

/* Have a command given of the daemon: bits. */
void mirai__sched_order(mirai__sched *sched, mirai__sched_daemon *daemon, uint32_t command);

/* ---- scheduler_next.c ---- */

/* Those that have an idle daemon, as a bit mask. */
uint64_t mirai__sched_idle_groups(const mirai__sched *sched);

/* ---- scheduler_lend.c ---- */

/* Lend the next task, if there is one to lend and one to take it; `near`: although another idles, if it is near there. */
bool mirai__sched_next_lend(mirai__sched *sched, bool near, mirai__sched_command *out);
/* What waits is near a daemon that is at work, although that has no room for it now: it is not for those that idle. */
bool mirai__sched_holds(const mirai__sched *sched);
/* A daemon has nothing to do: recall from another. */
bool mirai__sched_next_steal(mirai__sched *sched, mirai__sched_command *out);
/* What is lent to it is to come back, if there is any; to all. */
void mirai__sched_recall(mirai__sched *sched, mirai__sched_daemon *daemon);
void mirai__sched_recall_all(mirai__sched *sched);
/* The first of those lent is its present attempt from now on. False: there is none. */
bool mirai__sched_promote(mirai__sched *sched, mirai__sched_daemon *daemon);
/* It is lent no more. */
void mirai__sched_unlend(mirai__sched *sched, mirai__sched_task *task);
/* Whether it may be lent more now; its attempt or what is lent has changed. */
void mirai__sched_judge_room(mirai__sched *sched, mirai__sched_daemon *daemon);

/* ---- scheduler_ephemeral.c ---- */

/* Have as many daemons as there are tasks. */
void mirai__sched_follow(mirai__sched *sched);
/* A daemon that was to take a task is gone, or never came. */
void mirai__sched_unstarted(mirai__sched *sched);

/* ---- scheduler_setup.c ---- */

/* What the daemon has to run next; NULL: nothing, it may have tasks. */
mirai__sched_setup *mirai__sched_setup_next(mirai__sched *sched, mirai__sched_daemon *daemon);
/* The daemon will run no setup but the one that it is at. */
void mirai__sched_setup_skip(mirai__sched *sched, mirai__sched_daemon *daemon);
void mirai__sched_setup_ran(mirai__sched *sched, mirai__sched_daemon *daemon,
                            mirai__sched_setup *setup, mirai_outcome outcome, int64_t now);
void mirai__sched_setup_died(mirai__sched *sched, mirai__sched_daemon *daemon,
                             mirai__sched_setup *setup, bool begun, int64_t now);
/* Report those that are done now that daemons have come or gone. */
void mirai__sched_setup_settle(mirai__sched *sched, int64_t now);
void mirai__sched_setup_fail_open(mirai__sched *sched, int64_t now);

/* ---- scheduler_timer.c ---- */

int64_t mirai__sched_after(int64_t now, int64_t timeout_ms); /* saturates; negative: never */
void mirai__sched_timer_set(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline);

#endif
