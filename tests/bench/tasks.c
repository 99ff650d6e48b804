/*
 * tasks: many at once. Rates with a window of tasks in flight, each with its own argument and its
 * own checked result; how many of them the less busy of two daemons gets; a queue a million deep; and
 * the shortest task of which half the time is useful.
 */
#include "bench.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 256, RATE_RUN = 100000, DEEP = 1000000, DEEP_RUN = 20000, SHARED_NS = 15000 };

/* ---- functions of the daemon ---- */

static mirai_value *spin(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t length = mirai_value_int_or(args, 0), end = bench_now_ns() + length;
    while (bench_now_ns() < end) continue;
    return mirai_int(length);
}

/* As long as a task of which two daemons must get a fair share; tells who has run it. */
static mirai_value *whoami(mirai_job *job, const mirai_value *args, void *context)
{
    mirai_value_release(spin(job, args, context));
    return mirai_int(getpid());
}

static mirai_status setup(void)
{
    mirai_status status = bench_register_same();
    if (status == MIRAI_OK) status = mirai_function_register("spin", spin, NULL);
    if (status == MIRAI_OK) status = mirai_function_register("whoami", whoami, NULL);
    return status == MIRAI_OK ? bench_register_hold() : status;
}

/* ---- rates ---- */

/* Nanoseconds for `count` tasks with at most WINDOW in flight. `argument` of each; -1: its number.
 */
static int64_t run(mirai_pool *pool, const char *function, size_t count, int64_t argument)
{
    mirai_task *window[WINDOW];
    int64_t began = bench_now_ns();
    for (size_t sent = 0, got = 0; got < count;) {
        if (sent < count && sent - got < WINDOW) {
            int64_t given = argument < 0 ? (int64_t)sent : argument;
            window[sent++ % WINDOW] = bench_submit(pool, function, mirai_int(given));
        } else {
            int64_t wanted = argument < 0 ? (int64_t)got : argument;
            bench_true(bench_number(window[got++ % WINDOW]) == wanted);
        }
    }
    return bench_now_ns() - began;
}

static void rate(const char *name, int32_t daemons, const char *yardstick)
{
    size_t count = bench_count(RATE_RUN);
    mirai_pool *pool = bench_open(daemons);
    (void)run(pool, "same", count / 10, -1);
    bench_say(name, 1e9 * (double)count / (double)run(pool, "same", count, -1), "1/s", yardstick);
    bench_close(pool);
}

/* The less busy daemon's part. */
static void share(void)
{
    mirai_task *window[WINDOW];
    size_t count = bench_count(20000), of_first = 0;
    mirai_pool *pool = bench_open(2);
    int64_t first = bench_pid(pool, 0);
    for (size_t sent = 0, got = 0; got < count;) {
        if (sent < count && sent - got < WINDOW)
            window[sent++ % WINDOW] = bench_submit(pool, "whoami", mirai_int(SHARED_NS));
        else if (bench_number(window[got++ % WINDOW]) == first)
            of_first++;
    }
    bench_close(pool);
    size_t least = of_first < count - of_first ? of_first : count - of_first;
    bench_say("least_share_of_2_daemons", 100.0 * (double)least / (double)count, "%", NULL);
}

/* ---- a deep queue ---- */

static int64_t anonymous_memory(void)
{
    char line[128];
    long long kilobytes = 0, one;
    FILE *status = fopen("/proc/self/status", "r");
    bench_true(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "RssAnon: %lld", &one) == 1 || sscanf(line, "RssShmem: %lld", &one) == 1)
            kilobytes += one;
    (void)fclose(status);
    return kilobytes * 1024;
}

static void queue(void)
{
    size_t count = bench_count(DEEP), ran = bench_count(DEEP_RUN);
    mirai_task **tasks = calloc(count, sizeof *tasks);
    bench_true(tasks != NULL);
    memset(tasks, 1, count * sizeof *tasks); /* its own pages are not to be counted */
    mirai_pool *pool = bench_open(1);
    mirai_task *gate = bench_submit(pool, "hold", mirai_null());

    int64_t memory = anonymous_memory(), began = bench_now_ns();
    for (size_t i = 0; i < count; i++) tasks[i] = bench_submit(pool, "same", mirai_int((int64_t)i));
    int64_t spent = bench_now_ns() - began;
    memory = anonymous_memory() - memory;
    bench_say("submit_ns", (double)spent / (double)count, "ns", "peer_multiprocessing_submit_ns");
    bench_say("bytes_per_queued_task", (double)memory / (double)count, "B",
              "peer_multiprocessing_bytes_per_queued_task");

    bench_ok(mirai_task_cancel(gate, NULL));
    mirai_task_release(gate);
    bench_true(bench_number(tasks[0]) == 0);
    began = bench_now_ns();
    for (size_t i = 1; i < ran; i++) bench_true(bench_number(tasks[i]) == (int64_t)i);
    spent = bench_now_ns() - began;
    bench_say("tasks_per_s_queue_of_1m", 1e9 * (double)(ran - 1) / (double)spent, "1/s",
              "tasks_per_s_1");
    bench_close(pool);
    for (size_t i = ran; i < count; i++) mirai_task_release(tasks[i]);
    free(tasks);
}

/* ---- the shortest useful task ---- */

/* Share of the time that one daemon spends in tasks of this length. */
static double efficiency(mirai_pool *pool, int64_t length)
{
    size_t count = (size_t)(bench_count(60000000) / (size_t)length) + 100;
    return (double)length * (double)count / (double)run(pool, "spin", count, length);
}

static void shortest(void)
{
    mirai_pool *pool = bench_open(1);
    double low = 100,
           high = 2e6; /* in ns, halved in the logarithm; the upper end: none was found */
    while (high > 1.1 * low) {
        double middle = sqrt(low * high);
        if (efficiency(pool, (int64_t)middle) >= 0.5)
            high = middle;
        else
            low = middle;
    }
    bench_say("metg_us", high / 1e3, "us", "roundtrip_hot_p50_us");
    bench_close(pool);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, setup);
    rate("tasks_per_s_1", 1, "peer_multiprocessing_tasks_per_s");
    rate("tasks_per_s_2", 2, "tasks_per_s_1");
    share();
    queue();
    shortest();
    return 0;
}
