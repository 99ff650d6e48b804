/**
 * @file pool.h
 * A pool owns daemons and gives them tasks.
 *
 * A pool makes progress by itself: tasks are handed out, time-outs fire and dead daemons are replaced
 * although the host program makes no call. Callbacks run only inside mirai_pool_process().
 *
 * Thread safety: every function here is safe on any thread, except that nothing may be called on a
 * pool during or after mirai_pool_close().
 */
#ifndef MIRAICORE_POOL_H
#define MIRAICORE_POOL_H

#include <miraicore/refhook.h>
#include <miraicore/task.h>

MIRAI_BEGIN_DECLS

/** What closing does with tasks that are not resolved. */
enum {
    MIRAI_DRAIN = 1,  /**< run them to their end, until the deadline */
    MIRAI_CANCEL = 2, /**< resolve them to MIRAI_OUTCOME_CLOSED now */
    MIRAI_CLOSE_FORCE_INT32 = INT32_MAX
};

/** Where the standard output and error of daemons go. */
enum {
    MIRAI_OUTPUT_DISCARD = 0, /**< nowhere; the last lines of stderr are kept for error values */
    MIRAI_OUTPUT_INHERIT = 1, /**< to the host's own */
    MIRAI_OUTPUT_FORCE_INT32 = INT32_MAX
};

/** Options of mirai_pool_open(); all zero is the default. */
typedef struct mirai_pool_options {
    /** sizeof(mirai_pool_options), set by MIRAI_POOL_OPTIONS_INIT. */
    size_t struct_size;
    /**
     * Command line of a daemon, ended by NULL; borrowed for the call. NULL: this program itself when
     * it has called mirai_main(), else miraicored.
     */
    const char *const *command;
    /** Milliseconds until all daemons must be ready; 0: 10,000; -1: no limit. */
    int64_t start_timeout_ms;
    /** Milliseconds that a cancelled running task gets to stop; 0: 1,000; -1: for ever. */
    int64_t grace_ms;
    /** One of MIRAI_OUTPUT_*. */
    int32_t output;
    /** Must be 0. */
    int32_t reserved;
} mirai_pool_options;

/** Start of every mirai_pool_options. */
#define MIRAI_POOL_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(mirai_pool_options), NULL, 0, 0, 0, 0                                               \
    }

/**
 * Open a pool with local daemons, and return when all are ready.
 * @param[out] out  owned, close with mirai_pool_close().
 * @param name      borrowed; a name for people. NULL: "default".
 * @param daemons   how many daemons to start, 0 to 4,096.
 * @param options   borrowed for the call; NULL: defaults.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_STATE inside a daemon that has not entered its loop;
 *         MIRAI_E_NOENT when the daemon's program was not found; MIRAI_E_START when a daemon ended or
 *         was not ready in time (the detail names exit status, signal and last lines of stderr);
 *         MIRAI_E_VERSION; MIRAI_E_NOFILES; MIRAI_E_NOMEM; MIRAI_E_SYSTEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_open(mirai_pool **out, const char *name,
                                                       int32_t daemons,
                                                       const mirai_pool_options *options);

/**
 * Close a pool: settle its tasks, end its daemons, free it. Handles of tasks stay valid. What has not
 * resolved by the deadline resolves to MIRAI_OUTCOME_CLOSED, and daemons that have not left are killed.
 * @param pool        taken, also on failure; NULL is allowed.
 * @param how         MIRAI_DRAIN or MIRAI_CANCEL.
 * @param timeout_ms  deadline for draining; MIRAI_FOREVER: none.
 * @return MIRAI_OK; MIRAI_E_TIMEDOUT when tasks were cut off by the deadline; MIRAI_E_INTERRUPTED when
 *         they were cut off by mirai_pool_interrupt(); MIRAI_E_INVALID for a bad `how` (it is then
 *         closed as by MIRAI_CANCEL); MIRAI_E_FORKED.
 * @thread any, but no other call on the pool may be under way   @since 0.1
 */
MIRAI_API mirai_status mirai_pool_close(mirai_pool *pool, int32_t how, int64_t timeout_ms);

/**
 * Submit a task. Its arguments are encoded in this call, so refhooks run here, and when it returns the
 * caller may change anything that the arguments referred to.
 * @param pool      borrowed.
 * @param[out] out  owned, release with mirai_task_release(); NULL: detached from the start.
 * @param function  borrowed; name of a function that the daemons know.
 * @param args      taken, also on failure. NULL is an error (a builder failed: its detail is kept).
 * @param options   borrowed for the call; NULL: defaults.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_HOOK when a refhook failed or none is registered for a
 *         reference; MIRAI_E_LIMIT when the arguments are too deep or too large; MIRAI_E_NOMEM;
 *         MIRAI_E_FORKED.
 * @thread any; never waits   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_submit(mirai_pool *pool, mirai_task **out,
                                                         const char *function, mirai_value *args,
                                                         const mirai_submit_options *options);

/** Options of mirai_pool_everywhere(); all zero is the default. */
typedef struct mirai_everywhere_options {
    /** sizeof(mirai_everywhere_options), set by MIRAI_EVERYWHERE_OPTIONS_INIT. */
    size_t struct_size;
    /** Milliseconds to wait until all daemons have run it; 0: 60,000; -1: no limit. */
    int64_t timeout_ms;
    /** 1: run it on the daemons of now, not on those that join later. */
    int32_t forget;
    /** Must be 0. */
    int32_t reserved;
} mirai_everywhere_options;

/** Start of every mirai_everywhere_options. */
#define MIRAI_EVERYWHERE_OPTIONS_INIT                                                              \
    {                                                                                              \
        sizeof(mirai_everywhere_options), 0, 0, 0                                                  \
    }

/**
 * Run a function once on every daemon, before any task that is submitted after this call, and on
 * every daemon that joins later before its first task. Waits until all daemons have run it; a daemon
 * that dies in it is replaced and stalls nobody.
 * @param pool      borrowed.
 * @param key       borrowed; the same key replaces what was remembered under it. NULL: the function's
 *                  name.
 * @param function  borrowed; name of a function that the daemons know.
 * @param args      taken, also on failure. NULL is an error.
 * @param options   borrowed for the call; NULL: defaults.
 * @return MIRAI_OK; MIRAI_E_USER when it failed on a daemon (the detail has its message; it is then
 *         not remembered); MIRAI_E_START when daemons die in it again and again; MIRAI_E_TIMEDOUT
 *         or MIRAI_E_INTERRUPTED (it is then withdrawn); MIRAI_E_STATE when another run under the same
 *         key took its place; MIRAI_E_CLOSED; and those of mirai_pool_submit().
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_everywhere(
    mirai_pool *pool, const char *key, const char *function, mirai_value *args,
    const mirai_everywhere_options *options);

/**
 * Load a module (daemon.h) on every daemon, now and later: mirai_pool_everywhere() of the built-in
 * function "module.load".
 * @param pool    borrowed.
 * @param module  borrowed; a path when it holds a slash, else a name: `lib<name>.so` is looked for in
 *                MIRAI_MODULE_PATH, beside this library, and where the system's loader looks.
 * @return as mirai_pool_everywhere(); MIRAI_E_MODULE when a daemon could not load it.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_load(mirai_pool *pool, const char *module);

/**
 * Register refhooks for one pool only: they come before those of mirai_refhook_register().
 * @param pool        borrowed.
 * @param class_name  borrowed.
 * @param hook        borrowed; copied.
 * @return as mirai_refhook_register().
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_refhook_register(mirai_pool *pool,
                                                                   const char *class_name,
                                                                   const mirai_refhook *hook);

/**
 * The pool's descriptor, for event loops: one for the pool's life, level-triggered, readable if and
 * only if mirai_pool_process() has something to do. Poll it for reading; never read it.
 * @param pool     borrowed.
 * @param[out] fd  borrowed from the pool; close-on-exec.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOFILES; MIRAI_E_SYSTEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_fd(mirai_pool *pool, int *fd);

/**
 * Run what is due: callbacks of resolved tasks, and releases that fell due on a library thread. Makes
 * the descriptor unreadable. Never waits.
 * @param pool          borrowed.
 * @param[out] handled  how many events there were (resolved tasks among them); NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any; callbacks run in this call and may call anything but mirai_pool_close()   @since 0.1
 */
MIRAI_API mirai_status mirai_pool_process(mirai_pool *pool, size_t *handled);

/**
 * Make the waits on this pool that are under way, or if there is none the next one, return
 * MIRAI_E_INTERRUPTED: for a handler of SIGINT.
 * @param pool  borrowed; NULL is allowed.
 * @thread any, async-signal-safe   @since 0.1
 */
MIRAI_API void mirai_pool_interrupt(mirai_pool *pool);

MIRAI_END_DECLS
#endif
