/*
 * idle: what daemons cost while nothing is asked of them: starting them, their memory, their sleep.
 */
#include "bench.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

/* SETTLE_MS: a daemon looks after its connection once more within half a second after its last job, and the host after
 * its daemons within a heartbeat. */
enum { IDLE_MS = 10000, SETTLE_MS = 5500 };

static void start(const char *name, int32_t daemons, const char *yardstick)
{
    size_t count = bench_count(7);
    int64_t *times = bench_times(count);
    for (size_t i = 0; i < count; i++) {
        int64_t began = bench_now_ns();
        mirai_pool *pool = bench_open(daemons);
        times[i] = bench_now_ns() - began;
        bench_close(pool);
    }
    bench_say(name, bench_quantile(times, count, 0.5) / 1e6, "ms", yardstick);
    free(times);
}

/* The sum of the numbers in the lines of a /proc file that begin with one of two words. */
static long long sum_of(const char *path, const char *first, const char *second)
{
    char line[256];
    long long sum = 0;
    FILE *file = fopen(path, "r");
    bench_true(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *word = strncmp(line, first, strlen(first)) == 0 ? first : second;
        if (strncmp(line, word, strlen(word)) == 0) sum += strtoll(line + strlen(word), NULL, 10);
    }
    (void)fclose(file);
    return sum;
}

/* How often the threads of a process were taken off a processor: each time, one was awake. `but`: a
 * thread that is not counted. */
static long long switches(int64_t pid, int64_t but)
{
    char path[300];
    long long sum = 0;
    (void)snprintf(path, sizeof path, "/proc/%lld/task", (long long)pid);
    DIR *folder = opendir(path);
    bench_true(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strtoll(entry->d_name, NULL, 10) == but) continue;
        (void)snprintf(path, sizeof path, "/proc/%lld/task/%s/status", (long long)pid,
                       entry->d_name);
        sum += sum_of(path, "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:");
    }
    (void)closedir(folder);
    return sum;
}

static long long all_switches(const int64_t *daemons, size_t count)
{
    long long sum = switches(getpid(), getpid()); /* this thread sleeps by itself */
    for (size_t i = 0; i < count; i++) sum += switches(daemons[i], 0);
    return sum;
}

static void idle(void)
{
    enum { DAEMONS = 2 };
    int64_t pids[DAEMONS];
    char path[64];
    mirai_pool *pool = bench_open(DAEMONS);
    for (size_t i = 0; i < 20; i++) (void)bench_number(bench_submit(pool, "same", mirai_int(1)));
    for (size_t i = 0; i < DAEMONS; i++) pids[i] = bench_pid(pool, i);
    bench_pause_us(SETTLE_MS * 1000);
    (void)snprintf(path, sizeof path, "/proc/%lld/smaps_rollup", (long long)pids[0]);
    bench_say("idle_private_kb", (double)sum_of(path, "Private_Clean:", "Private_Dirty:"), "kB",
              "peer_multiprocessing_idle_private_kb");
    long long before = all_switches(pids, DAEMONS);
    bench_pause_us(bench_is_tiny() ? 1000 : (int64_t)IDLE_MS * 1000);
    bench_say("idle_wakeups_10s", (double)(all_switches(pids, DAEMONS) - before), "count", NULL);
    bench_close(pool);
}

int main(int argc, char **argv)
{
    bench_main(argc, argv, bench_register_same);
    start("start_1_ms", 1, NULL);
    start("start_8_ms", 8, "peer_multiprocessing_start_8_ms");
    idle();
    return 0;
}
