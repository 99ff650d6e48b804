/*
 * A library is loaded at the first need, once, by whichever thread comes first; what is not here is told by its name,
 * and is looked for again.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "late.h"

#define CALLS(X)                                                                                                       \
    X(, hypot)                                                                                                         \
    X(, fdim)

typedef struct calls {
    CALLS(MIRAI__LATE_FIELD)
} calls;

static const char *const names[] = {CALLS(MIRAI__LATE_NAME)};

static mirai__late of(const char *file, const char *const *wanted, calls *into)
{
    return (mirai__late){.file = file,
                         .names = wanted,
                         .count = sizeof *into / sizeof(void *),
                         .calls = into,
                         .lock = PTHREAD_MUTEX_INITIALIZER};
}

static void test_late__tells_what_is_missing(void **state)
{
    (void)state;
    calls math = {.fdim = NULL};
    static const char *const others[] = {"hypot", "mirai_no_such_function"};
    mirai__late file = of("libmirai-no-such.so.1", names, &math), function = of("libm.so.6", others, &math);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mirai__late_load(&file), MIRAI_E_UNSUPPORTED);
        assert_non_null(strstr(mirai_error_detail(), "libmirai-no-such.so.1"));
        assert_int_equal(mirai__late_load(&function), MIRAI_E_UNSUPPORTED);
        assert_non_null(strstr(mirai_error_detail(), "mirai_no_such_function"));
    }
}

static void test_late__loads_once(void **state)
{
    (void)state;
    calls math = {.fdim = NULL};
    mirai__late library = of("libm.so.6", names, &math);
    assert_int_equal(mirai__late_load(&library), MIRAI_OK);
    assert_true(math.hypot(3, 4) == 5 && math.fdim(5, 3) == 2);
    math.fdim = NULL;
    assert_int_equal(mirai__late_load(&library), MIRAI_OK);
    assert_null(math.fdim);
}

static void test_late__leaves_what_is_linked(void **state)
{
    (void)state;
    calls math = {CALLS(MIRAI__LATE_LINKED)};
    mirai__late library = of(NULL, names, &math);
    assert_int_equal(mirai__late_load(&library), MIRAI_OK);
    assert_true(math.hypot(3, 4) == 5 && math.fdim(5, 3) == 2);
}

static void test_late__comes_after_a_failure(void **state)
{
    (void)state;
    calls math = {.fdim = NULL};
    mirai__late library = of("libm.so.6", names, &math);
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__late_load(&library), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
    assert_int_equal(mirai__late_load(&library), MIRAI_OK);
    assert_true(math.hypot(3, 4) == 5);
}

static void *load(void *library)
{
    return mirai__late_load(library) == MIRAI_OK ? library : NULL;
}

static void test_late__is_loaded_by_any_thread(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    calls math = {.fdim = NULL};
    mirai__late library = of("libm.so.6", names, &math);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, load, &library), 0);
    for (int i = 0; i < THREADS; i++) {
        void *loaded = NULL;
        assert_int_equal(pthread_join(threads[i], &loaded), 0);
        assert_ptr_equal(loaded, &library);
    }
    assert_true(math.hypot(3, 4) == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late__tells_what_is_missing),
        cmocka_unit_test(test_late__loads_once),
        cmocka_unit_test(test_late__leaves_what_is_linked),
        cmocka_unit_test(test_late__comes_after_a_failure),
        cmocka_unit_test(test_late__is_loaded_by_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
