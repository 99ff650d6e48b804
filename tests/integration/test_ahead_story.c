/*
 * Jobs that are sent to a busy daemon before their turn: they can be taken back until they are begun, whatever happens to
 * the daemon, to its pool or to them. Each task runs once, or never. Over channels that cannot do so nothing is
 * sent ahead, and the stories are the same.
 */
#include "story.h"
#include "story_marks.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MARKS = 2000, NAP_MS = 200, COUNTER = MARKS, FLAG, ALL };

/* ---- functions of the daemon ---- */

/* The how many-th call of all daemons it is, from 0. */
static mirai_value *turn(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_int(story_mark_up(COUNTER));
}

static bool prepared;

static mirai_value *prepare(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    prepared = true;
    return mirai_null();
}

static mirai_value *is_prepared(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_int(prepared);
}

static mirai_value *die(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    (void)raise(SIGKILL);
    return mirai_null();
}

/* Says that it has begun, and ends with its daemon. */
static mirai_value *hold(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    (void)story_mark_up(FLAG);
    while (pause() != 0) continue; /* it has no other end */
    return NULL;
}

/* The words of claims in the memory shared with the host (FORMAT.md section 10.1); NULL: there is none. */
static _Atomic uint64_t *claims(void)
{
    enum { AT = 1152 };
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned long base = 0;
    while (maps != NULL && base == 0 && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "miraicore-rings") != NULL) base = strtoul(line, NULL, 16);
    if (maps != NULL) (void)fclose(maps);
    return base != 0 ? (_Atomic uint64_t *)(base + AT) : NULL;
}

/* Says of all jobs that lie here, once there are some, that they were begun; then naps. */
static mirai_value *lie(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    enum { CLAIMS = 256, LIE_AFTER_MS = 50 };
    story_sleep_ms(LIE_AFTER_MS);
    _Atomic uint64_t *words = claims();
    for (int i = 0; words != NULL && i < CLAIMS; i++) (void)atomic_fetch_or(&words[i], 1);
    (void)story_mark_up(FLAG);
    story_sleep_ms(mirai_value_int_or(args, 0));
    return mirai_null();
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(story_marks_setup(ALL));
    MIRAI_TRY(mirai_function_register("turn", turn, NULL));
    MIRAI_TRY(mirai_function_register("prepare", prepare, NULL));
    MIRAI_TRY(mirai_function_register("is_prepared", is_prepared, NULL));
    MIRAI_TRY(mirai_function_register("hold", hold, NULL));
    MIRAI_TRY(mirai_function_register("lie", lie, NULL));
    return mirai_function_register("die", die, NULL);
}

static bool is_held(void *context)
{
    (void)context;
    return story_mark(FLAG) > 0;
}

/* ---- many tasks ---- */

static mirai_task *tasks[MARKS];

static bool by_rings(void)
{
    const char *transport = getenv("MIRAI_TRANSPORT");
    return transport == NULL || strcmp(transport, "ring") == 0;
}

static void submit(mirai_pool *pool, int from, int to, int64_t timeout_ms)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = timeout_ms;
    for (int i = from; i < to; i++) {
        story_mark_clear(i);
        tasks[i] = story_submit_with(pool, "mark", mirai_int(i), &options);
    }
}

/* Each has ended by `outcome`, after having run so many times. */
static void expect_all(int from, int to, mirai_outcome outcome, int ran)
{
    for (int i = from; i < to; i++) {
        (void)story_expect(tasks[i], outcome);
        mirai_task_release(tasks[i]);
    }
    for (int i = from; i < to; i++)
        if (story_mark(i) != ran) fail_msg("task %d ran %d times, not %d", i, story_mark(i), ran);
}

static bool says(mirai_task *task, const char *words)
{
    char *text = mirai_task_explain(task);
    assert_non_null(text);
    bool found = strstr(text, words) != NULL;
    mirai_text_free(text);
    return found;
}

/* ---- stories ---- */

static void test_ahead__bad_settings_are_none(void **state)
{
    static const char *const bad[] = {"", "many", "-1", "3 or 4"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(setenv("MIRAI_AHEAD", bad[i], 1), 0);
        mirai_pool *pool = story_open(1);
        mirai_task *nap = story_submit(pool, "nap", mirai_int(20));
        submit(pool, 0, 2, 0);
        assert_false(says(tasks[0], "ahead"));
        expect_all(0, 2, MIRAI_OUTCOME_VALUE, 1);
        mirai_task_release(nap);
        story_close(pool);
    }
    assert_int_equal(setenv("MIRAI_AHEAD", "200", 1), 0);
}

static void test_ahead__what_lies_there_can_be_cancelled(void **state)
{
    (void)state;
    int32_t said = 0;
    mirai_pool *pool = story_open(1);
    mirai_task *nap = story_submit(pool, "nap", mirai_int(NAP_MS));
    submit(pool, 0, 30, 0);
    assert_int_equal(mirai_task_state(tasks[7]), MIRAI_TASK_QUEUED);
    assert_true(says(tasks[7], by_rings() ? "ahead" : "busy"));
    for (int i = 0; i < 10; i++) {
        story_assert_ok(mirai_task_cancel(tasks[i], &said));
        assert_int_equal(said, MIRAI_CANCEL_NEVER_RAN);
    }
    expect_all(10, 30, MIRAI_OUTCOME_VALUE, 1);
    expect_all(0, 10, MIRAI_OUTCOME_CANCELLED, 0);
    mirai_task_release(nap);
    story_close(pool);
}

static void test_ahead__nothing_waits_for_a_long_job_while_a_daemon_is_free(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    mirai_task *stuck = story_submit(pool, "obey", mirai_null());
    mirai_task *nap = story_submit(pool, "nap", mirai_int(30));
    submit(pool, 0, 100, 0);
    expect_all(0, 100, MIRAI_OUTCOME_VALUE, 1);
    assert_int_equal(mirai_task_state(stuck), MIRAI_TASK_RUNNING);
    mirai_task_release(nap);
    story_assert_ok(mirai_task_cancel(stuck, NULL));
    mirai_task_release(stuck);
    story_close(pool);
}

static void test_ahead__a_higher_priority_goes_first(void **state)
{
    (void)state;
    enum { LOW = 50 };
    story_mark_clear(COUNTER);
    mirai_submit_options urgent = MIRAI_SUBMIT_OPTIONS_INIT;
    urgent.priority = 5;
    mirai_pool *pool = story_open(1);
    mirai_task *nap = story_submit(pool, "nap", mirai_int(NAP_MS));
    for (int i = 0; i < LOW; i++) tasks[i] = story_submit(pool, "turn", mirai_null());
    mirai_task *task = story_submit_with(pool, "turn", mirai_null(), &urgent);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1), 0);
    for (int i = 0; i < LOW; i++) {
        assert_int_equal(mirai_value_int_or(story_expect(tasks[i], MIRAI_OUTCOME_VALUE), -1), i + 1);
        mirai_task_release(tasks[i]);
    }
    mirai_task_release(task);
    mirai_task_release(nap);
    story_close(pool);
}

static void test_ahead__setups_go_before_what_comes_after_them(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    submit(pool, 0, 500, 0);
    story_assert_ok(mirai_pool_everywhere(pool, NULL, "prepare", mirai_null(), NULL));
    for (int i = 0; i < 50; i++) assert_int_equal(story_number(pool, "is_prepared", mirai_null()), 1);
    expect_all(0, 500, MIRAI_OUTCOME_VALUE, 1);
    story_close(pool);
}

static void test_ahead__time_outs_of_what_was_not_begun(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *nap = story_submit(pool, "nap", mirai_int(story_bound_ms(NAP_MS)));
    submit(pool, 0, 300, 5);
    expect_all(0, 300, MIRAI_OUTCOME_TIMEDOUT, 0);
    (void)story_expect(nap, MIRAI_OUTCOME_VALUE);
    mirai_task_release(nap);
    story_close(pool);
}

static void test_ahead__a_job_that_dies_takes_no_other_along(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    submit(pool, 0, MARKS / 2, 0);
    mirai_task *fatal = story_submit(pool, "die", mirai_null());
    submit(pool, MARKS / 2, MARKS, 0);
    const mirai_value *error = story_expect(fatal, MIRAI_OUTCOME_LOST);
    assert_non_null(strstr(mirai_value_error_message(error), "SIGKILL"));
    expect_all(0, MARKS, MIRAI_OUTCOME_VALUE, 1);
    assert_int_equal(story_status(pool).daemons_lost, 1);
    mirai_task_release(fatal);
    story_close(pool);
}

/* Whoever is killed from outside has begun one task at most. */
static void test_ahead__a_killed_daemon_costs_one_task(void **state)
{
    (void)state;
    enum { KILLS = 5 };
    for (int kill_at = 0, lost; kill_at < KILLS; kill_at++) {
        mirai_pool *pool = story_open(2);
        pid_t victim = story_daemon_pid(pool, (size_t)(kill_at % 2));
        submit(pool, 0, MARKS / 2, 0);
        (void)story_expect(tasks[kill_at * 150], MIRAI_OUTCOME_VALUE);
        assert_int_equal(kill(victim, SIGKILL), 0);
        submit(pool, MARKS / 2, MARKS, 0);
        lost = 0;
        for (int i = 0; i < MARKS; i++) {
            (void)story_result(tasks[i]);
            bool is_lost = mirai_task_outcome(tasks[i]) == MIRAI_OUTCOME_LOST;
            if (!is_lost) assert_int_equal(mirai_task_outcome(tasks[i]), MIRAI_OUTCOME_VALUE);
            if (story_mark(i) > 1 || (!is_lost && story_mark(i) != 1)) fail_msg("task %d ran %d times", i, story_mark(i));
            lost += is_lost;
            mirai_task_release(tasks[i]);
        }
        assert_in_range(lost, 0, 1);
        story_close(pool);
    }
}

static void test_ahead__daemons_that_leave_leave_the_rest(void **state)
{
    (void)state;
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    kind.max_jobs = 137;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.daemon = &kind;
    mirai_pool *pool = story_open_with(2, &options);
    submit(pool, 0, MARKS, 0);
    for (int i = 0; i < MARKS; i++) {
        (void)story_result(tasks[i]);
        assert_int_equal(mirai_task_attempts(tasks[i]), 1); /* what was not begun is no attempt */
    }
    assert_int_equal(story_status(pool).retried, 0);
    expect_all(0, MARKS, MIRAI_OUTCOME_VALUE, 1);
    assert_int_equal(story_status(pool).daemons_lost, 0);
    story_close(pool);
}

/* How many tasks run according to the events; -1: more than one did, on one daemon. */
static void count_running(mirai_pool *pool, const mirai_event *event, void *user)
{
    int *running = user;
    (void)pool;
    if (event->kind == MIRAI_EVENT_TASK_RUNNING) *running = *running == 0 ? 1 : -1;
    if (event->kind == MIRAI_EVENT_TASK_RESOLVED && *running > 0) *running = 0;
}

static void test_ahead__events_tell_of_one_task_at_a_time(void **state)
{
    (void)state;
    int running = 0;
    mirai_pool *pool = story_open(1);
    story_assert_ok(mirai_pool_on_event(pool, MIRAI_EVENT_TASK_RUNNING | MIRAI_EVENT_TASK_RESOLVED, count_running, &running));
    mirai_task *nap = story_submit(pool, "nap", mirai_int(20));
    submit(pool, 0, 500, 0);
    expect_all(0, 500, MIRAI_OUTCOME_VALUE, 1);
    story_assert_ok(mirai_pool_process(pool, NULL));
    assert_int_equal(running, 0);
    mirai_task_release(nap);
    story_close(pool);
}

/* It says to have begun all that lies there, and has not: it is found out as soon as that keeps another waiting. */
static void test_ahead__a_liar_keeps_nothing(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *liar = story_submit(pool, "lie", mirai_int(by_rings() ? STORY_PATIENCE : NAP_MS));
    story_mark_clear(FLAG);
    submit(pool, 0, 20, 0);
    assert_true(story_until(is_held, NULL));
    story_assert_ok(mirai_pool_resize(pool, 2));
    for (int i = 0; i < 20; i++) {
        (void)story_result(tasks[i]);
        assert_in_range(story_mark(i), 0, 1);
        mirai_task_release(tasks[i]);
    }
    mirai_task_release(liar);
    story_close(pool);
}

static void test_ahead__resizing_loses_nothing(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(3);
    submit(pool, 0, MARKS / 2, 0);
    story_assert_ok(mirai_pool_resize(pool, 1));
    submit(pool, MARKS / 2, MARKS, 0);
    story_assert_ok(mirai_pool_resize(pool, 2));
    expect_all(0, MARKS, MIRAI_OUTCOME_VALUE, 1);
    story_close(pool);
}

static void test_ahead__closing_ends_what_was_not_begun(void **state)
{
    (void)state;
    for (int how = MIRAI_DRAIN; how <= MIRAI_CANCEL; how++) {
        mirai_pool *pool = story_open(2);
        submit(pool, 0, MARKS, 0);
        story_assert_ok(mirai_pool_close(pool, how, STORY_PATIENCE));
        for (int i = 0; i < MARKS; i++) {
            mirai_outcome outcome = mirai_task_outcome(tasks[i]);
            if (how == MIRAI_DRAIN) assert_int_equal(outcome, MIRAI_OUTCOME_VALUE);
            if (outcome != MIRAI_OUTCOME_VALUE) assert_int_equal(outcome, MIRAI_OUTCOME_CLOSED);
            int ran = story_mark(i), least = outcome == MIRAI_OUTCOME_VALUE;
            if (ran > 1 || ran < least) fail_msg("task %d ran %d times", i, ran);
            mirai_task_release(tasks[i]);
        }
    }
}

/* A daemon that is stopped has begun one, which is lost with it; those behind it run elsewhere. */
static void test_ahead__a_stopped_daemon_holds_up_nothing(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.heartbeat_ms = story_bound_ms(50);
    mirai_pool *pool = story_open_with(1, &options);
    story_mark_clear(FLAG);
    mirai_task *stuck = story_submit(pool, "hold", mirai_null());
    submit(pool, 0, 100, 0);
    assert_true(story_until(is_held, NULL));
    assert_int_equal(kill(story_daemon_pid(pool, 0), SIGSTOP), 0);
    expect_all(0, 100, MIRAI_OUTCOME_VALUE, 1);
    (void)story_expect(stuck, MIRAI_OUTCOME_LOST);
    mirai_task_release(stuck);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ahead__bad_settings_are_none),
        cmocka_unit_test(test_ahead__what_lies_there_can_be_cancelled),
        cmocka_unit_test(test_ahead__nothing_waits_for_a_long_job_while_a_daemon_is_free),
        cmocka_unit_test(test_ahead__a_higher_priority_goes_first),
        cmocka_unit_test(test_ahead__setups_go_before_what_comes_after_them),
        cmocka_unit_test(test_ahead__time_outs_of_what_was_not_begun),
        cmocka_unit_test(test_ahead__a_job_that_dies_takes_no_other_along),
        cmocka_unit_test(test_ahead__a_killed_daemon_costs_one_task),
        cmocka_unit_test(test_ahead__daemons_that_leave_leave_the_rest),
        cmocka_unit_test(test_ahead__events_tell_of_one_task_at_a_time),
        cmocka_unit_test(test_ahead__a_liar_keeps_nothing),
        cmocka_unit_test(test_ahead__resizing_loses_nothing),
        cmocka_unit_test(test_ahead__closing_ends_what_was_not_begun),
        cmocka_unit_test(test_ahead__a_stopped_daemon_holds_up_nothing),
    };
    return cmocka_run_group_tests(tests, story_marks_make, story_marks_drop);
}
