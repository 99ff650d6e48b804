#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chunk_results.h"
#include "fault.h"
#include "things.h"
#include "value_private.h"

static mirai_value *gather(mirai_value *const *values, size_t count)
{
    mirai__chunk_results results;
    mirai__chunk_results_init(&results, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mirai__chunk_results_add(&results, values[i]), MIRAI_OK);
    return mirai__chunk_results_take(&results);
}

static void test_chunk_results__refuses_what_is_missing(void **state)
{
    (void)state;
    mirai__chunk_results results;
    mirai__chunk_results_init(&results, 2);
    assert_int_equal(mirai__chunk_results_add(&results, mirai_int(1)), MIRAI_OK);
    assert_int_equal(mirai__chunk_results_add(&results, NULL), MIRAI_E_NOMEM);
    mirai__chunk_results_fini(&results);
    mirai__chunk_results_fini(&results);
    mirai_value *none = gather(NULL, 0);
    assert_int_equal(mirai_value_type(none), MIRAI_TYPE_LIST);
    mirai_value_release(none);
}

static void test_chunk_results__numbers_are_packed(void **state)
{
    (void)state;
    mirai_value *all = gather((mirai_value *[]){mirai_float(0.5), mirai_float(-0.0), mirai_float(3)}, 3);
    assert_int_equal(mirai_value_dtype(all), MIRAI_DTYPE_FLOAT64);
    assert_true(((const double *)mirai_value_data(all))[2] == 3);
    mirai_value_release(all);
    all = gather((mirai_value *[]){mirai_int(INT64_MIN), mirai_int(7)}, 2);
    assert_int_equal(mirai_value_dtype(all), MIRAI_DTYPE_INT64);
    assert_true(((const int64_t *)mirai_value_data(all))[0] == INT64_MIN);
    mirai_value_release(all);
    all = gather((mirai_value *[]){mirai_bool(1), mirai_bool(0)}, 2);
    assert_int_equal(mirai_value_dtype(all), MIRAI_DTYPE_BOOL);
    assert_int_equal(((const uint8_t *)mirai_value_data(all))[0], 1);
    mirai_value_release(all);
}

static void test_chunk_results__mixed_ones_are_a_list(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        mirai_value *first = kind == 0 ? mirai_bool(1) : kind == 1 ? mirai_int(5) : mirai_float(2.5);
        mirai_value *values[] = {mirai_value_ref(first), mirai_value_ref(first), mirai_string("and"),
                                 mirai_value_ref(first)};
        mirai_value *all = gather(values, 4);
        assert_int_equal(mirai_value_type(all), MIRAI_TYPE_LIST);
        assert_true(mirai_value_equal(mirai_value_item(all, 1), first));
        assert_true(mirai_value_equal(mirai_value_item(all, 3), first));
        assert_string_equal(mirai_value_string(mirai_value_item(all, 2)), "and");
        mirai_value_release(all);
        mirai_value_release(first);
    }
}

static void test_chunk_results__references_are_encoded_at_once(void **state)
{
    (void)state;
    things_register();
    mirai__chunk_results results;
    mirai__chunk_results_init(&results, 4);
    assert_int_equal(mirai__chunk_results_add(&results, thing_new("box", mirai_int(1))), MIRAI_OK);
    assert_int_equal(things.serialize, 1);
    assert_int_equal(things.live, 0); /* what was encoded is let go of */
    things.fail_serialize = 1;
    assert_int_equal(mirai__chunk_results_add(&results, mirai_list_of(thing_new("box", mirai_int(1)), MIRAI_END)),
                     MIRAI_OK);
    things.fail_serialize = 0;
    assert_int_equal(mirai__chunk_results_add(&results, mirai_reference("nobody's", &results, NULL, NULL)), MIRAI_OK);
    assert_int_equal(mirai__chunk_results_add(&results, mirai_null()), MIRAI_OK);
    mirai_value *all = mirai__chunk_results_take(&results);
    assert_int_equal(mirai_value_type(mirai_value_item(all, 0)), MIRAI__TYPE_SEGMENT);
    assert_int_equal(mirai_value_error_code(mirai_value_item(all, 1)), MIRAI_E_HOOK);
    assert_int_equal(mirai_value_error_code(mirai_value_item(all, 2)), MIRAI_E_HOOK);
    assert_int_equal(mirai_value_type(mirai_value_item(all, 3)), MIRAI_TYPE_NULL);
    mirai_value_release(all);
    assert_int_equal(things.live, 0);
    things_unregister();
}

/* Rows without an element may be as many: 2^61 times 8 is 2^64. */
static void test_chunk_results__more_than_fit_in_memory(void **state)
{
    (void)state;
    mirai__chunk_results results;
    mirai__chunk_results_init(&results, (size_t)1 << 61);
    assert_int_equal(mirai__chunk_results_add(&results, mirai_int(1)), MIRAI_E_NOMEM);
    mirai__chunk_results_fini(&results);
}

static void test_chunk_results__without_memory(void **state)
{
    (void)state;
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        mirai_value *values[] = {mirai_int(1), mirai_int(2), mirai_string("three"), mirai_int(4)};
        mirai__chunk_results results;
        mirai_value *all = NULL;
        mirai__chunk_results_init(&results, 4);
        mirai__fault_arm(n, false);
        size_t added = 0;
        while (added < 4 && mirai__chunk_results_add(&results, values[added]) == MIRAI_OK) added++;
        if (added == 4) all = mirai__chunk_results_take(&results);
        mirai__fault_arm(0, false);
        for (size_t i = added + 1; i < 4; i++) mirai_value_release(values[i]);
        mirai__chunk_results_fini(&results);
        done = all != NULL && n > 4;
        mirai_value_release(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_results__refuses_what_is_missing),
        cmocka_unit_test(test_chunk_results__numbers_are_packed),
        cmocka_unit_test(test_chunk_results__mixed_ones_are_a_list),
        cmocka_unit_test(test_chunk_results__references_are_encoded_at_once),
        cmocka_unit_test(test_chunk_results__more_than_fit_in_memory),
        cmocka_unit_test(test_chunk_results__without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
