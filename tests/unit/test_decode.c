/*
 * test_decode: what a reader makes of messages: whole ones, cut ones, ones with a wrong byte, and
 * those beyond its limits. Malformed messages one by one: tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "message.h"
#include "things.h"

static mirai__segment *encoded(mirai_value *value)
{
    mirai__segment *segment = NULL;
    assert_non_null(value);
    assert_int_equal(mirai__encode(value, NULL, 0, &segment), MIRAI_OK);
    mirai_value_release(value);
    return segment;
}

/* Of everything something, with two buffers and three objects. */
static mirai__segment *sample(void)
{
    uint8_t data[700] = {1};
    int64_t shape[] = {2, 3}, long_shape[] = {300};
    mirai_value *crate = thing_new("crate", mirai_string("in a crate"));
    mirai_value *box = thing_new("box", mirai_list_of(mirai_value_ref(crate), MIRAI_END));
    mirai__segment *inner = encoded(
        mirai_list_of(thing_new("box", mirai_int(1)), mirai_bytes(data, sizeof data), MIRAI_END));
    return encoded(mirai_dict_of(
        "float", mirai_float(0.1), "array", mirai_array(MIRAI_DTYPE_INT16, 2, shape, NULL), "own",
        mirai_array(MIRAI_DTYPE_BFLOAT16, 2, shape, NULL), "large",
        mirai_array(MIRAI_DTYPE_FLOAT64, 1, long_shape, NULL), "box", box, "crate", crate, "error",
        mirai_error("odd", 3, "it is"), "segment", mirai__value_segment(inner), MIRAI_END));
}

/* The same buffers with another body. */
static mirai_status decode_body(const mirai__segment *like, const uint8_t *body, size_t size,
                                mirai_value **out)
{
    for (size_t i = 0; i < like->count; i++) mirai_buffer_ref(mirai__segment_buffers(like)[i]);
    mirai__segment *segment =
        mirai__segment_new(body, size, mirai__segment_buffers(like), like->count);
    mirai_status status = mirai__decode(segment, NULL, &mirai__limits_local, out);
    mirai__segment_release(segment);
    return status;
}

static void test_decode__bad_arguments(void **state)
{
    (void)state;
    mirai_value *value = NULL;
    mirai__segment *empty = mirai__segment_new(NULL, 0, NULL, 0);
    assert_int_equal(mirai__decode(NULL, NULL, &mirai__limits_local, &value), MIRAI_E_DECODE);
    assert_int_equal(mirai__decode(empty, NULL, NULL, &value), MIRAI_E_DECODE);
    assert_int_equal(mirai__decode(empty, NULL, &mirai__limits_local, NULL), MIRAI_E_DECODE);
    assert_int_equal(mirai__decode(empty, NULL, &mirai__limits_local, &value), MIRAI_E_DECODE);
    assert_string_not_equal(mirai_error_detail(), "");
    assert_null(value);
    mirai__segment_release(empty);
}

static void test_decode__gives_the_items_of_a_list(void **state)
{
    (void)state;
    mirai_value *items[4] = {NULL};
    size_t count = 9;
    mirai__segment *segment = NULL;
    assert_int_equal(mirai__decode_items(NULL, NULL, &mirai__limits_local, NULL, items, 4, &count), MIRAI_E_DECODE);
    mirai_value *none[] = {mirai_int(1), mirai_dict_of("a", mirai_int(1), MIRAI_END), mirai_null()};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mirai__encode(none[i], NULL, 0, &segment), MIRAI_OK);
        assert_int_equal(mirai__decode_items(segment, NULL, &mirai__limits_local, NULL, items, 4, &count), MIRAI_OK);
        assert_int_equal(count, 1);
        assert_true(mirai_value_equal(items[0], none[i]));
        mirai__segment_release(segment);
        mirai_value_release(none[i]);
        mirai_value_release(items[0]);
    }
    for (size_t size = 0; size < 40; size++) { /* beyond what the first stack holds */
        mirai_value *all[40];
        for (size_t i = 0; i < size; i++) all[i] = mirai_list_of(mirai_int((int64_t)i), mirai_string("x"), MIRAI_END);
        mirai_value *list = mirai_list(all, size);
        assert_int_equal(mirai__encode(list, NULL, 0, &segment), MIRAI_OK);
        mirai_value_release(list);
        mirai_status status;
        for (int64_t n = 1;; n++) {
            mirai__fault_arm(n, false);
            status = mirai__decode_items(segment, NULL, &mirai__limits_local, NULL, items, 4, &count);
            mirai__fault_arm(0, false);
            if (status == MIRAI_OK) break;
            assert_int_equal(status, MIRAI_E_NOMEM);
        }
        assert_int_equal(count, size < 4 ? size : 4);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(mirai_value_int_or(mirai_value_item(items[i], 0), -1), (int64_t)i);
            mirai_value_release(items[i]);
            items[i] = NULL;
        }
        mirai__segment_release(segment);
    }
}

static void test_decode__every_prefix_is_refused(void **state)
{
    (void)state;
    things_register();
    mirai__segment *segment = sample();
    const uint8_t *body = segment->body;
    mirai_value *value = NULL;
    for (size_t size = 0; size < segment->body_size; size++) {
        assert_int_equal(decode_body(segment, body, size, &value), MIRAI_E_DECODE);
        assert_null(value);
        assert_int_equal(things.live, 0);
    }
    assert_int_equal(decode_body(segment, body, segment->body_size, &value),
                     MIRAI_OK);
    mirai_value_release(value);
    mirai__segment_release(segment);
    things_unregister();
}

/* Each byte replaced by each other one: refused, or a value; and every object released. */
static void test_decode__any_wrong_byte_is_survived(void **state)
{
    (void)state;
    things_register();
    mirai__segment *segment = sample();
    size_t size = segment->body_size;
    uint8_t *body = malloc(size);
    assert_non_null(body);
    memcpy(body, segment->body, size);
    for (size_t at = 0; at < size; at++) {
        uint8_t right = body[at];
        for (unsigned wrong = 0; wrong < 256; wrong += wrong < 32 ? 1 : 7) {
            mirai_value *value = NULL;
            body[at] = (uint8_t)wrong;
            mirai_status status = decode_body(segment, body, size, &value);
            assert_true((status == MIRAI_OK) == (value != NULL));
            mirai_value_release(value);
            assert_int_equal(things.live, 0);
        }
        body[at] = right;
    }
    free(body);
    mirai__segment_release(segment);
    things_unregister();
}

static void test_decode__limits(void **state)
{
    (void)state;
    things_register();
    mirai__segment *segment = sample();
    const mirai__limits enough = {
        .body_bytes = segment->body_size,
        .buffer_bytes = 2400 + 700,
        .buffers = 2,
        .depth = 6, /* dict, box, list, crate, list, string */
    };
    mirai__limits limits = enough;
    mirai_value *value = NULL;
    limits.items = 1000;
    while (mirai__decode(segment, NULL, &limits, &value) == MIRAI_OK) {
        mirai_value_release(value);
        value = NULL;
        limits.items--;
    }
    uint32_t fewest = limits.items + 1;
    assert_true(fewest > 10 && fewest < 40);

    mirai__limits tight[5];
    for (size_t i = 0; i < 5; i++) {
        tight[i] = enough;
        tight[i].items = fewest;
    }
    assert_int_equal(mirai__decode(segment, NULL, &tight[0], &value), MIRAI_OK);
    mirai_value_release(value);
    value = NULL;
    tight[0].body_bytes--;
    tight[1].buffer_bytes--;
    tight[2].buffers--;
    tight[3].depth--;
    tight[4].items--;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(mirai__decode(segment, NULL, &tight[i], &value), MIRAI_E_LIMIT);
        assert_null(value);
        assert_int_equal(things.live, 0);
    }
    mirai__segment_release(segment);
    things_unregister();
}

/* Deep in itself: lists, tags, segments in segments, and segments in the data of objects. */
static void test_decode__depth_is_bounded(void **state)
{
    (void)state;
    static uint8_t body[100000];
    mirai_value *value = NULL;
    mirai__segment *none = encoded(mirai_null());
    memset(body, 0x81, sizeof body);
    body[sizeof body - 1] = 0xf6;
    assert_int_equal(decode_body(none, body, sizeof body, &value), MIRAI_E_LIMIT);
    assert_int_equal(decode_body(none, body + sizeof body - 513, 513, &value), MIRAI_OK);
    mirai_value_release(value);
    assert_int_equal(decode_body(none, body + sizeof body - 514, 514, &value), MIRAI_E_LIMIT);
    mirai__segment_release(none);

    things_register();
    mirai__segment *segment = encoded(mirai_int(1));
    for (size_t i = 0; i < 40; i++) {
        mirai_status expected = i <= 16 ? MIRAI_OK : MIRAI_E_LIMIT;
        value = NULL;
        assert_int_equal(mirai__decode(segment, NULL, &mirai__limits_local, &value), expected);
        mirai_value_release(value);
        mirai_value *inner = mirai__value_segment(segment);
        segment = encoded(i % 2 ? thing_new("box", inner) : mirai_list(&inner, 1));
    }
    mirai__segment_release(segment);
    assert_int_equal(things.live, 0);
    things_unregister();
}

static void test_decode__buffers_are_not_copied(void **state)
{
    (void)state;
    uint8_t data[1000] = {5};
    mirai__segment *segment = encoded(mirai_bytes(data, sizeof data));
    mirai_value *value = NULL;
    assert_int_equal(mirai__decode(segment, NULL, &mirai__limits_local, &value), MIRAI_OK);
    assert_ptr_equal(mirai_value_buffer(value), mirai__segment_buffers(segment)[0]);
    mirai__segment_release(segment);
    assert_int_equal(*(const uint8_t *)mirai_value_data(value), 5);
    mirai_value_release(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__bad_arguments),
        cmocka_unit_test(test_decode__gives_the_items_of_a_list),
        cmocka_unit_test(test_decode__every_prefix_is_refused),
        cmocka_unit_test(test_decode__any_wrong_byte_is_survived),
        cmocka_unit_test(test_decode__limits),
        cmocka_unit_test(test_decode__depth_is_bounded),
        cmocka_unit_test(test_decode__buffers_are_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
