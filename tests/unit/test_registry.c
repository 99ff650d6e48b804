/* test_registry: refhooks by class name: what is accepted, what is found, and that nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "lock.h"
#include "registry.h"

static mirai_value *serialize(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)object;
    (void)context;
    return NULL;
}

static mirai_refhook plain(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serialize;
    return hook;
}

static void test_registry__bad_arguments(void **state)
{
    (void)state;
    mirai_refhook hook = plain();
    char long_name[300];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';

    assert_int_equal(mirai_refhook_register(NULL, &hook), MIRAI_E_INVALID);
    assert_string_not_equal(mirai_error_detail(), "");
    assert_int_equal(mirai_refhook_register("", &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_register(long_name, &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_register("\xff", &hook), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_register("bad", NULL), MIRAI_E_INVALID);
    mirai_refhook none = MIRAI_REFHOOK_INIT;
    assert_int_equal(mirai_refhook_register("bad", &none), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_unregister(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_unregister(""), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_unregister("never"), MIRAI_E_NOT_FOUND);
    assert_null(mirai__hooks_find(NULL, "bad"));
    assert_null(mirai__hook_ref(NULL));
    mirai__hook_unref(NULL);
    mirai__hooks_free(NULL);
}

static void test_registry__struct_sizes(void **state)
{
    (void)state;
    struct {
        mirai_refhook known;
        void *later[2];
    } longer;
    memset(&longer, 0, sizeof longer);
    longer.known = plain();
    const size_t refused[] = {0,
                              8,
                              offsetof(mirai_refhook, serialize_all) - 8,
                              sizeof(mirai_refhook) - 1,
                              1 << 20,
                              SIZE_MAX,
                              SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        longer.known.struct_size = refused[i];
        assert_int_equal(mirai_refhook_register("sizes", &longer.known), MIRAI_E_INVALID);
    }

    /* A shorter struct of an older release: what lies behind it is not read. */
    mirai_refhook *shorter = &longer.known;
    shorter->struct_size = offsetof(mirai_refhook, release);
    shorter->print = (mirai_status(*)(void *, mirai_text *, void *))(uintptr_t)1;
    assert_int_equal(mirai_refhook_register("sizes", shorter), MIRAI_OK);
    mirai__hook *found = mirai__hooks_find(NULL, "sizes");
    assert_non_null(found);
    assert_ptr_equal(found->hook.serialize, serialize);
    assert_null(found->hook.print);
    assert_int_equal(found->hook.struct_size, sizeof(mirai_refhook));
    mirai__hook_unref(found);
    assert_int_equal(mirai_refhook_unregister("sizes"), MIRAI_OK);

    /* A longer one of a newer release: as long as it uses nothing of what is new. */
    longer.known = plain();
    longer.known.struct_size = sizeof longer;
    assert_int_equal(mirai_refhook_register("sizes", &longer.known), MIRAI_OK);
    longer.later[1] = &longer;
    assert_int_equal(mirai_refhook_register("sizes", &longer.known), MIRAI_E_INVALID);
    assert_int_equal(mirai_refhook_unregister("sizes"), MIRAI_OK);
}

static void test_registry__same_and_other_hooks(void **state)
{
    (void)state;
    mirai_refhook hook = plain(), other = plain();
    other.context = &other;
    assert_int_equal(mirai_refhook_register("one", &hook), MIRAI_OK);
    assert_int_equal(mirai_refhook_register("one", &hook), MIRAI_OK);
    assert_int_equal(mirai_refhook_register("one", &other), MIRAI_E_EXISTS);
    assert_non_null(strstr(mirai_error_detail(), "one"));
    assert_int_equal(mirai_refhook_unregister("one"), MIRAI_OK);
    assert_int_equal(mirai_refhook_unregister("one"), MIRAI_E_NOT_FOUND);
    assert_int_equal(mirai_refhook_register("one", &other), MIRAI_OK);
    assert_int_equal(mirai_refhook_unregister("one"), MIRAI_OK);
}

static void test_registry__entries_outlive_their_registration(void **state)
{
    (void)state;
    mirai_refhook hook = plain();
    assert_int_equal(mirai_refhook_register("kept", &hook), MIRAI_OK);
    mirai__hook *found = mirai__hooks_find(NULL, "kept");
    assert_int_equal(mirai_refhook_unregister("kept"), MIRAI_OK);
    assert_null(mirai__hooks_find(NULL, "kept"));
    assert_string_equal(found->class_name, "kept");
    assert_ptr_equal(mirai__hook_ref(found), found);
    mirai__hook_unref(found);
    mirai__hook_unref(found);
}

static void test_registry__overlay_goes_first(void **state)
{
    (void)state;
    mirai_refhook global = plain(), local = plain();
    local.context = &local;
    mirai__hooks *overlay = mirai__hooks_new();
    assert_non_null(overlay);
    assert_int_equal(mirai_refhook_register("both", &global), MIRAI_OK);
    assert_int_equal(mirai_refhook_register("global", &global), MIRAI_OK);
    assert_int_equal(mirai__hooks_register(overlay, "both", &local), MIRAI_OK);
    assert_int_equal(mirai__hooks_register(overlay, "both", &global), MIRAI_E_EXISTS);
    assert_int_equal(mirai__hooks_register(overlay, "local", &local), MIRAI_OK);

    static const struct {
        const char *name;
        int is_overlaid, is_local;
    } cases[] = {{"both", 1, 1}, {"both", 0, 0}, {"global", 1, 0}, {"local", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mirai__hook *found =
            mirai__hooks_find(cases[i].is_overlaid ? overlay : NULL, cases[i].name);
        assert_non_null(found);
        assert_ptr_equal(found->hook.context, cases[i].is_local ? &local : NULL);
        mirai__hook_unref(found);
    }
    assert_null(mirai__hooks_find(NULL, "local"));
    mirai__hooks_free(overlay);
    assert_int_equal(mirai_refhook_unregister("both"), MIRAI_OK);
    assert_int_equal(mirai_refhook_unregister("global"), MIRAI_OK);
}

static void test_registry__allocation_failures(void **state)
{
    (void)state;
    mirai_refhook hook = plain();
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai__fault_arm(n, false);
        mirai__hooks *overlay = mirai__hooks_new();
        status = overlay ? mirai__hooks_register(overlay, "some", &hook) : MIRAI_E_NOMEM;
        mirai__fault_arm(0, false);
        assert_true(status == MIRAI_OK || status == MIRAI_E_NOMEM);
        mirai__hooks_free(overlay);
        assert_true(n < 100);
    }
}

/* Threads register, find and remove the same few classes. */
static void *churn(void *argument)
{
    static const char *const names[] = {"a", "b", "c"};
    mirai_refhook hook = plain();
    size_t failures = 0;
    for (size_t i = 0; i < 2000; i++) {
        const char *name = names[i % 3];
        if (mirai_refhook_register(name, &hook) != MIRAI_OK) failures++;
        mirai__hook *found = mirai__hooks_find(NULL, name);
        if (found && found->hook.serialize != serialize) failures++;
        (void)mirai_refhook_unregister(name);
        mirai__hook_unref(found);
    }
    *(size_t *)argument = failures;
    return NULL;
}

static void test_registry__threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t failures[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &failures[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failures[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry__bad_arguments),
        cmocka_unit_test(test_registry__struct_sizes),
        cmocka_unit_test(test_registry__same_and_other_hooks),
        cmocka_unit_test(test_registry__entries_outlive_their_registration),
        cmocka_unit_test(test_registry__overlay_goes_first),
        cmocka_unit_test(test_registry__allocation_failures),
        cmocka_unit_test(test_registry__threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
