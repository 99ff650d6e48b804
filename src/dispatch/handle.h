/*
 * handle: the task behind a mirai_task: its request, its result, who waits for it.
 *
 * State, waiters and result segment are guarded by the pool's lock. The decoded value is made once, by the first who
 * reads it, on that thread and under no lock; readers who come meanwhile wait for it.
 */
#ifndef MIRAI__HANDLE_H
#define MIRAI__HANDLE_H

#include "chain.h"
#include "engine.h"
#include "remote.h"
#include "share.h"
#include "value_private.h"

/* What is known of the daemon of a task that did not end by itself: for its error value. Counted with the task. */
typedef struct mirai__cause {
    uint64_t daemon, pid;
    mirai__death death;
    bool dead;         /* death is filled */
    const char *fault; /* constant text or NULL */
    int64_t silent_ms; /* it was killed because it had not answered for so long; else 0 */
    char *last_words;  /* owned or NULL */
    char *unstarted;   /* why it never came; owned or NULL */
} mirai__cause;

/* What few tasks have. */
typedef struct mirai__extra {
    mirai_task *task;
    uint64_t only_on;        /* number of the daemon that it is to run on; 0: any */
    mirai__needs needs;      /* what the request refers to; until resolved */
    _Atomic(mirai__share *) share; /* of the result, not counted; set under the lock of links (share.c) */
    mirai__grounds *because; /* why the task failed that this one needed; owned or NULL */
    mirai__cause *cause;     /* owned or NULL */
    struct mirai__output *output; /* that was captured (output.h); owned or NULL */
    struct mirai__partials *partials; /* owned; NULL: it has said nothing, and no callback waits for that */
    _Atomic(struct mirai_queue *) queue; /* that it is in (queue.h); set under the pool's lock */
    mirai__list queued;      /* in that queue, guarded by the queue's lock */
    mirai__list callback;    /* in pool->callbacks, or among those that mirai_pool_process() is at */
    mirai_resolved_fn on_resolved;
    bool resolved_due;       /* on_resolved is to be called */
    bool delivering;         /* a thread is calling the callbacks, and looks again */
} mirai__extra;

/* A million of them may be queued: what few have is in the extra. */
struct mirai_task {
    mirai__sched_task sched;
    _Atomic int32_t references; /* handles, the scheduler (until resolved), the callback queue */
    int32_t ran_pid;         /* process of ran_on */
    mirai_pool *pool;        /* held */
    uint64_t id;
    mirai__segment *request; /* until resolved */
    mirai__segment *result;  /* of a RESULT; until decoded */
    union {
        mirai_value *value; /* decoded; constant once set */
        _Atomic pthread_t decoder; /* while decoding */
    } read;
    _Atomic(mirai__extra *) extra; /* owned; NULL: none. Made under the pool's lock, or before others see the task */
    uint64_t ran_on;         /* daemon of the last attempt; 0: none */
    mirai__list waiters;     /* mirai__waiter.of_task */
    mirai__chain watches;    /* of those who wait for several (gather.h) */
    void *user;
    uint16_t label_at;       /* offset of the label in names */
    _Atomic bool is_resolved; /* set under the pool's lock, last of all that resolving does; may be read without */
    _Atomic uint8_t decoding; /* 0 not yet, 1 under way, 2 done; see handle.c */
    bool is_held;            /* bytes of request, then of result, count in the pool's budget */
    bool told;               /* that it has resolved is among the pool's events, if anybody listens to them */
    char names[];            /* function, NUL, label, NUL */
};

uint64_t mirai__task_number(void); /* next number of a task, or of a run everywhere: they share the range */
mirai_task *mirai__task_new(mirai_pool *pool, const char *function, const char *label);
mirai_task *mirai__task_of(mirai__sched_task *task);
/* It has resolved: among the pool's events, once. */
void mirai__task_tell(mirai_pool *pool, mirai_task *task);
/* Its extra, or that of one that has nothing. */
const mirai__extra *mirai__task_extra(const mirai_task *task);
/* Its extra, made if need be; lock held, or nobody else has the task. NULL: no memory. */
mirai__extra *mirai__task_extend(mirai_task *task);
void mirai__task_drop(mirai_task *task); /* one reference less; lock not held; may run user code: releases of a value */
/* Its request is kept from now on. Lock held. */
void mirai__task_hold(mirai_pool *pool, mirai_task *task);
/* An answer of the task's (its result, a partial one) may name what its request did, or what that referred to, which the
 * daemon may have let go of by now: keep it with the answer, which nobody else has yet. Lock held. */
void mirai__task_keep_named(const mirai_task *task, mirai__segment *answer);
/* RESOLVE was given: wake its waiters, queue its callback, let go of its request. Lock held. */
void mirai__task_resolved(mirai_pool *pool, mirai_task *task);
/* Its result as it came, counted; NULL: none, or it was decoded. */
mirai__segment *mirai__task_segment(mirai_task *task);
/* With or without the lock; without, a task may resolve a moment before this says so. */
bool mirai__task_is_resolved(const mirai_task *task);
/* MIRAI_TASK_*; MIRAI_CANCEL_*. Lock not held. */
int32_t mirai__task_state(const mirai_task *task);
int32_t mirai__task_cancel(mirai_task *task);
/* The value, decoded now if need be. Lock not held. */
mirai_status mirai__task_value(mirai_task *task, const mirai_value **out);

/* An error value for an outcome that the library made (outcome.c); lock not held; NULL: no memory. */
mirai_value *mirai__outcome_error(const mirai_task *task, mirai_outcome outcome);
/* Fill in what a function's error value does not know: task, label, function. Takes error. */
mirai_value *mirai__outcome_annotate(const mirai_task *task, mirai_value *error);
/* The same of a task that is known by its names (function, NUL, label, NUL). */
mirai_value *mirai__outcome_tell(mirai_value *error, uint64_t task, int32_t attempts, const char *names,
                                 uint32_t label_at);
/* The daemon that it was to have did not start, for this reason (NULL: unknown). Lock held. */
void mirai__cause_unstarted(mirai_task *task, const char *why);
void mirai__cause_free(mirai__cause *cause);
/* How the daemon was lost, in a sentence; NULL is allowed. */
void mirai__cause_text(const mirai__cause *cause, char *out, size_t size);

#endif
