/*
 * api_task: the exported calls on tasks: check arguments, call down. Any thread. In a forked child a handle can only be
 * dropped, and that does nothing: the lock may have been held by another thread at the fork.
 */
#include <miraicore/task.h>

#include <stdatomic.h>

#include "clock.h"
#include "detail.h"
#include "driver.h"
#include "explain.h"
#include "handle.h"
#include "output.h"

static mirai_status check_task(const mirai_task *task)
{
    return task != NULL ? MIRAI_OK : mirai__fail(MIRAI_E_INVALID, "the task is NULL");
}

mirai_task *mirai_task_ref(mirai_task *task)
{
    if (task != NULL) atomic_fetch_add_explicit(&task->references, 1, memory_order_relaxed);
    return task;
}

void mirai_task_release(mirai_task *task)
{
    if (task != NULL && !mirai__forked()) mirai__task_drop(task);
}

static bool is_resolved(void *context)
{
    return ((const mirai_task *)context)->sched.state == MIRAI_TASK_RESOLVED;
}

mirai_status mirai_task_wait(mirai_task *task, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_task(task));
    if (mirai__task_is_resolved(task)) return MIRAI_OK;
    mirai_pool *pool = task->pool;
    (void)pthread_mutex_lock(&pool->lock);
    mirai_status status = mirai__driver_wait(pool, &task->waiters, is_resolved, task,
                                             mirai__deadline(timeout_ms), true);
    (void)pthread_mutex_unlock(&pool->lock);
    return status;
}

int32_t mirai_task_state(const mirai_task *task)
{
    if (mirai__forked() || task == NULL) return 0;
    return mirai__task_state(task);
}

mirai_status mirai_task_result(mirai_task *task, const mirai_value **out)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_task(task));
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    if (mirai__task_state(task) != MIRAI_TASK_RESOLVED) return mirai__fail(MIRAI_E_AGAIN, "the task has not resolved");
    return mirai__task_value(task, out);
}

mirai_outcome mirai_task_outcome(mirai_task *task)
{
    const mirai_value *value = NULL;
    mirai_status status = mirai_task_result(task, &value);
    if (status != MIRAI_OK) return status;
    mirai_outcome outcome = task->sched.outcome; /* constant by now */
    if (outcome == MIRAI_OUTCOME_VALUE && mirai_value_is_error(value)) return MIRAI_OUTCOME_FAILED;
    return outcome;
}

mirai_status mirai_task_cancel(mirai_task *task, int32_t *outcome)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_task(task));
    int32_t what = mirai__task_cancel(task);
    if (outcome != NULL) *outcome = what;
    return MIRAI_OK;
}

int32_t mirai_task_cancellation(const mirai_task *task)
{
    if (mirai__forked() || task == NULL) return 0;
    (void)pthread_mutex_lock(&task->pool->lock);
    int32_t what = task->sched.cancellation;
    (void)pthread_mutex_unlock(&task->pool->lock);
    return what;
}

int32_t mirai_task_attempts(const mirai_task *task)
{
    if (mirai__forked() || task == NULL) return 0;
    (void)pthread_mutex_lock(&task->pool->lock);
    int32_t attempts = task->sched.attempts;
    (void)pthread_mutex_unlock(&task->pool->lock);
    return attempts;
}

char *mirai_task_explain(mirai_task *task)
{
    if (mirai__enter() != MIRAI_OK || check_task(task) != MIRAI_OK) return NULL;
    return mirai__explain(task);
}

uint64_t mirai_task_id(const mirai_task *task)
{
    return task != NULL ? task->id : 0;
}

void *mirai_task_user(const mirai_task *task)
{
    return task != NULL ? task->user : NULL;
}

mirai_status mirai_task_output(mirai_task *task, mirai_value **out)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_task(task));
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    *out = NULL;
    return mirai__output_value(task, out);
}
