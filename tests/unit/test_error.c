/*
 * The tables of statuses and outcomes: complete, distinct, and calm about unknown numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <miraicore/error.h>

static void test_error__names_unknown_numbers(void **state)
{
    (void)state;
    static const int32_t unknown[] = {1, -15, -29, -1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(mirai_status_name(unknown[i]), "MIRAI_E_UNKNOWN");
        assert_string_equal(mirai_status_text(unknown[i]), "unknown status");
        assert_string_equal(mirai_outcome_text(unknown[i]), "unknown outcome");
    }
}

static void test_error__names_all_of_the_table(void **state)
{
    (void)state;
#define CHECK(name, number, text)                                                                  \
    assert_int_equal(MIRAI_##name, number);                                                        \
    assert_string_equal(mirai_status_name(number), "MIRAI_" #name);                                \
    assert_string_equal(mirai_status_text(number), text);
    MIRAI_STATUS_MAP(CHECK)
#undef CHECK
#define CHECK(name, number, text)                                                                  \
    assert_int_equal(MIRAI_OUTCOME_##name, number);                                                \
    assert_string_equal(mirai_outcome_text(number), text);
    MIRAI_OUTCOME_MAP(CHECK)
#undef CHECK
    assert_string_equal(mirai_status_name(MIRAI_E_FORKED), "MIRAI_E_FORKED");
}

static void test_error__statuses_and_outcomes_differ_in_text(void **state)
{
    (void)state;
    static const int32_t statuses[] = {
#define NUMBER(name, number, text) number,
        MIRAI_STATUS_MAP(NUMBER)};
    static const int32_t outcomes[] = {MIRAI_OUTCOME_MAP(NUMBER)};
#undef NUMBER
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        assert_true(i == 0 ? statuses[i] == 0 : statuses[i] < statuses[i - 1]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(mirai_status_text(statuses[i]), mirai_status_text(statuses[j]));
    }
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        assert_true(i == 0 ? outcomes[i] == 0 : outcomes[i] > outcomes[i - 1]);
}

static mirai_status twice(mirai_status status, int *calls)
{
    MIRAI_TRY((++*calls, status));
    ++*calls;
    return MIRAI_OK;
}

static void test_error__try_evaluates_once_and_returns_failures(void **state)
{
    (void)state;
    int calls = 0;
    assert_int_equal(twice(MIRAI_E_RANGE, &calls), MIRAI_E_RANGE);
    assert_int_equal(calls, 1);
    assert_int_equal(twice(MIRAI_OK, &calls), MIRAI_OK);
    assert_int_equal(calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__names_unknown_numbers),
        cmocka_unit_test(test_error__names_all_of_the_table),
        cmocka_unit_test(test_error__statuses_and_outcomes_differ_in_text),
        cmocka_unit_test(test_error__try_evaluates_once_and_returns_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
