/*
 * The table keyed by numbers: against an array as oracle, under growth, removal and walks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fault.h"
#include "map.h"

enum { KEYS = 4096, OPERATIONS = 100000 };

static char items[KEYS]; /* only their addresses matter */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void test_map__refuses_null_and_bears_emptiness(void **state)
{
    (void)state;
    mirai__map map;
    size_t cursor = 0;
    mirai__map_init(&map);
    assert_null(mirai__map_get(&map, 0));
    assert_null(mirai__map_remove(&map, 0));
    assert_false(mirai__map_next(&map, &cursor, NULL, NULL));
    assert_int_equal(mirai__map_put(&map, 0, NULL), MIRAI_E_INVALID);
    assert_int_equal(map.count, 0);
    mirai__map_fini(&map);
    mirai__map_fini(&map);
}

static void test_map__holds_extreme_keys(void **state)
{
    (void)state;
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    mirai__map map;
    mirai__map_init(&map);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(mirai__map_put(&map, keys[i], &items[i]), MIRAI_OK);
    for (size_t i = 0; i < 5; i++) assert_ptr_equal(mirai__map_get(&map, keys[i]), &items[i]);
    assert_int_equal(mirai__map_put(&map, 0, &items[9]), MIRAI_OK);
    assert_ptr_equal(mirai__map_get(&map, 0), &items[9]);
    assert_int_equal(map.count, 5);
    assert_ptr_equal(mirai__map_remove(&map, 0), &items[9]);
    assert_null(mirai__map_remove(&map, 0));
    mirai__map_fini(&map);
}

static void test_map__agrees_with_an_array(void **state)
{
    (void)state;
    static void *oracle[KEYS];
    size_t count = 0;
    uint32_t seed = 20240607;
    mirai__map map;
    mirai__map_init(&map);
    for (int i = 0; i < OPERATIONS; i++) {
        /* Phases that mostly fill and phases that mostly empty, over a varying range of keys. */
        uint32_t key = next_random(&seed) % ((i / 20000) % 2 ? 64 : KEYS);
        uint32_t dice = next_random(&seed) % 10;
        if (dice < ((i / 10000) % 2 ? 3u : 7u)) {
            void *item = &items[next_random(&seed) % KEYS];
            assert_int_equal(mirai__map_put(&map, key, item), MIRAI_OK);
            count += oracle[key] == NULL;
            oracle[key] = item;
        } else {
            assert_ptr_equal(mirai__map_remove(&map, key), oracle[key]);
            count -= oracle[key] != NULL;
            oracle[key] = NULL;
        }
        assert_int_equal(map.count, count);
        uint32_t other = next_random(&seed) % KEYS;
        assert_ptr_equal(mirai__map_get(&map, other), oracle[other]);
    }
    size_t cursor = 0, walked = 0;
    uint64_t key;
    void *item;
    for (; mirai__map_next(&map, &cursor, &key, &item); walked++)
        assert_ptr_equal(item, oracle[key]);
    assert_int_equal(walked, count);
    mirai__map_fini(&map);
}

static void test_map__stays_small_when_keys_pass_through(void **state)
{
    (void)state;
    mirai__map map;
    mirai__map_init(&map);
    for (uint64_t i = 0; i < OPERATIONS; i++) { /* as task numbers do: always new, ten alive */
        assert_int_equal(mirai__map_put(&map, i, &items[i % KEYS]), MIRAI_OK);
        if (i >= 10) assert_ptr_equal(mirai__map_remove(&map, i - 10), &items[(i - 10) % KEYS]);
        assert_true(map.capacity <= 64);
    }
    assert_int_equal(map.count, 10);
    mirai__map_fini(&map);
}

static void test_map__shrinks_after_a_flood(void **state)
{
    (void)state;
    mirai__map map;
    mirai__map_init(&map);
    for (uint64_t i = 0; i < 50000; i++) assert_int_equal(mirai__map_put(&map, i, items), MIRAI_OK);
    for (uint64_t i = 0; i < 50000; i++) assert_ptr_equal(mirai__map_remove(&map, i), items);
    assert_int_equal(map.count, 0);
    assert_int_equal(map.used, 0);
    assert_null(mirai__map_get(&map, 1));
    mirai__map_fini(&map);
}

static void test_map__walk_may_remove(void **state)
{
    (void)state;
    mirai__map map;
    mirai__map_init(&map);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(mirai__map_put(&map, i, &items[i]), MIRAI_OK);
    size_t cursor = 0, seen = 0;
    uint64_t key;
    void *item;
    for (; mirai__map_next(&map, &cursor, &key, &item); seen++) {
        assert_ptr_equal(item, &items[key]);
        if (key % 2 == 0) assert_ptr_equal(mirai__map_remove(&map, key), item);
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(map.count, 500);
    for (uint64_t i = 0; i < 1000; i++)
        assert_ptr_equal(mirai__map_get(&map, i), i % 2 == 0 ? NULL : &items[i]);
    mirai__map_fini(&map);
}

static void test_map__stays_whole_without_memory(void **state)
{
    (void)state;
    mirai__map map;
    mirai__map_init(&map);
    mirai__fault_arm(1, true);
    assert_int_equal(mirai__map_put(&map, 7, items), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
    assert_int_equal(map.count, 0);
    uint64_t kept = 0;
    mirai__fault_arm(2, true); /* the first table is granted, no larger one */
    while (mirai__map_put(&map, kept, &items[kept]) == MIRAI_OK) kept++;
    assert_int_equal(mirai__map_put(&map, 0, &items[1]), MIRAI_OK); /* replacing needs none */
    mirai__fault_arm(0, false);
    assert_int_equal(map.count, kept);
    for (uint64_t i = 1; i < kept; i++) assert_ptr_equal(mirai__map_get(&map, i), &items[i]);
    assert_int_equal(mirai__map_put(&map, kept, &items[kept]), MIRAI_OK);
    mirai__map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__refuses_null_and_bears_emptiness),
        cmocka_unit_test(test_map__holds_extreme_keys),
        cmocka_unit_test(test_map__agrees_with_an_array),
        cmocka_unit_test(test_map__stays_small_when_keys_pass_through),
        cmocka_unit_test(test_map__shrinks_after_a_flood),
        cmocka_unit_test(test_map__walk_may_remove),
        cmocka_unit_test(test_map__stays_whole_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
