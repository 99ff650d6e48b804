/**
 * @file task.h
 * A task is one call of a function in a daemon: the handle that mirai_pool_submit() gives.
 *
 *   submitted -> (blocked ->) queued -> running -> resolved   (cancel, time-out, close resolve it at once)
 *                               ^----------- retry
 *
 * Whatever happens to the daemon, a task resolves exactly once: to a value, or to an error value that
 * says why. Results are borrowed from the handle. Handles are counted and may outlive their pool;
 * releasing the last handle of a task that is not resolved detaches it: it runs, its result is dropped.
 *
 * Thread safety: every function here is safe on any thread.
 */
#ifndef MIRAICORE_TASK_H
#define MIRAICORE_TASK_H

#include <miraicore/value.h>

MIRAI_BEGIN_DECLS

typedef struct mirai_task mirai_task;

/** Where a task is on its way. */
enum {
    MIRAI_TASK_QUEUED = 1,   /**< waits for a daemon */
    MIRAI_TASK_RUNNING = 2,  /**< was handed to a daemon */
    MIRAI_TASK_RESOLVED = 3, /**< has its result */
    MIRAI_TASK_BLOCKED = 4,  /**< waits for the tasks among its arguments */
    MIRAI_TASK_STATE_FORCE_INT32 = INT32_MAX
};

/** How to cancel, and what became of it. */
enum {
    MIRAI_CANCEL_NEVER_RAN = 1,   /**< it was queued and will never run */
    MIRAI_CANCEL_INTERRUPTED = 2, /**< it was running and has been told to stop */
    MIRAI_CANCEL_TOO_LATE = 3,    /**< it had resolved already */
    MIRAI_CANCEL_FORCE_INT32 = INT32_MAX
};

/** What a retry may follow on. */
enum {
    MIRAI_RETRY_LOST = 1,   /**< its daemon died in it */
    MIRAI_RETRY_FAILED = 2, /**< its function failed */
    MIRAI_RETRY_FORCE_INT32 = INT32_MAX
};

/** Called in mirai_pool_process() once the task has resolved. Borrows task. */
typedef void (*mirai_resolved_fn)(mirai_task *task, void *user);
/** Called in mirai_pool_process() when the task has said how far it is. Borrows all. */
typedef void (*mirai_progress_fn)(mirai_task *task, double fraction, const char *text, void *user);
/** Called in mirai_pool_process() with each partial result, in order, before on_resolved. Borrows all. */
typedef void (*mirai_partial_fn)(mirai_task *task, const mirai_value *value, void *user);

/** An amount of something that a pool has and a task takes while it runs. */
typedef struct mirai_resource {
    /** Borrowed: "cpus", "gpus", "memory" (bytes), or a name of your own. */
    const char *name;
    /** More than 0; kept in steps of 1/1,024. "gpus" must be whole. */
    double amount;
} mirai_resource;

/** Options of mirai_pool_submit(); all zero is the default. */
typedef struct mirai_submit_options {
    /** sizeof(mirai_submit_options), set by MIRAI_SUBMIT_OPTIONS_INIT. */
    size_t struct_size;
    /** Milliseconds from submission until the task resolves to MIRAI_OUTCOME_TIMEDOUT; 0 or -1: none. */
    int64_t timeout_ms;
    /** Milliseconds that a cancelled running task gets before its daemon is replaced; 0: the pool's. */
    int64_t grace_ms;
    /** Called once, in mirai_pool_process(). NULL: nothing is called. */
    mirai_resolved_fn on_resolved;
    /** Yours: handed to on_resolved and given by mirai_task_user(). */
    void *user;
    /** A name for people, in errors and status. Borrowed for the call. NULL: the function's name. */
    const char *label;
    /** Called in mirai_pool_process(). NULL: mirai_task_progress() tells the last one. */
    mirai_progress_fn on_progress;
    /** Called in mirai_pool_process(). NULL: mirai_task_next_partial() gives them. */
    mirai_partial_fn on_partial;
    /** Run only on the daemon of this number (mirai_pool_describe()); 0: on any. */
    uint64_t daemon;
    /** Run only on daemons that have this tag. Borrowed for the call. NULL: on any. */
    const char *tag;
    /** What it takes of the pool's resources while it runs; borrowed for the call. */
    const mirai_resource *resources;
    /** How many; at most 16. */
    size_t resource_count;
    /** From -1,000 to 1,000; a task of higher priority is handed out first, among equals the older. */
    int32_t priority;
    /** Further attempts after one that `retry_on` names; 0: none. A task that killed 3 daemons gets none. */
    int32_t retries;
    /** MIRAI_RETRY_* bits; 0: MIRAI_RETRY_LOST. */
    int32_t retry_on;
    /**
     * How often it may be handed out again because it lost its daemon by no fault of its own (the
     * daemon had not begun it, or was ended by the pool); 0: 3; -1: not once.
     */
    int32_t losses;
} mirai_submit_options;

/** Start of every mirai_submit_options. */
#define MIRAI_SUBMIT_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mirai_submit_options), 0, 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0, 0, 0,  \
            0, 0                                                                                   \
    }

/**
 * One more owner of the handle.
 * @param task  borrowed; NULL is allowed.
 * @return task itself, owned.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_task *mirai_task_ref(mirai_task *task);

/**
 * One owner less. The last one frees the result; a task not resolved is detached.
 * @param task  taken; NULL is allowed.
 * @thread any   @since 0.1
 */
MIRAI_API void mirai_task_release(mirai_task *task);

/**
 * Wait until the task has resolved.
 * @param task        borrowed.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits for ever.
 * @return MIRAI_OK when it has resolved, to whatever; MIRAI_E_TIMEDOUT; MIRAI_E_INTERRUPTED after
 *         mirai_pool_interrupt(); MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any; no callback runs inside   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_task_wait(mirai_task *task, int64_t timeout_ms);

/**
 * Where the task is on its way. Never blocks.
 * @param task  borrowed.
 * @return one of MIRAI_TASK_*; 0 for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_task_state(const mirai_task *task);

/**
 * How the task ended.
 * @param task  borrowed.
 * @return one of MIRAI_OUTCOME_*; MIRAI_E_AGAIN when it has not resolved; MIRAI_E_INVALID for NULL.
 * @thread any; may decode the result, so hooks may run in this call   @since 0.1
 */
MIRAI_API mirai_outcome mirai_task_outcome(mirai_task *task);

/**
 * The result: the function's value, or an error value. It is decoded once, by the first who reads it;
 * a refhook that fails in this makes the result an error value.
 *
 * Fields of an error value: "class" (list of strings), "code", "message", and where they are known
 * "task", "label", "function", "daemon", "pid", "attempt", "trace" (list), "signal" (name),
 * "exit_status", "stderr" (last lines), "dependency" (number of the task that this one needed) and "cause"
 * (its error value).
 * @param task      borrowed.
 * @param[out] out  borrowed from task.
 * @return MIRAI_OK, for an error value too; MIRAI_E_AGAIN when it has not resolved; MIRAI_E_INVALID;
 *         MIRAI_E_FORKED.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_task_result(mirai_task *task,
                                                         const mirai_value **out);

/**
 * Stop the task. The handle resolves to MIRAI_OUTCOME_CANCELLED at once, unless it had resolved. A
 * queued task never runs. A running one is told to stop (mirai_job_cancelled(), on_cancel); if it
 * does not within its grace period, its daemon is replaced.
 * @param task          borrowed.
 * @param[out] outcome  one of MIRAI_CANCEL_*; NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any; never blocks   @since 0.1
 */
MIRAI_API mirai_status mirai_task_cancel(mirai_task *task, int32_t *outcome);

/**
 * What became of cancelling the task: for whoever did not ask at the time.
 * @param task  borrowed; NULL is allowed.
 * @return one of MIRAI_CANCEL_* for the first cancel (MIRAI_CANCEL_TOO_LATE when there were only late
 *         ones); 0 when it was never cancelled, and for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_task_cancellation(const mirai_task *task);

/**
 * Number of the present or last attempt at the task. One that a daemon left behind when it said that it leaves was never begun,
 * and is none.
 * @param task  borrowed; NULL is allowed.
 * @return 0 before the first; 1 or more.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_task_attempts(const mirai_task *task);

/**
 * Say in a sentence why the task is not running, or where it is: for people.
 * @param task  borrowed.
 * @return owned, release with mirai_text_free(), such as "queued: needs 2 gpus, of which 1 is free";
 *         NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD char *mirai_task_explain(mirai_task *task);

/**
 * How far the task has said that it is (mirai_job_progress()).
 * @param task           borrowed.
 * @param[out] fraction  0 to 1; NULL is allowed.
 * @param[out] text      owned, release with mirai_text_free(); NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_AGAIN when it has said nothing; MIRAI_E_INVALID; MIRAI_E_NOMEM;
 *         MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_task_progress(mirai_task *task, double *fraction,
                                                           char **text);

/**
 * Next partial result (mirai_job_emit()), in order. Those of an attempt that was lost or failed are
 * followed by those of the next from its beginning.
 * @param task        borrowed; submitted without on_partial.
 * @param[out] out    owned, release with mirai_value_release().
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return MIRAI_OK; MIRAI_E_TIMEDOUT; MIRAI_E_CLOSED when the task has resolved and there are no more;
 *         MIRAI_E_STATE with on_partial; MIRAI_E_INTERRUPTED; MIRAI_E_DECODE or MIRAI_E_HOOK when it
 *         could not be decoded (it is then gone); MIRAI_E_INVALID; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_task_next_partial(mirai_task *task, mirai_value **out,
                                                               int64_t timeout_ms);

/**
 * What the task has written to standard output and standard error, in a pool that captures it
 * (MIRAI_OUTPUT_CAPTURE): of the last attempt, at most the pool's output_limit of each.
 * @param task      borrowed.
 * @param[out] out  owned, release with mirai_value_release(): dict of "stdout" and "stderr" (strings,
 *                  bytes that are no UTF-8 replaced) and "dropped" (bytes beyond the limit).
 * In a pool with on_output both are empty, and "dropped" counts what was not given to that.
 * @return MIRAI_OK; MIRAI_E_AGAIN when it has not resolved; MIRAI_E_STATE in a pool that does not
 *         capture; MIRAI_E_INVALID; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_task_output(mirai_task *task, mirai_value **out);

/**
 * The task's future result as an argument of another task of the same pool: that one waits for it and
 * gets a value of its own in each such place, without a decode in the host. Where it does not resolve to
 * a value, the dependant is never run: it fails with an error of class "dependency_error", this task's
 * outcome as its code, and this task's error value under "cause". (Of a long chain the nearest 12 and
 * the first are told.) The result is kept for as long as the value or a task that waits for it is there.
 * @param task  borrowed; may be released while the value is there.
 * @return owned, release with mirai_value_release(); NULL on bad arguments, out of memory, or, where the
 *         result was read before, when it cannot be encoded again; the detail says why.
 * @thread any; hooks run in this call when the result was read before   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_task_argument(mirai_task *task);

/**
 * The task's number: unique in this process, increasing, never reused.
 * @param task  borrowed; NULL is allowed.
 * @return 1 or more; 0 for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API uint64_t mirai_task_id(const mirai_task *task);

/**
 * What was given as `user` in the options.
 * @param task  borrowed; NULL is allowed.
 * @return that pointer.
 * @thread any   @since 0.1
 */
MIRAI_API void *mirai_task_user(const mirai_task *task);

MIRAI_END_DECLS
#endif
