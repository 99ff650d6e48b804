/*
 * Segments: counting, taking buffers also on failure, and standing as a value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "value_private.h"

static int released;

static void count_release(void *object, void *context)
{
    (void)object;
    (void)context;
    released++;
}

static mirai_buffer *counted(void)
{
    return mirai_buffer_adopt("12345", 5, count_release, NULL, NULL);
}

static void test_segment__refuses_what_is_missing(void **state)
{
    (void)state;
    released = 0;
    mirai_buffer *buffers[] = {counted(), NULL, counted()};
    assert_null(mirai__segment_new("12345", 5, buffers, 3));
    assert_int_equal(released, 2);
    buffers[0] = counted();
    assert_null(mirai__segment_new(NULL, 5, buffers, 1));
    assert_int_equal(released, 3);
    assert_null(mirai__segment_new("12345", 5, NULL, 2));
    assert_null(mirai__segment_alloc(SIZE_MAX, 0));
    assert_null(mirai__segment_alloc(0, SIZE_MAX));
    assert_null(mirai__segment_alloc(SIZE_MAX - 64, 16));
    assert_null(mirai__segment_ref(NULL));
    mirai__segment_release(NULL);
    assert_int_equal(mirai__segment_size(NULL), 0);
    assert_null(mirai__value_segment(NULL));
    assert_null(mirai__value_get_segment(NULL));
    assert_null(mirai__value_get_segment(mirai_null()));
}

static void test_segment__holds_its_buffers(void **state)
{
    (void)state;
    released = 0;
    mirai_buffer *open = mirai_buffer_copy("abc", 3);
    mirai_buffer *buffers[] = {counted(), open};
    mirai__segment *segment = mirai__segment_new("12345", 5, buffers, 2);
    assert_non_null(segment);
    assert_int_equal(mirai_buffer_is_frozen(open), 1);
    assert_int_equal(mirai__segment_size(segment), 13);
    assert_int_equal(segment->body_size, 5);
    assert_memory_equal(segment->body, "12345", 5);
    assert_ptr_equal(mirai__segment_buffers(segment)[1], open);
    assert_ptr_equal(mirai__segment_ref(segment), segment);
    mirai__segment_release(segment);
    assert_int_equal(released, 0);

    mirai_value *value = mirai__value_segment(segment);
    assert_int_equal(mirai_value_type(value), MIRAI__TYPE_SEGMENT);
    assert_ptr_equal(mirai__value_get_segment(value), segment);
    mirai_value *again = mirai__value_segment(mirai__segment_ref(segment));
    assert_int_equal(mirai_value_equal(value, again), 1);
    assert_int_equal(mirai_value_equal(value, mirai_null()), 0);
    char *text = NULL;
    assert_int_equal(mirai_value_format(value, &text), MIRAI_OK);
    assert_string_equal(text, "<encoded value, 13 bytes>\n");
    mirai_text_free(text);
    mirai_value_release(value);
    mirai_value_release(again);
    assert_int_equal(released, 1);
}

static void test_segment__is_filled_by_its_maker(void **state)
{
    (void)state;
    released = 0;
    for (size_t size = 0; size < 20; size++) {
        mirai__segment *segment = mirai__segment_alloc(size, 3);
        assert_non_null(segment);
        assert_int_equal(segment->count, 0);
        for (int i = 0; i < 2; i++) mirai__segment_buffers(segment)[segment->count++] = counted();
        memset(segment->body, 0xff, size);
        assert_int_equal(mirai__segment_size(segment), size + 10);
        mirai__segment_release(segment);
        assert_int_equal(released, 2 * (int)size + 2);
    }
}

static const mirai_buffer *kept;

static bool is_kept(const mirai_buffer *buffer)
{
    return buffer == kept;
}

static void test_segment__is_copied_but_for_what_stays(void **state)
{
    (void)state;
    released = 0;
    mirai_buffer *buffers[] = {counted(), counted()};
    mirai__segment *segment = mirai__segment_new("body", 4, buffers, 2);
    kept = buffers[1];
    for (int64_t n = 1; n <= 2; n++) { /* the segment, a buffer */
        mirai__fault_arm(n, false);
        assert_null(mirai__segment_copy(segment, is_kept));
        mirai__fault_arm(0, false);
    }
    mirai__segment *copy = mirai__segment_copy(segment, is_kept);
    assert_non_null(copy);
    assert_int_equal(mirai__segment_size(copy), mirai__segment_size(segment));
    assert_memory_equal(copy->body, "body", 4);
    assert_ptr_not_equal(mirai_buffer_data(mirai__segment_buffers(copy)[0]), mirai_buffer_data(buffers[0]));
    assert_memory_equal(mirai_buffer_data(mirai__segment_buffers(copy)[0]), "12345", 5);
    assert_true(mirai_buffer_is_frozen(mirai__segment_buffers(copy)[0]));
    assert_ptr_equal(mirai__segment_buffers(copy)[1], buffers[1]);
    mirai__segment_release(segment);
    assert_int_equal(released, 1);
    mirai__segment_release(copy);
    assert_int_equal(released, 2);
}

static void test_segment__survives_failed_allocations(void **state)
{
    (void)state;
    released = 0;
    mirai_buffer *buffers[] = {counted()};
    mirai__fault_arm(1, false);
    assert_null(mirai__segment_new("12345", 5, buffers, 1));
    mirai__fault_arm(0, false);
    assert_int_equal(released, 1);

    buffers[0] = counted();
    mirai__segment *segment = mirai__segment_new("12345", 5, buffers, 1);
    mirai__fault_arm(1, false);
    assert_null(mirai__value_segment(segment));
    mirai__fault_arm(0, false);
    assert_int_equal(released, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment__refuses_what_is_missing),
        cmocka_unit_test(test_segment__holds_its_buffers),
        cmocka_unit_test(test_segment__is_filled_by_its_maker),
        cmocka_unit_test(test_segment__is_copied_but_for_what_stays),
        cmocka_unit_test(test_segment__survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
