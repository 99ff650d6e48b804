/*
 * here: a job in the process of its host: for pools without daemons, and for debuggers. It is decoded, run and encoded as
 * in a daemon, on the thread that calls, under no lock. Nobody can cancel it.
 */
#ifndef MIRAI__HERE_H
#define MIRAI__HERE_H

#include "job.h"

typedef struct mirai__here {
    uint64_t task;           /* its number */
    mirai__segment *request; /* borrowed */
    mirai__hooks *hooks;     /* borrowed: the pool's */
    const mirai__resolver *resolver; /* borrowed: of the shared values that it refers to */
} mirai__here;

/* *result is owned by the caller. E_NOMEM when there is no memory to say what went wrong; E_FORKED in a child that the
 * function has forked and that came back. */
mirai_status mirai__here_run(const mirai__here *here, mirai_outcome *outcome, mirai__segment **result);
/* Whether this thread is inside such a job. */
bool mirai__here_is_running(void);

#endif
