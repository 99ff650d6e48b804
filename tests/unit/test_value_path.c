/*
 * Paths: where they lead, and what is said when they lead nowhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "detail.h"
#include "fault.h"
#include "value_private.h"

static mirai_value *sample(void)
{
    mirai_value *first =
        mirai_dict_of("name", mirai_string("Ann"), "age", mirai_int(30), MIRAI_END);
    mirai_value *second = mirai_dict_of("name", mirai_string("Bob"), MIRAI_END);
    mirai_value *odd = mirai_list_of(mirai_int(1), mirai_int(2), MIRAI_END);
    return mirai_dict_of("rows", mirai_list_of(first, second, MIRAI_END), "conv1.weight",
                         mirai_int(4), "a \"key\" \\ [x]", odd, "", mirai_int(5), "error",
                         mirai_error("e", 9, "m"), MIRAI_END);
}

static void test_value_path__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai__detail_clear();
    assert_null(mirai_value_at(NULL, "a"));
    assert_string_equal(mirai_error_detail(), "the value is NULL");
    mirai__detail_clear();
    assert_null(mirai_value_at(mirai_null(), NULL));
    assert_string_equal(mirai_error_detail(), "the path is NULL");
}

static void test_value_path__leads_to_values(void **state)
{
    (void)state;
    mirai_value *value = sample();
    const struct {
        const char *path;
        int64_t number;
    } cases[] = {
        {"rows[0].age", 30},
        {"rows[-2].age", 30},
        {"[\"rows\"][0][\"age\"]", 30},
        {"[\"conv1.weight\"]", 4},
        {"[\"a \\\"key\\\" \\\\ [x]\"][-1]", 2},
        {"[\"\"]", 5},
        {"error.code", 9},
        {"[0][0][1]", 30},
        {"rows[0][-1]", 30},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(mirai_value_int_or(mirai_value_at(value, cases[i].path), -1),
                         cases[i].number);
        assert_string_equal(mirai_error_detail(), "");
    }
    assert_ptr_equal(mirai_value_at(value, ""), value);
    assert_string_equal(mirai_value_string(mirai_value_at(value, "rows[1].name")), "Bob");
    mirai_value_release(value);
}

static void test_value_path__says_where_it_ended(void **state)
{
    (void)state;
    mirai_value *value = sample();
    const struct {
        const char *path, *detail;
    } cases[] = {
        {"row", "the value has no 'row': there are \"rows\", \"conv1.weight\", \"a \"key\" \\ "
                "[x]\", \"\", "
                "\"error\""},
        {"rows[1].age", "'rows[1]' has no 'age': there is \"name\""},
        {"rows[2]", "'rows' has no '[2]': it is a list of 2 items"},
        {"rows[-3].x", "'rows' has no '[-3]': it is a list of 2 items"},
        {"rows.name", "'rows' has no 'name': it is a list of 2 items"},
        {"rows[0].age.x", "'rows[0].age' has no 'x': it is of type int"},
        {"rows[0].age[0]", "'rows[0].age' has no '[0]': it is of type int"},
        {"error.trace", "'error' has no 'trace': there are \"class\", \"code\", \"message\""},
        {"rows[9223372036854775807]",
         "'rows' has no '[9223372036854775807]': it is a list of 2 items"},
        {"rows[-9223372036854775807]",
         "'rows' has no '[-9223372036854775807]': it is a list of 2 items"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_null(mirai_value_at(value, cases[i].path));
        assert_string_equal(mirai_error_detail(), cases[i].detail);
    }
    mirai_value_release(value);
}

static void test_value_path__says_what_is_malformed(void **state)
{
    (void)state;
    mirai_value *value = sample();
    const char *const paths[] = {
        ".",
        ".rows",
        "rows.",
        "rows..x",
        "rows[",
        "rows[]",
        "rows[0",
        "rows[0]x",
        "rows[x]",
        "rows[-]",
        "rows[-0]",
        "rows[0x1]",
        "rows]",
        "[\"rows",
        "[\"rows\"",
        "[\"rows\"x]",
        "[\"ro\\ws\"]",
        "[\"rows\\",
        "[",
        "rows[+1]",
        "rows[ 0]",
        "rows.[0]",
        "rows[9223372036854775808]",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        assert_null(mirai_value_at(value, paths[i]));
        assert_non_null(strstr(mirai_error_detail(), "malformed at"));
    }
    assert_null(mirai_value_at(value, "rows[0]x"));
    assert_string_equal(mirai_error_detail(),
                        "path 'rows[0]x' is malformed at 'x': a dot or a bracket was expected");
    mirai_value_release(value);
}

static void test_value_path__shows_ten_keys_of_many(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    mirai_value *items[12];
    for (size_t i = 0; i < 12; i++) items[i] = mirai_null();
    mirai_value *value = mirai_dict(keys, items, 12);
    assert_null(mirai_value_at(value, "m"));
    assert_non_null(strstr(mirai_error_detail(), "\"j\" and 2 more"));
    mirai_value_release(value);
    value = mirai_dict(NULL, NULL, 0);
    assert_null(mirai_value_at(value, "m"));
    assert_string_equal(mirai_error_detail(), "the value has no 'm': it is empty");
    mirai_value_release(value);
}

static void test_value_path__may_be_long(void **state)
{
    (void)state;
    char path[600];
    memset(path, 'x', sizeof(path));
    path[599] = '\0';
    mirai_value *value = mirai_dict_of(path, mirai_int(3), MIRAI_END);
    assert_int_equal(mirai_value_int_or(mirai_value_at(value, path), 0), 3);
    mirai__fault_arm(1, false);
    assert_null(mirai_value_at(value, path));
    mirai__fault_arm(1, true);
    assert_null(mirai_value_at(value, "y")); /* says less, but does not fail worse */
    mirai__fault_arm(0, false);
    mirai_value_release(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_path__refuses_bad_arguments),
        cmocka_unit_test(test_value_path__leads_to_values),
        cmocka_unit_test(test_value_path__says_where_it_ended),
        cmocka_unit_test(test_value_path__says_what_is_malformed),
        cmocka_unit_test(test_value_path__shows_ten_keys_of_many),
        cmocka_unit_test(test_value_path__may_be_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
