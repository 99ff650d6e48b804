/*
 * many: a completion queue beside a wait for each task, and maps: numbers of an array, and what a generator gives.
 */
#include "bench.h"

enum { NUMBERS = 10000000, GENERATED = 1000000 };

static mirai_value *half(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_float(mirai_value_float_or(args, 0) / 2);
}

static mirai_status setup(void)
{
    mirai_status status = bench_register_same();
    return status == MIRAI_OK ? mirai_function_register("half", half, NULL) : status;
}

/* Submit one, take one: as in a program that keeps no table of its tasks. */
static void queue(mirai_pool *pool)
{
    size_t count = bench_count(20000);
    int64_t *times = bench_times(count);
    mirai_queue *queue;
    bench_ok(mirai_queue_new(&queue));
    for (size_t i = 0; i < count; i++) {
        int64_t began = bench_now_ns();
        mirai_task *task = bench_submit(pool, "same", mirai_int((int64_t)i)), *out;
        bench_ok(mirai_queue_add(queue, task));
        mirai_task_release(task);
        bench_ok(mirai_queue_next(queue, &out, MIRAI_FOREVER));
        bench_true(bench_number(out) == (int64_t)i);
        times[i] = bench_now_ns() - began;
    }
    mirai_queue_release(queue);
    bench_say("roundtrip_queue_p50_us", bench_median_us(times, count), "us", "roundtrip_hot_p50_us");
    free(times);
}

static void numbers(mirai_pool *pool)
{
    const int64_t count = (int64_t)bench_count(NUMBERS);
    mirai_value *array = mirai_array(MIRAI_DTYPE_FLOAT64, 1, &count, NULL), *all;
    mirai_map *map;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_ROWS;
    options.flatten = 1;
    int64_t began = bench_now_ns();
    bench_ok(mirai_map_start(pool, &map, "half", array, &options));
    bench_ok(mirai_map_collect(map, MIRAI_FOREVER, &all));
    bench_say("map_elements_per_s", 1e9 * (double)count / (double)(bench_now_ns() - began), "1/s",
              "peer_multiprocessing_map_elements_per_s");
    bench_true(mirai_value_count(all) == (size_t)count);
    mirai_value_release(all);
    mirai_map_release(map);
}

static mirai_value *count_up(size_t index, void *user)
{
    return index < *(const size_t *)user ? mirai_int((int64_t)index) : NULL;
}

static void generator(mirai_pool *pool)
{
    size_t count = bench_count(GENERATED), got = 0;
    mirai_value *one;
    mirai_map *map;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR;
    options.source = count_up;
    options.user = &count;
    int64_t began = bench_now_ns();
    bench_ok(mirai_map_start(pool, &map, "same", NULL, &options));
    for (; mirai_map_next(map, NULL, &one, MIRAI_FOREVER) == MIRAI_OK; got++) mirai_value_release(one);
    bench_say("map_generated_per_s", 1e9 * (double)got / (double)(bench_now_ns() - began), "1/s", NULL);
    bench_true(got == count);
    mirai_map_release(map);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, setup);
    bench_pin(BENCH_HOST_CPU); /* as what it is compared with */
    bench_pin_daemons(BENCH_DAEMON_CPU);
    mirai_pool *pool = bench_open(1);
    queue(pool);
    bench_close(pool);
    bench_unpin();
    bench_pin_daemons(-1);
    pool = bench_open(2);
    numbers(pool);
    generator(pool);
    bench_close(pool);
    return 0;
}
