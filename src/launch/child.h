/*
 * child: starting any process of ours: own process group or a given one, default signals, empty
 * mask, and no descriptor but those given. By posix_spawn, so without a copy of our memory; from
 * any thread; under no lock.
 */
#ifndef MIRAI__CHILD_H
#define MIRAI__CHILD_H

#include "spawn.h"

typedef struct mirai__child {
    const char *path;         /* NULL: argv[0], found as a shell would */
    const char *const *argv;  /* ended by NULL */
    char *const *environment; /* ended by NULL */
    const char *directory;    /* NULL: as this process */
    pid_t group;              /* to join; 0: one of its own */
    int files[4]; /* borrowed; what becomes descriptor 0 to 3; -1: /dev/null, and for 3 nothing */
} mirai__child;

/* output_fd of *out is -1. Statuses as for mirai__spawn_process(). */
mirai_status mirai__child_start(const mirai__child *child, mirai__process *out);

#endif
