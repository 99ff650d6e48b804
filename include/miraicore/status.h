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
} mirai_pool_status;

/** Start of every mirai_pool_status. */
#define MIRAI_POOL_STATUS_INIT                                                                     \
    {                                                                                              \
        sizeof(mirai_pool_status), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                    \
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
 * with "id", "pid", "state" ("starting", "idle", "busy", "leaving"), "jobs", "uptime_ms" and "task".
 * @param pool  borrowed.
 * @return owned, release with mirai_value_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_pool_describe(mirai_pool *pool);

MIRAI_END_DECLS
#endif
