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

/* Wait actively, in the way for which the host sees processors. */
static void spin(mirai_daemon *daemon)
{
    mirai__link *link = daemon->link;
    int how = mirai__link_look(link) ? MIRAI__SPIN_NOT : mirai__link_active(link);
    if (how == MIRAI__SPIN_NOT) return;
    int64_t now = mirai__now_ns(), until = mirai__spin_until(&daemon->spin, how, now);
    bool found = false, tried = now < until;
    while (!found && now < until) {
        now = mirai__spin_step(&daemon->spin, how, now);
        found = mirai__link_look(link);
    }
    if (tried) mirai__spin_learn(&daemon->spin, found);
}

static bool has_news(mirai_daemon *daemon, uint64_t seen)
{
    (void)pthread_mutex_lock(&daemon->lock);
    bool news = daemon->news != seen;
    (void)pthread_mutex_unlock(&daemon->lock);
    return news;
}

/* Receive what has come; true: nothing has, here or on the control thread, and the link is parked. Else the
 * last read, on either, has found the ring empty and left it so that a bell calls the control thread. */
static bool receive(mirai_daemon *daemon, uint64_t seen, bool may_wait)
{
    bool any = false, parked = false;
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&daemon->receiving);
    if (may_wait) spin(daemon);
    do {
        /* An empty ring is not read in vain; its end calls the control thread. */
        if (!may_wait || mirai__link_look(daemon->link)) status = mirai__control_receive(daemon, &any);
        if (status != MIRAI_OK || any || !may_wait || has_news(daemon, seen)) break;
        parked = mirai__link_park(daemon->link);
    } while (!parked);
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
    bool parked = receive(daemon, seen, deadline > mirai__now_ms());
    (void)pthread_mutex_lock(&daemon->lock);
    if (!parked || daemon->news != seen) return;
    daemon->dozes = true;
    (void)pthread_mutex_unlock(&daemon->lock);
    mirai__link_doze(daemon->link, deadline);
    (void)pthread_mutex_lock(&daemon->lock);
    daemon->dozes = false;
    if (deadline == MIRAI__NEVER || deadline > mirai__now_ms()) return;
    (void)pthread_mutex_unlock(&daemon->lock); /* it may go away now, without a job */
    (void)receive(daemon, seen, false);
    (void)pthread_mutex_lock(&daemon->lock);
}
