/*
 * Who makes a pool's turns, and what must not be lost when two threads are at it: kicks, interrupts, time-outs, a pool
 * that is closed, peers at its door. The races are opened by turnstiles: nothing here depends on who is faster.
 * Linked with the library's insides, to see its descriptor and what it is about.
 */
#include "story.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "handle.h"
#include "hostile_daemon.h"
#include "turnstile.h"

enum { BEFORE = TURNSTILE_BEFORE, AFTER = TURNSTILE_AFTER, ENDED = TURNSTILE_ENDED, ANY = -1, HOUR_MS = 3600000 };

/* ---- what the tests share -------------------------------------------------------------------- */

static turnstile service;

typedef struct waiting {
    pthread_t thread;
    turnstile door;
    mirai_task *task;
    mirai_status status;
} waiting;

static void *wait_for(void *context)
{
    waiting *self = context;
    turnstile_choose(&self->door);
    self->status = mirai_task_wait(self->task, STORY_PATIENCE);
    turnstile_end();
    return NULL;
}

static void begin_wait(waiting *self, mirai_task *task)
{
    *self = (waiting){.door = {.epoll = ANY, .holds = BEFORE}, .task = task, .status = 1};
    assert_int_equal(pthread_create(&self->thread, NULL, wait_for, self), 0);
}

/* It has taken the pool over and is about to sleep. */
static void begin_drive(waiting *self, mirai_task *task)
{
    begin_wait(self, task);
    assert_int_equal(turnstile_await(&self->door, BEFORE), BEFORE);
}

typedef struct crowd {
    mirai_pool *pool;
    size_t waiters;
} crowd;

static bool is_there(void *context)
{
    const crowd *crowd = context;
    size_t count = 0;
    (void)pthread_mutex_lock(&crowd->pool->lock);
    for (const mirai__list *at = crowd->pool->waiters.next; at != &crowd->pool->waiters; at = at->next) count++;
    (void)pthread_mutex_unlock(&crowd->pool->lock);
    return count == crowd->waiters;
}

/* It waits for the one who drives; `waiters`: how many do now, with the driver. */
static void begin_follow(waiting *self, mirai_pool *pool, mirai_task *task, size_t waiters)
{
    crowd crowd = {pool, waiters};
    begin_wait(self, task);
    assert_true(story_until(is_there, &crowd));
}

/* It makes no further turn, but ends. */
static void check_end(waiting *self, mirai_status status)
{
    assert_int_equal(turnstile_await(&self->door, BEFORE | ENDED), ENDED);
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    assert_int_equal(self->status, status);
}

static mirai_task *submit_for(mirai_pool *pool, int64_t timeout_ms)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = timeout_ms;
    return story_submit_with(pool, "echo", mirai_null(), &options);
}

/* The service thread has taken a kick of a pool that nobody drives, and has yet to deal with it. The task that brought
 * the kick. */
static mirai_task *catch_service(mirai_pool *pool)
{
    turnstile_hold(&service, pool->epoll, AFTER);
    turnstile_for_service(&service);
    mirai_task *task = submit_for(pool, HOUR_MS);
    assert_int_equal(turnstile_await(&service, AFTER), AFTER);
    assert_int_equal(service.result, 1);
    return task;
}

/* Until it has ended its turn and is about to sleep on all pools. */
static void finish_service(void)
{
    turnstile_hold(&service, ANY, BEFORE);
    assert_int_equal(turnstile_await(&service, BEFORE), BEFORE);
}

static void free_service(void)
{
    turnstile_for_service(NULL);
    turnstile_hold(&service, ANY, 0);
}

static bool is_kicked(const mirai_pool *pool)
{
    struct pollfd event = {.fd = pool->epoll, .events = POLLIN};
    return poll(&event, 1, 0) == 1;
}

static void end(mirai_task *task)
{
    story_assert_ok(mirai_task_cancel(task, NULL));
    mirai_task_release(task);
}

/* ---- kicks ----------------------------------------------------------------------------------- */

static void test_turn__kick_taken_by_one_who_drives_no_more_is_passed_on(void **state)
{
    (void)state;
    static waiting driver;
    mirai_pool *pool = story_open(0);
    mirai_task *task = catch_service(pool);
    begin_drive(&driver, task);
    story_assert_ok(mirai_task_cancel(task, NULL)); /* kicks the driver, who does not sleep yet */
    finish_service();                               /* took that kick too */
    assert_true(is_kicked(pool));
    turnstile_let(&driver.door);
    check_end(&driver, MIRAI_OK);
    assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_CANCELLED);
    free_service();
    mirai_task_release(task);
    story_close(pool);
}

/* ---- what is decided and what is told -------------------------------------------------------- */

typedef struct traveller {
    pthread_t thread;
    turnstile door;
    mirai_pool *pool;
    mirai_task *task; /* at hand */
    bool good;
} traveller;

enum { TRIPS = 2000 };

static void *travel(void *context)
{
    traveller *self = context;
    self->good = true;
    turnstile_choose(&self->door);
    for (int i = 0; i < TRIPS && self->good; i++) {
        self->good = mirai_pool_submit(self->pool, &self->task, "echo", mirai_int(i), NULL) == MIRAI_OK &&
                     mirai_task_wait(self->task, STORY_PATIENCE) == MIRAI_OK;
        mirai_task_release(self->task);
    }
    turnstile_end();
    return NULL;
}

/* Where a driver lets the lock go, also in passing, a task that has resolved for one is resolved for all. */
static void test_turn__nothing_decided_is_untold_while_others_may_look(void **state)
{
    (void)state;
    static traveller driver;
    mirai_pool *pool = story_open(1);
    driver = (traveller){.door = {.epoll = pool->epoll, .holds = BEFORE}, .pool = pool};
    assert_int_equal(pthread_create(&driver.thread, NULL, travel, &driver), 0);
    int untold = 0;
    while (turnstile_await(&driver.door, BEFORE | ENDED) == BEFORE) {
        (void)pthread_mutex_lock(&pool->lock);
        untold += driver.task->sched.state == MIRAI_TASK_RESOLVED && !mirai__task_is_resolved(driver.task);
        (void)pthread_mutex_unlock(&pool->lock);
        turnstile_let(&driver.door);
    }
    assert_int_equal(pthread_join(driver.thread, NULL), 0);
    assert_true(driver.good);
    assert_int_equal(untold, 0);
    story_close(pool);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static void test_turn__interrupt_taken_by_one_who_drives_no_more_ends_the_wait(void **state)
{
    (void)state;
    static waiting driver;
    mirai_pool *pool = story_open(0);
    mirai_task *task = catch_service(pool);
    begin_drive(&driver, task);
    mirai_pool_interrupt(pool);
    finish_service();
    assert_true(is_kicked(pool));
    turnstile_let(&driver.door);
    check_end(&driver, MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_TIMEDOUT);
    free_service();
    end(task);
    story_close(pool);
}

static void test_turn__interrupt_ends_all_waits(void **state)
{
    (void)state;
    static waiting driver, followers[3];
    mirai_pool *pool = story_open(0);
    mirai_task *task = story_submit(pool, "echo", mirai_null()), *other = story_submit(pool, "echo", mirai_null());
    begin_drive(&driver, task);
    for (size_t i = 0; i < 3; i++) begin_follow(&followers[i], pool, i == 0 ? task : other, i + 2);
    mirai_pool_interrupt(pool);
    turnstile_let(&driver.door);
    check_end(&driver, MIRAI_E_INTERRUPTED);
    for (size_t i = 0; i < 3; i++) check_end(&followers[i], MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_TIMEDOUT);
    end(task);
    end(other);
    story_close(pool);
}

static void test_turn__interrupt_found_by_a_later_wait_ends_the_earlier_too(void **state)
{
    (void)state;
    static waiting driver;
    mirai_pool *pool = story_open(0);
    mirai_task *task = story_submit(pool, "echo", mirai_null()), *other = story_submit(pool, "echo", mirai_null());
    begin_drive(&driver, task);
    mirai_pool_interrupt(pool);
    assert_int_equal(mirai_task_wait(other, 0), MIRAI_E_INTERRUPTED); /* before any turn could deliver it */
    turnstile_let(&driver.door);
    check_end(&driver, MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(other, 0), MIRAI_E_TIMEDOUT);
    end(task);
    end(other);
    story_close(pool);
}

static void test_turn__interrupt_of_a_wait_that_ends_is_told_by_the_next(void **state)
{
    (void)state;
    static waiting driver;
    mirai_pool *pool = story_open(0);
    mirai_task *task = story_submit(pool, "echo", mirai_null()), *other = story_submit(pool, "echo", mirai_null());
    begin_drive(&driver, task);
    mirai_pool_interrupt(pool);
    story_assert_ok(mirai_task_cancel(task, NULL));
    turnstile_let(&driver.door);
    check_end(&driver, MIRAI_OK);
    assert_int_equal(mirai_task_wait(other, 0), MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(other, 0), MIRAI_E_TIMEDOUT);
    mirai_task_release(task);
    end(other);
    story_close(pool);
}

/* The next one may have begun before that wait was over. */
static void test_turn__interrupt_of_a_wait_that_ends_is_told_by_one_that_came_after_it(void **state)
{
    (void)state;
    static waiting driver, follower;
    mirai_pool *pool = story_open(0);
    mirai_task *task = catch_service(pool), *other = story_submit(pool, "echo", mirai_null());
    begin_drive(&driver, task);
    story_assert_ok(mirai_task_cancel(task, NULL));
    mirai_pool_interrupt(pool);
    finish_service(); /* the driver has been told, and has what it waits for */
    begin_follow(&follower, pool, other, 2);
    turnstile_let(&driver.door);
    check_end(&driver, MIRAI_OK);
    check_end(&follower, MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(other, 0), MIRAI_E_TIMEDOUT);
    free_service();
    mirai_task_release(task);
    end(other);
    story_close(pool);
}

static bool has_timed_out(void *context)
{
    const mirai_task *task = context;
    return story_now_ms() > task->sched.timer.key;
}

/* One that was told by a wait is not told again, though another wait ended with what it waited for. */
static void test_turn__interrupt_is_told_once(void **state)
{
    (void)state;
    static waiting driver, follower;
    mirai_pool *pool = story_open(0);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    begin_drive(&driver, task);
    mirai_task *brief = submit_for(pool, 1); /* nobody looks at the clock before the next turn */
    begin_follow(&follower, pool, brief, 2);
    assert_true(story_until(has_timed_out, brief));
    mirai_pool_interrupt(pool);
    turnstile_let(&driver.door); /* one turn delivers it, and resolves what the other waits for */
    check_end(&driver, MIRAI_E_INTERRUPTED);
    check_end(&follower, MIRAI_OK);
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_TIMEDOUT);
    end(task);
    mirai_task_release(brief);
    story_close(pool);
}

static void test_turn__interrupt_when_nobody_waits_is_kept_for_the_next(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(0);
    mirai_task *task = catch_service(pool);
    mirai_pool_interrupt(pool);
    finish_service(); /* took it, and found nobody */
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_TIMEDOUT);
    mirai_pool_interrupt(pool); /* and before anybody took it */
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_INTERRUPTED);
    assert_int_equal(mirai_task_wait(task, 0), MIRAI_E_TIMEDOUT);
    free_service();
    end(task);
    story_close(pool);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void test_turn__closing_leaves_its_descriptors_to_one_who_waits(void **state)
{
    (void)state;
    static waiting driver;
    story_close(story_open(0)); /* what is made once and kept */
    size_t before = story_descriptors();
    mirai_pool *pool = story_open(0);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    begin_drive(&driver, task);
    story_close(pool);
    turnstile_let(&driver.door); /* only now it goes to sleep on the pool */
    check_end(&driver, MIRAI_OK);
    assert_true(driver.door.result > 0);
    assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_CLOSED);
    mirai_task_release(task); /* the last handle closes them */
    assert_true(story_until_descriptors(before));
}

typedef struct closing {
    pthread_t thread;
    turnstile door;
    mirai_pool *pool;
    mirai_status status;
} closing;

static void *close_pool(void *context)
{
    closing *self = context;
    turnstile_choose(&self->door);
    self->status = mirai_pool_close(self->pool, MIRAI_CANCEL, 0);
    turnstile_end();
    return NULL;
}

static bool is_ending(void *context)
{
    mirai_pool *pool = context;
    (void)pthread_mutex_lock(&pool->lock);
    bool ending = pool->ending;
    (void)pthread_mutex_unlock(&pool->lock);
    return ending;
}

static bool has_strangers(void *context)
{
    const crowd *crowd = context;
    (void)pthread_mutex_lock(&crowd->pool->lock);
    bool all = crowd->pool->strangers.count == crowd->waiters;
    (void)pthread_mutex_unlock(&crowd->pool->lock);
    return all;
}

static bool has_ended(void *context)
{
    char byte;
    ssize_t got = recv(*(int *)context, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

static void test_turn__closing_neither_admits_nor_awaits_strangers(void **state)
{
    (void)state;
    enum { STRANGERS = 4 };
    static closing closer;
    int fds[STRANGERS];
    story_close(story_open(0));
    size_t before = story_descriptors();
    mirai_pool *pool = story_open(0);
    const char *url = pool->spawn.url;
    if (url == NULL) { /* on an inherited socket there is no door */
        story_close(pool);
        skip();
    }
    crowd early = {pool, STRANGERS - 1};
    for (int i = 0; i < STRANGERS - 1; i++) assert_true((fds[i] = hostile_connect(url)) >= 0);
    assert_int_equal(send(fds[0], "mir", 3, MSG_NOSIGNAL), 3); /* half a greeting; the others say nothing */
    assert_true(story_until(has_strangers, &early));

    turnstile_hold(&service, pool->epoll, AFTER);
    turnstile_for_service(&service);
    assert_true((fds[STRANGERS - 1] = hostile_connect(url)) >= 0);
    assert_int_equal(turnstile_await(&service, AFTER), AFTER); /* it has heard the knock */
    closer = (closing){.door = {.epoll = ANY}, .pool = pool, .status = 1};
    assert_int_equal(pthread_create(&closer.thread, NULL, close_pool, &closer), 0);
    assert_true(story_until(is_ending, pool)); /* and is not gone before that thread is out of it */
    free_service();
    assert_int_equal(pthread_join(closer.thread, NULL), 0);
    story_assert_ok(closer.status);
    assert_int_equal(closer.door.waits, 0);
    for (int i = 0; i < STRANGERS; i++) {
        assert_true(story_until(has_ended, &fds[i]));
        (void)close(fds[i]);
    }
    assert_true(story_until_descriptors(before));
}

/* ---- time-outs ------------------------------------------------------------------------------- */

/* It resolves though nobody waits: its pool's descriptor, which was asked for before, says so. */
static void check_times_out(mirai_pool *pool, mirai_task *task)
{
    struct pollfd event = {.events = POLLIN};
    story_assert_ok(mirai_pool_fd(pool, &event.fd));
    assert_int_equal(poll(&event, 1, STORY_PATIENCE), 1);
    assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_TIMEDOUT);
    story_assert_ok(mirai_pool_process(pool, NULL));
    mirai_task_release(task);
}

static mirai_pool *open_with_descriptor(void)
{
    int fd;
    mirai_pool *pool = story_open(0);
    story_assert_ok(mirai_pool_fd(pool, &fd));
    return pool;
}

static void test_turn__times_out_in_a_pool_of_nobody(void **state)
{
    (void)state;
    mirai_pool *pool = open_with_descriptor();
    for (int i = 0; i < 3; i++) check_times_out(pool, submit_for(pool, 1)); /* the first is the pool's first event */
    story_close(pool);
}

static void test_turn__times_out_sooner_than_the_service_thread_knew(void **state)
{
    (void)state;
    mirai_pool *pool = open_with_descriptor();
    mirai_task *late = catch_service(pool);
    finish_service(); /* it is about to sleep for an hour */
    mirai_task *soon = submit_for(pool, 1);
    free_service();
    check_times_out(pool, soon);
    end(late);
    story_close(pool);
}

/* Whether or not anything is due when it does. */
static void test_turn__times_out_when_a_wait_has_given_the_pool_back(void **state)
{
    (void)state;
    static waiting driver;
    mirai_pool *pool = open_with_descriptor();
    mirai_task *task = story_submit(pool, "echo", mirai_null()), *brief = NULL;
    for (int i = 0; i < 2; i++) {
        begin_drive(&driver, task);
        if (i == 1) brief = submit_for(pool, 1); /* the service thread has never heard of it */
        mirai_pool_interrupt(pool);
        turnstile_let(&driver.door);
        check_end(&driver, MIRAI_E_INTERRUPTED);
        check_times_out(pool, i == 1 ? brief : submit_for(pool, 1));
    }
    end(task);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn__kick_taken_by_one_who_drives_no_more_is_passed_on),
        cmocka_unit_test(test_turn__nothing_decided_is_untold_while_others_may_look),
        cmocka_unit_test(test_turn__interrupt_taken_by_one_who_drives_no_more_ends_the_wait),
        cmocka_unit_test(test_turn__interrupt_ends_all_waits),
        cmocka_unit_test(test_turn__interrupt_found_by_a_later_wait_ends_the_earlier_too),
        cmocka_unit_test(test_turn__interrupt_of_a_wait_that_ends_is_told_by_the_next),
        cmocka_unit_test(test_turn__interrupt_of_a_wait_that_ends_is_told_by_one_that_came_after_it),
        cmocka_unit_test(test_turn__interrupt_is_told_once),
        cmocka_unit_test(test_turn__interrupt_when_nobody_waits_is_kept_for_the_next),
        cmocka_unit_test(test_turn__closing_leaves_its_descriptors_to_one_who_waits),
        cmocka_unit_test(test_turn__closing_neither_admits_nor_awaits_strangers),
        cmocka_unit_test(test_turn__times_out_in_a_pool_of_nobody),
        cmocka_unit_test(test_turn__times_out_sooner_than_the_service_thread_knew),
        cmocka_unit_test(test_turn__times_out_when_a_wait_has_given_the_pool_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
