/*
 * sharing: the shared values that a message refers to, each once (message.h). On the encoder's thread; no lock.
 */
#include <string.h>

#include "detail.h"
#include "encode_private.h"
#include "grow.h"

void mirai__sharing_init(mirai__sharing *sharing, const void *home)
{
    memset(sharing, 0, sizeof *sharing);
    sharing->home = home;
    mirai__map_init(&sharing->seen);
}

void mirai__sharing_fini(mirai__sharing *sharing)
{
    if (!sharing->items) return; /* the first thing that is made */
    for (size_t i = 0; i < sharing->count; i++) mirai__shared_release(sharing->items[i]);
    mirai__free(sharing->items);
    mirai__map_fini(&sharing->seen);
    mirai__sharing_init(sharing, sharing->home);
}

static const char *what_is(const mirai__shared *shared)
{
    return shared->task != 0 ? "the future result of a task" : "a shared value";
}

mirai_status mirai__sharing_add(mirai__sharing *sharing, mirai__shared *shared)
{
    if (!sharing) {
        return mirai__fail(MIRAI_E_STATE, "%s can only be among the arguments of a task",
                           what_is(shared));
    }
    if (shared->home != sharing->home) {
        return mirai__fail(MIRAI_E_INVALID, "%s belongs to another pool", what_is(shared));
    }
    if (mirai__map_get(&sharing->seen, shared->id)) return MIRAI_OK;
    MIRAI_TRY(mirai__grow(sharing->items, sharing->capacity, sharing->count));
    MIRAI_TRY(mirai__map_put(&sharing->seen, shared->id, shared));
    sharing->items[sharing->count++] = mirai__shared_ref(shared);
    return MIRAI_OK;
}
