/* test_encode: what becomes of values: bytes, buffers, copies, sharing, and where it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "message.h"

/* Takes value. */
static mirai__segment *encoded(mirai_value *value, int flags)
{
    mirai__segment *segment = NULL;
    assert_non_null(value);
    mirai_status status = mirai__encode(value, NULL, flags, &segment);
    if (status != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    mirai_value_release(value);
    return segment;
}

static mirai_value *decoded(mirai__segment *segment)
{
    mirai_value *value = NULL;
    mirai_status status = mirai__decode(segment, NULL, &mirai__limits_local, &value);
    if (status != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    return value;
}

static void test_encode__bad_arguments(void **state)
{
    (void)state;
    mirai__segment *segment = NULL;
    assert_int_equal(mirai__encode(NULL, NULL, 0, &segment), MIRAI_E_INVALID);
    assert_string_not_equal(mirai_error_detail(), "");
    assert_null(segment);
}

static void assert_body(mirai_value *value, const char *bytes, size_t size)
{
    mirai__segment *segment = encoded(value, 0);
    assert_int_equal(segment->body_size, size);
    assert_memory_equal(segment->body, bytes, size);
    assert_int_equal(segment->count, 0);
    mirai__segment_release(segment);
}

static void test_encode__bytes_of_small_values(void **state)
{
    (void)state;
    int16_t numbers[] = {1, -1};
    int64_t pair[] = {2}, grid[] = {1, 2};
    assert_body(mirai_null(), "\x81\xf6", 2);
    assert_body(mirai_bool(1), "\x81\xf5", 2);
    assert_body(mirai_int(-500), "\x81\x39\x01\xf3", 4);
    assert_body(mirai_string("hi"), "\x81\x62hi", 4);
    assert_body(mirai_bytes("\0", 1), "\x81\x41\0", 3);
    assert_body(mirai_list_of(mirai_int(1), mirai_list(NULL, 0), MIRAI_END), "\x81\x82\x01\x80", 4);
    assert_body(mirai_dict_of("b", mirai_int(1), "a", mirai_int(2), MIRAI_END),
                "\x81\xa2\x61\x62\x01\x61\x61\x02", 8);
    assert_body(mirai_array(MIRAI_DTYPE_INT16, 1, pair, numbers), "\x81\xd8\x4d\x44\x01\0\xff\xff",
                8);
    assert_body(mirai_array(MIRAI_DTYPE_INT16, 2, grid, numbers),
                "\x81\xd8\x28\x82\x82\x01\x02\xd8\x4d\x44\x01\0\xff\xff", 14);
    assert_body(mirai_array(MIRAI_DTYPE_BOOL, 0, NULL, "\x01"),
                "\x81\xd9\xd1\xa0\x83\x01\x80\x41\x01", 9);
}

/* A call has the bytes of the list that it stands for. */
static void test_encode__a_call_is_a_list(void **state)
{
    (void)state;
    uint8_t stream[MIRAI__STREAM_SIZE];
    char label[300], large[1000];
    memset(stream, 7, sizeof stream);
    memset(label, 'l', sizeof label);
    label[255] = '\0';
    memset(large, 'x', sizeof large);
    const char *labels[] = {NULL, "short", label};
    mirai_value *args[] = {mirai_null(), mirai_int(-7), mirai_list_of(mirai_int(1), mirai_string("b"), MIRAI_END),
                           mirai_bytes(large, sizeof large), mirai_string_n(large, sizeof large)};
    for (size_t i = 0; i < 3 * 5 * 2; i++) {
        mirai_value *given = args[i % 5];
        const char *name = labels[i / 5 % 3];
        mirai__call call = {.function = "f", .args = given, .label = name, .stream = i < 15 ? stream : NULL};
        mirai_value *list =
            mirai_list_of(mirai_string("f"), mirai_value_ref(given), name ? mirai_string(name) : mirai_null(),
                          i < 15 ? mirai_bytes(stream, sizeof stream) : mirai_null(), MIRAI_END);
        mirai__segment *whole = encoded(list, MIRAI__ENCODE_COPY), *direct = NULL;
        assert_int_equal(mirai__encode_call(&call, NULL, MIRAI__ENCODE_COPY, NULL, NULL, &direct), MIRAI_OK);
        assert_int_equal(direct->body_size, whole->body_size);
        assert_memory_equal(direct->body, whole->body, whole->body_size);
        assert_int_equal(direct->count, whole->count);
        mirai__segment_release(whole);
        mirai__segment_release(direct);
    }
    for (size_t i = 0; i < 5; i++) mirai_value_release(args[i]);
}

static void test_encode__large_data_goes_apart(void **state)
{
    (void)state;
    uint8_t data[513] = {0};
    mirai__segment *segment = encoded(mirai_bytes(data, 512), 0);
    assert_int_equal(segment->count, 0);
    mirai__segment_release(segment);
    segment = encoded(mirai_bytes(data, 513), 0);
    assert_int_equal(segment->count, 1);
    assert_int_equal(mirai_buffer_size(mirai__segment_buffers(segment)[0]), 513);
    mirai__segment_release(segment);
}

static void test_encode__the_same_bytes_go_once(void **state)
{
    (void)state;
    int64_t shape[] = {1000}, half[] = {500};
    mirai_value *array = mirai_array(MIRAI_DTYPE_FLOAT64, 1, shape, NULL);
    mirai_buffer *buffer = mirai_value_buffer(array);
    mirai_value *list = mirai_list_of(
        mirai_value_ref(array), mirai_bytes_buffer(mirai_buffer_ref(buffer)),
        mirai_bytes_buffer(mirai_buffer_slice(buffer, 0, 8000)),
        /* windows: the first two are the same, the third begins there, too */
        mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 1, half, NULL, 800, mirai_buffer_ref(buffer)),
        mirai_bytes_buffer(mirai_buffer_slice(buffer, 800, 4000)),
        mirai_bytes_buffer(mirai_buffer_slice(buffer, 800, 3000)), array, MIRAI_END);
    for (int flags = 0; flags <= MIRAI__ENCODE_COPY; flags++) {
        mirai__segment *segment = encoded(mirai_value_ref(list), flags);
        assert_int_equal(segment->count, 3);
        assert_int_equal(mirai_buffer_size(mirai__segment_buffers(segment)[0]), 8000);
        assert_int_equal(mirai_buffer_size(mirai__segment_buffers(segment)[1]), 4000);
        assert_int_equal(mirai_buffer_size(mirai__segment_buffers(segment)[2]), 3000);
        mirai_value *copy = decoded(segment);
        assert_true(mirai_value_equal(copy, list));
        assert_ptr_equal(mirai_value_buffer(mirai_value_item(copy, 0)),
                         mirai_value_buffer(mirai_value_item(copy, 6)));
        mirai_value_release(copy);
        mirai__segment_release(segment);
    }
    mirai_value_release(list);
}

static void test_encode__without_a_copy_memory_is_shared(void **state)
{
    (void)state;
    static uint8_t memory[4096];
    mirai_buffer *buffer = mirai_buffer_adopt(memory, sizeof memory, NULL, NULL, NULL);
    mirai__segment *segment = encoded(mirai_bytes_buffer(buffer), 0);
    assert_ptr_equal(mirai_buffer_data(mirai__segment_buffers(segment)[0]), memory);
    mirai__segment_release(segment);
}

/* Who keeps a pointer cannot change what was written: at any size. */
static void test_encode__a_copy_is_isolated(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 1024, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *memory = malloc(sizes[i]);
        assert_non_null(memory);
        memset(memory, 1, sizes[i]);
        mirai_buffer *buffer = mirai_buffer_adopt(memory, sizes[i], NULL, NULL, NULL);
        int64_t shape[] = {(int64_t)sizes[i] / 2};
        mirai_value *array = mirai_array_buffer(MIRAI_DTYPE_UINT8, 1, shape, NULL, sizes[i] / 2,
                                                mirai_buffer_ref(buffer));
        mirai__segment *segment = encoded(
            mirai_list_of(mirai_bytes_buffer(buffer), array, MIRAI_END), MIRAI__ENCODE_COPY);
        memset(memory, 2, sizes[i]);
        free(memory);
        mirai_value *copy = decoded(segment);
        const uint8_t *bytes = mirai_value_data(mirai_value_item(copy, 0));
        const uint8_t *elements = mirai_value_data(mirai_value_item(copy, 1));
        assert_true(bytes[0] == 1 && bytes[sizes[i] - 1] == 1);
        assert_true(elements[0] == 1 && elements[sizes[i] / 2 - 1] == 1);
        mirai_value_release(copy);
        mirai__segment_release(segment);
    }
}

static void test_encode__strided_arrays_are_packed(void **state)
{
    (void)state;
    int32_t numbers[400];
    for (int32_t i = 0; i < 400; i++) numbers[i] = i;
    int64_t shape[] = {20, 10}, strides[] = {-20, 2}, one[] = {300}, zero[] = {0};
    mirai_buffer *buffer = mirai_buffer_copy(numbers, sizeof numbers);
    mirai_value *strided = mirai_array_buffer(MIRAI_DTYPE_INT32, 2, shape, strides,
                                              380 * sizeof(int32_t), mirai_buffer_ref(buffer));
    mirai_value *repeated = mirai_array_buffer(MIRAI_DTYPE_INT32, 1, one, zero, 4, buffer);
    mirai_value *list = mirai_list_of(strided, repeated, MIRAI_END);
    mirai__segment *segment = encoded(mirai_value_ref(list), 0);
    assert_int_equal(segment->count, 2);
    assert_int_equal(mirai_buffer_size(mirai__segment_buffers(segment)[0]), 800);
    assert_int_equal(mirai_buffer_size(mirai__segment_buffers(segment)[1]), 1200);
    mirai_value *copy = decoded(segment);
    assert_true(mirai_value_equal(copy, list));
    assert_true(mirai_value_is_contiguous(mirai_value_item(copy, 0)));
    mirai_value_release(copy);
    mirai_value_release(list);
    mirai__segment_release(segment);
}

static mirai_value *nested(size_t depth)
{
    mirai_value *value = mirai_int(0);
    for (size_t i = 1; i < depth; i++) {
        value = i % 2 ? mirai_list(&value, 1) : mirai_dict_of("in", value, MIRAI_END);
    }
    return value;
}

static void test_encode__deep_trees_are_refused(void **state)
{
    (void)state;
    static const size_t depths[] = {257, 1000, 1000000};
    mirai__segment *segment = encoded(nested(256), 0);
    mirai_value *copy = decoded(segment);
    mirai_value_release(copy);
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        mirai__segment *none = NULL;
        mirai_value *deep = nested(depths[i]);
        assert_int_equal(mirai__encode(deep, NULL, 0, &none), MIRAI_E_LIMIT);
        assert_null(none);
        mirai_value_release(deep);
    }
    /* The deepest segment may be embedded at the deepest place. */
    mirai_value *value = mirai__value_segment(segment);
    for (size_t i = 1; i < 256; i++) value = mirai_list(&value, 1);
    segment = encoded(value, 0);
    copy = decoded(segment);
    mirai_value_release(copy);
    mirai__segment_release(segment);
}

/* Takes value. */
static void assert_too_much(mirai_value *value)
{
    mirai__segment *none = NULL;
    assert_non_null(value);
    assert_int_equal(mirai__encode(value, NULL, 0, &none), MIRAI_E_LIMIT);
    assert_null(none);
    mirai_value_release(value);
}

static void test_encode__more_than_a_reader_takes_is_refused(void **state)
{
    (void)state;
    static const uint8_t memory[1];
    int64_t many[] = {1ll << 41}, still[] = {0};
    /* Claims to be so large; nobody looks. */
    mirai_buffer *huge = mirai_buffer_adopt(memory, (1ull << 40) + 1, NULL, NULL, NULL);
    assert_too_much(mirai_bytes_buffer(huge));
    assert_too_much(
        mirai_array_buffer(MIRAI_DTYPE_UINT8, 1, many, still, 0, mirai_buffer_copy("", 1)));

    enum { COUNT = (1 << 20) + 1, WINDOW = 513 };
    mirai_buffer *buffer = mirai_buffer_new(NULL, COUNT + WINDOW);
    mirai_value **items = malloc(COUNT * sizeof(mirai_value *));
    assert_non_null(items);
    for (size_t i = 0; i < COUNT; i++)
        items[i] = mirai_bytes_buffer(mirai_buffer_slice(buffer, i, WINDOW));
    mirai_value *list = mirai_list(items, COUNT);
    free(items);
    mirai_buffer_release(buffer);
    assert_too_much(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode__bad_arguments),
        cmocka_unit_test(test_encode__bytes_of_small_values),
        cmocka_unit_test(test_encode__a_call_is_a_list),
        cmocka_unit_test(test_encode__large_data_goes_apart),
        cmocka_unit_test(test_encode__the_same_bytes_go_once),
        cmocka_unit_test(test_encode__without_a_copy_memory_is_shared),
        cmocka_unit_test(test_encode__a_copy_is_isolated),
        cmocka_unit_test(test_encode__strided_arrays_are_packed),
        cmocka_unit_test(test_encode__deep_trees_are_refused),
        cmocka_unit_test(test_encode__more_than_a_reader_takes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
