/*
 * scheduler_world: what the model keeps (scheduler_model.c: its rules and what is checked of
 * commands; scheduler_events.c: the operations). What the scheduler holds is allocated one by one
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

typedef struct task_model {
    held_task *held;
    int state, daemon;
    int64_t deadline, grace;
    mirai_outcome outcome; /* UNDECIDED */
    bool given;
} task_model;

typedef struct daemon_model {
    held_daemon *held;
    int state; /* READY is IDLE here */
    uint64_t attempt, ran;
    int task, setup, joined; /* joined: number of setups when it became ready */
    int64_t kill_at;
    bool kill_due, interrupt_due, ever_ready;
} daemon_model;

typedef struct setup_model {
    held_setup *held; /* NULL: out of the machine */
    bool remembered, open, done, failed, given_due;
    int runs, deaths;
} setup_model;

typedef struct world {
    mirai__sched sched;
    int64_t now, grace, start_timeout, wanted, spawning, retry_at;
    int closing;
    uint64_t last_attempt;
    int task_count, daemon_count, setup_count, live_count;
    int oldest, head; /* tasks before these are resolved, not queued */
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

void model_decide(world *w, int task, mirai_outcome outcome);
void model_stop(daemon_model *daemon, int64_t kill_at);
void model_abandon(world *w, int task, mirai_outcome outcome);
void model_abandon_queue(world *w);
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
