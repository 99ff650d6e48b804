/*
 * here: a job in the process of its host: for pools without daemons, and for debuggers. It is decoded, run and encoded as
 * in a daemon, on the thread that calls, under no lock. Nobody can cancel it.
 */
#ifndef MIRAI__HERE_H
#define MIRAI__HERE_H

#include "job.h"
#include "states.h"

/* What jobs here keep from one to the next (mirai_job_state()). They run on any thread: it has a lock, under which no
 * state is freed. */
typedef struct mirai__store {
    pthread_mutex_t lock;
    mirai__states states;
} mirai__store;

typedef struct mirai__here {
    uint64_t task;           /* its number */
    mirai__segment *request; /* borrowed */
    mirai__hooks *hooks;     /* borrowed: the pool's */
    const mirai__resolver *resolver; /* borrowed: of the shared values that it refers to */
    mirai__store *store;     /* borrowed */
    bool is_setup;           /* what it keeps lasts */
    mirai_status (*tell)(void *host, mirai__frame *frame); /* what it says ahead of its result */
    void *host;
} mirai__here;

/* *result is owned by the caller. E_NOMEM when there is no memory to say what went wrong; E_FORKED in a child that the
 * function has forked and that came back. */
mirai_status mirai__here_run(const mirai__here *here, mirai_outcome *outcome, mirai__segment **result);
mirai__store *mirai__store_new(void); /* NULL: no memory */
void mirai__store_free(mirai__store *store); /* frees what is kept; NULL is allowed */
void *mirai__store_get(mirai__store *store, const char *key);
/* As mirai__states_set(). */
mirai_status mirai__store_set(mirai__store *store, const char *key, void *state, mirai_state_free_fn release,
                              bool lasting);
/* Whether this thread is inside such a job. */
bool mirai__here_is_running(void);

#endif
