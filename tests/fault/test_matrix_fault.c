/*
 * The crash matrix (matrix_cells.c): whatever a daemon's user code does, and wherever in the daemon's life, the call
 * or the task ends as the table says and within a bounded time, the pool has its daemon again, the next task works,
 * closing ends in time, and no process is left.
 */
#include "story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matrix_cells.h"
#include "mishap.h"

/* What hangs is given up after BRIEF_MS and ended after GRACE_MS; a heart beats every BEAT_MS, of which three may be
 * missed. */
enum { BRIEF_MS = 150, GRACE_MS = 50, BEAT_MS = 25, START_MS = 300, RESTART_MS = 500, CELL_MS = 5000 };

static const char *const ways[] = {"segv", "abort", "kill", "stop", "exit", "hang", "memory", "closed"};
enum { WAYS = sizeof ways / sizeof *ways };

static bool is(const matrix_cell *cell, const char *way)
{
    return strcmp(cell->way, way) == 0;
}

static mirai_pool *open_for(const matrix_cell *cell)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.grace_ms = GRACE_MS;
    options.heartbeat_ms = is(cell, "stop") ? story_bound_ms(BEAT_MS) : -1;
    return story_open_with(1, &options);
}

static void check_end(const matrix_cell *cell, int32_t end, const char *words)
{
    if (end != cell->ends[0] && end != cell->ends[1])
        fail_msg("%s, %s: ends by %d, not %d: %s", cell->place, cell->way, (int)end, (int)cell->ends[0], words);
    if (end < 0 || end == MIRAI_OUTCOME_LOST || end == MIRAI_OUTCOME_FAILED)
        if (strstr(words, cell->words) == NULL) fail_msg("%s, %s: no cause in: %s", cell->place, cell->way, words);
}

/* The pool is whole, and the next task works. */
static void check_after(const matrix_cell *cell, mirai_pool *pool, pid_t before)
{
    if (cell->replaced == 1) assert_true(story_until_dead(before));
    assert_true(story_until_daemons(pool, 1));
    pid_t now = (pid_t)story_number(pool, "mishap.after", mirai_null());
    if (cell->replaced != -1 && (now != before) != cell->replaced)
        fail_msg("%s, %s: process %d, before %d", cell->place, cell->way, (int)now, (int)before);
    assert_int_equal(now, story_daemon_pid(pool, 0));
}

static void check_task(const matrix_cell *cell, mirai_task *task)
{
    const mirai_value *value = story_result(task);
    mirai_outcome outcome = mirai_task_outcome(task);
    const char *message = mirai_value_is_error(value) ? mirai_value_error_message(value) : NULL;
    char words[2048];
    (void)snprintf(words, sizeof words, "%s; it said: %s", message != NULL ? message : "", story_field(value, "stderr"));
    check_end(cell, outcome, words);
    if (outcome == MIRAI_OUTCOME_LOST)
        assert_false(story_is_alive((pid_t)mirai_value_int_or(mirai_value_get(value, "pid"), 0)));
    mirai_task_release(task);
}

static mirai_task *submit(const matrix_cell *cell, mirai_pool *pool, const char *function)
{
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.timeout_ms = is(cell, "hang") ? BRIEF_MS : 0;
    return story_submit_with(pool, function, mishap_args(function, cell->way), &options);
}

/* ---- one cell, by place ---------------------------------------------------------------------- */

static void in_setup(const matrix_cell *cell)
{
    mirai_pool *pool = NULL;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = is(cell, "hang") || is(cell, "stop") ? START_MS : STORY_PATIENCE;
    assert_int_equal(setenv("MISHAP_SETUP", cell->way, 1), 0);
    mirai_status status = mirai_pool_open(&pool, "matrix", 1, &options);
    assert_int_equal(unsetenv("MISHAP_SETUP"), 0);
    check_end(cell, status, mirai_error_detail());
    if (status == MIRAI_OK) {
        check_after(cell, pool, 0);
        story_close(pool);
    }
}

static void in_everywhere(const matrix_cell *cell, mirai_pool *pool)
{
    bool loads = strcmp(cell->place, "mishap.load") == 0;
    mirai_everywhere_options options = MIRAI_EVERYWHERE_OPTIONS_INIT;
    options.timeout_ms = is(cell, "hang") ? BRIEF_MS : STORY_PATIENCE;
    if (loads) story_assert_ok(mirai_pool_everywhere(pool, NULL, "mishap.module", mirai_string(cell->way), NULL));
    mirai_value *args = mirai_string(loads ? MISHAP_MODULE : cell->way);
    mirai_status status = mirai_pool_everywhere(pool, "cell", loads ? "module.load" : "mishap.run", args, &options);
    check_end(cell, status, mirai_error_detail());
    if (status != MIRAI_OK) return;
    /* It gave its value, and the daemon dies of it later, as will those that come: another takes its place. */
    story_assert_ok(mirai_pool_everywhere(pool, "cell", "mishap.after", mirai_null(), NULL));
}

static void while_idle(const matrix_cell *cell, mirai_pool *pool)
{
    char name[32];
    (void)snprintf(name, sizeof name, "idle.%s", cell->way);
    const char *mark = story_path(name);
    int64_t lost = story_status(pool).daemons_lost;
    pid_t pid = (pid_t)story_number(pool, cell->place, mirai_string(cell->way));
    assert_int_equal(kill(pid, SIGUSR1), 0);
    assert_true(story_until_file(mark));
    if (cell->replaced == 1 && cell->ends[1] == MIRAI_OUTCOME_VALUE && !is(cell, "closed"))
        assert_true(story_until_lost(pool, lost + 1));
    check_task(cell, submit(cell, pool, "mishap.after"));
}

static void run_cell(const matrix_cell *cell)
{
    int64_t began = story_now_ms();
    if (strcmp(cell->place, "open") == 0) {
        in_setup(cell);
    } else {
        mirai_pool *pool = open_for(cell);
        pid_t before = story_daemon_pid(pool, 0);
        if (strcmp(cell->place, "mishap.load") == 0 || strcmp(cell->place, "mishap.init") == 0) {
            in_everywhere(cell, pool);
        } else if (strcmp(cell->place, "mishap.idle") == 0) {
            while_idle(cell, pool);
        } else if (strcmp(cell->place, "mishap.exit") == 0) {
            assert_int_equal(story_number(pool, cell->place, mirai_string(cell->way)), before);
            check_end(cell, mirai_pool_close(pool, MIRAI_CANCEL, 0), mirai_error_detail());
            pool = NULL;
        } else {
            check_task(cell, submit(cell, pool, cell->place));
        }
        if (pool != NULL) {
            check_after(cell, pool, before);
            story_close(pool);
        }
    }
    assert_int_equal(story_family_of(getpid()).count, 0);
    if (story_now_ms() - began > story_bound_ms(CELL_MS))
        fail_msg("%s, %s: took %lld ms", cell->place, cell->way, (long long)(story_now_ms() - began));
}

static void run_place(const char *place)
{
    size_t cells = 0;
    for (size_t i = 0; i < matrix_count; i++) {
        if (strcmp(matrix_cells[i].place, place) != 0) continue;
        run_cell(&matrix_cells[i]);
        cells++;
    }
    assert_int_equal(cells, WAYS);
}

static void test_matrix__in_setup(void **state)
{
    (void)state;
    run_place("open");
}

static void test_matrix__in_loading_a_module(void **state)
{
    (void)state;
    run_place("mishap.load");
}

static void test_matrix__in_everywhere(void **state)
{
    (void)state;
    run_place("mishap.init");
}

static void test_matrix__in_unserialize(void **state)
{
    (void)state;
    run_place("mishap.decode");
}

static void test_matrix__in_a_function(void **state)
{
    (void)state;
    run_place("mishap.run");
}

static void test_matrix__in_serialize(void **state)
{
    (void)state;
    run_place("mishap.encode");
}

static void test_matrix__while_a_result_is_sent(void **state)
{
    (void)state;
    if (story_in_valgrind()) skip(); /* which reports the page that may not be read */
    run_place("mishap.send");
}

static void test_matrix__while_idle(void **state)
{
    (void)state;
    run_place("mishap.idle");
}

static void test_matrix__in_an_exit_handler(void **state)
{
    (void)state;
    run_place("mishap.exit");
}

/* ---- all ways at once ------------------------------------------------------------------------ */

static void check_all(mirai_pool *pool)
{
    assert_true(story_until_daemons(pool, WAYS));
    mirai_task *tasks[2 * WAYS];
    for (int i = 0; i < 2 * WAYS; i++) tasks[i] = story_submit(pool, "mishap.after", mirai_null());
    for (int i = 0; i < 2 * WAYS; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    story_close(pool);
    assert_int_equal(story_family_of(getpid()).count, 0);
}

static bool are_taken(void *context)
{
    (void)context;
    for (int i = 0; i < WAYS; i++)
        if (story_file_size(story_path(ways[i])) > 0) return false;
    return true;
}

/* Those that are to replace others go wrong as they start: each way once. */
static void test_matrix__in_setup_of_replacements(void **state)
{
    (void)state;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = story_bound_ms(RESTART_MS);
    mirai_pool *pool = story_open_with(WAYS, &options);
    pid_t pids[WAYS];
    for (size_t i = 0; i < WAYS; i++) pids[i] = story_daemon_pid(pool, i);
    for (int i = 0; i < WAYS; i++) {
        FILE *file = fopen(story_path(ways[i]), "we");
        assert_non_null(file);
        assert_true(fputs("x", file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    for (int i = 0; i < WAYS; i++) assert_int_equal(kill(pids[i], SIGKILL), 0);
    assert_true(story_until(are_taken, NULL));
    check_all(pool);
}

/* A daemon for each way; closing waits for none of them longer than for one. */
static void test_matrix__in_the_release_of_state(void **state)
{
    (void)state;
    mirai_pool *pool = story_open(WAYS);
    mirai_value *all = mirai_pool_describe(pool);
    for (size_t i = 0; i < WAYS; i++) {
        const mirai_value *daemon = mirai_value_item(mirai_value_get(all, "daemons"), i);
        mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
        options.daemon = (uint64_t)mirai_value_int_or(mirai_value_get(daemon, "id"), 0);
        mirai_task *task = story_submit_with(pool, "mishap.state", mirai_string(ways[i]), &options);
        (void)story_expect(task, MIRAI_OUTCOME_VALUE);
        mirai_task_release(task);
    }
    mirai_value_release(all);
    int64_t began = story_now_ms();
    story_close(pool);
    assert_true(story_now_ms() - began < story_bound_ms(CELL_MS));
    assert_int_equal(story_family_of(getpid()).count, 0);
}

/* Those that leave after one job go wrong on their way out: no task is lost, and others take their place. */
static void test_matrix__in_exit_handlers_of_those_that_leave(void **state)
{
    (void)state;
    mirai_daemon_options daemon = MIRAI_DAEMON_OPTIONS_INIT;
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    daemon.max_jobs = 1;
    options.daemon = &daemon;
    mirai_pool *pool = story_open_with(WAYS, &options);
    mirai_task *tasks[WAYS];
    for (int i = 0; i < WAYS; i++) tasks[i] = story_submit(pool, "mishap.exit", mirai_string(ways[i]));
    for (int i = 0; i < WAYS; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    check_all(pool);
}

static int setup(void **state)
{
    (void)state;
    char folder[200];
    (void)snprintf(folder, sizeof folder, "%s", story_path(""));
    return setenv("MISHAP_FOLDER", folder, 1);
}

static int teardown(void **state)
{
    (void)state;
    story_remove_files();
    return 0;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, mishap_setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix__in_setup),
        cmocka_unit_test(test_matrix__in_loading_a_module),
        cmocka_unit_test(test_matrix__in_everywhere),
        cmocka_unit_test(test_matrix__in_unserialize),
        cmocka_unit_test(test_matrix__in_a_function),
        cmocka_unit_test(test_matrix__in_serialize),
        cmocka_unit_test(test_matrix__while_a_result_is_sent),
        cmocka_unit_test(test_matrix__while_idle),
        cmocka_unit_test(test_matrix__in_an_exit_handler),
        cmocka_unit_test(test_matrix__in_the_release_of_state),
        cmocka_unit_test(test_matrix__in_setup_of_replacements),
        cmocka_unit_test(test_matrix__in_exit_handlers_of_those_that_leave),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
