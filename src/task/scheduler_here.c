/*
 * scheduler_here: tasks that run where they are submitted, in pools without daemons (scheduler.h). No thread and no lock
 * of its own. Such a task is in no queue and has no daemon: nothing but its own end resolves it.
 */
#include "detail.h"
#include "scheduler_private.h"

mirai_status mirai__sched_begin_here(mirai__sched *sched, mirai__sched_task *task)
{
    if (sched->closing) return mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    if (task->state != 0) return mirai__fail(MIRAI_E_STATE, "the task was submitted before");
    task->state = MIRAI_TASK_RUNNING;
    task->attempt = ++sched->last_attempt;
    task->attempts = 1;
    task->shape = &sched->plain;
    sched->plain.tasks++;
    sched->counts.submitted++;
    sched->counts.executing++;
    return MIRAI_OK;
}

void mirai__sched_end_here(mirai__sched *sched, mirai__sched_task *task, mirai_outcome outcome)
{
    mirai__sched_resolve(sched, task, outcome);
}
