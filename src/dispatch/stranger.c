/*
 * stranger: peers at the pool's listener that have not said who they are. Each has a few seconds for one frame, which
 * is not looked into before its token was compared; there is room for a few, and the oldest makes room. Guarded by
 * the pool's lock.
 */
#include "remote.h"

#include "alloc.h"
#include "clock.h"

enum { STRANGERS_MAX = 64, HANDSHAKE_MS = 5000 };

void mirai__stranger_drop(mirai_pool *pool, mirai__stranger *stranger)
{
    if (stranger->link != NULL) {
        mirai__engine_unwatch(pool, mirai__link_fd(stranger->link));
        mirai__link_free(stranger->link);
    }
    (void)mirai__map_remove(&pool->strangers, stranger->id);
    mirai__free(stranger);
}

static void drop_oldest(mirai_pool *pool)
{
    size_t cursor = 0;
    uint64_t id, oldest = UINT64_MAX;
    void *item;
    while (mirai__map_next(&pool->strangers, &cursor, &id, &item))
        if (id < oldest) oldest = id;
    item = mirai__map_get(&pool->strangers, oldest);
    if (item != NULL) mirai__stranger_drop(pool, item);
}

static void admit(mirai_pool *pool, mirai__channel *channel)
{
    static _Atomic uint64_t last_id;
    mirai__link *link = mirai__link_new(channel, &mirai__limits_stranger);
    if (link == NULL) return;
    mirai__stranger *stranger = mirai__alloc_zero(1, sizeof *stranger);
    if (stranger == NULL) {
        mirai__link_free(link);
        return;
    }
    if (pool->strangers.count >= STRANGERS_MAX) drop_oldest(pool);
    stranger->id = ++last_id;
    stranger->link = link;
    stranger->deadline = mirai__deadline(HANDSHAKE_MS);
    if (mirai__map_put(&pool->strangers, stranger->id, stranger) != MIRAI_OK) {
        mirai__link_free(link);
        mirai__free(stranger);
        return;
    }
    if (mirai__engine_watch(pool, mirai__link_fd(link), mirai__link_events(link), MIRAI__SOURCE_STRANGER,
                            stranger->id) != MIRAI_OK)
        mirai__stranger_drop(pool, stranger);
    else
        mirai__stranger_on_link(pool, stranger); /* its HELLO may be here: arms the descriptor if it is not */
}

void mirai__stranger_accept(mirai_pool *pool)
{
    mirai__channel *channel;
    while (mirai__listener_accept(pool->listener, &channel) == MIRAI_OK) admit(pool, channel);
}

/* Which of the daemons that have yet to dial in this is: the one whose token it shows. */
static mirai__remote *recognise(mirai_pool *pool, const mirai__frame *frame, mirai__hello *hello)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        mirai__remote *remote = item;
        if (remote->link != NULL || remote->ready || remote->killed) continue;
        if (mirai__hello_read(frame, remote->token, hello) == MIRAI_OK && hello->launch == id) return remote;
    }
    return NULL;
}

void mirai__stranger_on_link(mirai_pool *pool, mirai__stranger *stranger)
{
    mirai__frame frame;
    mirai_status status = mirai__link_receive(stranger->link, &frame);
    if (status == MIRAI_E_AGAIN) return;
    mirai__remote *remote = NULL;
    mirai__hello hello;
    if (status == MIRAI_OK) {
        remote = recognise(pool, &frame, &hello);
        mirai__frame_fini(&frame);
    }
    if (remote != NULL) {
        remote->link = stranger->link;
        stranger->link = NULL;
        remote->watched = POLLIN;
        mirai__engine_rewatch(pool, mirai__link_fd(remote->link), POLLIN, MIRAI__SOURCE_LINK, remote->id);
        (void)mirai__remote_welcome(pool, remote, &hello);
    }
    mirai__stranger_drop(pool, stranger);
    if (remote != NULL && remote->link != NULL) mirai__remote_on_link(pool, remote);
}

void mirai__stranger_expire(mirai_pool *pool, int64_t now)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->strangers, &cursor, &id, &item)) {
        mirai__stranger *stranger = item;
        if (stranger->deadline <= now) mirai__stranger_drop(pool, stranger);
    }
}

int64_t mirai__stranger_deadline(const mirai_pool *pool)
{
    int64_t soonest = MIRAI__NEVER;
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->strangers, &cursor, &id, &item)) {
        const mirai__stranger *stranger = item;
        if (stranger->deadline < soonest) soonest = stranger->deadline;
    }
    return soonest;
}
