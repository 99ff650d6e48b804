/*
 * common_maker: making memory in common: not in a daemon, which will have let go of it when its host reads the result. Any
 * thread.
 */
#include <miraicore/common.h>

#include "common.h"
#include "detail.h"
#include "session.h"

mirai_value *mirai_common(size_t size_bytes)
{
    if (mirai__enter() != MIRAI_OK) return NULL;
    if (!mirai__session_is_daemon()) return mirai__common_value(size_bytes);
    mirai__fail(MIRAI_E_UNSUPPORTED, "memory in common cannot be made in a daemon, only passed on");
    return NULL;
}
