/*
 * Profiles: pools by name, one present profile per thread, replaced under those who submit to it, and closed together.
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Submits to the present profile; expects a value, and reads it as a number. */
static int64_t ask(const char *function, mirai_value *args)
{
    mirai_task *task = NULL;
    story_assert_ok(mirai_submit(&task, function, args, NULL));
    int64_t number = mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), -1);
    mirai_task_release(task);
    return number;
}

static mirai_status call_daemons(int32_t daemons)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = STORY_PATIENCE;
    return mirai_daemons(NULL, daemons, &options);
}

/* What a function of a sync pool gets when it changes the profiles that it runs in. */
static mirai_value *meddle(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_list_of(mirai_int(mirai_daemons("sync", 0, NULL)), mirai_int(mirai_profiles_close(MIRAI_CANCEL, 0)),
                         MIRAI_END);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    return mirai_function_register("meddle", meddle, NULL);
}

static void close_all(void)
{
    story_assert_ok(mirai_profiles_close(MIRAI_CANCEL, 0));
}

static void test_profile__refuses_bad_arguments(void **state)
{
    (void)state;
    char long_name[300];
    memset(long_name, 'n', sizeof long_name);
    long_name[256] = '\0';
    const char *const names[] = {"", "\xff", long_name};
    mirai_pool *pool = NULL;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mirai_daemons(names[i], 1, NULL), MIRAI_E_INVALID);
        assert_int_equal(mirai_profile_pool(names[i], &pool), MIRAI_E_INVALID);
        assert_int_equal(mirai_profile_set(names[i], NULL), MIRAI_E_INVALID);
    }
    assert_int_equal(mirai_profile_pool(NULL, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_profile_pool("nobody", &pool), MIRAI_E_NOT_FOUND);
    assert_int_equal(mirai_daemons(NULL, -1, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_daemons(NULL, 4097, NULL), MIRAI_E_INVALID);
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    assert_int_equal(mirai_daemons(NULL, 1, &options), MIRAI_E_INVALID);
    assert_int_equal(mirai_profiles_close(77, 0), MIRAI_E_INVALID);
    assert_null(pool);
    close_all(); /* there is nothing: no error, twice */
    close_all();
    story_assert_ok(mirai_daemons(NULL, 0, NULL));
}

static void test_profile__has_a_pool(void **state)
{
    (void)state;
    mirai_pool *pool = NULL, *again = NULL;
    story_assert_ok(call_daemons(2));
    story_assert_ok(mirai_profile_pool(NULL, &pool));
    story_assert_ok(mirai_profile_pool("default", &again));
    assert_ptr_equal(pool, again);
    assert_int_equal(story_status(pool).daemons_ready, 2);
    pid_t pid = (pid_t)ask("pid", mirai_null());
    assert_true(pid == story_daemon_pid(pool, 0) || pid == story_daemon_pid(pool, 1));
    assert_int_equal(mirai_daemons(NULL, -1, NULL), MIRAI_E_INVALID); /* which leaves what is there */
    assert_int_equal(story_number(pool, "echo", mirai_int(3)), 3);
    story_assert_ok(mirai_daemons(NULL, 0, NULL));
    assert_int_equal(mirai_profile_pool(NULL, &pool), MIRAI_E_NOT_FOUND);
    assert_false(story_is_alive(pid));
}

static void test_profile__without_luck_has_none(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    const char *const command[] = {"/no/such/program", NULL};
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.command = command;
    story_assert_ok(call_daemons(1));
    assert_int_equal(mirai_daemons(NULL, 1, &options), MIRAI_E_NOENT);
    assert_int_equal(mirai_profile_pool(NULL, &pool), MIRAI_E_NOT_FOUND);
}

/* ---- present ones ---------------------------------------------------------------------------- */

static void test_profile__is_chosen_for_a_scope(void **state)
{
    (void)state;
    mirai_pool *red = NULL, *blue = NULL;
    char *previous = NULL, *before = NULL;
    story_assert_ok(mirai_profile_set("red", &previous));
    assert_string_equal(previous, "default");
    story_assert_ok(call_daemons(1));
    story_assert_ok(mirai_profile_set("blue", &before));
    assert_string_equal(before, "red");
    story_assert_ok(call_daemons(1));
    story_assert_ok(mirai_profile_pool("red", &red));
    story_assert_ok(mirai_profile_pool(NULL, &blue));
    assert_ptr_not_equal(red, blue);
    pid_t pid = (pid_t)ask("pid", mirai_null());
    assert_int_equal(pid, story_daemon_pid(blue, 0));
    story_assert_ok(mirai_profile_set(before, NULL));
    pid = (pid_t)ask("pid", mirai_null());
    assert_int_equal(pid, story_daemon_pid(red, 0));
    story_assert_ok(mirai_profile_set(NULL, NULL));
    assert_int_equal(mirai_profile_pool(NULL, &red), MIRAI_E_NOT_FOUND);
    mirai_text_free(previous);
    mirai_text_free(before);
    close_all();
}

static void *look(void *context)
{
    char *previous = NULL;
    bool fresh = mirai_profile_set("of the thread", &previous) == MIRAI_OK && strcmp(previous, "default") == 0;
    mirai_text_free(previous);
    return fresh ? context : NULL;
}

static void test_profile__is_present_in_one_thread(void **state)
{
    pthread_t thread;
    void *fresh = NULL;
    char *previous = NULL;
    story_assert_ok(mirai_profile_set("of the test", NULL));
    assert_int_equal(pthread_create(&thread, NULL, look, state), 0);
    assert_int_equal(pthread_join(thread, &fresh), 0);
    assert_non_null(fresh);
    story_assert_ok(mirai_profile_set(NULL, &previous));
    assert_string_equal(previous, "of the test");
    mirai_text_free(previous);
}

/* ---- sync ------------------------------------------------------------------------------------ */

static void test_profile__may_be_sync(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    story_assert_ok(mirai_daemons("sync", 0, &options));
    story_assert_ok(mirai_profile_set("sync", NULL));
    assert_int_equal(ask("pid", mirai_null()), getpid());
    mirai_task *task = NULL;
    story_assert_ok(mirai_submit(&task, "meddle", mirai_null(), NULL));
    const mirai_value *both = story_expect(task, MIRAI_OUTCOME_VALUE);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(mirai_value_int_or(mirai_value_item(both, i), 0), MIRAI_E_STATE);
    mirai_task_release(task);
    story_assert_ok(mirai_profile_set(NULL, NULL));
    close_all();
}

/* ---- replacing ------------------------------------------------------------------------------- */

typedef struct submitter {
    pthread_t thread;
    _Atomic int *stop;
    int values, closed, others;
} submitter;

static void *submit_on(void *context)
{
    submitter *self = context;
    while (atomic_load(self->stop) == 0) {
        mirai_task *task = NULL;
        mirai_status status = mirai_submit(&task, "echo", mirai_int(1), NULL);
        mirai_outcome outcome = MIRAI_OUTCOME_CLOSED;
        if (status == MIRAI_OK && mirai_task_wait(task, STORY_PATIENCE) == MIRAI_OK) outcome = mirai_task_outcome(task);
        mirai_task_release(task);
        if (status == MIRAI_OK && outcome == MIRAI_OUTCOME_VALUE)
            self->values++;
        else if (status == MIRAI_E_CLOSED || (status == MIRAI_OK && outcome == MIRAI_OUTCOME_CLOSED))
            self->closed++;
        else
            self->others++;
    }
    return NULL;
}

static void test_profile__is_replaced_under_those_who_use_it(void **state)
{
    (void)state;
    enum { THREADS = 3, ROUNDS = 8 };
    _Atomic int stop = 0;
    submitter threads[THREADS];
    story_assert_ok(call_daemons(1));
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (submitter){.stop = &stop};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, submit_on, &threads[i]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) story_assert_ok(call_daemons(1 + round % 2));
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
        assert_int_equal(threads[i].others, 0);
    }
    assert_int_equal(ask("echo", mirai_int(5)), 5);
    close_all();
}

/* Submits to the present profile without end: results that nobody reads, until there is no room for another. */
static void *fill(void *context)
{
    mirai_status *last = context;
    mirai_task *tasks[8] = {NULL};
    for (size_t i = 0; i < 8 && *last == MIRAI_OK; i++) {
        char text[1001] = "";
        memset(text, 'x', sizeof text - 1);
        *last = mirai_submit(&tasks[i], "echo", mirai_string(text), NULL);
        if (*last == MIRAI_OK) *last = mirai_task_wait(tasks[i], STORY_PATIENCE);
    }
    for (size_t i = 0; i < 8; i++) mirai_task_release(tasks[i]);
    return NULL;
}

static void test_profile__is_replaced_under_those_who_wait_for_room(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = STORY_PATIENCE;
    options.max_bytes = 2500;
    options.heartbeat_ms = -1; /* so that nothing else wakes them */
    pthread_t threads[THREADS];
    mirai_status last[THREADS] = {MIRAI_OK};
    mirai_pool *pool = NULL;
    story_assert_ok(mirai_daemons(NULL, 1, &options));
    story_assert_ok(mirai_profile_pool(NULL, &pool));
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, fill, &last[i]), 0);
    while (story_status(pool).bytes_used < 2500 || story_status(pool).awaiting + story_status(pool).executing > 0)
        (void)usleep(1000);
    (void)usleep(50000); /* most likely they stand in line by now; if not, they are refused all the same */
    story_assert_ok(mirai_daemons(NULL, 0, NULL));
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(last[i] != MIRAI_OK);
    }
    close_all();
}

/* Several threads replace the pools of the same profiles. */
static void *replace(void *context)
{
    for (int i = 0; i < 4; i++)
        if (mirai_daemons(i % 2 ? "one" : "other", i < 3 ? 1 : 0, NULL) != MIRAI_OK) return context;
    return NULL;
}

static void test_profile__is_replaced_by_several(void **state)
{
    pthread_t threads[3];
    void *failed = NULL;
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, replace, state), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    close_all();
}

/* ---- closing --------------------------------------------------------------------------------- */

static void test_profile__all_are_closed(void **state)
{
    (void)state;
    story_assert_ok(call_daemons(1)); /* what is started for good by the first */
    close_all();
    size_t descriptors = story_descriptors(), threads = story_threads();
    mirai_task *tasks[3];
    const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        story_assert_ok(mirai_profile_set(names[i], NULL));
        story_assert_ok(call_daemons(1));
        story_assert_ok(mirai_submit(&tasks[i], i == 0 ? "obey" : "nap", mirai_int(1), NULL));
    }
    assert_int_equal(mirai_profiles_close(MIRAI_DRAIN, 300), MIRAI_E_TIMEDOUT); /* of "a"; the others are drained */
    for (size_t i = 0; i < 3; i++) {
        (void)story_expect(tasks[i], i == 0 ? MIRAI_OUTCOME_CLOSED : MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    pid_t left;
    assert_int_equal(story_descendants(getpid(), &left, 1), 0);
    assert_true(story_until_descriptors(descriptors));
    assert_true(story_until_threads(threads));
    story_assert_ok(mirai_profile_set(NULL, NULL));
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile__refuses_bad_arguments),
        cmocka_unit_test(test_profile__has_a_pool),
        cmocka_unit_test(test_profile__without_luck_has_none),
        cmocka_unit_test(test_profile__is_chosen_for_a_scope),
        cmocka_unit_test(test_profile__is_present_in_one_thread),
        cmocka_unit_test(test_profile__may_be_sync),
        cmocka_unit_test(test_profile__is_replaced_under_those_who_use_it),
        cmocka_unit_test(test_profile__is_replaced_under_those_who_wait_for_room),
        cmocka_unit_test(test_profile__is_replaced_by_several),
        cmocka_unit_test(test_profile__all_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
