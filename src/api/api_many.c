/*
 * api_many: the exported calls on several tasks and on queues: check arguments, call down. Any thread. In a forked child
 * a queue can only be dropped, and that does nothing.
 */
#include <miraicore/many.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "gather.h"
#include "handle.h"
#include "queue.h"

/* ---- several tasks --------------------------------------------------------------------------- */

static mirai_status check_tasks(mirai_task *const *tasks, size_t count)
{
    if (tasks == NULL && count > 0) return mirai__fail(MIRAI_E_INVALID, "tasks is NULL, but count is %zu", count);
    for (size_t i = 0; i < count; i++)
        if (tasks[i] == NULL) return mirai__fail(MIRAI_E_INVALID, "task %zu of %zu is NULL", i, count);
    return MIRAI_OK;
}

mirai_status mirai_wait_n(mirai_task *const *tasks, size_t count, size_t enough, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_tasks(tasks, count));
    if (enough > count)
        return mirai__fail(MIRAI_E_INVALID, "%zu cannot resolve, since there are %zu tasks", enough, count);
    return mirai__gather_wait(tasks, count, enough, mirai__deadline(timeout_ms), NULL);
}

mirai_status mirai_wait_all(mirai_task *const *tasks, size_t count, int64_t timeout_ms)
{
    return mirai_wait_n(tasks, count, count, timeout_ms);
}

mirai_status mirai_wait_any(mirai_task *const *tasks, size_t count, int64_t timeout_ms, size_t *index)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_tasks(tasks, count));
    if (index == NULL) return mirai__fail(MIRAI_E_INVALID, "index is NULL");
    if (count == 0) return mirai__fail(MIRAI_E_NOT_FOUND, "there are no tasks to wait for");
    size_t first = 0;
    MIRAI_TRY(mirai__gather_wait(tasks, count, 1, mirai__deadline(timeout_ms), &first));
    *index = first;
    return MIRAI_OK;
}

mirai_status mirai_collect(mirai_task *const *tasks, size_t count, int64_t timeout_ms, mirai_value **out)
{
    MIRAI_TRY(mirai__enter());
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    MIRAI_TRY(mirai_wait_n(tasks, count, count, timeout_ms));
    mirai_value **items = mirai__alloc_zero(count, sizeof *items);
    if (items == NULL) return MIRAI_E_NOMEM;
    mirai_status status = MIRAI_OK;
    size_t have = 0;
    while (have < count && status == MIRAI_OK) {
        const mirai_value *value = NULL;
        status = mirai__task_value(tasks[have], &value);
        if (status == MIRAI_OK) items[have++] = mirai_value_ref(value);
    }
    if (status == MIRAI_OK) {
        *out = mirai_list(items, count); /* takes them, also when it fails */
        status = *out != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
    } else {
        for (size_t i = 0; i < have; i++) mirai_value_release(items[i]);
    }
    mirai__free(items);
    return status;
}

mirai_status mirai_cancel(mirai_task *const *tasks, size_t count, int32_t *outcomes)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_tasks(tasks, count));
    for (size_t i = 0; i < count; i++)
        MIRAI_TRY(mirai_task_cancel(tasks[i], outcomes != NULL ? &outcomes[i] : NULL));
    return MIRAI_OK;
}

/* ---- queues ---------------------------------------------------------------------------------- */

static mirai_status check_queue(const mirai_queue *queue)
{
    return queue != NULL ? MIRAI_OK : mirai__fail(MIRAI_E_INVALID, "the queue is NULL");
}

mirai_status mirai_queue_new(mirai_queue **out)
{
    MIRAI_TRY(mirai__enter());
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    return mirai__queue_new(out);
}

mirai_status mirai_queue_add(mirai_queue *queue, mirai_task *task)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_queue(queue));
    if (task == NULL) return mirai__fail(MIRAI_E_INVALID, "the task is NULL");
    return mirai__queue_add(queue, task);
}

mirai_status mirai_queue_next(mirai_queue *queue, mirai_task **out, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_queue(queue));
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    return mirai__queue_next(queue, out, mirai__deadline(timeout_ms));
}

size_t mirai_queue_size(const mirai_queue *queue)
{
    return queue != NULL && !mirai__forked() ? mirai__queue_size(queue) : 0;
}

void mirai_queue_release(mirai_queue *queue)
{
    if (queue != NULL && !mirai__forked()) mirai__queue_release(queue);
}
