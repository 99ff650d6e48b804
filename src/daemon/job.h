/*
 * job: one task inside its daemon. Made by the control thread from a JOB frame; decoded, run and
 * freed on the main thread. The lock is the daemon's: it guards on_cancel, and serialises
 * cancelling with the job's end.
 */
#ifndef MIRAI__JOB_H
#define MIRAI__JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "frame.h"
#include "list.h"
#include "message.h"
#include "registry.h"
#include "report.h"
#include "surroundings.h"
#include <miraicore/daemon.h>

enum { MIRAI__JOB_PARTS = 4 /* function, arguments, label, stream */ };

struct mirai_job {
    mirai_daemon *daemon;  /* borrowed; NULL in tests, and here (here.h) */
    mirai__hooks *hooks;   /* borrowed; NULL: those of the process */
    pthread_mutex_t *lock; /* borrowed */
    mirai__list node;        /* while it waits behind others */
    uint8_t slot;            /* its place among all that were sent (claims.h) */
    uint64_t task, attempt, incarnation;
    int32_t number;          /* which attempt at the task; 0: a setup */
    mirai__segment *segment; /* owned until decoded */
    mirai__segment *environ; /* owned: variables to be set for it; NULL: none */
    mirai__surroundings surroundings; /* main thread: as they are to be after it */
    const mirai__resolver *resolver; /* borrowed; NULL: it refers to no shared values */
    mirai__slabs *slabs;     /* borrowed: where large parts of what it gives are to lie; NULL: anywhere */
    bool is_large;           /* it came with bytes that lie in memory of the host's, most likely */
    mirai_value *parts[MIRAI__JOB_PARTS]; /* owned; what function and args are borrowed from */
    const char *function;
    const mirai_value *args;
    mirai_rng rng; /* the task's stream; zeros: it has none, and no stream of ours was taken yet */
    struct mirai__store *store; /* borrowed; what jobs keep where there is no daemon; NULL: in the daemon */
    /* Where there is no daemon: tell the host this frame; what is left of it is the caller's. NULL: send it. */
    mirai_status (*tell)(void *host, mirai__frame *frame);
    void *host;  /* handed to it */
    bool here;   /* runs in its host, of which nothing may be kept or changed: what it gives is copied */
    bool pulled; /* was given out by mirai_daemon_next() */
    int64_t began_ns; /* 0: it is not one of those that are timed */
    _Atomic bool cancelled;
    mirai_cancel_fn on_cancel; /* under lock; NULL once called */
    void *user;
    mirai__report report; /* last, and large */
};

/* Takes the frame's segment. NULL: no memory. */
mirai_job *mirai__job_new(mirai_daemon *daemon, pthread_mutex_t *lock, mirai__frame *frame);
void mirai__job_free(
    mirai_job *job); /* NULL is allowed; under no lock, since values are released */
void mirai__job_free_all(mirai__list *jobs); /* by their nodes; under no lock */
/* Decode function and args. MIRAI_OK; E_DECODE, E_LIMIT, E_HOOK, E_NOMEM. Hooks run. */
mirai_status mirai__job_decode(mirai_job *job);
/* Its arguments are not needed any more: the host is to get large ones back before it gets the result. */
void mirai__job_let_go(mirai_job *job);
/* Under the lock: set the flag, and call on_cancel. */
void mirai__job_cancel(mirai_job *job);
/* mirai_job_on_cancel() that leaves the detail text alone. Main thread; job may be NULL. */
void mirai__job_watch(mirai_job *job, mirai_cancel_fn fn, void *user);
/* A RESULT frame for the job; an error value makes it FAILED. Borrows value, which the caller then releases. When the value cannot
 * be encoded, the frame holds an error value that says so, and that status is put into *encoded.
 * E_NOMEM when there is no memory for that either. Hooks run. */
mirai_status mirai__job_result(const mirai_job *job, const mirai_value *value, mirai__frame *out,
                               mirai_status *encoded);
/* Decode and run it, unless `prepared` says that it failed before: true, and *result is its value or an error value
 * (NULL: no memory for either). False, when it calls a function that is not registered and `pull`: it is decoded
 * then. Hooks run. */
bool mirai__job_run(mirai_job *job, mirai_status prepared, bool pull, mirai_value **result);
/* The stream that came with the job (NULL: none did): MIRAI_OK; E_DECODE. */
mirai_status mirai__job_take_stream(mirai_job *job, const mirai_value *stream);
/* Whether it has a stream by now: brought along, or taken from this process's own. */
bool mirai__job_has_stream(const mirai_job *job);
/* The error value for a failed status of the codec, with the detail text as message. NULL: no
 * memory. */
mirai_value *mirai__codec_error(mirai_status status, const char *otherwise);

#endif
