/*
 * demand: checking and translating the options of a submission. No state; any thread.
 */
#include "demand.h"

#include "detail.h"
#include "engine.h"
#include "remote.h"
#include "resource.h"
#include "utf8.h"

mirai_status mirai__demand_check(const mirai_submit_options *options)
{
    const int32_t bits = MIRAI_RETRY_LOST | MIRAI_RETRY_FAILED;
    if (options->priority < -MIRAI__PRIORITY_MAX || options->priority > MIRAI__PRIORITY_MAX)
        return mirai__fail(MIRAI_E_INVALID, "priority is %d; -%d to %d are possible", (int)options->priority,
                           MIRAI__PRIORITY_MAX, MIRAI__PRIORITY_MAX);
    if (options->retries < 0) return mirai__fail(MIRAI_E_INVALID, "retries is %d", (int)options->retries);
    if ((options->retry_on & ~bits) != 0)
        return mirai__fail(MIRAI_E_INVALID, "retry_on is %d: unknown bits", (int)options->retry_on);
    if (options->losses < -1)
        return mirai__fail(MIRAI_E_INVALID, "losses is %d; -1 means none", (int)options->losses);
    if (options->tag != NULL && !mirai__name_valid(options->tag))
        return mirai__fail(MIRAI_E_INVALID, "a tag has 1 to 255 bytes of UTF-8");
    return mirai__resources_check(options->resources, options->resource_count, false);
}

mirai_status mirai__demand_read(const mirai_pool *pool, const mirai_submit_options *options,
                                mirai__sched_request *out)
{
    *out = (mirai__sched_request){.timeout_ms = options->timeout_ms,
                                  .grace_ms = options->grace_ms,
                                  .priority = options->priority,
                                  .retries = options->retries,
                                  .retry_on = options->retry_on,
                                  .losses = options->losses,
                                  .daemon_id = options->daemon,
                                  .tag = options->tag,
                                  .resources = options->resources,
                                  .resource_count = options->resource_count};
    if (options->daemon == 0) return MIRAI_OK;
    mirai__remote *remote = mirai__map_get(&pool->remotes, options->daemon);
    if (remote == NULL)
        return mirai__fail(MIRAI_E_INFEASIBLE, "this pool has no daemon %llu", (unsigned long long)options->daemon);
    out->daemon = &remote->sched;
    return MIRAI_OK;
}
