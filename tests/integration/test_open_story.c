/*
 * Opening pools: everything that can go wrong with starting a daemon, and that the error names it.
 */
#include "story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mirai_status open_many(const char *const *command, int64_t start_timeout_ms, int32_t daemons)
{
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    options.start_timeout_ms = start_timeout_ms;
    mirai_status status = mirai_pool_open(&pool, "trial", daemons, &options);
    assert_null(pool);
    return status;
}

static mirai_status open_command(const char *const *command, int64_t start_timeout_ms)
{
    return open_many(command, start_timeout_ms, 2);
}

static void check_detail(const char *word)
{
    if (strstr(mirai_error_detail(), word) == NULL) fail_msg("no \"%s\" in: %s", word, mirai_error_detail());
}

static void test_open__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    const char *const none[] = {NULL};
    assert_int_equal(mirai_pool_open(NULL, NULL, 1, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_open(&pool, "", 1, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_open(&pool, "\xff", 1, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_open(&pool, NULL, -1, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_open(&pool, NULL, 4097, NULL), MIRAI_E_INVALID);
    options.output = 9;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    options = (mirai_pool_options)MIRAI_POOL_OPTIONS_INIT;
    options.reserved = 1;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    options = (mirai_pool_options)MIRAI_POOL_OPTIONS_INIT;
    options.grace_ms = -2;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    options = (mirai_pool_options)MIRAI_POOL_OPTIONS_INIT;
    options.command = none;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    options = (mirai_pool_options)MIRAI_POOL_OPTIONS_INIT;
    options.struct_size = 0;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    assert_null(pool);
}

static void test_open__refuses_an_unknown_transport(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    const char *now = getenv("MIRAI_TRANSPORT");
    char before[16];
    (void)snprintf(before, sizeof before, "%s", now != NULL ? now : "pair");
    assert_int_equal(setenv("MIRAI_TRANSPORT", "pigeon", 1), 0);
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, NULL), MIRAI_E_UNSUPPORTED);
    check_detail("pigeon");
    assert_int_equal(setenv("MIRAI_TRANSPORT", before, 1), 0);
}

static void test_open__names_a_program_that_is_not_there(void **state)
{
    (void)state;
    const char *const by_path[] = {"/no/such/program", NULL}, *const by_name[] = {"mirai-no-such-program", NULL};
    assert_int_equal(open_command(by_path, 0), MIRAI_E_NOENT);
    check_detail("/no/such/program");
    assert_int_equal(open_command(by_name, 0), MIRAI_E_NOENT);
    check_detail("mirai-no-such-program");
    assert_int_equal(open_many(by_path, 0, 12), MIRAI_E_NOENT); /* so many are started side by side */
    check_detail("/no/such/program");
}

static void test_open__names_a_file_that_is_no_program(void **state)
{
    (void)state;
    const char *path = story_path("plain");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("nothing to execute\n", file);
    (void)fclose(file);
    const char *const command[] = {path, NULL};
    assert_int_not_equal(open_command(command, 0), MIRAI_OK);
    check_detail("plain");
    story_remove_files();
}

static void test_open__tells_what_a_program_said_before_it_left(void **state)
{
    (void)state;
    const char *const says[] = {"/bin/sh", "-c", "echo 'the disk is full' >&2; exit 3", NULL};
    assert_int_equal(open_command(says, 0), MIRAI_E_START);
    check_detail("status 3");
    check_detail("the disk is full");
    const char *const silent[] = {"/bin/true", NULL};
    assert_int_equal(open_command(silent, 0), MIRAI_E_START);
    check_detail("status 0");
}

static void test_open__names_the_signal_of_a_crash(void **state)
{
    (void)state;
    const char *const command[] = {"/bin/sh", "-c", "kill -SEGV $$", NULL};
    assert_int_equal(open_command(command, 0), MIRAI_E_START);
    check_detail("SIGSEGV");
}

static void test_open__does_not_wait_for_ever(void **state)
{
    (void)state;
    const char *const command[] = {"/bin/sh", "-c", "echo still thinking >&2; sleep 1000", NULL};
    int64_t began = story_now_ms();
    assert_int_equal(open_command(command, 200), MIRAI_E_START);
    int64_t took = story_now_ms() - began;
    assert_true(took >= 199 && took < story_bound_ms(4000));
    check_detail("not ready in time");
    check_detail("still thinking");
    pid_t left[8];
    assert_int_equal(story_descendants(getpid(), left, 8), 0);
}

static void test_open__takes_times_and_limits_of_any_size(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = options.grace_ms = options.heartbeat_ms = INT64_MAX;
    options.max_tasks = options.max_bytes = options.output_limit = INT64_MAX;
    options.output = MIRAI_OUTPUT_CAPTURE;
    mirai_daemon_options daemon = MIRAI_DAEMON_OPTIONS_INIT;
    daemon.idle_ms = daemon.wall_ms = daemon.max_jobs = INT64_MAX;
    options.daemon = &daemon;
    story_assert_ok(mirai_pool_open(&pool, NULL, 1, &options));
    mirai_submit_options most = MIRAI_SUBMIT_OPTIONS_INIT;
    most.timeout_ms = most.grace_ms = INT64_MAX;
    most.retries = most.losses = INT32_MAX;
    most.priority = 1000;
    mirai_task *task = story_submit_with(pool, "echo", mirai_int(1), &most);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    story_assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, INT64_MAX));
}

static void test_open__names_a_missing_library(void **state)
{
    (void)state;
    const char *const command[] = {STORY_LINKED, NULL}; /* linked with a library that is not found */
    assert_int_equal(open_command(command, 0), MIRAI_E_START);
    check_detail("libstory_gone.so");
}

static void test_open__takes_no_daemons(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(0);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    assert_int_equal(mirai_task_wait(task, 20), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_QUEUED);
    assert_int_equal(story_status(pool).awaiting, 1);
    (void)mirai_pool_close(pool, MIRAI_DRAIN, MIRAI_FOREVER); /* nobody ever will */
    (void)story_expect(task, MIRAI_OUTCOME_CLOSED);
    mirai_task_release(task);
}

static void test_open__many_pools_at_once(void **state)
{
    (void)state;
    enum { POOLS = 12 };
    mirai_pool *pools[POOLS];
    mirai_task *tasks[POOLS];
    for (int i = 0; i < POOLS; i++) pools[i] = story_open(1 + i % 2);
    for (int i = 0; i < POOLS; i++) tasks[i] = story_submit(pools[i], "echo", mirai_int(i));
    for (int i = POOLS - 1; i >= 0; i--) {
        assert_int_equal(mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), -1), i);
        mirai_task_release(tasks[i]);
    }
    assert_true(story_threads() < 40); /* one service thread for all, and what NNG has */
    for (int i = 0; i < POOLS; i++) story_close(pools[(i * 5) % POOLS]);
}

static void test_open__many_daemons_at_once(void **state)
{
    (void)state;
    enum { DAEMONS = 12 };
    size_t threads = story_threads();
    mirai_pool *pool = story_open(DAEMONS);
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.daemons_ready, DAEMONS);
    assert_int_equal(status.daemons_starting + status.daemons_lost, 0);
    for (size_t i = 0; i < DAEMONS; i++)
        for (size_t j = 0; j < i; j++) assert_int_not_equal(story_daemon_pid(pool, i), story_daemon_pid(pool, j));
    for (int i = 0; i < DAEMONS; i++) assert_int_equal(story_number(pool, "echo", mirai_int(i)), i);
    assert_true(story_until_threads(threads + 40)); /* the service thread, and what NNG has */
    story_close(pool);
}

/* The service thread starts them, while this one closes the pool. */
static void test_open__closes_while_many_start(void **state)
{
    (void)state;
    pid_t left[8];
    const int rounds = story_in_valgrind() ? 2 : 12;
    for (int i = 0; i < rounds; i++) {
        mirai_pool *pool = story_open(1);
        story_assert_ok(mirai_pool_resize(pool, 9));
        if (i % 2 == 0) story_sleep_ms(i / 3);
        story_close(pool);
        assert_int_equal(story_descendants(getpid(), left, 8), 0);
    }
}

static void test_open__describes_itself(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    story_assert_ok(mirai_pool_open(&pool, "a name", 2, NULL));
    mirai_value *all = mirai_pool_describe(pool);
    assert_string_equal(mirai_value_string(mirai_value_get(all, "name")), "a name");
    assert_int_equal(mirai_value_int_or(mirai_value_get(all, "daemons_ready"), 0), 2);
    assert_int_equal(mirai_value_count(mirai_value_get(all, "daemons")), 2);
    assert_string_equal(mirai_value_string(mirai_value_at(all, "daemons[0].state")), "idle");
    mirai_value_release(all);
    mirai_task *task = story_submit(pool, "obey", mirai_null());
    assert_true(story_until_running(task));
    all = mirai_pool_describe(pool);
    int busy = 0;
    for (size_t i = 0; i < 2; i++) {
        const mirai_value *daemon = mirai_value_item(mirai_value_get(all, "daemons"), i);
        if (strcmp(mirai_value_string(mirai_value_get(daemon, "state")), "busy") != 0) continue;
        busy++;
        assert_int_equal(mirai_value_int_or(mirai_value_get(daemon, "task"), 0), (int64_t)mirai_task_id(task));
    }
    assert_int_equal(busy, 1);
    mirai_value_release(all);
    story_close(pool);
    mirai_task_release(task);
}

/* A program whose setup opens a pool, and so would start itself for ever. */
static mirai_status reckless_setup(void)
{
    mirai_pool *pool = NULL;
    mirai_status status = mirai_pool_open(&pool, NULL, 1, NULL);
    if (status == MIRAI_E_STATE) (void)fprintf(stderr, "stopped by E_STATE\n");
    return status;
}

static void test_open__in_a_daemon_that_has_not_entered_is_refused(void **state)
{
    (void)state;
    const char *const command[] = {story_program(), "reckless", NULL};
    assert_int_equal(open_command(command, 0), MIRAI_E_START);
    check_detail("E_STATE");
}

static void test_open__leaves_nothing_behind(void **state)
{
    (void)state;
    const char *const says[] = {"/bin/sh", "-c", "exit 3", NULL}, *const path[] = {"/no/such/program", NULL};
    story_close(story_open(1)); /* what is started for good by the first */
    assert_int_equal(open_command(says, 0), MIRAI_E_START);
    size_t descriptors = story_descriptors(), threads = story_threads();
    for (int i = 0; i < 20; i++) assert_int_equal(open_command(i % 2 ? says : path, 0), i % 2 ? MIRAI_E_START : MIRAI_E_NOENT);
    assert_true(story_until_descriptors(descriptors));
    assert_true(story_until_threads(threads));
}

int main(int argc, char **argv)
{
    bool reckless = argc == 2 && strcmp(argv[1], "reckless") == 0;
    MIRAI_EXIT_IF(mirai_main(argc, argv, reckless ? reckless_setup : story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open__refuses_bad_arguments),
        cmocka_unit_test(test_open__refuses_an_unknown_transport),
        cmocka_unit_test(test_open__names_a_program_that_is_not_there),
        cmocka_unit_test(test_open__names_a_file_that_is_no_program),
        cmocka_unit_test(test_open__tells_what_a_program_said_before_it_left),
        cmocka_unit_test(test_open__names_the_signal_of_a_crash),
        cmocka_unit_test(test_open__does_not_wait_for_ever),
        cmocka_unit_test(test_open__takes_times_and_limits_of_any_size),
        cmocka_unit_test(test_open__names_a_missing_library),
        cmocka_unit_test(test_open__takes_no_daemons),
        cmocka_unit_test(test_open__many_pools_at_once),
        cmocka_unit_test(test_open__many_daemons_at_once),
        cmocka_unit_test(test_open__closes_while_many_start),
        cmocka_unit_test(test_open__describes_itself),
        cmocka_unit_test(test_open__in_a_daemon_that_has_not_entered_is_refused),
        cmocka_unit_test(test_open__leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
