/*
 * scale: what a task costs its host does not grow with what is queued, nor with the number of daemons. Processor time
 * of the host process per task, from submission to result; then the scheduler alone, with daemons that are only
 * structs.
 */
#include "bench.h"

#include <string.h>
#include <sys/resource.h>

#include "scheduler.h"

enum { RUN = 10000, FLIGHT = 2000, DAEMONS_MAX = 1000 };

/* ---- functions of the daemon ---- */

static mirai_status setup(void)
{
    mirai_status status = bench_register_same();
    return status == MIRAI_OK ? bench_register_hold() : status;
}

/* ---- pools ---- */

static int64_t host_ns(void)
{
    struct rusage usage;
    bench_true(getrusage(RUSAGE_SELF, &usage) == 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000000) +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * INT64_C(1000);
}

static void say(const char *format, size_t size, double value, const char *unit, const char *yardstick)
{
    char name[64];
    (void)snprintf(name, sizeof name, format, size);
    bench_say(name, value, unit, yardstick);
}

static void queued(size_t size)
{
    size_t count = bench_count(size) + RUN / 10;
    size_t run = count < RUN ? count : RUN;
    mirai_task **tasks = calloc(count, sizeof *tasks);
    bench_true(tasks != NULL);
    mirai_pool *pool = bench_open(1);
    mirai_task *gate = bench_submit(pool, "hold", mirai_null());
    for (size_t i = 0; i < count; i++) tasks[i] = bench_submit(pool, "same", mirai_int((int64_t)i));
    bench_ok(mirai_task_cancel(gate, NULL));
    mirai_task_release(gate);
    bench_true(bench_number(tasks[0]) == 0);
    int64_t began = host_ns();
    for (size_t i = 1; i < run; i++) bench_true(bench_number(tasks[i]) == (int64_t)i);
    say("host_ns_per_task_queue_%zu", size, (double)(host_ns() - began) / (double)(run - 1), "ns",
        "host_ns_per_task_queue_1000");
    bench_close(pool);
    for (size_t i = run; i < count; i++) mirai_task_release(tasks[i]);
    free(tasks);
}

static void daemons(size_t size)
{
    static mirai_task *flight[FLIGHT];
    size_t count = bench_count(5 * RUN), many = bench_is_tiny() && size > 10 ? 10 : size;
    mirai_pool *pool = bench_open((int32_t)many);
    int64_t began = 0;
    for (size_t sent = 0, got = 0, from = count / 5; got < count;) {
        if (got == from) began = host_ns(); /* every daemon has had its first task */
        if (sent < count && sent - got < FLIGHT) {
            flight[sent % FLIGHT] = bench_submit(pool, "same", mirai_int((int64_t)sent));
            sent++;
        } else {
            bench_true(bench_number(flight[got % FLIGHT]) == (int64_t)got);
            got++;
        }
    }
    say("host_ns_per_task_daemons_%zu", size, (double)(host_ns() - began) / (double)(count - count / 5), "ns",
        "host_ns_per_task_daemons_1");
    bench_close(pool);
}

/* ---- the scheduler alone ---- */

typedef struct world {
    mirai__sched sched;
    mirai__sched_daemon daemons[DAEMONS_MAX];
} world;

static void enter(world *w, mirai__sched_task *task)
{
    const mirai__sched_request plain = {.timeout_ms = 0};
    *task = (mirai__sched_task){.state = 0};
    bench_ok(mirai__sched_submit(&w->sched, task, &plain, 0));
}

/* Commands until there are none; the task that was resolved, if any. */
static mirai__sched_task *obey(world *w)
{
    mirai__sched_task *resolved = NULL;
    for (mirai__sched_command command;;) {
        mirai__sched_next(&w->sched, &command);
        if (command.kind == MIRAI__COMMAND_NONE) return resolved;
        if (command.kind == MIRAI__COMMAND_RESOLVE) resolved = command.task;
    }
}

/* A result, the next task to that daemon, and another into the queue. */
static void scheduler(size_t depth, size_t many, const char *format, size_t size, const char *yardstick)
{
    size_t turns = bench_count(2000000);
    world *w = calloc(1, sizeof *w);
    mirai__sched_task *tasks = calloc(depth, sizeof *tasks);
    bench_true(w != NULL && tasks != NULL);
    const mirai__sched_config config = {.daemons = (int64_t)many, .start_timeout_ms = -1, .grace_ms = -1};
    mirai__sched_init(&w->sched, &config);
    (void)obey(w);
    for (size_t i = 0; i < many; i++) {
        bench_ok(mirai__sched_daemon_added(&w->sched, &w->daemons[i], 0, 0));
        mirai__sched_daemon_ready(&w->sched, &w->daemons[i], 0);
    }
    for (size_t i = 0; i < depth; i++) enter(w, &tasks[i]);
    (void)obey(w);
    int64_t began = bench_now_ns();
    for (size_t i = 0; i < turns; i++) {
        mirai__sched_daemon *daemon = &w->daemons[i % many];
        mirai__sched_task *task;
        mirai__sched_setup *none;
        bench_true(mirai__sched_result(&w->sched, daemon, daemon->attempt, MIRAI_OUTCOME_VALUE, 0, &task, &none));
        task = obey(w);
        bench_true(task != NULL);
        enter(w, task);
    }
    say(format, size, (double)(bench_now_ns() - began) / (double)turns, "ns", yardstick);
    free(tasks); /* the machine is dropped as it is */
    free(w);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, setup);
    for (size_t size = 1000; size <= 1000000; size *= 10) queued(size);
    for (size_t size = 1; size <= DAEMONS_MAX; size *= 10) daemons(size);
    for (size_t size = 1000; size <= 1000000; size *= 10)
        scheduler(size, 1, "scheduler_ns_queue_%zu", size, "scheduler_ns_queue_1000");
    for (size_t size = 1; size <= DAEMONS_MAX; size *= 10)
        scheduler(2 * DAEMONS_MAX, size, "scheduler_ns_daemons_%zu", size, "scheduler_ns_daemons_1");
    return 0;
}
