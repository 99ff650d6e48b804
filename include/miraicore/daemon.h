/**
 * @file daemon.h
 * The other side: functions that tasks call, modules that hold them, and the daemon's loop.
 *
 * Functions run on the daemon's main thread, one at a time; inside a daemon a task is called a job. A
 * control thread of the library's answers cancels and watches the host; when the host is gone, it
 * kills the daemon's process group. A function that crashes takes down its daemon, which fails that
 * task with MIRAI_OUTCOME_LOST and harms nothing else.
 */
#ifndef MIRAICORE_DAEMON_H
#define MIRAICORE_DAEMON_H

#include <miraicore/rng.h>
#include <miraicore/value.h>

MIRAI_BEGIN_DECLS

typedef struct mirai_job mirai_job;
typedef struct mirai_daemon mirai_daemon;

/**
 * A function that tasks can call.
 * @param job      borrowed for the call.
 * @param args     borrowed for the call.
 * @param context  what was given at registration.
 * @return owned: the task's value; an error value makes the task fail with it; NULL makes it fail with
 *         this thread's detail text (see mirai_error_set()).
 */
typedef mirai_value *(*mirai_fn)(mirai_job *job, const mirai_value *args, void *context);

/**
 * Called on the control thread when the job is cancelled; must be quick. It may not call
 * mirai_job_on_cancel(), nor wait for the job.
 */
typedef void (*mirai_cancel_fn)(void *user);

/* ---- functions ------------------------------------------------------------------------------- */

/**
 * Make a function known under a name in this process. Registering the same again is no error. Names
 * with a dot are by custom `module.function`; "mirai." and "module." are the library's.
 * @param name      borrowed; 1 to 255 bytes of UTF-8.
 * @param function  what to call.
 * @param context   handed to the function.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_EXISTS when the name is taken; MIRAI_E_NOMEM.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_function_register(const char *name, mirai_fn function,
                                                               void *context);

/* ---- entering the loop ----------------------------------------------------------------------- */

/**
 * First call in main() of a program whose daemons are the program itself. It calls setup in both; in
 * a daemon it then runs the loop and ends the process, and never returns.
 * @param argc   of main().
 * @param argv   of main(), borrowed.
 * @param setup  registers functions and refhooks. NULL: nothing to set up.
 * @return in the host: what setup returned; MIRAI_E_INVALID.
 * @thread main, before others are started   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_main(int argc, char **argv,
                                                  mirai_status (*setup)(void));

/**
 * Whether this process was started as a daemon.
 * @return 1 if it was, else 0.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_on_daemon(void);

/**
 * Open the daemon that this process was started as: for bindings, which pull jobs.
 * @param[out] out  owned, end with mirai_daemon_close().
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_STATE when it was not started as one, or is open already;
 *         MIRAI_E_PROTOCOL, MIRAI_E_VERSION or MIRAI_E_CONNRESET from the handshake; MIRAI_E_NOMEM.
 * @thread main   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_daemon_open(mirai_daemon **out);

/**
 * Next job whose function this process has not registered (those it has are run inside this call).
 * @param daemon      borrowed.
 * @param[out] out    owned, end with mirai_job_reply().
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return MIRAI_OK; MIRAI_E_TIMEDOUT; MIRAI_E_CLOSED when the host has closed the daemon;
 *         MIRAI_E_STATE while a job is not replied to; MIRAI_E_INVALID.
 * @thread main   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_daemon_next(mirai_daemon *daemon, mirai_job **out,
                                                         int64_t timeout_ms);

/**
 * Take part as a daemon that runs registered functions until the host closes it.
 * @param daemon  borrowed.
 * @return MIRAI_OK when the host has closed it; MIRAI_E_CONNRESET; MIRAI_E_PROTOCOL; MIRAI_E_INVALID.
 * @thread main   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_daemon_run(mirai_daemon *daemon);

/**
 * Leave: the host sees the daemon go. A job that was not replied to is gone with it.
 * @param daemon  taken; NULL is allowed.
 * @thread main   @since 0.1
 */
MIRAI_API void mirai_daemon_close(mirai_daemon *daemon);

/* ---- inside a job ---------------------------------------------------------------------------- */

/**
 * Name of the function that the job calls.
 * @param job  borrowed; NULL is allowed.
 * @return borrowed from job; NULL for NULL.
 * @thread main   @since 0.1
 */
MIRAI_API const char *mirai_job_function(const mirai_job *job);

/**
 * Arguments of the job.
 * @param job  borrowed; NULL is allowed.
 * @return borrowed from job; NULL for NULL.
 * @thread main   @since 0.1
 */
MIRAI_API const mirai_value *mirai_job_args(const mirai_job *job);

/**
 * Number of the task in its host.
 * @param job  borrowed; NULL is allowed.
 * @return 1 or more; 0 for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API uint64_t mirai_job_task_id(const mirai_job *job);

/**
 * Whether the job was cancelled or has timed out: a long function asks this now and then, and returns.
 * @param job  borrowed; NULL is allowed.
 * @return 1 if so, else 0.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_job_cancelled(const mirai_job *job);

/**
 * Have a function called when the job is cancelled: at once if it was already, never after the job has
 * ended, and never during another job.
 * @param job   borrowed.
 * @param fn    called at most once: on the control thread, or in this call when the job was cancelled
 *              before it. NULL: nothing is called any more; when this returns, no call is under way.
 * @param user  handed to fn.
 * @return MIRAI_OK; MIRAI_E_INVALID.
 * @thread main   @since 0.1
 */
MIRAI_API mirai_status mirai_job_on_cancel(mirai_job *job, mirai_cancel_fn fn, void *user);

/**
 * Say how far the job is; the host's mirai_task_progress() tells it. Sent at most every 50 ms, the last one
 * always.
 * @param job       borrowed.
 * @param fraction  0 to 1.
 * @param text      borrowed; at most 1,024 bytes are kept. NULL: none.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_RANGE; MIRAI_E_CONNRESET; MIRAI_E_NOMEM.
 * @thread main   @since 0.1
 */
MIRAI_API mirai_status mirai_job_progress(mirai_job *job, double fraction, const char *text);

/**
 * Send a partial result ahead of the result; mirai_task_next_partial() gives it. Waits while 64 of them, or
 * 16 MiB, have not been taken by the host's library.
 * @param job    borrowed.
 * @param value  taken, also on failure.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_HOOK or MIRAI_E_LIMIT when it could not be encoded;
 *         MIRAI_E_CLOSED when the job is cancelled; MIRAI_E_CONNRESET; MIRAI_E_NOMEM.
 * @thread main; hooks run in this call   @since 0.1
 */
MIRAI_API mirai_status mirai_job_emit(mirai_job *job, mirai_value *value);

/**
 * The job's stream of random numbers: the task's own, whatever daemon runs it, in whatever order, however
 * often it is tried (mirai_pool_options.seed).
 * @param job  borrowed.
 * @return borrowed, for the job; NULL for NULL.
 * @thread main   @since 0.1
 */
MIRAI_API mirai_rng *mirai_job_rng(mirai_job *job);

/**
 * Which of its attempts at the task this is.
 * @param job  borrowed; NULL is allowed.
 * @return 1 or more; 0 for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_job_attempt(const mirai_job *job);

/** Releases what a function kept in its daemon. */
typedef void (*mirai_state_free_fn)(void *state);

/**
 * What functions have kept in this daemon under a key.
 * @param job  borrowed.
 * @param key  borrowed; 1 to 255 bytes.
 * @return borrowed, until it is replaced; NULL when there is none.
 * @thread main   @since 0.1
 */
MIRAI_API void *mirai_job_state(mirai_job *job, const char *key);

/**
 * Keep something in this daemon for later jobs, until it ends.
 * @param job      borrowed.
 * @param key      borrowed; 1 to 255 bytes.
 * @param state    taken (freed by `release`), also on failure; what was there is freed. NULL: none any more.
 * @param release  called once, on the main thread. NULL: nothing to free.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM.
 * @thread main   @since 0.1
 */
MIRAI_API mirai_status mirai_job_set_state(mirai_job *job, const char *key, void *state,
                                           mirai_state_free_fn release);

/**
 * End a job that mirai_daemon_next() gave.
 * @param job     taken, also on failure.
 * @param result  taken, also on failure: a value, or an error value. NULL: the task fails with this
 *                thread's detail text.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_HOOK or MIRAI_E_LIMIT when the result could not be
 *         encoded (the task then fails with that); MIRAI_E_CONNRESET.
 * @thread main   @since 0.1
 */
MIRAI_API mirai_status mirai_job_reply(mirai_job *job, mirai_value *result);

/* ---- modules --------------------------------------------------------------------------------- */

/** One function of a module. */
typedef struct mirai_module_function {
    const char *name;  /**< in full, such as "stats.mean" */
    mirai_fn function; /**< what to call */
    void *context;     /**< handed to it */
} mirai_module_function;

/** "MIRAIMOD" as a little-endian number. */
#define MIRAI_MODULE_MAGIC UINT64_C(0x444f4d494152494d)
/** Version of the struct below. */
#define MIRAI_MODULE_ABI 1

/**
 * What a module exports, as a constant named `mirai_module`. A module is a shared object that a daemon
 * loads by name or path and never unloads.
 */
typedef struct mirai_module_descriptor {
    uint64_t magic;                         /**< MIRAI_MODULE_MAGIC */
    uint32_t abi;                           /**< MIRAI_MODULE_ABI */
    uint32_t struct_size;                   /**< sizeof(mirai_module_descriptor) */
    const char *name;                       /**< for people and errors */
    const mirai_module_function *functions; /**< ended by a NULL name; NULL: none */
    mirai_status (*init)(void);             /**< called once after loading; NULL: nothing */
} mirai_module_descriptor;

/**
 * Load a module into this process: its functions and refhooks become known. Loading it again does
 * nothing.
 * @param module  borrowed; as for mirai_pool_load().
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_MODULE, with the loader's words as detail; MIRAI_E_EXISTS
 *         when one of its names is taken; what its init returned.
 * @thread any; the module's init runs in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_module_load(const char *module);

MIRAI_END_DECLS
#endif
