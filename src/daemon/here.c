/*
 * here: see here.h.
 */
#include "here.h"

#include "detail.h"
#include "segment.h"

static _Thread_local int running; /* one in the other */

bool mirai__here_is_running(void)
{
    return running > 0;
}

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
                          .aux = 1,
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
