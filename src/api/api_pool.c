/*
 * api_pool: the exported calls on pools: check arguments, fill in defaults, call down. Any thread.
 */
#include <miraicore/launch.h>
#include <miraicore/pool.h>
#include <miraicore/status.h>

#include <string.h>

#include "alloc.h"
#include "complete.h"
#include "demand.h"
#include "detail.h"
#include "engine.h"
#include "here.h"
#include "interrupt.h"
#include "notify.h"
#include "options.h"
#include "pool.h"
#include "resource.h"
#include "session.h"
#include "utf8.h"

enum { DAEMONS_MAX = 4096, START_TIMEOUT_MS = 60000, GRACE_MS = 1000, EVERYWHERE_MS = 60000,
       HEARTBEAT_MS = 5000, OUTPUT_LIMIT = 65536 };

static int64_t or_default(int64_t given, int64_t otherwise)
{
    return given == 0 ? otherwise : given;
}

static mirai_status check_pool(const mirai_pool *pool)
{
    return pool != NULL ? MIRAI_OK : mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
}

static mirai_status check_times(const int64_t *times, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (times[i] < -1)
            return mirai__fail(MIRAI_E_INVALID, "a time of %lld ms; -1 means none", (long long)times[i]);
    return MIRAI_OK;
}

static mirai_status check_switch(const char *name, int32_t value)
{
    if (value == 0 || value == 1) return MIRAI_OK;
    return mirai__fail(MIRAI_E_INVALID, "%s is %d; it may be 0 or 1", name, (int)value);
}

static mirai_status check_limits(const int64_t *limits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (limits[i] < -1)
            return mirai__fail(MIRAI_E_INVALID, "a limit of %lld; -1 means none", (long long)limits[i]);
    return MIRAI_OK;
}

static mirai_status check_open(int32_t daemons, const mirai_pool_options *options)
{
    int64_t times[] = {options->start_timeout_ms, options->grace_ms, options->heartbeat_ms};
    int64_t limits[] = {options->max_tasks, options->max_bytes, options->output_limit};
    if (daemons < 0 || daemons > DAEMONS_MAX)
        return mirai__fail(MIRAI_E_INVALID, "%d daemons; 0 to %d are possible", (int)daemons, DAEMONS_MAX);
    if (options->output < MIRAI_OUTPUT_DISCARD || options->output > MIRAI_OUTPUT_CAPTURE)
        return mirai__fail(MIRAI_E_INVALID, "output is %d", (int)options->output);
    if (options->reserved != 0) return mirai__fail(MIRAI_E_INVALID, "a reserved field is not 0");
    MIRAI_TRY(check_switch("sync", options->sync));
    if (options->sync && daemons != 0)
        return mirai__fail(MIRAI_E_INVALID, "%d daemons; a sync pool has none", (int)daemons);
    MIRAI_TRY(check_switch("seeded", options->seeded));
    MIRAI_TRY(check_switch("nested", options->nested));
    MIRAI_TRY(check_switch("copy_results", options->copy_results));
    if (options->spin != 0 && options->spin != -1)
        return mirai__fail(MIRAI_E_INVALID, "spin is %d; it may be 0, or -1 for never", (int)options->spin);
    if (options->command != NULL && options->command[0] == NULL)
        return mirai__fail(MIRAI_E_INVALID, "the command is empty");
    MIRAI_TRY(mirai__resources_check(options->resources, options->resource_count, true));
    MIRAI_TRY(check_limits(limits, 3));
    return check_times(times, 3);
}

/* A pool in a job multiplies: each daemon that runs it has daemons of its own. */
mirai_status mirai__complete_place(const mirai_pool_options *options)
{
    if (!mirai__session_is_daemon() && !mirai__here_is_running()) return MIRAI_OK;
    if (mirai__session_is_daemon() && !mirai__session_has_entered())
        return mirai__fail(MIRAI_E_STATE, "this process was started as a daemon and opens a pool before it has "
                                          "called mirai_main() or mirai_daemon_open()");
    if (options->sync) return MIRAI_OK;
    if (!options->nested)
        return mirai__fail(MIRAI_E_STATE, "a pool opened in a job gives daemons to each daemon that runs such jobs; "
                                          "submit from the host instead, or set `nested` in the pool's options");
    if (mirai__session_depth() < MIRAI__DEPTH_MAX) return MIRAI_OK;
    return mirai__fail(MIRAI_E_STATE, "this daemon is %d deep in nested pools: none may be opened here",
                       (int)mirai__session_depth());
}

mirai_status mirai__complete_open(const char *name, int32_t daemons, const mirai_pool_options *options,
                                  mirai_pool_options *full)
{
    if (!mirai__name_valid(name)) return mirai__fail(MIRAI_E_INVALID, "a pool's name has 1 to 255 bytes");
    MIRAI_TRY(mirai__options_read(full, sizeof *full, options, "mirai_pool_options"));
    MIRAI_TRY(check_open(daemons, full));
    full->start_timeout_ms = or_default(full->start_timeout_ms, START_TIMEOUT_MS);
    full->grace_ms = or_default(full->grace_ms, GRACE_MS);
    full->output_limit = or_default(full->output_limit, OUTPUT_LIMIT);
    full->heartbeat_ms = or_default(full->heartbeat_ms, HEARTBEAT_MS);
    return MIRAI_OK;
}

mirai_status mirai_pool_open(mirai_pool **out, const char *name, int32_t daemons,
                             const mirai_pool_options *options)
{
    MIRAI_TRY(mirai__enter());
    mirai_pool_options full;
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    if (name == NULL) name = "default";
    MIRAI_TRY(mirai__complete_open(name, daemons, options, &full));
    MIRAI_TRY(mirai__complete_place(&full));
    return mirai__pool_open(name, daemons, &full, out);
}

mirai_status mirai_pool_close(mirai_pool *pool, int32_t how, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    if (pool == NULL) return MIRAI_OK;
    bool known = how == MIRAI_DRAIN || how == MIRAI_CANCEL;
    mirai_status status = mirai__pool_close(pool, known ? how : MIRAI_CANCEL, timeout_ms);
    if (!known) return mirai__fail(MIRAI_E_INVALID, "how is %d; closed as by MIRAI_CANCEL", (int)how);
    return status;
}

mirai_status mirai__complete_call(const char *function, const mirai_value *args)
{
    if (!mirai__name_valid(function))
        return mirai__fail(MIRAI_E_INVALID, "a function's name has 1 to 255 bytes of UTF-8");
    if (args == NULL) {
        char why[256];
        (void)strncpy(why, mirai_error_detail(), sizeof why - 1);
        why[sizeof why - 1] = '\0';
        return mirai__fail(MIRAI_E_INVALID, "the arguments are NULL%s%s", *why != '\0' ? ": " : "", why);
    }
    return MIRAI_OK;
}

/* What submit and everywhere have in common. */
static mirai_status check_call(const mirai_pool *pool, const char *function, const mirai_value *args)
{
    MIRAI_TRY(check_pool(pool));
    return mirai__complete_call(function, args);
}

static mirai_status check_submit(const mirai_pool *pool, const char *function, const mirai_value *args,
                                 const mirai_submit_options *options, mirai_submit_options *full)
{
    MIRAI_TRY(check_call(pool, function, args));
    MIRAI_TRY(mirai__options_read(full, sizeof *full, options, "mirai_submit_options"));
    int64_t times[] = {full->timeout_ms, full->grace_ms};
    if (full->label != NULL && !mirai__name_valid(full->label))
        return mirai__fail(MIRAI_E_INVALID, "a label has 1 to 255 bytes of UTF-8");
    MIRAI_TRY(check_times(times, 2));
    return mirai__demand_check(full);
}

static mirai_status submit(mirai_pool *pool, mirai_task **out, const char *function, mirai_value *args,
                           const mirai_submit_options *options, bool may_wait)
{
    mirai_submit_options full;
    mirai_status status = mirai__forked() ? mirai__enter() : MIRAI_OK; /* keeps a builder's detail */
    if (status == MIRAI_OK) status = check_submit(pool, function, args, options, &full);
    if (status != MIRAI_OK) {
        mirai_value_release(args);
        return status;
    }
    return may_wait ? mirai__pool_submit(pool, function, args, &full, out)
                    : mirai__pool_try_submit(pool, function, args, &full, out);
}

mirai_status mirai_pool_submit(mirai_pool *pool, mirai_task **out, const char *function, mirai_value *args,
                               const mirai_submit_options *options)
{
    return submit(pool, out, function, args, options, true);
}

mirai_status mirai_pool_try_submit(mirai_pool *pool, mirai_task **out, const char *function, mirai_value *args,
                                   const mirai_submit_options *options)
{
    return submit(pool, out, function, args, options, false);
}

mirai_status mirai_pool_everywhere(mirai_pool *pool, const char *key, const char *function, mirai_value *args,
                                   const mirai_everywhere_options *options)
{
    mirai_everywhere_options full = MIRAI_EVERYWHERE_OPTIONS_INIT;
    mirai_status status = mirai__forked() ? mirai__enter() : check_call(pool, function, args);
    if (status == MIRAI_OK)
        status = mirai__options_read(&full, sizeof full, options, "mirai_everywhere_options");
    if (status == MIRAI_OK) status = check_times(&full.timeout_ms, 1);
    if (status == MIRAI_OK && key != NULL && !mirai__name_valid(key))
        status = mirai__fail(MIRAI_E_INVALID, "a key has 1 to 255 bytes of UTF-8");
    if (status == MIRAI_OK && full.reserved != 0)
        status = mirai__fail(MIRAI_E_INVALID, "a reserved field is not 0");
    if (status != MIRAI_OK) {
        mirai_value_release(args);
        return status;
    }
    full.timeout_ms = or_default(full.timeout_ms, EVERYWHERE_MS);
    return mirai__pool_everywhere(pool, key != NULL ? key : function, function, args, &full);
}

mirai_status mirai_pool_load(mirai_pool *pool, const char *module)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_pool(pool));
    if (module == NULL || *module == '\0') return mirai__fail(MIRAI_E_INVALID, "the module has no name");
    mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
    options.timeout_ms = EVERYWHERE_MS;
    char *key = mirai__format("module:%s", module);
    if (key == NULL) return MIRAI_E_NOMEM;
    mirai_value *name = mirai_string(module);
    mirai_status status = name == NULL ? MIRAI_E_INVALID
                                       : mirai__pool_everywhere(pool, key, "module.load", name, &options);
    mirai__free(key);
    return status;
}

mirai_status mirai_pool_refhook_register(mirai_pool *pool, const char *class_name, const mirai_refhook *hook)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_pool(pool));
    return mirai__hooks_register(pool->hooks, class_name, hook);
}

mirai_status mirai_pool_fd(mirai_pool *pool, int *fd)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_pool(pool));
    if (fd == NULL) return mirai__fail(MIRAI_E_INVALID, "fd is NULL");
    return mirai__notify_fd(pool, fd);
}

mirai_status mirai_pool_process(mirai_pool *pool, size_t *handled)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_pool(pool));
    size_t count = mirai__notify_process(pool);
    if (handled != NULL) *handled = count;
    return MIRAI_OK;
}

mirai_status mirai_pool_cancel_all(mirai_pool *pool, size_t *cancelled)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_pool(pool));
    size_t count = mirai__pool_cancel_all(pool);
    if (cancelled != NULL) *cancelled = count;
    return MIRAI_OK;
}

void mirai_pool_interrupt(mirai_pool *pool)
{
    if (pool == NULL || mirai__forked()) return;
    mirai__interrupt_keep(pool);
    mirai__engine_kick(pool);
}

mirai_status mirai_pool_get_status(mirai_pool *pool, mirai_pool_status *out)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_pool(pool));
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    size_t theirs = out->struct_size;
    if (theirs < sizeof theirs || theirs > 65536)
        return mirai__fail(MIRAI_E_INVALID, "struct_size is %zu; use MIRAI_POOL_STATUS_INIT", theirs);
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    mirai__pool_status(pool, &status);
    size_t common = theirs < sizeof status ? theirs : sizeof status;
    memset(out, 0, theirs);
    memcpy(out, &status, common);
    out->struct_size = theirs;
    return MIRAI_OK;
}

mirai_value *mirai_pool_describe(mirai_pool *pool)
{
    if (mirai__enter() != MIRAI_OK || check_pool(pool) != MIRAI_OK) return NULL;
    return mirai__pool_describe(pool);
}
