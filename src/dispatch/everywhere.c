/*
 * everywhere: the records of what runs on every daemon. Guarded by the pool's lock.
 */
#include "everywhere.h"

#include <string.h>

#include "alloc.h"
#include "driver.h"
#include "handle.h"

mirai__everywhere *mirai__everywhere_of(mirai__sched_setup *setup)
{
    return mirai__list_entry(setup, mirai__everywhere, sched);
}

mirai__everywhere *mirai__everywhere_new(const char *key, mirai__segment *request, mirai__needs *needs,
                                         bool remember)
{
    size_t size = strlen(key) + 1;
    mirai__everywhere *everywhere = mirai__alloc_zero(1, sizeof *everywhere + size);
    if (everywhere == NULL) {
        mirai__segment_release(request);
        mirai__needs_fini(needs);
        return NULL;
    }
    memcpy(everywhere->key, key, size);
    everywhere->references = 1;
    everywhere->id = mirai__task_number();
    everywhere->request = request;
    everywhere->needs = *needs;
    everywhere->sched.remembered = remember;
    mirai__list_init(&everywhere->node);
    return everywhere;
}

void mirai__everywhere_drop(mirai__everywhere *everywhere)
{
    if (--everywhere->references > 0) return;
    mirai__segment_release(everywhere->request);
    mirai__needs_fini(&everywhere->needs);
    mirai__segment_release(everywhere->failure);
    mirai__cause_free(everywhere->cause);
    mirai__free(everywhere);
}

void mirai__everywhere_remove(mirai_pool *pool, mirai__everywhere *everywhere)
{
    mirai__sched_setup_remove(&pool->sched, &everywhere->sched);
    mirai__list_remove(&everywhere->node);
    everywhere->replaced = !everywhere->done;
    everywhere->done = true; /* whoever still waits for it need wait no longer */
    mirai__driver_notify(pool);
    mirai__everywhere_drop(everywhere);
}

mirai_status mirai__everywhere_add(mirai_pool *pool, mirai__everywhere *everywhere, int64_t now)
{
    MIRAI_TRY(mirai__needs_check(&everywhere->needs, "what runs everywhere"));
    mirai_status status = mirai__sched_setup_add(&pool->sched, &everywhere->sched, now);
    if (status != MIRAI_OK) return status;
    for (mirai__list *at = pool->setups.next; at != &pool->setups; at = at->next) {
        mirai__everywhere *other = mirai__list_entry(at, mirai__everywhere, node);
        if (strcmp(other->key, everywhere->key) != 0) continue;
        mirai__everywhere_remove(pool, other);
        break; /* a key is there once */
    }
    mirai__list_append(&pool->setups, &everywhere->node);
    everywhere->references++;
    return MIRAI_OK;
}
