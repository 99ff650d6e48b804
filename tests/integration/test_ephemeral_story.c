/*
 * Ephemeral daemons: a task that is submitted where there is no pool has a daemon of its own, which leaves after it, and
 * leaves nothing behind, however the task ends.
 */
#include "story.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- in daemons ------------------------------------------------------------------------------ */

static mirai_value *submit_inside(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_status status = mirai_submit(NULL, "echo", mirai_value_ref(args), NULL);
    char why[512];
    (void)snprintf(why, sizeof why, "%s", mirai_error_detail());
    return mirai_list_of(mirai_int(status), mirai_string(why), MIRAI_END);
}

static mirai_value *draw(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_float(mirai_rng_uniform(mirai_job_rng(job)));
}

static mirai_status setup(void)
{
    const char *slow = getenv("STORY_SLOW");
    if (mirai_on_daemon() && slow != NULL) story_sleep_ms(atoi(slow));
    if (mirai_on_daemon() && getenv("STORY_ILL") != NULL) return mirai_error_set(MIRAI_E_USER, "I am not well today");
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("draw", draw, NULL));
    return mirai_function_register("submit_inside", submit_inside, NULL);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_task *submit_with(const char *function, mirai_value *args, const mirai_submit_options *options)
{
    mirai_task *task = NULL;
    story_assert_ok(mirai_submit(&task, function, args, options));
    assert_non_null(task);
    return task;
}

static mirai_task *submit(const char *function, mirai_value *args)
{
    return submit_with(function, args, NULL);
}

static bool is_alone(void *context)
{
    (void)context;
    pid_t left;
    return story_descendants(getpid(), &left, 1) == 0;
}

static void close_all(void)
{
    story_assert_ok(mirai_profiles_close(MIRAI_CANCEL, 0));
    assert_true(is_alone(NULL));
}

static void test_ephemeral__refuses_bad_arguments(void **state)
{
    (void)state;
    size_t threads = story_threads();
    int nothing = 0;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    assert_int_equal(mirai_submit(NULL, NULL, mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_submit(NULL, "", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_submit(NULL, "echo", NULL, NULL), MIRAI_E_INVALID);
    options.on_resolved = (mirai_resolved_fn)close_all; /* never called */
    assert_int_equal(mirai_submit(NULL, "echo", mirai_null(), &options), MIRAI_E_STATE);
    assert_true(story_until_threads(threads));
    options = (mirai_submit_options)MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = -2;
    assert_int_equal(mirai_submit(NULL, "echo", mirai_null(), &options), MIRAI_E_INVALID);
    options.timeout_ms = 0;
    options.tag = "no such tag";
    assert_int_equal(mirai_submit(NULL, "echo", mirai_null(), &options), MIRAI_E_INFEASIBLE);
    mirai_value *stranger = mirai_reference("no_such_class", &nothing, NULL, NULL);
    assert_int_equal(mirai_submit(NULL, "echo", stranger, NULL), MIRAI_E_HOOK);
    assert_true(is_alone(NULL));
    close_all();
}

static void test_ephemeral__is_for_one_task(void **state)
{
    (void)state;
    enum { TASKS = 8 };
    mirai_task *tasks[TASKS];
    pid_t pids[TASKS];
    for (int i = 0; i < TASKS; i++) tasks[i] = submit("pid", mirai_null());
    for (int i = 0; i < TASKS; i++) {
        pids[i] = (pid_t)mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), 0);
        assert_int_not_equal(pids[i], getpid());
        for (int j = 0; j < i; j++) assert_int_not_equal(pids[i], pids[j]);
        mirai_task_release(tasks[i]);
    }
    assert_true(story_until(is_alone, NULL)); /* though nobody makes a call */
    mirai_pool *pool = NULL;
    assert_int_equal(mirai_profile_pool(NULL, &pool), MIRAI_E_NOT_FOUND);
    mirai_task *task = submit("fail_text", mirai_string("why not"));
    assert_string_equal(mirai_value_error_message(story_expect(task, MIRAI_OUTCOME_FAILED)), "why not");
    mirai_task_release(task);
    assert_true(story_until(is_alone, NULL));
    close_all();
}

static void test_ephemeral__takes_what_other_tasks_gave(void **state)
{
    (void)state;
    mirai_task *first = submit("add", mirai_list_of(mirai_int(20), mirai_int(1), MIRAI_END));
    mirai_task *second =
        submit("add", mirai_list_of(mirai_task_argument(first), mirai_task_argument(first), MIRAI_END));
    assert_int_equal(mirai_value_int_or(story_expect(second, MIRAI_OUTCOME_VALUE), 0), 42);
    mirai_task_release(first);
    mirai_task_release(second);
    assert_true(story_until(is_alone, NULL));
    close_all();
}

static void test_ephemeral__is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(setenv("STORY_SLOW", "300", 1), 0);
    mirai_task *task = submit("echo", mirai_int(1));
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_QUEUED);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    close_all();
    assert_int_equal(unsetenv("STORY_SLOW"), 0);
}

static void test_ephemeral__that_does_not_start_is_told_by_its_task(void **state)
{
    (void)state;
    assert_int_equal(setenv("STORY_ILL", "1", 1), 0);
    mirai_task *tasks[3];
    for (int i = 0; i < 3; i++) tasks[i] = submit("echo", mirai_int(1));
    for (int i = 0; i < 3; i++) {
        const mirai_value *error = story_expect(tasks[i], MIRAI_OUTCOME_LOST);
        assert_non_null(strstr(mirai_value_error_message(error), "did not start"));
        assert_non_null(strstr(mirai_value_error_message(error), "I am not well today"));
        mirai_task_release(tasks[i]);
    }
    assert_int_equal(unsetenv("STORY_ILL"), 0);
    mirai_task *task = submit("echo", mirai_int(1)); /* which waits for nothing because of those */
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    close_all();
}

static void test_ephemeral__counts_as_time_of_its_task(void **state)
{
    (void)state;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = 50;
    assert_int_equal(setenv("STORY_SLOW", "100000", 1), 0);
    mirai_task *task = submit_with("echo", mirai_int(1), &options);
    (void)story_expect(task, MIRAI_OUTCOME_TIMEDOUT);
    mirai_task_release(task);
    assert_true(story_until(is_alone, NULL)); /* it is not waited for until it has started */
    close_all();
    assert_int_equal(unsetenv("STORY_SLOW"), 0);
}

static void test_ephemeral__goes_when_its_task_is_cancelled(void **state)
{
    (void)state;
    int32_t how = 0;
    assert_int_equal(setenv("STORY_SLOW", "100000", 1), 0);
    mirai_task *task = submit("echo", mirai_int(1));
    story_assert_ok(mirai_task_cancel(task, &how));
    assert_int_equal(how, MIRAI_CANCEL_NEVER_RAN);
    mirai_task_release(task);
    assert_true(story_until(is_alone, NULL));
    close_all(); /* or its start might still read the environment */
    assert_int_equal(unsetenv("STORY_SLOW"), 0);

    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.grace_ms = 20;
    const char *const functions[] = {"obey", "spin"}; /* one that listens, and one that does not */
    for (size_t i = 0; i < 2; i++) {
        task = submit_with(functions[i], mirai_null(), &options);
        assert_true(story_until_running(task));
        story_assert_ok(mirai_task_cancel(task, &how));
        assert_int_equal(how, MIRAI_CANCEL_INTERRUPTED);
        mirai_task_release(task);
        mirai_task *next = submit("echo", mirai_int(1)); /* has one of its own meanwhile */
        (void)story_expect(next, MIRAI_OUTCOME_VALUE);
        mirai_task_release(next);
        assert_true(story_until(is_alone, NULL));
    }
    close_all();
}

static void test_ephemeral__that_is_lost_is_not_replaced(void **state)
{
    (void)state;
    mirai_task *task = submit("crash", mirai_string("segv"));
    (void)story_expect(task, MIRAI_OUTCOME_LOST);
    mirai_task_release(task);
    assert_true(story_until(is_alone, NULL));
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    const char *path = story_path("crashed");
    task = submit_with("crash_once", mirai_string(path), &options);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    assert_true(story_until(is_alone, NULL));
    story_remove_files();
    close_all();
}

static void test_ephemeral__draws_differ(void **state)
{
    (void)state;
    double drawn[3];
    for (int i = 0; i < 3; i++) {
        mirai_task *task = submit("draw", mirai_null());
        drawn[i] = mirai_value_float_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1);
        mirai_task_release(task);
    }
    assert_true(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
    close_all();
}

static void test_ephemeral__is_not_for_jobs(void **state)
{
    (void)state;
    mirai_task *task = submit("submit_inside", mirai_null());
    const mirai_value *said = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_value_int_or(mirai_value_item(said, 0), 0), MIRAI_E_STATE);
    assert_non_null(strstr(mirai_value_string(mirai_value_item(said, 1)), "nested"));
    mirai_task_release(task);
    close_all();
}

static void test_ephemeral__is_drained_and_cut_off(void **state)
{
    (void)state;
    mirai_task *tasks[4];
    for (int i = 0; i < 4; i++) tasks[i] = submit("nap", mirai_int(10));
    story_assert_ok(mirai_profiles_close(MIRAI_DRAIN, STORY_PATIENCE));
    for (int i = 0; i < 4; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    mirai_task *task = submit("spin", mirai_null());
    close_all();
    (void)story_expect(task, MIRAI_OUTCOME_CLOSED);
    mirai_task_release(task);
}

static void test_ephemeral__leaves_nothing_behind(void **state)
{
    (void)state;
    mirai_task_release(submit("echo", mirai_null())); /* what is started for good by the first */
    story_assert_ok(mirai_profiles_close(MIRAI_DRAIN, STORY_PATIENCE));
    size_t descriptors = story_descriptors(), threads = story_threads();
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++) mirai_task_release(submit(i == 1 ? "crash" : "echo", mirai_string("kill")));
        if (round % 2)
            close_all();
        else
            story_assert_ok(mirai_profiles_close(MIRAI_DRAIN, STORY_PATIENCE));
        assert_true(is_alone(NULL));
        assert_true(story_until_descriptors(descriptors));
        assert_true(story_until_threads(threads));
    }
}

/* ---- hosts that go --------------------------------------------------------------------------- */

/* A host that closes nothing: its arguments are "host" or "kill", and a file. */
static int be_host(char **argv)
{
    mirai_task *task = NULL;
    MIRAI_EXIT_IF(mirai_submit(&task, "spin", mirai_string(argv[2]), NULL));
    if (!story_until_file(argv[2])) return 2;
    if (strcmp(argv[1], "kill") == 0) (void)raise(SIGKILL);
    mirai_task_release(task);
    return 0;
}

static void test_ephemeral__ends_with_its_host(void **state)
{
    (void)state;
    const char *const manners[] = {"host", "kill"};
    for (size_t i = 0; i < 2; i++) {
        const char *path = story_path(manners[i]);
        pid_t host = fork();
        assert_true(host >= 0);
        if (host == 0) {
            (void)execl(story_program(), story_program(), manners[i], path, (char *)NULL);
            _exit(127);
        }
        int how = 0;
        while (waitpid(host, &how, 0) < 0) assert_int_equal(errno, EINTR);
        int64_t began = story_now_ms();
        if (i == 0)
            assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
        else
            assert_true(WIFSIGNALED(how));
        pid_t daemon = (pid_t)story_read_number(path);
        assert_true(daemon > 0);
        assert_true(story_until_dead(daemon));
        assert_true(story_now_ms() - began < story_bound_ms(1000));
    }
    story_remove_files();
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    if (argc == 3 && (strcmp(argv[1], "host") == 0 || strcmp(argv[1], "kill") == 0)) return be_host(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ephemeral__refuses_bad_arguments),
        cmocka_unit_test(test_ephemeral__is_for_one_task),
        cmocka_unit_test(test_ephemeral__takes_what_other_tasks_gave),
        cmocka_unit_test(test_ephemeral__is_not_waited_for),
        cmocka_unit_test(test_ephemeral__that_does_not_start_is_told_by_its_task),
        cmocka_unit_test(test_ephemeral__counts_as_time_of_its_task),
        cmocka_unit_test(test_ephemeral__goes_when_its_task_is_cancelled),
        cmocka_unit_test(test_ephemeral__that_is_lost_is_not_replaced),
        cmocka_unit_test(test_ephemeral__draws_differ),
        cmocka_unit_test(test_ephemeral__is_not_for_jobs),
        cmocka_unit_test(test_ephemeral__is_drained_and_cut_off),
        cmocka_unit_test(test_ephemeral__leaves_nothing_behind),
        cmocka_unit_test(test_ephemeral__ends_with_its_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
