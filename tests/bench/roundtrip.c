/*
 * roundtrip: submit an empty task, wait for it, read its result: again and again, with pauses, on
 * one processor; and what a hundred tasks a second cost host and daemon together. Where the environment
 * says MIRAI_SPIN=0: the first again, with that.
 */
#include "bench.h"

#include <string.h>
#include <time.h>

typedef struct round {
    int host_cpu, daemon_cpu;
    int64_t pause_us; /* before each task: both sides are asleep for long */
    size_t count;
} round;

static void make_round(const round *round, int64_t *times)
{
    size_t warm = round->count / 10;
    bench_pin(round->host_cpu);
    bench_pin_daemons(round->daemon_cpu);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + round->count; i++) {
        if (round->pause_us > 0) bench_pause_us(round->pause_us);
        int64_t began = bench_now_ns();
        int64_t got = bench_number(bench_submit(pool, "same", mirai_int((int64_t)i)));
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        bench_true(got == (int64_t)i);
    }
    bench_close(pool);
    bench_unpin();
    bench_pin_daemons(-1);
}

static void sleepy(void)
{
    round apart = {BENCH_HOST_CPU, BENCH_DAEMON_CPU, 0, bench_count(5000)};
    int64_t *times = bench_times(apart.count);
    make_round(&apart, times);
    bench_say("roundtrip_without_spinning_p50_us", bench_median_us(times, apart.count), "us", "futex_pingpong_us");
    free(times);
}

static void hot(void)
{
    round apart = {BENCH_HOST_CPU, BENCH_DAEMON_CPU, 0, bench_count(10000)};
    int64_t *times = bench_times(apart.count);
    make_round(&apart, times);
    bench_say("roundtrip_hot_p50_us", bench_median_us(times, apart.count), "us",
              "pipe_pingpong_us");
    bench_say("roundtrip_hot_p99_us", bench_quantile(times, apart.count, 0.99) / 1e3, "us",
              "pipe_pingpong_us");
    free(times);
}

static void asleep(void)
{
    round paused = {BENCH_HOST_CPU, BENCH_DAEMON_CPU, 2000, bench_count(200)};
    int64_t *times = bench_times(paused.count);
    make_round(&paused, times);
    bench_say("roundtrip_asleep_p50_us", bench_median_us(times, paused.count), "us",
              "futex_pingpong_asleep_us");
    free(times);
}

static void one_core(void)
{
    round together = {BENCH_HOST_CPU, BENCH_HOST_CPU, 0, bench_count(10000)};
    int64_t *times = bench_times(together.count);
    make_round(&together, times);
    bench_say("roundtrip_one_core_p50_us", bench_median_us(times, together.count), "us",
              "futex_pingpong_same_core_us");
    free(times);
}

static double cpu_seconds(clockid_t clock)
{
    struct timespec used;
    bench_true(clock_gettime(clock, &used) == 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Share of one processor, in percent, at 100 tasks a second, wherever the system puts both
 * processes. */
static void slow(void)
{
    size_t count = bench_count(200);
    mirai_pool *pool = bench_open(1);
    clockid_t daemon;
    bench_true(clock_getcpuclockid((pid_t)bench_pid(pool, 0), &daemon) == 0);
    (void)bench_number(bench_submit(pool, "same", mirai_int(0)));
    double before = cpu_seconds(daemon) + cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    int64_t began = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        bench_pause_us((began + (int64_t)(i + 1) * 10000000 - bench_now_ns()) / 1000);
        (void)bench_number(bench_submit(pool, "same", mirai_int(1)));
    }
    double used = cpu_seconds(daemon) + cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
    bench_say("cpu_at_100_tasks_per_s", 1e11 * used / (double)(bench_now_ns() - began), "%", NULL);
    bench_close(pool);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, bench_register_same);
    const char *spin = getenv("MIRAI_SPIN");
    if (spin != NULL && strcmp(spin, "0") == 0) {
        sleepy();
        return 0;
    }
    hot();
    asleep();
    one_core();
    slow();
    return 0;
}
