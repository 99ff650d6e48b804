/*
 * api_share: the exported calls that give shared values: check arguments, call down. Any thread. As builders do, they
 * keep the detail text of one that failed before.
 */
#include <miraicore/pool.h>
#include <miraicore/task.h>

#include "detail.h"
#include "handle.h"
#include "share.h"

static mirai_status check_share(const mirai_pool *pool, const mirai_value *value)
{
    if (mirai__forked()) return mirai__enter();
    if (pool == NULL) return mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
    if (value == NULL && mirai_error_detail()[0] == '\0')
        return mirai__fail(MIRAI_E_INVALID, "the value is NULL");
    return value != NULL ? MIRAI_OK : MIRAI_E_INVALID;
}

mirai_value *mirai_share(mirai_pool *pool, mirai_value *value)
{
    if (check_share(pool, value) != MIRAI_OK) {
        mirai_value_release(value);
        return NULL;
    }
    mirai__share *share = NULL;
    if (mirai__share_value(pool, value, &share) != MIRAI_OK) return NULL;
    return mirai__value_shared(&share->shared);
}

mirai_value *mirai_task_argument(mirai_task *task)
{
    if (mirai__forked()) {
        (void)mirai__enter();
        return NULL;
    }
    if (task == NULL) {
        mirai__fail(MIRAI_E_INVALID, "the task is NULL");
        return NULL;
    }
    mirai__share *share = NULL;
    if (mirai__dependency_share(task, &share) != MIRAI_OK) return NULL;
    return mirai__value_shared(&share->shared);
}
