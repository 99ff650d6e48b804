/*
 * yardsticks: what this machine can do at best: waking another process, copying, handing memory
 * over. A pair is two processes with shared memory, one answering the other, bound to processors as
 * the measured pair of roundtrip.c is.
 */
#include "bench.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The memory that both see; a cache line each. */
typedef struct shared {
    _Alignas(64) _Atomic uint32_t ask;
    _Alignas(64) _Atomic uint32_t answer;
    _Alignas(64) uint64_t seed, sum;
} shared;

typedef struct pair {
    shared *memory;
    uint8_t *large; /* shared too; NULL: none */
    int to[2], from[2];
    pid_t peer;
} pair;

/* Wait for the counter to become `count`; publish `count`. */
typedef struct means {
    void (*wait)(pair *pair, bool is_peer, uint32_t count);
    void (*post)(pair *pair, bool is_peer, uint32_t count);
} means;

static _Atomic uint32_t *awaited(pair *pair, bool is_peer)
{
    return is_peer ? &pair->memory->ask : &pair->memory->answer;
}

static void spin_wait(pair *pair, bool is_peer, uint32_t count)
{
    _Atomic uint32_t *word = awaited(pair, is_peer);
    for (unsigned turns = 1; atomic_load_explicit(word, memory_order_acquire) != count; turns++) {
        if (turns % 65536 == 0) (void)sched_yield(); /* for a machine with one processor */
    }
}

static void spin_post(pair *pair, bool is_peer, uint32_t count)
{
    atomic_store_explicit(awaited(pair, !is_peer), count, memory_order_release);
}

static void futex_wait(pair *pair, bool is_peer, uint32_t count)
{
    _Atomic uint32_t *word = awaited(pair, is_peer);
    for (uint32_t now; (now = atomic_load(word)) != count;)
        (void)syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void futex_post(pair *pair, bool is_peer, uint32_t count)
{
    _Atomic uint32_t *word = awaited(pair, !is_peer);
    atomic_store(word, count);
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void pipe_wait(pair *pair, bool is_peer, uint32_t count)
{
    uint32_t got = 0;
    if (read(is_peer ? pair->to[0] : pair->from[0], &got, sizeof got) != sizeof got) _exit(1);
    if (got != count) _exit(1);
}

static void pipe_post(pair *pair, bool is_peer, uint32_t count)
{
    if (write(is_peer ? pair->from[1] : pair->to[1], &count, sizeof count) != sizeof count)
        _exit(1);
}

static const means by_spin = {spin_wait, spin_post};
static const means by_futex = {futex_wait, futex_post};
static const means by_pipe = {pipe_wait, pipe_post};

/* ---- pairs ---- */

static void *map_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_true(memory != MAP_FAILED);
    return memory;
}

static _Noreturn void answer(pair *pair, const means *means, size_t count)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t i = 1; i <= count; i++) {
        means->wait(pair, true, i);
        if (pair->large != NULL) pair->memory->sum = bench_sum(pair->large, BENCH_LARGE);
        means->post(pair, true, i);
    }
    _exit(0);
}

static void pair_start(pair *pair, const means *means, size_t count, int host, int peer)
{
    pair->memory = map_shared(sizeof *pair->memory);
    bench_true(pipe(pair->to) == 0 && pipe(pair->from) == 0);
    pair->peer = fork();
    bench_true(pair->peer >= 0);
    bench_pin(pair->peer == 0 ? peer : host);
    if (pair->peer == 0) answer(pair, means, count);
}

static void pair_end(pair *pair)
{
    int status = 1;
    bench_true(waitpid(pair->peer, &status, 0) == pair->peer && status == 0);
    for (int i = 0; i < 2; i++) {
        (void)close(pair->to[i]);
        (void)close(pair->from[i]);
    }
    (void)munmap(pair->memory, sizeof *pair->memory);
    bench_unpin();
}

/* Median time of there and back; with a pause before each, both sides are asleep for long. */
static void pingpong(const char *name, const means *means, size_t full, int peer, int64_t pause_us)
{
    pair pair = {0};
    size_t count = bench_count(full), warm = count / 10;
    int64_t *times = bench_times(count);
    pair_start(&pair, means, warm + count, BENCH_HOST_CPU, peer);
    for (size_t i = 0; i < warm + count; i++) {
        if (pause_us > 0) bench_pause_us(pause_us);
        int64_t began = bench_now_ns();
        means->post(&pair, false, (uint32_t)i + 1);
        means->wait(&pair, false, (uint32_t)i + 1);
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
    }
    pair_end(&pair);
    bench_say(name, bench_median_us(times, count), "us", NULL);
    free(times);
}

/* ---- memory ---- */

static void copy(const char *name, size_t size, size_t full)
{
    size_t count = bench_count(full);
    int64_t *times = bench_times(count);
    uint8_t *from = malloc(size), *to = malloc(size);
    bench_true(from != NULL && to != NULL);
    memset(from, 1, size);
    memset(to, 2, size);
    for (size_t i = 0; i < count; i++) {
        from[i % size] = (uint8_t)i;
        int64_t began = bench_now_ns();
        memcpy(to, from, size);
        times[i] = bench_now_ns() - began;
        bench_true(to[i % size] == (uint8_t)i);
    }
    free(from);
    free(to);
    bench_say(name, bench_median_us(times, count), "us", NULL);
    free(times);
}

/* We fill, the other sums, in memory whose pages both have touched before. */
static void fill_and_sum(size_t full)
{
    size_t count = bench_count(full), warm = 1;
    int64_t *times = bench_times(count);
    pair pair = {.large = map_shared(BENCH_LARGE)};
    pair_start(&pair, &by_futex, warm + count, BENCH_HOST_CPU, BENCH_DAEMON_CPU);
    for (size_t i = 0; i < warm + count; i++) {
        int64_t began = bench_now_ns();
        bench_fill(pair.large, BENCH_LARGE, i);
        futex_post(&pair, false, (uint32_t)i + 1);
        futex_wait(&pair, false, (uint32_t)i + 1);
        if (i >= warm) times[i - warm] = bench_now_ns() - began;
        bench_true(pair.memory->sum == bench_sum(pair.large, BENCH_LARGE));
    }
    pair_end(&pair);
    (void)munmap(pair.large, BENCH_LARGE);
    bench_say("fillsum_warm_100mb_us", bench_median_us(times, count), "us", NULL);
    free(times);
}

int main(int argc, char **argv)
{
    bench_start(argc, argv);
    pingpong("spin_pingpong_us", &by_spin, 100000, BENCH_DAEMON_CPU, 0);
    pingpong("pipe_pingpong_us", &by_pipe, 5000, BENCH_DAEMON_CPU, 0);
    pingpong("futex_pingpong_us", &by_futex, 5000, BENCH_DAEMON_CPU, 0);
    pingpong("futex_pingpong_asleep_us", &by_futex, 200, BENCH_DAEMON_CPU, 2000);
    pingpong("pipe_pingpong_same_core_us", &by_pipe, 20000, BENCH_HOST_CPU, 0);
    pingpong("futex_pingpong_same_core_us", &by_futex, 20000, BENCH_HOST_CPU, 0);
    copy("memcpy_1mb_us", BENCH_MIDDLE, 2000);
    copy("memcpy_100mb_us", BENCH_LARGE, 9);
    fill_and_sum(5);
    return 0;
}
