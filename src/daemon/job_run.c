/*
 * job_run: what happens to a job from its frame to its value, wherever it runs. On the thread that runs it, under no
 * lock.
 */
#include <stdio.h>

#include "detail.h"
#include "functions.h"
#include "job.h"

static mirai_value *unknown_function(void)
{
    char detail[1024]; /* a copy, since building a value may set the text */
    (void)snprintf(detail, sizeof detail, "%s", mirai_error_detail());
    return mirai_error("unknown_function", MIRAI_E_FUNCTION, "%s", detail);
}

bool mirai__job_run(mirai_job *job, mirai_status prepared, bool pull, mirai_value **result)
{
    mirai__function function;
    mirai_status status = prepared;
    if (mirai_job_cancelled(job))
        *result = mirai_error("cancelled", MIRAI_OUTCOME_CANCELLED, "cancelled before it began");
    else if (status != MIRAI_OK || (status = mirai__job_decode(job)) != MIRAI_OK)
        *result = mirai__codec_error(status, "decode_error");
    else if (mirai__function_find(job->function, &function) == MIRAI_OK)
        *result = mirai__function_call(&function, job->function, job, job->args);
    else if (pull)
        return false;
    else
        *result = unknown_function();
    return true;
}
