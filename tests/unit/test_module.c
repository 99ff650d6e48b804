/*
 * Loading modules: by name and by path, once, whole or not at all, and what is said when it fails.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "functions.h"
#include "registry.h"

static bool is_known(const char *name)
{
    mirai__function function;
    return mirai__function_find(name, &function) == MIRAI_OK;
}

static int64_t inits(const char *name)
{
    mirai__function function;
    assert_int_equal(mirai__function_find(name, &function), MIRAI_OK);
    mirai_value *result = mirai__function_call(&function, name, NULL, NULL);
    int64_t count = mirai_value_int_or(result, -1);
    mirai_value_release(result);
    return count;
}

static void assert_refused(const char *name, mirai_status expected, const char *words)
{
    assert_int_equal(mirai_module_load(name), expected);
    if (strstr(mirai_error_detail(), words) == NULL)
        fail_msg("\"%s\" not in \"%s\"", words, mirai_error_detail());
}

static void test_module__bad_arguments(void **state)
{
    (void)state;
    assert_int_equal(mirai_module_load(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_module_load(""), MIRAI_E_INVALID);
}

static void test_module__not_found_tells_where_it_looked(void **state)
{
    (void)state;
    assert_int_equal(setenv("MIRAI_MODULE_PATH", "/no/such/folder::/neither/this", 1), 0);
    assert_refused("sample_absent", MIRAI_E_MODULE, "/no/such/folder, /neither/this, ");
    assert_refused("sample_absent", MIRAI_E_MODULE,
                   "libsample_absent.so: cannot open shared object file");
    assert_refused("./libsample_absent.so", MIRAI_E_MODULE, "cannot open shared object file");
    assert_refused("/etc/passwd", MIRAI_E_MODULE, "/etc/passwd");
    assert_int_equal(setenv("MIRAI_MODULE_PATH", "/no/such/folder:" MODULES, 1), 0);
}

static void test_module__no_module_is_refused(void **state)
{
    (void)state;
    assert_refused("sample_bad_magic", MIRAI_E_MODULE, "no module descriptor");
    assert_refused("sample_bad_abi", MIRAI_E_MODULE, "version 2 of the module interface");
    assert_refused("sample_short", MIRAI_E_MODULE, "16 bytes");
    assert_refused("sample_no_descriptor", MIRAI_E_MODULE, "exports no constant mirai_module");
    assert_refused("sample_unresolved", MIRAI_E_MODULE, "undefined symbol: defined_nowhere");
    assert_refused("sample_nameless", MIRAI_E_MODULE, "no valid name");
    assert_false(is_known("good.inits"));
}

static void test_module__failing_init_takes_its_functions_away(void **state)
{
    (void)state;
    assert_refused("sample_failing", MIRAI_E_UNSUPPORTED, "no such device here");
    assert_false(is_known("failing.inits"));
    assert_refused("sample_failing", MIRAI_E_UNSUPPORTED,
                   "no such device here"); /* and may be tried again */
    assert_refused("sample_silent", MIRAI_E_USER, "its init failed");
    assert_false(is_known("good.inits"));
    mirai_value *list = mirai__modules_list();
    assert_int_equal(mirai_value_count(list), 0);
    mirai_value_release(list);
}

static void test_module__no_memory(void **state)
{
    (void)state;
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai__fault_arm(n, false);
        status = mirai_module_load("sample_good");
        mirai__fault_arm(0, false);
        if (status != MIRAI_OK) assert_int_equal(status, MIRAI_E_NOMEM);
        assert_int_equal(is_known("good.inits"), status == MIRAI_OK);
    }
}

static void test_module__is_loaded_once(void **state)
{
    (void)state;
    int64_t before = inits("good.inits"); /* by the case above, which made some of them fail */
    assert_int_equal(mirai_module_load("sample_good"), MIRAI_OK);
    assert_int_equal(mirai_module_load(MODULES "/libsample_good.so"), MIRAI_OK);
    assert_int_equal(inits("good.inits"), before);
    assert_true(is_known("good.by_init"));
    mirai__hook *hook = mirai__hooks_find(NULL, "good_class");
    assert_non_null(hook);
    mirai__hook_unref(hook);
}

static void test_module__init_may_load_modules(void **state)
{
    (void)state;
    assert_int_equal(mirai_module_load("sample_nested"), MIRAI_OK);
    assert_int_equal(inits("nested.inits"), 1);
    assert_true(is_known("nested.by_init"));
    mirai_value *list = mirai__modules_list();
    assert_int_equal(mirai_value_count(list), 2);
    assert_string_equal(mirai_value_string(mirai_value_item(list, 0)), "nested");
    assert_string_equal(mirai_value_string(mirai_value_item(list, 1)), "good");
    mirai_value_release(list);
}

static void test_module__clash_registers_nothing(void **state)
{
    (void)state;
    assert_refused("sample_clash", MIRAI_E_EXISTS, "good.inits");
    assert_false(is_known("clash.first"));
}

static void *load_nested(void *argument)
{
    *(mirai_status *)argument = mirai_module_load("sample_nested");
    return NULL;
}

static void test_module__from_many_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    mirai_status statuses[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_nested, &statuses[i]), 0);
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 8; i++) assert_int_equal(statuses[i], MIRAI_OK);
    assert_int_equal(inits("nested.inits"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_module__bad_arguments),
        cmocka_unit_test(test_module__not_found_tells_where_it_looked),
        cmocka_unit_test(test_module__no_module_is_refused),
        cmocka_unit_test(test_module__failing_init_takes_its_functions_away),
        cmocka_unit_test(test_module__no_memory),
        cmocka_unit_test(test_module__is_loaded_once),
        cmocka_unit_test(test_module__init_may_load_modules),
        cmocka_unit_test(test_module__clash_registers_nothing),
        cmocka_unit_test(test_module__from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
