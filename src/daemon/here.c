/*
 * here: see here.h.
 */
#include "here.h"

#include "alloc.h"
#include "detail.h"
#include "segment.h"

static _Thread_local int running; /* one in the other */

bool mirai__here_is_running(void)
{
    return running > 0;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

mirai__store *mirai__store_new(void)
{
    mirai__store *store = mirai__alloc_zero(1, sizeof *store);
    if (store != NULL) (void)pthread_mutex_init(&store->lock, NULL);
    return store;
}

void mirai__store_free(mirai__store *store)
{
    if (store == NULL) return;
    mirai__states_fini(&store->states);
    (void)pthread_mutex_destroy(&store->lock);
    mirai__free(store);
}

void *mirai__store_get(mirai__store *store, const char *key)
{
    (void)pthread_mutex_lock(&store->lock);
    void *state = mirai__states_get(&store->states, key);
    (void)pthread_mutex_unlock(&store->lock);
    return state;
}

mirai_status mirai__store_set(mirai__store *store, const char *key, void *state, mirai_state_free_fn release,
                              bool lasting)
{
    mirai__state *old = NULL;
    (void)pthread_mutex_lock(&store->lock);
    mirai_status status = mirai__states_swap(&store->states, key, state, release, lasting, &old);
    (void)pthread_mutex_unlock(&store->lock);
    if (status != MIRAI_OK && state != NULL && release != NULL) release(state);
    mirai__state_free(old);
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Takes value. */
static mirai_status encode(const mirai_job *job, mirai_value *value, mirai_outcome *outcome, mirai__segment **result)
{
    mirai__frame frame = {.segment = NULL};
    mirai_status encoded = MIRAI_OK; /* where it failed, the result says so */
    mirai_status status = value != NULL ? mirai__job_result(job, value, &frame, &encoded) : MIRAI_E_NOMEM;
    mirai_value_release(value);
    *outcome = frame.aux;
    *result = frame.segment;
    return status;
}

mirai_status mirai__here_run(const mirai__here *here, mirai_outcome *outcome, mirai__segment **result)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of on_cancel, which nobody will call */
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB,
                          .aux = here->is_setup ? 0 : 1,
                          .task = here->task,
                          .attempt = 1,
                          .segment = mirai__segment_ref(here->request)};
    mirai_job *job = mirai__job_new(NULL, &lock, &frame);
    if (job == NULL) {
        mirai__frame_fini(&frame);
        return MIRAI_E_NOMEM;
    }
    job->hooks = here->hooks;
    job->resolver = here->resolver;
    job->store = here->store;
    job->tell = here->tell;
    job->host = here->host;
    job->here = true;
    mirai_value *value = NULL;
    running++;
    (void)mirai__job_run(job, MIRAI_OK, false, &value);
    running--;
    mirai_status status = MIRAI_OK;
    if (mirai__forked()) {
        mirai_value_release(value);
        status = mirai__enter();
    } else {
        status = encode(job, value, outcome, result);
    }
    mirai__job_free(job);
    (void)pthread_mutex_destroy(&lock);
    return status;
}
