/*
 * What daemons are started with: an environment, a directory, processors, limits; and daemons that leave by themselves,
 * without losing a task.
 */
#include "story.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BIG_SHADOW 1 /* more address space than any limit allows */
#else
#define BIG_SHADOW 0
#endif

/* ---- functions of the daemon ----------------------------------------------------------------- */

static int32_t cpus_at_setup, nice_at_setup;
static char variable_at_setup[64];

static int32_t usable_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

/* What the process finds itself with; "setup": what it had when setup ran. */
static mirai_value *probe(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    struct rlimit memory, cpu;
    char directory[4096];
    if (getrlimit(RLIMIT_AS, &memory) != 0 || getrlimit(RLIMIT_CPU, &cpu) != 0) return NULL;
    if (getcwd(directory, sizeof directory) == NULL) return NULL;
    const char *own = getenv("STORY_OWN"), *gone = getenv("STORY_GONE"), *limits = getenv("MIRAI_DAEMON_LIMITS");
    return mirai_dict_of("memory", mirai_int((int64_t)memory.rlim_cur), "cpu", mirai_int((int64_t)cpu.rlim_cur), "nice",
                         mirai_int(getpriority(PRIO_PROCESS, 0)), "cpus", mirai_int(usable_cpus()), "directory",
                         mirai_string(directory), "own", own != NULL ? mirai_string(own) : mirai_null(), "gone",
                         gone != NULL ? mirai_string(gone) : mirai_null(), "limits", mirai_bool(limits != NULL),
                         "setup_cpus", mirai_int(cpus_at_setup), "setup_nice", mirai_int(nice_at_setup), "setup_own",
                         mirai_string(variable_at_setup), MIRAI_END);
}

/* Uses the processor until the end. */
static mirai_value *burn(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    volatile uint64_t number = 0;
    while (!mirai_job_cancelled(job)) number = number + 1;
    return mirai_int((int64_t)number);
}

/* Whether a block of args bytes can be had. */
static mirai_value *allocate(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    void *block = malloc((size_t)mirai_value_int_or(args, 0));
    bool had = block != NULL;
    free(block);
    return mirai_bool(had);
}

static mirai_status setup(void)
{
    cpus_at_setup = usable_cpus();
    nice_at_setup = getpriority(PRIO_PROCESS, 0);
    const char *own = getenv("STORY_OWN");
    (void)snprintf(variable_at_setup, sizeof variable_at_setup, "%s", own != NULL ? own : "");
    MIRAI_TRY(mirai_function_register("probe", probe, NULL));
    MIRAI_TRY(mirai_function_register("burn", burn, NULL));
    MIRAI_TRY(mirai_function_register("allocate", allocate, NULL));
    return story_setup();
}

/* ---- what they start with -------------------------------------------------------------------- */

static mirai_pool *open_kind(int32_t daemons, const mirai_daemon_options *kind)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.daemon = kind;
    return story_open_with(daemons, &options);
}

static void assert_refused(const mirai_daemon_options *kind, mirai_status expected, const char *words)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.daemon = kind;
    options.start_timeout_ms = STORY_PATIENCE;
    mirai_pool *pool = NULL;
    assert_int_equal(mirai_pool_open(&pool, "story", 1, &options), expected);
    assert_null(pool);
    if (strstr(mirai_error_detail(), words) == NULL) fail_msg("\"%s\" does not say %s", mirai_error_detail(), words);
}

static void test_limits__bad_arguments(void **state)
{
    (void)state;
    static const char *const nameless[] = {"=1", NULL};
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.cpus = "0-";
    assert_refused(&kind, MIRAI_E_INVALID, "cpus");
    kind.cpus = NULL;
    kind.environment = nameless;
    assert_refused(&kind, MIRAI_E_INVALID, "environment");
    kind.environment = NULL;
    kind.directory = "/no/such/folder";
    assert_refused(&kind, MIRAI_E_INVALID, "/no/such/folder");
    kind.directory = NULL;
    kind.idle_ms = -2;
    assert_refused(&kind, MIRAI_E_INVALID, "idle_ms");
    kind.idle_ms = 0;
    kind.cleanup = 64;
    assert_refused(&kind, MIRAI_E_INVALID, "cleanup");
    kind.cleanup = 0;
    kind.struct_size = 3;
    assert_refused(&kind, MIRAI_E_INVALID, "struct_size");
}

static void test_limits__what_only_the_daemon_finds_out(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.cpus = "1023";
    assert_refused(&kind, MIRAI_E_START, "cpus");
}

static const char *text_of(const mirai_value *found, const char *key)
{
    const char *text = mirai_value_string(mirai_value_get(found, key));
    return text != NULL ? text : "";
}

static int64_t number_of(const mirai_value *found, const char *key)
{
    return mirai_value_int_or(mirai_value_get(found, key), -12345);
}

static void test_limits__are_put_on(void **state)
{
    (void)state;
    static const char *const environment[] = {"STORY_OWN=mine, yes=1", "STORY_GONE", NULL};
    const int64_t memory = INT64_C(64) << 30;
    cpu_set_t ours;
    char first[16] = "0";
    assert_int_equal(sched_getaffinity(0, sizeof ours, &ours), 0);
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0;)
        if (CPU_ISSET(cpu, &ours)) (void)snprintf(first, sizeof first, "%zu", cpu);
    (void)setenv("STORY_GONE", "still here", 1);
    (void)mkdir(story_path("folder"), 0700);
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.environment = environment;
    kind.directory = story_path("folder");
    kind.cpus = first;
    kind.cpu_limit_s = 3000;
    kind.nice = 3;
    if (!BIG_SHADOW) kind.memory_limit = memory;
    mirai_pool *pool = open_kind(1, &kind);
    mirai_task *task = story_submit(pool, "probe", mirai_null());
    const mirai_value *found = story_expect(task, MIRAI_OUTCOME_VALUE);
    char *real = realpath(story_path("folder"), NULL);
    int nice = getpriority(PRIO_PROCESS, 0) + 3;
    if (nice > 19) nice = 19;
    assert_non_null(real);
    if (!BIG_SHADOW) assert_int_equal(number_of(found, "memory"), memory);
    assert_int_equal(number_of(found, "cpu"), 3000);
    assert_int_equal(number_of(found, "nice"), nice);
    assert_int_equal(number_of(found, "cpus"), 1);
    assert_string_equal(text_of(found, "directory"), real);
    assert_string_equal(text_of(found, "own"), "mine, yes=1");
    assert_int_equal(mirai_value_type(mirai_value_get(found, "gone")), MIRAI_TYPE_NULL);
    assert_true(mirai_value_equal(mirai_value_get(found, "limits"), mirai_bool(0)));
    assert_int_equal(number_of(found, "setup_cpus"), 1); /* before any code of the program's */
    assert_int_equal(number_of(found, "setup_nice"), nice);
    assert_string_equal(text_of(found, "setup_own"), "mine, yes=1");
    free(real);
    mirai_task_release(task);
    story_close(pool);
}

static void test_limits__default_is_the_hosts(void **state)
{
    (void)state;
    char directory[4096];
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.memory_limit = kind.cpu_limit_s = kind.idle_ms = kind.wall_ms = kind.max_jobs = -1;
    (void)setenv("STORY_OWN", "the host's", 1);
    mirai_pool *pool = open_kind(1, &kind);
    (void)unsetenv("STORY_OWN");
    mirai_task *task = story_submit(pool, "probe", mirai_null());
    const mirai_value *found = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_non_null(getcwd(directory, sizeof directory));
    assert_string_equal(text_of(found, "directory"), directory);
    assert_string_equal(text_of(found, "own"), "the host's");
    assert_int_equal(number_of(found, "cpus"), usable_cpus());
    assert_int_equal(number_of(found, "nice"), getpriority(PRIO_PROCESS, 0));
    mirai_task_release(task);
    story_close(pool);
}

static void test_limits__memory(void **state)
{
    (void)state;
    if (BIG_SHADOW || story_in_valgrind()) return;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.memory_limit = INT64_C(1) << 30;
    mirai_pool *pool = open_kind(1, &kind);
    mirai_task *task = story_submit(pool, "allocate", mirai_int(INT64_C(1) << 30));
    assert_true(mirai_value_equal(story_expect(task, MIRAI_OUTCOME_VALUE), mirai_bool(0)));
    mirai_task_release(task);
    task = story_submit(pool, "allocate", mirai_int(INT64_C(1) << 24));
    assert_true(mirai_value_equal(story_expect(task, MIRAI_OUTCOME_VALUE), mirai_bool(1)));
    mirai_task_release(task);
    story_close(pool);
}

static void test_limits__cpu_time(void **state)
{
    (void)state;
    if (story_in_valgrind()) return;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.cpu_limit_s = 1;
    mirai_pool *pool = open_kind(1, &kind);
    mirai_task *task = story_submit(pool, "burn", mirai_null());
    assert_string_equal(story_field(story_expect(task, MIRAI_OUTCOME_LOST), "signal"), "SIGXCPU");
    mirai_task_release(task);
    story_close(pool);
}

static void test_limits__a_relative_command_and_a_directory(void **state)
{
    (void)state;
    char *const old = getcwd(NULL, 0);
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s", story_program());
    *strrchr(folder, '/') = '\0';
    assert_int_equal(chdir(folder), 0);
    char relative[4096];
    (void)snprintf(relative, sizeof relative, "./%s", strrchr(story_program(), '/') + 1);
    const char *const command[] = {relative, NULL};
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.directory = "/";
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    options.daemon = &kind;
    mirai_pool *pool = story_open_with(1, &options);
    mirai_task *task = story_submit(pool, "probe", mirai_null());
    assert_string_equal(text_of(story_expect(task, MIRAI_OUTCOME_VALUE), "directory"), "/");
    mirai_task_release(task);
    story_close(pool);
    assert_int_equal(chdir(old), 0);
    free(old);
}

/* ---- daemons that leave ---------------------------------------------------------------------- */

static void test_limits__jobs(void **state)
{
    enum { TASKS = 200 };
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.max_jobs = 2;
    mirai_pool *pool = open_kind(2, &kind);
    mirai_task *tasks[TASKS];
    int64_t runs[TASKS] = {0};
    pid_t pids[TASKS];
    size_t different = 0;
    for (int i = 0; i < TASKS; i++) tasks[i] = story_submit(pool, "pid", mirai_null());
    for (int i = 0; i < TASKS; i++) {
        pid_t pid = (pid_t)mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), 0);
        size_t at = 0;
        while (at < different && pids[at] != pid) at++;
        if (at == different) pids[different++] = pid;
        runs[at]++;
        assert_int_equal(mirai_task_state(tasks[i]), MIRAI_TASK_RESOLVED);
        mirai_task_release(tasks[i]);
    }
    assert_in_range(different, TASKS / 2, TASKS / 2 + 1); /* the last two may have run one each */
    for (size_t i = 0; i < different; i++) assert_in_range(runs[i], 1, 2);
    assert_int_equal(story_status(pool).lost, 0);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

static void test_limits__a_setup_is_no_job(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.max_jobs = 1;
    mirai_pool *pool = open_kind(1, &kind);
    story_assert_ok(mirai_pool_everywhere(pool, NULL, "remember", mirai_int(77), NULL));
    for (int i = 0; i < 5; i++) assert_int_equal(story_number(pool, "recall", mirai_null()), 77);
    story_close(pool);
}

static void test_limits__wall(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.wall_ms = story_bound_ms(100);
    mirai_pool *pool = open_kind(1, &kind);
    int64_t first = story_daemon_pid(pool, 0), now = first;
    int64_t deadline = story_now_ms() + STORY_PATIENCE;
    while (now == first && story_now_ms() < deadline) now = story_number(pool, "pid", mirai_null());
    assert_true(now != first);
    mirai_task *task = story_submit(pool, "nap", mirai_int(2 * kind.wall_ms)); /* ends its task first */
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    assert_int_equal(story_status(pool).lost, 0);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

static bool has_no_daemon(void *context)
{
    return story_descendants(getpid(), NULL, 0) == 0 && story_status(context).daemons_ready == 0;
}

static void test_limits__idle(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.idle_ms = 100;
    mirai_pool *pool = open_kind(2, &kind);
    int64_t first = story_number(pool, "pid", mirai_null());
    assert_true(story_until(has_no_daemon, pool)); /* they go, and come back only for work */
    assert_true(story_number(pool, "pid", mirai_null()) != first);
    assert_true(story_until(has_no_daemon, pool));
    mirai_task *task = story_submit(pool, "nap", mirai_int(300)); /* a job is no idleness */
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

static void test_limits__leaving_and_many_tasks(void **state)
{
    const int tasks = story_in_valgrind() ? 30 : 300;
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    /* Longer than a daemon takes to come, and a task to reach it: else all leave before they have done anything. */
    kind.idle_ms = story_in_valgrind() ? 500 : story_bound_ms(2);
    kind.wall_ms = story_in_valgrind() ? 8000 : story_bound_ms(20);
    mirai_pool *pool = open_kind(2, &kind);
    for (int i = 0; i < tasks; i++) {
        assert_int_equal(story_number(pool, "echo", mirai_int(i)), i);
        story_sleep_ms(i % (int)(2 * kind.idle_ms));
    }
    assert_int_equal(story_status(pool).lost, 0);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

static int remove_files(void **state)
{
    (void)state;
    (void)rmdir(story_path("folder"));
    story_remove_files();
    return 0;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits__bad_arguments),
        cmocka_unit_test(test_limits__what_only_the_daemon_finds_out),
        cmocka_unit_test(test_limits__are_put_on),
        cmocka_unit_test(test_limits__default_is_the_hosts),
        cmocka_unit_test(test_limits__memory),
        cmocka_unit_test(test_limits__cpu_time),
        cmocka_unit_test(test_limits__a_relative_command_and_a_directory),
        cmocka_unit_test(test_limits__jobs),
        cmocka_unit_test(test_limits__a_setup_is_no_job),
        cmocka_unit_test(test_limits__wall),
        cmocka_unit_test(test_limits__idle),
        cmocka_unit_test(test_limits__leaving_and_many_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
