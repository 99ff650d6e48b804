/*
 * heartbeat: asking busy daemons for a sign of life, and killing those that give none. Threads and lock: heartbeat.h.
 */
#include "heartbeat.h"

#include "clock.h"

enum { MISSED_MAX = 3 };

void mirai__heartbeat_busy(mirai_pool *pool, mirai__remote *remote)
{
    if (mirai__list_is_empty(&remote->busy)) mirai__list_append(&pool->busy, &remote->busy);
    if (pool->heartbeat_ms < 0) return;
    remote->pulse.missed = 0;
    if (pool->beat_at == MIRAI__NEVER) pool->beat_at = mirai__deadline(pool->heartbeat_ms);
}

void mirai__heartbeat_idle(mirai__remote *remote)
{
    mirai__list_remove(&remote->busy);
}

bool mirai__heartbeat_pong(mirai__remote *remote, int32_t number)
{
    if (remote->pulse.asked_at == 0 || number != remote->pulse.number) return false;
    remote->pulse.asked_at = 0;
    return true;
}

static void ask(mirai_pool *pool, mirai__remote *remote, int64_t now)
{
    mirai__pulse *pulse = &remote->pulse;
    pulse->number = pulse->number == INT32_MAX ? 1 : pulse->number + 1;
    pulse->asked_at = now;
    mirai__frame ping = {.kind = MIRAI__FRAME_PING, .aux = pulse->number, .incarnation = remote->id};
    mirai__remote_send(pool, remote, &ping);
}

/* It has owed an answer for long. What it sent meanwhile may lie unread: that is looked at first. */
static void judge(mirai_pool *pool, mirai__remote *remote, int64_t now)
{
    uint64_t id = remote->id;
    mirai__remote_on_link(pool, remote);
    remote = mirai__map_get(&pool->remotes, id);
    if (remote == NULL || remote->link == NULL || mirai__list_is_empty(&remote->busy)) return;
    if (mirai__link_moved(remote->link) != remote->pulse.moved) return;
    remote->pulse.silent_ms = now - remote->pulse.asked_at;
    mirai__remote_kill(pool, remote, "it does not answer any more");
}

static void look(mirai_pool *pool, mirai__remote *remote, int64_t now, bool late)
{
    mirai__pulse *pulse = &remote->pulse;
    if (remote->link == NULL || remote->killed || remote->left) return;
    uint64_t moved = mirai__link_moved(remote->link);
    if (moved != pulse->moved)
        pulse->missed = 0;
    else if (pulse->asked_at != 0 && !late)
        pulse->missed++;
    if (pulse->missed >= MISSED_MAX) {
        judge(pool, remote, now);
        return;
    }
    if (pulse->asked_at == 0) ask(pool, remote, now);
    pulse->moved = mirai__link_moved(remote->link); /* the ping is none of its doing */
}

void mirai__heartbeat_beat(mirai_pool *pool, int64_t now)
{
    if (now < pool->beat_at) return;
    bool late = now - pool->beat_at > pool->heartbeat_ms;
    pool->beat_at = mirai__list_is_empty(&pool->busy) ? MIRAI__NEVER : mirai__deadline(pool->heartbeat_ms);
    for (mirai__list *next, *at = pool->busy.next; at != &pool->busy; at = next) {
        next = at->next;
        look(pool, mirai__list_entry(at, mirai__remote, busy), now, late);
    }
}
