/*
 * vigil: for a moment before it sleeps, a driver looks at the rings of the daemons that run a job, so that a
 * short task costs no system call. Where a processor is free for that it keeps it: of those that host and
 * daemons may use, each busy daemon and each other vigil takes one. Else it gives way at each look.
 * Never over other channels than rings.
 *
 * The pool's lock is held on entry and on return, and dropped between two looks.
 */
#ifndef MIRAI__VIGIL_H
#define MIRAI__VIGIL_H

#include "spin.h"

typedef struct mirai__vigil {
    mirai__spin spin;
    bool wished;   /* neither the options nor the environment forbid it; constant */
    bool over;     /* the last one was in vain: now it is time to sleep */
    bool in_vain;  /* so it was, and the driver goes to sleep now */
    bool called;   /* the driver is to look at what it waits for */
    int32_t cpus;  /* that host and daemons may use */
    uint32_t kept; /* how many */
} mirai__vigil;

struct mirai_pool;

/* wished: as far as the pool's options go. */
void mirai__vigil_init(mirai__vigil *vigil, bool wished);
/* False: none was kept, the driver should sleep. True: what came was dealt with, and it should look. */
bool mirai__vigil_keep(struct mirai_pool *pool);
/* A daemon has come, or gone: see how many processors there are, and tell the daemons how to wait. */
void mirai__vigil_judge(struct mirai_pool *pool);

#endif
