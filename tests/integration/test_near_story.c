/*
 * Brief tasks stay with a daemon that is at work, although another idles. What must not suffer: whatever comes behind a
 * task that is not brief after all, whether somebody waits for it or not.
 */
#include "story.h"

enum { WARM = 6000, WINDOW = 300, BEHIND = 40, NAPS = 30 };

static void test_near__refuses_bad_arguments(void **state)
{
    mirai_task *task = NULL;
    assert_int_equal(mirai_pool_submit(*state, &task, NULL, mirai_null(), NULL), MIRAI_E_INVALID);
    assert_null(task);
}

/* Streams of tasks so brief that the pool takes the next ones to be brief too. */
static void warm(mirai_pool *pool)
{
    static mirai_task *window[WINDOW];
    for (int64_t i = 0; i < WARM + WINDOW; i++) {
        mirai_task **slot = &window[i % WINDOW];
        if (i >= WINDOW) {
            assert_int_equal(mirai_value_int_or(story_expect(*slot, MIRAI_OUTCOME_VALUE), -1), i - WINDOW);
            mirai_task_release(*slot);
        }
        if (i < WARM) *slot = story_submit(pool, "echo", mirai_int(i));
    }
}

static void end(mirai_task *task)
{
    story_assert_ok(mirai_task_cancel(task, NULL));
    (void)story_expect(task, MIRAI_OUTCOME_CANCELLED);
    mirai_task_release(task);
}

static bool is_resolved(void *context)
{
    return mirai_task_state(context) == MIRAI_TASK_RESOLVED;
}

/* Brief tasks behind a long one resolve, whether somebody waits for them or only looks. */
static void run_behind(mirai_pool *pool, bool waits)
{
    for (int round = 0; round < 5; round++) {
        mirai_task *behind[BEHIND];
        warm(pool);
        mirai_task *stuck = story_submit(pool, "obey", mirai_null());
        for (int i = 0; i < BEHIND; i++) behind[i] = story_submit(pool, "echo", mirai_int(i));
        for (int i = 0; i < BEHIND; i++) {
            assert_true(waits || story_until(is_resolved, behind[i]));
            assert_int_equal(mirai_value_int_or(story_expect(behind[i], MIRAI_OUTCOME_VALUE), -1), i);
            mirai_task_release(behind[i]);
        }
        assert_int_equal(mirai_task_state(stuck), MIRAI_TASK_RUNNING);
        end(stuck);
    }
}

static void test_near__nothing_waits_behind_a_long_task(void **state)
{
    run_behind(*state, true);
}

static void test_near__nor_when_nobody_waits_for_it(void **state)
{
    run_behind(*state, false);
}

static void test_near__two_long_tasks_run_side_by_side(void **state)
{
    for (int round = 0; round < 5; round++) {
        warm(*state);
        mirai_task *first = story_submit(*state, "obey", mirai_null()), *second = story_submit(*state, "obey", mirai_null());
        assert_true(story_until_running(first));
        assert_true(story_until_running(second));
        end(second);
        end(first);
    }
}

/* One that waits for a place in a line that is full runs where there is one, if the line stands still. */
static void test_near__nor_behind_more_than_a_daemon_is_lent(void **state)
{
    enum { MANY = 600 };
    static mirai_task *behind[MANY];
    warm(*state);
    mirai_task *stuck = story_submit(*state, "obey", mirai_null());
    for (int i = 0; i < MANY; i++) behind[i] = story_submit(*state, "echo", mirai_int(i));
    for (int i = MANY; i-- > 0;) {
        assert_int_equal(mirai_value_int_or(story_expect(behind[i], MIRAI_OUTCOME_VALUE), -1), i);
        mirai_task_release(behind[i]);
    }
    end(stuck);
}

/* What comes later is always there for the other daemon, which never idles. What came before has its turn all the same. */
static void test_near__nor_while_the_other_is_kept_busy(void **state)
{
    mirai_queue *queue;
    mirai_task *task, *naps[NAPS];
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.priority = -1;
    story_assert_ok(mirai_queue_new(&queue));
    warm(*state);
    mirai_task *stuck = story_submit(*state, "obey", mirai_null()), *behind = story_submit(*state, "echo", mirai_null());
    story_assert_ok(mirai_queue_add(queue, behind));
    for (int i = 0; i < NAPS; i++) {
        naps[i] = story_submit_with(*state, "nap", mirai_int(2), &options);
        story_assert_ok(mirai_queue_add(queue, naps[i]));
    }
    int before = 0;
    for (bool found = false; !found; before++) {
        story_assert_ok(mirai_queue_next(queue, &task, STORY_PATIENCE));
        found = task == behind;
        mirai_task_release(task);
    }
    assert_in_range(before, 1, 6); /* two to see that its daemon is late; long before tasks are held to be long */
    for (int i = 0; i < NAPS; i++) mirai_task_release(naps[i]);
    mirai_task_release(behind);
    end(stuck);
    mirai_queue_release(queue);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near__refuses_bad_arguments),
        cmocka_unit_test(test_near__nothing_waits_behind_a_long_task),
        cmocka_unit_test(test_near__nor_when_nobody_waits_for_it),
        cmocka_unit_test(test_near__two_long_tasks_run_side_by_side),
        cmocka_unit_test(test_near__nor_behind_more_than_a_daemon_is_lent),
        cmocka_unit_test(test_near__nor_while_the_other_is_kept_busy),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
