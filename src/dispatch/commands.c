/*
 * commands: carrying out what the scheduler says. Called after every event, on the thread that brought it, with the
 * pool's lock held. Writing a job to its daemon never blocks; what cannot be written now is the turn's to finish.
 */
#include "engine.h"

#include "ahead.h"
#include "everywhere.h"
#include "handle.h"
#include "output.h"
#include "remote.h"
#include "resource.h"

/* Tell the daemon which devices are its next job's. False: there was no memory, and it is killed. */
static bool name_devices(mirai_pool *pool, mirai__remote *remote, uint64_t devices)
{
    mirai__frame frame = {.kind = MIRAI__FRAME_ENVIRON, .incarnation = remote->id};
    frame.segment = mirai__resources_environment(pool, devices);
    if (frame.segment == NULL) {
        mirai__remote_kill(pool, remote, "there was no memory to send it a frame");
        return false;
    }
    mirai__remote_send(pool, remote, &frame);
    mirai__frame_fini(&frame);
    return true;
}

/* The task's JOB frame; `number`: which attempt at it. */
static mirai__frame job_of(const mirai__sched_command *command, const mirai__remote *remote, int32_t number)
{
    const mirai_task *task = mirai__task_of(command->task);
    return (mirai__frame){.kind = MIRAI__FRAME_JOB,
                          .aux = number,
                          .task = task->id,
                          .attempt = command->attempt,
                          .incarnation = remote->id,
                          .segment = task->request};
}

static void lend(mirai_pool *pool, const mirai__sched_command *command)
{
    mirai__remote *remote = mirai__remote_of(command->daemon);
    const mirai__frame job = job_of(command, remote, command->task->attempts + 1);
    mirai__ahead_offer(remote, command->slot, command->attempt);
    mirai__remote_send(pool, remote, &job);
}

static void run(mirai_pool *pool, const mirai__sched_command *command)
{
    mirai__remote *remote = mirai__remote_of(command->daemon);
    const mirai__needs *needs;
    mirai__output_begin(pool, remote, command->task != NULL ? mirai__task_of(command->task) : NULL);
    mirai__frame job;
    if (command->task != NULL) {
        mirai_task *task = mirai__task_of(command->task);
        job = job_of(command, remote, task->sched.attempts);
        needs = &mirai__task_extra(task)->needs;
        mirai__remote_begin(pool, remote, task);
    } else {
        const mirai__everywhere *everywhere = mirai__everywhere_of(command->setup);
        job = (mirai__frame){.kind = MIRAI__FRAME_JOB,
                             .task = everywhere->id,
                             .attempt = command->attempt,
                             .incarnation = remote->id,
                             .segment = everywhere->request};
        needs = &everywhere->needs;
    }
    remote->job_end = UINT64_MAX; /* should what goes before it fail */
    mirai__ahead_offer(remote, command->slot, command->attempt); /* likewise */
    if (command->devices != 0 && !name_devices(pool, remote, command->devices)) return;
    if (mirai__share_supply(pool, remote, needs)) mirai__remote_run(pool, remote, &job);
}

static void setup_ended(mirai__sched_setup *setup, bool failed)
{
    mirai__everywhere *everywhere = mirai__everywhere_of(setup);
    everywhere->done = true;
    everywhere->failed = failed;
    if (!failed && setup->remembered) return;
    mirai__list_remove(&everywhere->node);
    mirai__everywhere_drop(everywhere);
}

void mirai__engine_commands(mirai_pool *pool)
{
    for (;;) {
        mirai__sched_command command;
        mirai__sched_next(&pool->sched, &command);
        switch (command.kind) {
        case MIRAI__COMMAND_RESOLVE: mirai__task_resolved(pool, mirai__task_of(command.task)); break;
        case MIRAI__COMMAND_RUN: run(pool, &command); break;
        case MIRAI__COMMAND_LEND: lend(pool, &command); break;
        case MIRAI__COMMAND_RECALL:
            mirai__ahead_recall(pool, mirai__remote_of(command.daemon), command.count);
            break;
        case MIRAI__COMMAND_INTERRUPT:
            mirai__remote_interrupt(pool, mirai__remote_of(command.daemon), command.attempt);
            break;
        case MIRAI__COMMAND_KILL: {
            mirai__remote *remote = mirai__remote_of(command.daemon);
            mirai__remote_kill(pool, remote,
                               remote->ready ? "it did not stop within its grace period"
                                             : "it was not ready in time");
            break;
        }
        case MIRAI__COMMAND_RETIRE: mirai__remote_retire(pool, mirai__remote_of(command.daemon)); break;
        case MIRAI__COMMAND_SPAWN:
            pool->groups[command.group].spawns_owed++;
            pool->spawns_owed++;
            break;
        case MIRAI__COMMAND_SETUP_DONE: setup_ended(command.setup, false); break;
        case MIRAI__COMMAND_SETUP_FAILED: setup_ended(command.setup, true); break;
        case MIRAI__COMMAND_NONE:
        default:
            if (mirai__share_bury(pool)) break;
            mirai__ahead_look(pool);
            if (pool->spawns_owed > 0 && pool->sleep_until != MIRAI__AWAKE) mirai__engine_kick(pool);
            return;
        }
    }
}
