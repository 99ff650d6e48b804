/*
 * Growable bytes: appending, printing, handing over, and staying whole when memory runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "alloc.h"
#include "bytes.h"
#include "fault.h"

static void test_bytes__refuses_sizes_that_cannot_be(void **state)
{
    (void)state;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    assert_int_equal(mirai__bytes_append(&bytes, "abc", 3), MIRAI_OK);
    assert_int_equal(mirai__bytes_reserve(&bytes, SIZE_MAX), MIRAI_E_NOMEM);
    assert_int_equal(mirai__bytes_reserve(&bytes, SIZE_MAX - 3), MIRAI_E_NOMEM);
    assert_int_equal(mirai__bytes_reserve(&bytes, SIZE_MAX / 2 + 10), MIRAI_E_NOMEM);
    assert_int_equal(mirai__bytes_append(&bytes, NULL, 0), MIRAI_OK);
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.data, "abc", 3);
    mirai__bytes_fini(&bytes);
    assert_null(bytes.data);
    mirai__bytes_fini(&bytes);
}

static void test_bytes__keeps_what_is_appended(void **state)
{
    (void)state;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t byte = (uint8_t)(i * 31);
        assert_int_equal(mirai__bytes_append(&bytes, &byte, 1), MIRAI_OK);
    }
    assert_int_equal(bytes.size, 100000);
    assert_true(bytes.capacity < 400000);
    for (unsigned i = 0; i < 100000; i++) assert_int_equal(bytes.data[i], (uint8_t)(i * 31));
    mirai__bytes_fini(&bytes);
}

static void test_bytes__reserves_room_without_moving(void **state)
{
    (void)state;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    assert_int_equal(mirai__bytes_reserve(&bytes, 1000), MIRAI_OK);
    uint8_t *data = bytes.data;
    memset(data, 1, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(mirai__bytes_append(&bytes, "x", 1), MIRAI_OK);
    assert_ptr_equal(bytes.data, data);
    mirai__bytes_fini(&bytes);
}

static void test_bytes__prints_at_every_fill(void **state)
{
    (void)state;
    for (size_t fill = 0; fill < 130;
         fill++) { /* the NUL of vsnprintf lands on each side of the end */
        mirai__bytes bytes;
        mirai__bytes_init(&bytes);
        for (size_t i = 0; i < fill; i++)
            assert_int_equal(mirai__bytes_append(&bytes, "x", 1), MIRAI_OK);
        assert_int_equal(mirai__bytes_printf(&bytes, "%d:%s", 42, "tail"), MIRAI_OK);
        assert_int_equal(mirai__bytes_printf(&bytes, "%s", ""), MIRAI_OK);
        assert_int_equal(bytes.size, fill + 7);
        assert_memory_equal(bytes.data + fill, "42:tail", 7);
        mirai__bytes_fini(&bytes);
    }
}

static void test_bytes__hands_text_over(void **state)
{
    (void)state;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    char *empty = mirai__bytes_steal_text(&bytes);
    assert_string_equal(empty, "");
    assert_null(bytes.data);
    for (int i = 0; i < 64; i++) assert_int_equal(mirai__bytes_append(&bytes, "y", 1), MIRAI_OK);
    char *full = mirai__bytes_steal_text(&bytes);
    assert_int_equal(strlen(full), 64);
    assert_int_equal(bytes.size, 0);
    mirai__free(empty);
    mirai__free(full);
}

static void test_bytes__begins_in_memory_that_is_lent(void **state)
{
    (void)state;
    uint8_t lent[8];
    mirai__bytes bytes;
    mirai__bytes_lend(&bytes, lent, sizeof lent);
    assert_int_equal(mirai__bytes_append(&bytes, "1234567", 7), MIRAI_OK);
    assert_ptr_equal(bytes.data, lent);
    mirai__fault_arm(1, true);
    assert_int_equal(mirai__bytes_append(&bytes, "89", 2), MIRAI_E_NOMEM);
    assert_null(mirai__bytes_steal_text(&bytes)); /* what is given away must be its own */
    mirai__fault_arm(0, false);
    assert_int_equal(bytes.size, 7);
    assert_int_equal(mirai__bytes_append(&bytes, "89", 2), MIRAI_OK);
    assert_ptr_not_equal(bytes.data, lent);
    assert_memory_equal(bytes.data, "123456789", 9);
    mirai__bytes_fini(&bytes);
    mirai__bytes_lend(&bytes, lent, sizeof lent);
    assert_int_equal(mirai__bytes_append(&bytes, "text", 4), MIRAI_OK);
    char *text = mirai__bytes_steal_text(&bytes);
    assert_string_equal(text, "text");
    assert_ptr_not_equal(text, lent);
    mirai__free(text);
    assert_int_equal(bytes.size, 0);
    mirai__bytes_fini(&bytes);
}

static void test_bytes__stays_whole_without_memory(void **state)
{
    (void)state;
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    while (bytes.size < 64) assert_int_equal(mirai__bytes_append(&bytes, "z", 1), MIRAI_OK);
    mirai__fault_arm(1, true);
    assert_int_equal(mirai__bytes_append(&bytes, "more", 4), MIRAI_E_NOMEM);
    assert_int_equal(mirai__bytes_printf(&bytes, "%d", 1), MIRAI_E_NOMEM);
    assert_null(mirai__bytes_steal_text(&bytes));
    mirai__fault_arm(0, false);
    assert_int_equal(bytes.size, 64);
    for (int i = 0; i < 64; i++) assert_int_equal(bytes.data[i], 'z');
    mirai__bytes_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes__refuses_sizes_that_cannot_be),
        cmocka_unit_test(test_bytes__keeps_what_is_appended),
        cmocka_unit_test(test_bytes__reserves_room_without_moving),
        cmocka_unit_test(test_bytes__prints_at_every_fill),
        cmocka_unit_test(test_bytes__hands_text_over),
        cmocka_unit_test(test_bytes__begins_in_memory_that_is_lent),
        cmocka_unit_test(test_bytes__stays_whole_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
