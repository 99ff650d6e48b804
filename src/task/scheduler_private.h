/*
 * scheduler_private: what the parts of the scheduler ask of each other. scheduler.c owns tasks and
 * commands, scheduler_daemon.c the life of daemons and their attempts, scheduler_setup.c setups,
 * scheduler_timer.c all that depends on the time: deadlines, grace periods, and when to spawn.
 */
#ifndef MIRAI__SCHEDULER_PRIVATE_H
#define MIRAI__SCHEDULER_PRIVATE_H

#include "scheduler.h"

/* Bits of mirai__sched_daemon.commands. */
enum { MIRAI__COMMANDS_INTERRUPT = 1, MIRAI__COMMANDS_KILL = 2 };

/* A grace period that begins with the next advance: for events that do not know the time. */
#define MIRAI__GRACE_NOT_BEGUN INT64_MIN

/* scheduler.c: the task is decided; RESOLVE will be given. */
void mirai__sched_resolve(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome);
/* Resolve it, and stop its attempt when it has one. */
void mirai__sched_abandon(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome,
                          int64_t now);
/* Resolve all that is queued to CLOSED. */
void mirai__sched_abandon_queue(mirai__sched *sched, int64_t now);

/* scheduler_daemon.c: hand the daemon an attempt, of a task or a setup. */
void mirai__sched_give(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_task *task,
                       mirai__sched_setup *setup);
/* Nobody wants the daemon's attempt any more: INTERRUPT, and KILL at `deadline`. */
void mirai__sched_stop(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline);
/* It gets nothing more. */
void mirai__sched_end(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now);
/* The tail of every event that changed which daemons there are: setups that wait, and what to
 * spawn. */
void mirai__sched_census(mirai__sched *sched, int64_t now);

/* scheduler_setup.c: what the daemon has to run next; NULL: nothing, it may have tasks. */
mirai__sched_setup *mirai__sched_setup_next(mirai__sched *sched, mirai__sched_daemon *daemon);
/* The daemon will run no setup but the one that it is at. */
void mirai__sched_setup_skip(mirai__sched *sched, mirai__sched_daemon *daemon);
void mirai__sched_setup_ran(mirai__sched *sched, mirai__sched_daemon *daemon,
                            mirai__sched_setup *setup, mirai_outcome outcome, int64_t now);
void mirai__sched_setup_died(mirai__sched *sched, mirai__sched_daemon *daemon,
                             mirai__sched_setup *setup, int64_t now);
/* Report those that are done now that daemons have come or gone. */
void mirai__sched_setup_settle(mirai__sched *sched, int64_t now);
void mirai__sched_setup_fail_open(mirai__sched *sched, int64_t now);

/* scheduler_timer.c */
int64_t mirai__sched_after(int64_t now, int64_t timeout_ms); /* saturates; negative: never */
void mirai__sched_timer_set(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t deadline);
void mirai__sched_start_failed(mirai__sched *sched, uint64_t round, int64_t now);
int64_t mirai__sched_lacking(
    const mirai__sched *sched); /* daemons to be spawned now or later; may be negative */
void mirai__sched_plan_spawns(mirai__sched *sched, int64_t now);

#endif
