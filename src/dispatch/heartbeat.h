/*
 * heartbeat: finding daemons that do not answer any more although their process lives. Guarded by the pool's lock.
 *
 * One timer per pool. It is set when a daemon is given an attempt, and at each beat it looks over the daemons that have
 * one: those to which or from which nothing has moved are asked (PING), and one that owes an answer through three
 * beats is killed. So a short task costs nothing, and a pool makes one more wake-up after its last task and then
 * none. A beat that comes late by more than an interval blames nobody: it was this process that stood still.
 */
#ifndef MIRAI__HEARTBEAT_H
#define MIRAI__HEARTBEAT_H

#include "remote.h"

void mirai__heartbeat_busy(mirai_pool *pool, mirai__remote *remote); /* it was given an attempt */
void mirai__heartbeat_idle(mirai__remote *remote);                   /* it has none any more */
bool mirai__heartbeat_pong(mirai__remote *remote, int32_t number);   /* false: it was not asked that */
void mirai__heartbeat_beat(mirai_pool *pool, int64_t now);           /* if it is due */

#endif
