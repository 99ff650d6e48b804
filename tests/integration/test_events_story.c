/*
 * What happens in a pool, as its listener is told: in order, in mirai_pool_process() only, bounded.
 */
#include "story.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 4096, HEARD_MAX = 3 * KEPT };

typedef struct heard {
    mirai_event events[HEARD_MAX];
    char causes[8][160]; /* of the last that had one */
    size_t count, caused;
    int32_t wrong;
    bool processing;
} heard;

static heard log_book;

static void hear(mirai_pool *pool, const mirai_event *event, void *user)
{
    heard *heard = user;
    if (!heard->processing || event->struct_size != sizeof *event || pool == NULL) heard->wrong++;
    if (event->cause != NULL) {
        char *cause = heard->causes[heard->caused++ % 8];
        (void)strncpy(cause, event->cause, sizeof heard->causes[0] - 1);
    }
    if ((event->cause != NULL) != (event->kind == MIRAI_EVENT_DAEMON_LEFT)) heard->wrong++;
    if (heard->count < HEARD_MAX) heard->events[heard->count++] = *event;
}

static size_t process(mirai_pool *pool)
{
    size_t handled = 0;
    log_book.processing = true;
    story_assert_ok(mirai_pool_process(pool, &handled));
    log_book.processing = false;
    assert_int_equal(log_book.wrong, 0);
    return handled;
}

static mirai_pool *open_heard(int32_t daemons, int32_t kinds)
{
    memset(&log_book, 0, sizeof log_book);
    mirai_pool *pool = story_open(daemons);
    story_assert_ok(mirai_pool_on_event(pool, kinds, hear, &log_book));
    return pool;
}

static void check(size_t at, int32_t kind, mirai_task *task, int32_t attempt)
{
    assert_true(at < log_book.count);
    const mirai_event *event = &log_book.events[at];
    assert_int_equal(event->kind, kind);
    assert_int_equal(event->task, mirai_task_id(task));
    if (task != NULL) assert_int_equal(event->attempt, attempt);
    assert_true(event->time_ms <= story_now_ms());
    if (at > 0) assert_true(event->time_ms >= log_book.events[at - 1].time_ms);
}

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

/* ---- bad arguments --------------------------------------------------------------------------- */

static void test_events__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    assert_int_equal(mirai_pool_on_event(NULL, MIRAI_EVENT_ALL, hear, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_on_event(pool, -1, hear, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_on_event(pool, MIRAI_EVENT_ALL + 1, hear, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_on_event(pool, MIRAI_EVENT_ALL, NULL, NULL), MIRAI_E_INVALID);
    story_assert_ok(mirai_pool_on_event(pool, 0, NULL, NULL));
    assert_int_equal(process(pool), 0);
    story_close(pool);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void test_events__tell_a_task_s_life(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(1, MIRAI_EVENT_ALL);
    pid_t pid = story_daemon_pid(pool, 0);
    int fd = -1;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    assert_false(is_readable(fd));
    mirai_task *good = story_submit(pool, "echo", mirai_null());
    (void)story_expect(good, MIRAI_OUTCOME_VALUE);
    mirai_task *bad = story_submit(pool, "fail_text", mirai_string("no"));
    (void)story_expect(bad, MIRAI_OUTCOME_FAILED);
    assert_int_equal(log_book.count, 0); /* never in a wait */
    assert_true(is_readable(fd));
    assert_int_equal(process(pool), 8); /* two resolutions among them */
    assert_false(is_readable(fd));
    assert_int_equal(log_book.count, 6);
    for (size_t i = 0; i < 6; i++) {
        static const int32_t kinds[] = {MIRAI_EVENT_TASK_QUEUED, MIRAI_EVENT_TASK_RUNNING, MIRAI_EVENT_TASK_RESOLVED};
        check(i, kinds[i % 3], i < 3 ? good : bad, 1);
        const mirai_event *event = &log_book.events[i];
        assert_int_equal(event->pid, i % 3 == 0 ? 0 : pid);
        assert_int_equal(event->daemon != 0, i % 3 != 0);
    }
    assert_int_equal(log_book.events[2].outcome, MIRAI_OUTCOME_VALUE);
    assert_int_equal(log_book.events[5].outcome, MIRAI_OUTCOME_FAILED);
    mirai_task_release(good);
    mirai_task_release(bad);
    story_close(pool);
}

static bool has_joined(void *context)
{
    (void)process(context);
    return log_book.count > 0 && log_book.events[log_book.count - 1].kind == MIRAI_EVENT_DAEMON_JOINED;
}

static void test_events__tell_of_daemons(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(1, MIRAI_EVENT_DAEMON_JOINED | MIRAI_EVENT_DAEMON_LEFT);
    pid_t pid = story_daemon_pid(pool, 0);
    mirai_task *task = story_submit(pool, "crash", mirai_string("_exit3"));
    (void)story_expect(task, MIRAI_OUTCOME_LOST);
    mirai_task_release(task);
    assert_true(story_until(has_joined, pool));
    assert_int_equal(log_book.count, 2);
    assert_int_equal(log_book.events[0].kind, MIRAI_EVENT_DAEMON_LEFT);
    assert_int_equal(log_book.events[0].pid, pid);
    assert_int_equal(log_book.events[0].exit_status, 3);
    assert_non_null(strstr(log_book.causes[0], "status 3"));
    pid_t next = story_daemon_pid(pool, 0);
    assert_int_equal(log_book.events[1].pid, next);
    assert_true(log_book.events[1].daemon > log_book.events[0].daemon);
    log_book.processing = true; /* closing processes what is left: this one's leaving */
    story_close(pool);
    assert_int_equal(log_book.count, 3);
    assert_int_equal(log_book.events[2].pid, next);
    /* On a machine that is very busy it does not leave within the time that closing gives it, and is killed. */
    if (log_book.events[2].exit_status != 0) assert_non_null(strstr(log_book.causes[1], "the pool was closed"));
    assert_int_equal(log_book.wrong, 0);
}

static void test_events__number_attempts(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(1, MIRAI_EVENT_TASK_QUEUED | MIRAI_EVENT_TASK_RUNNING | MIRAI_EVENT_TASK_RESOLVED);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 1;
    mirai_task *lost = story_submit_with(pool, "crash_once", mirai_string(story_path("once")), &options);
    (void)story_expect(lost, MIRAI_OUTCOME_VALUE);
    options.retry_on = MIRAI_RETRY_FAILED;
    mirai_task *failed = story_submit_with(pool, "fail_text", mirai_string("no"), &options);
    (void)story_expect(failed, MIRAI_OUTCOME_FAILED);
    (void)process(pool);
    assert_int_equal(log_book.count, 10);
    for (size_t i = 0; i < 2; i++) {
        mirai_task *task = i == 0 ? lost : failed;
        for (int32_t attempt = 1; attempt <= 2; attempt++) {
            check(5 * i + 2 * (size_t)attempt - 2, MIRAI_EVENT_TASK_QUEUED, task, attempt);
            check(5 * i + 2 * (size_t)attempt - 1, MIRAI_EVENT_TASK_RUNNING, task, attempt);
        }
        check(5 * i + 4, MIRAI_EVENT_TASK_RESOLVED, task, 2);
    }
    assert_true(log_book.events[1].daemon != log_book.events[3].daemon);
    mirai_task_release(lost);
    mirai_task_release(failed);
    story_close(pool);
    story_remove_files();
}

static void test_events__tell_when_a_task_is_unblocked(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(2, MIRAI_EVENT_TASK_QUEUED);
    mirai_task *first = story_submit(pool, "nap", mirai_int(50));
    mirai_task *second = story_submit(pool, "echo", mirai_task_argument(first));
    (void)process(pool);
    assert_int_equal(log_book.count, 1);
    (void)story_expect(second, MIRAI_OUTCOME_VALUE);
    (void)process(pool);
    assert_int_equal(log_book.count, 2);
    check(0, MIRAI_EVENT_TASK_QUEUED, first, 1);
    check(1, MIRAI_EVENT_TASK_QUEUED, second, 1);
    mirai_task_release(first);
    mirai_task_release(second);
    story_close(pool);
}

/* One that never ran has no daemon. */
static void test_events__tell_of_what_never_ran(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(0, MIRAI_EVENT_TASK_RESOLVED);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    story_assert_ok(mirai_task_cancel(task, NULL));
    (void)process(pool);
    assert_int_equal(log_book.count, 1);
    check(0, MIRAI_EVENT_TASK_RESOLVED, task, 0);
    assert_int_equal(log_book.events[0].outcome, MIRAI_OUTCOME_CANCELLED);
    assert_int_equal(log_book.events[0].daemon, 0);
    mirai_task_release(task);
    story_close(pool);
}

/* ---- how it is told -------------------------------------------------------------------------- */

static void test_events__the_oldest_are_dropped(void **state)
{
    (void)state;
    enum { TASKS = KEPT / 2 + 10 };
    mirai_pool *pool = open_heard(0, MIRAI_EVENT_TASK_QUEUED | MIRAI_EVENT_TASK_RESOLVED);
    uint64_t last = 0;
    for (size_t i = 0; i < TASKS; i++) {
        mirai_task *task = story_submit(pool, "echo", mirai_null());
        story_assert_ok(mirai_task_cancel(task, NULL));
        last = mirai_task_id(task);
        mirai_task_release(task);
    }
    assert_int_equal(story_status(pool).events_dropped, 20);
    assert_int_equal(process(pool), KEPT);
    assert_int_equal(log_book.count, KEPT);
    assert_int_equal(log_book.events[KEPT - 1].task, last);
    assert_int_equal(log_book.events[0].task, last - KEPT / 2 + 1);
    assert_int_equal(process(pool), 0);
    assert_int_equal(story_status(pool).events_dropped, 20);
    story_close(pool);
}

static int32_t depth, deepest;

/* Submits, processes and stops listening from within. */
static void meddle(mirai_pool *pool, const mirai_event *event, void *user)
{
    heard *heard = user;
    if (++depth > deepest) deepest = depth;
    hear(pool, event, user);
    if (mirai_pool_process(pool, NULL) != MIRAI_OK) heard->wrong++;
    if (heard->count < 5) {
        mirai_task *task = NULL;
        if (mirai_pool_submit(pool, &task, "echo", mirai_null(), NULL) != MIRAI_OK) heard->wrong++;
        mirai_task_release(task);
    } else if (mirai_pool_on_event(pool, 0, NULL, NULL) != MIRAI_OK) {
        heard->wrong++;
    }
    depth--;
}

static void test_events__a_listener_may_call_anything(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(0, 0);
    int fd = -1;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    story_assert_ok(mirai_pool_on_event(pool, MIRAI_EVENT_TASK_QUEUED, meddle, &log_book));
    mirai_task_release(story_submit(pool, "echo", mirai_null()));
    for (size_t turns = 1; turns <= 5; turns++) { /* what comes while it is told is for the next time */
        assert_true(is_readable(fd));
        assert_int_equal(process(pool), 1);
        assert_int_equal(log_book.count, turns);
    }
    assert_int_equal(deepest, 1);
    mirai_task_release(story_submit(pool, "echo", mirai_null()));
    assert_false(is_readable(fd));
    assert_int_equal(process(pool), 0);
    story_close(pool);
}

static void test_events__what_nobody_wants_any_more_is_forgotten(void **state)
{
    (void)state;
    mirai_pool *pool = open_heard(0, MIRAI_EVENT_ALL);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    story_assert_ok(mirai_pool_on_event(pool, MIRAI_EVENT_TASK_RESOLVED, hear, &log_book));
    story_assert_ok(mirai_task_cancel(task, NULL));
    (void)process(pool);
    assert_int_equal(log_book.count, 1);
    check(0, MIRAI_EVENT_TASK_RESOLVED, task, 0);
    mirai_task_release(task);
    task = story_submit(pool, "echo", mirai_null());
    story_assert_ok(mirai_task_cancel(task, NULL));
    story_assert_ok(mirai_pool_on_event(pool, 0, NULL, NULL));
    story_assert_ok(mirai_pool_on_event(pool, MIRAI_EVENT_ALL, hear, &log_book));
    assert_int_equal(process(pool), 0);
    mirai_task_release(task);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events__refuses_bad_arguments),
        cmocka_unit_test(test_events__tell_a_task_s_life),
        cmocka_unit_test(test_events__tell_of_daemons),
        cmocka_unit_test(test_events__number_attempts),
        cmocka_unit_test(test_events__tell_when_a_task_is_unblocked),
        cmocka_unit_test(test_events__tell_of_what_never_ran),
        cmocka_unit_test(test_events__the_oldest_are_dropped),
        cmocka_unit_test(test_events__a_listener_may_call_anything),
        cmocka_unit_test(test_events__what_nobody_wants_any_more_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
