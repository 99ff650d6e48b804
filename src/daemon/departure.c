/*
 * departure: what is due, and LEAVE. From that frame on no further job is begun; the process ends when
 * the host has answered with CLOSE. Main thread; the daemon's lock guards what both threads see.
 */
#include "departure.h"

#include "clock.h"
#include "daemon_private.h"

enum { ANSWER_MS = 5000 };

bool mirai__departure_is_timed(const mirai_daemon *daemon)
{
    return daemon->settings.idle_ms > 0 || daemon->settings.wall_ms > 0 || daemon->exit_code != 0;
}

void mirai__departure_count(mirai_daemon *daemon, bool counts)
{
    if (daemon->settings.idle_ms > 0) daemon->idle_since = mirai__now_ms();
    if (counts) daemon->jobs++;
}

/* An exit code, or 0. */
static int32_t due(const mirai_daemon *daemon, int64_t now, int64_t *next)
{
    const mirai__settings *settings = &daemon->settings;
    *next = MIRAI__NEVER;
    if (settings->max_jobs > 0 && daemon->jobs >= settings->max_jobs) return MIRAI__LEAVES_JOBS;
    if (settings->wall_ms > 0) {
        *next = settings->wall_ms < MIRAI__NEVER - daemon->started ? daemon->started + settings->wall_ms
                                                                   : MIRAI__NEVER;
        if (*next <= now) return MIRAI__LEAVES_WALL;
    }
    if (settings->idle_ms > 0 && daemon->present == NULL &&
        settings->idle_ms < MIRAI__NEVER - daemon->idle_since) {
        int64_t idle = daemon->idle_since + settings->idle_ms;
        if (idle <= now) return MIRAI__LEAVES_IDLE;
        if (idle < *next) *next = idle;
    }
    return 0;
}

void mirai__departure_look(mirai_daemon *daemon, int64_t now, int64_t *next)
{
    *next = MIRAI__NEVER;
    if (daemon->exit_code != 0) {
        *next = daemon->leave_by;
        return;
    }
    bool possible = daemon->welcomed && !daemon->closing && !daemon->taken && daemon->status == MIRAI_OK;
    int32_t code = possible ? due(daemon, now, next) : 0;
    if (code == 0) return;
    mirai__list dropped;
    mirai__list_init(&dropped);
    mirai__control_drop(daemon, &dropped);
    daemon->exit_code = code;
    daemon->leave_by = *next = mirai__deadline(ANSWER_MS);
    (void)pthread_mutex_unlock(&daemon->lock);
    mirai__job_free_all(&dropped);
    const mirai__frame leave = {.kind = MIRAI__FRAME_LEAVE, .aux = code};
    (void)mirai__control_send(daemon, &leave); /* a host that is gone ends us anyway */
    (void)pthread_mutex_lock(&daemon->lock);
}

bool mirai__departure_over(const mirai_daemon *daemon, int64_t now)
{
    return daemon->exit_code != 0 && (daemon->closing || now >= daemon->leave_by);
}
