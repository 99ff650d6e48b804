/*
 * guard: a process group that does not outlive this process, however that ends. Its leader is a
 * shell that does nothing but read a pipe whose other end is ours: when we are gone, it reads the
 * end and kills its group. So a command can have a group of its own (it may signal all of that, and
 * is stopped by one signal), and is never left behind.
 */
#ifndef MIRAI__GUARD_H
#define MIRAI__GUARD_H

#include "spawn.h"

typedef struct mirai__guard {
    mirai__process process; /* the leader; pid 0: there is none */
    int tie;                /* our end of the pipe; -1: none */
} mirai__guard;

/* Start the leader. On failure there is nothing to end. Statuses as for mirai__child_start(). */
mirai_status mirai__guard_start(mirai__guard *out);
/* Kill the group and reap its leader; nothing when there is none. */
void mirai__guard_end(mirai__guard *guard);

#endif
