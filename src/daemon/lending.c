/*
 * lending: see lending.h. A daemon whose memory is limited keeps none warm, and sends bytes.
 */
#include "lending.h"

#include <sys/resource.h>

static bool is_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

mirai_status mirai__lending_begin(mirai__lending *lending, mirai__link *link)
{
    if (!mirai__link_passes(link)) return MIRAI_OK;
    if (is_limited()) return mirai__link_share_memory(link, NULL);
    lending->slabs = mirai__slabs_new(mirai__slabs_budget_of_daemon());
    if (lending->slabs != NULL) lending->lender = mirai__lender_new(lending->slabs);
    if (lending->lender == NULL) return MIRAI_E_NOMEM;
    MIRAI_TRY(mirai__slabs_bind(NULL, lending->slabs));
    return mirai__link_share_memory(link, lending->lender);
}

void mirai__lending_end(mirai__lending *lending)
{
    if (lending->slabs == NULL) return;
    mirai__slabs_unbind(NULL);
    mirai__lender_free(lending->lender);
    mirai__slabs_close(lending->slabs);
    *lending = (mirai__lending){.slabs = NULL};
}
