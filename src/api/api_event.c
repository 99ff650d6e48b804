/*
 * api_event: the exported calls on what happens in a pool: check arguments, call down. Any thread.
 */
#include <miraicore/status.h>

#include "budget.h"
#include "detail.h"
#include "events.h"

mirai_status mirai_pool_on_event(mirai_pool *pool, int32_t kinds, mirai_event_fn fn, void *user)
{
    MIRAI_TRY(mirai__enter());
    if (pool == NULL) return mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
    if (kinds < 0 || (kinds & ~MIRAI_EVENT_ALL) != 0)
        return mirai__fail(MIRAI_E_INVALID, "kinds is %d; it may have bits of MIRAI_EVENT_ALL", (int)kinds);
    if (kinds != 0 && fn == NULL) return mirai__fail(MIRAI_E_INVALID, "fn is NULL");
    return mirai__events_listen(pool, kinds, fn, user);
}

mirai_status mirai_pool_on_room(mirai_pool *pool, mirai_room_fn fn, void *user)
{
    MIRAI_TRY(mirai__enter());
    if (pool == NULL) return mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
    mirai__budget_on_room(pool, fn, user);
    return MIRAI_OK;
}
