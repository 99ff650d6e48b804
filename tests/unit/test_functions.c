/*
 * The table of functions: names that are refused, looking up, calling, and the built-in ones.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "detail.h"
#include "fault.h"
#include "functions.h"
#include "job.h"

static mirai_value *one(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    (void)context;
    return mirai_int(1);
}

static mirai_value *context_text(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    return mirai_string(context);
}

static mirai_value *fails(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    if (context != NULL)
        (void)mirai_error_set(MIRAI_E_USER, "no such file: %s", (const char *)context);
    return NULL;
}

static mirai_value *call(const char *name, mirai_value *args)
{
    mirai__function function;
    assert_int_equal(mirai__function_find(name, &function), MIRAI_OK);
    mirai_value *result = mirai__function_call(&function, name, NULL, args);
    mirai_value_release(args);
    return result;
}

static void test_functions__bad_arguments(void **state)
{
    (void)state;
    char long_name[257];
    memset(long_name, 'x', 256);
    long_name[256] = '\0';
    assert_int_equal(mirai_function_register(NULL, one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_function_register("", one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_function_register(long_name, one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_function_register("\xff", one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_function_register("a", NULL, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_function_register("mirai.mine", one, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_function_register("module.mine", one, NULL), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "module.mine"));
    mirai__function function;
    assert_int_equal(mirai__function_find(long_name, &function), MIRAI_E_FUNCTION);
    assert_int_equal(mirai__function_find(NULL, &function), MIRAI_E_FUNCTION);
}

static void test_functions__unknown_lists_what_there_is(void **state)
{
    (void)state;
    mirai__function function;
    assert_int_equal(mirai__function_find("ad", &function), MIRAI_E_FUNCTION);
    assert_string_equal(mirai_error_detail(), "no function \"ad\": none is registered");
    assert_int_equal(mirai_function_register("add", one, NULL), MIRAI_OK);
    assert_int_equal(mirai_function_register("subtract", one, NULL), MIRAI_OK);
    assert_int_equal(mirai_function_register("and", one, NULL), MIRAI_OK);
    assert_int_equal(mirai__function_find("ad", &function), MIRAI_E_FUNCTION);
    assert_string_equal(mirai_error_detail(),
                        "no function \"ad\"; there are \"add\", \"and\", \"subtract\"");
    for (int i = 0; i < 10; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "another.%d", i);
        assert_int_equal(mirai_function_register(name, one, NULL), MIRAI_OK);
    }
    assert_int_equal(mirai__function_find("ad", &function), MIRAI_E_FUNCTION);
    assert_non_null(strstr(mirai_error_detail(), "there are \"add\", \"and\", "));
    assert_non_null(strstr(mirai_error_detail(), " and 5 more"));
}

static void test_functions__name_is_taken_once(void **state)
{
    (void)state;
    char a[] = "a", b[] = "b";
    assert_int_equal(mirai_function_register("text", context_text, a), MIRAI_OK);
    assert_int_equal(mirai_function_register("text", context_text, a), MIRAI_OK);
    assert_int_equal(mirai_function_register("text", context_text, b), MIRAI_E_EXISTS);
    assert_int_equal(mirai_function_register("text", one, a), MIRAI_E_EXISTS);
    assert_non_null(strstr(mirai_error_detail(), "text"));
    mirai_value *result = call("text", mirai_null());
    assert_string_equal(mirai_value_string(result), "a");
    mirai_value_release(result);
}

static void test_functions__array_goes_in_whole_or_not(void **state)
{
    (void)state;
    const mirai_module_function clash[] = {
        {"array.x", one, NULL}, {"array.y", one, NULL}, {"text", one, NULL}, {NULL, NULL, NULL}};
    const mirai_module_function good[] = {
        {"array.x", one, NULL}, {"array.y", one, NULL}, {NULL, NULL, NULL}};
    mirai__function function;
    assert_int_equal(mirai__functions_add(clash, false), MIRAI_E_EXISTS);
    assert_int_equal(mirai__function_find("array.x", &function), MIRAI_E_FUNCTION);
    assert_int_equal(mirai__functions_add(good, false), MIRAI_OK);
    assert_int_equal(mirai__functions_add(clash, false), MIRAI_E_EXISTS);
    assert_int_equal(mirai__function_find("array.x", &function), MIRAI_OK); /* was there before */
    mirai__functions_remove(good);
    assert_int_equal(mirai__function_find("array.y", &function), MIRAI_E_FUNCTION);
}

static void assert_error(mirai_value *error, const char *class_name, int32_t code,
                         const char *message)
{
    assert_string_equal(mirai_value_class(error), class_name);
    assert_int_equal(mirai_value_error_code(error), code);
    assert_string_equal(mirai_value_error_message(error), message);
    mirai_value_release(error);
}

static void test_functions__null_becomes_an_error(void **state)
{
    (void)state;
    char path[] = "/x";
    assert_int_equal(mirai_function_register("fails", fails, path), MIRAI_OK);
    assert_int_equal(mirai_function_register("fails.silently", fails, NULL), MIRAI_OK);
    assert_error(call("fails", mirai_null()), "error", MIRAI_E_USER, "no such file: /x");
    assert_error(call("fails.silently", mirai_null()), "error", MIRAI_E_USER,
                 "function \"fails.silently\" returned nothing and set no error");
}

static void test_functions__builtins(void **state)
{
    (void)state;
    assert_int_equal(mirai__builtins_register(), MIRAI_OK);
    assert_int_equal(mirai__builtins_register(), MIRAI_OK);
    mirai_value *args = mirai_list_of(mirai_int(7), mirai_string("x"), MIRAI_END);
    mirai_value *result = call("mirai.echo", mirai_value_ref(args));
    assert_true(mirai_value_equal(args, result));
    mirai_value_release(args);
    mirai_value_release(result);

    result = call("mirai.info", mirai_null());
    assert_int_equal(mirai_value_int_or(mirai_value_get(result, "pid"), 0), getpid());
    assert_string_equal(mirai_value_string(mirai_value_get(result, "version")),
                        mirai_version_text());
    assert_int_equal(mirai_value_count(mirai_value_get(result, "modules")), 0);
    const mirai_value *names = mirai_value_get(result, "functions");
    for (size_t i = 1; i < mirai_value_count(names); i++)
        assert_true(strcmp(mirai_value_string(mirai_value_item(names, i - 1)),
                           mirai_value_string(mirai_value_item(names, i))) < 0);
    mirai_value_release(result);

    result = call("module.load", mirai_string("no-such-module"));
    assert_string_equal(mirai_value_class(result), "module_error");
    assert_int_equal(mirai_value_error_code(result), MIRAI_E_MODULE);
    mirai_value_release(result);
    assert_error(call("module.load", mirai_int(1)), "error", MIRAI_E_USER,
                 "module.load takes a string: a module's name or path");
}

/* ---- mirai.sleep ---- */

typedef struct canceller {
    pthread_t thread;
    pthread_mutex_t lock;
    mirai_job *job;
} canceller;

static void *cancel(void *argument)
{
    canceller *canceller = argument;
    (void)pthread_mutex_lock(&canceller->lock);
    mirai__job_cancel(canceller->job);
    (void)pthread_mutex_unlock(&canceller->lock);
    return NULL;
}

static void test_functions__sleep_ends_when_cancelled(void **state)
{
    (void)state;
    mirai_value *result = call("mirai.sleep", mirai_int(1));
    assert_int_equal(mirai_value_type(result), MIRAI_TYPE_NULL);
    mirai_value_release(result);
    result = call("mirai.sleep", mirai_dict_of("ms", mirai_int(0), MIRAI_END));
    assert_int_equal(mirai_value_type(result), MIRAI_TYPE_NULL);
    mirai_value_release(result);
    result = call("mirai.sleep", mirai_string("long"));
    assert_true(mirai_value_is_error(result));
    mirai_value_release(result);
    result = call("mirai.sleep", mirai_int(-1));
    assert_true(mirai_value_is_error(result));
    mirai_value_release(result);

    mirai__function function;
    canceller canceller = {.lock = PTHREAD_MUTEX_INITIALIZER};
    mirai__frame frame = {.task = 3, .attempt = 4};
    canceller.job = mirai__job_new(NULL, &canceller.lock, &frame);
    assert_int_equal(mirai_job_task_id(canceller.job), 3);
    assert_int_equal(mirai__function_find("mirai.sleep", &function), MIRAI_OK);
    assert_int_equal(pthread_create(&canceller.thread, NULL, cancel, &canceller), 0);
    mirai_value *args = mirai_int(3600000);
    assert_error(mirai__function_call(&function, "mirai.sleep", canceller.job, args), "cancelled",
                 MIRAI_OUTCOME_CANCELLED, "the sleep was cancelled");
    assert_int_equal(pthread_join(canceller.thread, NULL), 0);
    assert_true(mirai_job_cancelled(canceller.job));
    mirai_value_release(args);
    mirai__job_free(canceller.job);
}

static void test_functions__job_of_nothing(void **state)
{
    (void)state;
    assert_null(mirai_job_function(NULL));
    assert_null(mirai_job_args(NULL));
    assert_int_equal(mirai_job_task_id(NULL), 0);
    assert_int_equal(mirai_job_cancelled(NULL), 0);
    assert_int_equal(mirai_job_on_cancel(NULL, NULL, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_job_reply(NULL, mirai_int(1)), MIRAI_E_INVALID);
    assert_int_equal(mirai_job_reply(NULL, NULL), MIRAI_E_INVALID);
}

static void test_functions__no_memory(void **state)
{
    (void)state;
    static const mirai_module_function many[] = {{"memory.1", one, NULL},
                                                 {"memory.2", one, NULL},
                                                 {"memory.3", one, NULL},
                                                 {NULL, NULL, NULL}};
    mirai_status status = MIRAI_E_NOMEM;
    mirai__function function;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai__fault_arm(n, false);
        status = mirai__functions_add(many, false);
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK) break;
        assert_int_equal(status, MIRAI_E_NOMEM);
        assert_int_equal(mirai__function_find("memory.1", &function), MIRAI_E_FUNCTION);
    }
    mirai_value *list = NULL;
    for (int64_t n = 1; list == NULL; n++) {
        mirai__fault_arm(n, false);
        list = mirai__functions_list();
        mirai__fault_arm(0, false);
    }
    mirai_value_release(list);
    for (int64_t n = 1; n < 20; n++) { /* whatever fails, the status is right */
        mirai__fault_arm(n, true);
        assert_int_equal(mirai__function_find("memory", &function), MIRAI_E_FUNCTION);
        mirai__fault_arm(0, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions__bad_arguments),
        cmocka_unit_test(test_functions__unknown_lists_what_there_is),
        cmocka_unit_test(test_functions__name_is_taken_once),
        cmocka_unit_test(test_functions__array_goes_in_whole_or_not),
        cmocka_unit_test(test_functions__null_becomes_an_error),
        cmocka_unit_test(test_functions__builtins),
        cmocka_unit_test(test_functions__sleep_ends_when_cancelled),
        cmocka_unit_test(test_functions__job_of_nothing),
        cmocka_unit_test(test_functions__no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
