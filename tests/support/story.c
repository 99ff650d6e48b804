/*
 * story: pools, tasks, time and files for the integration and fault tests (story.h). On the test's thread.
 */
#include "story.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- pools and tasks ------------------------------------------------------------------------- */

mirai_pool *story_open_with(int32_t daemons, const mirai_pool_options *options)
{
    mirai_pool_options all = MIRAI_POOL_OPTIONS_INIT;
    if (options != NULL) all = *options;
    if (all.start_timeout_ms == 0) all.start_timeout_ms = STORY_PATIENCE;
    mirai_pool *pool = NULL;
    story_assert_ok(mirai_pool_open(&pool, "story", daemons, &all));
    assert_non_null(pool);
    return pool;
}

mirai_pool *story_open(int32_t daemons)
{
    return story_open_with(daemons, NULL);
}

void story_close(mirai_pool *pool)
{
    story_assert_ok(mirai_pool_close(pool, MIRAI_CANCEL, 0));
}

int story_open_two(void **state)
{
    *state = story_open(2);
    return 0;
}

int story_close_state(void **state)
{
    story_close(*state);
    return 0;
}

mirai_task *story_submit_with(mirai_pool *pool, const char *function, mirai_value *args,
                              const mirai_submit_options *options)
{
    mirai_task *task = NULL;
    story_assert_ok(mirai_pool_submit(pool, &task, function, args, options));
    assert_non_null(task);
    return task;
}

mirai_task *story_submit(mirai_pool *pool, const char *function, mirai_value *args)
{
    return story_submit_with(pool, function, args, NULL);
}

const mirai_value *story_result(mirai_task *task)
{
    const mirai_value *value = NULL;
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED);
    story_assert_ok(mirai_task_result(task, &value));
    assert_non_null(value);
    return value;
}

const mirai_value *story_expect(mirai_task *task, mirai_outcome outcome)
{
    const mirai_value *value = story_result(task);
    mirai_outcome real = mirai_task_outcome(task);
    if (real != outcome)
        fail_msg("outcome %d (%s), not %d: %s", (int)real, mirai_outcome_text(real), (int)outcome,
                 mirai_value_is_error(value) ? mirai_value_error_message(value) : "a value");
    assert_int_equal(mirai_value_is_error(value), outcome != MIRAI_OUTCOME_VALUE);
    return value;
}

int64_t story_number(mirai_pool *pool, const char *function, mirai_value *args)
{
    mirai_task *task = story_submit(pool, function, args);
    int64_t number = 0;
    story_assert_ok(mirai_value_to_int(story_expect(task, MIRAI_OUTCOME_VALUE), &number));
    mirai_task_release(task);
    return number;
}

mirai_pool_status story_status(mirai_pool *pool)
{
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    story_assert_ok(mirai_pool_get_status(pool, &status));
    return status;
}

const char *story_field(const mirai_value *error, const char *key)
{
    const char *text = mirai_value_string(mirai_value_get(error, key));
    return text != NULL ? text : "";
}

pid_t story_daemon_pid(mirai_pool *pool, size_t index)
{
    mirai_value *all = mirai_pool_describe(pool);
    assert_non_null(all);
    const mirai_value *daemon = mirai_value_item(mirai_value_get(all, "daemons"), index);
    pid_t pid = (pid_t)mirai_value_int_or(mirai_value_get(daemon, "pid"), -1);
    mirai_value_release(all);
    assert_true(pid > 1);
    return pid;
}

const char *story_program(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return path;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t story_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void story_sleep_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
}

bool story_in_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && (strstr(preload, "valgrind") != NULL || strstr(preload, "vgpreload") != NULL);
}

int story_many(int full)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    bool is_local = transport == NULL || strcmp(transport, "pair") == 0 || strcmp(transport, "ring") == 0;
    return is_local ? full : full / 10;
}

int64_t story_bound_ms(int64_t ms)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return ms * 10;
#else
    return story_in_valgrind() ? ms * 20 : ms * 3; /* the machine may be busy with other tests */
#endif
}

bool story_until(bool (*condition)(void *context), void *context)
{
    int64_t deadline = story_now_ms() + STORY_PATIENCE;
    while (!condition(context)) {
        if (story_now_ms() >= deadline) return false;
        story_sleep_ms(2);
    }
    return true;
}

typedef struct wanted {
    mirai_pool *pool;
    int64_t ready;
} wanted;

static bool has_daemons(void *context)
{
    const wanted *want = context;
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    return mirai_pool_get_status(want->pool, &status) == MIRAI_OK && status.daemons_ready == want->ready;
}

bool story_until_daemons(mirai_pool *pool, int64_t ready)
{
    wanted want = {pool, ready};
    return story_until(has_daemons, &want);
}

static bool has_lost(void *context)
{
    const wanted *want = context;
    mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
    return mirai_pool_get_status(want->pool, &status) == MIRAI_OK && status.daemons_lost >= want->ready;
}

bool story_until_lost(mirai_pool *pool, int64_t lost)
{
    wanted want = {pool, lost};
    return story_until(has_lost, &want);
}

static bool has_started(void *context)
{
    return mirai_task_state(context) != MIRAI_TASK_QUEUED;
}

bool story_until_running(mirai_task *task)
{
    return story_until(has_started, task) && mirai_task_state(task) == MIRAI_TASK_RUNNING;
}

static bool is_written(void *context)
{
    return story_file_size(context) > 0;
}

bool story_until_file(const char *path)
{
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", path);
    return story_until(is_written, copy);
}

static bool is_dead(void *context)
{
    return !story_is_alive(*(pid_t *)context);
}

bool story_until_dead(pid_t pid)
{
    return story_until(is_dead, &pid);
}

story_family story_family_of(pid_t root)
{
    story_family family;
    const size_t most = sizeof family.pids / sizeof *family.pids - 1;
    family.count = story_descendants(root, family.pids, most);
    assert_true(family.count <= most);
    return family;
}

static bool is_extinct(void *context)
{
    const story_family *family = context;
    for (size_t i = 0; i < family->count; i++)
        if (story_is_alive(family->pids[i])) return false;
    return true;
}

bool story_until_extinct(const story_family *family)
{
    story_family copy = *family;
    return story_until(is_extinct, &copy);
}

/* ---- files ----------------------------------------------------------------------------------- */

static char folder[64];

const char *story_path(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "/tmp/mirai-story-%ld", (long)getpid());
        (void)mkdir(folder, 0700);
    }
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void story_remove_files(void)
{
    if (folder[0] == '\0') return;
    DIR *dir = opendir(folder);
    const struct dirent *item;
    while (dir != NULL && (item = readdir(dir)) != NULL)
        if (item->d_name[0] != '.') (void)unlinkat(dirfd(dir), item->d_name, 0);
    if (dir != NULL) (void)closedir(dir);
    (void)rmdir(folder);
    folder[0] = '\0';
}

int64_t story_read_number(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    char *got = fgets(text, sizeof text, file);
    (void)fclose(file);
    return got != NULL ? strtoll(text, NULL, 10) : -1;
}

size_t story_file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}
