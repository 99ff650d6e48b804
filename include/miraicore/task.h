/**
 * @file task.h
 * A task is one call of a function in a daemon: the handle that mirai_pool_submit() gives.
 *
 *   submitted -> queued -> running -> resolved        (cancel, time-out and close resolve it at once)
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
    MIRAI_TASK_STATE_FORCE_INT32 = INT32_MAX
};

/** How to cancel, and what became of it. */
enum {
    MIRAI_CANCEL_NEVER_RAN = 1,   /**< it was queued and will never run */
    MIRAI_CANCEL_INTERRUPTED = 2, /**< it was running and has been told to stop */
    MIRAI_CANCEL_TOO_LATE = 3,    /**< it had resolved already */
    MIRAI_CANCEL_FORCE_INT32 = INT32_MAX
};

/** Called in mirai_pool_process() once the task has resolved. Borrows task. */
typedef void (*mirai_resolved_fn)(mirai_task *task, void *user);

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
} mirai_submit_options;

/** Start of every mirai_submit_options. */
#define MIRAI_SUBMIT_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mirai_submit_options), 0, 0, NULL, NULL, NULL                                       \
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
 * "exit_status", "stderr" (last lines).
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
