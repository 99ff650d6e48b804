/*
 * share: a value that each daemon of a pool gets once, under a number, and that requests refer to: one that was given
 * (mirai_share()), or the result of a task that is an argument of others (mirai_task_argument()), known or to come.
 *
 * Guarded by the pool's lock, but for the count. The last count may go on any thread and under any lock: what remains
 * to be done then, telling the daemons, is left to whoever next holds the pool's lock (mirai__share_bury()). A share
 * holds its pool. It does not hold its task: a task that has not resolved is held by the scheduler, and when it
 * resolves the share takes what it needs of it. Task and share point to each other without a count.
 *
 * No user code runs when a share goes: what it holds are encoded messages, and values that the library made.
 */
#ifndef MIRAI__SHARE_H
#define MIRAI__SHARE_H

#include "engine.h"
#include "grounds.h"
#include "message.h"

struct mirai_task;
struct mirai__remote;

/* What a request refers to. A share of it that is pending knows the task that waits for it. */
typedef struct mirai__need {
    mirai__list of_share; /* in share->dependants while that is pending */
    struct mirai__share *share; /* counted */
    struct mirai_task *task;
    bool counts; /* among share->users */
} mirai__need;

typedef struct mirai__needs {
    mirai__need *items;
    size_t count;
} mirai__needs;

enum { MIRAI__SHARE_PENDING, MIRAI__SHARE_READY, MIRAI__SHARE_FAILED };

typedef struct mirai__share {
    mirai__shared shared;
    mirai_pool *pool; /* held; in its graves no more */
    int32_t state;
    uint32_t depth;          /* of shares inside it */
    mirai__segment *segment; /* the value, once it is ready */
    mirai__needs needs;      /* what the value refers to itself */
    mirai__grounds *grounds; /* of a failed one: why; owned */
    struct mirai_task *task; /* whose result it is; under the lock of links (share.c) */
    int64_t users;           /* unresolved tasks that it is ready for: it then counts in the pool's budget, once */
    mirai__list dependants;  /* mirai__need, while it is pending */
    mirai__list copies;      /* daemons that have got it */
    mirai__list grave;       /* in pool->graves */
} mirai__share;

/* ---- shares (share.c) ---- */

mirai__share *mirai__share_of(mirai__shared *shared);
/* Pending; with one count. NULL: no memory. */
mirai__share *mirai__share_new(mirai_pool *pool);
/* A value to share; taken, also on failure. Hooks run; lock not held. */
mirai_status mirai__share_value(mirai_pool *pool, mirai_value *value, mirai__share **out);
/* Bytes that it makes the pool hold, once it is ready; lock held. */
size_t mirai__share_size(const mirai__share *share);
/* The counted share of a task's result, if there is one now. Lock held. */
mirai__share *mirai__share_of_task(struct mirai_task *task);
/* Make it the share of the task's result, unless there is another: that is then returned, counted. Takes share, also on
 * failure (NULL: no memory). Lock held. */
mirai__share *mirai__share_tie(mirai__share *share, struct mirai_task *task);
/* The task is being freed. Lock held or not. */
void mirai__share_untie(struct mirai_task *task);
/* Send the daemon what it needs and has not got. False when it was killed over that. Lock held. */
bool mirai__share_supply(mirai_pool *pool, struct mirai__remote *remote, const mirai__needs *needs);
/* The daemon is gone. Lock held. */
void mirai__share_forget(struct mirai__remote *remote);
/* Tell the daemons of shares that are gone; whether there were any. Lock held. */
bool mirai__share_bury(mirai_pool *pool);
/* The pool has no daemons any more, and will have none. Lock held, or nobody else has the pool. */
void mirai__share_shut(mirai_pool *pool);

/* ---- needs (share_needs.c) ---- */

/* What the message refers to: takes the counts from sharing. */
mirai_status mirai__needs_take(mirai__needs *needs, mirai__sharing *sharing);
/* None may be pending: E_STATE. Lock held. */
mirai_status mirai__needs_check(const mirai__needs *needs, const char *who);
/* Have the task wait for those that are not ready, and say for how many. Lock held, as it is in the next three. */
uint32_t mirai__needs_enter(mirai__needs *needs, struct mirai_task *task);
/* It was not submitted after all, or has resolved. */
void mirai__needs_leave(mirai__needs *needs);
/* What it waited for is ready. */
void mirai__needs_count(mirai__need *need);
/* It was submitted, and fails if one of them has. Commands are due. */
void mirai__needs_judge(mirai_pool *pool, mirai__needs *needs);
/* The segment keeps what they keep (segment.h), those that are ready. Lock held. */
void mirai__needs_keep(const mirai__needs *needs, mirai__segment *segment);
/* Lock held, unless the task was never entered. */
void mirai__needs_fini(mirai__needs *needs);

/* ---- tasks that need others (dependency.c) ---- */

/* The result of a task as a share, counted. Hooks may run; lock not held. */
mirai_status mirai__dependency_share(struct mirai_task *task, mirai__share **out);
/* A task has resolved: tell its share, and those who wait for that. Lock held; commands are due. */
void mirai__dependency_settle(mirai_pool *pool, struct mirai_task *task);
/* Resolve a task that was submitted as blocked, because of a share that has failed. Lock held; commands are due. */
void mirai__dependency_fail(mirai_pool *pool, struct mirai_task *task, const mirai__share *share);

#endif
