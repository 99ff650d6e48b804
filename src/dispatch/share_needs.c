/*
 * share_needs: the shares that a request refers to, held until it is resolved (share.h). Guarded by the pool's lock
 * once it is entered.
 */
#include "share.h"

#include "alloc.h"
#include "budget.h"
#include "detail.h"

mirai_status mirai__needs_take(mirai__needs *needs, mirai__sharing *sharing)
{
    *needs = (mirai__needs){.items = NULL};
    if (sharing->count == 0) return MIRAI_OK;
    needs->items = mirai__alloc_zero(sharing->count, sizeof *needs->items);
    if (needs->items == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < sharing->count; i++) {
        mirai__list_init(&needs->items[i].of_share);
        needs->items[i].share = mirai__share_of(sharing->items[i]);
    }
    needs->count = sharing->count;
    sharing->count = 0; /* the counts are ours now */
    return MIRAI_OK;
}

mirai_status mirai__needs_check(const mirai__needs *needs, const char *who)
{
    for (size_t i = 0; i < needs->count; i++) {
        const mirai__share *share = needs->items[i].share;
        if (share->state == MIRAI__SHARE_READY) continue;
        return mirai__fail(MIRAI_E_STATE, "%s cannot have the result of task %llu, which %s", who,
                           (unsigned long long)share->shared.task,
                           share->state == MIRAI__SHARE_PENDING ? "is still to come" : "gave no value");
    }
    return MIRAI_OK;
}

void mirai__needs_count(mirai__need *need)
{
    mirai__share *share = need->share;
    need->counts = true;
    if (share->users++ == 0) mirai__budget_hold(share->pool, mirai__share_size(share));
}

static void count_not(mirai__need *need)
{
    mirai__share *share = need->share;
    if (!need->counts) return;
    need->counts = false;
    if (--share->users == 0) mirai__budget_free(share->pool, mirai__share_size(share), true);
}

uint32_t mirai__needs_enter(mirai__needs *needs, struct mirai_task *task)
{
    uint32_t waits = 0;
    for (size_t i = 0; i < needs->count; i++) {
        mirai__need *need = &needs->items[i];
        need->task = task;
        if (need->share->state == MIRAI__SHARE_READY) {
            mirai__needs_count(need);
            continue;
        }
        waits++;
        if (need->share->state == MIRAI__SHARE_PENDING)
            mirai__list_append(&need->share->dependants, &need->of_share);
    }
    return waits;
}

void mirai__needs_leave(mirai__needs *needs)
{
    for (size_t i = 0; i < needs->count; i++) {
        mirai__list_remove(&needs->items[i].of_share);
        count_not(&needs->items[i]);
    }
}

void mirai__needs_judge(mirai_pool *pool, mirai__needs *needs)
{
    for (size_t i = 0; i < needs->count; i++) {
        const mirai__need *need = &needs->items[i];
        if (need->share->state != MIRAI__SHARE_FAILED) continue;
        mirai__dependency_fail(pool, need->task, need->share);
        return;
    }
}

void mirai__needs_fini(mirai__needs *needs)
{
    for (size_t i = 0; i < needs->count; i++) {
        mirai__list_remove(&needs->items[i].of_share);
        mirai__shared_release(&needs->items[i].share->shared);
    }
    mirai__free(needs->items);
    *needs = (mirai__needs){.items = NULL};
}

void mirai__needs_keep(const mirai__needs *needs, mirai__segment *segment)
{
    for (size_t i = 0; i < needs->count; i++) {
        const mirai__share *share = needs->items[i].share;
        if (share->segment != NULL) mirai__segment_keep(segment, share->segment);
    }
}
