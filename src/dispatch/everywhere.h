/*
 * everywhere: a function that runs once on every daemon, remembered under a key for those that join later. Guarded
 * by the pool's lock; counted, because who waits for it may outlast its place in the pool.
 */
#ifndef MIRAI__EVERYWHERE_H
#define MIRAI__EVERYWHERE_H

#include "engine.h"
#include "segment.h"
#include "share.h"

typedef struct mirai__everywhere {
    mirai__sched_setup sched;
    mirai__list node; /* in pool->setups, in order; holds a reference */
    int64_t references;
    uint64_t id; /* what its jobs have in the place of a task's number */
    mirai__segment *request;
    mirai__needs needs;      /* what it refers to */
    mirai__segment *failure; /* of the first daemon on which it failed */
    struct mirai__cause *cause; /* of the last daemon that died in it */
    bool done, failed, replaced; /* replaced: by another under its key, before it was done */
    char key[];
} mirai__everywhere;

mirai__everywhere *mirai__everywhere_of(mirai__sched_setup *setup);
/* Takes request and needs, also on failure. One reference. */
mirai__everywhere *mirai__everywhere_new(const char *key, mirai__segment *request, mirai__needs *needs,
                                         bool remember);
void mirai__everywhere_drop(mirai__everywhere *everywhere);
/* Hand it to the scheduler; what was remembered under its key is forgotten. Lock held. */
mirai_status mirai__everywhere_add(mirai_pool *pool, mirai__everywhere *everywhere, int64_t now);
/* Take it back. Lock held. */
void mirai__everywhere_remove(mirai_pool *pool, mirai__everywhere *everywhere);

#endif
