/*
 * watch: a descriptor that becomes readable when a process dies.
 */
#ifndef MIRAI__WATCH_H
#define MIRAI__WATCH_H

#include "spawn.h"

/* Watch a child that has just been started; on failure it is killed and reaped. E_NOFILES, E_NOMEM,
 * E_SYSTEM. */
mirai_status mirai__watch(pid_t pid, mirai__process *out);

#endif
