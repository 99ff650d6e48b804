/*
 * Which task runs where and when: priorities, resources, tags, daemons by number; and how often: retries, losses that
 * are not a task's fault, and tasks that are given up.
 */
#include "story.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- what daemons run ------------------------------------------------------------------------ */

/* Appends to the file at "path" the text at "text". */
static mirai_value *append(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const char *path = mirai_value_string(mirai_value_get(args, "path"));
    const char *text = mirai_value_string(mirai_value_get(args, "text"));
    if (path == NULL || text == NULL) return NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return NULL;
    bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return good ? mirai_int((int64_t)story_file_size(path)) : NULL;
}

/* Fails, or with "die" kills its daemon, until it was tried "times" times. */
static mirai_value *stumble(mirai_job *job, const mirai_value *args, void *context)
{
    mirai_value *line = mirai_dict_of("path", mirai_value_ref(mirai_value_get(args, "path")), "text",
                                      mirai_string("x"), MIRAI_END);
    mirai_value *tried = append(job, line, context);
    int64_t count = mirai_value_int_or(tried, 0);
    mirai_value_release(line);
    mirai_value_release(tried);
    if (count >= mirai_value_int_or(mirai_value_get(args, "times"), 0)) return mirai_int(count);
    if (mirai_value_get(args, "die") != NULL) (void)raise(SIGKILL);
    (void)mirai_error_set(MIRAI_E_USER, "stumbled %lld times", (long long)count);
    return NULL;
}

static mirai_value *get_variable(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const char *text = getenv(mirai_value_string(args));
    return mirai_string(text != NULL ? text : "unset");
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("append", append, NULL));
    MIRAI_TRY(mirai_function_register("stumble", stumble, NULL));
    return mirai_function_register("variable", get_variable, NULL);
}

static mirai_value *line_of(const char *path, const char *text)
{
    return mirai_dict_of("path", mirai_string(path), "text", mirai_string(text), MIRAI_END);
}

static mirai_value *stumbling(const char *path, int64_t times, bool die)
{
    if (die)
        return mirai_dict_of("path", mirai_string(path), "times", mirai_int(times), "die", mirai_bool(1), MIRAI_END);
    return mirai_dict_of("path", mirai_string(path), "times", mirai_int(times), MIRAI_END);
}

/* ---- helpers --------------------------------------------------------------------------------- */

static void check_explained(mirai_task *task, const char *what)
{
    char *text = mirai_task_explain(task);
    assert_non_null(text);
    if (strstr(text, what) == NULL) fail_msg("\"%s\" does not say \"%s\"", text, what);
    mirai_text_free(text);
}

static void check_refused(mirai_pool *pool, const mirai_submit_options *options, mirai_status status, const char *what)
{
    mirai_task *task = NULL;
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", mirai_null(), options), status);
    assert_null(task);
    if (strstr(mirai_error_detail(), what) == NULL) fail_msg("\"%s\" does not say %s", mirai_error_detail(), what);
}

static uint64_t daemon_number(mirai_pool *pool, size_t index)
{
    mirai_value *all = mirai_pool_describe(pool);
    const mirai_value *daemon = mirai_value_item(mirai_value_get(all, "daemons"), index);
    uint64_t id = (uint64_t)mirai_value_int_or(mirai_value_get(daemon, "id"), 0);
    mirai_value_release(all);
    assert_true(id > 0);
    return id;
}

/* Whether the transport tells what a daemon that died had not read. */
static bool transport_tells(void)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    return transport == NULL || *transport == '\0' || strcmp(transport, "pair") == 0 || strcmp(transport, "ring") == 0;
}

/* ---- bad arguments --------------------------------------------------------------------------- */

static void test_schedule__refuses_bad_options(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    const mirai_resource good = {"cpus", 1}, nameless = {NULL, 1}, none = {"cpus", 0}, nan = {"cpus", NAN},
                         half = {"gpus", 0.5}, huge = {"cpus", 1e300}, twice[] = {{"cpus", 1}, {"cpus", 1}};
    const mirai_submit_options plain = MIRAI_SUBMIT_OPTIONS_INIT;
    mirai_submit_options bad[14];
    for (size_t i = 0; i < 14; i++) bad[i] = plain;
    bad[0].priority = 1001;
    bad[1].priority = -1001;
    bad[2].retries = -1;
    bad[3].retry_on = 4;
    bad[4].losses = -2;
    bad[5].tag = "";
    bad[6].resource_count = 1;
    bad[7].resources = &nameless;
    bad[8].resources = &none;
    bad[9].resources = &nan;
    bad[10].resources = &half;
    bad[11].resources = &huge;
    bad[12].resources = twice;
    bad[13].resources = &good;
    for (size_t i = 7; i < 14; i++) bad[i].resource_count = i == 12 ? 2 : i == 13 ? 17 : 1;
    for (size_t i = 0; i < 14; i++) check_refused(pool, &bad[i], MIRAI_E_INVALID, "");
    assert_null(mirai_task_explain(NULL));
    assert_int_equal(mirai_task_attempts(NULL), 0);
    assert_int_equal(mirai_task_cancellation(NULL), 0);
    assert_int_equal(mirai_pool_cancel_all(NULL, NULL), MIRAI_E_INVALID);
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.resources = &half;
    options.resource_count = 1;
    mirai_pool *other = NULL;
    assert_int_equal(mirai_pool_open(&other, NULL, 0, &options), MIRAI_E_INVALID);
    const mirai_resource many = {"gpus", 65};
    options.resources = &many;
    assert_int_equal(mirai_pool_open(&other, NULL, 0, &options), MIRAI_E_INVALID);
    assert_null(other);
    assert_int_equal(story_status(pool).submitted, 0);
    story_close(pool);
}

static void test_schedule__refuses_what_can_never_run(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.tags = "small,far";
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    const mirai_resource there[] = {{"gpus", 2}, {"licence", 1.5}};
    options.resources = there;
    options.resource_count = 2;
    options.daemon = &kind;
    mirai_pool *pool = story_open_with(1, &options);
    mirai_resource wants = {"cpus", 1};
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.resources = &wants;
    asks.resource_count = 1;
    check_refused(pool, &asks, MIRAI_E_INFEASIBLE, "\"cpus\"");
    wants = (mirai_resource){"gpus", 3};
    check_refused(pool, &asks, MIRAI_E_INFEASIBLE, "needs 3 of \"gpus\", and this pool has 2");
    wants = (mirai_resource){"licence", 1.6};
    check_refused(pool, &asks, MIRAI_E_INFEASIBLE, "1.5");
    asks.resource_count = 0;
    asks.tag = "sma";
    check_refused(pool, &asks, MIRAI_E_INFEASIBLE, "\"sma\"");
    asks.tag = NULL;
    asks.daemon = UINT64_MAX;
    check_refused(pool, &asks, MIRAI_E_INFEASIBLE, "no daemon");
    asks.daemon = daemon_number(pool, 0);
    asks.tag = "near";
    check_refused(pool, &asks, MIRAI_E_INFEASIBLE, "\"near\"");
    asks.tag = "far";
    mirai_task *task = story_submit_with(pool, "echo", mirai_int(1), &asks);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    story_close(pool);
}

/* ---- order and place ------------------------------------------------------------------------- */

static void test_schedule__runs_by_priority_and_then_in_order(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    const char *path = story_path("order");
    mirai_task *first = story_submit(pool, "obey", mirai_null()), *tasks[8];
    assert_true(story_until_running(first));
    static const struct {
        int32_t priority;
        const char *text;
    } asked[8] = {{0, "e"}, {-5, "h"}, {7, "b"}, {0, "f"}, {1000, "a"}, {7, "c"}, {3, "d"}, {0, "g"}};
    for (int i = 0; i < 8; i++) {
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.priority = asked[i].priority;
        tasks[i] = story_submit_with(pool, "append", line_of(path, asked[i].text), &options);
    }
    check_explained(tasks[1], "queued: no daemon is idle; 1 are busy");
    story_assert_ok(mirai_task_cancel(first, NULL));
    for (int i = 0; i < 8; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    char order[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, order, sizeof order - 1), 8);
    (void)close(fd);
    assert_string_equal(order, "abcdefgh");
    mirai_task_release(first);
    story_close(pool);
    story_remove_files();
}

static void test_schedule__waits_for_resources(void **state)
{
    (void)state;
    const mirai_resource slot = {"slot", 1};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.resources = &slot;
    options.resource_count = 1;
    mirai_pool *pool = story_open_with(3, &options);
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    const mirai_resource half = {"slot", 0.5};
    asks.resources = &half;
    asks.resource_count = 1;
    mirai_task *one = story_submit_with(pool, "obey", mirai_null(), &asks);
    mirai_task *other = story_submit_with(pool, "obey", mirai_null(), &asks);
    assert_true(story_until_running(one) && story_until_running(other));
    mirai_task *third = story_submit_with(pool, "echo", mirai_int(3), &asks);
    assert_int_equal(story_number(pool, "echo", mirai_int(9)), 9); /* what needs nothing passes it */
    assert_int_equal(mirai_task_state(third), MIRAI_TASK_QUEUED);
    check_explained(third, "queued: needs 0.5 slot, of which 0 are free");
    story_assert_ok(mirai_task_cancel(other, NULL));
    assert_int_equal(mirai_value_int_or(story_expect(third, MIRAI_OUTCOME_VALUE), 0), 3);
    story_assert_ok(mirai_task_cancel(one, NULL));
    mirai_task_release(one);
    mirai_task_release(other);
    mirai_task_release(third);
    story_close(pool);
}

static void test_schedule__tells_each_task_its_devices(void **state)
{
    (void)state;
    const mirai_resource gpus = {"gpus", 3}, two = {"gpus", 2}, one = {"gpus", 1};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.resources = &gpus;
    options.resource_count = 1;
    mirai_pool *pool = story_open_with(2, &options);
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.resources = &two;
    asks.resource_count = 1;
    mirai_task *holder = story_submit_with(pool, "obey", mirai_null(), &asks);
    assert_true(story_until_running(holder));
    asks.resources = &one;
    mirai_task *task = story_submit_with(pool, "variable", mirai_string("MIRAI_GPUS"), &asks);
    assert_string_equal(mirai_value_string(story_expect(task, MIRAI_OUTCOME_VALUE)), "2");
    mirai_task_release(task);
    story_assert_ok(mirai_task_cancel(holder, NULL));
    mirai_task_release(holder);
    asks.resources = &gpus;
    task = story_submit_with(pool, "variable", mirai_string("CUDA_VISIBLE_DEVICES"), &asks);
    assert_string_equal(mirai_value_string(story_expect(task, MIRAI_OUTCOME_VALUE)), "0,1,2");
    mirai_task_release(task);
    task = story_submit(pool, "variable", mirai_string("MIRAI_GPUS")); /* for one job only */
    assert_string_equal(mirai_value_string(story_expect(task, MIRAI_OUTCOME_VALUE)), "unset");
    mirai_task_release(task);
    story_close(pool);
}

static void test_schedule__runs_where_it_is_told_to(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.tags = "fast,big";
    story_assert_ok(mirai_pool_launch(pool, 1, &kind, NULL));
    story_assert_ok(mirai_pool_settle(pool, STORY_PATIENCE));
    pid_t tagged = story_daemon_pid(pool, 2);
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    for (int i = 0; i < 10; i++) {
        asks.daemon = i < 5 ? 0 : daemon_number(pool, 1);
        asks.tag = i < 5 ? "big" : NULL;
        mirai_task *task = story_submit_with(pool, "pid", mirai_null(), &asks);
        int64_t pid = mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0);
        assert_int_equal(pid, i < 5 ? tagged : story_daemon_pid(pool, 1));
        mirai_task_release(task);
    }
    asks.daemon = 0;
    asks.tag = "fast";
    const char *begun = story_path("begun"); /* else it would be tried again */
    mirai_task *running = story_submit_with(pool, "obey", mirai_string(begun), &asks);
    assert_true(story_until_file(begun));
    check_explained(running, "running: on daemon");
    mirai_task *queued = story_submit_with(pool, "echo", mirai_null(), &asks);
    check_explained(queued, "no daemon with tag fast is idle");
    asks.tag = NULL;
    asks.daemon = daemon_number(pool, 2);
    mirai_task *pinned = story_submit_with(pool, "echo", mirai_null(), &asks);
    check_explained(pinned, "is busy with task");
    assert_int_equal(kill(tagged, SIGKILL), 0);
    const mirai_value *error = story_expect(pinned, MIRAI_OUTCOME_LOST);
    assert_non_null(strstr(mirai_value_error_message(error), "is gone"));
    (void)story_expect(queued, MIRAI_OUTCOME_VALUE); /* on the next one with that tag */
    mirai_task_release(running);
    mirai_task_release(queued);
    mirai_task_release(pinned);
    story_close(pool);
    story_remove_files();
}

/* ---- again ----------------------------------------------------------------------------------- */

static void test_schedule__tries_again_as_told(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.retries = 1;
    mirai_task *task = story_submit_with(pool, "stumble", stumbling(story_path("a"), 2, true), &asks);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 2);
    assert_int_equal(mirai_task_attempts(task), 2);
    mirai_task_release(task);
    task = story_submit_with(pool, "stumble", stumbling(story_path("b"), 2, false), &asks); /* failing is not losing */
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "attempt"), 0), 1);
    mirai_task_release(task);
    asks.retries = 3;
    asks.retry_on = MIRAI_RETRY_FAILED;
    task = story_submit_with(pool, "stumble", stumbling(story_path("c"), 4, false), &asks);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 4);
    check_explained(task, "resolved: value, in attempt 4");
    mirai_task_release(task);
    task = story_submit_with(pool, "stumble", stumbling(story_path("d"), 5, false), &asks);
    error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_non_null(strstr(mirai_value_error_message(error), "stumbled 4 times"));
    mirai_task_release(task);
    task = story_submit_with(pool, "stumble", stumbling(story_path("e"), 2, true), &asks);
    error = story_expect(task, MIRAI_OUTCOME_LOST);
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "attempt"), 0), 1);
    assert_null(mirai_value_get(error, "quarantined"));
    mirai_task_release(task);
    assert_int_equal(story_status(pool).retried, 1 + 3 + 3);
    story_close(pool);
    story_remove_files();
}

static void test_schedule__gives_up_a_task_that_kills_daemons(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    asks.retries = 100;
    const char *path = story_path("tries");
    mirai_task *task = story_submit_with(pool, "stumble", stumbling(path, 100, true), &asks);
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_LOST);
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "attempt"), 0), 3);
    assert_true(mirai_value_equal(mirai_value_get(error, "quarantined"), mirai_value_get(error, "quarantined")));
    assert_non_null(mirai_value_get(error, "quarantined"));
    assert_int_equal(story_file_size(path), 3);
    check_explained(task, "it killed 3 daemons");
    mirai_task_release(task);
    assert_int_equal(story_number(pool, "echo", mirai_int(1)), 1);
    assert_int_equal(story_status(pool).daemons_lost, 3);
    story_close(pool);
    story_remove_files();
}

/* Every thread of a process has stopped: that takes a moment. */
static bool is_stopped(void *context)
{
    char path[64], entry[400];
    (void)snprintf(path, sizeof path, "/proc/%ld/task", (long)*(pid_t *)context);
    DIR *folder = opendir(path);
    bool stopped = folder != NULL;
    for (struct dirent *at; stopped && (at = readdir(folder)) != NULL;) {
        char state = '\0';
        if (at->d_name[0] == '.') continue;
        (void)snprintf(entry, sizeof entry, "%s/%s/stat", path, at->d_name);
        FILE *file = fopen(entry, "re");
        stopped = file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'T';
        if (file != NULL) (void)fclose(file);
    }
    if (folder != NULL) (void)closedir(folder);
    return stopped;
}

/* A daemon that was stopped while idle cannot have begun what it is then handed. Over NNG nothing tells whether it had
 * read it. */
static void test_schedule__does_not_blame_a_task_that_was_not_begun(void **state)
{
    (void)state;
    mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
    for (int round = 0; round < 2; round++) {
        mirai_pool *pool = story_open(1);
        pid_t pid = story_daemon_pid(pool, 0);
        assert_int_equal(story_number(pool, "echo", mirai_int(1)), 1);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_true(story_until(is_stopped, &pid));
        asks.losses = round == 0 ? 0 : -1;
        mirai_task *task = story_submit_with(pool, "echo", mirai_int(5), &asks);
        assert_int_equal(mirai_task_state(task), MIRAI_TASK_RUNNING);
        assert_int_equal(kill(pid, SIGKILL), 0);
        (void)story_result(task);
        if (round == 0 && transport_tells()) {
            assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_VALUE);
            assert_int_equal(mirai_task_attempts(task), 2);
            assert_int_equal(story_status(pool).retried, 1);
        } else if (round == 1) {
            assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_LOST);
            assert_int_equal(mirai_task_attempts(task), 1);
        }
        mirai_task_release(task);
        story_close(pool);
    }
}

static void test_schedule__blames_a_task_that_was_begun(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "begun%d", i);
        const char *path = story_path(name);
        mirai_task *task = story_submit(pool, "spin", mirai_string(path));
        assert_true(story_until_file(path));
        assert_int_equal(kill(story_daemon_pid(pool, 0), SIGKILL), 0);
        (void)story_expect(task, MIRAI_OUTCOME_LOST);
        assert_int_equal(mirai_task_attempts(task), 1);
        mirai_task_release(task);
    }
    story_close(pool);
    story_remove_files();
}

/* ---- cancelling all -------------------------------------------------------------------------- */

/* Of this thread: what else the machine does is left out. */
static int64_t cpu_us(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t time_to_cancel(size_t count)
{
    mirai_pool *pool = story_open(1);
    mirai_task *running = story_submit(pool, "obey", mirai_null());
    mirai_task *last = NULL;
    assert_true(story_until_running(running));
    for (size_t i = 0; i < count; i++) {
        mirai_task_release(last);
        mirai_submit_options asks = MIRAI_SUBMIT_OPTIONS_INIT;
        asks.priority = (int32_t)(i % 3);
        asks.timeout_ms = i % 2 == 0 ? 1000000 : 0;
        last = story_submit_with(pool, "echo", mirai_null(), &asks);
    }
    size_t cancelled = 0;
    int64_t began = cpu_us();
    story_assert_ok(mirai_pool_cancel_all(pool, &cancelled));
    int64_t taken = cpu_us() - began;
    assert_int_equal(cancelled, count + 1);
    assert_int_equal(mirai_task_cancellation(running), MIRAI_CANCEL_INTERRUPTED);
    assert_int_equal(mirai_task_cancellation(last), MIRAI_CANCEL_NEVER_RAN);
    assert_int_equal(mirai_task_outcome(last), MIRAI_OUTCOME_CANCELLED);
    story_assert_ok(mirai_task_cancel(last, NULL)); /* too late; the first one counts */
    assert_int_equal(mirai_task_cancellation(last), MIRAI_CANCEL_NEVER_RAN);
    story_assert_ok(mirai_pool_cancel_all(pool, &cancelled));
    assert_int_equal(cancelled, 0);
    assert_int_equal(story_number(pool, "echo", mirai_int(6)), 6);
    assert_int_equal(story_status(pool).cancelled, (int64_t)count + 1);
    mirai_task_release(running);
    mirai_task_release(last);
    story_close(pool);
    return taken;
}

static void test_schedule__cancels_all_in_linear_time(void **state)
{
    (void)state;
    size_t few = story_in_valgrind() ? 1000 : 10000;
    int64_t little = time_to_cancel(few), much = time_to_cancel(10 * few);
    print_message("# %zu in %lld us, %zu in %lld us\n", few, (long long)little, 10 * few, (long long)much);
    if (much > 50 * (little + 100))
        fail_msg("%lld us for ten times what took %lld us", (long long)much, (long long)little);
}

static void test_schedule__remembers_that_a_cancel_was_too_late(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "echo", mirai_int(8));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_task_cancellation(task), 0);
    story_assert_ok(mirai_task_cancel(task, NULL));
    assert_int_equal(mirai_task_cancellation(task), MIRAI_CANCEL_TOO_LATE);
    mirai_task_release(task);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule__refuses_bad_options),
        cmocka_unit_test(test_schedule__refuses_what_can_never_run),
        cmocka_unit_test(test_schedule__runs_by_priority_and_then_in_order),
        cmocka_unit_test(test_schedule__waits_for_resources),
        cmocka_unit_test(test_schedule__tells_each_task_its_devices),
        cmocka_unit_test(test_schedule__runs_where_it_is_told_to),
        cmocka_unit_test(test_schedule__tries_again_as_told),
        cmocka_unit_test(test_schedule__gives_up_a_task_that_kills_daemons),
        cmocka_unit_test(test_schedule__does_not_blame_a_task_that_was_not_begun),
        cmocka_unit_test(test_schedule__blames_a_task_that_was_begun),
        cmocka_unit_test(test_schedule__cancels_all_in_linear_time),
        cmocka_unit_test(test_schedule__remembers_that_a_cancel_was_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
