/*
 * What a task says ahead of its result: how far it is, and partial results: read, called back, in order, of tasks that
 * are cancelled, crash, and are tried again.
 */
#include "story.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- functions of the daemon ----------------------------------------------------------------- */

/* Progress of args: a list of fraction and text. Gives the statuses of bad calls first. */
static mirai_value *say(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    bool refused = mirai_job_progress(NULL, 0.5, NULL) == MIRAI_E_INVALID &&
                   mirai_job_progress(job, -0.001, NULL) == MIRAI_E_RANGE &&
                   mirai_job_progress(job, 1.001, NULL) == MIRAI_E_RANGE &&
                   mirai_job_progress(job, (double)NAN, NULL) == MIRAI_E_RANGE &&
                   mirai_job_progress(job, 0.5, "\xff") == MIRAI_E_INVALID &&
                   mirai_job_emit(NULL, mirai_null()) == MIRAI_E_INVALID &&
                   mirai_job_emit(job, NULL) == MIRAI_E_INVALID;
    for (size_t i = 0; i + 1 < mirai_value_count(args); i += 2) {
        double fraction = mirai_value_float_or(mirai_value_item(args, i), -1);
        if (mirai_job_progress(job, fraction, mirai_value_string(mirai_value_item(args, i + 1))) != MIRAI_OK) return NULL;
    }
    return mirai_bool(refused);
}

/* Says 0.25 twice, too close to one another, and goes on until it is told to stop. */
static mirai_value *say_and_stay(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    if (mirai_job_progress(job, 0.25, "first") != MIRAI_OK) return NULL;
    if (mirai_job_progress(job, 0.5, "second") != MIRAI_OK) return NULL;
    while (!mirai_job_cancelled(job)) story_sleep_ms(1);
    return mirai_null();
}

/* Emits the numbers below args. */
static mirai_value *count_up(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    int64_t count = mirai_value_int_or(args, 0);
    for (int64_t i = 0; i < count; i++)
        if (mirai_job_emit(job, mirai_int(i)) != MIRAI_OK) return NULL;
    return mirai_int(count);
}

/* Emits for ever: what ends it is told in the file named by args. */
static mirai_value *count_for_ever(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    mirai_status status = MIRAI_OK;
    for (int64_t i = 0; status == MIRAI_OK; i++) status = mirai_job_emit(job, mirai_int(i));
    char unfinished[256]; /* a file that is there has the number in it */
    (void)snprintf(unfinished, sizeof unfinished, "%s.part", mirai_value_string(args));
    FILE *file = fopen(unfinished, "w");
    if (file == NULL) return NULL;
    (void)fprintf(file, "%d\n", (int)-status);
    (void)fclose(file);
    return rename(unfinished, mirai_value_string(args)) == 0 ? mirai_null() : NULL;
}

/* Emits three blocks of args bytes. */
static mirai_value *emit_blocks(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    size_t size = (size_t)mirai_value_int_or(args, 0);
    unsigned char *bytes = malloc(size);
    for (int i = 0; i < 3 && bytes != NULL; i++) {
        memset(bytes, i, size);
        if (mirai_job_emit(job, mirai_bytes(bytes, size)) != MIRAI_OK) break;
    }
    free(bytes);
    return mirai_null();
}

/* Emits its attempt, three times; the first attempts, below args, then die. */
static mirai_value *emit_and_die(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    for (int i = 0; i < 3; i++)
        if (mirai_job_emit(job, mirai_int(mirai_job_attempt(job))) != MIRAI_OK) return NULL;
    if (mirai_job_attempt(job) < mirai_value_int_or(args, 0)) (void)raise(SIGKILL);
    return mirai_int(mirai_job_attempt(job));
}

/* An object that no hook can send; then one that can. */
static mirai_value *emit_unsendable(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    mirai_status status = mirai_job_emit(job, mirai_reference("no_such_class", &status, NULL, NULL));
    if (status != MIRAI_E_HOOK) return NULL;
    if (mirai_job_emit(job, mirai_int(5)) != MIRAI_OK) return NULL;
    return mirai_null();
}

static mirai_status setup(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
    } table[] = {
        {"say", say},
        {"say_and_stay", say_and_stay},
        {"count_up", count_up},
        {"count_for_ever", count_for_ever},
        {"emit_blocks", emit_blocks},
        {"emit_and_die", emit_and_die},
        {"emit_unsendable", emit_unsendable},
    };
    MIRAI_TRY(story_setup());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, NULL));
    return MIRAI_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int64_t next_number(mirai_task *task)
{
    mirai_value *value = NULL;
    story_assert_ok(mirai_task_next_partial(task, &value, STORY_PATIENCE));
    int64_t number = mirai_value_int_or(value, -1);
    mirai_value_release(value);
    return number;
}

static void assert_no_more(mirai_task *task)
{
    mirai_value *value = NULL;
    assert_int_equal(mirai_task_next_partial(task, &value, STORY_PATIENCE), MIRAI_E_CLOSED);
    assert_null(value);
}

static void test_partial__bad_arguments(void **state)
{
    mirai_value *value = NULL;
    char *text = NULL;
    double fraction;
    mirai_task *task = story_submit(*state, "echo", mirai_null());
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(mirai_task_next_partial(NULL, &value, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_next_partial(task, NULL, 0), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_next_partial(task, &value, -2), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_progress(NULL, &fraction, &text), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_progress(task, &fraction, &text), MIRAI_E_AGAIN);
    assert_null(text);
    assert_no_more(task);
    mirai_task_release(task);
}

static void test_partial__progress(void **state)
{
    double fraction = -1;
    char *text = NULL, *longer = malloc(3001);
    mirai_value *told = mirai_list_of(mirai_float(0), mirai_null(), mirai_float(0.5), mirai_string("half"), mirai_int(1),
                                      mirai_string("all \xc3\xa4"), MIRAI_END);
    mirai_task *task = story_submit(*state, "say", told);
    assert_true(mirai_value_equal(story_expect(task, MIRAI_OUTCOME_VALUE), mirai_bool(1)));
    story_assert_ok(mirai_task_progress(task, &fraction, &text)); /* the last one, although it came at once */
    assert_true(fraction == 1);
    assert_string_equal(text, "all \xc3\xa4");
    mirai_text_free(text);
    story_assert_ok(mirai_task_progress(task, NULL, NULL));
    mirai_task_release(task);

    assert_non_null(longer);
    for (int i = 0; i < 3000; i += 2) memcpy(longer + i, "\xc3\xa4", 2);
    memmove(longer + 1, longer, 2998);
    longer[0] = 'x';
    longer[2999] = '\0';
    task = story_submit(*state, "say", mirai_list_of(mirai_float(0.75), mirai_string(longer), MIRAI_END));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    story_assert_ok(mirai_task_progress(task, &fraction, &text));
    assert_true(fraction == 0.75);
    assert_int_equal(strlen(text), 1023);
    assert_memory_equal(text, longer, 1023);
    mirai_text_free(text);
    mirai_task_release(task);
    free(longer);
}

static bool has_said_half(void *context)
{
    double fraction = -1;
    return mirai_task_progress(context, &fraction, NULL) == MIRAI_OK && fraction == 0.5;
}

static void test_partial__progress_is_told_while_it_runs(void **state)
{
    mirai_task *task = story_submit(*state, "say_and_stay", mirai_null());
    assert_true(story_until(has_said_half, task)); /* nobody waits, and the job says no more */
    story_assert_ok(mirai_task_cancel(task, NULL));
    (void)story_expect(task, MIRAI_OUTCOME_CANCELLED);
    mirai_task_release(task);
}

static void test_partial__ten_thousand_in_order(void **state)
{
    const int many = story_many(10000);
    mirai_task *task = story_submit(*state, "count_up", mirai_int(many));
    for (int i = 0; i < many; i++) assert_int_equal(next_number(task), i);
    assert_no_more(task);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
}

static void test_partial__nobody_reads(void **state)
{
    mirai_task *task = story_submit(*state, "count_up", mirai_int(1000)); /* more than the window */
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    for (int i = 0; i < 1000; i++) assert_int_equal(next_number(task), i); /* they are kept */
    assert_no_more(task);
    mirai_task_release(task);
    task = story_submit(*state, "count_up", mirai_int(1000));
    mirai_task_release(task); /* detached: they are dropped */
    story_assert_ok(mirai_pool_submit(*state, NULL, "count_up", mirai_int(1000), NULL));
    assert_int_equal(story_number(*state, "count_up", mirai_int(3)), 3);
}

static void test_partial__large(void **state)
{
    enum { SIZE = 20 * 1024 * 1024 }; /* each is more than the window */
    mirai_task *task = story_submit(*state, "emit_blocks", mirai_int(SIZE));
    for (int i = 0; i < 3; i++) {
        mirai_value *value = NULL;
        story_assert_ok(mirai_task_next_partial(task, &value, STORY_PATIENCE));
        const unsigned char *bytes = mirai_value_data(value);
        assert_int_equal(mirai_value_count(value), SIZE);
        assert_int_equal(bytes[0], i);
        assert_int_equal(bytes[SIZE - 1], i);
        mirai_value_release(value);
    }
    assert_no_more(task);
    mirai_task_release(task);
}

static void test_partial__waits_and_polls(void **state)
{
    mirai_value *value = NULL;
    mirai_task *task = story_submit(*state, "obey", mirai_null());
    assert_int_equal(mirai_task_next_partial(task, &value, 0), MIRAI_E_TIMEDOUT);
    assert_int_equal(mirai_task_next_partial(task, &value, 10), MIRAI_E_TIMEDOUT);
    mirai_pool_interrupt(*state);
    assert_int_equal(mirai_task_next_partial(task, &value, MIRAI_FOREVER), MIRAI_E_INTERRUPTED);
    story_assert_ok(mirai_task_cancel(task, NULL));
    assert_no_more(task);
    mirai_task_release(task);
}

static void test_partial__cancel_ends_an_emit(void **state)
{
    const int step = story_many(100);
    for (int i = 0; i < 20; i++) {
        const char *path = story_path("emit_ended");
        (void)unlink(path);
        mirai_task *task = story_submit(*state, "count_for_ever", mirai_string(path));
        for (int n = 0; n < step * i; n++) assert_int_equal(next_number(task), n);
        story_assert_ok(mirai_task_cancel(task, NULL));
        (void)story_expect(task, MIRAI_OUTCOME_CANCELLED);
        mirai_task_release(task);
        if (i == 0) continue; /* that one may never have run */
        assert_true(story_until_file(path));
        assert_int_equal(story_read_number(path), -MIRAI_E_CLOSED);
    }
    assert_int_equal(story_status(*state).daemons_lost, 0);
}

static void test_partial__refuses_what_cannot_be_sent(void **state)
{
    mirai_task *task = story_submit(*state, "emit_unsendable", mirai_null());
    assert_int_equal(next_number(task), 5);
    assert_no_more(task);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
}

static void test_partial__of_an_attempt_that_died(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "emit_and_die", mirai_int(2));
    (void)story_expect(task, MIRAI_OUTCOME_LOST);
    for (int i = 0; i < 3; i++) assert_int_equal(next_number(task), 1); /* what it had said counts */
    assert_no_more(task);
    mirai_task_release(task);
    story_close(pool);
}

/* ---- called back ----------------------------------------------------------------------------- */

typedef struct heard {
    mirai_pool *pool;
    int64_t next;  /* number that is expected */
    int wrong;     /* calls that should not have been */
    int progress;  /* calls */
    double fraction;
    int resolved;
    bool nested; /* process inside a callback */
} heard;

static void hear_partial(mirai_task *task, const mirai_value *value, void *user)
{
    heard *heard = user;
    if (heard->resolved > 0 || mirai_task_user(task) != user) heard->wrong++;
    if (mirai_value_int_or(value, -1) != heard->next++) heard->wrong++;
    if (heard->nested) (void)mirai_pool_process(heard->pool, NULL);
}

static void hear_progress(mirai_task *task, double fraction, const char *text, void *user)
{
    heard *heard = user;
    if (heard->resolved > 0 || mirai_task_user(task) != user) heard->wrong++;
    if (fraction < heard->fraction || text == NULL) heard->wrong++;
    heard->fraction = fraction;
    heard->progress++;
}

static void hear_resolved(mirai_task *task, void *user)
{
    (void)task;
    ((heard *)user)->resolved++;
}

static mirai_submit_options options_of(heard *heard)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.on_partial = hear_partial;
    options.on_progress = hear_progress;
    options.on_resolved = hear_resolved;
    options.user = heard;
    return options;
}

/* Process by the descriptor until it has resolved; how many events were told. */
static size_t process_until_resolved(mirai_pool *pool, heard *heard)
{
    int fd = -1;
    size_t all = 0, handled;
    story_assert_ok(mirai_pool_fd(pool, &fd));
    while (heard->resolved == 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, STORY_PATIENCE), 1);
        story_assert_ok(mirai_pool_process(pool, &handled));
        all += handled;
    }
    return all;
}

static void test_partial__callbacks_come_in_order(void **state)
{
    for (int nested = 0; nested < 2; nested++) {
        heard heard = {.pool = *state, .nested = nested};
        mirai_submit_options options = options_of(&heard);
        mirai_value *value = NULL;
        mirai_task *task = story_submit_with(*state, "count_up", mirai_int(1000), &options);
        assert_int_equal(mirai_task_next_partial(task, &value, 0), MIRAI_E_STATE);
        size_t events = process_until_resolved(*state, &heard);
        if (!nested) assert_int_equal(events, 1001);
        assert_int_equal(heard.next, 1000);
        assert_int_equal(heard.wrong, 0);
        assert_int_equal(heard.resolved, 1);
        mirai_task_release(task);
    }
}

static void test_partial__callbacks_of_a_detached_task(void **state)
{
    heard heard = {.pool = *state};
    mirai_submit_options options = options_of(&heard);
    story_assert_ok(mirai_pool_submit(*state, NULL, "count_up", mirai_int(100), &options));
    (void)process_until_resolved(*state, &heard);
    assert_int_equal(heard.next, 100);
    assert_int_equal(heard.wrong, 0);
}

static void test_partial__progress_is_called_back(void **state)
{
    heard heard = {.pool = *state};
    mirai_submit_options options = options_of(&heard);
    mirai_value *told = mirai_list_of(mirai_float(0.25), mirai_string("a"), mirai_float(0.75), mirai_string("b"), MIRAI_END);
    mirai_task *task = story_submit_with(*state, "say", told, &options);
    (void)process_until_resolved(*state, &heard);
    assert_true(heard.progress >= 1);
    assert_true(heard.fraction == 0.75);
    assert_int_equal(heard.wrong, 0);
    mirai_task_release(task);
}

static void test_partial__closing_delivers(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    heard heard = {.pool = pool};
    mirai_submit_options options = options_of(&heard);
    mirai_task *task = story_submit_with(pool, "count_up", mirai_int(300), &options);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(heard.next, 0);
    story_close(pool);
    assert_int_equal(heard.next, 300);
    assert_int_equal(heard.resolved, 1);
    assert_int_equal(heard.wrong, 0);
    mirai_task_release(task);
}

static int close_pool(void **state)
{
    story_close(*state);
    story_remove_files();
    return 0;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partial__bad_arguments),
        cmocka_unit_test(test_partial__progress),
        cmocka_unit_test(test_partial__progress_is_told_while_it_runs),
        cmocka_unit_test(test_partial__ten_thousand_in_order),
        cmocka_unit_test(test_partial__nobody_reads),
        cmocka_unit_test(test_partial__large),
        cmocka_unit_test(test_partial__waits_and_polls),
        cmocka_unit_test(test_partial__cancel_ends_an_emit),
        cmocka_unit_test(test_partial__refuses_what_cannot_be_sent),
        cmocka_unit_test(test_partial__of_an_attempt_that_died),
        cmocka_unit_test(test_partial__callbacks_come_in_order),
        cmocka_unit_test(test_partial__callbacks_of_a_detached_task),
        cmocka_unit_test(test_partial__progress_is_called_back),
        cmocka_unit_test(test_partial__closing_delivers),
    };
    return cmocka_run_group_tests(tests, story_open_two, close_pool);
}
