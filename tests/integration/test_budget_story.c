/*
 * Budgets: how many tasks may be unresolved and how many bytes they may hold; who waits for room, who is refused, who is
 * told, and in which order they come in.
 */
#include "story.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KILO = 1024, LARGE = 64 * KILO };

static mirai_pool *open_limited(int32_t daemons, int64_t max_tasks, int64_t max_bytes)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.max_tasks = max_tasks;
    options.max_bytes = max_bytes;
    return story_open_with(daemons, &options);
}

static mirai_value *block(size_t size)
{
    void *bytes = calloc(1, size);
    assert_non_null(bytes);
    mirai_value *value = mirai_bytes(bytes, size);
    free(bytes);
    return value;
}

/* ---- bad arguments --------------------------------------------------------------------------- */

static void test_budget__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_task *task = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.max_tasks = -2;
    assert_int_equal(mirai_pool_open(&pool, "story", 1, &options), MIRAI_E_INVALID);
    options = (mirai_pool_options)MIRAI_POOL_OPTIONS_INIT;
    options.max_bytes = -2;
    assert_int_equal(mirai_pool_open(&pool, "story", 1, &options), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_try_submit(NULL, &task, "echo", mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_on_room(NULL, NULL, NULL), MIRAI_E_INVALID);
    pool = open_limited(0, 1, 0);
    assert_int_equal(mirai_pool_try_submit(pool, &task, NULL, mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_try_submit(pool, &task, "echo", NULL, NULL), MIRAI_E_INVALID);
    assert_null(task);
    story_assert_ok(mirai_pool_try_submit(pool, NULL, "echo", mirai_null(), NULL)); /* those took no place */
    assert_int_equal(mirai_pool_try_submit(pool, &task, "echo", mirai_null(), NULL), MIRAI_E_FULL);
    story_close(pool);
}

/* ---- counting -------------------------------------------------------------------------------- */

static void test_budget__counts_what_is_held(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.bytes_capacity, -1);
    assert_int_equal(status.tasks_capacity, -1);
    assert_int_equal(status.bytes_used, 0);
    mirai_task *task = story_submit(pool, "obey", block(LARGE));
    status = story_status(pool);
    assert_true(status.bytes_used > LARGE && status.bytes_used < LARGE + KILO);
    story_assert_ok(mirai_task_cancel(task, NULL));
    assert_int_equal(story_status(pool).bytes_used, 0);
    mirai_task_release(task);

    task = story_submit(pool, "echo", block(LARGE));
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    assert_true(story_status(pool).bytes_used >= LARGE); /* its result, which nobody has read */
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(story_status(pool).bytes_used, 0);
    mirai_task_release(task);

    task = story_submit(pool, "echo", block(LARGE));
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    mirai_task_release(task);
    assert_int_equal(story_status(pool).bytes_used, 0);
    status = story_status(pool);
    assert_true(status.bytes_peak > LARGE && status.bytes_peak < 2 * LARGE + 2 * KILO);
    story_close(pool);
}

static void test_budget__grows_without_daemons_and_drains(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    mirai_task *tasks[COUNT];
    mirai_pool *pool = story_open(0);
    for (int i = 0; i < COUNT; i++) tasks[i] = story_submit(pool, "echo", block(KILO));
    assert_true(story_status(pool).bytes_used > COUNT * KILO);
    story_assert_ok(mirai_pool_resize(pool, 1));
    for (int i = 0; i < COUNT; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    assert_int_equal(story_status(pool).bytes_used, 0);
    assert_true(story_status(pool).bytes_peak > COUNT * KILO);
    story_close(pool);
}

/* ---- refusing -------------------------------------------------------------------------------- */

static int serialized, released;

static mirai_value *serialize(mirai_message *message, void *object, void *context)
{
    (void)message, (void)object, (void)context;
    serialized++;
    return mirai_null();
}

static mirai_status unserialize(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message, (void)data, (void)context;
    *object = &released;
    return MIRAI_OK;
}

static void let_go(void *object, void *context)
{
    (void)object, (void)context;
    released++;
}

static void test_budget__a_refusal_costs_nothing(void **state)
{
    (void)state;
    mirai_pool *pool = open_limited(0, 2, 0);
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serialize;
    hook.unserialize = unserialize;
    story_assert_ok(mirai_pool_refhook_register(pool, "thing", &hook));
    mirai_task *task = NULL;
    for (int i = 0; i < 2; i++) story_assert_ok(mirai_pool_try_submit(pool, NULL, "echo", mirai_null(), NULL));
    mirai_pool_status before = story_status(pool);
    for (int i = 0; i < 100; i++) {
        mirai_value *thing = mirai_reference("thing", &released, let_go, NULL);
        assert_int_equal(mirai_pool_try_submit(pool, &task, "echo", thing, NULL), MIRAI_E_FULL);
    }
    assert_non_null(strstr(mirai_error_detail(), "max_tasks is 2"));
    assert_null(task);
    assert_int_equal(serialized, 0);
    assert_int_equal(released, 100);
    mirai_pool_status after = story_status(pool);
    assert_int_equal(after.tasks_capacity, 2);
    assert_int_equal(after.bytes_peak, before.bytes_peak);
    assert_int_equal(after.submitted, 2);
    story_close(pool);
}

static mirai_value *draw(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_float(mirai_rng_uniform(mirai_job_rng(job)));
}

/* The second draw of a pool whose streams are seeded. */
static double second_draw(int refusals)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.max_tasks = 1;
    options.seed = 7;
    options.seeded = 1;
    mirai_pool *pool = story_open_with(1, &options);
    mirai_task *first = story_submit(pool, "obey", mirai_null()), *task = NULL;
    for (int i = 0; i < refusals; i++)
        assert_int_equal(mirai_pool_try_submit(pool, &task, "draw", mirai_null(), NULL), MIRAI_E_FULL);
    story_assert_ok(mirai_task_cancel(first, NULL));
    story_assert_ok(mirai_pool_try_submit(pool, &task, "draw", mirai_null(), NULL));
    double drawn = mirai_value_float_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1);
    mirai_task_release(task);
    mirai_task_release(first);
    story_close(pool);
    return drawn;
}

static void test_budget__a_refusal_uses_up_no_random_stream(void **state)
{
    (void)state;
    double drawn = second_draw(0);
    assert_true(drawn > 0 && drawn == second_draw(3));
}

static void test_budget__bytes_are_freed_by_reading_and_by_releasing(void **state)
{
    (void)state;
    mirai_pool *pool = open_limited(1, 0, LARGE);
    mirai_task *tasks[2] = {NULL, NULL}, *refused = NULL;
    for (int i = 0; i < 2; i++) {
        story_assert_ok(mirai_pool_try_submit(pool, &tasks[i], "echo", block(LARGE), NULL)); /* beyond it: one may */
        story_assert_ok(mirai_task_wait(tasks[i], STORY_PATIENCE));
        assert_int_equal(mirai_pool_try_submit(pool, &refused, "echo", mirai_null(), NULL), MIRAI_E_FULL);
        assert_non_null(strstr(mirai_error_detail(), "max_bytes"));
        assert_null(refused);
        if (i == 0) {
            (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        } else {
            mirai_task_release(tasks[i]);
        }
    }
    story_assert_ok(mirai_pool_try_submit(pool, NULL, "echo", mirai_null(), NULL));
    mirai_task_release(tasks[0]);
    assert_int_equal(story_status(pool).bytes_capacity, LARGE);
    story_close(pool);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void test_budget__a_submit_waits_for_room(void **state)
{
    (void)state;
    mirai_pool *pool = open_limited(1, 1, 0);
    mirai_task *before = story_submit(pool, "nap", mirai_int(20));
    for (int i = 0; i < 10; i++) {
        mirai_task *task = story_submit(pool, "nap", mirai_int(i % 3));
        assert_int_equal(mirai_task_state(before), MIRAI_TASK_RESOLVED);
        mirai_task_release(before);
        before = task;
    }
    mirai_task_release(before);
    story_close(pool);
}

typedef struct submitter {
    pthread_t thread;
    mirai_pool *pool;
    mirai_task *task;
    size_t size; /* of the argument */
    _Atomic long tid;
    mirai_status status;
} submitter;

static void *submit_once(void *user)
{
    submitter *self = user;
    mirai_value *args = self->size > 0 ? block(self->size) : mirai_null();
    atomic_store(&self->tid, syscall(SYS_gettid));
    self->status = mirai_pool_submit(self->pool, &self->task, "echo", args, NULL);
    return NULL;
}

/* The thread has slept each of many times in a row that it was looked at: it waits. */
static bool is_asleep(void *user)
{
    const submitter *self = user;
    long tid = atomic_load((_Atomic long *)&self->tid);
    char path[64], line[256] = "";
    if (tid == 0) return false;
    (void)snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    for (int i = 0; i < 10; i++) {
        FILE *file = fopen(path, "re");
        if (file == NULL) return false;
        bool got = fgets(line, sizeof line, file) != NULL;
        (void)fclose(file);
        const char *end = got ? strrchr(line, ')') : NULL;
        if (end == NULL || end[2] != 'S') return false;
        story_sleep_ms(2);
    }
    return true;
}

static void start(submitter *self, mirai_pool *pool, size_t size)
{
    *self = (submitter){.pool = pool, .size = size, .status = MIRAI_E_AGAIN};
    assert_int_equal(pthread_create(&self->thread, NULL, submit_once, self), 0);
}

static void start_and_wait(submitter *self, mirai_pool *pool, size_t size)
{
    start(self, pool, size);
    assert_true(story_until(is_asleep, self));
}

static void test_budget__waiting_threads_come_in_by_order_of_arrival(void **state)
{
    (void)state;
    enum { THREADS = 5 };
    submitter all[THREADS];
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        mirai_pool *pool = by_bytes ? open_limited(1, 0, LARGE) : open_limited(1, 1, 0);
        mirai_task *first = story_submit(pool, "obey", block(LARGE));
        for (size_t i = 0; i < THREADS; i++) start_and_wait(&all[i], pool, LARGE);
        assert_int_equal(mirai_pool_try_submit(pool, NULL, "echo", mirai_null(), NULL), MIRAI_E_FULL);
        story_assert_ok(mirai_task_cancel(first, NULL));
        for (size_t i = 0; i < THREADS; i++) {
            (void)pthread_join(all[i].thread, NULL);
            assert_int_equal(all[i].status, MIRAI_OK);
            /* The one before is the only one that has come in; by bytes its result counts still. */
            if (i > 0) assert_true(mirai_task_id(all[i].task) == mirai_task_id(all[i - 1].task) + 1);
            (void)story_expect(all[i].task, MIRAI_OUTCOME_VALUE);
        }
        for (size_t i = 0; i < THREADS; i++) mirai_task_release(all[i].task);
        /* One request, one result on its way, and no more. */
        if (by_bytes) assert_true(story_status(pool).bytes_peak < 3 * LARGE);
        mirai_task_release(first);
        story_close(pool);
    }
}

static void test_budget__a_wait_can_be_interrupted(void **state)
{
    (void)state;
    submitter one, other;
    mirai_pool *pool = open_limited(1, 1, 0);
    mirai_task *task = story_submit(pool, "obey", mirai_null());
    start_and_wait(&one, pool, 0);
    mirai_pool_interrupt(pool);
    (void)pthread_join(one.thread, NULL);
    assert_int_equal(one.status, MIRAI_E_INTERRUPTED);
    assert_null(one.task);
    start_and_wait(&other, pool, 0); /* it left no trace in the line */
    story_assert_ok(mirai_task_cancel(task, NULL));
    (void)pthread_join(other.thread, NULL);
    assert_int_equal(other.status, MIRAI_OK);
    (void)story_expect(other.task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(other.task);
    mirai_task_release(task);
    story_close(pool);
}

static void test_budget__closing_ends_the_wait(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    submitter all[THREADS];
    for (int32_t how = MIRAI_DRAIN; how <= MIRAI_CANCEL; how++) {
        mirai_pool *pool = open_limited(1, 1, 0);
        mirai_task *task = story_submit(pool, how == MIRAI_DRAIN ? "nap" : "obey", how == MIRAI_DRAIN ? mirai_int(3000) : mirai_null());
        for (size_t i = 0; i < THREADS; i++) start_and_wait(&all[i], pool, 0);
        story_assert_ok(mirai_pool_close(pool, how, STORY_PATIENCE));
        size_t closed = 0;
        for (size_t i = 0; i < THREADS; i++) {
            (void)pthread_join(all[i].thread, NULL);
            closed += all[i].status == MIRAI_E_CLOSED;
            mirai_task_release(all[i].task); /* some came in where the nap was over before */
        }
        assert_true(closed > 0);
        mirai_task_release(task);
    }
}

/* ---- from inside ----------------------------------------------------------------------------- */

static int chained;

static void chain(mirai_task *task, void *user)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = chain;
    options.user = user;
    (void)task;
    for (int i = 0; i < 3 && chained < 30; i++, chained++)
        story_assert_ok(mirai_pool_submit(user, NULL, "echo", mirai_int(i), &options));
}

static void test_budget__callbacks_may_submit_to_a_full_pool(void **state)
{
    (void)state;
    mirai_pool *pool = open_limited(1, 1, 0);
    chain(NULL, pool);
    while (story_status(pool).completed < 30) {
        story_assert_ok(mirai_pool_process(pool, NULL));
        story_sleep_ms(1);
    }
    assert_int_equal(chained, 30);
    story_close(pool);
}

static mirai_value *submit_from_hook(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    mirai_pool *pool = object;
    return mirai_pool_submit(pool, NULL, "echo", mirai_null(), NULL) == MIRAI_OK ? mirai_null() : NULL;
}

static void test_budget__hooks_may_submit_to_a_full_pool(void **state)
{
    (void)state;
    mirai_pool *pool = open_limited(1, 1, 0);
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = submit_from_hook;
    hook.unserialize = unserialize;
    story_assert_ok(mirai_pool_refhook_register(pool, "pool", &hook));
    for (int i = 0; i < 3; i++)
        story_assert_ok(mirai_pool_submit(pool, NULL, "echo", mirai_reference("pool", pool, NULL, NULL), NULL));
    while (story_status(pool).awaiting + story_status(pool).executing > 0) story_sleep_ms(1);
    assert_int_equal(story_status(pool).submitted, 6);
    story_close(pool);
}

/* ---- being told ------------------------------------------------------------------------------ */

static int told, told_other;

static void tell(mirai_pool *pool, void *user)
{
    assert_non_null(pool);
    ++*(int *)user;
}

static size_t process(mirai_pool *pool)
{
    size_t handled = 0;
    story_assert_ok(mirai_pool_process(pool, &handled));
    return handled;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, timeout_ms) == 1;
}

static void test_budget__tells_once_when_there_is_room(void **state)
{
    (void)state;
    int fd = -1;
    told = told_other = 0;
    mirai_pool *pool = open_limited(0, 1, 0);
    story_assert_ok(mirai_pool_fd(pool, &fd));
    story_assert_ok(mirai_pool_on_room(pool, tell, &told));
    assert_true(is_readable(fd, 0)); /* there is some now */
    assert_int_equal(process(pool), 1);
    assert_int_equal(process(pool), 0);
    assert_int_equal(told, 1);

    mirai_task *task = story_submit(pool, "echo", mirai_null());
    story_assert_ok(mirai_pool_on_room(pool, tell, &told));
    story_assert_ok(mirai_pool_on_room(pool, tell, &told_other)); /* instead */
    assert_false(is_readable(fd, 0));
    assert_int_equal(process(pool), 0);
    story_assert_ok(mirai_task_cancel(task, NULL));
    assert_true(is_readable(fd, 0));
    mirai_task *next = story_submit(pool, "echo", mirai_null()); /* and it is gone again */
    assert_int_equal(process(pool), 1);                          /* the cancelled task */
    assert_int_equal(told_other, 0);
    story_assert_ok(mirai_task_cancel(next, NULL));
    assert_int_equal(process(pool), 2);
    assert_int_equal(told, 1);
    assert_int_equal(told_other, 1);

    story_assert_ok(mirai_pool_on_room(pool, tell, &told));
    story_assert_ok(mirai_pool_on_room(pool, NULL, NULL));
    assert_false(is_readable(fd, 0));
    assert_int_equal(process(pool), 0);
    mirai_task_release(task);
    mirai_task_release(next);
    story_close(pool);
}

/* ---- much traffic ---------------------------------------------------------------------------- */

typedef struct loop {
    mirai_pool *pool;
    int left, resolved, refusals;
} loop;

static void on_resolved(mirai_task *task, void *user)
{
    loop *loop = user;
    assert_int_equal(mirai_task_outcome(task), MIRAI_OUTCOME_VALUE);
    loop->resolved++;
}

static void fill(mirai_pool *pool, void *user)
{
    loop *loop = user;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = on_resolved;
    options.user = loop;
    mirai_status status = MIRAI_OK;
    while (loop->left > 0 && status == MIRAI_OK) {
        status = mirai_pool_try_submit(pool, NULL, "echo", block(KILO), &options);
        if (status == MIRAI_OK) loop->left--;
    }
    if (status == MIRAI_OK) return;
    assert_int_equal(status, MIRAI_E_FULL);
    loop->refusals++;
    story_assert_ok(mirai_pool_on_room(pool, fill, loop));
}

static void test_budget__an_event_loop_never_waits(void **state)
{
    (void)state;
    enum { TASKS = 500 };
    mirai_pool *pool = open_limited(2, 7, 10 * KILO);
    loop loop = {.pool = pool, .left = TASKS};
    int fd = -1;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    fill(pool, &loop);
    while (loop.resolved < TASKS) {
        assert_true(is_readable(fd, STORY_PATIENCE));
        (void)process(pool);
    }
    assert_true(loop.refusals > 0);
    assert_int_equal(story_status(pool).bytes_used, 0);
    assert_true(story_status(pool).bytes_peak <= 12 * KILO + 12 * 64);
    story_close(pool);
}

static _Atomic int64_t unresolved_peak, failures;

static void *submit_many(void *user)
{
    mirai_pool *pool = user;
    mirai_task *tasks[8] = {NULL};
    for (int i = 0; i < 100; i++) {
        mirai_task **slot = &tasks[i % 8];
        const mirai_value *value;
        if (*slot != NULL && (mirai_task_wait(*slot, STORY_PATIENCE) != MIRAI_OK ||
                              mirai_task_result(*slot, &value) != MIRAI_OK || mirai_value_is_error(value)))
            failures++;
        mirai_task_release(*slot);
        if (mirai_pool_submit(pool, slot, "echo", mirai_int(i), NULL) != MIRAI_OK) failures++;
        mirai_pool_status status = MIRAI_POOL_STATUS_INIT;
        if (mirai_pool_get_status(pool, &status) != MIRAI_OK) failures++;
        int64_t now = status.awaiting + status.executing;
        if (now > unresolved_peak) unresolved_peak = now;
    }
    for (size_t i = 0; i < 8; i++) {
        if (mirai_task_wait(tasks[i], STORY_PATIENCE) != MIRAI_OK) failures++;
        mirai_task_release(tasks[i]);
    }
    return NULL;
}

static void test_budget__holds_among_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 6, MOST = 3 };
    pthread_t threads[THREADS];
    mirai_pool *pool = open_limited(2, MOST, 0);
    unresolved_peak = failures = 0;
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, submit_many, pool), 0);
    for (size_t i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
    assert_true(unresolved_peak > 0 && unresolved_peak <= MOST);
    assert_int_equal(story_status(pool).completed, THREADS * 100);
    assert_int_equal(story_status(pool).bytes_used, 0);
    story_close(pool);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    return mirai_function_register("draw", draw, NULL);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget__refuses_bad_arguments),
        cmocka_unit_test(test_budget__counts_what_is_held),
        cmocka_unit_test(test_budget__grows_without_daemons_and_drains),
        cmocka_unit_test(test_budget__a_refusal_costs_nothing),
        cmocka_unit_test(test_budget__a_refusal_uses_up_no_random_stream),
        cmocka_unit_test(test_budget__bytes_are_freed_by_reading_and_by_releasing),
        cmocka_unit_test(test_budget__a_submit_waits_for_room),
        cmocka_unit_test(test_budget__waiting_threads_come_in_by_order_of_arrival),
        cmocka_unit_test(test_budget__a_wait_can_be_interrupted),
        cmocka_unit_test(test_budget__closing_ends_the_wait),
        cmocka_unit_test(test_budget__callbacks_may_submit_to_a_full_pool),
        cmocka_unit_test(test_budget__hooks_may_submit_to_a_full_pool),
        cmocka_unit_test(test_budget__tells_once_when_there_is_room),
        cmocka_unit_test(test_budget__an_event_loop_never_waits),
        cmocka_unit_test(test_budget__holds_among_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
