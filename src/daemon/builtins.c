/*
 * builtins: the functions that every daemon has. They run on its main thread.
 *   mirai.echo   gives its arguments back
 *   mirai.sleep  waits for {"ms": int}, or an int; a cancel ends it at once
 *   mirai.exec   runs a command (exec.c)
 *   mirai.info   tells about this process
 *   mirai.map    calls a function for each element of a chunk (each.c)
 *   module.load  loads a module by name or path
 */
#include <pthread.h>
#include <unistd.h>

#include "clock.h"
#include "detail.h"
#include "functions.h"
#include "job.h"
#include "lock.h"

static mirai_value *echo(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    return mirai_value_ref(args);
}

/* ---- mirai.sleep ---- */

typedef struct nap {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool cancelled;
} nap;

static void end_nap(void *user)
{
    nap *nap = user;
    (void)pthread_mutex_lock(&nap->lock);
    nap->cancelled = true;
    (void)pthread_cond_signal(&nap->ended);
    (void)pthread_mutex_unlock(&nap->lock);
}

static mirai_value *sleep_for(mirai_job *job, int64_t ms)
{
    nap nap = {.lock = PTHREAD_MUTEX_INITIALIZER};
    if (mirai__cond_init(&nap.ended) != MIRAI_OK) return NULL;
    int64_t deadline = mirai__deadline(ms);
    mirai__job_watch(job, end_nap, &nap);
    (void)pthread_mutex_lock(&nap.lock);
    while (!nap.cancelled && mirai__cond_wait_until(&nap.ended, &nap.lock, deadline)) continue;
    bool cancelled = nap.cancelled;
    (void)pthread_mutex_unlock(&nap.lock);
    mirai__job_watch(job, NULL, NULL);
    (void)pthread_cond_destroy(&nap.ended);
    (void)pthread_mutex_destroy(&nap.lock);
    if (cancelled)
        return mirai_error("cancelled", MIRAI_OUTCOME_CANCELLED, "the sleep was cancelled");
    return mirai_null();
}

static mirai_value *sleep_builtin(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    const mirai_value *ms =
        mirai_value_type(args) == MIRAI_TYPE_DICT ? mirai_value_get(args, "ms") : args;
    int64_t number;
    if (mirai_value_to_int(ms, &number) != MIRAI_OK || number < 0) {
        (void)mirai__fail(MIRAI_E_TYPE,
                          "mirai.sleep takes milliseconds: an integer of 0 or more, or a dict with "
                          "one as \"ms\"");
        return NULL;
    }
    return sleep_for(job, number);
}

/* ---- the others ---- */

static mirai_value *info(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    return mirai_dict_of("pid", mirai_int(getpid()), "host", mirai_string(host), "version",
                         mirai_string(mirai_version_text()), "functions", mirai__functions_list(),
                         "modules", mirai__modules_list(), MIRAI_END);
}

static mirai_value *load_module(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    const char *name = mirai_value_string(args);
    if (name == NULL) name = mirai_value_string(mirai_value_get(args, "name"));
    if (name == NULL) {
        (void)mirai__fail(MIRAI_E_TYPE, "module.load takes a string: a module's name or path");
        return NULL;
    }
    mirai_status status = mirai_module_load(name);
    return status == MIRAI_OK ? mirai_null() : mirai__codec_error(status, "module_error");
}

mirai_status mirai__builtins_register(void)
{
    static const mirai_module_function all[] = {
        {"mirai.echo", echo, NULL},         {"mirai.sleep", sleep_builtin, NULL},
        {"mirai.exec", mirai__exec, NULL},  {"mirai.info", info, NULL},
        {"mirai.map", mirai__each, NULL},   {"module.load", load_module, NULL},
        {NULL, NULL, NULL},
    };
    return mirai__functions_add(all, true);
}
