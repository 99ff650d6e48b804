/*
 * received: see received.h. No state. Bytes that were lent lie in memory that this process cannot write and that the
 * daemon can; all others are this process's own, and a reader who casts const away can write them.
 */
#include "received.h"

#include "borrower.h"
#include "engine.h"
#include "message.h"

static bool is_own(const mirai_buffer *buffer)
{
    return !mirai__borrower_lent(buffer);
}

mirai_status mirai__received_decode(const mirai_pool *pool, mirai__segment *segment, bool elsewhere,
                                    mirai_value **out)
{
    bool is_plain = segment->count == 0 || (!elsewhere && !pool->copies_results);
    if (is_plain) return mirai__decode(segment, pool->hooks, &mirai__limits_local, out);
    bool (*stays)(const mirai_buffer *) = elsewhere ? mirai__borrower_lent : is_own;
    mirai__segment *copy = mirai__segment_copy(segment, elsewhere && pool->copies_results ? NULL : stays);
    if (copy == NULL) return MIRAI_E_NOMEM;
    mirai_status status = mirai__decode(copy, pool->hooks, &mirai__limits_local, out);
    mirai__segment_release(copy);
    return status;
}
