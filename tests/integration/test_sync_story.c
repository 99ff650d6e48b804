/*
 * Sync pools: no daemon, no thread; a task runs inside its submission, and is else as in a daemon: what it gets and gives
 * is a copy that has been through the hooks, and what it fails of is an error value.
 */
#include "story.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mirai_pool *present; /* for functions that submit further tasks */

/* ---- functions ------------------------------------------------------------------------------- */

static mirai_value *who(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_dict_of("pid", mirai_int(getpid()), "task", mirai_int((int64_t)mirai_job_task_id(job)), "thread",
                         mirai_bool(pthread_equal(*(pthread_t *)context, pthread_self())), "daemon",
                         mirai_int(mirai_on_daemon()), "cancelled", mirai_bool(mirai_job_cancelled(job)), "function",
                         mirai_string(mirai_job_function(job)), MIRAI_END);
}

/* The factorial of args, each step a task. */
static mirai_value *factorial(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t n = mirai_value_int_or(args, 0);
    if (n <= 1) return mirai_int(1);
    mirai_task *task = NULL;
    const mirai_value *below = NULL;
    if (mirai_pool_submit(present, &task, "factorial", mirai_int(n - 1), NULL) != MIRAI_OK) return NULL;
    if (mirai_task_result(task, &below) != MIRAI_OK) return NULL;
    mirai_value *result = mirai_int(n * mirai_value_int_or(below, 0));
    mirai_task_release(task);
    return result;
}

static mirai_value *numbers; /* what the function keeps, and may change afterwards */

/* Gives the first number of an array, and keeps the array. */
static mirai_value *keep(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value_release(numbers);
    numbers = mirai_value_ref(args);
    return mirai_value_ref(args);
}

static mirai_value *draw(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    return mirai_float(mirai_rng_uniform(mirai_job_rng(job)));
}

/* A pool inside the job, with args as `nested`. */
static mirai_value *inner(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.nested = (int32_t)mirai_value_int_or(args, 0);
    mirai_status status = mirai_pool_open(&pool, NULL, 0, &options);
    if (status == MIRAI_OK) (void)mirai_pool_close(pool, MIRAI_CANCEL, 0);
    return mirai_int(status);
}

/* A sync pool inside the job of a daemon. */
static mirai_value *inner_sync(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    if (mirai_pool_open(&pool, NULL, 0, &options) != MIRAI_OK) return NULL;
    mirai_task *task = NULL;
    const mirai_value *value = NULL;
    mirai_value *result = NULL;
    if (mirai_pool_submit(pool, &task, "echo", mirai_value_ref(args), NULL) == MIRAI_OK &&
        mirai_task_result(task, &value) == MIRAI_OK)
        result = mirai_value_ref(value);
    mirai_task_release(task);
    (void)mirai_pool_close(pool, MIRAI_CANCEL, 0);
    return result;
}

static int released;

static void release_tally(void *state)
{
    free(state);
    released++;
}

/* Counts its calls in the pool's state, and says so ahead of its result. */
static mirai_value *chatter(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    int64_t *count = mirai_job_state(job, "calls");
    if (count == NULL) {
        count = calloc(1, sizeof *count);
        if (count == NULL || mirai_job_set_state(job, "calls", count, release_tally) != MIRAI_OK) return NULL;
    }
    ++*count;
    if (mirai_job_progress(job, 0.25, "a quarter") != MIRAI_OK) return NULL;
    for (int64_t i = 0; i < mirai_value_int_or(args, 0); i++)
        if (mirai_job_emit(job, mirai_int(i)) != MIRAI_OK) return NULL;
    if (mirai_job_progress(job, 0.5, NULL) != MIRAI_OK) return NULL;
    return mirai_list_of(mirai_int(*count), mirai_int(mirai_job_attempt(job)), MIRAI_END);
}

static char *explained;

static void on_progress(mirai_task *task, double fraction, const char *text, void *user)
{
    (void)fraction, (void)text, (void)user;
    explained = mirai_task_explain(task);
}

/* Says how far it is, and has the callbacks called that are due by that. */
static mirai_value *listen(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    if (mirai_job_progress(job, 0.5, NULL) != MIRAI_OK) return NULL;
    return mirai_int(mirai_pool_process(present, NULL));
}

/* ---- a class, whose objects are numbers in memory of their own ------------------------------- */

static int written, read_back;

static mirai_value *write_number(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    written++;
    return mirai_int(*(int64_t *)object);
}

static mirai_status read_number(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message, (void)context;
    int64_t *number = malloc(sizeof *number);
    if (number == NULL) return MIRAI_E_NOMEM;
    *number = mirai_value_int_or(data, -1);
    read_back++;
    *object = number;
    return MIRAI_OK;
}

/* ---- the stories ----------------------------------------------------------------------------- */

static pthread_t test_thread;

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("who", who, &test_thread));
    MIRAI_TRY(mirai_function_register("factorial", factorial, NULL));
    MIRAI_TRY(mirai_function_register("keep", keep, NULL));
    MIRAI_TRY(mirai_function_register("chatter", chatter, NULL));
    MIRAI_TRY(mirai_function_register("listen", listen, NULL));
    MIRAI_TRY(mirai_function_register("inner", inner, NULL));
    MIRAI_TRY(mirai_function_register("inner_sync", inner_sync, NULL));
    return mirai_function_register("draw", draw, NULL);
}

static mirai_pool *open_sync(void)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 1;
    return story_open_with(0, &options);
}

static void test_sync__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.sync = 2;
    assert_int_equal(mirai_pool_open(&pool, NULL, 0, &options), MIRAI_E_INVALID);
    options.sync = 1;
    assert_int_equal(mirai_pool_open(&pool, NULL, 1, &options), MIRAI_E_INVALID);
    assert_null(pool);
    pool = open_sync();
    int nothing = 0;
    assert_int_equal(mirai_pool_submit(pool, NULL, NULL, mirai_null(), NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_submit(pool, NULL, "echo", NULL, NULL), MIRAI_E_INVALID);
    mirai_value *stranger = mirai_reference("no_such_class", &nothing, NULL, NULL);
    assert_int_equal(mirai_pool_submit(pool, NULL, "echo", stranger, NULL), MIRAI_E_HOOK);
    assert_int_equal(story_status(pool).completed, 0);
    assert_int_equal(mirai_pool_resize(pool, 1), MIRAI_E_STATE);
    assert_int_equal(mirai_pool_resize_group(pool, 0, 1), MIRAI_E_STATE);
    assert_int_equal(mirai_pool_launch(pool, 1, NULL, NULL), MIRAI_E_STATE);
    story_close(pool);
}

static void test_sync__runs_where_it_is_submitted(void **state)
{
    (void)state;
    size_t threads = story_threads();
    mirai_pool *pool = open_sync();
    mirai_task *task = story_submit(pool, "who", mirai_null());
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RESOLVED);
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_value_int_or(mirai_value_get(value, "pid"), 0), getpid());
    assert_int_equal(mirai_value_int_or(mirai_value_get(value, "task"), 0), (int64_t)mirai_task_id(task));
    int32_t flag = 0;
    story_assert_ok(mirai_value_to_bool(mirai_value_get(value, "thread"), &flag));
    assert_true(flag);
    story_assert_ok(mirai_value_to_bool(mirai_value_get(value, "cancelled"), &flag));
    assert_false(flag);
    assert_int_equal(mirai_value_int_or(mirai_value_get(value, "daemon"), 9), 0);
    assert_string_equal(mirai_value_string(mirai_value_get(value, "function")), "who");
    pid_t child;
    assert_int_equal(story_descendants(getpid(), &child, 1), 0);
    assert_true(story_until_threads(threads));
    assert_int_equal(story_status(pool).completed, 1);
    int32_t how = 0;
    story_assert_ok(mirai_task_cancel(task, &how));
    assert_int_equal(how, MIRAI_CANCEL_TOO_LATE);
    mirai_task_release(task);
    story_close(pool);
}

static void test_sync__fails_as_in_a_daemon(void **state)
{
    (void)state;
    mirai_pool *pools[2] = {open_sync(), story_open(1)};
    static const char *const functions[] = {"fail_text", "fail_value", "no.such.function"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const char *texts[2];
        mirai_task *tasks[2];
        for (size_t j = 0; j < 2; j++) {
            tasks[j] = story_submit(pools[j], functions[i], mirai_string("it is what it is"));
            const mirai_value *error = story_expect(tasks[j], MIRAI_OUTCOME_FAILED);
            texts[j] = mirai_value_error_message(error);
            assert_string_equal(story_field(error, "function"), functions[i]);
        }
        if (i < 2) assert_string_equal(texts[0], texts[1]);
        assert_int_equal(mirai_value_error_code(story_result(tasks[0])), mirai_value_error_code(story_result(tasks[1])));
        for (size_t j = 0; j < 2; j++) mirai_task_release(tasks[j]);
    }
    assert_int_equal(story_status(pools[0]).failed, 3);
    for (size_t j = 0; j < 2; j++) story_close(pools[j]);
}

static void test_sync__nests(void **state)
{
    (void)state;
    present = open_sync();
    assert_int_equal(story_number(present, "factorial", mirai_int(12)), 479001600);
    assert_int_equal(story_status(present).completed, 12);
    assert_int_equal(story_number(present, "inner", mirai_int(0)), MIRAI_E_STATE); /* as in a daemon */
    assert_int_equal(story_number(present, "inner", mirai_int(1)), MIRAI_OK);
    story_close(present);
    mirai_pool *pool = story_open(1);
    assert_int_equal(story_number(pool, "inner_sync", mirai_int(17)), 17); /* which starts nothing */
    story_close(pool);
}

/* Neither side sees what the other does to its memory. */
static void test_sync__copies(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static double mine[COUNT];
    mine[0] = 1;
    int64_t shape[] = {COUNT};
    mirai_pool *pool = open_sync();
    mirai_buffer *buffer = mirai_buffer_adopt(mine, sizeof mine, NULL, NULL, NULL);
    mirai_task *task = story_submit(pool, "keep", mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 1, shape, NULL, 0, buffer));
    mine[0] = 2;
    const double *result = mirai_value_data(story_expect(task, MIRAI_OUTCOME_VALUE));
    const double *kept = mirai_value_data(numbers);
    assert_true(result[0] == 1 && kept[0] == 1);
    assert_ptr_not_equal(result, kept);
    assert_ptr_not_equal(result, mine);
    assert_ptr_not_equal(kept, mine);
    mirai_value_release(numbers);
    numbers = NULL;
    mirai_task_release(task);
    story_close(pool);
}

static void release_number(void *object, void *context)
{
    (void)context;
    free(object);
}

static void test_sync__runs_hooks(void **state)
{
    (void)state;
    mirai_pool *pool = open_sync();
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = write_number;
    hook.unserialize = read_number;
    hook.release = release_number;
    story_assert_ok(mirai_pool_refhook_register(pool, "sync_number", &hook));
    int64_t number = 42;
    mirai_task *task = story_submit(pool, "echo", mirai_reference("sync_number", &number, NULL, NULL));
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    const int64_t *object = mirai_value_object(value, "sync_number");
    assert_non_null(object);
    assert_ptr_not_equal(object, &number);
    assert_int_equal(*object, 42);
    assert_int_equal(written, 2); /* as argument and as result */
    assert_int_equal(read_back, 2);
    mirai_task_release(task);
    story_close(pool);
}

static int called;

static void on_resolved(mirai_task *task, void *user)
{
    called += mirai_task_state(task) == MIRAI_TASK_RESOLVED && user == &called;
}

static bool is_readable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, 0) == 1;
}

static void test_sync__tells_the_loop(void **state)
{
    (void)state;
    mirai_pool *pool = open_sync();
    int fd = -1;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    assert_false(is_readable(fd));
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_resolved = on_resolved;
    options.user = &called;
    options.timeout_ms = 1; /* is not enforced */
    mirai_task *task = story_submit_with(pool, "nap", mirai_int(5), &options);
    assert_int_equal(called, 0);
    assert_true(is_readable(fd));
    size_t handled = 0;
    story_assert_ok(mirai_pool_process(pool, &handled));
    assert_int_equal(handled, 1);
    assert_int_equal(called, 1);
    assert_false(is_readable(fd));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    story_assert_ok(mirai_pool_submit(pool, NULL, "echo", mirai_null(), NULL)); /* detached */
    story_assert_ok(mirai_pool_process(pool, &handled));
    assert_int_equal(handled, 1);
    story_assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, MIRAI_FOREVER));
}

static void test_sync__says_things_ahead_and_keeps_things(void **state)
{
    (void)state;
    enum { PARTIALS = 200 }; /* more than a daemon may have out */
    mirai_pool *pool = open_sync();
    released = 0;
    for (int round = 1; round <= 2; round++) {
        mirai_task *task = story_submit(pool, "chatter", mirai_int(PARTIALS));
        const mirai_value *both = story_expect(task, MIRAI_OUTCOME_VALUE);
        assert_int_equal(mirai_value_int_or(mirai_value_item(both, 0), 0), round);
        assert_int_equal(mirai_value_int_or(mirai_value_item(both, 1), 0), 1);
        double fraction = 0;
        story_assert_ok(mirai_task_progress(task, &fraction, NULL));
        assert_true(fraction == 0.5);
        for (int i = 0; i < PARTIALS; i++) {
            mirai_value *partial = NULL;
            story_assert_ok(mirai_task_next_partial(task, &partial, 0));
            assert_int_equal(mirai_value_int_or(partial, -1), i);
            mirai_value_release(partial);
        }
        mirai_value *none = NULL;
        assert_int_equal(mirai_task_next_partial(task, &none, 0), MIRAI_E_CLOSED);
        mirai_task_release(task);
    }
    assert_int_equal(released, 0);
    story_close(pool);
    assert_int_equal(released, 1);
}

static void test_sync__is_explained_while_it_runs(void **state)
{
    (void)state;
    present = open_sync();
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_progress = on_progress;
    mirai_task *task = story_submit_with(present, "listen", mirai_null(), &options);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_string_equal(explained, "running: where it was submitted");
    mirai_text_free(explained);
    mirai_task_release(task);
    story_close(present);
}

static mirai_status refused;

static void on_progress_submit(mirai_task *task, double fraction, const char *text, void *user)
{
    (void)fraction, (void)text, (void)user;
    refused = mirai_pool_submit(present, NULL, "echo", mirai_task_argument(task), NULL);
}

/* Nobody is there to run it later. */
static void test_sync__takes_no_result_that_is_still_to_come(void **state)
{
    (void)state;
    present = open_sync();
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_progress = on_progress_submit;
    mirai_task *task = story_submit_with(present, "listen", mirai_null(), &options);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(refused, MIRAI_E_STATE);
    assert_int_equal(story_status(present).awaiting, 0);
    mirai_task_release(task);
    story_close(present);
}

static void test_sync__takes_shared_values_and_results(void **state)
{
    (void)state;
    mirai_pool *pool = open_sync();
    mirai_value *shared = mirai_share(pool, mirai_int(40));
    assert_non_null(shared);
    mirai_task *sum = story_submit(pool, "add", mirai_list_of(mirai_value_ref(shared), mirai_int(1), MIRAI_END));
    mirai_task *more = story_submit(pool, "add", mirai_list_of(mirai_task_argument(sum), mirai_int(1), MIRAI_END));
    assert_int_equal(mirai_value_int_or(story_expect(more, MIRAI_OUTCOME_VALUE), 0), 42);
    mirai_task *failed = story_submit(pool, "fail_text", mirai_string("alas"));
    mirai_task *last = story_submit(pool, "echo", mirai_list_of(mirai_task_argument(failed), MIRAI_END));
    const mirai_value *error = story_expect(last, MIRAI_OUTCOME_FAILED);
    assert_non_null(strstr(mirai_value_error_message(mirai_value_get(error, "cause")), "alas"));
    mirai_task *tasks[] = {sum, more, failed, last};
    for (size_t i = 0; i < 4; i++) mirai_task_release(tasks[i]);
    mirai_value_release(shared);
    story_close(pool);
}

/* What a map gives does not depend on whether there are daemons. */
static void test_sync__maps(void **state)
{
    (void)state;
    mirai_value *results[2];
    for (int i = 0; i < 2; i++) {
        mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
        options.seed = 3;
        options.seeded = 1;
        options.sync = i;
        mirai_pool *pool = story_open_with(i == 0 ? 2 : 0, &options);
        mirai_value *elements[20];
        for (int j = 0; j < 20; j++) elements[j] = mirai_int(j);
        mirai_map *map = NULL;
        mirai_map_options how = MIRAI_MAP_OPTIONS_INIT;
        how.chunk = i == 0 ? 3 : 7;
        story_assert_ok(mirai_map_start(pool, &map, "draw", mirai_list(elements, 20), &how));
        story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &results[i]));
        mirai_map_release(map);
        story_close(pool);
    }
    assert_int_equal(mirai_value_count(results[0]), 20);
    assert_true(mirai_value_equal(results[0], results[1]));
    for (int i = 0; i < 2; i++) mirai_value_release(results[i]);
}

static void test_sync__runs_everywhere_here(void **state)
{
    (void)state;
    mirai_pool *pool = open_sync();
    story_assert_ok(mirai_pool_everywhere(pool, "k", "remember", mirai_int(31), NULL));
    assert_int_equal(story_number(pool, "recall", mirai_null()), 31);
    assert_int_equal(mirai_pool_everywhere(pool, NULL, "fail_text", mirai_string("no luck"), NULL), MIRAI_E_USER);
    assert_non_null(strstr(mirai_error_detail(), "no luck"));
    assert_int_equal(mirai_pool_everywhere(pool, NULL, "no.such.function", mirai_null(), NULL), MIRAI_E_FUNCTION);
    assert_int_equal(mirai_pool_load(pool, "no_such_module"), MIRAI_E_MODULE);
    story_close(pool);
    pool = open_sync();
    story_assert_ok(mirai_pool_everywhere(pool, "k", "remember", mirai_null(), NULL)); /* frees what was remembered */
    story_close(pool);
}

static void test_sync__has_seeds(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.seed = 11;
    options.seeded = 1;
    mirai_pool *daemons = story_open_with(1, &options);
    options.sync = 1;
    mirai_pool *here = story_open_with(0, &options);
    for (int i = 0; i < 3; i++) {
        mirai_task *tasks[2] = {story_submit(here, "draw", mirai_null()), story_submit(daemons, "draw", mirai_null())};
        double one = mirai_value_float_or(story_expect(tasks[0], MIRAI_OUTCOME_VALUE), -1);
        double other = mirai_value_float_or(story_expect(tasks[1], MIRAI_OUTCOME_VALUE), -2);
        assert_true(one == other);
        for (int j = 0; j < 2; j++) mirai_task_release(tasks[j]);
    }
    story_close(here);
    story_close(daemons);
}

static void *submit_some(void *context)
{
    for (int i = 0; i < 50; i++)
        if (mirai_pool_submit(context, NULL, "echo", mirai_int(i), NULL) != MIRAI_OK) return context;
    return NULL;
}

static void test_sync__takes_several_threads(void **state)
{
    (void)state;
    mirai_pool *pool = open_sync();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, submit_some, pool), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(story_status(pool).completed, 200);
    story_close(pool);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    test_thread = pthread_self();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync__refuses_bad_arguments),
        cmocka_unit_test(test_sync__runs_where_it_is_submitted),
        cmocka_unit_test(test_sync__fails_as_in_a_daemon),
        cmocka_unit_test(test_sync__nests),
        cmocka_unit_test(test_sync__copies),
        cmocka_unit_test(test_sync__runs_hooks),
        cmocka_unit_test(test_sync__tells_the_loop),
        cmocka_unit_test(test_sync__says_things_ahead_and_keeps_things),
        cmocka_unit_test(test_sync__is_explained_while_it_runs),
        cmocka_unit_test(test_sync__takes_no_result_that_is_still_to_come),
        cmocka_unit_test(test_sync__takes_shared_values_and_results),
        cmocka_unit_test(test_sync__maps),
        cmocka_unit_test(test_sync__runs_everywhere_here),
        cmocka_unit_test(test_sync__has_seeds),
        cmocka_unit_test(test_sync__takes_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
