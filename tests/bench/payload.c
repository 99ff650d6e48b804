/*
 * payload: large arguments and results. Echo: from the heap of the host to the daemon, whose
 * function makes a new value of it, and back. Fill and sum: the host fills a new buffer of the
 * pool's, the daemon sums it. Move: a buffer that is full goes there, and a new one comes back.
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

/* A new value of the same size, of which the first word says that the argument was seen. */
static mirai_value *renew(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    uint64_t *memory;
    mirai_buffer *buffer = mirai_buffer_alloc(NULL, mirai_value_count(args));
    if (buffer == NULL || mirai_buffer_writable(&buffer, (void **)&memory) != MIRAI_OK) return NULL;
    memory[0] = *(const uint64_t *)mirai_value_data(args) + 1;
    return mirai_bytes_buffer(buffer);
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_function_register("copy", copy, NULL));
    MIRAI_TRY(mirai_function_register("renew", renew, NULL));
    return mirai_function_register("sum", sum, NULL);
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

/* Born where the daemon can read it, and given away. */
static void fill_and_sum(void)
{
    size_t count = bench_count(5), warm = 2;
    int64_t *times = bench_times(count);
    uint64_t *expected = malloc(BENCH_LARGE);
    bench_true(expected != NULL);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + count; i++) {
        void *memory;
        bench_fill(expected, BENCH_LARGE, i);
        int64_t began = bench_now_ns();
        mirai_buffer *buffer = mirai_buffer_alloc(pool, BENCH_LARGE);
        bench_ok(mirai_buffer_writable(&buffer, &memory));
        bench_fill(memory, BENCH_LARGE, i);
        int64_t got = bench_number(bench_submit(pool, "sum", mirai_bytes_buffer(buffer)));
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        bench_true((uint64_t)got == bench_sum(expected, BENCH_LARGE));
    }
    bench_close(pool);
    bench_say("fillsum_100mb_us", bench_median_us(times, count), "us", "fillsum_warm_100mb_us");
    free(expected);
    free(times);
}

/* Every page was written before; there and back the bytes are not read. */
static void move(void)
{
    size_t count = bench_count(50), warm = 3;
    int64_t *times = bench_times(count);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + count; i++) {
        uint64_t *memory;
        const mirai_value *value;
        mirai_buffer *buffer = mirai_buffer_alloc(pool, BENCH_LARGE);
        bench_ok(mirai_buffer_writable(&buffer, (void **)&memory));
        bench_fill(memory, BENCH_LARGE, i);
        int64_t began = bench_now_ns();
        mirai_task *task = bench_submit(pool, "renew", mirai_bytes_buffer(buffer));
        bench_ok(mirai_task_wait(task, MIRAI_FOREVER));
        bench_ok(mirai_task_result(task, &value));
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        const uint64_t *got = mirai_value_data(value);
        bench_true(mirai_value_count(value) == BENCH_LARGE && got[0] == i + 1);
        mirai_task_release(task);
    }
    bench_close(pool);
    bench_say("echo_100mb_move_us", bench_median_us(times, count), "us", "-");
    free(times);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, setup);
    echo("echo_1mb_heap_us", BENCH_MIDDLE, 300, "2*memcpy_1mb_us");
    echo("echo_100mb_heap_us", BENCH_LARGE, 5, "2*memcpy_100mb_us");
    fill_and_sum();
    move();
    return 0;
}
