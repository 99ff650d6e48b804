/*
 * The pool's descriptor and mirai_pool_process(): what an event loop lives on.
 */
#include "story.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fd_of(mirai_pool *pool)
{
    int fd = -1;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    assert_true(fd >= 0);
    return fd;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, timeout_ms) == 1 && (one.revents & POLLIN) != 0;
}

static size_t process(mirai_pool *pool)
{
    size_t handled = 0;
    story_assert_ok(mirai_pool_process(pool, &handled));
    return handled;
}

typedef struct record {
    int count, wrong;
    pthread_t thread; /* that processes */
    bool processing;
} record;

static void on_resolved(mirai_task *task, void *user)
{
    record *record = user;
    record->count++;
    if (!record->processing || !pthread_equal(record->thread, pthread_self())) record->wrong++;
    if (mirai_task_state(task) != MIRAI_TASK_RESOLVED || mirai_task_user(task) != user) record->wrong++;
    if (mirai_task_outcome(task) != MIRAI_OUTCOME_VALUE) record->wrong++;
}

static mirai_task *submit(mirai_pool *pool, const char *function, int64_t number, record *record)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = on_resolved;
    options.user = record;
    return story_submit_with(pool, function, mirai_int(number), &options);
}

static void test_event_loop__refuses_bad_arguments(void **state)
{
    int fd = -1;
    assert_int_equal(mirai_pool_fd(NULL, &fd), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_fd(*state, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_process(NULL, NULL), MIRAI_E_INVALID);
    mirai_pool_interrupt(NULL);
    story_assert_ok(mirai_pool_process(*state, NULL));
}

static void test_event_loop__descriptor_is_constant_and_closed_on_exec(void **state)
{
    int fd = fd_of(*state);
    assert_int_equal(fd_of(*state), fd);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    mirai_task *task = story_submit(*state, "echo", mirai_null());
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    assert_int_equal(fd_of(*state), fd);
    (void)process(*state);
}

static void test_event_loop__readable_if_and_only_if_something_is_due(void **state)
{
    int fd = fd_of(*state);
    (void)process(*state);
    assert_false(is_readable(fd, 0));
    mirai_task *task = story_submit(*state, "echo", mirai_null()); /* without a callback */
    assert_true(is_readable(fd, STORY_PATIENCE));
    assert_true(is_readable(fd, 0)); /* level-triggered */
    assert_int_equal(process(*state), 1);
    assert_false(is_readable(fd, 0));
    assert_int_equal(process(*state), 0);
    mirai_task_release(task);

    record record = {.thread = pthread_self(), .processing = true};
    task = submit(*state, "echo", 1, &record);
    assert_true(is_readable(fd, STORY_PATIENCE));
    assert_int_equal(record.count, 0);
    assert_int_equal(process(*state), 1);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.wrong, 0);
    assert_false(is_readable(fd, 50));
    mirai_task_release(task);
}

static void test_event_loop__callbacks_never_run_in_a_wait(void **state)
{
    record record = {.thread = pthread_self(), .processing = false};
    mirai_task *task = submit(*state, "nap", 5, &record);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(record.count, 0);
    record.processing = true;
    assert_int_equal(process(*state), 1);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.wrong, 0);
    mirai_task_release(task);
}

static void test_event_loop__callbacks_run_though_the_handle_is_gone(void **state)
{
    int fd = fd_of(*state);
    record record = {.thread = pthread_self(), .processing = true};
    mirai_task_release(submit(*state, "echo", 1, &record));
    assert_true(is_readable(fd, STORY_PATIENCE));
    (void)process(*state);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.wrong, 0);
}

static void test_event_loop__first_asked_for_when_events_are_due(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    record record = {.thread = pthread_self(), .processing = true};
    mirai_task *task = submit(pool, "echo", 1, &record);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_true(is_readable(fd_of(pool), 0));
    assert_int_equal(process(pool), 1);
    assert_false(is_readable(fd_of(pool), 0));
    mirai_task_release(task);
    story_close(pool);
}

static void test_event_loop__drives_a_thousand_tasks(void **state)
{
    enum { MANY = 1000 };
    int fd = fd_of(*state);
    record record = {.thread = pthread_self(), .processing = true};
    static mirai_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) tasks[i] = submit(*state, "echo", i, &record);
    int64_t deadline = story_now_ms() + STORY_PATIENCE;
    while (record.count < MANY && story_now_ms() < deadline) {
        assert_true(is_readable(fd, STORY_PATIENCE));
        assert_true(process(*state) > 0); /* readable: there was something to do */
    }
    assert_int_equal(record.count, MANY);
    assert_int_equal(record.wrong, 0);
    assert_false(is_readable(fd, 0));
    for (int i = 0; i < MANY; i++) mirai_task_release(tasks[i]);
}

static void test_event_loop__mixes_with_waits(void **state)
{
    enum { MANY = 300 };
    int fd = fd_of(*state);
    record record = {.thread = pthread_self(), .processing = true};
    mirai_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) tasks[i] = submit(*state, "echo", i, &record);
    for (int i = MANY - 1; i >= 0; i--) {
        if (i % 3 == 0) (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        if (i % 3 == 1 && is_readable(fd, 1)) (void)process(*state);
    }
    for (int i = 0; i < MANY; i++) (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
    while (is_readable(fd, 0)) (void)process(*state);
    assert_int_equal(record.count, MANY);
    assert_int_equal(record.wrong, 0);
    for (int i = 0; i < MANY; i++) mirai_task_release(tasks[i]);
}

/* A chain: each callback submits the next. */
typedef struct chain {
    mirai_pool *pool;
    int left, wrong;
} chain;

static void next_link(mirai_task *task, void *user)
{
    chain *chain = user;
    (void)task;
    if (--chain->left == 0) return;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = next_link;
    options.user = chain;
    if (mirai_pool_submit(chain->pool, NULL, "echo", mirai_null(), &options) != MIRAI_OK) chain->wrong++;
}

static void test_event_loop__callbacks_may_submit(void **state)
{
    int fd = fd_of(*state);
    chain chain = {*state, 201, 0};
    next_link(NULL, &chain);
    while (chain.left > 0 && is_readable(fd, STORY_PATIENCE)) (void)process(*state);
    assert_int_equal(chain.left, 0);
    assert_int_equal(chain.wrong, 0);
}

static void wait_inside(mirai_task *task, void *user)
{
    mirai_pool *pool = user;
    (void)task;
    mirai_task *other = story_submit(pool, "echo", mirai_int(4));
    assert_int_equal(mirai_value_int_or(story_expect(other, MIRAI_OUTCOME_VALUE), 0), 4);
    mirai_task_release(other);
    (void)process(pool);
}

static void test_event_loop__callbacks_may_wait(void **state)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = wait_inside;
    options.user = *state;
    mirai_task *task = story_submit_with(*state, "echo", mirai_null(), &options);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    (void)process(*state);
    mirai_task_release(task);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_loop__refuses_bad_arguments),
        cmocka_unit_test(test_event_loop__descriptor_is_constant_and_closed_on_exec),
        cmocka_unit_test(test_event_loop__readable_if_and_only_if_something_is_due),
        cmocka_unit_test(test_event_loop__callbacks_never_run_in_a_wait),
        cmocka_unit_test(test_event_loop__callbacks_run_though_the_handle_is_gone),
        cmocka_unit_test(test_event_loop__first_asked_for_when_events_are_due),
        cmocka_unit_test(test_event_loop__drives_a_thousand_tasks),
        cmocka_unit_test(test_event_loop__mixes_with_waits),
        cmocka_unit_test(test_event_loop__callbacks_may_submit),
        cmocka_unit_test(test_event_loop__callbacks_may_wait),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
