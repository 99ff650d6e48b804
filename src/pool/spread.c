/*
 * spread: running a function on every daemon, and waiting for it. What went wrong is decoded on the waiting thread,
 * under no lock.
 */
#include "pool.h"

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "everywhere.h"
#include "handle.h"
#include "received.h"
#include "request.h"
#include "sync.h"

static bool is_done(void *context)
{
    return ((const mirai__everywhere *)context)->done;
}

/* The status that says why daemons died in it. */
static mirai_status explain_deaths(const mirai__cause *cause, const char *function)
{
    char how[256];
    mirai__cause_text(cause, how, sizeof how);
    const char *words = cause != NULL ? cause->last_words : NULL;
    return mirai__fail(MIRAI_E_START, "daemons died again and again while they ran \"%s\"; at last: %s%s%s", function,
                       how, words != NULL ? "; it said: " : "", words != NULL ? words : "");
}

/* The status that says why it failed on a daemon. */
static mirai_status explain(mirai_pool *pool, mirai__segment *failure, const char *function)
{
    mirai_value *error = NULL;
    MIRAI_TRY(mirai__received_decode(pool, failure, false, &error));
    int32_t code = mirai_value_error_code(error);
    const char *message = mirai_value_error_message(error);
    mirai_status status = code == MIRAI_E_MODULE || code == MIRAI_E_FUNCTION ? code : MIRAI_E_USER;
    status = mirai__fail(status, "\"%s\" failed on a daemon: %s", function,
                         message != NULL ? message : "it gave no message");
    mirai_value_release(error);
    return status;
}

mirai_status mirai__pool_everywhere(mirai_pool *pool, const char *key, const char *function, mirai_value *args,
                                    const mirai_everywhere_options *options)
{
    mirai__segment *request = NULL, *failure = NULL;
    mirai__cause *cause = NULL;
    mirai__needs needs;
    MIRAI_TRY(mirai__request_encode(pool, function, args, NULL, &needs, &request));
    if (pool->sync) {
        mirai_status ran = mirai__sync_everywhere(pool, request, &needs, &failure);
        if (failure != NULL) ran = explain(pool, failure, function);
        mirai__segment_release(failure);
        return ran;
    }
    mirai__everywhere *everywhere = mirai__everywhere_new(key, request, &needs, !options->forget);
    if (everywhere == NULL) return MIRAI_E_NOMEM;

    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = mirai__everywhere_add(pool, everywhere, mirai__now_ms());
    if (status == MIRAI_OK) {
        mirai__engine_commands(pool);
        mirai__engine_rearm(pool);
        status = mirai__driver_wait(pool, NULL, is_done, everywhere, mirai__deadline(options->timeout_ms), true);
    }
    bool failed = status == MIRAI_OK && everywhere->failed;
    bool replaced = status == MIRAI_OK && everywhere->replaced;
    /* Whoever is told that it is over must not have it hold the daemons any longer. */
    if (everywhere->sched.sequence != 0 && !everywhere->done) {
        mirai__everywhere_remove(pool, everywhere);
        mirai__engine_commands(pool);
        mirai__engine_rearm(pool);
    }
    if (failed && everywhere->failure != NULL) {
        failure = mirai__segment_ref(everywhere->failure);
    } else if (failed) {
        cause = everywhere->cause;
        everywhere->cause = NULL;
    }
    mirai__everywhere_drop(everywhere);
    (void)pthread_mutex_unlock(&pool->lock);

    if (replaced) status = mirai__fail(MIRAI_E_STATE, "another run under the key \"%s\" took its place", key);
    if (failed) status = failure != NULL ? explain(pool, failure, function) : explain_deaths(cause, function);
    mirai__segment_release(failure);
    mirai__cause_free(cause);
    return status;
}
