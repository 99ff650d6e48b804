/**
 * @file status.h
 * Looking at a pool: counters, and one record per daemon.
 *
 * Thread safety: every function here is safe on any thread.
 */
#ifndef MIRAICORE_STATUS_H
#define MIRAICORE_STATUS_H

#include <miraicore/pool.h>

MIRAI_BEGIN_DECLS

/** A pool's counters at one moment. */
typedef struct mirai_pool_status {
    /** sizeof(mirai_pool_status), set by the caller. */
    size_t struct_size;
    /** Daemons that the pool keeps. */
    int64_t daemons_wanted;
    /** Daemons that are ready or run a task. */
    int64_t daemons_ready;
    /** Daemons that were lost, since the pool opened. */
    int64_t daemons_lost;
    /** Tasks that wait for a daemon. */
    int64_t awaiting;
    /** Tasks that a daemon runs. */
    int64_t executing;
    /** Tasks that resolved to a value. */
    int64_t completed;
    /** Tasks whose function failed. */
    int64_t failed;
    /** Tasks that were cancelled. */
    int64_t cancelled;
    /** Tasks that timed out. */
    int64_t timedout;
    /** Tasks whose daemon was lost. */
    int64_t lost;
    /** Tasks that were closed with the pool. */
    int64_t closed;
    /** Tasks that wait for tasks among their arguments; not counted as awaiting. */
    int64_t blocked;
    /** Tasks that were submitted: the sum of all above from `awaiting` on. */
    int64_t submitted;
    /** Further attempts that were begun: by retries, and after innocent losses. */
    int64_t retried;
    /** Daemons that are starting. */
    int64_t daemons_starting;
    /** Bytes that count against max_bytes now. */
    int64_t bytes_used;
    /** The most of that since the pool opened. */
    int64_t bytes_peak;
    /** max_bytes; -1: none. */
    int64_t bytes_capacity;
    /** max_tasks; -1: none. */
    int64_t tasks_capacity;
    /** Events that nobody processed in time and that were dropped. */
    int64_t events_dropped;
} mirai_pool_status;

/** Start of every mirai_pool_status. */
#define MIRAI_POOL_STATUS_INIT                                                                     \
    {                                                                                              \
        sizeof(mirai_pool_status), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0      \
    }

/**
 * Read a pool's counters.
 * @param pool         borrowed.
 * @param[in,out] out  struct_size is read, all else filled.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_pool_get_status(mirai_pool *pool, mirai_pool_status *out);

/**
 * Everything that is known of a pool, as a dict: "name", the counters, and "daemons", a list of dicts
 * with "id", "pid", "host", "group", "tags", "state" ("starting", "idle", "busy", "leaving"), "jobs",
 * "uptime_ms", "memory" (resident bytes, where it can be read), "modules" (loaded through the pool), "task" and
 * "label"; "resources", a list of dicts with "name", "total" and "free". The first daemon's process, say, is
 * `mirai_value_int_or(mirai_value_at(description, "daemons[0].pid"), 0)`.
 * @param pool  borrowed.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_pool_describe(mirai_pool *pool);

/** Kinds of events. */
enum {
    MIRAI_EVENT_DAEMON_JOINED = 1, /**< a daemon is ready */
    MIRAI_EVENT_DAEMON_LEFT = 2,   /**< a daemon has ended; `cause` says how */
    MIRAI_EVENT_TASK_QUEUED = 4,   /**< a task was submitted, unblocked, or is to be tried again */
    MIRAI_EVENT_TASK_RUNNING = 8,  /**< a task was handed to a daemon */
    MIRAI_EVENT_TASK_RESOLVED = 16, /**< a task has resolved; `outcome` says to what */
    MIRAI_EVENT_ALL = 31,
    MIRAI_EVENT_FORCE_INT32 = INT32_MAX
};

/** Something that happened in a pool. */
typedef struct mirai_event {
    /** sizeof(mirai_event) of the library. */
    size_t struct_size;
    /** Milliseconds on the monotonic clock. */
    int64_t time_ms;
    /** Number of the daemon; 0: none. */
    uint64_t daemon;
    /** Its process; 0: none. */
    int64_t pid;
    /** Number of the task; 0: none. */
    uint64_t task;
    /** For MIRAI_EVENT_DAEMON_LEFT, in a few words; borrowed for the call. NULL else. */
    const char *cause;
    /** One of MIRAI_EVENT_*. */
    int32_t kind;
    /** For MIRAI_EVENT_TASK_RESOLVED: one of MIRAI_OUTCOME_*. */
    mirai_outcome outcome;
    /** For tasks: number of the attempt, from 1. */
    int32_t attempt;
    /** For MIRAI_EVENT_DAEMON_LEFT: exit code, or -1. */
    int32_t exit_status;
} mirai_event;

/** Called in mirai_pool_process(). Borrows event. */
typedef void (*mirai_event_fn)(mirai_pool *pool, const mirai_event *event, void *user);

/**
 * Have events reported: in order, in mirai_pool_process(), through the pool's descriptor. Up to 4,096 are kept
 * until then; beyond that the oldest are dropped and counted.
 * @param pool   borrowed.
 * @param kinds  MIRAI_EVENT_* bits; 0: none any more.
 * @param fn     what to call; NULL only where kinds is 0.
 * @param user   handed to fn.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_pool_on_event(mirai_pool *pool, int32_t kinds, mirai_event_fn fn,
                                           void *user);

MIRAI_END_DECLS
#endif
