/*
 * Refhooks end to end: single and vectorised, registered before and after the pool opens, a pool's own, one object
 * that occurs twice, errors on all four sides, locks of the caller's, hooks that call the library, and on which
 * threads they run.
 *
 * The class "box" is an integer on the heap; a daemon that gets one adds 1000 by the function "bump".
 */
#include "story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct box {
    int64_t number;
} box;

/* What hooks are told to do; on both sides. */
static _Atomic int fail_serialize, fail_unserialize, made, released, calls_all;
static pthread_mutex_t callers_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int take_lock;

static _Atomic int64_t threads_seen[64]; /* on which hooks ran */

static void note_thread(void)
{
    int64_t self = syscall(SYS_gettid);
    for (size_t i = 0; i < 64; i++) {
        int64_t none = 0;
        if (threads_seen[i] == self || atomic_compare_exchange_strong(&threads_seen[i], &none, self)) return;
    }
}

static mirai_value *write_box(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    note_thread();
    if (atomic_load(&take_lock)) {
        (void)pthread_mutex_lock(&callers_lock);
        (void)pthread_mutex_unlock(&callers_lock);
    }
    if (atomic_load(&fail_serialize)) {
        (void)mirai_error_set(MIRAI_E_USER, "this box cannot be packed");
        return NULL;
    }
    return mirai_int(((box *)object)->number);
}

static mirai_status read_box(mirai_message *message, const mirai_value *data, void **object, void *context)
{
    (void)message, (void)context;
    note_thread();
    if (atomic_load(&take_lock)) {
        (void)pthread_mutex_lock(&callers_lock);
        (void)pthread_mutex_unlock(&callers_lock);
    }
    if (atomic_load(&fail_unserialize)) return mirai_error_set(MIRAI_E_USER, "this box cannot be unpacked");
    box *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return mirai_error_set(MIRAI_E_NOMEM, "no room for a box");
    MIRAI_TRY(mirai_value_to_int(data, &fresh->number));
    *object = fresh;
    made++;
    return MIRAI_OK;
}

static void release_box(void *object, void *context)
{
    (void)context;
    note_thread();
    released++;
    free(object);
}

static mirai_value *write_all(mirai_message *message, void *const *objects, size_t count, void *context)
{
    calls_all++;
    mirai_value **items = calloc(count + 1, sizeof *items);
    if (items == NULL) return NULL;
    for (size_t i = 0; i < count; i++) items[i] = write_box(message, objects[i], context);
    mirai_value *list = mirai_list(items, count);
    free(items);
    return list;
}

static mirai_status read_all(mirai_message *message, const mirai_value *data, void **objects, size_t count,
                             void *context)
{
    calls_all++;
    if (mirai_value_count(data) != count) return mirai_error_set(MIRAI_E_DECODE, "boxes are missing");
    for (size_t i = 0; i < count; i++) {
        mirai_status status = read_box(message, mirai_value_item(data, i), &objects[i], context);
        if (status == MIRAI_OK) continue;
        while (i-- > 0) release_box(objects[i], context);
        return status;
    }
    return MIRAI_OK;
}

static mirai_refhook single_hook(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = write_box;
    hook.unserialize = read_box;
    hook.release = release_box;
    return hook;
}

static mirai_refhook all_hook(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize_all = write_all;
    hook.unserialize_all = read_all;
    hook.release = release_box;
    return hook;
}

static void free_box(void *object, void *context)
{
    (void)context;
    free(object);
}

static mirai_value *new_box(const char *class_name, int64_t number)
{
    box *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return NULL;
    fresh->number = number;
    return mirai_reference(class_name, fresh, free_box, NULL);
}

static int64_t box_number(const mirai_value *value)
{
    const box *found = mirai_value_object(value, NULL);
    return found != NULL ? found->number : -1;
}

/* ---- in daemons ------------------------------------------------------------------------------ */

static mirai_value *bump(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return new_box(mirai_value_class(args), box_number(args) + 1000);
}

/* Of a list of two references: are they one object? */
static mirai_value *is_one(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return mirai_bool(mirai_value_object(mirai_value_item(args, 0), NULL) ==
                      mirai_value_object(mirai_value_item(args, 1), NULL));
}

/* Set what hooks of this daemon are told: a list of fail_serialize, fail_unserialize. */
static mirai_value *tell_hooks(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    fail_serialize = (int)mirai_value_int_or(mirai_value_item(args, 0), 0);
    fail_unserialize = (int)mirai_value_int_or(mirai_value_item(args, 1), 0);
    return mirai_null();
}

static mirai_value *balance(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    return mirai_int(made - released);
}

static mirai_status setup(void)
{
    MIRAI_TRY(story_setup());
    MIRAI_TRY(mirai_function_register("bump", bump, NULL));
    MIRAI_TRY(mirai_function_register("is_one", is_one, NULL));
    MIRAI_TRY(mirai_function_register("tell_hooks", tell_hooks, NULL));
    MIRAI_TRY(mirai_function_register("balance", balance, NULL));
    mirai_refhook single = single_hook(), all = all_hook();
    MIRAI_TRY(mirai_refhook_register("box", &single));
    if (mirai_on_daemon()) { /* the host does this when its pool is open */
        MIRAI_TRY(mirai_refhook_register("late_box", &single));
        MIRAI_TRY(mirai_refhook_register("pool_box", &single));
    }
    return mirai_refhook_register("box_all", &all);
}

/* ---- in the host ----------------------------------------------------------------------------- */

static int open_one(void **state)
{
    *state = story_open(1);
    return 0;
}

static int close_pool(void **state)
{
    assert_int_equal(story_status(*state).daemons_lost, 0); /* no hook costs a daemon */
    story_close(*state);
    assert_int_equal(made, released); /* every object that came back was released once */
    return 0;
}

static void test_refhook__refuses_bad_arguments(void **state)
{
    mirai_refhook hook = single_hook(), none = MIRAI_REFHOOK_INIT;
    assert_int_equal(mirai_pool_refhook_register(NULL, "x", &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_refhook_register(*state, NULL, &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_refhook_register(*state, "", &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_refhook_register(*state, "x", NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_pool_refhook_register(*state, "x", &none), MIRAI_E_INVALID);
    hook.struct_size = 1;
    assert_int_equal(mirai_pool_refhook_register(*state, "x", &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_unregister("nobody"), MIRAI_E_NOT_FOUND);
}

static void check_trip(mirai_pool *pool, const char *class_name)
{
    mirai_task *task = story_submit(pool, "bump", new_box(class_name, 7));
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_string_equal(mirai_value_class(value), class_name);
    assert_int_equal(box_number(value), 1007);
    mirai_task_release(task);
}

static void test_refhook__carries_an_object(void **state)
{
    check_trip(*state, "box");
}

static void test_refhook__may_be_registered_when_the_pool_is_open(void **state)
{
    mirai_task *task = NULL;
    mirai_refhook hook = single_hook();
    assert_int_equal(mirai_pool_submit(*state, &task, "bump", new_box("late_box", 7), NULL), MIRAI_E_HOOK);
    story_assert_ok(mirai_refhook_register("late_box", &hook));
    check_trip(*state, "late_box");
    story_assert_ok(mirai_refhook_unregister("late_box"));
    assert_int_equal(mirai_pool_submit(*state, &task, "bump", new_box("late_box", 7), NULL), MIRAI_E_HOOK);
}

static void test_refhook__may_be_one_pools_own(void **state)
{
    mirai_task *task = NULL;
    mirai_refhook hook = single_hook();
    mirai_pool *other = story_open(1);
    story_assert_ok(mirai_pool_refhook_register(*state, "pool_box", &hook));
    check_trip(*state, "pool_box");
    assert_int_equal(mirai_pool_submit(other, &task, "bump", new_box("pool_box", 7), NULL), MIRAI_E_HOOK);
    story_close(other);
    hook.context = &hook;
    assert_int_equal(mirai_pool_refhook_register(*state, "pool_box", &hook), MIRAI_E_EXISTS);
}

static void test_refhook__is_called_once_for_all(void **state)
{
    enum { COUNT = 300 };
    mirai_value *items[COUNT];
    for (int i = 0; i < COUNT; i++) items[i] = new_box("box_all", i);
    int before = calls_all;
    mirai_task *task = story_submit(*state, "echo", mirai_list(items, COUNT));
    assert_int_equal(calls_all - before, 1);
    const mirai_value *value = story_expect(task, MIRAI_OUTCOME_VALUE);
    assert_int_equal(calls_all - before, 2);
    assert_int_equal(mirai_value_count(value), COUNT);
    for (int i = 0; i < COUNT; i++) assert_int_equal(box_number(mirai_value_item(value, (size_t)i)), i);
    mirai_task_release(task);
}

static void check_identity(mirai_pool *pool, const char *class_name)
{
    mirai_value *one = new_box(class_name, 5);
    mirai_value *twice = mirai_list_of(mirai_value_ref(one), one, MIRAI_END);
    mirai_task *there = story_submit(pool, "is_one", mirai_value_ref(twice));
    mirai_task *back = story_submit(pool, "echo", twice);
    assert_true(mirai_value_equal(story_expect(there, MIRAI_OUTCOME_VALUE), mirai_bool(1)));
    const mirai_value *value = story_expect(back, MIRAI_OUTCOME_VALUE);
    assert_non_null(mirai_value_object(mirai_value_item(value, 0), class_name));
    assert_ptr_equal(mirai_value_object(mirai_value_item(value, 0), class_name),
                     mirai_value_object(mirai_value_item(value, 1), class_name));
    mirai_task_release(there);
    mirai_task_release(back);
    mirai_task *apart = story_submit(pool, "is_one",
                                     mirai_list_of(new_box(class_name, 5), new_box(class_name, 5), MIRAI_END));
    assert_true(mirai_value_equal(story_expect(apart, MIRAI_OUTCOME_VALUE), mirai_bool(0)));
    mirai_task_release(apart);
}

static void test_refhook__keeps_one_object_one(void **state)
{
    check_identity(*state, "box");
    check_identity(*state, "box_all");
}

/* ---- failing --------------------------------------------------------------------------------- */

static void set_daemon(mirai_pool *pool, int serialize, int unserialize)
{
    mirai_task *task =
        story_submit(pool, "tell_hooks", mirai_list_of(mirai_int(serialize), mirai_int(unserialize), MIRAI_END));
    (void)story_expect(task, MIRAI_OUTCOME_VALUE);
    mirai_task_release(task);
}

static void check_failure(mirai_pool *pool, const char *class_name, const char *message)
{
    mirai_value *args = mirai_list_of(new_box(class_name, 1), new_box(class_name, 2), MIRAI_END);
    mirai_task *task = story_submit(pool, "echo", args);
    const mirai_value *error = story_expect(task, MIRAI_OUTCOME_FAILED);
    if (strstr(mirai_value_error_message(error), message) == NULL) fail_msg("%s", mirai_value_error_message(error));
    assert_int_equal(mirai_value_error_code(error), MIRAI_E_HOOK);
    assert_true(mirai_value_error_inherits(error, "hook_error"));
    assert_string_equal(story_field(error, "function"), "echo");
    mirai_task_release(task);
}

static void check_failures(mirai_pool *pool, const char *class_name)
{
    mirai_task *task = NULL;
    fail_serialize = 1; /* in the host */
    assert_int_equal(mirai_pool_submit(pool, &task, "echo", new_box(class_name, 1), NULL), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "cannot be packed"));
    fail_serialize = 0;
    set_daemon(pool, 0, 1);
    check_failure(pool, class_name, "cannot be unpacked");
    set_daemon(pool, 1, 0);
    check_failure(pool, class_name, "cannot be packed");
    set_daemon(pool, 0, 0);
    fail_unserialize = 1; /* in the host */
    check_failure(pool, class_name, "cannot be unpacked");
    fail_unserialize = 0;
}

static void test_refhook__fails_only_its_task(void **state)
{
    check_failures(*state, "box");
    check_trip(*state, "box");
    check_failures(*state, "box_all");
    check_trip(*state, "box_all");
    assert_int_equal(story_number(*state, "balance", mirai_null()), 0); /* the daemon released what it made */
}

/* ---- user code and locks --------------------------------------------------------------------- */

typedef struct holder {
    pthread_t thread;
    mirai_pool *pool;
    _Atomic int stop, wrong;
} holder;

/* Holds a lock of its own around calls of the library, while others' hooks want that lock. */
static void *hold_lock(void *context)
{
    holder *holder = context;
    while (!atomic_load(&holder->stop)) {
        mirai_task *task = NULL;
        (void)pthread_mutex_lock(&callers_lock);
        if (mirai_pool_submit(holder->pool, &task, "echo", mirai_int(3), NULL) != MIRAI_OK ||
            mirai_task_wait(task, STORY_PATIENCE) != MIRAI_OK || mirai_pool_process(holder->pool, NULL) != MIRAI_OK ||
            mirai_task_outcome(task) != MIRAI_OUTCOME_VALUE)
            holder->wrong++;
        (void)mirai_task_state(task);
        (void)mirai_task_cancel(task, NULL);
        mirai_task_release(task);
        (void)pthread_mutex_unlock(&callers_lock);
        (void)sched_yield();
    }
    return NULL;
}

static void test_refhook__may_take_a_lock_that_is_held_around_calls(void **state)
{
    holder holder = {.pool = *state};
    take_lock = 1;
    assert_int_equal(pthread_create(&holder.thread, NULL, hold_lock, &holder), 0);
    for (int i = 0; i < 200; i++) check_trip(*state, i % 2 == 0 ? "box" : "box_all");
    atomic_store(&holder.stop, 1);
    assert_int_equal(pthread_join(holder.thread, NULL), 0);
    assert_int_equal(holder.wrong, 0);
    take_lock = 0;
}

static mirai_value *ask_pool(mirai_message *message, void *object, void *context)
{
    (void)message, (void)object;
    mirai_task *task = NULL;
    const mirai_value *value = NULL;
    if (mirai_pool_submit(context, &task, "add", mirai_list_of(mirai_int(20), mirai_int(22), MIRAI_END), NULL) !=
            MIRAI_OK ||
        mirai_task_wait(task, STORY_PATIENCE) != MIRAI_OK || mirai_task_result(task, &value) != MIRAI_OK)
        return NULL;
    mirai_value *answer = mirai_value_ref(value);
    mirai_task_release(task);
    return answer;
}

static void test_refhook__may_submit_and_wait(void **state)
{
    mirai_refhook hook = single_hook();
    hook.serialize = ask_pool;
    hook.context = *state;
    story_assert_ok(mirai_pool_refhook_register(*state, "late_box", &hook));
    mirai_task *task = story_submit(*state, "bump", new_box("late_box", 0));
    assert_int_equal(box_number(story_expect(task, MIRAI_OUTCOME_VALUE)), 1042);
    mirai_task_release(task);
}

static void test_refhook__is_not_run_for_results_nobody_reads(void **state)
{
    int before = made;
    mirai_task *task = story_submit(*state, "bump", new_box("box", 1));
    story_assert_ok(mirai_task_wait(task, STORY_PATIENCE));
    mirai_task_release(task);
    story_assert_ok(mirai_pool_submit(*state, NULL, "bump", new_box("box", 1), NULL));
    assert_int_equal(story_number(*state, "balance", mirai_null()), 0); /* after it, on the one daemon */
    assert_int_equal(made, before);
}

/* All the hooks of all tests above ran on the main thread, here, or one that a test started. */
static void test_refhook__never_ran_on_a_library_thread(void **state)
{
    (void)state;
    for (size_t i = 0; i < 64 && threads_seen[i] != 0; i++) {
        char path[80], name[32] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%lld/comm", (long long)threads_seen[i]);
        FILE *file = fopen(path, "re");
        if (file == NULL) continue; /* a thread of a test, which has ended */
        char *got = fgets(name, sizeof name, file);
        (void)fclose(file);
        assert_non_null(got);
        assert_int_not_equal(strncmp(name, "mirai-", 6), 0);
    }
    assert_int_equal(threads_seen[0], getpid());
    assert_int_equal(threads_seen[1], 0);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refhook__refuses_bad_arguments),
        cmocka_unit_test(test_refhook__carries_an_object),
        cmocka_unit_test(test_refhook__may_be_registered_when_the_pool_is_open),
        cmocka_unit_test(test_refhook__may_be_one_pools_own),
        cmocka_unit_test(test_refhook__is_called_once_for_all),
        cmocka_unit_test(test_refhook__keeps_one_object_one),
        cmocka_unit_test(test_refhook__fails_only_its_task),
        cmocka_unit_test(test_refhook__may_take_a_lock_that_is_held_around_calls),
        cmocka_unit_test(test_refhook__may_submit_and_wait),
        cmocka_unit_test(test_refhook__is_not_run_for_results_nobody_reads),
        cmocka_unit_test(test_refhook__never_ran_on_a_library_thread),
    };
    return cmocka_run_group_tests(tests, open_one, close_pool);
}
