/*
 * torch_echo: a tensor of the host's goes to a daemon, which gives it back, in value mode: each side may then write to
 * what it has, and nobody else sees that. The host looks at some elements, as it does in payload. Then the same
 * with tensors that are born to be sent, of which whoever sends keeps nothing: a new one each way, of which some
 * elements are written. What it takes to have such a tensor is in the time.
 */
#include "bench.h"

#include <miraicore/torch.h>

static mirai_value *give_back(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_value_ref(args);
}

/* A tensor that is not filled, but for the elements that are looked at. */
static mirai_value *born(mirai_pool *pool, int64_t words, int64_t number)
{
    mirai_value *tensor = NULL;
    if (mirai_torch_scope_begin(pool) != MIRAI_OK) return NULL;
    mirai_status status = mirai_torch_script("def f(n: int):\n    return torch.empty([n], dtype=torch.int64)\n", NULL,
                                             mirai_list_of(mirai_int(words), MIRAI_END), &tensor);
    (void)mirai_torch_scope_end();
    if (status != MIRAI_OK) return NULL;
    int64_t *memory = mirai_torch_data(tensor);
    memory[0] = memory[words / 2] = memory[words - 1] = number;
    return tensor;
}

static mirai_value *renew(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const int64_t *memory = mirai_torch_data(args);
    return born(NULL, mirai_torch_count(args), memory[0] + memory[mirai_torch_count(args) - 1]);
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_function_register("renew", renew, NULL));
    return mirai_function_register("give_back", give_back, NULL);
}

static void check_echo(mirai_task *task, const int64_t *sent, size_t words)
{
    const mirai_value *value;
    bench_ok(mirai_task_wait(task, MIRAI_FOREVER));
    bench_ok(mirai_task_result(task, &value));
    const int64_t *got = mirai_torch_data(value);
    bench_true(got != NULL && (size_t)mirai_torch_count(value) == words);
    bench_true(got[0] == sent[0] && got[words / 2] == sent[words / 2] && got[words - 1] == sent[words - 1]);
}

static void echo(const char *name, size_t size, size_t full, const char *yardstick)
{
    size_t count = bench_count(full), warm = 2;
    int64_t *times = bench_times(count), words = (int64_t)(size / sizeof(int64_t));
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_INT64, 1, &words);
    bench_true(tensor != NULL);
    int64_t *memory = mirai_torch_data(tensor);
    bench_fill(memory, size, 1);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + count; i++) {
        memory[0] = (int64_t)i;
        int64_t began = bench_now_ns();
        mirai_task *task = bench_submit(pool, "give_back", mirai_value_ref(tensor));
        check_echo(task, memory, (size_t)words);
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        mirai_task_release(task);
    }
    bench_close(pool);
    bench_say(name, bench_median_us(times, count), "us", yardstick);
    mirai_value_release(tensor);
    free(times);
}

static void echo_born(const char *name, size_t size, size_t full, const char *yardstick)
{
    size_t count = bench_count(full), warm = 2, words = size / sizeof(int64_t);
    int64_t *times = bench_times(count);
    mirai_pool *pool = bench_open(1);
    for (size_t i = 0; i < warm + count; i++) {
        int64_t began = bench_now_ns();
        const mirai_value *value;
        mirai_task *task = bench_submit(pool, "renew", born(pool, (int64_t)words, (int64_t)i));
        bench_ok(mirai_task_wait(task, MIRAI_FOREVER));
        bench_ok(mirai_task_result(task, &value));
        const int64_t *got = mirai_torch_data(value);
        bench_true(got != NULL && (size_t)mirai_torch_count(value) == words);
        bench_true(got[0] == 2 * (int64_t)i && got[words / 2] == got[0] && got[words - 1] == got[0]);
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        mirai_task_release(task);
    }
    bench_close(pool);
    bench_say(name, bench_median_us(times, count), "us", yardstick);
    free(times);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, setup);
    if (bench_is_tiny()) return 0; /* loading libtorch takes seconds */
    echo("echo_1mb_torch_us", BENCH_MIDDLE, 300, "2*memcpy_1mb_us");
    echo("echo_100mb_torch_us", BENCH_LARGE, 15, "2*memcpy_100mb_us");
    echo_born("echo_100mb_torch_move_us", BENCH_LARGE, 100, "-");
    return 0;
}
