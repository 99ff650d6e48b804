/*
 * remote: a daemon as its host sees it: a process, a link, a place in the scheduler. Guarded by the pool's lock.
 *
 *   spawned -> (HELLO) -> ready -> ... -> link or process ends -> killed -> dead and reaped -> gone
 *
 * "Lost" means: the process group was killed and the process is dead. Only then does its task resolve. A result
 * that a dying daemon had written is read before that.
 */
#ifndef MIRAI__REMOTE_H
#define MIRAI__REMOTE_H

#include "engine.h"
#include "link.h"

struct mirai_task;

/* Whether it answers (heartbeat.h). */
typedef struct mirai__pulse {
    uint64_t moved;   /* bytes there and back until the last beat */
    int64_t asked_at; /* when the ping was sent that it has not answered; 0: none */
    int32_t number;   /* of the last ping */
    int32_t missed;   /* beats in a row at which it owed an answer and nothing had moved */
    int64_t silent_ms; /* how long, when it was killed for that; else 0 */
} mirai__pulse;

typedef struct mirai__remote {
    mirai__sched_daemon sched;
    uint64_t id; /* its incarnation; never reused */
    mirai__link *link; /* NULL until it has dialled in, and once broken */
    mirai__lender *lender; /* what it may read of ours, until it is dead; NULL: nothing */
    short watched;     /* poll events of the link's descriptor */
    mirai__process process;
    const mirai_daemon_options *options; /* of its kind; borrowed from the pool */
    mirai__tail tail;
    bool ready;   /* its HELLO was accepted */
    bool killed;  /* by us */
    bool asked;   /* CLOSE was sent */
    const char *cut;   /* how its connection ended while it lived */
    const char *fault; /* why we killed it; constant text; NULL: we did not, or it was asked to leave */
    bool left;         /* it said that it leaves: nothing more is to come */
    uint8_t token[MIRAI__TOKEN_SIZE]; /* what it has to show when it dials in */
    uint64_t job_end;  /* bytes of the link up to the end of the last JOB frame */
    bool job_last;     /* nothing was sent after it */
    bool unbegun;      /* once unlinked: it cannot have read that frame to its end */
    uint32_t strays;   /* results and partial results that matched no attempt, and answers to no ping */
    mirai__list busy;  /* in pool->busy while it has an attempt */
    mirai__pulse pulse;
    int32_t untold;    /* partial results of the present attempt for which TAKEN is still to be sent */
    uint64_t jobs;     /* results received */
    int64_t started;   /* now_ms */
    int64_t job_since; /* now_ms when it was handed its attempt, or had done with the one before */
    int64_t timed_at;  /* now_ns when its pace began to be measured; 0: it is not (ahead.c) */
    uint64_t task_id;  /* of the attempt at hand; 0: none or a setup */
    mirai__list lingering; /* in pool->lingering: dead, but bytes of it may still be on their way; or its
                              connection broke, and it gets a moment to die of what broke it */
    int64_t linger_until;
    mirai__death death; /* once dead */
    mirai__map shares;  /* what it has got (share.c) */
} mirai__remote;

/* A peer that has connected to the listener and not yet said who it is. */
typedef struct mirai__stranger {
    uint64_t id;
    mirai__link *link;
    int64_t deadline;
} mirai__stranger;

/* Start a process for each SPAWN that is owed, and carry out what follows from that. Drops the lock meanwhile. */
void mirai__remote_spawn(mirai_pool *pool);
mirai__remote *mirai__remote_of(mirai__sched_daemon *daemon);

/* Send it a frame; harmless when its link has ended. */
void mirai__remote_send(mirai_pool *pool, mirai__remote *remote, const mirai__frame *frame);

/* The task is its present attempt from now on. */
void mirai__remote_begin(mirai_pool *pool, mirai__remote *remote, struct mirai_task *task);

/* Commands of the scheduler. */
void mirai__remote_run(mirai_pool *pool, mirai__remote *remote, const mirai__frame *job);
void mirai__remote_interrupt(mirai_pool *pool, mirai__remote *remote, uint64_t attempt);
/* Kill it, for a reason (constant text). It goes when it is dead. */
void mirai__remote_kill(mirai_pool *pool, mirai__remote *remote, const char *fault);
/* Ask it to end by itself. */
void mirai__remote_ask(mirai_pool *pool, mirai__remote *remote);
/* The same, and kill it when it does not. */
void mirai__remote_retire(mirai_pool *pool, mirai__remote *remote);

/* Events. */
void mirai__remote_on_link(mirai_pool *pool, mirai__remote *remote);
void mirai__remote_on_process(mirai_pool *pool, mirai__remote *remote);
void mirai__remote_on_output(mirai_pool *pool, mirai__remote *remote, int32_t stream); /* 1 or 2 */

/* Bury the dead whose last bytes have not come in time, kill the cut off that live; when that is due next. */
void mirai__remote_expire(mirai_pool *pool, int64_t now);
int64_t mirai__remote_deadline(const mirai_pool *pool);

/* Strangers: accept those that wait at the listener; hear one; drop those that took too long. */
void mirai__stranger_accept(mirai_pool *pool);
void mirai__stranger_on_link(mirai_pool *pool, mirai__stranger *stranger);
void mirai__stranger_expire(mirai_pool *pool, int64_t now);
int64_t mirai__stranger_deadline(const mirai_pool *pool);
void mirai__stranger_drop(mirai_pool *pool, mirai__stranger *stranger);
/* A HELLO that was read: take the link into the remote and welcome it. False: the link is not taken. */
bool mirai__remote_welcome(mirai_pool *pool, mirai__remote *remote, const mirai__hello *hello);

#endif
