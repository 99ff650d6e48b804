/**
 * @file pool.h
 * A pool owns daemons and gives them tasks.
 *
 * A pool makes progress by itself: tasks are handed out, time-outs fire and dead daemons are replaced
 * although the host program makes no call. Callbacks run only inside mirai_pool_process() and, for what is
 * left, inside mirai_pool_close(). (A map's mirai_source_fn runs in the calls that start and read the map;
 * a mirai_cancel_fn runs in the daemon, on its control thread.)
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
    MIRAI_OUTPUT_CAPTURE = 2, /**< kept per task (mirai_task_output()), and given to the pool's on_output */
    MIRAI_OUTPUT_FORCE_INT32 = INT32_MAX
};

/** Bits of mirai_daemon_options.cleanup. What mirai_pool_everywhere() has done is not undone. */
enum {
    MIRAI_CLEANUP_ENVIRONMENT = 1, /**< environment variables as before the job */
    MIRAI_CLEANUP_DIRECTORY = 2,   /**< working directory as before the job */
    MIRAI_CLEANUP_STATE = 4,       /**< mirai_job_state() dropped after each job */
    MIRAI_CLEANUP_FORCE_INT32 = INT32_MAX
};

/**
 * What a daemon is started with, and when it leaves by itself; all zero is the default. A daemon that
 * leaves finishes its task first, and no task is lost by it. It leaves with exit code 1 (idle), 2 (wall
 * time) or 3 (jobs done), as in R's mirai; 0 when its host closed it. One that leaves for its wall time or
 * its jobs is replaced at once; one that was idle is replaced when there is work for it.
 */
typedef struct mirai_daemon_options {
    /** sizeof(mirai_daemon_options), set by MIRAI_DAEMON_OPTIONS_INIT. */
    size_t struct_size;
    /** Names, separated by commas, that tasks can ask for. NULL: none. */
    const char *tags;
    /** "NAME=value" sets and "NAME" removes a variable; ended by NULL. NULL: the host's environment. */
    const char *const *environment;
    /** Working directory. NULL: the host's. */
    const char *directory;
    /** CPUs that it may run on, such as "0-3,6"; NULL: the host's. */
    const char *cpus;
    /** Bytes of address space (RLIMIT_AS); 0 or -1: no limit of ours. */
    int64_t memory_limit;
    /** Seconds of CPU time in its life (RLIMIT_CPU), after which it dies of SIGXCPU; 0 or -1: none of ours. */
    int64_t cpu_limit_s;
    /** Milliseconds without a job after which it leaves; 0 or -1: never. */
    int64_t idle_ms;
    /** Milliseconds after its start at which it leaves, between two jobs; 0 or -1: never. */
    int64_t wall_ms;
    /** Jobs after which it leaves; 0 or -1: no limit. */
    int64_t max_jobs;
    /** Added to the host's niceness; 0: the same. */
    int32_t nice;
    /** MIRAI_CLEANUP_* bits: what is put back after each job; 0: nothing. */
    int32_t cleanup;
} mirai_daemon_options;

/** Start of every mirai_daemon_options. */
#define MIRAI_DAEMON_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mirai_daemon_options), NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0                  \
    }

/** Called in mirai_pool_process() with what a daemon has written (MIRAI_OUTPUT_CAPTURE). Borrows all. */
typedef void (*mirai_output_fn)(mirai_pool *pool, uint64_t daemon, uint64_t task, int32_t stream,
                                const char *bytes, size_t size, void *user);

/** Options of mirai_pool_open(); all zero is the default. */
typedef struct mirai_pool_options {
    /** sizeof(mirai_pool_options), set by MIRAI_POOL_OPTIONS_INIT. */
    size_t struct_size;
    /**
     * Command line of a daemon, ended by NULL; borrowed for the call. NULL: this program itself when
     * it has called mirai_main(), else miraicored.
     */
    const char *const *command;
    /** Milliseconds until all daemons must be ready; 0: 60,000; -1: no limit. */
    int64_t start_timeout_ms;
    /** Milliseconds that a cancelled running task gets to stop; 0: 1,000; -1: for ever. */
    int64_t grace_ms;
    /** One of MIRAI_OUTPUT_*. */
    int32_t output;
    /**
     * 1: there are no daemons (and `daemons` must be 0); a task runs inside mirai_pool_submit(), on its thread: for
     * debuggers. What it gets and gives is copied through the hooks as for a daemon. Its time-out is not enforced,
     * what it asks for of daemons and resources is not looked at, and cancelling it comes too late. A function that
     * crashes takes the program with it.
     */
    int32_t sync;
    /** What its daemons are started with; borrowed for the call. NULL: defaults. */
    const mirai_daemon_options *daemon;
    /** What tasks may take while they run; borrowed for the call. NULL: "cpus", as many as are usable. */
    const mirai_resource *resources;
    /** How many; at most 16. */
    size_t resource_count;
    /**
     * Milliseconds between heartbeats to a daemon that has a task; one that has not answered for three of
     * them is killed and its task lost. 0: 5,000; -1: none.
     */
    int64_t heartbeat_ms;
    /** Tasks that may be unresolved at a time; 0 or -1: no limit. */
    int64_t max_tasks;
    /** Bytes that requests of unresolved tasks and results not yet read may hold; 0 or -1: no limit. */
    int64_t max_bytes;
    /** Bytes kept of each stream of a task's output; 0: 65,536; -1: no limit. */
    int64_t output_limit;
    /**
     * Called in mirai_pool_process() with captured output, of which up to 16 MiB are kept until then; task is 0
     * for what is written between two tasks. NULL: mirai_task_output() gives it.
     */
    mirai_output_fn on_output;
    /** Handed to on_output. */
    void *user;
    /** Seed of the tasks' random streams (mirai_job_rng()), used when `seeded` is 1. */
    int32_t seed;
    /** 1: task number i of this pool gets stream i of `seed`; 0: streams that nobody can foresee. */
    int32_t seeded;
    /** 1: may be opened inside a job, up to a depth of 4; 0: a pool in a job is refused, since that multiplies. */
    int32_t nested;
    /**
     * 1: what a daemon has sent in shared memory is copied when it is read, before any hook sees it; 0: large arrays and
     * bytes are read where they lie, and a daemon that misbehaves can change them under the reader's eyes. For daemons
     * that are not trusted, and for hooks that parse bytes which they were given.
     */
    int32_t copy_results;
    /**
     * 0: host and daemons wait for each other actively for some microseconds before they sleep, unless MIRAI_SPIN=0 is in
     * the environment; -1: they sleep at once, which costs a short task some wake-ups and spares processor time.
     */
    int32_t spin;
    /** Must be 0. */
    int32_t reserved;
} mirai_pool_options;

/** Start of every mirai_pool_options. */
#define MIRAI_POOL_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(mirai_pool_options), NULL, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, \
            0, 0, 0, 0                                                                             \
    }

/**
 * Open a pool with local daemons, and return when all are ready.
 * @param[out] out  owned, close with mirai_pool_close().
 * @param name      borrowed; a name for people. NULL: "default".
 * @param daemons   how many daemons to start, 0 to 4,096.
 * @param options   borrowed for the call; NULL: defaults.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_STATE inside a daemon that has not entered its loop,
 *         in a job without `nested`, or too deep;
 *         MIRAI_E_NOENT when the daemon's program was not found; MIRAI_E_START when a daemon ended or
 *         was not ready in time (the detail names exit status, signal and last lines of stderr);
 *         MIRAI_E_VERSION; MIRAI_E_NOFILES; MIRAI_E_NOMEM; MIRAI_E_SYSTEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_open(mirai_pool **out, const char *name,
                                                       int32_t daemons,
                                                       const mirai_pool_options *options);

/**
 * Change how many daemons the pool keeps: those that mirai_pool_open() started. Returns at once. When it
 * shrinks, daemons that are starting or idle end first, and others after their task: none is lost.
 * @param pool     borrowed.
 * @param daemons  0 to 4,096.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_CLOSED; MIRAI_E_STATE for a sync pool; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_resize(mirai_pool *pool, int32_t daemons);

/**
 * Have the pool keep further daemons, of another kind: with tags, limits or an environment of their own.
 * Returns at once.
 * @param pool        borrowed.
 * @param daemons     1 to 4,096.
 * @param options     borrowed for the call; NULL: those of the pool.
 * @param[out] group  number of the kind, for mirai_pool_resize_group(); NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_LIMIT for more than 64 kinds; MIRAI_E_CLOSED;
 *         MIRAI_E_STATE for a sync pool; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_launch(mirai_pool *pool, int32_t daemons,
                                                         const mirai_daemon_options *options,
                                                         int32_t *group);

/**
 * As mirai_pool_resize(), for one kind.
 * @param pool     borrowed.
 * @param group    what mirai_pool_launch() gave; 0: those that mirai_pool_open() started.
 * @param daemons  0 to 4,096.
 * @return as mirai_pool_resize(); MIRAI_E_NOT_FOUND for an unknown group.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_resize_group(mirai_pool *pool, int32_t group,
                                                               int32_t daemons);

/**
 * Wait until the pool has exactly the daemons that it is to keep, ready: after a resize.
 * @param pool        borrowed.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return MIRAI_OK; MIRAI_E_TIMEDOUT; MIRAI_E_START when daemons fail to start again and again (the
 *         detail says why; the pool goes on trying); MIRAI_E_INTERRUPTED; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_settle(mirai_pool *pool, int64_t timeout_ms);

/**
 * Close a pool: settle its tasks, end its daemons, free it. Handles of tasks stay valid. What has not
 * resolved by the deadline resolves to MIRAI_OUTCOME_CLOSED, and daemons that have not left are killed.
 * A queued task for which the pool keeps no daemon any more resolves so at once, also with MIRAI_DRAIN,
 * and is no failure of this call. Callbacks that are due run in this call.
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
 * caller may change anything that the arguments referred to, but for buffers that were given away with
 * them (mirai_buffer_alloc()): pointers to their bytes must not be used any more. In a pool with max_tasks
 * or max_bytes it waits while that is reached (a task of each submitting thread may go beyond max_bytes),
 * and threads are let in by their order of arrival; mirai_pool_try_submit() does not wait. The waiting
 * thread drives the pool. What only it could read or release does not count less meanwhile: a thread, or a
 * callback in mirai_pool_process(), that holds unread results up to max_bytes and submits waits for ever.
 * @param pool      borrowed.
 * @param[out] out  owned, release with mirai_task_release(); NULL: detached from the start.
 * @param function  borrowed; name of a function that the daemons know.
 * @param args      taken, also on failure. NULL is an error (a builder failed: its detail is kept).
 * @param options   borrowed for the call; NULL: defaults.
 * @return MIRAI_OK; MIRAI_E_INVALID, also for shared values and tasks of another pool among the
 *         arguments; MIRAI_E_HOOK when a refhook failed or none is registered for a reference;
 *         MIRAI_E_LIMIT when the arguments are too deep or too large; MIRAI_E_INFEASIBLE when no daemon
 *         of this pool can ever run it (unknown tag or daemon, more of a resource than there is);
 *         MIRAI_E_INTERRUPTED while waiting for room; MIRAI_E_CLOSED when the pool is closed meanwhile;
 *         MIRAI_E_STATE in a sync pool for the result of a task that still runs; MIRAI_E_NOMEM;
 *         MIRAI_E_FORKED.
 * @thread any; waits only for room in a budget   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_submit(mirai_pool *pool, mirai_task **out,
                                                         const char *function, mirai_value *args,
                                                         const mirai_submit_options *options);

/**
 * As mirai_pool_submit(), but never waits for room. A refused call uses up no random stream.
 * @param pool      borrowed.
 * @param[out] out  owned; NULL: detached.
 * @param function  borrowed.
 * @param args      taken, also on failure.
 * @param options   borrowed for the call; NULL: defaults.
 * @return as mirai_pool_submit(); MIRAI_E_FULL when a budget is exhausted.
 * @thread any; never waits   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_pool_try_submit(mirai_pool *pool, mirai_task **out,
                                                             const char *function, mirai_value *args,
                                                             const mirai_submit_options *options);

/** Called in mirai_pool_process() when there is room again. */
typedef void (*mirai_room_fn)(mirai_pool *pool, void *user);

/**
 * Have a function called once, when there is room in the pool's budgets: at the next
 * mirai_pool_process() if there is some now.
 * @param pool  borrowed.
 * @param fn    what to call; it replaces one that is due. NULL: nothing is called any more.
 * @param user  handed to fn.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_pool_on_room(mirai_pool *pool, mirai_room_fn fn, void *user);

/**
 * Cancel every task of the pool that is not resolved.
 * @param pool            borrowed.
 * @param[out] cancelled  how many there were; NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any; never blocks   @since 0.1
 */
MIRAI_API mirai_status mirai_pool_cancel_all(mirai_pool *pool, size_t *cancelled);

/**
 * Put a value once into each daemon that needs it: what is returned stands for it in the arguments of any
 * task of this pool, at the cost of a few bytes. It is sent to a daemon before the first task there that
 * refers to it, decoded once there, and dropped when the last handle and the last task that refer to it
 * are gone. Tasks must not change what it refers to. It may hold other shared values, up to 8 levels, but
 * no result of a task that has not resolved yet.
 * @param pool   borrowed.
 * @param value  taken, also on failure.
 * @return owned, release with mirai_value_release(); NULL on failure, with a detail that says why.
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_share(mirai_pool *pool, mirai_value *value);

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
 *         key took its place, or for the result of a task that has not resolved to a value; MIRAI_E_CLOSED; and those of mirai_pool_submit().
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
