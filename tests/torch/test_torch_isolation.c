/*
 * isolation: tensors that were submitted or returned stay what they were, whoever writes into the memory that they came
 * from or lie in now. A tensor may be written where it is received, by whoever received it: each has its own.
 * Of 1 KB, 1 MB and 100 MB. So, too, where they were born to be sent without a copy, and were or were not.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <miraicore.h>
#include <miraicore/torch.h>

#include "cargo.h"

#define PATIENCE 120000

#define assert_ok(expression)                                                                                          \
    do {                                                                                                               \
        mirai_status isolation_status_ = (expression);                                                                 \
        if (isolation_status_ != MIRAI_OK)                                                                             \
            fail_msg("%s: %s: %s", #expression, mirai_status_name(isolation_status_), mirai_error_detail());           \
    } while (0)

enum { PATTERN = 1000, OTHER = 2000, PAGE = 4096 };

static const int64_t sizes[] = {1000, 1000000, 100000000};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- in both ---------------------------------------------------------------------------------- */

static mirai_value *new_tensor(int64_t size, uint64_t pattern)
{
    mirai_value *tensor = mirai_torch_zeros(MIRAI_DTYPE_UINT8, 1, &size);
    if (tensor != NULL) pattern_fill(mirai_torch_data(tensor), (size_t)size, pattern);
    return tensor;
}

/* Born where the pool's daemons (NULL, in one: the host) can read it. */
static mirai_value *new_born(mirai_pool *pool, int64_t size, uint64_t pattern)
{
    if (mirai_torch_scope_begin(pool) != MIRAI_OK) return NULL;
    mirai_value *tensor = new_tensor(size, pattern);
    (void)mirai_torch_scope_end();
    return tensor;
}

static void overwrite(const mirai_value *tensor, uint64_t pattern)
{
    if (mirai_torch_data(tensor) != NULL)
        pattern_fill(mirai_torch_data(tensor), (size_t)mirai_torch_count(tensor), pattern);
}

/* -1: nowhere; -2: it is no tensor. */
static int64_t differs(const mirai_value *tensor, uint64_t pattern)
{
    if (mirai_torch_data(tensor) == NULL) return -2;
    return pattern_differs(mirai_torch_data(tensor), (size_t)mirai_torch_count(tensor), pattern);
}

/* ---- in daemons -------------------------------------------------------------------------------- */

static mirai_value *kept; /* a tensor */

/* Says where its argument differs, and writes into it, as any operation in place does. */
static mirai_value *tamper(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t at = differs(args, PATTERN);
    overwrite(args, OTHER);
    return at == -1 && differs(args, OTHER) != -1 ? mirai_int(-4) : mirai_int(at);
}

static mirai_value *tamper_and_die(mirai_job *job, const mirai_value *args, void *context)
{
    mirai_value *at = tamper(job, args, context);
    if (mirai_job_attempt(job) == 1 && mirai_value_int_or(at, 0) == -1) (void)raise(SIGKILL);
    return at;
}

static mirai_value *die(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    (void)raise(SIGKILL);
    return NULL;
}

/* Args is a size: gives a tensor, and keeps it. */
static mirai_value *give(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value_release(kept);
    kept = new_tensor(mirai_value_int_or(args, 0), PATTERN);
    return mirai_value_ref(kept);
}

/* As above, born where the host can read it. */
static mirai_value *give_born(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value_release(kept);
    kept = new_born(NULL, mirai_value_int_or(args, 0), PATTERN);
    return mirai_value_ref(kept);
}

/* Keeps another tensor on the memory of what it gives. */
static mirai_value *give_alias(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value *tensor = new_born(NULL, mirai_value_int_or(args, 0), PATTERN), *other = NULL;
    if (mirai_torch_detach(tensor, &other) != MIRAI_OK) return NULL;
    mirai_value_release(kept);
    kept = other;
    return tensor;
}

/* Keeps nothing of it. */
static mirai_value *give_away(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return new_born(NULL, mirai_value_int_or(args, 0), PATTERN);
}

/* Writes to tensors that are born where those were that it gave, unless they are still lent. */
static mirai_value *litter(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    for (int i = 0; i < 3; i++) mirai_value_release(new_born(NULL, mirai_value_int_or(args, 0), OTHER));
    return mirai_null();
}

/* Gives back what it got, and keeps it. */
static mirai_value *give_back(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    mirai_value_release(kept);
    kept = mirai_value_ref(args);
    return mirai_value_ref(kept);
}

/* Gives a window of what it keeps, behind its first eight bytes. */
static mirai_value *give_window(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    mirai_value *window = NULL;
    if (mirai_torch_narrow(kept, 0, 8, mirai_torch_count(kept) - 8, &window) != MIRAI_OK) return NULL;
    return window;
}

static mirai_value *spoil(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)args, (void)context;
    overwrite(kept, OTHER);
    return mirai_null();
}

/* Args is a tensor of a pattern and its number: writes here and there, and gives another of the next pattern. */
static mirai_value *touch(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    const mirai_value *tensor = mirai_value_item(args, 0);
    uint64_t pattern = (uint64_t)mirai_value_int_or(mirai_value_item(args, 1), 0);
    uint8_t *bytes = mirai_torch_data(tensor);
    int64_t at = differs(tensor, pattern), count = mirai_torch_count(tensor);
    if (at != -1) return mirai_error("wrong", 0, "differs at %lld", (long long)at);
    for (int64_t i = 0; i < count; i += 5000 * (1 + (int64_t)pattern)) bytes[i] ^= 0xff;
    if (pattern % 3 == 2) overwrite(tensor, OTHER);
    return new_tensor(count, OTHER + pattern);
}

static mirai_status setup(void)
{
    MIRAI_TRY(mirai_torch_register());
    MIRAI_TRY(mirai_torch_set_threads(1));
    MIRAI_TRY(mirai_function_register("tamper", tamper, NULL));
    MIRAI_TRY(mirai_function_register("tamper_and_die", tamper_and_die, NULL));
    MIRAI_TRY(mirai_function_register("die", die, NULL));
    MIRAI_TRY(mirai_function_register("touch", touch, NULL));
    MIRAI_TRY(mirai_function_register("give", give, NULL));
    MIRAI_TRY(mirai_function_register("give_born", give_born, NULL));
    MIRAI_TRY(mirai_function_register("give_alias", give_alias, NULL));
    MIRAI_TRY(mirai_function_register("give_away", give_away, NULL));
    MIRAI_TRY(mirai_function_register("litter", litter, NULL));
    MIRAI_TRY(mirai_function_register("give_back", give_back, NULL));
    MIRAI_TRY(mirai_function_register("give_window", give_window, NULL));
    return mirai_function_register("spoil", spoil, NULL);
}

/* ---- in the host -------------------------------------------------------------------------------- */

static int open_pool(void **state)
{
    mirai_pool_options options = MIRAI_POOL_OPTIONS_INIT;
    options.start_timeout_ms = PATIENCE; /* a busy machine loads libtorch slowly */
    return mirai_pool_open((mirai_pool **)state, "torch", 1, &options) == MIRAI_OK ? 0 : -1;
}

static int close_pool(void **state)
{
    return mirai_pool_close(*state, MIRAI_CANCEL, 0) == MIRAI_OK ? 0 : -1;
}

static mirai_task *submit(mirai_pool *pool, const char *function, mirai_value *args, int32_t retries)
{
    mirai_task *task = NULL;
    mirai_submit_options options = MIRAI_SUBMIT_OPTIONS_INIT;
    options.retries = retries;
    assert_ok(mirai_pool_submit(pool, &task, function, args, &options));
    return task;
}

static const mirai_value *result_of(mirai_task *task)
{
    const mirai_value *value = NULL;
    assert_ok(mirai_task_wait(task, PATIENCE));
    assert_ok(mirai_task_result(task, &value));
    if (mirai_value_is_error(value)) fail_msg("%s", mirai_value_error_message(value));
    return value;
}

static void expect_whole(mirai_task *task)
{
    assert_int_equal(mirai_value_int_or(result_of(task), -3), -1);
    mirai_task_release(task);
}

static void run(mirai_pool *pool, const char *function)
{
    mirai_task *task = submit(pool, function, mirai_null(), 0);
    (void)result_of(task);
    mirai_task_release(task);
}

static void test_isolation__of_tensors_that_the_host_writes(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *tensor = new_tensor(sizes[i], PATTERN);
        mirai_task *first = submit(pool, "tamper", mirai_value_ref(tensor), 0);
        overwrite(tensor, OTHER + 1);
        expect_whole(first);
        assert_int_equal(differs(tensor, OTHER + 1), -1);
        overwrite(tensor, PATTERN);
        mirai_task *second = submit(pool, "tamper_and_die", mirai_value_ref(tensor), 1);
        overwrite(tensor, OTHER + 1);
        mirai_value_release(tensor);
        expect_whole(second);
    }
}

/* One tensor in several requests, each of which writes into what it got. */
static void test_isolation__of_tensors_that_tasks_write(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *tensor = new_tensor(sizes[i], PATTERN);
        mirai_task *tasks[3];
        for (int j = 0; j < 3; j++) tasks[j] = submit(pool, "tamper", mirai_value_ref(tensor), 0);
        for (int j = 0; j < 3; j++) expect_whole(tasks[j]);
        assert_int_equal(differs(tensor, PATTERN), -1);
        mirai_value_release(tensor);
    }
}

static void test_isolation__of_results_that_their_maker_keeps(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *tensor = new_tensor(sizes[i], PATTERN);
        mirai_task *given = submit(pool, "give", mirai_int(sizes[i]), 0);
        run(pool, "spoil");
        mirai_task *back = submit(pool, "give_back", mirai_value_ref(tensor), 0);
        run(pool, "spoil");
        assert_int_equal(differs(result_of(given), PATTERN), -1);
        assert_int_equal(differs(result_of(back), PATTERN), -1);
        run(pool, "spoil");
        assert_int_equal(differs(result_of(back), PATTERN), -1);
        assert_int_equal(differs(tensor, PATTERN), -1);
        mirai_task_release(given);
        mirai_task_release(back);
        mirai_value_release(tensor);
    }
}

/* What the host writes into a result changes no other, though they came from one memory. */
static void test_isolation__of_results_that_the_host_writes(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_task *given = submit(pool, "give", mirai_int(sizes[i]), 0);
        mirai_task *window = submit(pool, "give_window", mirai_null(), 0);
        overwrite(result_of(given), OTHER);
        assert_int_equal(differs(result_of(given), OTHER), -1);
        mirai_task *again = submit(pool, "give_window", mirai_null(), 0);
        const uint8_t *bytes = mirai_torch_data(result_of(again));
        assert_memory_equal(bytes, mirai_torch_data(result_of(window)), (size_t)sizes[i] - 8);
        overwrite(result_of(window), OTHER);
        uint8_t first[64], whole[72];
        pattern_fill(whole, sizeof whole, PATTERN);
        for (size_t j = 0; j < sizeof first; j++) first[j] = whole[j + 8];
        assert_memory_equal(bytes, first, sizeof first);
        mirai_task *sent_on = submit(pool, "tamper", mirai_value_ref(result_of(given)), 0);
        assert_int_equal(mirai_value_int_or(result_of(sent_on), -3), 0); /* it has what is there now */
        assert_int_equal(differs(result_of(given), OTHER), -1);
        mirai_task_release(sent_on);
        mirai_task_release(given);
        mirai_task_release(window);
        mirai_task_release(again);
    }
}

/* Some pages, on both sides: what is sent next through the same memory shows nothing of it. */
static void test_isolation__of_what_came_before(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *kept_here[2] = {NULL, NULL};
        for (uint64_t round = 0; round < 6; round++) {
            mirai_value *tensor = new_tensor(sizes[i], round);
            mirai_task *task = submit(pool, "touch", mirai_list_of(tensor, mirai_int((int64_t)round), MIRAI_END), 0);
            const mirai_value *result = result_of(task);
            assert_int_equal(differs(result, OTHER + round), -1);
            overwrite(result, OTHER);
            for (int j = 0; j < 2; j++)
                if (kept_here[j] != NULL) assert_int_equal(differs(kept_here[j], OTHER), -1);
            mirai_value_release(kept_here[round % 2]);
            kept_here[round % 2] = mirai_value_ref(result);
            mirai_task_release(task);
        }
        for (int j = 0; j < 2; j++) mirai_value_release(kept_here[j]);
    }
}

/* What the host writes into a result is not seen by tasks that wait for it. */
static void test_isolation__of_results_that_tasks_wait_for(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_task *given = submit(pool, "give", mirai_int(sizes[i]), 0);
        mirai_value *future = mirai_task_argument(given);
        overwrite(result_of(given), OTHER);
        expect_whole(submit(pool, "tamper", future, 0));
        mirai_task_release(given);
    }
}

/* What was received stays, and can be written, when its daemon is dead and its pool closed. */
static void test_isolation__of_results_that_outlive_their_daemon(void **state)
{
    (void)state;
    void *pool = NULL;
    mirai_value *results[SIZES];
    assert_int_equal(open_pool(&pool), 0);
    for (int i = 0; i < SIZES; i++) {
        mirai_task *given = submit(pool, "give", mirai_int(sizes[i]), 0);
        results[i] = mirai_value_ref(result_of(given));
        mirai_task_release(given);
    }
    mirai_task *last = submit(pool, "die", mirai_null(), 0);
    assert_ok(mirai_task_wait(last, PATIENCE));
    mirai_task_release(last);
    for (int i = 0; i < SIZES; i++) assert_int_equal(differs(results[i], PATTERN), -1);
    assert_int_equal(close_pool(&pool), 0);
    for (int i = 0; i < SIZES; i++) {
        assert_int_equal(differs(results[i], PATTERN), -1);
        overwrite(results[i], OTHER);
        assert_int_equal(differs(results[i], OTHER), -1);
        mirai_value_release(results[i]);
    }
}

/* ---- tensors that were born to be sent ---------------------------------------------------------- */

static void test_isolation__of_born_tensors_that_the_host_writes(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *tensor = new_born(pool, sizes[i], PATTERN), *other = NULL;
        mirai_task *first = submit(pool, "tamper", mirai_value_ref(tensor), 0); /* the host has the value */
        overwrite(tensor, OTHER + 1);
        expect_whole(first);
        assert_int_equal(differs(tensor, OTHER + 1), -1);
        overwrite(tensor, PATTERN);
        assert_ok(mirai_torch_detach(tensor, &other));
        mirai_task *second = submit(pool, "tamper_and_die", tensor, 1); /* and now another on its memory */
        overwrite(other, OTHER + 1);
        expect_whole(second);
        assert_int_equal(differs(other, OTHER + 1), -1);
        mirai_value_release(other);
    }
}

/* Given away, and so not copied: they come as they were, again if need be, and what is born next lies elsewhere. */
static void test_isolation__of_tensors_that_are_given_away(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_task *tasks[3];
        for (int j = 0; j < 3; j++)
            tasks[j] = submit(pool, j == 0 ? "tamper_and_die" : "tamper", new_born(pool, sizes[i], PATTERN), 1);
        mirai_value_release(new_born(pool, sizes[i], OTHER));
        for (int j = 0; j < 3; j++) expect_whole(tasks[j]);
    }
}

/* A pointer that was kept from what was given away is misused: where the memory is lent, nobody may come to harm by that.
 * (Elsewhere it is freed, and nobody could bear it.) */
static void test_isolation__of_processes_from_pointers_that_were_kept(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *tensor = new_born(pool, sizes[i], PATTERN);
        uint8_t *memory = mirai_torch_data(tensor);
        if ((uintptr_t)memory % PAGE != 0) { /* it is none that can be lent */
            expect_whole(submit(pool, "tamper", tensor, 0));
            continue;
        }
        mirai_task *task = submit(pool, "tamper", tensor, 0);
        pattern_fill(memory, (size_t)sizes[i], OTHER);
        assert_int_equal(mirai_value_type(result_of(task)), MIRAI_TYPE_INT);
        mirai_task_release(task);
        expect_whole(submit(pool, "tamper", new_born(pool, sizes[i], PATTERN), 0));
    }
}

/* One that is shared goes to each task that needs it, and to each daemon. */
static void test_isolation__of_shared_values_that_were_given_away(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_value *shared = mirai_share(pool, new_born(pool, sizes[i], PATTERN));
        assert_non_null(shared);
        mirai_value_release(new_born(pool, sizes[i], OTHER));
        mirai_task *first = submit(pool, "give_back", mirai_value_ref(shared), 0);
        assert_int_equal(differs(result_of(first), PATTERN), -1);
        mirai_task *last = submit(pool, "die", mirai_null(), 0);
        assert_ok(mirai_task_wait(last, PATIENCE));
        mirai_task_release(last);
        expect_whole(submit(pool, "tamper", shared, 0));
        assert_int_equal(differs(result_of(first), PATTERN), -1);
        mirai_task_release(first);
    }
}

static void test_isolation__of_born_results_that_their_maker_keeps(void **state)
{
    static const char *const makers[] = {"give_born", "give_alias"};
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < 2; j++) {
            mirai_task *given = submit(pool, makers[j], mirai_int(sizes[i]), 0);
            run(pool, "spoil");
            assert_int_equal(differs(result_of(given), PATTERN), -1);
            mirai_task_release(given);
        }
}

static void test_isolation__of_results_that_are_given_away(void **state)
{
    mirai_pool *pool = *state;
    for (int i = 0; i < SIZES; i++) {
        mirai_task *given = submit(pool, "give_away", mirai_int(sizes[i]), 0);
        mirai_task *unread = submit(pool, "give_away", mirai_int(sizes[i]), 0);
        mirai_task *litter = submit(pool, "litter", mirai_int(sizes[i]), 0);
        (void)result_of(litter);
        mirai_task_release(litter);
        assert_int_equal(differs(result_of(given), PATTERN), -1);
        overwrite(result_of(given), OTHER + 1);
        assert_int_equal(differs(result_of(unread), PATTERN), -1);
        assert_int_equal(differs(result_of(given), OTHER + 1), -1);
        mirai_task_release(unread);
        mirai_task *after = submit(pool, "give_away", mirai_int(sizes[i]), 0);
        assert_int_equal(differs(result_of(after), PATTERN), -1);
        assert_int_equal(differs(result_of(given), OTHER + 1), -1);
        mirai_task_release(after);
        mirai_task_release(given);
    }
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolation__of_tensors_that_the_host_writes),
        cmocka_unit_test(test_isolation__of_tensors_that_tasks_write),
        cmocka_unit_test(test_isolation__of_results_that_their_maker_keeps),
        cmocka_unit_test(test_isolation__of_results_that_the_host_writes),
        cmocka_unit_test(test_isolation__of_what_came_before),
        cmocka_unit_test(test_isolation__of_results_that_tasks_wait_for),
        cmocka_unit_test(test_isolation__of_results_that_outlive_their_daemon),
        cmocka_unit_test(test_isolation__of_born_tensors_that_the_host_writes),
        cmocka_unit_test(test_isolation__of_tensors_that_are_given_away),
        cmocka_unit_test(test_isolation__of_processes_from_pointers_that_were_kept),
        cmocka_unit_test(test_isolation__of_shared_values_that_were_given_away),
        cmocka_unit_test(test_isolation__of_born_results_that_their_maker_keeps),
        cmocka_unit_test(test_isolation__of_results_that_are_given_away),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
