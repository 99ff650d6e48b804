/*
 * Map over references to objects, and results that hold some: whatever hook fails, the elements without such an object
 * have their results; a result is what the object was when its element ended. Also in a pool without daemons.
 *
 * The class "coin" is an integer on the heap. Hooks fail by its number: 3 cannot leave the host, 4 no daemon.
 */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static mirai_value *write_coin(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    int64_t number = *(int64_t *)object;
    if (number != (mirai_on_daemon() ? 4 : 3)) return mirai_int(number);
    (void)mirai_error_set(MIRAI_E_USER, "coin %lld does not leave", (long long)number);
    return NULL;
}

static mirai_status read_coin(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message, (void)context;
    int64_t *number = malloc(sizeof *number);
    if (number == NULL) return mirai_error_set(MIRAI_E_NOMEM, "no room for a coin");
    *object = number;
    return mirai_value_to_int(data, number);
}

static void free_coin(void *object, void *context)
{
    (void)context;
    free(object);
}

static mirai_value *coin(int64_t value)
{
    int64_t *number = malloc(sizeof *number);
    if (number == NULL) return NULL;
    *number = value;
    return mirai_reference("coin", number, free_coin, NULL);
}

static int64_t number_of(const mirai_value *reference)
{
    const int64_t *number = mirai_value_object(reference, "coin");
    return number != NULL ? *number : -1;
}

/* The coin that it gets. */
static mirai_value *pass(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_list_of(mirai_value_ref(args), mirai_int(number_of(args)), MIRAI_END);
}

/* One coin for all elements, whose number goes up: what a daemon keeps and goes on changing. */
static mirai_value *count_up(mirai_job *job, const mirai_value *args, void *context)
{
    static mirai_value *kept;
    (void)job, (void)context;
    if (kept == NULL) kept = coin(0);
    int64_t *number = mirai_value_object(kept, "coin");
    if (number != NULL) *number = 100 + mirai_value_int_or(args, 0);
    return mirai_value_ref(kept);
}

static mirai_status setup(void)
{
    mirai_refhook hook = {.struct_size = sizeof hook, .serialize = write_coin, .unserialize = read_coin,
                          .release = free_coin};
    MIRAI_TRY(mirai_refhook_register("coin", &hook));
    MIRAI_TRY(mirai_function_register("pass", pass, NULL));
    MIRAI_TRY(mirai_function_register("count_up", count_up, NULL));
    return story_setup();
}

static mirai_value *run(mirai_pool *pool, const char *function, mirai_value *elements, size_t chunk)
{
    mirai_map *map = NULL;
    mirai_value *all = NULL;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.chunk = chunk;
    story_assert_ok(mirai_map_start(pool, &map, function, elements, &options));
    story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &all));
    mirai_map_release(map);
    return all;
}

static mirai_value *coins(size_t count)
{
    mirai_value *items[64];
    for (size_t i = 0; i < count; i++) items[i] = coin((int64_t)i);
    return mirai_list(items, count);
}

static mirai_value *range(size_t count)
{
    mirai_value *items[64];
    for (size_t i = 0; i < count; i++) items[i] = mirai_int((int64_t)i);
    return mirai_list(items, count);
}

static void check_passes(mirai_pool *pool, bool both_fail)
{
    for (size_t chunk = 1; chunk < 12; chunk += 2) {
        mirai_value *all = run(pool, "pass", coins(20), chunk);
        assert_int_equal(mirai_value_count(all), 20);
        for (size_t i = 0; i < 20; i++) {
            const mirai_value *one = mirai_value_item(all, i);
            if (i == 3 || (i == 4 && both_fail)) {
                assert_int_equal(mirai_value_error_code(one), MIRAI_E_HOOK);
                assert_non_null(strstr(mirai_value_error_message(one), i == 3 ? "coin 3" : "coin 4"));
            } else {
                if (mirai_value_is_error(one)) fail_msg("%zu: %s", i, mirai_value_error_message(one));
                assert_int_equal(number_of(mirai_value_item(one, 0)), i);
                assert_int_equal(mirai_value_int_or(mirai_value_item(one, 1), -1), i);
            }
        }
        mirai_value_release(all);
    }
}

static void test_map__hooks_that_fail_harm_no_other_element(void **state)
{
    check_passes(*state, true);
}

static void test_map__results_are_of_their_moment(void **state)
{
    for (size_t chunk = 1; chunk < 12; chunk += 5) {
        mirai_value *all = run(*state, "count_up", range(30), chunk);
        for (size_t i = 0; i < 30; i++) assert_int_equal(number_of(mirai_value_item(all, i)), 100 + i);
        mirai_value_release(all);
    }
}

static void test_map__in_a_pool_without_daemons(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    mirai_pool *pool = story_open_with(0, &options);
    check_passes(pool, false);
    mirai_value *all = run(pool, "pid", range(40), 0), *own = run(pool, "pid", range(1), 0);
    for (size_t i = 0; i < 40; i++) assert_true(mirai_value_equal(mirai_value_item(all, i), mirai_value_item(own, 0)));
    mirai_value_release(all);
    mirai_value_release(own);
    story_close(pool);
}

static void test_map__with_retries_of_what_fails(void **state)
{
    mirai_submit_options submit = MIRAI_SUBMIT_OPTIONS_INIT;
    submit.retries = 1;
    submit.retry_on = MIRAI_RETRY_FAILED;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.submit = &submit;
    options.chunk = 10;
    mirai_map *map = NULL;
    mirai_value *all = NULL, *words[20];
    for (size_t i = 0; i < 20; i++) words[i] = mirai_string("never");
    story_assert_ok(mirai_map_start(*state, &map, "fail_text", mirai_list(words, 20), &options));
    story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &all));
    for (size_t i = 0; i < 20; i++) {
        const mirai_value *one = mirai_value_item(all, i);
        assert_string_equal(mirai_value_error_message(one), "never");
        assert_int_equal(mirai_value_int_or(mirai_value_get(one, "attempt"), -1), 2);
    }
    mirai_value_release(all);
    mirai_map_release(map);
}

int main(int argc, char **argv)
{
    if (mirai_main(argc, argv, setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__hooks_that_fail_harm_no_other_element),
        cmocka_unit_test(test_map__results_are_of_their_moment),
        cmocka_unit_test(test_map__in_a_pool_without_daemons),
        cmocka_unit_test(test_map__with_retries_of_what_fails),
    };
    int failed = cmocka_run_group_tests(tests, story_open_two, story_close_state);
    story_remove_files();
    return failed;
}
