/*
 * torch_start: eight daemons that load libtorch, through the module that is the wrapper, while this host does without
 * it; beside it eight plain processes that load libtorch and nothing else. Each started at once, as fast as they can.
 */
#include "bench.h"

#include <dlfcn.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8 };

extern char **environ;

static void daemons(void)
{
    size_t count = bench_count(3);
    int64_t *times = bench_times(count);
    for (size_t i = 0; i < count; i++) {
        int64_t began = bench_now_ns();
        mirai_pool *pool = bench_open(PROCESSES);
        bench_ok(mirai_pool_load(pool, "miraicore_torch"));
        times[i] = bench_now_ns() - began;
        bench_close(pool);
    }
    bench_say("start_8_torch_ms", bench_median_us(times, count) / 1e3, "ms", "load_8_libtorch_ms");
    free(times);
}

/* One of the plain processes. */
static int load(void)
{
    bench_true(dlopen(TORCH_FILE, RTLD_NOW) != NULL);
    _exit(write(STDOUT_FILENO, "", 1) == 1 ? 0 : 1); /* as a daemon, it is ready; how it ends does not count */
}

static int64_t load_all(const char *program)
{
    char word[] = "load", path[4096], bytes[PROCESSES];
    char *arguments[] = {path, word, NULL};
    pid_t pids[PROCESSES];
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    (void)snprintf(path, sizeof path, "%s", program);
    bench_true(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0);
    bench_true(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0);
    int64_t began = bench_now_ns();
    for (size_t i = 0; i < PROCESSES; i++)
        bench_true(posix_spawn(&pids[i], path, &actions, NULL, arguments, environ) == 0);
    for (size_t got = 0; got < PROCESSES;) {
        ssize_t size = read(ends[0], bytes, PROCESSES - got);
        bench_true(size > 0);
        got += (size_t)size;
    }
    int64_t spent = bench_now_ns() - began;
    for (size_t i = 0; i < PROCESSES; i++) bench_true(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return spent;
}

static void processes(void)
{
    size_t count = bench_count(3);
    int64_t *times = bench_times(count);
    for (size_t i = 0; i < count; i++) times[i] = load_all("/proc/self/exe");
    bench_say("load_8_libtorch_ms", bench_median_us(times, count) / 1e3, "ms", NULL);
    free(times);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "load") == 0) return load();
    bench_main(argc, argv, bench_register_same);
    if (bench_is_tiny()) return 0; /* each takes seconds */
    processes();
    daemons();
    return 0;
}
