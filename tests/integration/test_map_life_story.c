/*
 * Map over time: generators, in bounded memory; polling, cancels, interrupts and releases while it runs, and what becomes
 * of it when its pool closes.
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

static mirai_value *draw(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    mirai_rng *rng = mirai_job_rng(job);
    double number = 0;
    for (int64_t i = mirai_value_int_or(args, 0) % 3; i >= 0; i--) number = mirai_rng_uniform(rng);
    return mirai_float(number);
}

/* Kills its daemon at 40, else gives n. */
static mirai_value *deadly(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    if (mirai_value_int_or(args, 0) == 40) (void)raise(SIGKILL);
    return mirai_value_ref(args);
}

/* Never gives 1 back; else n. */
static mirai_value *hold_one(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    while (mirai_value_int_or(args, 0) == 1 && !mirai_job_cancelled(job)) (void)usleep(1000);
    return mirai_value_ref(args);
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_function_register("hold_one", hold_one, NULL));
    MIRAI_TRY(mirai_function_register("draw", draw, NULL));
    MIRAI_TRY(mirai_function_register("deadly", deadly, NULL));
    return story_setup();
}

/* ---- helpers --------------------------------------------------------------------------------- */

static void read_echoes(mirai_map *map, size_t count, bool ordered)
{
    for (size_t n = 0; n < count; n++) {
        size_t index = SIZE_MAX;
        mirai_value *value = NULL;
        story_assert_ok(mirai_map_next(map, &index, &value, STORY_PATIENCE));
        if (ordered) assert_int_equal(index, n);
        assert_int_equal(mirai_value_int_or(value, -1), index);
        mirai_value_release(value);
    }
}

/* ---- chunks that matter, and daemons that die ---------------------------------------------- */

static void test_map__streams_do_not_depend_on_chunks(void **state)
{
    (void)state;
    mirai_value *first[2] = {NULL, NULL};
    for (size_t chunk = 1; chunk < 40; chunk = chunk * 2 + 1) {
        mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
        options.seeded = 1, options.seed = 42;
        mirai_pool *pool = story_open_with(chunk % 2 == 0 ? 1 : 2, &options);
        for (size_t number = 0; number < 2; number++) { /* the second map of a pool has other streams */
            mirai_map_options map = MIRAI_MAP_OPTIONS_INIT;
            map.chunk = chunk;
            mirai_task_release(story_submit(pool, "draw", mirai_int(1))); /* other tasks have nothing to do with it */
            mirai_value *all = story_collect(story_map(pool, "draw", story_range(60), &map));
            if (first[number] == NULL) first[number] = mirai_value_ref(all);
            assert_true(mirai_value_equal(all, first[number]));
            mirai_value_release(all);
        }
        story_close(pool);
    }
    for (size_t i = 0; i < 60; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(mirai_value_equal(mirai_value_item(first[0], i), mirai_value_item(first[0], j)));
    assert_false(mirai_value_equal(first[0], first[1]));
    mirai_value_release(first[0]);
    mirai_value_release(first[1]);
}

static void test_map__daemon_dies_in_it(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    for (options.chunk = 1; options.chunk < 9; options.chunk += 3) {
        mirai_value *all = story_collect(story_map(*state, "deadly", story_range(100), &options));
        size_t first = 40 / options.chunk * options.chunk;
        for (size_t i = 0; i < 100; i++) {
            const mirai_value *one = mirai_value_item(all, i);
            if (i >= first && i < first + options.chunk)
                assert_int_equal(mirai_value_error_code(one), MIRAI_OUTCOME_LOST);
            else
                assert_int_equal(mirai_value_int_or(one, -1), i);
        }
        mirai_value_release(all);
    }
}

/* ---- generators ------------------------------------------------------------------------------ */

static mirai_value *fail_at(size_t index, void *user)
{
    if (index < *(size_t *)user) return mirai_int((int64_t)index);
    (void)mirai_error_set(MIRAI_E_NOENT, "the well is dry");
    return NULL;
}

static void test_map__source_fails(void **state)
{
    for (size_t end = 0; end < 90; end += 29) {
        mirai_map_options options = story_map_options();
        options.over = MIRAI_MAP_GENERATOR, options.source = fail_at, options.user = &end;
        mirai_value *value = NULL;
        char text[64];
        (void)snprintf(text, sizeof text, "the source failed at element %zu: the well is dry", end);
        mirai_map *map = story_map(*state, "echo", NULL, &options);
        read_echoes(map, end, !options.unordered);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(mirai_map_next(map, NULL, &value, STORY_PATIENCE), MIRAI_E_USER);
            assert_string_equal(mirai_error_detail(), text);
        }
        assert_int_equal(mirai_map_collect(map, STORY_PATIENCE, &value), MIRAI_E_USER);
        assert_null(value);
        mirai_map_release(map);
    }
}

static void test_map__million_in_bounded_memory(void **state)
{
    size_t count = story_in_valgrind() ? 5000 : 1000000, far = 0;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR, options.source = story_count_to, options.user = &count;
    mirai_map *map = story_map(*state, "echo", NULL, &options);
    int64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        mirai_value *value = NULL;
        size_t total = 0;
        story_assert_ok(mirai_map_next(map, NULL, &value, STORY_PATIENCE));
        if (mirai_value_int_or(value, -1) != (int64_t)i) fail_msg("element %zu", i);
        mirai_value_release(value);
        if (i % 1024 != 0) continue;
        story_assert_ok(mirai_map_counts(map, NULL, &total));
        if (total - i > far) far = total - i; /* given by the source, and not read */
        if (i / 1024 == 100) before = story_rss_kib();
    }
    assert_true(far <= 3 * 16 * 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (!story_in_valgrind()) assert_true(story_rss_kib() - before < 20 * 1024);
#else
    (void)before;
#endif
    mirai_map_release(map);
}

static void test_map__chunks_larger_than_all_there_is(void **state)
{
    size_t count = 10;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR, options.source = story_count_to, options.user = &count;
    for (options.chunk = 11; options.chunk != 0; options.chunk = options.chunk == 11 ? SIZE_MAX : 0) {
        mirai_value *all = story_collect(story_map(*state, "echo", NULL, &options));
        assert_int_equal(mirai_value_count(all), 10);
        mirai_value_release(all);
    }
}

/* The source is asked for more than it has only when all is read. */
static void test_map__collects_nothing_once_all_is_read(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR, options.source = story_count_to, options.chunk = options.window = 1;
    for (size_t count = 0; count < 3; count++) {
        options.user = &count;
        mirai_map *map = story_map(*state, "echo", NULL, &options);
        read_echoes(map, count, true);
        mirai_value *all = story_collect(map);
        assert_int_equal(mirai_value_type(all), MIRAI_TYPE_LIST);
        assert_int_equal(mirai_value_count(all), 0);
        mirai_value_release(all);
    }
}

typedef struct meddler {
    mirai_map *map;
    size_t tries;
} meddler;

static mirai_value *read_its_own_map(size_t index, void *user)
{
    meddler *meddler = user;
    mirai_value *value = NULL;
    if (index == 20) return NULL; /* without a detail: the end */
    if (meddler->map != NULL) {
        assert_int_equal(mirai_map_next(meddler->map, NULL, &value, 0), MIRAI_E_STATE);
        assert_int_equal(mirai_map_collect(meddler->map, 0, &value), MIRAI_E_STATE);
        assert_null(value);
        meddler->tries++;
    }
    return mirai_int((int64_t)index);
}

static void test_map__source_may_not_read_its_map(void **state)
{
    meddler meddler = {.map = NULL};
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR, options.source = read_its_own_map, options.user = &meddler;
    options.chunk = 1, options.window = 2;
    mirai_map *map = story_map(*state, "echo", NULL, &options);
    meddler.map = map;
    read_echoes(map, 10, true);
    mirai_value *all = story_collect(map);
    assert_int_equal(mirai_value_count(all), 10);
    assert_true(meddler.tries > 0);
    mirai_value_release(all);
}

/* 0, 1, and two that cannot be encoded. */
static mirai_value *give_reference(size_t index, void *user)
{
    if (index < 2) return mirai_int((int64_t)index);
    return index < 4 ? mirai_reference("no_such_class", user, NULL, NULL) : NULL;
}

static void test_map__failure_does_not_wait_for_others(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.over = MIRAI_MAP_GENERATOR, options.source = give_reference, options.user = &options;
    options.unordered = 1, options.chunk = 1, options.window = 2;
    mirai_map *map = story_map(*state, "hold_one", NULL, &options);
    for (size_t i = 0; i < 4; i++) {
        size_t index = SIZE_MAX;
        mirai_value *value = NULL;
        if (i == 1) continue; /* that one is held for ever */
        story_assert_ok(mirai_map_next(map, &index, &value, i == 0 ? STORY_PATIENCE : 0));
        assert_int_equal(index, i);
        assert_int_equal(mirai_value_is_error(value), i > 1);
        mirai_value_release(value);
    }
    mirai_map_release(map);
}

/* Arrays without an element, whose rows are more than can be counted. */
static void test_map__flattens_no_more_rows_than_there_can_be(void **state)
{
    const int64_t shape[2] = {INT64_MAX / 2, 0};
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.flatten = 1;
    mirai_value *items[3], *all = NULL;
    for (int i = 0; i < 3; i++) items[i] = mirai_array(MIRAI_DTYPE_INT8, 2, shape, NULL);
    mirai_map *map = story_map(*state, "echo", mirai_list(items, 3), &options);
    assert_int_equal(mirai_map_collect(map, STORY_PATIENCE, &all), MIRAI_E_TYPE);
    mirai_map_release(map);
}

/* ---- time, cancels, other threads ------------------------------------------------------------ */

static void test_map__polls_and_goes_on(void **state)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    for (int round = 0; round < 3; round++) {
        options.chunk = (size_t)round;
        mirai_map *map = story_map(*state, "nap", story_range(12), &options);
        mirai_value *all = NULL;
        mirai_status status;
        size_t tries = 0;
        while ((status = mirai_map_collect(map, round, &all)) == MIRAI_E_TIMEDOUT) tries++;
        assert_int_equal(status, MIRAI_OK);
        assert_true(tries > 0);
        assert_int_equal(mirai_value_count(all), 12);
        mirai_value_release(all);
        mirai_map_release(map);

        map = story_map(*state, "nap", story_range(12), &options);
        for (size_t read = 0; read < 12;) {
            status = mirai_map_next(map, NULL, &all, 0);
            if (status == MIRAI_OK) mirai_value_release(all), read++;
            else assert_int_equal(status, MIRAI_E_TIMEDOUT);
        }
        mirai_map_release(map);
    }
}

typedef struct inner {
    mirai_pool *pool;
    mirai_map *map;
    mirai_status started, polled;
} inner;

static void map_in_callback(mirai_task *task, void *user)
{
    inner *inner = user;
    mirai_value *value = NULL;
    (void)task;
    inner->started = mirai_map_start(inner->pool, &inner->map, "obey", story_range(50), NULL);
    inner->polled = inner->started == MIRAI_OK ? mirai_map_next(inner->map, NULL, &value, 0) : MIRAI_E_STATE;
}

/* A map that begins in a callback, of tasks that do not end by themselves: it returns all the same. */
static void test_map__starts_in_a_callback(void **state)
{
    inner inner = {.pool = *state, .started = MIRAI_E_AGAIN};
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = map_in_callback;
    options.user = &inner;
    mirai_task *task = story_submit_with(*state, "echo", mirai_null(), &options);
    (void)story_result(task);
    mirai_task_release(task);
    while (inner.started == MIRAI_E_AGAIN) story_assert_ok(mirai_pool_process(*state, NULL));
    assert_int_equal(inner.started, MIRAI_OK);
    assert_int_equal(inner.polled, MIRAI_E_TIMEDOUT);
    story_assert_ok(mirai_map_cancel(inner.map));
    for (size_t i = 0; i < 50; i++) {
        mirai_value *value = NULL;
        story_assert_ok(mirai_map_next(inner.map, NULL, &value, 0)); /* cancelled: there without a wait */
        assert_int_equal(mirai_value_error_code(value), MIRAI_OUTCOME_CANCELLED);
        mirai_value_release(value);
    }
    mirai_map_release(inner.map);
}

static void *cancel_soon(void *map)
{
    size_t done = 0;
    while (done < 20 && mirai_map_counts(map, &done, NULL) == MIRAI_OK) story_sleep_ms(1);
    return mirai_map_cancel(map) == MIRAI_OK ? NULL : map;
}

static void test_map__is_cancelled_by_another_thread(void **state)
{
    for (size_t chunk = 1; chunk < 8; chunk += 3) {
        mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
        options.chunk = chunk;
        mirai_value *tens[2000];
        for (size_t i = 0; i < 2000; i++) tens[i] = mirai_int(2);
        mirai_map *map = story_map(*state, "nap", mirai_list(tens, 2000), &options);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, map), 0);
        mirai_value *all = NULL;
        mirai_status status = mirai_map_collect(map, STORY_PATIENCE, &all);
        void *failed = map;
        (void)pthread_join(thread, &failed);
        assert_null(failed);
        assert_int_equal(status, MIRAI_OK);
        size_t cancelled = 0;
        for (size_t i = 0; i < 2000; i++)
            cancelled += mirai_value_error_code(mirai_value_item(all, i)) == MIRAI_OUTCOME_CANCELLED;
        assert_true(cancelled > 1000 && cancelled < 1990);
        mirai_value_release(all);
        mirai_map_release(map);
    }
}

static void test_map__released_while_it_runs(void **state)
{
    for (int round = 0; round < 20; round++) {
        mirai_map_options options = story_map_options();
        mirai_map *map = story_map(*state, "echo", story_range(500), &options);
        mirai_value *value = NULL;
        for (int i = 0; i < round; i++) {
            story_assert_ok(mirai_map_next(map, NULL, &value, STORY_PATIENCE));
            mirai_value_release(value);
        }
        mirai_map_release(map);
    }
    assert_int_equal(story_number(*state, "echo", mirai_int(3)), 3);
}

static void test_map__outlasted_by_nothing_when_the_pool_closes(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    options.window = 2;
    mirai_map *map = story_map(pool, "obey", story_range(10), &options);
    story_close(pool);
    for (size_t i = 0; i < 10; i++) {
        mirai_value *value = NULL;
        story_assert_ok(mirai_map_next(map, NULL, &value, 0));
        assert_int_equal(mirai_value_error_code(value), MIRAI_OUTCOME_CLOSED);
        mirai_value_release(value);
    }
    mirai_map_release(map);
}

/* Its tasks take what room there is, wait for more, and never block where they may not. */
static void test_map__in_a_pool_with_a_budget(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        mirai_pool_options pool_options = MIRAI_POOL_OPTIONS_INIT;
        pool_options.max_tasks = round % 2 == 0 ? 1 + round : 0;
        pool_options.max_bytes = round % 2 == 0 ? 0 : 100;
        mirai_pool *pool = story_open_with(2, &pool_options);
        mirai_map_options options = story_map_options();
        mirai_value *all = story_collect(story_map(pool, "echo", story_range(300), &options));
        for (size_t i = 0; i < 300; i++) assert_int_equal(mirai_value_int_or(mirai_value_item(all, i), -1), i);
        mirai_value_release(all);

        mirai_task *others[8] = {NULL}; /* no room at all, until they are cancelled */
        size_t count = 0;
        const char *long_enough = "the budget of bytes counts this, and there is to be no room any more when it has come in";
        while (count < 8 && mirai_pool_try_submit(pool, &others[count], "obey",
                                                  mirai_list_of(mirai_string(long_enough), MIRAI_END), NULL) == MIRAI_OK)
            count++;
        assert_true(count < 8);
        mirai_map *map = story_map(pool, "echo", story_range(20), &options), *second = story_map(pool, "echo", story_range(20), &options);
        assert_int_equal(mirai_map_next(map, NULL, &all, 0), MIRAI_E_TIMEDOUT);
        assert_int_equal(mirai_map_collect(map, 20, &all), MIRAI_E_TIMEDOUT);
        mirai_pool_interrupt(pool);
        assert_int_equal(mirai_map_next(map, NULL, &all, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
        story_assert_ok(mirai_cancel(others, count, NULL));
        all = story_collect(map);
        assert_int_equal(mirai_value_count(all), 20);
        mirai_value_release(all);
        all = story_collect(second);
        assert_int_equal(mirai_value_int_or(mirai_value_item(all, 19), -1), 19);
        mirai_value_release(all);
        for (size_t i = 0; i < count; i++) mirai_task_release(others[i]);
        story_close(pool);
    }
}

static void test_map__is_interrupted(void **state)
{
    mirai_map *map = story_map(*state, "obey", story_range(3), NULL);
    mirai_value *value = NULL;
    mirai_pool_interrupt(*state);
    assert_int_equal(mirai_map_next(map, NULL, &value, STORY_PATIENCE), MIRAI_E_INTERRUPTED);
    mirai_pool_interrupt(*state);
    assert_int_equal(mirai_map_collect(map, STORY_PATIENCE, &value), MIRAI_E_INTERRUPTED);
    mirai_map_release(map);
}

/* ---- how far it is --------------------------------------------------------------------------- */

static void run_shown(mirai_pool *pool, int into)
{
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    mirai_value *items[100], *all = NULL;
    mirai_map *map = NULL;
    options.progress = 1;
    for (int i = 0; i < 100; i++) items[i] = mirai_int(i);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(into, STDERR_FILENO) >= 0);
    mirai_status status = mirai_map_start(pool, &map, "echo", mirai_list(items, 100), &options);
    if (status == MIRAI_OK) status = mirai_map_collect(map, STORY_PATIENCE, &all);
    mirai_map_release(map);
    assert_true(dup2(before, STDERR_FILENO) >= 0 && close(before) == 0);
    story_assert_ok(status);
    for (size_t i = 0; i < 100; i++) assert_int_equal(mirai_value_int_or(mirai_value_item(all, i), -1), i);
    mirai_value_release(all);
}

static void test_map__shows_lines_or_a_bar_on_stderr(void **state)
{
    char text[8192] = "";
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    int file = open(story_path("lines"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    run_shown(*state, file);
    assert_true(pread(file, text, sizeof text - 1, 0) > 0);
    assert_non_null(strstr(text, "100 % (100 of 100)\n"));
    assert_null(strchr(text, '\r'));
    assert_int_equal(close(file), 0);

    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) skip();
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(end >= 0);
    run_shown(*state, end);
    size_t size = 0;
    text[0] = '\0';
    while (strstr(text, "100 of 100") == NULL) { /* a terminal gives it in pieces */
        ssize_t got = read(terminal, text + size, sizeof text - 1 - size);
        assert_true(got > 0);
        text[size += (size_t)got] = '\0';
    }
    assert_true(strchr(text, '\r') != NULL && strchr(text, '#') != NULL);
    assert_true(close(end) == 0 && close(terminal) == 0);
}

int main(int argc, char **argv)
{
    if (mirai_main(argc, argv, setup) != MIRAI_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__daemon_dies_in_it),
        cmocka_unit_test(test_map__streams_do_not_depend_on_chunks),
        cmocka_unit_test(test_map__source_fails),
        cmocka_unit_test(test_map__chunks_larger_than_all_there_is),
        cmocka_unit_test(test_map__collects_nothing_once_all_is_read),
        cmocka_unit_test(test_map__source_may_not_read_its_map),
        cmocka_unit_test(test_map__failure_does_not_wait_for_others),
        cmocka_unit_test(test_map__flattens_no_more_rows_than_there_can_be),
        cmocka_unit_test(test_map__million_in_bounded_memory),
        cmocka_unit_test(test_map__polls_and_goes_on),
        cmocka_unit_test(test_map__starts_in_a_callback),
        cmocka_unit_test(test_map__is_cancelled_by_another_thread),
        cmocka_unit_test(test_map__released_while_it_runs),
        cmocka_unit_test(test_map__outlasted_by_nothing_when_the_pool_closes),
        cmocka_unit_test(test_map__in_a_pool_with_a_budget),
        cmocka_unit_test(test_map__is_interrupted),
        cmocka_unit_test(test_map__shows_lines_or_a_bar_on_stderr),
    };
    int failed = cmocka_run_group_tests(tests, story_open_two, story_close_state);
    story_remove_files();
    return failed;
}
