/*
 * payload: large arguments and results. Echo: from the heap of the host to the daemon, whose
 * function makes a new value of it, and back. Fill and sum: the host fills a new buffer of the
 * pool's, the daemon sums it.
 */
#include "bench.h"

#include <string.h>

static mirai_value *copy(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_bytes(mirai_value_data(args), mirai_value_count(args));
}

static mirai_value *sum(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_int((int64_t)bench_sum(mirai_value_data(args), mirai_value_count(args)));
}

static mirai_status setup(void)
{
    mirai_status status = mirai_function_register("copy", copy, NULL);
    return status == MIRAI_OK ? mirai_function_register("sum", sum, NULL) : status;
}

static void check_echo(mirai_task *task, const uint64_t *sent, size_t size)
{
    const mirai_value *value;
    bench_ok(mirai_task_wait(task, MIRAI_FOREVER));
    bench_ok(mirai_task_result(task, &value));
    const uint64_t *got = mirai_value_data(value);
    size_t words = size / sizeof *sent;
    bench_true(mirai_value_count(value) == size);
    bench_true(got[0] == sent[0] && got[words / 2] == sent[words / 2] &&
               got[words - 1] == sent[words - 1]);
}

static void echo(const char *name, size_t size, size_t full, const char *yardstick)
{
    size_t count = bench_count(full), warm = 2;
    int64_t *times = bench_times(count);
    uint64_t *memory = malloc(size);
    bench_true(memory != NULL);
    bench_fill(memory, size, 1);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + count; i++) {
        memory[0] = i;
        int64_t began = bench_now_ns();
        mirai_buffer *buffer = mirai_buffer_adopt(memory, size, NULL, NULL, NULL);
        mirai_task *task = bench_submit(pool, "copy", mirai_bytes_buffer(buffer));
        check_echo(task, memory, size);
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        mirai_task_release(task);
    }
    bench_close(pool);
    bench_say(name, bench_median_us(times, count), "us", yardstick);
    free(memory);
    free(times);
}

static void fill_and_sum(void)
{
    size_t count = bench_count(5), warm = 2;
    int64_t *times = bench_times(count);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + count; i++) {
        void *memory;
        int64_t began = bench_now_ns();
        mirai_buffer *buffer = mirai_buffer_new(pool, BENCH_LARGE);
        bench_ok(mirai_buffer_writable(&buffer, &memory));
        bench_fill(memory, BENCH_LARGE, i);
        mirai_buffer_ref(buffer); /* to be checked below */
        int64_t got = bench_number(bench_submit(pool, "sum", mirai_bytes_buffer(buffer)));
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        bench_true((uint64_t)got == bench_sum(mirai_buffer_data(buffer), BENCH_LARGE));
        mirai_buffer_release(buffer);
    }
    bench_close(pool);
    bench_say("fillsum_100mb_us", bench_median_us(times, count), "us", "fillsum_warm_100mb_us");
    free(times);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, setup);
    echo("echo_1mb_heap_us", BENCH_MIDDLE, 300, "2*memcpy_1mb_us");
    echo("echo_100mb_heap_us", BENCH_LARGE, 5, "2*memcpy_100mb_us");
    fill_and_sum();
    return 0;
}
