/**
 * @file many.h
 * Many tasks: waiting for several, a queue of those that are done, and map.
 *
 * Thread safety: every function here is safe on any thread, except that one map is used by one thread at a
 * time.
 */
#ifndef MIRAICORE_MANY_H
#define MIRAICORE_MANY_H

#include <miraicore/pool.h>

MIRAI_BEGIN_DECLS

/* ---- waiting for several --------------------------------------------------------------------- */

/**
 * Wait until at least `enough` of the tasks have resolved.
 * @param tasks       borrowed; `count` of them, of any pools, in which a task may occur more than once.
 * @param count       how many.
 * @param enough      0 to count.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return MIRAI_OK; MIRAI_E_TIMEDOUT; MIRAI_E_INTERRUPTED; MIRAI_E_INVALID; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread any; no callback runs inside   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_wait_n(mirai_task *const *tasks, size_t count,
                                                    size_t enough, int64_t timeout_ms);

/**
 * mirai_wait_n() for all.
 * @param tasks       borrowed.
 * @param count       how many.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return as mirai_wait_n().
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_wait_all(mirai_task *const *tasks, size_t count,
                                                      int64_t timeout_ms);

/**
 * Wait for the first that resolves: a race. One that has resolved before wins at once; of several, the
 * first in the array.
 * @param tasks       borrowed.
 * @param count       how many; 0: MIRAI_E_NOT_FOUND.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @param[out] index  of the winner, from 0.
 * @return MIRAI_OK; MIRAI_E_NOT_FOUND; else as mirai_wait_n().
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_wait_any(mirai_task *const *tasks, size_t count,
                                                      int64_t timeout_ms, size_t *index);

/**
 * Wait for all and gather their results in a list, error values among them.
 * @param tasks       borrowed.
 * @param count       how many.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @param[out] out    owned, release with mirai_value_release().
 * @return as mirai_wait_n().
 * @thread any; hooks run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_collect(mirai_task *const *tasks, size_t count,
                                                     int64_t timeout_ms, mirai_value **out);

/**
 * Cancel several tasks.
 * @param tasks          borrowed.
 * @param count          how many.
 * @param[out] outcomes  room for `count` of MIRAI_CANCEL_*; NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any; never blocks   @since 0.1
 */
MIRAI_API mirai_status mirai_cancel(mirai_task *const *tasks, size_t count, int32_t *outcomes);

/* ---- completion queue ------------------------------------------------------------------------ */

typedef struct mirai_queue mirai_queue;

/**
 * A queue that gives tasks in the order in which they resolve, at a cost that does not depend on how many
 * there are.
 * @param[out] out  owned, release with mirai_queue_release().
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_queue_new(mirai_queue **out);

/**
 * Have a task come out of the queue when it has resolved (at once if it has). A task is in one queue at
 * most, once.
 * @param queue  borrowed.
 * @param task   borrowed; the queue holds it until it has come out.
 * @return MIRAI_OK; MIRAI_E_STATE when it is in a queue; MIRAI_E_NOMEM; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_queue_add(mirai_queue *queue, mirai_task *task);

/**
 * Next task that has resolved.
 * @param queue       borrowed.
 * @param[out] out    owned, release with mirai_task_release().
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return MIRAI_OK; MIRAI_E_TIMEDOUT; MIRAI_E_NOT_FOUND when no task is in the queue;
 *         MIRAI_E_INTERRUPTED after mirai_pool_interrupt() on the pool of a task in it; MIRAI_E_INVALID;
 *         MIRAI_E_FORKED.
 * @thread any; several may wait   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_queue_next(mirai_queue *queue, mirai_task **out,
                                                        int64_t timeout_ms);

/**
 * How many tasks have been added and not come out.
 * @param queue  borrowed; NULL is allowed.
 * @return that number; 0 for NULL.
 * @thread any   @since 0.1
 */
MIRAI_API size_t mirai_queue_size(const mirai_queue *queue);

/**
 * Free the queue; tasks in it stay what they are.
 * @param queue  taken; NULL is allowed. Nobody may wait in it.
 * @thread any   @since 0.1
 */
MIRAI_API void mirai_queue_release(mirai_queue *queue);

/* ---- map ------------------------------------------------------------------------------------- */

typedef struct mirai_map mirai_map;

/** Gives element `index` of a map, owned; NULL ends it (with a detail set by mirai_error_set(): fails it). */
typedef mirai_value *(*mirai_source_fn)(size_t index, void *user);

/** What to map over. */
enum {
    MIRAI_MAP_ITEMS = 1,    /**< items of a list, or values of a dict (the result is a dict then) */
    /**
     * Rows of an array: views along its first dimension. Of an array of rank 1: its numbers, as a bool, an int or a
     * float; as arrays of rank 0 where the dtype is uint64, float16, bfloat16 or complex.
     */
    MIRAI_MAP_ROWS = 2,
    MIRAI_MAP_GENERATOR = 3, /**< what mirai_map_options.source gives, asked for as room comes up */
    MIRAI_MAP_FORCE_INT32 = INT32_MAX
};

/** Options of mirai_map_start(); all zero is the default. */
typedef struct mirai_map_options {
    /** sizeof(mirai_map_options), set by MIRAI_MAP_OPTIONS_INIT. */
    size_t struct_size;
    /**
     * Taken, also on failure: arguments that are the same for all, sent to each daemon once. The function
     * then gets a list [element, constants]. NULL: it gets the element.
     */
    mirai_value *constants;
    /** For MIRAI_MAP_GENERATOR: called on the thread that starts or reads the map. */
    mirai_source_fn source;
    /** Handed to source. */
    void *user;
    /**
     * Options of its tasks, each of which is a chunk of elements; borrowed for the call. on_resolved, on_progress and
     * on_partial must be NULL; `user` is not used. With MIRAI_RETRY_FAILED each element is a task.
     */
    const mirai_submit_options *submit;
    /**
     * Elements per task; 0: chosen from the number of elements and daemons. A task of one element is a plain call. In
     * one of several the function is called by the daemon's library: it must be registered there (a
     * binding that pulls its jobs asks for chunks of 1).
     */
    size_t chunk;
    /** Tasks out at a time, and so many again that have resolved and are not read; 0: 4 for each daemon, at least 16. */
    size_t window;
    /** One of MIRAI_MAP_*; 0: MIRAI_MAP_ITEMS. */
    int32_t over;
    /** 1: results come in order of completion; 0: in order of elements. */
    int32_t unordered;
    /** 1: the first error, in order of completion, cancels the rest. */
    int32_t stop;
    /**
     * 1: mirai_map_collect() joins what is returned: lists to one list, arrays along their first dimension, bools, ints
     * or floats to an array, all else of one type to a list; mixed types are an error.
     */
    int32_t flatten;
    /** 1: a progress bar on stderr, or lines where that is no terminal. */
    int32_t progress;
    /** Must be 0. */
    int32_t reserved;
} mirai_map_options;

/** Start of every mirai_map_options. */
#define MIRAI_MAP_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(mirai_map_options), NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0                  \
    }

/**
 * Call a function for each element. One that fails harms no other: its result is an error value, with the
 * element's index as field "element". What befalls a task (a lost daemon, a time-out) befalls all elements in it.
 * The elements' random streams are those of (the pool's seed, the map's
 * number in the pool, the element's index), whatever the chunks.
 * @param pool      borrowed until the map is released.
 * @param[out] out  owned, release with mirai_map_release().
 * @param function  borrowed.
 * @param elements  taken, also on failure; NULL for MIRAI_MAP_GENERATOR.
 * @param options   borrowed for the call; NULL: defaults.
 * @return MIRAI_OK; MIRAI_E_TYPE when `elements` are not what `over` says; else as mirai_pool_submit().
 * @thread any; hooks and the source run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_map_start(mirai_pool *pool, mirai_map **out,
                                                       const char *function, mirai_value *elements,
                                                       const mirai_map_options *options);

/**
 * Next result.
 * @param map         borrowed.
 * @param[out] index  of its element; NULL is allowed.
 * @param[out] out    owned, release with mirai_value_release(); an error value where the function failed.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits.
 * @return MIRAI_OK; MIRAI_E_CLOSED when there are no more; MIRAI_E_TIMEDOUT; MIRAI_E_INTERRUPTED;
 *         MIRAI_E_USER when the source failed; MIRAI_E_STATE in the map's own source or a hook;
 *         MIRAI_E_INVALID; MIRAI_E_NOMEM; MIRAI_E_FORKED.
 * @thread one at a time; hooks and the source run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_map_next(mirai_map *map, size_t *index, mirai_value **out,
                                                      int64_t timeout_ms);

/**
 * Gather the results that have not been read: a list (or dict, for a dict) in order of elements, error values
 * among them; with `flatten`, joined.
 * @param map         borrowed.
 * @param timeout_ms  0 polls; MIRAI_FOREVER waits. After MIRAI_E_TIMEDOUT nothing is lost: call it again.
 * @param[out] out    owned, release with mirai_value_release().
 * @return MIRAI_OK; MIRAI_E_USER when `stop` or `flatten` met an error: the detail names the element and its
 *         message, the rest is cancelled; MIRAI_E_TYPE when results cannot be joined; else as
 *         mirai_map_next().
 * @thread one at a time; hooks and the source run in this call   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_map_collect(mirai_map *map, int64_t timeout_ms,
                                                         mirai_value **out);

/**
 * How many elements have results, and how many there are.
 * @param map         borrowed.
 * @param[out] done   NULL is allowed.
 * @param[out] total  those known so far, for a generator; NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_map_counts(const mirai_map *map, size_t *done, size_t *total);

/**
 * Cancel what has not resolved; its elements' results are error values with MIRAI_OUTCOME_CANCELLED.
 * @param map  borrowed.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_map_cancel(mirai_map *map);

/**
 * Free the map; what has not resolved is cancelled.
 * @param map  taken; NULL is allowed.
 * @thread any   @since 0.1
 */
MIRAI_API void mirai_map_release(mirai_map *map);

MIRAI_END_DECLS
#endif
