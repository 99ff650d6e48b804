/*
 * A daemon written in pull form, as a binding would: it opens itself, takes jobs one by one, replies. The host starts
 * this program by a command line, with the word "pull".
 */
#include "story.h"

#include <stdio.h>
#include <string.h>

static mirai_value *answer(mirai_job *job)
{
    const char *function = mirai_job_function(job);
    if (strcmp(function, "sum") == 0) {
        int64_t total = 0;
        for (size_t i = 0; i < mirai_value_count(mirai_job_args(job)); i++)
            total += mirai_value_int_or(mirai_value_item(mirai_job_args(job), i), 0);
        return mirai_int(total);
    }
    if (strcmp(function, "patient") == 0) {
        while (!mirai_job_cancelled(job)) story_sleep_ms(1);
        return mirai_null();
    }
    if (strcmp(function, "fails") == 0) {
        (void)mirai_error_set(MIRAI_E_USER, "as it was asked to");
        return NULL;
    }
    return mirai_error("no_such_thing", 404, "I cannot %s", function);
}

/* Once it had to wait in vain: out of the library until it is called back. NULL: it stays. */
static const char *away, *back;

static void go_away(void)
{
    FILE *file = away != NULL ? fopen(away, "we") : NULL;
    if (file == NULL) return;
    (void)fputs("gone\n", file);
    (void)fclose(file);
    away = NULL;
    (void)story_until_file(back);
}

/* The daemon. Its exit statuses are looked for by no test; they show in an error's text. */
static int pull(void)
{
    mirai_daemon *daemon = NULL, *twice = NULL;
    mirai_job *job = NULL, *second = NULL;
    mirai_status status;
    if (mirai_daemon_open(NULL) != MIRAI_E_INVALID) return 10;
    mirai_pool *pool = NULL;
    if (mirai_pool_open(&pool, NULL, 1, NULL) != MIRAI_E_STATE) return 11; /* it has not entered yet */
    MIRAI_EXIT_IF(story_setup());
    MIRAI_EXIT_IF(mirai_daemon_open(&daemon));
    if (mirai_daemon_open(&twice) != MIRAI_E_STATE) return 12;
    if (mirai_daemon_next(NULL, &job, 0) != MIRAI_E_INVALID) return 13;
    if (mirai_daemon_next(daemon, NULL, 0) != MIRAI_E_INVALID) return 14;
    if (mirai_daemon_next(daemon, &job, -2) != MIRAI_E_INVALID) return 15;
    if (mirai_job_reply(NULL, mirai_null()) != MIRAI_E_INVALID) return 16;
    for (;;) {
        status = mirai_daemon_next(daemon, &job, 100);
        if (status == MIRAI_E_TIMEDOUT) {
            go_away();
            continue;
        }
        if (status != MIRAI_OK) break;
        if (mirai_daemon_next(daemon, &second, 0) != MIRAI_E_STATE) return 17;
        status = mirai_job_reply(job, answer(job));
        if (status != MIRAI_OK) break;
    }
    mirai_daemon_close(daemon);
    return status == MIRAI_E_CLOSED ? 0 : 18;
}

static int open_one(void **state)
{
    const char *const command[] = {story_program(), "pull", NULL};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    *state = story_open_with(1, &options);
    return 0;
}

static int close_pool(void **state)
{
    assert_int_equal(story_status(*state).daemons_lost, 0);
    story_close(*state);
    return 0;
}

static void test_pull__is_no_daemon_here(void **state)
{
    (void)state;
    mirai_daemon *daemon = NULL;
    assert_int_equal(mirai_on_daemon(), 0);
    assert_int_equal(mirai_daemon_open(&daemon), MIRAI_E_STATE);
    assert_int_equal(mirai_daemon_run(NULL), MIRAI_E_INVALID);
    mirai_daemon_close(NULL);
}

static void test_pull__answers(void **state)
{
    for (int i = 0; i < 200; i++)
        assert_int_equal(story_number(*state, "sum", mirai_list_of(mirai_int(i), mirai_int(2), mirai_int(3), MIRAI_END)),
                         i + 5);
}

static void test_pull__runs_what_is_registered(void **state)
{
    assert_int_equal(story_number(*state, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
    assert_int_equal(story_number(*state, "mirai.echo", mirai_int(3)), 3);
    assert_int_equal(story_number(*state, "sum", mirai_list_of(mirai_int(4), MIRAI_END)), 4);
}

static void test_pull__fails_by_detail_and_by_value(void **state)
{
    mirai_task *task = story_submit(*state, "fails", mirai_null());
    assert_string_equal(mirai_value_error_message(story_expect(task, MIRAI_OUTCOME_FAILED)), "as it was asked to");
    mirai_task_release(task);
    task = story_submit(*state, "fly", mirai_null());
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_string_equal(mirai_value_error_message(error), "I cannot fly");
    assert_int_equal(mirai_value_error_code(error), 404);
    mirai_task_release(task);
}

static void test_pull__is_cancelled(void **state)
{
    mirai_task *task = story_submit(*state, "patient", mirai_null());
    assert_true(story_until_running(task));
    story_assert_ok(mirai_task_cancel(task, NULL));
    (void)story_expect(task, MIRAI_OUTCOME_CANCELLED);
    mirai_task_release(task);
    assert_int_equal(story_number(*state, "sum", mirai_list_of(mirai_int(4), MIRAI_END)), 4);
}

static void test_pull__takes_everywhere(void **state)
{
    story_assert_ok(mirai_pool_everywhere(*state, NULL, "remember", mirai_int(77), NULL));
    assert_int_equal(story_number(*state, "recall", mirai_null()), 77);
    story_assert_ok(mirai_pool_everywhere(*state, NULL, "sum", mirai_list_of(mirai_int(1), MIRAI_END), NULL));
}

/* A daemon whose own program does something else between two calls still answers when it is asked whether it lives. */
static void test_pull__lives_while_it_is_away(void **state)
{
    (void)state;
    const char *gone = story_path("gone"), *called = story_path("called");
    const char *const command[] = {story_program(), "pull", gone, called, NULL};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    options.heartbeat_ms = story_bound_ms(50);
    mirai_pool *pool = story_open_with(1, &options);
    assert_true(story_until_file(gone));
    mirai_task *task = story_submit(pool, "sum", mirai_list_of(mirai_int(4), MIRAI_END));
    assert_int_equal(mirai_task_wait(task, 6 * options.heartbeat_ms), MIRAI_E_TIMEDOUT); /* one that is dead is found in 4 */
    FILE *file = fopen(called, "we");
    assert_non_null(file);
    assert_true(fputs("come\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1), 4);
    assert_int_equal(mirai_task_attempts(task), 1);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    mirai_task_release(task);
    story_close(pool);
    story_remove_files();
}

int main(int argc, char **argv)
{
    away = argc == 4 ? argv[2] : NULL;
    back = argc == 4 ? argv[3] : NULL;
    if (argc >= 2 && strcmp(argv[1], "pull") == 0) return pull();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pull__is_no_daemon_here),
        cmocka_unit_test(test_pull__answers),
        cmocka_unit_test(test_pull__runs_what_is_registered),
        cmocka_unit_test(test_pull__fails_by_detail_and_by_value),
        cmocka_unit_test(test_pull__is_cancelled),
        cmocka_unit_test(test_pull__takes_everywhere),
        cmocka_unit_test(test_pull__lives_while_it_is_away),
    };
    return cmocka_run_group_tests(tests, open_one, close_pool);
}
