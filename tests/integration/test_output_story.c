/*
 * What daemons write, captured: each task's own, bounded, also of tasks that were cancelled or lost; or given to the
 * pool's on_output as it comes.
 */
#include "story.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KILO = 1024, MEGA = 1024 * KILO };

/* ---- functions ------------------------------------------------------------------------------- */

/* Write args[0] to stdout and args[1] to stderr; a third one is what happens then: a path, a file to make. */
static mirai_value *say(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    const char *how = mirai_value_string(mirai_value_item(args, 2));
    (void)fputs(mirai_value_string(mirai_value_item(args, 0)), stdout);
    (void)fputs(mirai_value_string(mirai_value_item(args, 1)), stderr);
    if (how == NULL) return mirai_null();
    (void)fflush(stdout);
    if (strcmp(how, "die") == 0) (void)raise(SIGKILL);
    if (strcmp(how, "fail") == 0) return NULL;
    FILE *mark = *how == '/' ? fopen(how, "we") : NULL;
    if (mark != NULL) (void)fputs("written\n", mark);
    if (mark != NULL) (void)fclose(mark);
    while (!mirai_job_cancelled(job)) story_sleep_ms(1);
    return mirai_null();
}

/* Write args bytes, by the bare call. */
static mirai_value *pour(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    char line[KILO];
    memset(line, 'x', sizeof line);
    for (int64_t left = mirai_value_int_or(args, 0); left > 0;) {
        ssize_t size = write(STDOUT_FILENO, line, left < KILO ? (size_t)left : KILO);
        if (size > 0) left -= size;
    }
    return mirai_null();
}

/* Never stops writing, to both. */
static mirai_value *flood(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    char line[4 * KILO];
    memset(line, 'y', sizeof line);
    while (!mirai_job_cancelled(job))
        if (write(STDOUT_FILENO, line, sizeof line) < 0 || write(STDERR_FILENO, line, sizeof line) < 0) return NULL;
    return mirai_null();
}

static void *mutter(void *unused)
{
    (void)unused;
    story_sleep_ms(100);
    ssize_t size = write(STDOUT_FILENO, "late\n", 5);
    (void)size;
    return NULL;
}

/* Something is written a while after it has returned. */
static mirai_value *say_later(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    pthread_t thread;
    if (pthread_create(&thread, NULL, mutter, NULL) != 0) return NULL;
    (void)pthread_detach(thread);
    return mirai_null();
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("say", say, NULL));
    MIRAI_TRY(mirai_function_register("pour", pour, NULL));
    MIRAI_TRY(mirai_function_register("flood", flood, NULL));
    return mirai_function_register("say_later", say_later, NULL);
}

static mirai_value *words(const char *out, const char *err, const char *how)
{
    if (how == NULL) return mirai_list_of(mirai_string(out), mirai_string(err), MIRAI_END);
    return mirai_list_of(mirai_string(out), mirai_string(err), mirai_string(how), MIRAI_END);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static mirai_pool *open_capturing(int32_t daemons, int64_t limit)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.output = MIRAI_OUTPUT_CAPTURE;
    options.output_limit = limit;
    return story_open_with(daemons, &options);
}

static void check_output(mirai_task *task, const char *out, const char *err)
{
    mirai_value *output = NULL;
    (void)story_result(task);
    story_assert_ok(mirai_task_output(task, &output));
    assert_string_equal(story_field(output, "stdout"), out);
    assert_string_equal(story_field(output, "stderr"), err);
    assert_int_equal(mirai_value_int_or(mirai_value_get(output, "dropped"), -1), 0);
    mirai_value_release(output);
}

static void test_output__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai_pool *pool = NULL;
    mirai_value *output = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.output = 3;
    assert_int_equal(mirai_pool_open(&pool, "story", 1, &options), MIRAI_E_INVALID);
    options.output = MIRAI_OUTPUT_CAPTURE;
    options.output_limit = -2;
    assert_int_equal(mirai_pool_open(&pool, "story", 1, &options), MIRAI_E_INVALID);
    assert_int_equal(mirai_task_output(NULL, &output), MIRAI_E_INVALID);
    pool = story_open(1);
    mirai_task *task = story_submit(pool, "echo", mirai_null());
    assert_int_equal(mirai_task_output(task, NULL), MIRAI_E_INVALID);
    (void)story_result(task);
    assert_int_equal(mirai_task_output(task, &output), MIRAI_E_STATE);
    mirai_task_release(task);
    story_close(pool);
    pool = open_capturing(1, 0);
    task = story_submit(pool, "obey", mirai_null());
    assert_int_equal(mirai_task_output(task, &output), MIRAI_E_AGAIN);
    story_assert_ok(mirai_task_cancel(task, NULL));
    check_output(task, "", "");
    mirai_task_release(task);
    story_close(pool);
}

static void test_output__is_the_task_s_own(void **state)
{
    (void)state;
    enum { TASKS = 60 };
    mirai_pool *pool = open_capturing(2, 0);
    mirai_task *tasks[TASKS];
    char out[32], err[32];
    for (int i = 0; i < TASKS; i++) {
        (void)snprintf(out, sizeof out, "out %d\n", i);
        (void)snprintf(err, sizeof err, "err %d", i);
        tasks[i] = i % 3 == 2 ? story_submit(pool, "echo", mirai_null())
                              : story_submit(pool, "say", words(out, err, i % 3 == 1 ? "fail" : NULL));
    }
    for (int i = 0; i < TASKS; i++) {
        (void)snprintf(out, sizeof out, "out %d\n", i);
        (void)snprintf(err, sizeof err, "err %d", i);
        check_output(tasks[i], i % 3 == 2 ? "" : out, i % 3 == 2 ? "" : err);
        mirai_task_release(tasks[i]);
    }
    mirai_task *task = story_submit(pool, "say", words("good \xc3\xa9", "", NULL));
    check_output(task, "good \xc3\xa9", "");
    mirai_task_release(task);
    story_close(pool);
}

static void check_size(mirai_task *task, size_t kept, int64_t dropped)
{
    mirai_value *output = NULL;
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    story_assert_ok(mirai_task_output(task, &output));
    assert_int_equal(strlen(story_field(output, "stdout")), kept);
    assert_int_equal(mirai_value_int_or(mirai_value_get(output, "dropped"), -1), dropped);
    mirai_value_release(output);
    mirai_task_release(task);
}

static void test_output__is_bounded(void **state)
{
    (void)state;
    mirai_pool *few = open_capturing(1, 1000), *usual = open_capturing(1, 0), *all = open_capturing(1, -1);
    check_size(story_submit(few, "pour", mirai_int(1000)), 1000, 0);
    check_size(story_submit(few, "pour", mirai_int(200000)), 1000, 199000);
    check_size(story_submit(few, "echo", mirai_null()), 0, 0);
    check_size(story_submit(usual, "pour", mirai_int(200000)), 65536, 200000 - 65536);
    check_size(story_submit(all, "pour", mirai_int(3 * MEGA)), (size_t)3 * MEGA, 0);
    story_close(few);
    story_close(usual);
    story_close(all);
}

static void test_output__outlives_its_daemon(void **state)
{
    (void)state;
    mirai_pool *pool = open_capturing(1, 0);
    mirai_task *task = story_submit(pool, "say", words("last words\n", "help\n", "die"));
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_LOST);
    assert_string_equal(story_field(error, "stderr"), "help");
    check_output(task, "last words\n", "help\n");
    mirai_task_release(task);
    story_close(pool);
}

static void test_output__of_a_cancelled_task(void **state)
{
    (void)state;
    mirai_pool *pool = open_capturing(1, 0);
    const char *mark = story_path("mark");
    mirai_task *task = story_submit(pool, "say", words("so far\n", "", mark));
    assert_true(story_until_file(mark));
    story_assert_ok(mirai_task_cancel(task, NULL));
    check_output(task, "so far\n", "");
    mirai_task *next = story_submit(pool, "say", words("next\n", "", NULL));
    check_output(next, "next\n", "");
    mirai_task_release(next);
    mirai_task_release(task);
    story_close(pool);
    story_remove_files();
}

static void test_output__is_that_of_the_last_attempt(void **state)
{
    (void)state;
    mirai_pool *pool = open_capturing(1, 0);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 2;
    options.retry_on = MIRAI_RETRY_LOST | MIRAI_RETRY_FAILED;
    mirai_task *task = story_submit_with(pool, "say", words("once\n", "", "fail"), &options);
    check_output(task, "once\n", "");
    assert_int_equal(mirai_task_attempts(task), 3);
    mirai_task_release(task);
    story_close(pool);
}

/* ---- on_output ------------------------------------------------------------------------------- */

typedef struct heard {
    bool processing;
    int wrong;
    size_t sizes[3];   /* by stream */
    uint64_t last_task;
    char text[256];
    size_t used;
} heard;

static void hear(mirai_pool *pool, uint64_t daemon, uint64_t task, int32_t stream, const char *bytes, size_t size,
                 void *user)
{
    heard *heard = user;
    if (!heard->processing || pool == NULL || daemon == 0 || stream < 1 || stream > 2 || size == 0) heard->wrong++;
    heard->sizes[stream] += size;
    heard->last_task = task;
    size_t room = sizeof heard->text - 1 - heard->used, part = size < room ? size : room;
    memcpy(heard->text + heard->used, bytes, part);
    heard->used += part;
    heard->text[heard->used] = '\0';
}

static mirai_pool *open_heard(int32_t daemons, heard *heard)
{
    memset(heard, 0, sizeof *heard);
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.output = MIRAI_OUTPUT_CAPTURE;
    options.on_output = hear;
    options.user = heard;
    return story_open_with(daemons, &options);
}

static void process(mirai_pool *pool, heard *heard)
{
    heard->processing = true;
    story_assert_ok(mirai_pool_process(pool, NULL));
    heard->processing = false;
    assert_int_equal(heard->wrong, 0);
}

typedef struct wish {
    mirai_pool *pool;
    heard *heard;
    const char *text;
} wish;

static bool has_heard(void *context)
{
    const wish *wish = context;
    process(wish->pool, wish->heard);
    return strcmp(wish->heard->text, wish->text) == 0;
}

static void test_output__is_given_as_it_comes(void **state)
{
    (void)state;
    heard heard;
    mirai_pool *pool = open_heard(1, &heard);
    wish wish = {pool, &heard, "now\n"};
    mirai_task *task = story_submit(pool, "say", words("now\n", "", "wait")); /* it goes on */
    assert_true(story_until(has_heard, &wish));
    assert_int_equal(heard.last_task, mirai_task_id(task));
    story_assert_ok(mirai_task_cancel(task, NULL));
    check_output(task, "", "");
    mirai_task_release(task);
    heard.used = 0;
    wish.text = "late\n";
    task = story_submit(pool, "say_later", mirai_null());
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_true(story_until(has_heard, &wish));
    assert_int_equal(heard.last_task, 0); /* between two jobs */
    mirai_task_release(task);

    heard.used = 0;
    task = story_submit(pool, "say", words("closing\n", "", NULL));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    heard.processing = true;
    story_close(pool); /* gives what is left */
    assert_int_equal(heard.wrong, 0);
    assert_string_equal(heard.text, "closing\n");
    mirai_task_release(task);
}

static void test_output__comes_whole(void **state)
{
    (void)state;
    heard heard;
    mirai_pool *pool = open_heard(2, &heard);
    for (int i = 0; i < 10; i++) {
        mirai_task *task = story_submit(pool, "pour", mirai_int(300000));
        (void)story_expect(task, MIRAI_OUTCOME_VALUE);
        mirai_task_release(task);
        if (i % 3 == 0) process(pool, &heard);
    }
    process(pool, &heard);
    assert_int_equal(heard.sizes[1], 3000000);
    story_close(pool);
}

/* One daemon that writes without end neither holds up the others nor grows the host, whoever listens. */
static void flood_it(mirai_pool *pool)
{
    int64_t before = story_rss_kib();
    mirai_task *task = story_submit(pool, "flood", mirai_null());
    for (int i = 0; i < 200; i++)
        assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(i), mirai_int(1), MIRAI_END)), i + 1);
    story_sleep_ms(200);
    assert_int_equal(mirai_task_state(task), MIRAI_TASK_RUNNING);
    assert_true(story_rss_kib() - before < 64 * KILO);
    story_assert_ok(mirai_task_cancel(task, NULL));
    mirai_task_release(task);
    story_close(pool);
}

static void test_output__without_end(void **state)
{
    (void)state;
    heard heard;
    flood_it(open_capturing(2, 0));
    mirai_pool *pool = open_heard(2, &heard);
    heard.processing = true; /* closing gives what was kept */
    flood_it(pool);
    assert_int_equal(heard.wrong, 0);
    assert_true(heard.sizes[1] > 0 && heard.sizes[1] + heard.sizes[2] <= (size_t)16 * MEGA);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output__refuses_bad_arguments),
        cmocka_unit_test(test_output__is_the_task_s_own),
        cmocka_unit_test(test_output__is_bounded),
        cmocka_unit_test(test_output__outlives_its_daemon),
        cmocka_unit_test(test_output__of_a_cancelled_task),
        cmocka_unit_test(test_output__is_that_of_the_last_attempt),
        cmocka_unit_test(test_output__is_given_as_it_comes),
        cmocka_unit_test(test_output__comes_whole),
        cmocka_unit_test(test_output__without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
