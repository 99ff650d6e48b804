/*
 * Buffers: making, adopting, slicing, freezing, and writing to a copy of one's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include "buffer_private.h"
#include "fault.h"

typedef struct tally {
    int calls;
    void *object;
} tally;

static void count_release(void *object, void *context)
{
    tally *tally = context;
    tally->calls++;
    tally->object = object;
}

static void test_buffer__refuses_bad_arguments(void **state)
{
    (void)state;
    tally tally = {0, NULL};
    assert_null(mirai_buffer_copy(NULL, 1));
    assert_non_null(strstr(mirai_error_detail(), "NULL"));
    assert_null(mirai_buffer_adopt(NULL, 1, count_release, &tally, &tally));
    assert_int_equal(tally.calls, 1);
    assert_ptr_equal(tally.object, &tally);
    assert_null(mirai_buffer_slice(NULL, 0, 0));
    assert_null(mirai_buffer_new(NULL, SIZE_MAX));
    assert_null(mirai_buffer_new(NULL, SIZE_MAX / 2));
    assert_null(mirai__buffer_alloc(SIZE_MAX));
    void *data;
    mirai_buffer *none = NULL;
    assert_int_equal(mirai_buffer_writable(NULL, &data), MIRAI_E_INVALID);
    assert_int_equal(mirai_buffer_writable(&none, &data), MIRAI_E_INVALID);
    assert_int_equal(mirai_buffer_private(NULL, &data), MIRAI_E_INVALID);
    assert_int_equal(mirai_buffer_private(&none, &data), MIRAI_E_INVALID);
    assert_null(mirai_buffer_ref(NULL));
    mirai_buffer_release(NULL);
    mirai__buffer_freeze(NULL);
    assert_null(mirai_buffer_data(NULL));
    assert_int_equal(mirai_buffer_size(NULL), 0);
    assert_int_equal(mirai_buffer_is_frozen(NULL), 1);
}

static void test_buffer__is_zeroed_and_aligned_at_any_size(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 63, 64, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        mirai_buffer *buffer = mirai_buffer_new(NULL, sizes[i]);
        assert_non_null(buffer);
        assert_int_equal(mirai_buffer_size(buffer), sizes[i]);
        assert_int_equal(mirai_buffer_is_frozen(buffer), 0);
        const unsigned char *data = mirai_buffer_data(buffer);
        assert_int_equal((uintptr_t)data % MIRAI_BUFFER_ALIGNMENT, 0);
        assert_int_equal(data[0] | data[sizes[i] / 2] | data[sizes[i] - 1], 0);
        memset(mirai__buffer_bytes(buffer), 1, sizes[i]);
        mirai_buffer_release(buffer);
    }
}

static void test_buffer__may_be_empty(void **state)
{
    (void)state;
    mirai_buffer *buffers[] = {mirai_buffer_new(NULL, 0), mirai_buffer_copy(NULL, 0),
                               mirai_buffer_adopt(NULL, 0, NULL, NULL, NULL)};
    for (size_t i = 0; i < 3; i++) {
        mirai_buffer *slice = mirai_buffer_slice(buffers[i], 0, 0);
        assert_non_null(slice);
        assert_null(mirai_buffer_data(buffers[i]));
        assert_null(mirai_buffer_data(slice));
        assert_null(mirai_buffer_slice(buffers[i], 0, 1));
        mirai_buffer_release(slice);
        void *data;
        assert_int_equal(mirai_buffer_writable(&buffers[i], &data), MIRAI_OK);
        mirai_buffer_release(buffers[i]);
    }
}

static void test_buffer__releases_foreign_memory_once(void **state)
{
    (void)state;
    static const char text[] = "foreign";
    tally tally = {0, NULL};
    mirai_buffer *buffer = mirai_buffer_adopt(text, sizeof(text), count_release, &tally, &tally);
    assert_ptr_equal(mirai_buffer_data(buffer), text);
    assert_int_equal(mirai_buffer_is_frozen(buffer), 1);
    mirai_buffer *slice = mirai_buffer_slice(buffer, 3, 4);
    mirai_buffer *narrow = mirai_buffer_slice(slice, 1, 2);
    mirai_buffer_release(buffer);
    mirai_buffer_release(slice);
    assert_int_equal(tally.calls, 0);
    assert_memory_equal(mirai_buffer_data(narrow), "ig", 2);
    mirai_buffer_release(narrow);
    assert_int_equal(tally.calls, 1);
}

static void test_buffer__slices_stay_inside(void **state)
{
    (void)state;
    mirai_buffer *buffer = mirai_buffer_copy("0123456789", 10);
    assert_int_equal(mirai_buffer_is_frozen(buffer), 0);
    assert_null(mirai_buffer_slice(buffer, 11, 0));
    assert_null(mirai_buffer_slice(buffer, 5, 6));
    assert_null(mirai_buffer_slice(buffer, 5, SIZE_MAX));
    assert_null(mirai_buffer_slice(buffer, SIZE_MAX, 2));
    assert_int_equal(mirai_buffer_is_frozen(buffer), 0);
    mirai_buffer *slice = mirai_buffer_slice(buffer, 2, 8);
    assert_int_equal(mirai_buffer_is_frozen(buffer), 1);
    assert_null(mirai_buffer_slice(slice, 5, 4));
    mirai_buffer_release(buffer);
    mirai_buffer_release(slice);
}

static void test_buffer__copies_what_others_may_read(void **state)
{
    (void)state;
    mirai_buffer *buffer = mirai_buffer_copy("abc", 3), *first = buffer;
    char *data;
    assert_int_equal(mirai_buffer_writable(&buffer, (void **)&data), MIRAI_OK);
    assert_ptr_equal(buffer, first); /* open, and of one owner */

    mirai_buffer *other = mirai_buffer_ref(buffer);
    assert_int_equal(mirai_buffer_writable(&buffer, (void **)&data), MIRAI_OK);
    assert_ptr_not_equal(buffer, first);
    data[0] = 'X';
    assert_memory_equal(mirai_buffer_data(other), "abc", 3);
    assert_memory_equal(mirai_buffer_data(buffer), "Xbc", 3);
    mirai_buffer_release(other);

    mirai__buffer_freeze(buffer);
    first = buffer;
    mirai_buffer_ref(first);
    assert_int_equal(mirai_buffer_writable(&buffer, (void **)&data), MIRAI_OK);
    assert_int_equal(mirai_buffer_is_frozen(buffer), 0);
    assert_ptr_not_equal(buffer, first);
    mirai_buffer_release(first);
    mirai_buffer_release(buffer);
}

/* Views are of what others lent (unit.lending): here private bytes are one's own, or a copy. */
static void test_buffer__private_bytes(void **state)
{
    (void)state;
    mirai_buffer *buffer = mirai_buffer_new(NULL, 3 << 20), *first = buffer;
    char *data;
    assert_int_equal(mirai_buffer_private(&buffer, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_buffer_private(&buffer, (void **)&data), MIRAI_OK);
    assert_ptr_equal(buffer, first); /* open, and of one owner */
    assert_ptr_equal(data, mirai_buffer_data(first));
    data[0] = 'a';
    mirai_buffer *slice = mirai_buffer_slice(buffer, 0, 2 << 20);
    mirai_buffer *adopted = mirai_buffer_adopt("abc", 3, NULL, NULL, NULL);
    mirai_buffer *others[] = {buffer, slice, adopted};
    for (size_t i = 0; i < 3; i++) {
        mirai_buffer *own = mirai_buffer_ref(others[i]);
        assert_int_equal(mirai_buffer_private(&own, (void **)&data), MIRAI_OK);
        assert_ptr_not_equal(own, others[i]);
        assert_int_equal(mirai_buffer_is_frozen(own), 0);
        assert_memory_equal(data, mirai_buffer_data(others[i]), mirai_buffer_size(own));
        data[0] = 'X';
        assert_memory_equal(mirai_buffer_data(others[i]), "a", 1);
        mirai_buffer_release(own);
    }
    for (size_t i = 0; i < 3; i++) mirai_buffer_release(others[i]);
}

static void test_buffer__survives_failed_allocations(void **state)
{
    (void)state;
    tally tally = {0, NULL};
    mirai_buffer *whole = mirai_buffer_copy("abc", 3);
    void *data;
    mirai__fault_arm(1, true);
    assert_null(mirai_buffer_new(NULL, 10));
    assert_null(mirai_buffer_new(NULL, 2 << 20));
    assert_null(mirai_buffer_copy("abc", 3));
    assert_null(mirai_buffer_slice(whole, 0, 1));
    assert_int_equal(mirai_buffer_is_frozen(whole), 0);
    assert_null(mirai_buffer_adopt("abc", 3, count_release, NULL, &tally));
    mirai__buffer_freeze(whole);
    mirai_buffer *before = whole;
    assert_int_equal(mirai_buffer_writable(&whole, &data), MIRAI_E_NOMEM);
    assert_int_equal(mirai_buffer_private(&whole, &data), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
    assert_ptr_equal(whole, before);
    assert_int_equal(tally.calls, 1);
    mirai_buffer_release(whole);
}

static void *slice_and_release(void *argument)
{
    mirai_buffer *buffer = argument;
    for (int i = 0; i < 2000; i++) mirai_buffer_release(mirai_buffer_slice(buffer, 1, 2));
    mirai_buffer_release(buffer);
    return NULL;
}

static void test_buffer__is_counted_on_any_thread(void **state)
{
    (void)state;
    tally tally = {0, NULL};
    mirai_buffer *buffer = mirai_buffer_adopt("abc", 3, count_release, NULL, &tally);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, slice_and_release, mirai_buffer_ref(buffer)), 0);
    mirai_buffer_release(buffer);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(tally.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer__refuses_bad_arguments),
        cmocka_unit_test(test_buffer__is_zeroed_and_aligned_at_any_size),
        cmocka_unit_test(test_buffer__may_be_empty),
        cmocka_unit_test(test_buffer__releases_foreign_memory_once),
        cmocka_unit_test(test_buffer__slices_stay_inside),
        cmocka_unit_test(test_buffer__copies_what_others_may_read),
        cmocka_unit_test(test_buffer__private_bytes),
        cmocka_unit_test(test_buffer__survives_failed_allocations),
        cmocka_unit_test(test_buffer__is_counted_on_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
