/*
 * bench: see bench.h.
 */
#include "bench.h"

#include <sched.h>
#include <string.h>
#include <time.h>

static bool is_tiny;
static cpu_set_t at_start;

/* ---- counts, times, figures ---- */

void bench_start(int argc, char **argv)
{
    is_tiny = argc > 1 && strcmp(argv[1], "tiny") == 0;
    bench_true(sched_getaffinity(0, sizeof at_start, &at_start) == 0);
}

bool bench_is_tiny(void)
{
    return is_tiny;
}

size_t bench_count(size_t full)
{
    if (!is_tiny) return full;
    return full / 1000 > 3 ? full / 1000 : 3;
}

void bench_say(const char *name, double value, const char *unit, const char *yardstick)
{
    (void)printf("%s %.6g %s %s\n", name, value, unit, yardstick != NULL ? yardstick : "-");
    (void)fflush(stdout);
}

int64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_pause_us(int64_t us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&pause, NULL);
}

static int compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

double bench_quantile(int64_t *times, size_t count, double share)
{
    qsort(times, count, sizeof *times, compare);
    size_t at = (size_t)((double)count * share);
    return (double)times[at < count ? at : count - 1];
}

double bench_median_us(int64_t *times_ns, size_t count)
{
    return bench_quantile(times_ns, count, 0.5) / 1e3;
}

int64_t *bench_times(size_t count)
{
    int64_t *times = calloc(count, sizeof *times);
    bench_true(times != NULL);
    return times;
}

/* ---- processors ---- */

void bench_pin(int which)
{
    size_t chosen = 0;
    int seen = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && seen <= which; cpu++) {
        if (!CPU_ISSET(cpu, &at_start)) continue;
        chosen = cpu;
        seen++;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(chosen, &one);
    bench_true(sched_setaffinity(0, sizeof one, &one) == 0);
}

void bench_unpin(void)
{
    bench_true(sched_setaffinity(0, sizeof at_start, &at_start) == 0);
}

/* A daemon inherits the binding of the host, so it gets the set that the host started with as well.
 */
void bench_pin_daemons(int which)
{
    char text[16], set[2 * sizeof at_start + 1];
    const unsigned char *bytes = (const unsigned char *)&at_start;
    for (size_t i = 0; i < sizeof at_start; i++) (void)snprintf(set + 2 * i, 3, "%02x", bytes[i]);
    (void)snprintf(text, sizeof text, "%d", which);
    bench_true(setenv("BENCH_PIN", text, 1) == 0 && setenv("BENCH_SET", set, 1) == 0);
}

static void pin_as_told(void)
{
    const char *pin = getenv("BENCH_PIN"), *set = getenv("BENCH_SET");
    if (pin == NULL || set == NULL) return;
    unsigned char *bytes = (unsigned char *)&at_start;
    for (size_t i = 0; i < sizeof at_start; i++) {
        const char digits[3] = {set[2 * i], set[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    if (*pin == '-')
        bench_unpin();
    else
        bench_pin((int)strtol(pin, NULL, 10));
}

/* ---- tasks ---- */

void bench_main(int argc, char **argv, mirai_status (*setup)(void))
{
    if (mirai_on_daemon()) pin_as_told(); /* before the library starts a thread */
    bench_ok(mirai_main(argc, argv, setup));
    bench_start(argc, argv);
    bench_pin_daemons(-1);
}

mirai_pool *bench_open(int32_t daemons)
{
    mirai_pool *pool;
    bench_ok(mirai_pool_open(&pool, "bench", daemons, NULL));
    return pool;
}

void bench_close(mirai_pool *pool)
{
    bench_ok(mirai_pool_close(pool, MIRAI_CANCEL, 10000));
}

mirai_task *bench_submit(mirai_pool *pool, const char *function, mirai_value *args)
{
    mirai_task *task;
    bench_ok(mirai_pool_submit(pool, &task, function, args, NULL));
    return task;
}

int64_t bench_number(mirai_task *task)
{
    const mirai_value *value;
    int64_t number;
    bench_ok(mirai_task_wait(task, MIRAI_FOREVER));
    bench_ok(mirai_task_result(task, &value));
    bench_ok(mirai_value_to_int(value, &number));
    mirai_task_release(task);
    return number;
}

int64_t bench_pid(mirai_pool *pool, size_t daemon)
{
    mirai_value *all = mirai_pool_describe(pool);
    const mirai_value *one = mirai_value_item(mirai_value_get(all, "daemons"), daemon);
    int64_t pid = mirai_value_int_or(mirai_value_get(one, "pid"), 0);
    mirai_value_release(all);
    bench_true(pid > 0);
    return pid;
}

static mirai_value *same(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_int(mirai_value_int_or(args, -1));
}

mirai_status bench_register_same(void)
{
    return mirai_function_register("same", same, NULL);
}

static mirai_value *hold(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    while (!mirai_job_cancelled(job)) bench_pause_us(500);
    return mirai_null();
}

mirai_status bench_register_hold(void)
{
    return mirai_function_register("hold", hold, NULL);
}

/* ---- work on large memory ---- */

void bench_fill(void *memory, size_t size_bytes, uint64_t seed)
{
    uint64_t *words = memory;
    for (size_t i = 0; i < size_bytes / sizeof *words; i++) words[i] = seed + i;
}

uint64_t bench_sum(const void *memory, size_t size_bytes)
{
    const uint64_t *words = memory;
    uint64_t sum = 0;
    for (size_t i = 0; i < size_bytes / sizeof *words; i++) sum += words[i];
    return sum;
}
