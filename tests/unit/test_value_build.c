/*
 * Building values: strings, bytes, lists, dicts and errors; what is taken is released when a
 * builder fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "detail.h"
#include "fault.h"
#include "value_private.h"

static int released;

static void count_release(void *object, void *context)
{
    (void)object;
    (void)context;
    released++;
}

/* A value that tells when it is gone. */
static mirai_value *counted(void)
{
    static int object;
    return mirai_reference("counted", &object, count_release, NULL);
}

static void test_value_build__refuses_bad_arguments(void **state)
{
    (void)state;
    mirai__detail_clear();
    assert_null(mirai_string(NULL));
    assert_string_equal(mirai_error_detail(), "the text of a string is NULL");
    assert_null(mirai_string("\xff"));
    assert_null(mirai_string_n(NULL, 1));
    assert_null(mirai_string_n("\xc3\xa9", 1));
    assert_null(mirai_string_n("x", SIZE_MAX));
    assert_null(mirai_bytes(NULL, 1));
    assert_null(mirai_bytes_buffer(NULL));
    assert_null(mirai_list(NULL, 1));
    assert_null(mirai_list(NULL, SIZE_MAX / 4));
    assert_null(mirai_dict(NULL, NULL, 1));
    assert_null(mirai_error("", 1, "x"));
    assert_null(mirai_error_of(NULL));
    assert_null(mirai_error_of(mirai_int(1)));
    mirai_value_release(NULL);
}

static void test_value_build__copies_strings_and_bytes(void **state)
{
    (void)state;
    char text[] = "gr\xc3\xbc\xc3\x9f";
    mirai_value *string = mirai_string(text), *part = mirai_string_n("a\0b", 3);
    mirai_value *bytes = mirai_bytes(text, 3), *empty = mirai_string_n(NULL, 0);
    text[0] = 'X';
    assert_string_equal(mirai_value_string(string), "gr\xc3\xbc\xc3\x9f");
    assert_int_equal(mirai_value_count(string), 6);
    assert_memory_equal(mirai_value_string(part), "a\0b", 4);
    assert_int_equal(mirai_value_count(part), 3);
    assert_memory_equal(mirai_value_data(bytes), "gr\xc3", 3);
    assert_int_equal(mirai_value_count(bytes), 3);
    assert_string_equal(mirai_value_string(empty), "");
    mirai_value_release(string);
    mirai_value_release(part);
    mirai_value_release(bytes);
    mirai_value_release(empty);
}

static void test_value_build__takes_a_buffer_whole(void **state)
{
    (void)state;
    mirai_buffer *buffer = mirai_buffer_copy("abc", 3);
    mirai_value *bytes = mirai_bytes_buffer(mirai_buffer_ref(buffer));
    assert_ptr_equal(mirai_value_buffer(bytes), buffer);
    assert_ptr_equal(mirai_value_data(bytes), mirai_buffer_data(buffer));
    assert_int_equal(mirai_buffer_is_frozen(buffer), 1);
    mirai_buffer_release(buffer);
    mirai_value_release(bytes);
    mirai_value *empty = mirai_bytes(NULL, 0);
    assert_null(mirai_value_data(empty));
    assert_non_null(mirai_value_buffer(empty));
    mirai_value_release(empty);
}

static void test_value_build__lists_keep_order(void **state)
{
    (void)state;
    mirai_value *list = mirai_list_of(mirai_int(7), mirai_null(), mirai_string("x"), MIRAI_END);
    assert_int_equal(mirai_value_count(list), 3);
    assert_int_equal(mirai_value_int_or(mirai_value_item(list, 0), 0), 7);
    assert_int_equal(mirai_value_type(mirai_value_item(list, 1)), MIRAI_TYPE_NULL);
    assert_string_equal(mirai_value_string(mirai_value_item(list, 2)), "x");
    assert_null(mirai_value_item(list, 3));
    mirai_value_release(list);
    mirai_value *empty = mirai_list_of(MIRAI_END);
    assert_int_equal(mirai_value_count(empty), 0);
    mirai_value_release(empty);
}

static void test_value_build__failed_lists_release_all(void **state)
{
    (void)state;
    released = 0;
    mirai__detail_clear();
    assert_null(mirai_list_of(counted(), NULL, counted(), MIRAI_END));
    assert_int_equal(released, 2);
    assert_string_equal(mirai_error_detail(), "item 1 of a list is NULL");
    mirai_value *items[] = {NULL, counted(), counted(), NULL, counted()};
    assert_null(mirai_list(items, 5));
    assert_int_equal(released, 5);
}

static void test_value_build__the_first_failure_is_told(void **state)
{
    (void)state;
    mirai__detail_clear();
    mirai_value *bad = mirai_string("\xff");
    const int64_t shape[] = {2};
    assert_null(mirai_list_of(
        mirai_dict_of("a", bad, "b", mirai_array(MIRAI_DTYPE_INT8, 1, shape, NULL), MIRAI_END),
        mirai_bytes("x", 1), MIRAI_END));
    assert_string_equal(mirai_error_detail(), "a string of 1 bytes is not valid UTF-8");
}

static void test_value_build__dicts_keep_order_and_find_keys(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count += count < 20 ? 1 : 93) {
        char names[300][16] = {""};
        const char *keys[300] = {NULL};
        mirai_value *items[300] = {NULL};
        for (size_t i = 0; i < count; i++) {
            snprintf(names[i], sizeof(names[i]), "key %zu", i * 7);
            keys[i] = names[i];
            items[i] = mirai_int((int64_t)i);
        }
        mirai_value *dict = mirai_dict(keys, items, count);
        assert_int_equal(mirai_value_count(dict), count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(mirai_value_key(dict, i), names[i]);
            assert_ptr_equal(mirai_value_item(dict, i), items[i]);
            assert_ptr_equal(mirai_value_get(dict, names[i]), items[i]);
        }
        assert_null(mirai_value_get(dict, "key 1"));
        assert_null(mirai_value_get(dict, ""));
        assert_null(mirai_value_key(dict, count));
        mirai_value_release(dict);
    }
}

static void test_value_build__failed_dicts_release_all(void **state)
{
    (void)state;
    released = 0;
    mirai__detail_clear();
    assert_null(mirai_dict_of("a", counted(), "b", NULL, "c", counted(), MIRAI_END));
    assert_string_equal(mirai_error_detail(), "the value of key \"b\" is NULL");
    assert_int_equal(released, 2);
    assert_null(mirai_dict_of("a", counted(), "b", counted(), "a", counted(), MIRAI_END));
    assert_string_equal(mirai_error_detail(), "key \"a\" occurs twice in a dict");
    assert_int_equal(released, 5);
    assert_null(mirai_dict_of("a", counted(), NULL, counted(), MIRAI_END));
    assert_int_equal(released, 7);
    assert_null(mirai_dict_of("a", counted(), "\xff", counted(), MIRAI_END));
    assert_int_equal(released, 9);
    assert_null(mirai_dict_of("a", counted(), "forgotten", MIRAI_END));
    assert_int_equal(released, 10);
    mirai_value *items[] = {counted(), counted()};
    assert_null(mirai_dict(NULL, items, 2));
    assert_int_equal(released, 12);
    char names[20][8];
    const char *keys[20];
    mirai_value *many[20];
    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "%zu", i == 19 ? (size_t)3 : i);
        keys[i] = names[i];
        many[i] = counted();
    }
    released = 0;
    assert_null(mirai_dict(keys, many, 20)); /* found by the index */
    assert_int_equal(released, 20);
}

static void test_value_build__dicts_of_many_pairs(void **state)
{
    (void)state;
#define P(n) "k" #n, mirai_int(n)
#define PS(n)                                                                                      \
    P(n##0), P(n##1), P(n##2), P(n##3), P(n##4), P(n##5), P(n##6), P(n##7), P(n##8), P(n##9)
    mirai_value *dict = mirai_dict_of(PS(1), PS(2), PS(3), PS(4), MIRAI_END);
    assert_int_equal(mirai_value_count(dict), 40);
    assert_int_equal(mirai_value_int_or(mirai_value_get(dict, "k37"), 0), 37);
    mirai_value_release(dict);
    mirai__fault_arm(41, false); /* the array for the pairs */
    dict = mirai_dict_of(PS(1), PS(2), PS(3), PS(4), MIRAI_END);
    mirai__fault_arm(0, false);
    assert_null(dict);
#undef PS
#undef P
}

static void test_value_build__errors_have_a_class_a_code_and_a_message(void **state)
{
    (void)state;
    mirai_value *error = mirai_error("io_error", 5, "no file %s", "x");
    assert_int_equal(mirai_value_is_error(error), 1);
    assert_int_equal(mirai_value_error_code(error), 5);
    assert_string_equal(mirai_value_error_message(error), "no file x");
    assert_string_equal(mirai_value_class(error), "io_error");
    assert_int_equal(mirai_value_error_inherits(error, "io_error"), 1);
    assert_int_equal(mirai_value_error_inherits(error, "error"), 1);
    assert_int_equal(mirai_value_error_inherits(error, "other"), 0);
    assert_int_equal(mirai_value_error_inherits(error, NULL), 0);
    assert_int_equal(mirai_value_count(mirai_value_get(error, "class")), 2);
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "code"), 0), 5);
    assert_null(mirai_value_get(error, "trace"));
    mirai_value_release(error);

    mirai_value *plain = mirai_error(NULL, MIRAI_E_USER, "bad \xff byte, cut \xe2\x82");
    assert_int_equal(mirai_value_count(mirai_value_get(plain, "class")), 1);
    assert_string_equal(mirai_value_error_message(plain), "bad ? byte, cut ??");
    mirai_value_release(plain);
    mirai_value *root = mirai_error("error", 1, "%s", "");
    assert_int_equal(mirai_value_count(mirai_value_get(root, "class")), 1);
    assert_string_equal(mirai_value_error_message(root), "");
    mirai_value_release(root);
}

static void test_value_build__errors_check_their_fields(void **state)
{
    (void)state;
    mirai_value *classes = mirai_list_of(mirai_string("a"), mirai_string("error"), MIRAI_END);
    mirai_value *bad_classes[] = {mirai_null(), mirai_list(NULL, 0), mirai_string("a"),
                                  mirai_list_of(mirai_int(1), MIRAI_END)};
    for (size_t i = 0; i < 4; i++)
        assert_null(mirai_error_of(mirai_dict_of("class", bad_classes[i], "code", mirai_int(1),
                                                 "message", mirai_string("m"), MIRAI_END)));
    assert_null(mirai_error_of(mirai_dict_of("class", mirai_value_ref(classes), "code",
                                             mirai_int(INT64_C(1) << 40), "message",
                                             mirai_string("m"), MIRAI_END)));
    assert_null(
        mirai_error_of(mirai_dict_of("class", mirai_value_ref(classes), "code", mirai_string("1"),
                                     "message", mirai_string("m"), MIRAI_END)));
    assert_null(mirai_error_of(
        mirai_dict_of("class", mirai_value_ref(classes), "code", mirai_int(1), MIRAI_END)));
    assert_non_null(strstr(mirai_error_detail(), "message"));
    mirai_value *error =
        mirai_error_of(mirai_dict_of("message", mirai_string("m"), "code", mirai_int(1), "trace",
                                     mirai_int(9), "class", classes, MIRAI_END));
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "trace"), 0), 9);
    mirai_value_release(error);
}

static void test_value_build__sets_a_field_in_a_copy(void **state)
{
    (void)state;
    mirai_value *dict = mirai_dict_of("a", mirai_int(1), "b", mirai_int(2), MIRAI_END);
    mirai_value *more = mirai__value_with(mirai_value_ref(dict), "c", mirai_int(3));
    mirai_value *other = mirai__value_with(mirai_value_ref(more), "a", mirai_int(9));
    assert_int_equal(mirai_value_count(dict), 2);
    assert_int_equal(mirai_value_count(more), 3);
    assert_int_equal(mirai_value_count(other), 3);
    assert_int_equal(mirai_value_int_or(mirai_value_item(other, 0), 0), 9);
    mirai_value *error = mirai__value_with(mirai_error("x", 1, "m"), "daemon", mirai_int(4));
    assert_int_equal(mirai_value_is_error(error), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_get(error, "daemon"), 0), 4);
    released = 0;
    assert_null(mirai__value_with(NULL, "a", counted()));
    assert_null(mirai__value_with(counted(), "a", counted()));
    assert_null(mirai__value_with(counted(), "a", NULL));
    assert_int_equal(released, 4);
    mirai_value_release(dict);
    mirai_value_release(more);
    mirai_value_release(other);
    mirai_value_release(error);
}

static mirai_value *build_tree(void)
{
    const int64_t shape[] = {2, 2};
    mirai_value *inner =
        mirai_dict_of("s", mirai_string("text"), "y", mirai_bytes("abc", 3), "r", counted(), "m",
                      mirai_array(MIRAI_DTYPE_FLOAT32, 2, shape, NULL), MIRAI_END);
    mirai_value *error =
        mirai__value_with(mirai_error("io_error", 5, "no %d", 1), "d", mirai_int(1));
    return mirai_list_of(inner, mirai_float(1.5), error, counted(), MIRAI_END);
}

static void test_value_build__survives_failed_allocations(void **state)
{
    (void)state;
    mirai_value *tree = NULL;
    int made = 0;
    for (int64_t n = 1; !tree; n++) {
        released = 0;
        mirai__detail_clear();
        mirai__fault_arm(n, false);
        tree = build_tree();
        mirai__fault_arm(0, false);
        if (!tree) assert_non_null(strstr(mirai_error_detail(), "memory"));
        if (!tree) assert_int_equal(released, 2);
        made++;
    }
    assert_true(made > 10);
    mirai_value_release(tree);
    assert_int_equal(released, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_build__refuses_bad_arguments),
        cmocka_unit_test(test_value_build__copies_strings_and_bytes),
        cmocka_unit_test(test_value_build__takes_a_buffer_whole),
        cmocka_unit_test(test_value_build__lists_keep_order),
        cmocka_unit_test(test_value_build__failed_lists_release_all),
        cmocka_unit_test(test_value_build__the_first_failure_is_told),
        cmocka_unit_test(test_value_build__dicts_keep_order_and_find_keys),
        cmocka_unit_test(test_value_build__failed_dicts_release_all),
        cmocka_unit_test(test_value_build__dicts_of_many_pairs),
        cmocka_unit_test(test_value_build__errors_have_a_class_a_code_and_a_message),
        cmocka_unit_test(test_value_build__errors_check_their_fields),
        cmocka_unit_test(test_value_build__sets_a_field_in_a_copy),
        cmocka_unit_test(test_value_build__survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
