/*
 * The heap: order under random pushes, re-keyings and removals, against a search of an array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "heap.h"

enum { NODES = 300, OPERATIONS = 30000 };

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void test_heap__bears_emptiness(void **state)
{
    (void)state;
    mirai__heap heap;
    mirai__heap_node node = {0, 0};
    mirai__heap_init(&heap);
    assert_null(mirai__heap_first(&heap));
    mirai__heap_remove(&heap, &node);
    assert_int_equal(heap.count, 0);
    mirai__heap_fini(&heap);
    mirai__heap_fini(&heap);
}

static void test_heap__agrees_with_a_search(void **state)
{
    (void)state;
    mirai__heap_node nodes[NODES] = {{0, 0}};
    uint32_t seed = 99;
    size_t count = 0;
    mirai__heap heap;
    mirai__heap_init(&heap);
    for (int i = 0; i < OPERATIONS; i++) {
        mirai__heap_node *node = &nodes[next_random(&seed) % NODES];
        if (next_random(&seed) % 3 > 0) {
            count += node->index == 0;
            int64_t key = (int64_t)(next_random(&seed) % 1000) - 500;
            assert_int_equal(mirai__heap_push(&heap, node, key), MIRAI_OK);
            assert_int_equal(node->key, key);
        } else {
            count -= node->index != 0;
            mirai__heap_remove(&heap, node);
            assert_int_equal(node->index, 0);
        }
        assert_int_equal(heap.count, count);
        int64_t least = INT64_MAX;
        for (int n = 0; n < NODES; n++)
            if (nodes[n].index != 0 && nodes[n].key < least) least = nodes[n].key;
        if (count > 0) assert_int_equal(mirai__heap_first(&heap)->key, least);
    }
    int64_t last = INT64_MIN;
    for (mirai__heap_node *first; (first = mirai__heap_first(&heap)) != NULL;) {
        assert_true(first->key >= last);
        last = first->key;
        mirai__heap_remove(&heap, first);
    }
    mirai__heap_fini(&heap);
}

static void test_heap__orders_extreme_keys(void **state)
{
    (void)state;
    mirai__heap_node nodes[3] = {{0, 0}};
    mirai__heap heap;
    mirai__heap_init(&heap);
    assert_int_equal(mirai__heap_push(&heap, &nodes[0], INT64_MAX), MIRAI_OK);
    assert_int_equal(mirai__heap_push(&heap, &nodes[1], INT64_MIN), MIRAI_OK);
    assert_int_equal(mirai__heap_push(&heap, &nodes[2], 0), MIRAI_OK);
    assert_ptr_equal(mirai__heap_first(&heap), &nodes[1]);
    mirai__heap_fini(&heap);
}

static void test_heap__stays_whole_without_memory(void **state)
{
    (void)state;
    mirai__heap_node nodes[17] = {{0, 0}};
    mirai__heap heap;
    mirai__heap_init(&heap);
    for (int i = 0; i < 16; i++) assert_int_equal(mirai__heap_push(&heap, &nodes[i], -i), MIRAI_OK);
    mirai__fault_arm(1, true);
    assert_int_equal(mirai__heap_push(&heap, &nodes[16], -100), MIRAI_E_NOMEM);
    assert_int_equal(mirai__heap_push(&heap, &nodes[0], -200), MIRAI_OK); /* re-keying needs none */
    mirai__fault_arm(0, false);
    assert_int_equal(nodes[16].index, 0);
    assert_int_equal(heap.count, 16);
    assert_ptr_equal(mirai__heap_first(&heap), &nodes[0]);
    mirai__heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap__bears_emptiness),
        cmocka_unit_test(test_heap__agrees_with_a_search),
        cmocka_unit_test(test_heap__orders_extreme_keys),
        cmocka_unit_test(test_heap__stays_whole_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
