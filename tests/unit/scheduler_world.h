/*
 * scheduler_world: what the model keeps (scheduler_model.c: its rules and what is checked of
 * commands; scheduler_rules.c: groups, requirements and resources; scheduler_submits.c
 * and scheduler_events.c: the operations). What the scheduler holds is allocated one by one
 * and freed as soon as the contract says that it is out of the machine, so that a sanitizer sees a
 * late touch.
 */
#ifndef SCHEDULER_WORLD_H
#define SCHEDULER_WORLD_H

#include "clock.h"
#include "scheduler.h"
#include "scheduler_model.h"

enum {
    TASKS = MODEL_EVENTS_MAX,
    SETUPS = 64,
    DAEMONS = MODEL_EVENTS_MAX,
    GROUPS = 6,
    RESOURCES = 2,
    NOBODY = -1,
    UNDECIDED = -1
};

typedef struct held_task {
    mirai__sched_task sched;
    int id;
} held_task;

typedef struct held_daemon {
    mirai__sched_daemon sched;
    int id;
} held_daemon;

typedef struct held_setup {
    mirai__sched_setup sched;
    int id;
} held_setup;

/* What a task asks for: tasks that ask for the same are of one shape. */
typedef struct wish {
    int tag; /* in model_tags; NOBODY: none */
    int pin; /* daemon; NOBODY: none */
    int64_t needs[RESOURCES]; /* in parts */
} wish;

typedef struct task_model {
    held_task *held;
    int state, daemon;
    wish wish;
    int priority, attempts, retries, retry_on, losses, deaths;
    uint32_t waits;
    uint64_t sequence; /* when it was first queued */
    int64_t deadline, grace;
    mirai_outcome outcome; /* UNDECIDED */
    bool given;
} task_model;

typedef struct daemon_model {
    held_daemon *held;
    int state; /* READY is IDLE here */
    uint64_t attempt, ran;
    int task, setup, joined; /* joined: number of setups when it became ready */
    int group, holds;        /* holds: a task whose resources it has, which may be long resolved */
    uint64_t devices;
    int64_t kill_at;
    bool kill_due, interrupt_due, retire_due, ever_ready;
} daemon_model;

typedef struct group_model {
    const char *tags;
    int64_t wanted, starting, ready, ending, spawning, dormant, retry_at, failures;
} group_model;

typedef struct setup_model {
    held_setup *held; /* NULL: out of the machine */
    bool remembered, open, done, failed, given_due;
    int runs, deaths;
} setup_model;

typedef struct world {
    mirai__sched sched;
    int64_t now, grace, start_timeout;
    group_model groups[GROUPS];
    int group_count;
    int64_t total[RESOURCES], free[RESOURCES];
    uint64_t devices, last_sequence; /* devices: those taken */
    int closing;
    uint64_t last_attempt;
    int task_count, daemon_count, setup_count, live_count;
    int oldest; /* tasks before it are resolved */
    mirai__sched_counts counts;
    int hold; /* events until commands are taken again */
    bool trace;
    char broken[256];
    model_totals *totals;
    task_model tasks[TASKS];
    daemon_model daemons[DAEMONS];
    setup_model setups[SETUPS];
    int live[DAEMONS]; /* ids of daemons that are not gone */
} world;

/* The first thing that is broken is kept. Returns `good`. */
bool model_expect(world *w, bool good, const char *format, ...)
    __attribute__((__format__(__printf__, 3, 4)));
int64_t model_after(const world *w, int64_t ms);

extern const char *const model_tags[3], *const model_resources[RESOURCES];
int64_t model_wanted(const world *w);
int64_t model_spawning(const world *w);
bool model_has_tag(const group_model *group, int tag);
/* Whether a daemon of the group may run it, apart from a pin. */
bool model_admits(const world *w, const task_model *task, int group);
bool model_fits(const world *w, const task_model *task);
/* Nobody is there, nor to come, who could run it. */
bool model_is_deserted(const world *w, const task_model *task);
bool model_has_excess(const group_model *group);
bool model_is_short(const group_model *group);
void model_enqueue(world *w, int task);
/* The attempt is over: its resources are free. */
void model_let_go(world *w, daemon_model *daemon);
/* Its attempt is over: another follows. */
void model_again(world *w, int task);
bool model_has_place(const world *w, int task);
/* The task that is to run next, of those that a daemon could run now; NOBODY. */
int model_best(const world *w);
/* Nothing of this may be left once there are no more commands. */
void model_check_rules(world *w);
/* Operations on tasks. */
void model_submit(world *w, uint32_t number, bool nomem, bool demanding);
void model_unblock(world *w, uint32_t number, bool fail);
void model_cancel_all(world *w);
/* Daemons that the scheduler has retired and roused since it was last looked at. `all`: there is no other
 * reason for which it may have ended one. */
void model_catch_up(world *w, bool all);

void model_decide(world *w, int task, mirai_outcome outcome);
void model_stop(daemon_model *daemon, int64_t kill_at);
void model_abandon(world *w, int task, mirai_outcome outcome);
void model_abandon_waiting(world *w, mirai_outcome outcome);
void model_withdraw(world *w, int setup, int64_t kill_at);
void model_fail_setup(world *w, int setup);
void model_end(world *w, daemon_model *daemon);
/* What follows from any event: setups that are settled, tasks that are stranded. */
void model_judge(world *w);
/* Carry out one command. False when there is none. */
bool model_take(world *w);
/* Carry out commands until there are none, and check that nothing is left to do. */
void model_pump(world *w);

#endif
