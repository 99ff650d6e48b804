/*
 * The table keyed by strings: against an array as oracle, and the keys that it borrows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc.h"
#include "fault.h"
#include "map.h"

enum { KEYS = 2048, OPERATIONS = 100000 };

static char items[KEYS];
static char keys[KEYS][16];

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static int make_keys(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++) (void)snprintf(keys[i], sizeof keys[i], "key %d", i);
    return 0;
}

static void test_names__refuses_null_and_bears_emptiness(void **state)
{
    (void)state;
    mirai__names names;
    size_t cursor = 0;
    mirai__names_init(&names);
    assert_null(mirai__names_get(&names, ""));
    assert_null(mirai__names_remove(&names, ""));
    assert_false(mirai__names_next(&names, &cursor, NULL, NULL));
    assert_int_equal(mirai__names_put(&names, "x", NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai__names_put(&names, "", items), MIRAI_OK);
    assert_ptr_equal(mirai__names_get(&names, ""), items);
    mirai__names_fini(&names);
    mirai__names_fini(&names);
}

static void test_names__agrees_with_an_array(void **state)
{
    (void)state;
    static void *oracle[KEYS];
    size_t count = 0;
    uint32_t seed = 7;
    mirai__names names;
    mirai__names_init(&names);
    for (int i = 0; i < OPERATIONS; i++) {
        uint32_t n = next_random(&seed) % ((i / 20000) % 2 ? 64 : KEYS);
        if (next_random(&seed) % 10 < ((i / 10000) % 2 ? 3u : 7u)) {
            void *item = &items[next_random(&seed) % KEYS];
            assert_int_equal(mirai__names_put(&names, keys[n], item), MIRAI_OK);
            count += oracle[n] == NULL;
            oracle[n] = item;
        } else {
            assert_ptr_equal(mirai__names_remove(&names, keys[n]), oracle[n]);
            count -= oracle[n] != NULL;
            oracle[n] = NULL;
        }
        assert_int_equal(names.count, count);
        uint32_t other = next_random(&seed) % KEYS;
        assert_ptr_equal(mirai__names_get(&names, keys[other]), oracle[other]);
    }
    size_t cursor = 0, walked = 0;
    const char *key;
    void *item;
    for (; mirai__names_next(&names, &cursor, &key, &item); walked++)
        assert_ptr_equal(item, oracle[atoi(key + 4)]);
    assert_int_equal(walked, count);
    mirai__names_fini(&names);
}

static void test_names__forgets_keys_that_were_removed_or_replaced(void **state)
{
    (void)state;
    mirai__names names;
    mirai__names_init(&names);
    char *first = mirai__strdup("same"), *second = mirai__strdup("same");
    assert_int_equal(mirai__names_put(&names, first, &items[1]), MIRAI_OK);
    assert_int_equal(mirai__names_put(&names, second, &items[2]), MIRAI_OK);
    assert_int_equal(names.count, 1);
    mirai__free(first);
    assert_ptr_equal(mirai__names_get(&names, "same"), &items[2]);
    assert_ptr_equal(mirai__names_remove(&names, "same"), &items[2]);
    mirai__free(second);
    for (int i = 0; i < 100; i++)
        assert_int_equal(mirai__names_put(&names, keys[i], items), MIRAI_OK);
    assert_null(mirai__names_get(&names, "same"));
    mirai__names_fini(&names);
}

static void test_names__walk_may_remove(void **state)
{
    (void)state;
    mirai__names names;
    mirai__names_init(&names);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(mirai__names_put(&names, keys[i], &items[i]), MIRAI_OK);
    size_t cursor = 0, seen = 0;
    const char *key;
    for (; mirai__names_next(&names, &cursor, &key, NULL); seen++)
        assert_non_null(mirai__names_remove(&names, key));
    assert_int_equal(seen, KEYS);
    assert_int_equal(names.count, 0);
    assert_int_equal(names.used, 0);
    mirai__names_fini(&names);
}

static void test_names__stays_whole_without_memory(void **state)
{
    (void)state;
    mirai__names names;
    mirai__names_init(&names);
    int kept = 0;
    mirai__fault_arm(2, true);
    while (mirai__names_put(&names, keys[kept], &items[kept]) == MIRAI_OK) kept++;
    mirai__fault_arm(0, false);
    assert_true(kept > 0);
    assert_int_equal(names.count, kept);
    for (int i = 0; i < kept; i++) assert_ptr_equal(mirai__names_get(&names, keys[i]), &items[i]);
    mirai__names_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names__refuses_null_and_bears_emptiness),
        cmocka_unit_test(test_names__agrees_with_an_array),
        cmocka_unit_test(test_names__forgets_keys_that_were_removed_or_replaced),
        cmocka_unit_test(test_names__walk_may_remove),
        cmocka_unit_test(test_names__stays_whole_without_memory),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
