/*
 * engine: the state of a pool, and the turn that moves it on: wait for events, feed them to the scheduler, carry out
 * its commands.
 *
 * Threads. A *turn* is made by whoever drives: a thread that waits (driver.h), else the service thread (service.h).
 * Any thread may submit, cancel or read at the same time. pool->lock guards everything here unless said otherwise;
 * it is never held while user code runs, a process is spawned, or a thread sleeps. Events carry ids, not
 * pointers, so that what one thread frees cannot be touched by another whose events are older.
 *
 * Life. A pool is counted: the handle, each task, and each turn of the service thread hold it.
 */
#ifndef MIRAI__ENGINE_H
#define MIRAI__ENGINE_H

#include <pthread.h>

#include "budget.h"
#include "map.h"
#include "registry.h"
#include "scheduler.h"
#include "seeds.h"
#include "slabs.h"
#include "spawn.h"
#include "vigil.h"

struct mirai__remote;
struct mirai__waiter;

/* sleep_until while a turn is being dealt with. */
#define MIRAI__AWAKE INT64_MIN

/* Who sees to a pool that nobody drives. */
typedef struct mirai__station {
    int32_t watch;      /* MIRAI__SERVICE_* (service.h) */
    uint64_t drives;    /* how often somebody has begun to drive */
    int64_t drove_at;   /* when somebody last ceased; now_ms */
} mirai__station;

/* A kind of daemons. */
typedef struct mirai__group {
    mirai_daemon_options *options; /* owned; constant once it is there */
    int64_t spawns_owed;           /* SPAWN commands that a turn has still to carry out */
} mirai__group;

/* How local daemons are connected, when not through a listener. */
enum { MIRAI__LOCAL_BEST, MIRAI__LOCAL_RING, MIRAI__LOCAL_PAIR };

struct mirai_pool {
    _Atomic int64_t references;
    pthread_mutex_t lock;
    uint64_t id; /* never reused in this process; constant */
    char *name;  /* constant */
    mirai__hooks *hooks; /* has its own lock */

    mirai__sched sched;
    mirai__seeds seeds;
    mirai__spawn spawn; /* template: command and output */
    int local;          /* MIRAI__LOCAL_*; constant */
    mirai__slabs *slabs; /* where large parts of requests are; NULL: daemons cannot map memory of ours. Constant */
    char **command;     /* owned copy behind spawn.command; NULL: the default program */
    mirai__group groups[MIRAI__GROUPS_MAX]; /* as many as the scheduler has; by the same numbers */
    mirai_resource *resources; /* owned; what the scheduler's resources are called */

    int epoll; /* all sources of the pool: constant */
    int wake;  /* eventfd among them: kicks the thread that sleeps in epoll */
    int64_t sleep_until; /* deadline of that thread: a nearer one needs a kick. MIRAI__AWAKE: none does */
    mirai__vigil vigil;
    int64_t pace_ns;     /* how long a task takes, about (ahead.c) */
    uint64_t handed;     /* jobs that were handed to daemons that had none */
    int64_t spread_at;   /* what is held at one daemon has waited there long enough; MIRAI__NEVER: nothing is */
    bool ahead_is_fixed; /* how many are sent ahead does not depend on that; constant */
    mirai__station station; /* with the service thread (service.h) */
    int64_t spawns_owed; /* SPAWN commands that a turn has still to carry out, of all groups */
    int64_t spawning;    /* processes being started by some thread, with the lock dropped */
    bool opening;        /* a daemon that is lost now fails the opening */
    int64_t came;        /* daemons that were welcomed: some may have left again, idle or old, before others came */
    bool copies_results; /* a reader gets bytes of its own; constant */
    bool sync;           /* it has no daemons: tasks run where they are submitted; constant */
    struct mirai__store *store; /* what these tasks keep; constant until the pool is closed */
    bool ending;         /* daemons are being ended: those that start now are ended too */

    mirai__map remotes;   /* id -> mirai__remote */
    mirai__map strangers; /* id -> mirai__stranger */
    mirai__list lingering;  /* dead remotes whose link has not ended, and the reverse */
    struct mirai__listener *listener; /* NULL: daemons inherit their socket */

    mirai__list graves;  /* shares that daemons have still to be told of, under the lock of links (share.c) */
    _Atomic bool has_graves; /* set under that lock; may be read without */
    bool shares_shut;    /* no more of them; under that lock too */
    int64_t heartbeat_ms; /* -1: none; constant */
    int64_t beat_at;      /* of heartbeat.h: MIRAI__NEVER while no daemon has been busy for long */
    mirai__list busy;     /* remotes that have an attempt */

    mirai__list waiters;           /* all, in order of arrival */
    struct mirai__waiter *driver;  /* one of them; NULL: the service thread drives */
    _Atomic int interrupt;         /* set by mirai_pool_interrupt(), taken by a turn or a wait */
    bool untold;                   /* waits were interrupted, and none of them has said so yet */

    mirai__list setups;    /* mirai__everywhere, in order */
    mirai__list callbacks; /* tasks whose on_resolved is due */
    mirai__budget budget;
    int64_t plain_events;  /* resolutions without a callback, counted once `event_fd` was asked for */
    int event_fd;          /* -1: never asked for */
    struct mirai__capturing *capturing; /* NULL: output is not captured (output.h); constant */
    bool rung;             /* it is readable */
    bool delivering;       /* a thread gives events and output to the program */
    int32_t event_kinds;   /* that somebody listens to (events.h) */
    struct mirai__events *events; /* NULL: nobody has ever listened */

    mirai_status start_status; /* last failed start of a daemon: why */
    char *start_detail;
};

/* ---- life ---- */

mirai_status mirai__engine_new(const char *name, const mirai_pool_options *options, mirai_pool **out);
mirai_pool *mirai__engine_ref(mirai_pool *pool);
void mirai__engine_release(mirai_pool *pool);
/* Its daemons are to read large parts of requests in place, if they are connected so that they can. */
mirai_status mirai__engine_lend(mirai_pool *pool);
/* Close its listener and descriptors, and give unused memory back: handles of tasks may keep the rest for long. Nobody drives any more; lock held
 * or nobody else has the pool. */
void mirai__engine_shut(mirai_pool *pool);

/* ---- progress; the lock is held on entry and on return ---- */

/* Carry out the scheduler's commands, until there are none. Does not start processes: it kicks for that. */
void mirai__engine_commands(mirai_pool *pool);
/* Wait for events until the deadline at the latest (the pool's own are kept too), and deal with them. The lock is
 * dropped while waiting and while starting processes; somebody else may become the driver then. `self` is the waiter
 * who drives, NULL on the service thread. */
void mirai__engine_turn(mirai_pool *pool, struct mirai__waiter *self, int64_t deadline);
/* When the next turn is due though no event comes. */
int64_t mirai__engine_deadline(const mirai_pool *pool);
/* Make the thread that sleeps in the pool's epoll look again. Async-signal-safe; needs no lock. */
void mirai__engine_kick(mirai_pool *pool);
/* After an event: kick if the next deadline is nearer than what the sleeper knows of. */
void mirai__engine_rearm(mirai_pool *pool);

/* ---- for the sources' owners ---- */

enum { MIRAI__SOURCE_LINK, MIRAI__SOURCE_PROCESS, MIRAI__SOURCE_OUTPUT, MIRAI__SOURCE_STRANGER,
       MIRAI__SOURCE_LISTENER, MIRAI__SOURCE_WAKE, MIRAI__SOURCE_STDOUT };
/* Watch fd for poll events; `id` names the owner (remote or stranger). */
mirai_status mirai__engine_watch(mirai_pool *pool, int fd, short events, int source, uint64_t id);
void mirai__engine_rewatch(mirai_pool *pool, int fd, short events, int source, uint64_t id);
void mirai__engine_unwatch(mirai_pool *pool, int fd);

#endif
