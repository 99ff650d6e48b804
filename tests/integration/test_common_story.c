/*
 * Memory in common: what a host and its daemons read and write at once, on any transport: numbers that all of them count up,
 * how long it lives, and that nothing is left of it.
 *
 * A page of it holds a ledger: counters, and words by which a task and its host talk.
 */
#include "story.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ADDERS = 3, EACH = 200000 };

typedef struct ledger {
    _Atomic int64_t count, begun, stop;
    int64_t note;
} ledger;

static ledger *ledger_of(const mirai_value *value)
{
    return mirai_common_size(value) >= sizeof(ledger) ? mirai_common_data(value) : NULL;
}

static bool have_begun(void *context)
{
    return atomic_load(&((ledger *)context)->begun) == ADDERS;
}

static void add_each(ledger *shared)
{
    atomic_fetch_add(&shared->begun, 1);
    if (!story_until(have_begun, shared)) return;
    for (int i = 0; i < EACH; i++) atomic_fetch_add(&shared->count, 1);
}

/* ---- in daemons ------------------------------------------------------------------------------ */

/* Together with the others. */
static mirai_value *add_up(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    if (ledger_of(args) == NULL) return NULL;
    add_each(ledger_of(args));
    return mirai_null();
}

/* Args are [ledger, number]: notes the number, and gives back the ledger. */
static mirai_value *note(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const mirai_value *value = mirai_value_item(args, 0);
    if (ledger_of(value) == NULL) return NULL;
    ledger_of(value)->note = mirai_value_int_or(mirai_value_item(args, 1), -1);
    return mirai_value_ref(value);
}

/* Whether all items of args are one memory. */
static mirai_value *are_one(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const void *first = mirai_common_data(mirai_value_item(args, 0));
    bool one = first != NULL;
    for (size_t i = 1; i < mirai_value_count(args); i++) one = one && mirai_common_data(mirai_value_item(args, i)) == first;
    return mirai_int(one);
}

/* Args are a ledger: emits it, and nothing else comes of it. */
static mirai_value *emit(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    return mirai_job_emit(job, mirai_value_ref(args)) == MIRAI_OK ? mirai_null() : NULL;
}

/* What lies innermost in lists of one. */
static mirai_value *unpack(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    while (mirai_value_type(args) == MIRAI_TYPE_LIST) args = mirai_value_item(args, 0);
    return mirai_value_ref(args);
}

/* Writes until it is told to stop. */
static mirai_value *scribble(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    ledger *shared = ledger_of(args);
    while (shared != NULL && atomic_load(&shared->stop) == 0) atomic_fetch_add(&shared->count, 1);
    return mirai_null();
}

/* What a call to make some gives, where it is refused. */
static mirai_value *make(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    mirai_value *made = mirai_common(1);
    return made != NULL ? made : mirai_string(mirai_error_detail());
}

/* Mappings of such memory in a process. */
static int64_t mappings(pid_t pid)
{
    char path[32], line[512];
    int64_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) count += strstr(line, "mirai-common") != NULL;
    if (file != NULL) (void)fclose(file);
    return count;
}

/* Args are [number, ledger]: adds the number up. */
static mirai_value *note_constant(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    ledger *shared = ledger_of(mirai_value_item(args, 1));
    if (shared == NULL) return NULL;
    return mirai_int(atomic_fetch_add(&shared->count, mirai_value_int_or(mirai_value_item(args, 0), 0)) >= 0);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static mirai_value *new_ledger(void)
{
    mirai_value *value = mirai_common(sizeof(ledger));
    assert_non_null(value);
    return value;
}

static mirai_value *note_args(const mirai_value *value, int64_t number)
{
    return mirai_list_of(mirai_value_ref((mirai_value *)(uintptr_t)value), mirai_int(number), MIRAI_END);
}

static bool has_none(void *context)
{
    return mappings(*(pid_t *)context) == 0;
}

/* Nothing is mapped any more, here and in the daemons; a cancelled task's end may come a moment later. */
static void expect_none_left(mirai_pool *pool)
{
    assert_int_equal(mappings(getpid()), 0);
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = story_daemon_pid(pool, i);
        assert_true(story_until(has_none, &pid));
    }
}

static bool has_counted(void *context)
{
    return atomic_load(&((ledger *)context)->count) >= 1000;
}

/* Which of the two daemons has some. */
static size_t holder(mirai_pool *pool)
{
    return mappings(story_daemon_pid(pool, 0)) > 0 ? 0 : 1;
}

static void test_common__refuses_bad_arguments(void **state)
{
    mirai_pool *pool = *state;
    assert_null(mirai_common(0));
    assert_null(mirai_common(SIZE_MAX));
    mirai_task *task = story_submit(pool, "make", mirai_null());
    assert_non_null(strstr(mirai_value_string(story_expect(task, MIRAI_OUTCOME_VALUE)), "cannot be made in a daemon"));
    mirai_task_release(task);
}

static void test_common__counts_are_exact(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger();
    ledger *mine = ledger_of(value);
    mirai_task *tasks[ADDERS - 1];
    for (int i = 0; i < ADDERS - 1; i++) tasks[i] = story_submit(pool, "add_up", mirai_value_ref(value));
    add_each(mine);
    for (int i = 0; i < ADDERS - 1; i++) {
        (void)story_expect(tasks[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(tasks[i]);
    }
    assert_int_equal(atomic_load(&mine->count), (int64_t)ADDERS * EACH);
    mirai_value_release(value);
    expect_none_left(pool);
}

static void test_common__comes_back_as_the_same(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger();
    mirai_task *task = story_submit(pool, "note", note_args(value, 6));
    const mirai_value *back = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_ptr_equal(mirai_common_data(back), mirai_common_data(value));
    assert_int_equal(mirai_value_equal(back, value), 1);
    assert_int_equal(ledger_of(value)->note, 6);
    mirai_value *thrice = mirai_list_of(mirai_value_ref(value), mirai_value_ref((mirai_value *)(uintptr_t)back),
                                        mirai_share(pool, mirai_value_ref(value)), MIRAI_END);
    mirai_task_release(task);
    task = story_submit(pool, "are_one", thrice);
    assert_int_equal(mirai_value_int_or(story_expect(task, MIRAI_OUTCOME_VALUE), 0), 1);
    mirai_task_release(task);
    mirai_value_release(value);
    expect_none_left(pool);
}

/* The task alone holds it, while it waits and until its result is read. */
static void test_common__lives_as_long_as_its_task(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *talk = new_ledger(), *value = new_ledger();
    mirai_task *busy[2], *task;
    for (int i = 0; i < 2; i++) busy[i] = story_submit(pool, "scribble", mirai_value_ref(talk));
    task = story_submit(pool, "note", note_args(value, 7));
    mirai_value_release(value);
    atomic_store(&ledger_of(talk)->stop, 1);
    for (int i = 0; i < 2; i++) {
        (void)story_expect(busy[i], MIRAI_OUTCOME_VALUE);
        mirai_task_release(busy[i]);
    }
    mirai_value_release(talk);
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END)), 3);
    assert_int_equal(mappings(getpid()), 1);
    assert_int_equal(ledger_of(story_expect(task, MIRAI_OUTCOME_VALUE))->note, 7);
    mirai_task_release(task);
    expect_none_left(pool);
}

/* So that the daemons have let go of what they were brought. */
static void expect_let_go(mirai_pool *pool)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(story_number(pool, "add", mirai_list_of(mirai_int(i), mirai_int(2), MIRAI_END)), i + 2);
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = story_daemon_pid(pool, i);
        assert_true(story_until(has_none, &pid));
    }
}

/* Partial results name what the request did, or a share that it refers to. */
static void test_common__lives_in_partial_results(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < 2; i++) {
        mirai_value *value = new_ledger(), *out = NULL;
        ledger_of(value)->note = 3 + i;
        mirai_task *task = story_submit(pool, "emit", i == 0 ? value : mirai_share(pool, value));
        story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
        expect_let_go(pool);
        story_assert_ok(mirai_task_next_partial(task, &out, STORY_PATIENCE));
        assert_int_equal(ledger_of(out)->note, 3 + i);
        mirai_task_release(task);
        mirai_value_release(out);
        expect_none_left(pool);
    }
}

/* Shares that are parts of others; nobody but the task holds any of them. */
static void test_common__lives_in_shares_of_shares(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger();
    ledger_of(value)->note = 5;
    for (int i = 0; i < 3; i++) value = mirai_share(pool, mirai_list_of(value, MIRAI_END));
    mirai_task *task = story_submit(pool, "unpack", value);
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    expect_let_go(pool);
    assert_int_equal(ledger_of(story_expect(task, MIRAI_OUTCOME_VALUE))->note, 5);
    mirai_task_release(task);
    expect_none_left(pool);
}

/* From a daemon to another, and nobody here reads it on its way. */
static void test_common__is_passed_from_task_to_task(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger(), *later;
    mirai_task *tasks[3];
    tasks[0] = story_submit(pool, "note", note_args(value, 1));
    mirai_value_release(value);
    for (int i = 1; i < 3; i++) {
        later = mirai_task_argument(tasks[i - 1]);
        tasks[i] = story_submit(pool, "note", mirai_list_of(later, mirai_int(i + 1), MIRAI_END));
        mirai_task_release(tasks[i - 1]);
    }
    assert_int_equal(ledger_of(story_expect(tasks[2], MIRAI_OUTCOME_VALUE))->note, 3);
    mirai_task_release(tasks[2]);
    expect_none_left(pool);
}

static void test_common__is_shared_and_mapped_over(void **state)
{
    enum { MANY = 50 };
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger(), *items[MANY], *out = NULL;
    mirai_map *map = NULL;
    mirai_map_options options = MIRAI_MAP_OPTIONS_INIT;
    for (int i = 0; i < MANY; i++) items[i] = mirai_int(i);
    options.constants = mirai_value_ref(value);
    story_assert_ok(mirai_map_start(pool, &map, "note_constant", mirai_list(items, MANY), &options));
    story_assert_ok(mirai_map_collect(map, STORY_PATIENCE, &out));
    mirai_value_release(out);
    mirai_map_release(map);
    assert_int_equal(atomic_load(&ledger_of(value)->count), MANY * (MANY - 1) / 2);
    mirai_value_release(value);
    expect_none_left(pool);
}

/* A daemon is killed while it writes: that costs its task, and nobody else anything. */
static void test_common__survives_a_daemon_that_is_killed(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger();
    ledger *mine = ledger_of(value);
    int64_t lost = story_status(pool).daemons_lost;
    mirai_task *task = story_submit(pool, "scribble", mirai_value_ref(value));
    assert_true(story_until(has_counted, mine));
    assert_int_equal(kill(story_daemon_pid(pool, holder(pool)), SIGKILL), 0);
    (void)story_expect(task, MIRAI_OUTCOME_LOST);
    mirai_task_release(task);
    assert_true(story_until_lost(pool, lost + 1));
    assert_true(story_until_daemons(pool, 2));
    int64_t after = atomic_load(&mine->count);
    assert_true(after >= 1000);
    task = story_submit(pool, "note", note_args(value, 8));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
    assert_int_equal(atomic_load(&mine->count), after);
    assert_int_equal(mine->note, 8);
    mirai_value_release(value);
    expect_none_left(pool);
}

/* Kept by a daemon alone, it is there for as long as that lives; and its end is told. */
static void test_common__is_lost_with_who_holds_it(void **state)
{
    mirai_pool *pool = *state;
    mirai_value *value = new_ledger();
    ledger_of(value)->note = 9;
    mirai_task *task = story_submit(pool, "remember", value);
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    uint64_t daemon = 0;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    mirai_task_release(task);
    assert_int_equal(mappings(getpid()), 0);
    size_t at = holder(pool);
    mirai_value *all = mirai_pool_describe(pool);
    daemon = (uint64_t)mirai_value_int_or(mirai_value_get(mirai_value_item(mirai_value_get(all, "daemons"), at), "id"), 0);
    mirai_value_release(all);
    options.daemon = daemon;
    task = story_submit_with(pool, "recall", mirai_null(), &options);
    assert_int_equal(ledger_of(story_expect(task, MIRAI_OUTCOME_VALUE))->note, 9);
    mirai_task_release(task);
    assert_int_equal(mappings(getpid()), 0);

    int64_t lost = story_status(pool).daemons_lost;
    task = story_submit_with(pool, "recall", mirai_null(), &options);
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    assert_int_equal(kill(story_daemon_pid(pool, at), SIGKILL), 0);
    assert_true(story_until_lost(pool, lost + 1));
    const mirai_value *error = story_result(task);
    assert_true(mirai_value_is_error(error));
    assert_non_null(strstr(story_field(error, "message"), "the memory in common is not there any more"));
    mirai_task_release(task);
    assert_true(story_until_daemons(pool, 2));
    expect_none_left(pool);
}

static mirai_status set_up(void)
{
    static const struct {
        const char *name;
        mirai_fn function;
    } table[] = {{"add_up", add_up},     {"note", note}, {"are_one", are_one},
                 {"scribble", scribble}, {"make", make}, {"note_constant", note_constant},
                 {"emit", emit},         {"unpack", unpack}};
    MIRAI_TRY(story_setup());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        MIRAI_TRY(mirai_function_register(table[i].name, table[i].function, NULL));
    return MIRAI_OK;
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, set_up));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_common__refuses_bad_arguments),
        cmocka_unit_test(test_common__counts_are_exact),
        cmocka_unit_test(test_common__comes_back_as_the_same),
        cmocka_unit_test(test_common__lives_as_long_as_its_task),
        cmocka_unit_test(test_common__lives_in_partial_results),
        cmocka_unit_test(test_common__lives_in_shares_of_shares),
        cmocka_unit_test(test_common__is_passed_from_task_to_task),
        cmocka_unit_test(test_common__is_shared_and_mapped_over),
        cmocka_unit_test(test_common__survives_a_daemon_that_is_killed),
        cmocka_unit_test(test_common__is_lost_with_who_holds_it),
    };
    return cmocka_run_group_tests(tests, story_open_two, story_close_state);
}
