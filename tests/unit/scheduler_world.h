/*
 * scheduler_world: what the model keeps (scheduler_model.c: its rules and what is checked of
 * commands; scheduler_rules.c: groups, requirements and resources; scheduler_lending.c: what daemons
 * have begun and what is lent to them; scheduler_submits.c and scheduler_events.c: the operations). What the scheduler holds is allocated one by one
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
    bool given, lendable;
    int lender; /* daemon that it is lent to; NOBODY */
    uint64_t lent_attempt;
    mirai_outcome unread; /* of a job that is finished, and its result not read */
    uint8_t slot;
    bool claimed;   /* in its present attempt */
    bool never_ran; /* a cancel said so */
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
    /* Its jobs: the attempt, if there is one, and what is lent. It has claimed the first so many, and finished the
     * first so many of these without a result read. */
    int claims, finished, lent_count;
    int lent[MIRAI__AHEAD_MAX]; /* tasks, in order */
    mirai_outcome unread;       /* of the attempt, if finished */
    uint8_t slot, next_slot;    /* of the attempt; of the next job */
    bool borrows, promoted;     /* promoted: the attempt was lent before */
    bool left;                  /* it claims nothing more */
    bool excused;               /* from being lent more during this attempt */
    bool slow;                  /* nothing that is lent to it is near */
    uint64_t seen;              /* its attempt at the last spread */
    bool recallable;            /* there was a reason to recall all that is lent to it */
    int known;                  /* number of setups when it was last given a task: it owes none of them */
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
    int ahead, near;
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
/* Whether a daemon has nothing to do. */
bool model_has_idle(const world *w);
/* Nothing of this may be left once there are no more commands. */
void model_check_rules(world *w);
void model_check_lending(world *w);
/* It has a setup to run. */
bool model_owes(const world *w, const daemon_model *daemon);
/* What follows from each event. */
void model_follow(world *w);
/* The number of a job that is given. */
void model_count_slot(world *w, daemon_model *daemon, uint8_t slot);
/* A daemon finishes the job that it is at, if any. */
void model_finish(world *w, daemon_model *daemon, mirai_outcome outcome);
/* It finishes the job that it is at, if any, and may claim the next. */
void model_claim(world *w, daemon_model *daemon, uint32_t number);
/* It claims all, out of turn. */
void model_grab(world *w, daemon_model *daemon);
/* Read the result of its attempt: with this outcome if it is not finished. */
void model_read(world *w, daemon_model *daemon, mirai_outcome outcome);
/* Read all results that are there. */
void model_read_all(world *w, daemon_model *daemon);
/* A task that something is to be done to: it is queued or an attempt then, or was claimed out of turn. All. */
void model_take_back(world *w, int task);
void model_take_all_back(world *w);
/* The task is ended where it is: its daemon had claimed it out of turn. */
void model_unlend(world *w, int task);
/* Give back those lent to the daemon that it has not claimed, but `but` of them. */
void model_revoke(world *w, daemon_model *daemon, int but);
/* The first of those lent is the attempt. False: none is. */
bool model_promote(world *w, daemon_model *daemon);
void model_set_ahead(world *w, uint32_t number);
void model_set_near(world *w, uint32_t number);
void model_spread(world *w, bool all);
/* All that waits is near a daemon that is at work. */
bool model_holds(const world *w);
/* Where there are too many daemons now, those that are busy need not be lent more; what is lent may be recalled. */
void model_watch(world *w);
void model_on_lend(world *w, const mirai__sched_command *command);
void model_on_recall(world *w, const mirai__sched_command *command);
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
