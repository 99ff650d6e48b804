/*
 * explain: a sentence on a task, read off the scheduler under the pool's lock. Any thread.
 */
#include "explain.h"

#include <stdarg.h>
#include <stdio.h>

#include "alloc.h"
#include "clock.h"
#include "engine.h"
#include "handle.h"
#include "remote.h"

enum { SENTENCE_SIZE = 1024 };

typedef struct sentence {
    char text[SENTENCE_SIZE];
    size_t used;
} sentence;

__attribute__((__format__(__printf__, 2, 3))) static void say(sentence *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out->text + out->used, sizeof out->text - out->used, format, arguments);
    va_end(arguments);
    if (size > 0) out->used += (size_t)size;
    if (out->used >= sizeof out->text) out->used = sizeof out->text - 1;
}

/* What there is of the daemons that may run a task. */
typedef struct census {
    int64_t wanted, dormant, starting, idle, busy, ending, in_setup, failures, retry_at;
} census;

static void count_remotes(const mirai_pool *pool, uint64_t groups, census *out)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        const mirai__sched_daemon *daemon = &((const mirai__remote *)item)->sched;
        if (!(groups >> daemon->group & 1)) continue;
        out->starting += daemon->state == MIRAI__DAEMON_STARTING;
        out->idle += daemon->state == MIRAI__DAEMON_IDLE;
        out->ending += daemon->state == MIRAI__DAEMON_ENDING;
        if (daemon->state != MIRAI__DAEMON_BUSY) continue;
        out->busy++;
        out->in_setup += daemon->setup != NULL;
    }
}

static census take_census(const mirai_pool *pool, uint64_t groups)
{
    census all = {.retry_at = INT64_MIN};
    for (int32_t i = 0; i < pool->sched.group_count; i++) {
        const mirai__sched_group *group = &pool->sched.groups[i];
        if (!(groups >> i & 1)) continue;
        all.wanted += group->wanted;
        all.dormant += group->dormant;
        all.starting += group->spawning;
        if (group->start_failures <= all.failures) continue;
        all.failures = group->start_failures;
        all.retry_at = group->retry_at;
    }
    count_remotes(pool, groups, &all);
    return all;
}

static void explain_pinned(const mirai_pool *pool, const mirai_task *task, sentence *out)
{
    uint64_t only_on = mirai__task_extra(task)->only_on;
    const mirai__remote *remote = mirai__map_get(&pool->remotes, only_on);
    say(out, "daemon %llu, on which alone it is to run, is ", (unsigned long long)only_on);
    if (remote == NULL || remote->sched.state == MIRAI__DAEMON_ENDING)
        say(out, "ending");
    else if (remote->sched.state == MIRAI__DAEMON_STARTING)
        say(out, "starting");
    else if (remote->task_id != 0)
        say(out, "busy with task %llu", (unsigned long long)remote->task_id);
    else if (remote->sched.state == MIRAI__DAEMON_BUSY)
        say(out, "busy with what runs everywhere");
    else
        say(out, "free: it is about to run");
}

static void explain_starts(const mirai_pool *pool, const census *all, sentence *out)
{
    int64_t left = all->retry_at - mirai__now_ms();
    say(out, "daemons fail to start (%lld times in a row; next try in %lld ms)", (long long)all->failures,
        (long long)(left > 0 ? left : 0));
    if (pool->start_detail != NULL) say(out, ": %s", pool->start_detail);
}

static void explain_daemons(const mirai_pool *pool, const mirai__sched_shape *shape, sentence *out)
{
    const census all = take_census(pool, shape->groups);
    const char *with = shape->tag != NULL ? " with tag " : "", *tag = shape->tag != NULL ? shape->tag : "";
    int64_t ready = all.idle + all.busy;
    if (ready == 0 && all.failures > 0)
        explain_starts(pool, &all, out);
    else if (ready == 0 && all.starting > 0)
        say(out, "no daemon%s%s is ready; %lld are starting", with, tag, (long long)all.starting);
    else if (ready == 0 && all.wanted == 0)
        say(out, "the pool keeps no daemon%s%s", with, tag);
    else if (ready == 0)
        say(out, "no daemon%s%s is ready; %lld are ending and will be replaced", with, tag, (long long)all.ending);
    else if (all.idle > 0)
        say(out, "a daemon is free: it is about to run");
    else
        say(out, "no daemon%s%s is idle; %lld are busy, %lld of them with what runs everywhere; %lld are starting", with,
            tag, (long long)all.busy, (long long)all.in_setup, (long long)all.starting);
}

static void explain_queued(const mirai_pool *pool, const mirai_task *task, sentence *out)
{
    const mirai__sched_shape *shape = task->sched.shape;
    const mirai__sched_resource *missing = mirai__sched_missing(&pool->sched, &task->sched);
    say(out, "queued");
    if (task->sched.attempts > 0) say(out, " for attempt %d", (int)task->sched.attempts + 1);
    say(out, ": ");
    if (mirai__sched_is_lent(&task->sched)) {
        const mirai__remote *remote = mirai__remote_of(task->sched.daemon);
        say(out, "it was sent ahead to daemon %llu (process %lld), which is busy", (unsigned long long)remote->id,
            (long long)remote->process.pid);
        return;
    }
    if (shape->daemon != NULL) {
        explain_pinned(pool, task, out);
        if (missing != NULL) say(out, "; it ");
    } else if (missing == NULL) {
        explain_daemons(pool, shape, out);
    }
    if (missing == NULL) return;
    int64_t needs = shape->needs[missing - pool->sched.resources];
    say(out, "needs %g %s, of which %g %s free", (double)needs / MIRAI__RESOURCE_PARTS, missing->name,
        (double)missing->free / MIRAI__RESOURCE_PARTS, missing->free == MIRAI__RESOURCE_PARTS ? "is" : "are");
}

static void explain_running(const mirai_task *task, sentence *out)
{
    if (task->sched.daemon == NULL) {
        say(out, "running: where it was submitted");
        return;
    }
    const mirai__remote *remote = mirai__remote_of(task->sched.daemon);
    say(out, "running: on daemon %llu (process %lld) for %lld ms, attempt %d", (unsigned long long)remote->id,
        (long long)remote->process.pid, (long long)(mirai__now_ms() - remote->job_since),
        (int)task->sched.attempts);
}

static void explain_resolved(const mirai_task *task, sentence *out)
{
    say(out, "resolved: %s", mirai_outcome_text(task->sched.outcome));
    if (task->sched.attempts > 1) say(out, ", in attempt %d", (int)task->sched.attempts);
    if (task->sched.loss == MIRAI__LOSS_QUARANTINED) say(out, "; it killed %d daemons", MIRAI__DEATHS_MAX);
}

char *mirai__explain(mirai_task *task)
{
    sentence out = {.used = 0};
    mirai_pool *pool = task->pool;
    (void)pthread_mutex_lock(&pool->lock);
    switch (task->sched.state) {
    case MIRAI_TASK_BLOCKED:
        say(&out, "blocked: waits for %u of its arguments", (unsigned)task->sched.waits);
        break;
    case MIRAI_TASK_QUEUED: explain_queued(pool, task, &out); break;
    case MIRAI_TASK_RUNNING: explain_running(task, &out); break;
    default: explain_resolved(task, &out); break;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return mirai__strdup(out.text);
}
