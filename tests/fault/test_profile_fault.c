/*
 * Without memory: the n-th fallible operation fails, for n = 1, 2, ..., while profiles get and lose pools, tasks run in
 * their host, and tasks get daemons of their own. Nothing crashes or leaks, and what follows works. Linked with the
 * library's insides, for the fault points.
 */
#include "story.h"

#include <stdlib.h>
#include <unistd.h>

#include "fault.h"

enum { MOST = 100000 };

static int released;

static void release_state(void *state)
{
    free(state);
    released++;
}

/* Uses all that a job has. */
static mirai_value *busy(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    if (mirai_job_set_state(job, "kept", malloc(8), release_state) != MIRAI_OK) return NULL;
    if (mirai_job_progress(job, 0.5, "half") != MIRAI_OK) return NULL;
    if (mirai_job_emit(job, mirai_value_ref(args)) != MIRAI_OK) return NULL;
    if (mirai_job_rng(job) == NULL) return NULL;
    return mirai_value_ref(args);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    return mirai_function_register("busy", busy, NULL);
}

static bool has_struck(int64_t n)
{
    int64_t count = mirai__fault_count();
    mirai__fault_arm(0, false);
    return count >= n;
}

static bool is_alone(void *context)
{
    (void)context;
    pid_t left;
    return story_descendants(getpid(), &left, 1) == 0;
}

static void expect_works(void)
{
    mirai_task *task = NULL;
    story_assert_ok(mirai_submit(&task, "echo", mirai_int(7), NULL));
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 7);
    mirai_task_release(task);
}

static void test_profile_fault__in_the_host(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    options.seeded = 1;
    bool struck = true;
    int values = 0, others = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *task = NULL;
        mirai_pool *pool = NULL;
        mirai__fault_arm(n, false);
        mirai_status opened = mirai_daemons(NULL, 0, &options);
        mirai_status found = mirai_profile_pool(NULL, &pool);
        mirai_status status = MIRAI_E_NOMEM;
        if (opened == MIRAI_OK) status = mirai_submit(&task, "busy", mirai_string("some text"), NULL);
        struck = has_struck(n);
        assert_int_equal(opened == MIRAI_OK, found == MIRAI_OK);
        assert_int_equal(status == MIRAI_OK, task != NULL);
        bool good = task != NULL && mirai_task_outcome(task) == MIRAI_OUTCOME_VALUE;
        values += good;
        others += !good;
        if (task != NULL) assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED);
        mirai_task_release(task);
        if (opened != MIRAI_OK) story_assert_ok(mirai_daemons(NULL, 0, &options));
        expect_works();
        story_assert_ok(mirai_profiles_close(MIRAI_CANCEL, 0));
    }
    assert_true(values > 0 && others > 0 && released > 0);
}

static void test_profile_fault__in_ephemeral_daemons(void **state)
{
    (void)state;
    expect_works(); /* what is made once and kept */
    story_assert_ok(mirai_profiles_close(MIRAI_CANCEL, 0));
    size_t threads = story_threads();
    bool struck = true;
    int values = 0, others = 0;
    for (int64_t n = 1; struck && n < MOST; n++) {
        mirai_task *task = NULL;
        mirai__fault_arm(n, false);
        mirai_status status = mirai_submit(&task, "echo", mirai_string("some text"), NULL);
        mirai_status waited = task != NULL ? mirai_task_wait(task, STORY_PATIENCE) : MIRAI_OK;
        struck = has_struck(n);
        assert_int_equal(status == MIRAI_OK, task != NULL);
        if (waited != MIRAI_OK) story_assert_ok(mirai_task_wait(task, STORY_PATIENCE)); /* again: it can */
        bool good = task != NULL && mirai_task_outcome(task) == MIRAI_OUTCOME_VALUE;
        values += good;
        others += !good; /* refused, or its daemon could not be started */
        mirai_task_release(task);
        expect_works();
        assert_true(story_until(is_alone, NULL));
        story_assert_ok(mirai_profiles_close(MIRAI_CANCEL, 0));
        assert_true(story_until_threads(threads));
    }
    assert_true(values > 0 && others > 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_fault__in_the_host),
        cmocka_unit_test(test_profile_fault__in_ephemeral_daemons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
