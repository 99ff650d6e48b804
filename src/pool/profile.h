/*
 * profile: pools by name, and the pool of ephemeral daemons, which has none. One table for the process, under a lock of
 * its own, which is held only to look or to change it: never while a pool opens, closes or takes a task.
 *
 * Who uses a profile's pool holds it, and closing waits for that. Meanwhile, and until it is opened again, nobody gets
 * it: so a submission goes to the pool before or to the one after, and never to one that is closing.
 */
#ifndef MIRAI__PROFILE_H
#define MIRAI__PROFILE_H

#include <stdbool.h>

#include <miraicore/pool.h>

/* The thread's present profile. */
const char *mirai__profile_present(void);
void mirai__profile_choose(const char *name);

/* Close the profile's pool, if it has one; then, where options are given, open another. Options are complete. */
mirai_status mirai__profile_replace(const char *name, int32_t daemons, const mirai_pool_options *options);
/* Hold its pool; NULL: it has none. */
mirai_pool *mirai__profile_hold(const char *name);
/* Hold the pool of ephemeral daemons, which the first one opens with these options. */
mirai_status mirai__profile_hold_ephemeral(const mirai_pool_options *options, mirai_pool **out);
/* NULL name: the pool of ephemeral daemons. */
void mirai__profile_let_go(const char *name);
/* Close all; the first failure. */
mirai_status mirai__profiles_close(int32_t how, int64_t timeout_ms);

#endif
