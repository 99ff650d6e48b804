/**
 * @file profile.h
 * Profiles: pools by name, so that a program's parts can share them without handing handles around.
 *
 * Where a profile has no pool, mirai_submit() starts an ephemeral daemon for the one task, which leaves after it.
 *
 * Thread safety: every function here is safe on any thread. The present profile is one per thread.
 */
#ifndef MIRAICORE_PROFILE_H
#define MIRAICORE_PROFILE_H

#include <miraicore/pool.h>

MIRAI_BEGIN_DECLS

/**
 * Give a profile a pool with local daemons, or none. A pool that it has is closed first (MIRAI_CANCEL), unless the
 * arguments are bad. Others may call mirai_submit() on the profile meanwhile: a task goes to the pool before, or to the
 * one after; on the one before it may be refused with MIRAI_E_CLOSED.
 * @param profile  borrowed; NULL: the thread's present one.
 * @param daemons  0: the profile has no pool any more, or a sync one, where the options say so.
 * @param options  borrowed for the call; NULL: defaults.
 * @return as mirai_pool_open(), and the profile has no pool then; MIRAI_E_STATE inside a hook or function that
 *         mirai_submit() runs.
 * @thread any; not inside mirai_pool_process() on the profile's pool   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_daemons(const char *profile, int32_t daemons,
                                                     const mirai_pool_options *options);

/**
 * The pool of a profile.
 * @param profile   borrowed; NULL: the thread's present one.
 * @param[out] out  borrowed, until mirai_daemons() is next called on the profile.
 * @return MIRAI_OK; MIRAI_E_NOT_FOUND when it has none; MIRAI_E_INVALID; MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_profile_pool(const char *profile, mirai_pool **out);

/**
 * Choose this thread's present profile: "default" at first. For a scope: keep what is returned, and set it
 * again at the end.
 * @param profile        borrowed; NULL: "default".
 * @param[out] previous  owned, release with mirai_text_free(); NULL is allowed.
 * @return MIRAI_OK; MIRAI_E_INVALID for an empty name or one of more than 255 bytes; MIRAI_E_NOMEM;
 *         MIRAI_E_FORKED.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_profile_set(const char *profile, char **previous);

/**
 * Submit a task to the present profile's pool; where it has none, to an ephemeral daemon of its own. The time-out of
 * the task counts from now. Its callbacks must be NULL then, since there is no pool that could be told to run them.
 * @param[out] out  owned, release with mirai_task_release(); NULL: detached.
 * @param function  borrowed.
 * @param args      taken, also on failure.
 * @param options   borrowed for the call; NULL: defaults.
 * @return as mirai_pool_submit(), and for an ephemeral daemon as mirai_pool_open() but MIRAI_E_START: a daemon that
 *         does not start is an outcome of the task (MIRAI_OUTCOME_LOST). MIRAI_E_STATE for an ephemeral daemon when a
 *         callback is given, and in a job.
 * @thread any; does not wait for the daemon   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_submit(mirai_task **out, const char *function,
                                                    mirai_value *args,
                                                    const mirai_submit_options *options);

/**
 * Close the pools of all profiles, and what serves ephemeral daemons: before a program ends. Where a program ends
 * without it, its daemons end, too.
 * @param how         MIRAI_DRAIN or MIRAI_CANCEL.
 * @param timeout_ms  for each.
 * @return the first failure of a mirai_pool_close(); MIRAI_E_INVALID; MIRAI_E_STATE as for mirai_daemons();
 *         MIRAI_E_FORKED.
 * @thread any, while no other call uses these pools   @since 0.1
 */
MIRAI_API mirai_status mirai_profiles_close(int32_t how, int64_t timeout_ms);

MIRAI_END_DECLS
#endif
