/*
 * Map: whatever the chunks, the window and the order, it gives what a loop would; an element that fails harms no other;
 * lost daemons, sources that fail, cancels and time-outs lose nothing else.
 */
#include "story_map.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- functions ------------------------------------------------------------------------------- */

/* An int n: n squared; a failure where it is 5 more than a multiple of 17. */
static mirai_value *square(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    int64_t n = mirai_value_int_or(args, -1);
    if (mirai_job_args(job) != args || strcmp(mirai_job_function(job), "square") != 0) return NULL;
    if (n % 17 == 5) {
        (void)mirai_error_set(MIRAI_E_USER, "no square of %lld", (long long)n);
        return NULL;
    }
    return mirai_int(n * n);
}

static mirai_value *half(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    double x;
    return mirai_value_to_float(args, &x) == MIRAI_OK ? mirai_float(x / 2) : NULL;
}

/* [element, constants]: element + constants["add"]. */
static mirai_value *shift(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t n = mirai_value_int_or(mirai_value_item(args, 0), -1000000);
    return mirai_int(n + mirai_value_int_or(mirai_value_get(mirai_value_item(args, 1), "add"), -1000000));
}

/* An int n: a value of a kind that depends on it. */
static mirai_value *vary(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t n = mirai_value_int_or(args, 0), shape[2] = {2, 3};
    switch (n % 7) {
    case 0: return mirai_int(n);
    case 1: return mirai_float((double)n);
    case 2: return mirai_null();
    case 3: return mirai_list_of(mirai_int(n), mirai_string("three"), MIRAI_END);
    case 4: return mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, NULL);
    case 5: return mirai_bool(n % 2 == 0);
    default: return mirai_string("six");
    }
}

static mirai_value *sum(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    double numbers[64], total = 0;
    size_t count = mirai_value_count(args);
    if (count > 64 || mirai_value_rank(args) != 1 || mirai_value_dtype(args) != MIRAI_DTYPE_FLOAT64) return NULL;
    if (mirai_value_copy_elements(args, numbers, count * sizeof *numbers) != MIRAI_OK) return NULL;
    for (size_t i = 0; i < count; i++) total += numbers[i];
    return mirai_float(total);
}

/* n: a list of n ints; or an array of n. */
static mirai_value *several(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    int64_t n = mirai_value_int_or(args, 0), numbers[32] = {0};
    mirai_value *items[32];
    for (int64_t i = 0; i < n; i++) numbers[i] = n * 100 + i;
    if (context != NULL) return mirai_array(MIRAI_DTYPE_INT64, 1, &n, numbers);
    for (int64_t i = 0; i < n; i++) items[i] = mirai_int(numbers[i]);
    return mirai_list(items, (size_t)n);
}

/* Nested as deep as args say. */
static mirai_value *deep(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value *value = mirai_int(1);
    for (int64_t i = mirai_value_int_or(args, 0); i > 0; i--) value = mirai_list_of(value, MIRAI_END);
    return value;
}

static int several_arrays;

static mirai_status setup(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
        void *context;
    } table[] = {
        {"square", square, NULL}, {"half", half, NULL}, {"shift", shift, NULL}, {"vary", vary, NULL},
        {"sum", sum, NULL}, {"lists", several, NULL}, {"arrays", several, &several_arrays},
        {"deep", deep, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, table[i].context));
    return story_setup();
}

/* ---- helpers --------------------------------------------------------------------------------- */

static void assert_square(const mirai_value *value, int64_t n)
{
    char text[64];
    if (n % 17 != 5) {
        if (mirai_value_is_error(value)) fail_msg("%lld: %s", (long long)n, mirai_value_error_message(value));
        assert_int_equal(mirai_value_type(value), MIRAI_TYPE_INT);
        assert_int_equal(mirai_value_int_or(value, -1), n * n);
        return;
    }
    (void)snprintf(text, sizeof text, "no square of %lld", (long long)n);
    assert_int_equal(mirai_value_error_code(value), MIRAI_E_USER);
    assert_string_equal(mirai_value_error_message(value), text);
    assert_string_equal(story_field(value, "function"), "square");
    assert_int_equal(mirai_value_int_or(mirai_value_get(value, "element"), -1), n);
}

/* ---- bad arguments --------------------------------------------------------------------------- */

static mirai_status try_start(mirai_pool *pool, const char *function, mirai_value *elements, mirai_map_options options)
{
    mirai_map *map = NULL;
    mirai_status status = mirai_map_start(pool, &map, function, elements, &options);
    assert_null(map);
    return status;
}

static void on_resolved(mirai_task *task, void *user)
{
    (void)task, (void)user;
}

static void test_map__refuses_bad_arguments(void **state)
{
    mirai_map *map = NULL;
    mirai_value *value = NULL;
    size_t three = 3;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT, bad;
    assert_int_equal(mirai_map_start(NULL, &map, "square", story_range(1), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_map_start(*state, NULL, "square", story_range(1), NULL), MIRAI_E_INVALID);
    assert_int_equal(try_start(*state, NULL, story_range(1), options), MIRAI_E_INVALID);
    assert_int_equal(try_start(*state, "", story_range(1), options), MIRAI_E_INVALID);
    assert_int_equal(try_start(*state, "square", NULL, options), MIRAI_E_INVALID);
    assert_int_equal(try_start(*state, "square", mirai_string("\xff"), options), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "UTF-8")); /* what the builder said is kept */
    assert_int_equal(try_start(*state, "square", mirai_int(1), options), MIRAI_E_TYPE);
    bad = options, bad.over = 4;
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);
    bad = options, bad.over = -1;
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);
    bad = options, bad.reserved = 1, bad.constants = story_range(2);
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);
    bad = options, bad.over = MIRAI_MAP_ROWS, bad.constants = story_range(2);
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_TYPE);
    assert_int_equal(try_start(*state, "square", mirai_array(MIRAI_DTYPE_INT8, 0, NULL, NULL),
                               (mirai_map_options){.struct_size = sizeof options, .over = MIRAI_MAP_ROWS}),
                     MIRAI_E_TYPE);
    bad = options, bad.over = MIRAI_MAP_GENERATOR;
    assert_int_equal(try_start(*state, "square", NULL, bad), MIRAI_E_INVALID);
    bad.source = story_count_to, bad.user = &three;
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);
    bad.over = 0;
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);
    mirai_submit_options submit = MIRAI_SUBMIT_OPTIONS_INIT;
    submit.on_resolved = on_resolved;
    bad = options, bad.submit = &submit;
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);
    submit = (mirai_submit_options)MIRAI_SUBMIT_OPTIONS_INIT;
    submit.tag = "nobody has this tag";
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INFEASIBLE);
    struct {
        mirai_map_options known;
        int64_t newer;
    } longer = {.known = {.struct_size = sizeof longer, .constants = story_range(2)}, .newer = 1};
    assert_int_equal(mirai_map_start(*state, &map, "square", story_range(1), &longer.known), MIRAI_E_INVALID);
    bad = options, bad.struct_size = 3;
    assert_int_equal(try_start(*state, "square", story_range(1), bad), MIRAI_E_INVALID);

    assert_int_equal(mirai_map_next(NULL, NULL, &value, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_map_collect(NULL, 0, &value), MIRAI_E_INVALID);
    assert_int_equal(mirai_map_counts(NULL, NULL, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_map_cancel(NULL), MIRAI_E_INVALID);
    mirai_map_release(NULL);
    map = story_map(*state, "square", story_range(1), NULL);
    assert_int_equal(mirai_map_next(map, NULL, NULL, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_map_collect(map, 0, NULL), MIRAI_E_INVALID);
    story_assert_ok(mirai_map_counts(map, NULL, NULL));
    mirai_map_release(map);
}

/* ---- what it maps over ----------------------------------------------------------------------- */

static void test_map__over_nothing(void **state)
{
    mirai_value *value = NULL, *empty[] = {story_range(0), mirai_dict(NULL, NULL, 0)};
    for (size_t i = 0; i < 2; i++) {
        mirai_map *map = story_map(*state, "square", mirai_value_ref(empty[i]), NULL);
        assert_int_equal(mirai_map_next(map, NULL, &value, 0), MIRAI_E_CLOSED);
        value = story_collect(map);
        assert_true(mirai_value_equal(value, empty[i]));
        mirai_value_release(value);
        mirai_value_release(empty[i]);
    }
}

static void test_map__over_a_dict(void **state)
{
    for (size_t chunk = 0; chunk < 4; chunk++) {
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        options.chunk = chunk;
        mirai_value *all = story_collect(story_map(*state, "square",
                                         mirai_dict_of("two", mirai_int(2), "five", mirai_int(5), "nine",
                                                       mirai_int(9), MIRAI_END),
                                         &options));
        assert_int_equal(mirai_value_count(all), 3);
        assert_int_equal(mirai_value_int_or(mirai_value_get(all, "two"), 0), 4);
        assert_true(mirai_value_is_error(mirai_value_get(all, "five")));
        assert_string_equal(mirai_value_key(all, 2), "nine");
        assert_int_equal(mirai_value_int_or(mirai_value_item(all, 2), 0), 81);
        mirai_value_release(all);
    }
}

static mirai_value *numbers(int64_t rows, int64_t columns)
{
    double *data = calloc((size_t)(rows * columns), sizeof *data);
    const int64_t shape[2] = {rows, columns};
    for (int64_t i = 0; i < rows * columns; i++) data[i] = (double)i + 0.5;
    mirai_value *array = mirai_array(MIRAI_DTYPE_FLOAT64, columns > 1 ? 2 : 1, shape, data);
    free(data);
    return array;
}

static void test_map__over_rows(void **state)
{
    for (size_t chunk = 0; chunk < 9; chunk += 2) {
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        options.over = MIRAI_MAP_ROWS;
        options.chunk = chunk;
        mirai_value *all = story_collect(story_map(*state, "sum", numbers(40, 3), &options));
        assert_int_equal(mirai_value_count(all), 40);
        for (int64_t i = 0; i < 40; i++)
            assert_true(mirai_value_float_or(mirai_value_item(all, (size_t)i), 0) == 9 * (double)i + 4.5);
        mirai_value_release(all);

        /* The second and fourth column of a transposed array, from the end: rows with strides. */
        const int64_t shape[2] = {2, 40}, strides[2] = {-2, 4};
        mirai_value *whole = numbers(40, 4);
        mirai_value *view = mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 2, shape, strides, 3 * sizeof(double),
                                               mirai_buffer_ref(mirai_value_buffer(whole)));
        mirai_value_release(whole);
        all = story_collect(story_map(*state, "sum", view, &options));
        assert_true(mirai_value_float_or(mirai_value_item(all, 0), 0) == 4 * 780 + 40 * 3.5);
        assert_true(mirai_value_float_or(mirai_value_item(all, 1), 0) == 4 * 780 + 40 * 1.5);
        mirai_value_release(all);
    }
}

static void test_map__over_numbers(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_ROWS;
    options.flatten = 1;
    mirai_value *all = story_collect(story_map(*state, "half", numbers(100000, 1), &options));
    assert_int_equal(mirai_value_dtype(all), MIRAI_DTYPE_FLOAT64);
    assert_int_equal(mirai_value_rank(all), 1);
    assert_int_equal(mirai_value_count(all), 100000);
    const double *data = mirai_value_data(all);
    for (int64_t i = 0; i < 100000; i++) assert_true(data[i] == ((double)i + 0.5) / 2);
    mirai_value_release(all);

    static const uint8_t bytes[] = {0, 1, 2, 255, 7, 9, 3, 250};
    static const struct {
        mirai_dtype dtype;
        int64_t count;
        mirai_type type; /* of an element */
    } kinds[] = {{MIRAI_DTYPE_BOOL, 2, MIRAI_TYPE_BOOL},    {MIRAI_DTYPE_INT8, 8, MIRAI_TYPE_INT},
                 {MIRAI_DTYPE_UINT8, 8, MIRAI_TYPE_INT},    {MIRAI_DTYPE_UINT16, 4, MIRAI_TYPE_INT},
                 {MIRAI_DTYPE_FLOAT32, 2, MIRAI_TYPE_FLOAT}, {MIRAI_DTYPE_UINT64, 1, MIRAI_TYPE_ARRAY},
                 {MIRAI_DTYPE_FLOAT16, 4, MIRAI_TYPE_ARRAY}, {MIRAI_DTYPE_COMPLEX64, 1, MIRAI_TYPE_ARRAY}};
    options.flatten = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (options.chunk = 1; options.chunk < 4; options.chunk++) {
            mirai_value *array = mirai_array(kinds[i].dtype, 1, &kinds[i].count, bytes);
            all = story_collect(story_map(*state, "echo", mirai_value_ref(array), &options));
            for (size_t n = 0; n < (size_t)kinds[i].count; n++) {
                const mirai_value *one = mirai_value_item(all, n);
                assert_int_equal(mirai_value_type(one), kinds[i].type);
                if (kinds[i].type == MIRAI_TYPE_ARRAY) assert_int_equal(mirai_value_rank(one), 0);
                if (kinds[i].dtype == MIRAI_DTYPE_UINT8) assert_int_equal(mirai_value_int_or(one, -1), bytes[n]);
            }
            mirai_value_release(all);
            mirai_value_release(array);
        }
    }
}

static void test_map__with_constants(void **state)
{
    for (size_t chunk = 0; chunk < 9; chunk += 4) {
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        options.chunk = chunk;
        options.constants = mirai_dict_of("add", mirai_int(1000), MIRAI_END);
        mirai_value *all = story_collect(story_map(*state, "shift", story_range(50), &options));
        for (size_t i = 0; i < 50; i++)
            assert_int_equal(mirai_value_int_or(mirai_value_item(all, i), -1), 1000 + i);
        mirai_value_release(all);
    }
}

/* ---- as a loop would ------------------------------------------------------------------------- */

static void read_all(mirai_map *map, size_t count, bool ordered, size_t most)
{
    char *seen = calloc(count + 1, 1);
    for (size_t n = 0; n < most; n++) {
        size_t index = SIZE_MAX;
        mirai_value *value = NULL;
        story_assert_ok(mirai_map_next(map, &index, &value, STORY_PATIENCE));
        assert_true(index < count);
        if (ordered) assert_int_equal(index, n);
        assert_int_equal(seen[index], 0);
        seen[index] = 1;
        assert_square(value, (int64_t)index);
        mirai_value_release(value);
    }
    free(seen);
}

static void test_map__is_a_loop(void **state)
{
    for (int round = 0; round < (story_in_valgrind() ? 10 : 120); round++) {
        mirai_map_options options = story_map_options();
        size_t count = story_any(400), done = 0, total = 0;
        bool generate = story_any(3) == 0;
        if (generate) options.over = MIRAI_MAP_GENERATOR, options.source = story_count_to, options.user = &count;
        mirai_map *map = story_map(*state, "square", generate ? NULL : story_range((int64_t)count), &options);
        if (story_any(2) == 0) {
            mirai_value *value = NULL;
            read_all(map, count, !options.unordered, count);
            assert_int_equal(mirai_map_next(map, NULL, &value, STORY_PATIENCE), MIRAI_E_CLOSED);
            assert_int_equal(mirai_map_next(map, NULL, &value, 0), MIRAI_E_CLOSED);
        } else {
            size_t before = options.unordered ? 0 : story_any(count + 1);
            read_all(map, count, true, before); /* some by one, the rest at once */
            mirai_value *all = NULL;
            story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &all));
            assert_int_equal(mirai_value_count(all), count - before);
            for (size_t i = before; i < count; i++) assert_square(mirai_value_item(all, i - before), (int64_t)i);
            mirai_value_release(all);
        }
        story_assert_ok(mirai_map_counts(map, &done, &total));
        assert_int_equal(done, count);
        assert_int_equal(total, count);
        mirai_map_release(map);
    }
}

static void test_map__results_of_all_kinds(void **state)
{
    mirai_map_options whole = MIRAI_MAP_OPTIONS_INIT, single = MIRAI_MAP_OPTIONS_INIT;
    single.chunk = 1;
    mirai_value *expected = story_collect(story_map(*state, "vary", story_range(100), &single));
    for (whole.chunk = 2; whole.chunk < 60; whole.chunk = whole.chunk * 2 + 1) {
        mirai_value *all = story_collect(story_map(*state, "vary", story_range(100), &whole));
        assert_true(mirai_value_equal(all, expected));
        mirai_value_release(all);
    }
    mirai_value_release(expected);
}

static void test_map__deep_results_harm_no_other(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.chunk = 4;
    mirai_value *all = story_collect(story_map(*state, "deep",
                                     mirai_list_of(mirai_int(1), mirai_int(200), mirai_int(600), mirai_int(101),
                                                   MIRAI_END),
                                     &options));
    assert_int_equal(mirai_value_type(mirai_value_item(all, 0)), MIRAI_TYPE_LIST);
    assert_int_equal(mirai_value_type(mirai_value_item(all, 1)), MIRAI_TYPE_LIST);
    assert_int_equal(mirai_value_error_code(mirai_value_item(all, 2)), MIRAI_E_LIMIT);
    assert_int_equal(mirai_value_type(mirai_value_item(all, 3)), MIRAI_TYPE_LIST);
    mirai_value_release(all);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void test_map__stops_on_the_first_error(void **state)
{
    for (size_t chunk = 0; chunk < 60; chunk += 19) {
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        options.stop = 1;
        options.chunk = chunk;
        options.window = 1; /* so that the first in order of elements is the first in order of completion */
        mirai_value *all = NULL;
        size_t done = 0, total = 0;
        mirai_map *map = story_map(*state, "square", story_range(2000), &options);
        assert_int_equal(mirai_map_collect(map, STORY_PATIENCE, &all), MIRAI_E_USER);
        assert_string_equal(mirai_error_detail(), "element 5: no square of 5");
        assert_null(all);
        assert_int_equal(mirai_map_collect(map, 0, &all), MIRAI_E_USER);
        assert_string_equal(mirai_error_detail(), "element 5: no square of 5");
        for (size_t i = 0; i < 2000; i++) { /* the rest was cancelled, and can be read */
            size_t index = 0;
            story_assert_ok(mirai_map_next(map, &index, &all, 0));
            assert_int_equal(index, i);
            if (i <= 5)
                assert_square(all, (int64_t)i);
            else if (i > 1000) /* those of the same chunk, or the one that was out, may have results */
                assert_int_equal(mirai_value_error_code(all), MIRAI_OUTCOME_CANCELLED);
            mirai_value_release(all);
        }
        assert_int_equal(mirai_map_next(map, NULL, &all, 0), MIRAI_E_CLOSED);
        story_assert_ok(mirai_map_counts(map, &done, &total));
        assert_int_equal(done, 2000);
        mirai_map_release(map);
    }
}

static void test_map__flattens(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.flatten = 1;
    for (options.chunk = 1; options.chunk < 9; options.chunk += 3) {
        mirai_value *all = story_collect(story_map(*state, "lists", story_range(9), &options));
        assert_int_equal(mirai_value_type(all), MIRAI_TYPE_LIST);
        assert_int_equal(mirai_value_count(all), 36);
        assert_int_equal(mirai_value_int_or(mirai_value_item(all, 35), 0), 807);
        mirai_value_release(all);
        all = story_collect(story_map(*state, "arrays", story_range(9), &options));
        assert_int_equal(mirai_value_dtype(all), MIRAI_DTYPE_INT64);
        assert_int_equal(mirai_value_count(all), 36);
        assert_int_equal(((const int64_t *)mirai_value_data(all))[35], 807);
        mirai_value_release(all);
        all = story_collect(story_map(*state, "echo", story_range(9), &options));
        assert_int_equal(mirai_value_dtype(all), MIRAI_DTYPE_INT64);
        assert_int_equal(((const int64_t *)mirai_value_data(all))[8], 8);
        mirai_value_release(all);
        mirai_value *words = mirai_list_of(mirai_string("a"), mirai_string("b"), MIRAI_END);
        all = story_collect(story_map(*state, "echo", mirai_value_ref(words), &options));
        assert_true(mirai_value_equal(all, words)); /* what cannot be joined is the list that it is */
        mirai_value_release(all);
        mirai_value_release(words);

        mirai_map *map = story_map(*state, "vary", story_range(9), &options);
        assert_int_equal(mirai_map_collect(map, STORY_PATIENCE, &all), MIRAI_E_TYPE);
        mirai_map_release(map);
        map = story_map(*state, "square", story_range(9), &options);
        assert_int_equal(mirai_map_collect(map, STORY_PATIENCE, &all), MIRAI_E_USER);
        assert_non_null(strstr(mirai_error_detail(), "element 5: no square of 5"));
        mirai_map_release(map);
    }
    mirai_value *none = story_collect(story_map(*state, "echo", story_range(0), &options));
    assert_int_equal(mirai_value_type(none), MIRAI_TYPE_LIST);
    mirai_value_release(none);
}

static void test_map__of_an_unknown_function(void **state)
{
    for (size_t chunk = 1; chunk < 4; chunk++) {
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        options.chunk = chunk;
        mirai_value *all = story_collect(story_map(*state, "sqare", story_range(5), &options));
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(mirai_value_error_code(mirai_value_item(all, i)), MIRAI_E_FUNCTION);
            assert_string_equal(story_field(mirai_value_item(all, i), "function"), "sqare");
        }
        mirai_value_release(all);
    }
}

/* Killed from outside, again and again; retries make up for it. */
static void test_map__daemons_are_killed_while_it_runs(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(2);
    mirai_submit_options submit = MIRAI_SUBMIT_OPTIONS_INIT;
    submit.retries = 2;
    submit.losses = 100;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.submit = &submit;
    options.chunk = 5;
    mirai_map *map = story_map(pool, "square", story_range(3000), &options);
    for (int64_t i = 0; i < 3000; i++) {
        mirai_value *value = NULL;
        if (i % 1000 == 500) {
            (void)kill(story_daemon_pid(pool, 0), SIGKILL);
            assert_true(story_until_daemons(pool, 2));
        }
        story_assert_ok(mirai_map_next(map, NULL, &value, STORY_PATIENCE));
        assert_square(value, i);
        mirai_value_release(value);
    }
    mirai_map_release(map);
    story_close(pool);
}

int main(int argc, char **argv)
{
    if (mirai_main(argc, argv, setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__refuses_bad_arguments),
        cmocka_unit_test(test_map__over_nothing),
        cmocka_unit_test(test_map__over_a_dict),
        cmocka_unit_test(test_map__over_rows),
        cmocka_unit_test(test_map__over_numbers),
        cmocka_unit_test(test_map__with_constants),
        cmocka_unit_test(test_map__is_a_loop),
        cmocka_unit_test(test_map__results_of_all_kinds),
        cmocka_unit_test(test_map__deep_results_harm_no_other),
        cmocka_unit_test(test_map__stops_on_the_first_error),
        cmocka_unit_test(test_map__flattens),
        cmocka_unit_test(test_map__of_an_unknown_function),
        cmocka_unit_test(test_map__daemons_are_killed_while_it_runs),
    };
    int failed = cmocka_run_group_tests(tests, story_open_two, story_close_state);
    story_remove_files();
    return failed;
}
