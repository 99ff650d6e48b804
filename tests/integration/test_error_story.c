/*
 * Tasks that fail: every way, what their error values say, and that the daemon goes on.
 */
#include "story.h"

#include <string.h>

static int open_one(void **state)
{
    *state = story_open(1);
    return 0;
}

static int close_pool(void **state)
{
    mirai_pool *pool = *state;
    mirai_pool_status status = story_status(pool);
    assert_int_equal(status.daemons_lost, 0); /* no failure costs a daemon */
    assert_true(status.failed > 0);
    story_close(pool);
    return 0;
}

static void check_where(mirai_task *task, const mirai_value *error, const char *function)
{
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "task"), -1), (int64_t)mirai_task_id(task));
    assert_string_equal(story_field(error, "function"), function);
}

static void test_error__by_detail(void **state)
{
    mirai_task *task = story_submit(*state, "fail_text", mirai_string("the text of the function"));
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_string_equal(mirai_value_error_message(error), "the text of the function");
    assert_int_equal(mirai_value_error_code(error), MIRAI_E_USER);
    assert_true(mirai_value_error_inherits(error, "error"));
    assert_null(mirai_value_get(error, "label"));
    check_where(task, error, "fail_text");
    mirai_task_release(task);
}

static void test_error__by_nothing(void **state)
{
    mirai_task *task = story_submit(*state, "fail_text", mirai_null());
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_non_null(strstr(mirai_value_error_message(error), "fail_text"));
    mirai_task_release(task);
}

static void test_error__by_an_accessor(void **state)
{
    mirai_task *task = story_submit(*state, "add", mirai_list_of(mirai_string("x"), mirai_int(1), MIRAI_END));
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_non_null(strstr(mirai_value_error_message(error), "string"));
    mirai_task_release(task);
}

static void test_error__by_value_keeps_its_fields(void **state)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.label = "to the moon";
    mirai_value *given = mirai_list_of(mirai_int(1), mirai_string("two"), MIRAI_END);
    mirai_task *task = story_submit_with(*state, "fail_value", mirai_value_ref(given), &options);
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_string_equal(mirai_value_class(error), "disk_full");
    assert_true(mirai_value_error_inherits(error, "io_error"));
    assert_true(mirai_value_error_inherits(error, "error"));
    assert_false(mirai_value_error_inherits(error, "weather"));
    assert_int_equal(mirai_value_error_code(error), 28);
    assert_string_equal(mirai_value_error_message(error), "no space left on the moon");
    assert_string_equal(story_field(error, "device"), "/dev/moon");
    assert_true(mirai_value_equal(mirai_value_get(error, "given"), given));
    assert_string_equal(story_field(error, "label"), "to the moon");
    check_where(task, error, "fail_value");
    mirai_value_release(given);
    mirai_task_release(task);
}

static void test_error__of_an_unknown_function_lists_what_there_is(void **state)
{
    mirai_task *task = story_submit(*state, "ecko", mirai_null());
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_int_equal(mirai_value_error_code(error), MIRAI_E_FUNCTION);
    assert_non_null(strstr(mirai_value_error_message(error), "ecko"));
    assert_non_null(strstr(mirai_value_error_message(error), "\"echo\""));
    check_where(task, error, "ecko");
    mirai_task_release(task);
}

static void test_error__may_be_an_argument(void **state)
{
    mirai_value *error = mirai_error("mine", 3, "I am %s", "data");
    mirai_task *task = story_submit(*state, "echo", mirai_list_of(mirai_value_ref(error), MIRAI_END));
    const mirai_value *back = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_true(mirai_value_equal(mirai_value_item(back, 0), error));
    mirai_task_release(task);
    task = story_submit(*state, "echo", error); /* returned as it is, it makes its task fail */
    back = story_expect(task, MIRAI_OUTCOME_FAILED);
    assert_string_equal(mirai_value_error_message(back), "I am data");
    mirai_task_release(task);
}

static void test_error__prints(void **state)
{
    mirai_task *task = story_submit(*state, "fail_value", mirai_null());
    char *text = NULL;
    story_assert_ok(mirai_value_format(story_expect(task, MIRAI_OUTCOME_FAILED), &text));
    assert_non_null(strstr(text, "no space left on the moon"));
    mirai_text_free(text);
    mirai_task_release(task);
}

static void test_error__of_a_reference_nobody_can_send(void **state)
{
    int object = 0;
    mirai_task *task = NULL;
    mirai_value *reference = mirai_reference("unheard_of", &object, NULL, NULL);
    assert_int_equal(mirai_pool_submit(*state, &task, "echo", reference, NULL), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "unheard_of"));
    assert_null(task);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, story_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__by_detail),
        cmocka_unit_test(test_error__by_nothing),
        cmocka_unit_test(test_error__by_an_accessor),
        cmocka_unit_test(test_error__by_value_keeps_its_fields),
        cmocka_unit_test(test_error__of_an_unknown_function_lists_what_there_is),
        cmocka_unit_test(test_error__may_be_an_argument),
        cmocka_unit_test(test_error__prints),
        cmocka_unit_test(test_error__of_a_reference_nobody_can_send),
    };
    return cmocka_run_group_tests(tests, open_one, close_pool);
}
