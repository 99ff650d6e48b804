/*
 * idle: a main thread without a job. Where the link is in shared memory it receives by itself: it looks for
 * a moment (spin.h), then dozes until something comes or the control thread has news. Elsewhere it
 * sleeps until the control thread has received something.
 *
 * Before it goes to a job it has found the ring empty once, and so asked for a bell for what must
 * reach this process meanwhile: that calls the control thread.
 */
#include "clock.h"
#include "daemon_private.h"
#include "lock.h"

void mirai__idle_tell(mirai_daemon *daemon)
{
    daemon->news++;
    (void)pthread_cond_broadcast(&daemon->changed);
    if (daemon->dozes) mirai__link_rouse(daemon->link);
}

/* Wait actively, where the host has a processor to spare for that. */
static void spin(mirai_daemon *daemon)
{
    mirai__link *link = daemon->link;
    if (mirai__link_look(link) || !mirai__link_active(link)) return;
    int64_t until = mirai__spin_until(&daemon->spin, mirai__now_ns());
    bool found = false;
    while (!found && mirai__now_ns() < until) {
        mirai__spin_pause();
        found = mirai__link_look(link);
    }
    mirai__spin_learn(&daemon->spin, found);
}

/* Receive what has come; true: nothing has, and the link is parked. */
static bool receive(mirai_daemon *daemon, bool may_wait)
{
    bool any = false;
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&daemon->receiving);
    if (may_wait) spin(daemon);
    if (mirai__link_look(daemon->link)) status = mirai__control_receive(daemon, &any); /* the end calls the control thread */
    bool parked = may_wait && status == MIRAI_OK && !any && mirai__link_park(daemon->link);
    (void)pthread_mutex_unlock(&daemon->receiving);
    if (status != MIRAI_OK) mirai__control_lost(daemon, status);
    return parked;
}

void mirai__idle_wait(mirai_daemon *daemon, int64_t deadline)
{
    if (!mirai__link_dozes(daemon->link)) {
        (void)mirai__cond_wait_until(&daemon->changed, &daemon->lock, deadline);
        return;
    }
    uint64_t seen = daemon->news;
    (void)pthread_mutex_unlock(&daemon->lock);
    bool parked = receive(daemon, deadline > mirai__now_ms());
    (void)pthread_mutex_lock(&daemon->lock);
    if (!parked || daemon->news != seen) return;
    daemon->dozes = true;
    (void)pthread_mutex_unlock(&daemon->lock);
    mirai__link_doze(daemon->link, deadline);
    (void)pthread_mutex_lock(&daemon->lock);
    daemon->dozes = false;
}
