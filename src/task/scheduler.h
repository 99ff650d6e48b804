/*
 * scheduler: the scheduler as a pure state machine. Events go in as calls with the time as an argument, commands come
 * out of mirai__sched_next(). No I/O, no clock, no lock, no thread: the pool's lock guards it. It allocates nothing
 * but shapes and room in heaps, when a task or a daemon enters, so that no later event can fail.
 *
 * Every event is O(1) in the number of tasks and daemons, or O(log n) where a timer or a priority is set; matching is
 * O(groups + distinct requirements of queued tasks). Setups, groups and daemons coming and going, resizing, closing
 * and cancelling all are linear in what they touch.
 *
 * A task is matched with a daemon when mirai__sched_next() gives RUN, not before: until then it is queued, and a
 * cancel still says that it never ran. Plain tasks may be *lent* to a busy daemon before their turn (LEND), so that it
 * finds the next one when it has done with the last; they are queued all the same (scheduler_lend.c).
 */
#ifndef MIRAI__SCHEDULER_H
#define MIRAI__SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "heap.h"
#include "list.h"
#include <miraicore/pool.h>

/*
 * Contract:
 *  - every task that was submitted gives exactly one RESOLVE, whatever happens;
 *  - a daemon has at most one attempt; it is busy until its result has come or it is gone, also when the task has
 *    long been resolved (cancel, time-out): no slot is given out twice, and what it took of the resources is given
 *    back then, not before;
 *  - attempts are numbered from 1 and never reused; a result whose attempt is not the daemon's present one is
 *    refused (fencing). Apart from that each task counts its own attempts from 1;
 *  - a daemon has run every remembered setup before its first task, and a setup given at time t before any task
 *    submitted after t;
 *  - tasks are handed out by priority, among equals in the order in which they were queued first. One whose resources
 *    are not free is passed over (first fit): one that needs much can wait for ever while those that need little come;
 *  - no task waits in the queue while an eligible daemon idles and its resources are free. (One that is lent waits
 *    there, if it is near enough: see below.)
 *
 * Of lent tasks:
 *  - a daemon begins what is lent to it in that order, each only if it can claim it, and after the result of what was
 *    before; the owner can revoke it instead, and of both exactly one succeeds. With the result of its attempt the
 *    first of those lent becomes its present one, claimed or not;
 *  - what is lent is QUEUED. Before an event that ends tasks (cancel, cancel_all, advance with a time-out that is due,
 *    close) the owner takes back those that it may concern: what it could revoke it gives back (recalled()), and
 *    where a daemon had claimed it, the results that were before are there to be given to the machine. What is lent
 *    still then, to a daemon that claims out of turn, is ended like what runs, and is lent no more;
 *  - what a daemon has still when it is gone counts as begun;
 *  - lent are only tasks of priority 0, in order, while no other kind waits, and none to daemons that have a setup to
 *    run. They are recalled when one of a higher priority comes, a setup, when the daemon's attempt is stopped or it
 *    ends; and the first half of them when another daemon has nothing to do, since what it is at may take long;
 *  - but the first few that are lent to it, so many as the owner says that it will come to before an idle daemon
 *    could be woken (`near`), are lent although another idles, and left there until the owner says that they wait too
 *    long (spread()): a stream of brief tasks is one daemon's as long as that keeps up with it.
 */

enum { MIRAI__GROUPS_MAX = 64, MIRAI__RESOURCES_MAX = 16, MIRAI__DEATHS_MAX = 3, MIRAI__PRIORITY_MAX = 1000,
       MIRAI__AHEAD_MAX = 200 /* fewer than there are slots */ };

/* Amounts are kept as whole numbers of these parts. */
#define MIRAI__RESOURCE_PARTS 1024

/* ---- what is scheduled: embedded in the owner's structs, zeroed before first use ---- */

/* Why a task is LOST. */
enum {
    MIRAI__LOSS_DIED = 0,        /* its daemon died in it, or was lost before it had begun it */
    MIRAI__LOSS_QUARANTINED = 1, /* so did MIRAI__DEATHS_MAX daemons */
    MIRAI__LOSS_STRANDED = 2,    /* the only daemon that it may run on is gone */
    MIRAI__LOSS_UNSTARTED = 3    /* its daemon did not start, in an ephemeral pool */
};

typedef struct mirai__sched_task {
    mirai__list node;        /* queued or blocked in its shape, or among the resolved to be reported */
    mirai__heap_node timer;  /* time-out */
    mirai__heap_node place;  /* its key orders it among the queued; in a heap only with a priority */
    uint64_t attempt;        /* the last one, for fencing; 0: none yet */
    int64_t grace_ms;        /* -1: for ever */
    struct mirai__sched_daemon *daemon; /* while running or lent */
    struct mirai__sched_shape *shape;   /* until resolved */
    mirai_outcome outcome;   /* once resolved */
    uint32_t waits;          /* while blocked: how much it waits for */
    int32_t attempts;        /* how often it was handed out */
    int32_t retries, losses; /* left */
    int16_t priority;
    uint8_t state;           /* MIRAI_TASK_*; 0 before submission */
    uint8_t retry_on;        /* MIRAI_RETRY_* */
    uint8_t deaths;          /* daemons that died in it by its fault */
    uint8_t loss;            /* of LOST: MIRAI__LOSS_* */
    uint8_t cancellation : 4; /* MIRAI_CANCEL_* of the first cancel; 0: none */
    uint8_t lendable : 1;    /* as the request said */
    uint8_t slot;            /* while it is lent: as in the command */
} mirai__sched_task;

/* What a task asks for; all zero is a plain one. Borrowed for the call. */
typedef struct mirai__sched_request {
    int64_t timeout_ms, grace_ms;        /* as in mirai_submit_options */
    uint32_t waits;                      /* unblock() calls before it is queued; 0: none */
    int32_t priority, retries, retry_on, losses; /* as in mirai_submit_options */
    struct mirai__sched_daemon *daemon;  /* NULL: any */
    uint64_t daemon_id;                  /* for messages only */
    const char *tag;                     /* NULL: any */
    const mirai_resource *resources;     /* amounts more than 0 and checked for their range */
    size_t resource_count;
    bool lendable;                       /* it is small enough, and needs nothing but itself, to be lent */
} mirai__sched_request;

/* A distinct requirement; exists while tasks have it that are not resolved, or a daemon holds its resources. */
typedef struct mirai__sched_shape {
    mirai__list all;     /* in sched->shapes */
    mirai__list waiting; /* in sched->waiting while tasks are queued */
    mirai__list queue;   /* priority 0, in order */
    mirai__list *mark;   /* where in it one was put back last */
    mirai__list blocked;
    mirai__heap ranked;  /* other priorities */
    int64_t queued;      /* in queue and ranked */
    int64_t tasks;       /* not resolved */
    int64_t ranked_tasks; /* of these, with a priority: there is room for all in `ranked` */
    int64_t holders;     /* daemons that hold its resources */
    uint64_t groups;     /* which may take it */
    struct mirai__sched_daemon *daemon; /* the only one; NULL: any */
    bool takes;          /* any resource */
    char *tag;           /* NULL: none */
    int64_t needs[MIRAI__RESOURCES_MAX];
} mirai__sched_shape;

/* Something that runs once on every daemon (everywhere). */
typedef struct mirai__sched_setup {
    mirai__list node;
    uint64_t sequence;  /* from 1, increasing */
    uint32_t deaths;    /* daemons that died in it; once it is done, in a row */
    uint32_t waiting;   /* daemons that were ready when it was added and have not run it */
    uint32_t runs;      /* internal: daemons that have run it, until it is reported */
    bool remembered;    /* the caller's, before adding it: daemons that join later run it as well */
    bool reported;      /* SETUP_DONE or SETUP_FAILED is decided */
    bool failed;        /* which of them */
    mirai__list report; /* internal: among those to be reported */
} mirai__sched_setup;

enum {
    MIRAI__DAEMON_STARTING = 1, /* spawned, not yet ready */
    MIRAI__DAEMON_IDLE = 2,
    MIRAI__DAEMON_BUSY = 3,     /* a task or a setup is out */
    MIRAI__DAEMON_ENDING = 4    /* killed, closed or leaving: gets nothing more; _gone() will follow */
};

/* A kind of daemons. Number 0 is the pool's own. */
typedef struct mirai__sched_group {
    const char *tags;    /* names separated by commas; borrowed for the scheduler's life; NULL: none */
    mirai__list idle;
    int64_t wanted, starting, ready, ending, spawning; /* as in the counts: those of this group */
    int64_t dormant;     /* of those wanted: left because they were idle, and are replaced when there is work */
    int64_t start_failures; /* in a row; daemons of one round that fail together count once */
    uint64_t round;      /* internal: of start failures */
    int64_t retry_at;    /* no SPAWN before: back-off */
    int64_t spawn_at;    /* not before; MIRAI__NEVER: nothing to spawn */
    int64_t spawns_due;  /* SPAWN commands to give now */
} mirai__sched_group;

typedef struct mirai__sched_resource {
    const char *name;    /* borrowed for the scheduler's life */
    int64_t total, free; /* in parts */
} mirai__sched_resource;

typedef struct mirai__sched_daemon {
    mirai__list node;           /* among the idle of its group */
    mirai__list all;            /* among all */
    mirai__list pending;        /* among those with commands to give */
    mirai__heap_node timer;     /* start deadline while starting, grace period while an attempt is cancelled */
    int32_t state;
    uint32_t commands;          /* internal: bits still to be given */
    int32_t group;
    int32_t pins;               /* tasks not resolved that may run on it only */
    uint64_t attempt;           /* present one; 0: none */
    mirai__sched_shape *holds;  /* what the attempt took of the resources; NULL: nothing */
    uint64_t devices;           /* gpus among that, as a bit mask */
    mirai__sched_task *task;    /* of the attempt; NULL when resolved meanwhile, or a setup */
    mirai__sched_setup *setup;  /* of the attempt; NULL when a task, or the setup was withdrawn */
    uint64_t applied;           /* sequence up to which it has nothing more to run */
    uint64_t joined;            /* last sequence when it became ready; UINT64_MAX while starting */
    uint64_t round;             /* internal: of start failures, when it was added */
    mirai__list lent;           /* tasks, in order */
    mirai__list roomy;          /* in sched->roomy while it may be lent another */
    mirai__list laden;          /* in sched->laden while something is lent to it that may be worth recalling */
    int32_t lent_count;
    uint8_t slot, next_slot;    /* of the present attempt, and of the next: they are numbered in the order given */
    bool borrows;               /* the owner's, before it is ready: tasks may be lent to it */
    bool slow;                  /* what is lent to it waits too long: none of it is near, and it is lent no more */
    uint64_t seen;              /* its attempt when the owner last asked to spread what is late */
    bool tried;                 /* it has been given a task, or a setup that was not done yet */
    bool parting;               /* it said that it leaves, or was retired: no loss */
} mirai__sched_daemon;

typedef struct mirai__sched_config {
    int64_t daemons;          /* to keep alive; one that is ending counts until it is gone */
    int64_t start_timeout_ms; /* from SPAWN's daemon_added to daemon_ready; -1: none */
    int64_t grace_ms;         /* default for cancelled attempts; -1: for ever */
    bool ephemeral;           /* a daemon for each task: `daemons` is 0, and there is no other group and no setup */
    const char *tags;         /* of group 0; borrowed for the scheduler's life */
    const mirai_resource *resources; /* what there is; names borrowed for the scheduler's life */
    size_t resource_count;    /* at most MIRAI__RESOURCES_MAX; "gpus" at most 64 and whole */
} mirai__sched_config;

typedef struct mirai__sched_counts {
    int64_t wanted, starting, ready, ending; /* daemons now, of all groups; ready counts idle and busy */
    int64_t spawning;             /* SPAWN commands given and not answered */
    int64_t dormant;              /* of those wanted: not there until there is work */
    int64_t lost;                 /* total: daemons gone that had been ready and were to be kept */
    int64_t awaiting, executing;  /* tasks now; a task resolved while its daemon is busy counts as neither */
    int64_t blocked;              /* tasks now; not among the awaiting */
    int64_t submitted;            /* total; = awaiting + executing + blocked + the six totals below, at any time */
    int64_t completed, failed, cancelled, timedout, lost_tasks, closed; /* by outcome, counted when decided */
    int64_t retried;              /* total: times that a task was handed out again */
} mirai__sched_counts;

typedef struct mirai__sched {
    mirai__sched_config config;
    mirai__sched_counts counts;
    mirai__sched_group groups[MIRAI__GROUPS_MAX];
    int32_t group_count;
    mirai__sched_resource resources[MIRAI__RESOURCES_MAX];
    size_t resource_count;
    int32_t gpus;             /* which of the resources; -1: none */
    uint64_t devices;         /* of the gpus, those that are free */
    mirai__sched_shape plain; /* asks for nothing */
    mirai__list shapes, waiting; /* all but plain; those with queued tasks, plain among them */
    mirai__list resolved, daemons, pending, setups, reports; /* reports: setups to be reported */
    mirai__list roomy, laden; /* daemons that may be lent more; that have something to recall */
    int64_t lent;         /* tasks now; they are among the awaiting */
    int32_t ahead;        /* how many may be lent to each daemon */
    int32_t near;         /* of those, so many are nearer there than an idle daemon is */
    mirai__sched_daemon *gatherer; /* the last that was lent one for being near, as long as it has any; NULL: none */
    mirai__heap timeouts; /* of tasks that have one */
    mirai__heap timers;   /* of all daemons, so that setting one needs no room */
    uint64_t last_attempt, last_sequence, last_queued;
    int64_t open_setups; /* not reported */
    int64_t now;         /* of the last event that told it */
    bool census_due;     /* internal: a daemon was retired within this event */
    int32_t closing;     /* 0, MIRAI_DRAIN or MIRAI_CANCEL */
} mirai__sched;

void mirai__sched_init(mirai__sched *sched, const mirai__sched_config *config);
void mirai__sched_fini(mirai__sched *sched); /* all tasks resolved and reported, all daemons gone */

/* ---- events ---- */

/* E_CLOSED when closing, E_STATE when it was submitted before, E_INFEASIBLE when no daemon of this pool can ever run
 * it (the detail says why), E_NOMEM: the task is then as before. */
mirai_status mirai__sched_submit(mirai__sched *sched, mirai__sched_task *task, const mirai__sched_request *request,
                                 int64_t now);
/* One of the things that a blocked task waits for is there; with the last one it is queued. Ignored in other states. */
void mirai__sched_unblock(mirai__sched *sched, mirai__sched_task *task, int64_t now);
/* What a blocked task waits for will never be there: it resolves to FAILED. Ignored in other states. */
void mirai__sched_fail_blocked(mirai__sched *sched, mirai__sched_task *task, int64_t now);
/* A task that runs where it is submitted, until end_here: for pools without daemons. E_CLOSED, E_STATE. */
mirai_status mirai__sched_begin_here(mirai__sched *sched, mirai__sched_task *task);
void mirai__sched_end_here(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome);
/* Returns MIRAI_CANCEL_*. */
int32_t mirai__sched_cancel(mirai__sched *sched, mirai__sched_task *task, int64_t now);
/* Cancel all that is not resolved; how many. */
size_t mirai__sched_cancel_all(mirai__sched *sched, int64_t now);

/* A SPAWN was carried out: the daemon is starting. E_NOMEM: end the process and call spawn_failed. E_STATE: it is
 * in the machine already. */
mirai_status mirai__sched_daemon_added(mirai__sched *sched, mirai__sched_daemon *daemon, int32_t group, int64_t now);
/* A SPAWN could not be carried out.
 * A start has failed when this is called, or when a daemon that is needed goes, leaves or is killed before it was
 * given anything but what all are given (ready or not: else one that dies when idle, or of a setup that had been
 * done, is respawned for ever at full speed). After k failures
 * in a row nothing is spawned in that group for min(100 ms * 2^(k-1), 30 s); one that becomes ready ends the row.
 * Any other daemon that goes is replaced at once. */
void mirai__sched_spawn_failed(mirai__sched *sched, int32_t group, int64_t now);
/* Ignored unless it is starting. */
void mirai__sched_daemon_ready(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now);
/* The daemon will end (it broke the protocol, its connection broke, it was asked to end): no more work for it. A task
 * or setup that it has stays its until the result or daemon_gone. */
void mirai__sched_daemon_leaving(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now);
/* The daemon said that it leaves, and begins no further job. An attempt that is out was never begun, and is none: its task
 * is queued again, free of charge. One that leaves because it was `idle` is not replaced before there is work that no idle or
 * starting daemon can take; others are, when they are gone. */
void mirai__sched_daemon_left(mirai__sched *sched, mirai__sched_daemon *daemon, bool idle, int64_t now);
/* The process is dead and its memory may be reclaimed. It is out of the machine now. A task that it has is queued
 * again, before all of its priority that were queued after it, or resolves to LOST:
 *  - where it was `begun`, the task bears the blame: it is queued again if retry_on has MIRAI_RETRY_LOST and retries
 *    are left, unless MIRAI__DEATHS_MAX daemons have died in it now (quarantine);
 *  - else it is queued again if losses are left.
 * Tasks that may run on this daemon only resolve to LOST as soon as it is ending. */
void mirai__sched_daemon_gone(mirai__sched *sched, mirai__sched_daemon *daemon, bool begun, int64_t now);

/* A result came. False: stale, drop it. True: *task is the task that it resolves (RESOLVE will be given), or NULL
 * when that was resolved meanwhile, or is queued again (FAILED, retry_on has MIRAI_RETRY_FAILED, retries are left), or
 * it was a setup (*setup, NULL when withdrawn); the daemon is free again. `outcome` is VALUE or FAILED. */
bool mirai__sched_result(mirai__sched *sched, mirai__sched_daemon *daemon, uint64_t attempt, mirai_outcome outcome,
                         int64_t now, mirai__sched_task **task, mirai__sched_setup **setup);

/* How many tasks may be lent to each daemon from now on, at most MIRAI__AHEAD_MAX. At first none. */
void mirai__sched_set_ahead(mirai__sched *sched, int32_t ahead);
/* How many of those lent to a daemon are near, at least 0. At first none. More than MIRAI__AHEAD_MAX: what waits in the
 * queue is near too. */
void mirai__sched_set_near(mirai__sched *sched, int32_t near);
/* Something is lent to a daemon while another idles: the owner has to see to it that it does not wait long. */
bool mirai__sched_is_gathered(const mirai__sched *sched);
/* Something is lent, and there is more than one daemon to come to it: the owner has to spread from time to time. */
bool mirai__sched_may_spread(const mirai__sched *sched);
/* What is lent to daemons that are at the same attempt as they were at the last such call, or (`all`) to any, waits too long: it
 * is not near, and no more is lent to them, until that attempt has ended. Where none idles, what is lent to the former is
 * recalled, so that nothing waits behind a long task while others run what came later. */
bool mirai__sched_spread(mirai__sched *sched, bool all); /* false: that was known of all of them */
/* The owner has revoked a lent task: it is queued again, at its place. Ignored for others. */
void mirai__sched_recalled(mirai__sched *sched, mirai__sched_task *task);
/* The last of those that are lent to the daemon; before another. NULL: none. */
mirai__sched_task *mirai__sched_last_lent(const mirai__sched_daemon *daemon);
mirai__sched_task *mirai__sched_lent_before(const mirai__sched_daemon *daemon, const mirai__sched_task *task);
bool mirai__sched_is_lent(const mirai__sched_task *task);

/* Add a setup, zeroed but for `remembered`. It is done when every daemon that is ready now has run it, left or died,
 * and at least one has run it (where the pool keeps any or one is coming; else it is done as it is). One that is not
 * remembered runs only on daemons that are ready now; when none of them is left to run it and none has, it fails.
 * A setup in which 3 daemons died fails and is withdrawn, also after SETUP_DONE when they were in a row, as is one
 * whose result is FAILED before it is done. Once it is done and remembered, a FAILED result changes nothing.
 * Whenever a setup is withdrawn, daemons that are at it are told to stop like those of a cancelled task (INTERRUPT,
 * then KILL after config.grace_ms). A setup has no time-out of its own: remove it.
 * E_CLOSED when closing, E_STATE when it was added before. */
mirai_status mirai__sched_setup_add(mirai__sched *sched, mirai__sched_setup *setup, int64_t now);
/* Withdraw: runs nowhere any more; no report follows, also when it was decided and not yet given. Call next and ask
 * for the deadline after it, as after any event. */
void mirai__sched_setup_remove(mirai__sched *sched, mirai__sched_setup *setup);

/* Another kind of daemons. E_LIMIT, E_CLOSED. tags as in mirai__sched_group. */
mirai_status mirai__sched_group_add(mirai__sched *sched, int64_t daemons, const char *tags, int32_t *group, int64_t now);
/* How many daemons of a group to keep alive from now on. Those too many are retired: starting ones first, then idle
 * ones, then others when they have ended their attempt; one that tasks are pinned to stays until these are resolved. */
void mirai__sched_resize(mirai__sched *sched, int32_t group, int64_t daemons, int64_t now);
/* Every group has exactly the daemons that it is to have, ready. */
bool mirai__sched_is_settled(const mirai__sched *sched);
/* A resource of which not enough is free for a queued task; NULL: there is none. */
const mirai__sched_resource *mirai__sched_missing(const mirai__sched *sched, const mirai__sched_task *task);

/* Fire what is due. */
void mirai__sched_advance(mirai__sched *sched, int64_t now);
/* When to call advance next; MIRAI__NEVER. */
int64_t mirai__sched_deadline(const mirai__sched *sched);

/* MIRAI_DRAIN: no further tasks and setups, spawn only while tasks are queued; tasks that no daemon can ever take
 * (none wanted, none starting or ready) resolve to CLOSED. MIRAI_CANCEL: resolve all that is left to CLOSED (what runs
 * gets INTERRUPT and KILL as by a cancel), fail setups not yet reported, run no setups, spawn no more. May be called
 * again to go from DRAIN to CANCEL. Daemons are the caller's to end. */
void mirai__sched_close(mirai__sched *sched, int32_t how, int64_t now);
bool mirai__sched_is_drained(const mirai__sched *sched); /* no task blocked, queued or running */

/* ---- commands: call until it gives NONE, after each event or batch of events ---- */

typedef struct mirai__sched_command {
    enum {
        MIRAI__COMMAND_NONE,
        MIRAI__COMMAND_RESOLVE,      /* task: outcome is set; it is out of the machine now */
        MIRAI__COMMAND_RUN,          /* daemon, and task or setup; attempt, and devices assigned to it */
        MIRAI__COMMAND_LEND,         /* daemon, task, attempt: send it ahead */
        MIRAI__COMMAND_RECALL,       /* daemon, count: of the first so many of those lent to it, revoke those that it has not
                                        begun, the last of them first, and give them back */
        MIRAI__COMMAND_INTERRUPT,    /* daemon, attempt: tell it to stop the attempt */
        MIRAI__COMMAND_KILL,         /* daemon: kill it (start deadline or grace period over); _gone must follow */
        MIRAI__COMMAND_RETIRE,       /* daemon, without an attempt: ask it to end; _gone must follow */
        MIRAI__COMMAND_SPAWN,        /* group: start one daemon, then daemon_added or spawn_failed */
        MIRAI__COMMAND_SETUP_DONE,   /* setup: every daemon has run it; it stays if remembered, else it is out */
        MIRAI__COMMAND_SETUP_FAILED  /* setup: withdrawn; it is out of the machine now. May follow SETUP_DONE */
    } kind;
    mirai__sched_task *task;
    mirai__sched_setup *setup;
    mirai__sched_daemon *daemon;
    uint64_t attempt;
    uint64_t devices; /* bit mask of gpus */
    int32_t group;
    int32_t count;
    uint8_t slot; /* of RUN and LEND: it may be used again when neither the daemon's attempt nor what is lent has it */
} mirai__sched_command;

void mirai__sched_next(mirai__sched *sched, mirai__sched_command *out);

#endif
