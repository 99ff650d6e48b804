/*
 * Tasks as arguments of tasks: chains, diamonds, trees; what becomes of those who wait when there is no result; and that
 * results are passed on without being decoded here.
 *
 * The class "parcel" is an integer on the heap. The host has no hook that unserializes it.
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int hook_calls;

static mirai_value *write_parcel(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    hook_calls++;
    return mirai_int(*(int64_t *)object);
}

static mirai_status read_parcel(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message, (void)context;
    hook_calls++;
    int64_t *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return MIRAI_E_NOMEM;
    *fresh = mirai_value_int_or(data, -1);
    *object = fresh;
    return MIRAI_OK;
}

static void free_parcel(void *object, void *context)
{
    (void)context;
    free(object);
}

static mirai_value *new_parcel(int64_t number)
{
    int64_t *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return NULL;
    *fresh = number;
    return mirai_reference("parcel", fresh, free_parcel, NULL);
}

/* ---- in daemons ------------------------------------------------------------------------------ */

static mirai_value *pack(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return new_parcel(mirai_value_int_or(args, -1));
}

static mirai_value *unpack(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const int64_t *found = mirai_value_object(args, "parcel");
    return mirai_int(found != NULL ? *found : -1);
}

/* Change the parcel itself, and say what it holds now. */
static mirai_value *bump(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t *found = mirai_value_object(args, "parcel");
    return mirai_int(found != NULL ? ++*found : -1);
}

/* Sum of a list of integers. */
static mirai_value *sum(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t total = 0, item = 0;
    for (size_t i = 0; i < mirai_value_count(args); i++) {
        if (mirai_value_to_int(mirai_value_item(args, i), &item) != MIRAI_OK) return NULL;
        total += item;
    }
    return mirai_int(total);
}

static mirai_status setup(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = write_parcel;
    hook.release = free_parcel;
    if (mirai_on_daemon()) hook.unserialize = read_parcel;
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_refhook_register("parcel", &hook));
    MIRAI_TRY(mirai_function_register("pack", pack, NULL));
    MIRAI_TRY(mirai_function_register("unpack", unpack, NULL));
    MIRAI_TRY(mirai_function_register("bump", bump, NULL));
    return mirai_function_register("sum", sum, NULL);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_value *argument(mirai_task *task)
{
    mirai_value *value = mirai_task_argument(task);
    if (value == NULL) fail_msg("%s", mirai_error_detail());
    return value;
}

/* a + b, where either may be what is still to come. */
static mirai_task *add(mirai_pool *pool, mirai_value *a, mirai_value *b)
{
    return story_submit(pool, "add", mirai_list_of(a, b, MIRAI_END));
}

static void expect_number(mirai_task *task, int64_t number)
{
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), INT64_MIN), number);
    mirai_task_release(task);
}

static const mirai_value *expect_failed(mirai_task *task, mirai_task *on)
{
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    char number[32];
    (void)snprintf(number, sizeof number, "task %llu", (unsigned long long)mirai_task_id(on));
    assert_string_equal(mirai_value_class(error), "dependency_error");
    assert_true(mirai_value_error_inherits(error, "error"));
    assert_non_null(strstr(mirai_value_error_message(error), number));
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "dependency"), -1), mirai_task_id(on));
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "task"), -1), mirai_task_id(task));
    assert_int_equal(mirai_value_error_code(error), mirai_task_outcome(on));
    return mirai_value_get(error, "cause");
}

static void test_dependency__refuses_bad_arguments(void **state)
{
    mirai_pool *other = story_open(0);
    mirai_task *task = story_submit(other, "echo", mirai_int(1)), *out = NULL;
    assert_null(mirai_task_argument(NULL));
    assert_int_equal(mirai_pool_submit(*state, &out, "echo", argument(task), NULL), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "another pool"));
    assert_int_equal(mirai_pool_everywhere(other, NULL, "echo", argument(task), NULL), MIRAI_E_STATE);
    assert_null(mirai_share(other, argument(task)));
    assert_non_null(strstr(mirai_error_detail(), "still to come"));
    mirai_value *held = argument(task), *again = argument(task);
    char *text = NULL;
    assert_true(mirai_value_equal(held, again));
    assert_int_equal(mirai_value_type(held), MIRAI_TYPE_SHARED);
    story_assert_ok(mirai_value_format(held, &text));
    assert_non_null(strstr(text, "<task "));
    mirai_text_free(text);
    story_close(other);
    mirai_value_release(held);
    mirai_value_release(again);
    mirai_task_release(task);
}

static void test_dependency__passes_a_result_on(void **state)
{
    mirai_task *first = story_submit(*state, "nap", mirai_int(50));
    mirai_task *second = story_submit(*state, "echo", argument(first));
    assert_int_equal(mirai_task_state(second), MIRAI_TASK_BLOCKED);
    int64_t pid = mirai_value_int_or(story_expect(first, MIRAI_OUTCOME_VALUE), -1);
    expect_number(second, pid);
    expect_number(story_submit(*state, "echo", argument(first)), pid); /* which has been read by now */
    mirai_task_release(first);
}

static void test_dependency__may_have_resolved_before(void **state)
{
    mirai_task *first = add(*state, mirai_int(1), mirai_int(2));
    story_assert_ok(mirai_task_wait(first, STORY_PATIENCE));
    expect_number(add(*state, argument(first), mirai_int(10)), 13); /* not decoded */
    (void)story_expect(first, MIRAI_OUTCOME_VALUE);
    expect_number(add(*state, argument(first), argument(first)), 6); /* decoded, its message gone */
    mirai_value *held = argument(first);
    mirai_task_release(first);
    expect_number(add(*state, mirai_value_ref(held), held), 6); /* the task gone, too */
}

static void test_dependency__is_never_decoded_here(void **state)
{
    hook_calls = 0;
    mirai_task *first = story_submit(*state, "pack", mirai_int(42));
    mirai_task *second = story_submit(*state, "unpack", argument(first));
    mirai_task *third = story_submit(*state, "echo", argument(first));
    expect_number(story_submit(*state, "unpack", argument(third)), 42);
    expect_number(second, 42);
    mirai_task_release(third);
    mirai_task_release(first);
    assert_int_equal(hook_calls, 0);
}

static void test_dependency__is_each_jobs_own(void **state)
{
    (void)state;
    mirai_pool *one = story_open(1);
    mirai_task *first = story_submit(one, "pack", mirai_int(7));
    for (int i = 0; i < 3; i++) expect_number(story_submit(one, "bump", argument(first)), 8);
    mirai_task_release(first);
    story_close(one);
}

static void test_dependency__may_be_released_by_its_owner(void **state)
{
    mirai_task *first = story_submit(*state, "nap", mirai_int(30));
    mirai_value *held = argument(first);
    mirai_task_release(first);
    mirai_task *second = story_submit(*state, "echo", mirai_value_ref(held));
    (void)story_expect(second, MIRAI_OUTCOME_VALUE);
    mirai_task_release(second);
    second = story_submit(*state, "echo", held);
    (void)story_expect(second, MIRAI_OUTCOME_VALUE);
    mirai_task_release(second);
}

static void test_dependency__may_be_a_diamond(void **state)
{
    mirai_task *top = add(*state, mirai_int(1), mirai_int(1));
    mirai_task *left = add(*state, argument(top), mirai_int(10));
    mirai_task *right = add(*state, argument(top), mirai_int(100));
    mirai_task *bottom = story_submit(
        *state, "sum", mirai_list_of(argument(left), argument(right), argument(top), MIRAI_END));
    mirai_task_release(top);
    mirai_task_release(left);
    mirai_task_release(right);
    expect_number(bottom, 12 + 102 + 2);
}

static void test_dependency__may_be_a_tree(void **state)
{
    enum { LEAVES = 32 };
    mirai_task *level[LEAVES];
    for (int64_t i = 0; i < LEAVES; i++) level[i] = add(*state, mirai_int(i), mirai_int(1));
    for (size_t width = LEAVES; width > 1; width /= 2)
        for (size_t i = 0; i < width; i += 2) {
            mirai_task *parent = add(*state, argument(level[i]), argument(level[i + 1]));
            mirai_task_release(level[i]);
            mirai_task_release(level[i + 1]);
            level[i / 2] = parent;
        }
    expect_number(level[0], LEAVES * (LEAVES - 1) / 2 + LEAVES);
}

static void test_dependency__may_be_a_long_chain(void **state)
{
    const int links = story_many(10000);
    mirai_task *last = story_submit(*state, "nap", mirai_int(20));
    mirai_task *next = story_submit(*state, "sum", mirai_list_of(MIRAI_END));
    mirai_task_release(last);
    last = next;
    for (int i = 0; i < links; i++) {
        next = add(*state, argument(last), mirai_int(1));
        mirai_task_release(last);
        last = next;
    }
    expect_number(last, links);
}

static void test_dependency__fails_those_who_wait(void **state)
{
    mirai_task *first = story_submit(*state, "fail_value", mirai_int(3));
    mirai_task *second = story_submit(*state, "echo", argument(first));
    mirai_task *third = story_submit(*state, "echo", mirai_list_of(mirai_int(0), argument(second), MIRAI_END));
    const mirai_value *cause = expect_failed(third, second);
    assert_string_equal(mirai_value_class(cause), "dependency_error");
    assert_int_equal(mirai_value_int_or(mirai_value_get(cause, "task"), -1), mirai_task_id(second));
    assert_string_equal(story_field(cause, "function"), "echo");
    cause = mirai_value_get(cause, "cause");
    assert_string_equal(mirai_value_class(cause), "disk_full");
    assert_string_equal(story_field(cause, "device"), "/dev/moon");
    assert_string_equal(story_field(cause, "function"), "fail_value");
    assert_int_equal(mirai_value_int_or(mirai_value_get(cause, "task"), -1), mirai_task_id(first));
    assert_true(mirai_value_equal(cause, story_expect(first, MIRAI_OUTCOME_FAILED)));
    assert_true(mirai_value_equal(expect_failed(second, first), cause));
    mirai_task *late = story_submit(*state, "echo", argument(third)); /* all of it read by now */
    assert_true(mirai_value_equal(expect_failed(late, third), story_result(third)));
    mirai_task_release(late);
    mirai_task_release(first);
    mirai_task_release(second);
    mirai_task_release(third);
}

static void test_dependency__fails_a_long_chain(void **state)
{
    enum { LINKS = 10000 };
    static mirai_task *chain[LINKS];
    chain[0] = story_submit(*state, "obey", mirai_null());
    for (int i = 1; i < LINKS; i++) chain[i] = story_submit(*state, "echo", argument(chain[i - 1]));
    story_assert_ok(mirai_task_cancel(chain[0], NULL));
    const mirai_value *error = expect_failed(chain[LINKS - 1], chain[LINKS - 2]);
    int depth = 0;
    for (; mirai_value_error_inherits(error, "dependency_error"); depth++) error = mirai_value_get(error, "cause");
    assert_true(depth >= 8); /* the nearest and the first are told, those between are not */
    assert_string_equal(mirai_value_class(error), "cancelled");
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "task"), -1), mirai_task_id(chain[0]));
    for (int i = 0; i < LINKS; i++) mirai_task_release(chain[i]);
}

static void test_dependency__may_time_out_or_be_cancelled_or_lost(void **state)
{
    mirai_submit_options hurry = MIRAI_SUBMIT_OPTIONS_INIT;
    hurry.timeout_ms = 30;
    hurry.label = "hurry";
    mirai_task *slow = story_submit_with(*state, "obey", mirai_null(), &hurry);
    mirai_task *next = story_submit(*state, "echo", argument(slow));
    const mirai_value *cause = expect_failed(next, slow);
    assert_string_equal(mirai_value_class(cause), "timed_out");
    assert_string_equal(story_field(cause, "label"), "hurry");
    assert_non_null(strstr(mirai_value_error_message(story_result(next)), "hurry"));
    mirai_task_release(slow);
    mirai_task_release(next);

    slow = story_submit(*state, "obey", mirai_null());
    next = story_submit(*state, "echo", argument(slow));
    story_assert_ok(mirai_task_cancel(slow, NULL));
    assert_string_equal(mirai_value_class(expect_failed(next, slow)), "cancelled");
    mirai_task_release(slow);
    mirai_task_release(next);

    slow = story_submit(*state, "crash", mirai_string("kill"));
    next = story_submit(*state, "echo", argument(slow));
    assert_string_equal(mirai_value_class(expect_failed(next, slow)), "daemon_lost");
    mirai_task_release(slow);
    mirai_task_release(next);
}

static void test_dependency__outlives_those_who_wait(void **state)
{
    mirai_submit_options hurry = MIRAI_SUBMIT_OPTIONS_INIT;
    hurry.timeout_ms = 20;
    mirai_task *first = story_submit(*state, "nap", mirai_int(200));
    mirai_task *cancelled = story_submit(*state, "echo", argument(first));
    mirai_task *timed_out = story_submit_with(*state, "echo", argument(first), &hurry);
    int32_t outcome = 0;
    story_assert_ok(mirai_task_cancel(cancelled, &outcome));
    assert_int_equal(outcome, MIRAI_CANCEL_NEVER_RAN);
    (void)story_expect(cancelled, MIRAI_OUTCOME_CANCELLED);
    (void)story_expect(timed_out, MIRAI_OUTCOME_TIMEDOUT);
    (void)story_expect(first, MIRAI_OUTCOME_VALUE);
    mirai_task_release(cancelled);
    mirai_task_release(timed_out);
    mirai_task_release(first);
}

static void test_dependency__is_settled_by_closing(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *first = add(pool, mirai_int(1), mirai_int(2));
    mirai_task *second = add(pool, argument(first), mirai_int(3));
    story_assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, STORY_PATIENCE));
    mirai_task_release(first);
    expect_number(second, 6);

    pool = story_open(1);
    first = story_submit(pool, "obey", mirai_null());
    second = story_submit(pool, "echo", argument(first));
    story_close(pool);
    (void)story_result(second);
    assert_true(mirai_task_outcome(second) == MIRAI_OUTCOME_CLOSED || mirai_task_outcome(second) == MIRAI_OUTCOME_FAILED);
    (void)story_expect(first, MIRAI_OUTCOME_CLOSED);
    mirai_value *late = argument(first);
    mirai_value_release(late);
    mirai_task_release(first);
    mirai_task_release(second);
}

/* ---- races ----------------------------------------------------------------------------------- */

enum { THREADS = 3 };

typedef struct racer {
    mirai_pool *pool;
    int number, races, wrong;
} racer;

/* Chains of three, whose first link resolves before, while, or after the others are submitted. */
static void *race(void *argument_of)
{
    racer *self = argument_of;
    for (int64_t i = 0; i < self->races; i++) {
        mirai_task *tasks[3] = {NULL, NULL, NULL};
        mirai_value *value = mirai_int(i);
        for (int link = 0; link < 3; link++) {
            mirai_value *args = mirai_list_of(value, mirai_int(self->number), MIRAI_END);
            if (mirai_pool_submit(self->pool, &tasks[link], "add", args, NULL) != MIRAI_OK) self->wrong++;
            if (i % 3 == link && mirai_task_wait(tasks[link], STORY_PATIENCE) != MIRAI_OK) self->wrong++;
            value = mirai_task_argument(tasks[link]);
            if (i % 7 == link) mirai_task_outcome(tasks[link]);
        }
        mirai_value_release(value);
        const mirai_value *result = NULL;
        if (mirai_task_wait(tasks[2], STORY_PATIENCE) != MIRAI_OK) self->wrong++;
        if (mirai_task_result(tasks[2], &result) != MIRAI_OK) self->wrong++;
        if (mirai_value_int_or(result, -1) != i + 3 * self->number) self->wrong++;
        for (int link = 0; link < 3; link++) mirai_task_release(tasks[link]);
    }
    return NULL;
}

static void test_dependency__resolves_while_it_is_asked_for(void **state)
{
    racer racers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (racer){.pool = *state, .number = i + 1, .races = story_many(2000)};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].wrong, 0);
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dependency__refuses_bad_arguments),
        cmocka_unit_test(test_dependency__passes_a_result_on),
        cmocka_unit_test(test_dependency__may_have_resolved_before),
        cmocka_unit_test(test_dependency__is_never_decoded_here),
        cmocka_unit_test(test_dependency__is_each_jobs_own),
        cmocka_unit_test(test_dependency__may_be_released_by_its_owner),
        cmocka_unit_test(test_dependency__may_be_a_diamond),
        cmocka_unit_test(test_dependency__may_be_a_tree),
        cmocka_unit_test(test_dependency__may_be_a_long_chain),
        cmocka_unit_test(test_dependency__fails_those_who_wait),
        cmocka_unit_test(test_dependency__fails_a_long_chain),
        cmocka_unit_test(test_dependency__may_time_out_or_be_cancelled_or_lost),
        cmocka_unit_test(test_dependency__outlives_those_who_wait),
        cmocka_unit_test(test_dependency__is_settled_by_closing),
        cmocka_unit_test(test_dependency__resolves_while_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
