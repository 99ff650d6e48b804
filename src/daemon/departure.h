/*
 * departure: a daemon that leaves by itself: idle for too long, too old, or done with its number of
 * jobs. Main thread.
 */
#ifndef MIRAI__DEPARTURE_H
#define MIRAI__DEPARTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <miraicore/daemon.h>

enum { MIRAI__LEAVES_IDLE = 1, MIRAI__LEAVES_WALL = 2, MIRAI__LEAVES_JOBS = 3 };

/* A job has ended: the idle time begins anew, and a task counts. Under no lock. */
void mirai__departure_count(mirai_daemon *daemon, bool counts);
/* Lock held: whether it depends on the time when it leaves; else any time will do below. */
bool mirai__departure_is_timed(const mirai_daemon *daemon);
/* Lock held, and dropped while the host is told: leave if it is time to. A job that has come
 * meanwhile and was not begun is dropped: the host knows. *next: when to look again. */
void mirai__departure_look(mirai_daemon *daemon, int64_t now, int64_t *next);
/* Lock held: whether to end now, having left: the host has closed us, or did not in time. */
bool mirai__departure_over(const mirai_daemon *daemon, int64_t now);

#endif
