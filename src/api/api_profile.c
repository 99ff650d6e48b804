/*
 * api_profile: the exported calls on profiles: check arguments, fill in defaults, call down. Any thread.
 */
#include <miraicore/profile.h>

#include <stdio.h>

#include "alloc.h"
#include "complete.h"
#include "detail.h"
#include "here.h"
#include "options.h"
#include "profile.h"
#include "session.h"
#include "utf8.h"

enum { NAME_SIZE = 256 };

/* NULL: the present one. */
static mirai_status read_name(const char **name)
{
    if (*name == NULL) *name = mirai__profile_present();
    if (mirai__name_valid(*name)) return MIRAI_OK;
    return mirai__fail(MIRAI_E_INVALID, "a profile's name has 1 to 255 bytes of UTF-8");
}

mirai_status mirai_daemons(const char *profile, int32_t daemons, const mirai_pool_options *options)
{
    MIRAI_TRY(mirai__enter());
    mirai_pool_options full;
    MIRAI_TRY(read_name(&profile));
    MIRAI_TRY(mirai__complete_open(profile, daemons, options, &full));
    bool opens = daemons > 0 || full.sync != 0;
    if (opens) MIRAI_TRY(mirai__complete_place(&full));
    return mirai__profile_replace(profile, daemons, opens ? &full : NULL);
}

mirai_status mirai_profile_pool(const char *profile, mirai_pool **out)
{
    MIRAI_TRY(mirai__enter());
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    MIRAI_TRY(read_name(&profile));
    mirai_pool *pool = mirai__profile_hold(profile);
    if (pool == NULL) return mirai__fail(MIRAI_E_NOT_FOUND, "profile \"%s\" has no pool", profile);
    mirai__profile_let_go(profile);
    *out = pool;
    return MIRAI_OK;
}

mirai_status mirai_profile_set(const char *profile, char **previous)
{
    MIRAI_TRY(mirai__enter());
    if (profile == NULL) profile = "default";
    MIRAI_TRY(read_name(&profile));
    if (previous != NULL) {
        char *copy = mirai__strdup(mirai__profile_present());
        if (copy == NULL) return MIRAI_E_NOMEM;
        *previous = copy;
    }
    mirai__profile_choose(profile);
    return MIRAI_OK;
}

/* ---- submitting ------------------------------------------------------------------------------ */

/* Nobody could run its callbacks, since nobody can name the pool of ephemeral daemons. */
static mirai_status check_callbacks(const mirai_submit_options *options)
{
    mirai_submit_options full;
    MIRAI_TRY(mirai__options_read(&full, sizeof full, options, "mirai_submit_options"));
    if (full.on_resolved == NULL && full.on_progress == NULL && full.on_partial == NULL) return MIRAI_OK;
    return mirai__fail(MIRAI_E_STATE, "profile \"%s\" has no pool, whose mirai_pool_process() could call anything",
                       mirai__profile_present());
}

static mirai_status submit_ephemeral(mirai_task **out, const char *function, mirai_value *args,
                                     const mirai_submit_options *options)
{
    mirai_pool_options full;
    mirai_pool *pool = NULL;
    mirai_status status = check_callbacks(options);
    if (status == MIRAI_OK && (mirai__session_is_daemon() || mirai__here_is_running()))
        status = mirai__fail(MIRAI_E_STATE, "a task that a job submits gets no daemon of its own; open a pool with "
                                            "`nested` in its options, or use mirai_daemons() with it");
    if (status == MIRAI_OK) status = mirai__complete_open("ephemeral", 0, NULL, &full);
    if (status == MIRAI_OK) status = mirai__profile_hold_ephemeral(&full, &pool);
    if (status != MIRAI_OK) {
        mirai_value_release(args);
        return status;
    }
    status = mirai_pool_submit(pool, out, function, args, options);
    mirai__profile_let_go(NULL);
    return status;
}

mirai_status mirai_submit(mirai_task **out, const char *function, mirai_value *args,
                          const mirai_submit_options *options)
{
    mirai_status status = mirai__forked() ? mirai__enter() : mirai__complete_call(function, args);
    if (status != MIRAI_OK) {
        mirai_value_release(args);
        return status;
    }
    char name[NAME_SIZE]; /* a hook may choose another meanwhile */
    (void)snprintf(name, sizeof name, "%s", mirai__profile_present());
    mirai_pool *pool = mirai__profile_hold(name);
    if (pool == NULL) return submit_ephemeral(out, function, args, options);
    status = mirai_pool_submit(pool, out, function, args, options);
    mirai__profile_let_go(name);
    return status;
}

mirai_status mirai_profiles_close(int32_t how, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    bool known = how == MIRAI_DRAIN || how == MIRAI_CANCEL;
    mirai_status status = mirai__profiles_close(known ? how : MIRAI_CANCEL, timeout_ms);
    if (!known) return mirai__fail(MIRAI_E_INVALID, "how is %d; closed as by MIRAI_CANCEL", (int)how);
    return status;
}
