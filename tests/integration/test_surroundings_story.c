/*
 * What one job leaves for the next: environment, working directory and state, put back or kept;
 * and which attempt it is.
 */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- functions of the daemon ----------------------------------------------------------------- */

static char order[256];

static void note(void *state)
{
    const char *name = state;
    (void)strncat(order, name, sizeof order - strlen(order) - 1);
}

/* The same, to the file whose path is in the environment: seen by the host after the daemon's end. */
static void note_in_file(void *state)
{
    const char *path = getenv("STORY_NOTES");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;
    if (file == NULL) return;
    (void)fprintf(file, "%s", (const char *)state);
    (void)fclose(file);
}

/* Turn everything over. */
static mirai_value *mess(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    static char a[] = "a";
    (void)setenv("STORY_KEPT", "changed", 1);
    (void)setenv("STORY_NEW", "new", 1);
    (void)unsetenv("STORY_GONE");
    if (chdir("/") != 0) return NULL;
    if (mirai_job_set_state(job, "thing", a, note) != MIRAI_OK) return NULL;
    return mirai_null();
}

static mirai_value *clear(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_bool(clearenv() == 0);
}

static mirai_value *text_value(const char *text)
{
    return text != NULL ? mirai_string(text) : mirai_null();
}

static mirai_value *look(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    char directory[4096];
    if (getcwd(directory, sizeof directory) == NULL) return NULL;
    return mirai_dict_of("kept", text_value(getenv("STORY_KEPT")), "new", text_value(getenv("STORY_NEW")), "gone",
                         text_value(getenv("STORY_GONE")), "directory", mirai_string(directory), "state",
                         text_value(mirai_job_state(job, "thing")), "released", mirai_string(order), MIRAI_END);
}

/* Each call must do as the table says; true when all have. */
static mirai_value *keep_rules(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    static char a[] = "a", b[] = "b", c[] = "c", too_long[257], longest[256];
    memset(too_long, 'k', sizeof too_long - 1);
    memset(longest, 'k', sizeof longest - 1);
    const struct {
        mirai_job *job;
        const char *key;
        char *state;
        mirai_state_free_fn release;
        mirai_status status;
        const char *order; /* what was freed so far */
        void *then;
    } calls[] = {
        {NULL, "x", a, note, MIRAI_E_INVALID, "a", NULL},
        {job, NULL, a, note, MIRAI_E_INVALID, "aa", NULL},
        {job, "", a, note, MIRAI_E_INVALID, "aaa", NULL},
        {job, too_long, a, note, MIRAI_E_INVALID, "aaaa", NULL},
        {job, longest, a, note, MIRAI_OK, "aaaa", a},
        {job, longest, b, note, MIRAI_OK, "aaaaa", b},
        {job, "other", c, NULL, MIRAI_OK, "aaaaa", c},
        {job, longest, NULL, NULL, MIRAI_OK, "aaaaab", NULL},
        {job, "none", NULL, note, MIRAI_OK, "aaaaab", NULL},
        {job, "other", NULL, note, MIRAI_OK, "aaaaab", NULL},
    };
    bool ok = true;
    order[0] = '\0';
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        mirai_status status = mirai_job_set_state(calls[i].job, calls[i].key, calls[i].state, calls[i].release);
        bool freed = strcmp(order, calls[i].order) == 0;
        if (status != calls[i].status || !freed || mirai_job_state(calls[i].job, calls[i].key) != calls[i].then) ok = false;
    }
    order[0] = '\0';
    return mirai_bool(ok);
}

static mirai_value *keep_three(mirai_job *job, const mirai_value *args, void *context)
{
    (void)args, (void)context;
    static char a[] = "a", b[] = "b", c[] = "c";
    if (mirai_job_set_state(job, "first", a, note_in_file) != MIRAI_OK) return NULL;
    if (mirai_job_set_state(job, "second", b, note_in_file) != MIRAI_OK) return NULL;
    if (mirai_job_set_state(job, "third", c, note_in_file) != MIRAI_OK) return NULL;
    return mirai_null();
}

/* Dies in all attempts but the one whose number is args. */
static mirai_value *die_until(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    if (mirai_job_attempt(NULL) != 0) return NULL;
    if (mirai_job_attempt(job) < mirai_value_int_or(args, 1)) _exit(9);
    return mirai_int(mirai_job_attempt(job));
}

static mirai_status setup(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
    } table[] = {{"mess", mess},         {"clear", clear},         {"look", look},
                 {"keep_rules", keep_rules}, {"keep_three", keep_three}, {"die_until", die_until}};
    MIRAI_TRY(story_setup());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, NULL));
    return MIRAI_OK;
}

/* ---- the host -------------------------------------------------------------------------------- */

static mirai_pool *open_tidy(int32_t cleanup)
{
    static const char *const environment[] = {"STORY_KEPT=kept", "STORY_GONE=there", NULL};
    mirai_daemon_options kind = MIRAI_DAEMON_OPTIONS_INIT;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    kind.environment = environment;
    kind.directory = "/tmp";
    kind.cleanup = cleanup;
    options.daemon = &kind;
    return story_open_with(1, &options);
}

static void run(mirai_pool *pool, const char *function)
{
    mirai_task *task = story_submit(pool, function, mirai_null());
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
}

/* NULL: nothing is looked for. */
static void assert_found(mirai_pool *pool, const char *kept, const char *directory, const char *kept_state)
{
    mirai_task *task = story_submit(pool, "look", mirai_null());
    const mirai_value *found = story_expect(task, MIRAI_OUTCOME_VALUE);
    bool as_it_was = strcmp(kept, "kept") == 0;
    assert_string_equal(story_field(found, "kept"), kept);
    assert_string_equal(story_field(found, "new"), as_it_was ? "" : "new");
    assert_string_equal(story_field(found, "gone"), as_it_was ? "there" : "");
    assert_string_equal(story_field(found, "directory"), directory);
    assert_string_equal(story_field(found, "state"), kept_state);
    mirai_task_release(task);
}

static void test_surroundings__stay_as_jobs_leave_them(void **state)
{
    (void)state;
    mirai_pool *pool = open_tidy(0);
    assert_found(pool, "kept", "/tmp", "");
    run(pool, "mess");
    assert_found(pool, "changed", "/", "a");
    story_close(pool);
}

static void test_surroundings__are_put_back(void **state)
{
    (void)state;
    mirai_pool *pool = open_tidy(MIRAI_CLEANUP_ENVIRONMENT);
    for (int i = 0; i < 3; i++) {
        run(pool, "mess");
        assert_found(pool, "kept", "/", "a");
    }
    run(pool, "clear");
    assert_found(pool, "kept", "/", "a");
    story_close(pool);
    pool = open_tidy(MIRAI_CLEANUP_DIRECTORY);
    run(pool, "mess");
    assert_found(pool, "changed", "/tmp", "a");
    story_close(pool);
    pool = open_tidy(MIRAI_CLEANUP_STATE);
    run(pool, "mess");
    assert_found(pool, "changed", "/", "");
    story_close(pool);
    pool = open_tidy(MIRAI_CLEANUP_ENVIRONMENT | MIRAI_CLEANUP_DIRECTORY | MIRAI_CLEANUP_STATE);
    for (int i = 0; i < 3; i++) {
        run(pool, "mess");
        assert_found(pool, "kept", "/tmp", "");
    }
    story_close(pool);
}

static void test_surroundings__keep_what_setups_do(void **state)
{
    (void)state;
    mirai_pool *pool = open_tidy(MIRAI_CLEANUP_ENVIRONMENT | MIRAI_CLEANUP_DIRECTORY | MIRAI_CLEANUP_STATE);
    story_assert_ok(mirai_pool_everywhere(pool, NULL, "mess", mirai_null(), NULL));
    for (int i = 0; i < 2; i++) assert_found(pool, "changed", "/", "a");
    story_close(pool);
}

static void test_surroundings__state(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_task *task = story_submit(pool, "keep_rules", mirai_null());
    assert_true(mirai_value_equal(story_expect(task, MIRAI_OUTCOME_VALUE), mirai_bool(1)));
    mirai_task_release(task);
    story_close(pool);
}

static void test_surroundings__state_ends_with_the_daemon(void **state)
{
    (void)state;
    char text[16] = "";
    (void)setenv("STORY_NOTES", story_path("notes"), 1);
    mirai_pool *pool = story_open(1);
    run(pool, "keep_three");
    story_assert_ok(mirai_pool_close(pool, MIRAI_DRAIN, STORY_PATIENCE));
    FILE *file = fopen(story_path("notes"), "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    assert_string_equal(text, "cba");
}

static void test_surroundings__attempt(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(1);
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = 2;
    int64_t attempt = 0;
    mirai_task *task = story_submit_with(pool, "die_until", mirai_int(3), &options);
    story_assert_ok(mirai_value_to_int(story_expect(task, MIRAI_OUTCOME_VALUE), &attempt));
    assert_int_equal(attempt, 3);
    mirai_task_release(task);
    assert_int_equal(story_number(pool, "die_until", mirai_int(1)), 1);
    story_close(pool);
}

static int remove_files(void **state)
{
    (void)state;
    story_remove_files();
    return 0;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surroundings__stay_as_jobs_leave_them),
        cmocka_unit_test(test_surroundings__are_put_back),
        cmocka_unit_test(test_surroundings__keep_what_setups_do),
        cmocka_unit_test(test_surroundings__state),
        cmocka_unit_test(test_surroundings__state_ends_with_the_daemon),
        cmocka_unit_test(test_surroundings__attempt),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
