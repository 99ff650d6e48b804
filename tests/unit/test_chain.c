/*
 * The chain: whatever is added comes out once, and a node leaves from wherever it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chain.h"

static void test_chain__bears_emptiness(void **state)
{
    (void)state;
    mirai__chain chain = {NULL};
    mirai__chained node = {NULL, NULL};
    assert_null(mirai__chain_pop(&chain));
    mirai__chain_remove(&node);
    mirai__chain_add(&chain, &node);
    mirai__chain_remove(&node);
    mirai__chain_remove(&node);
    assert_null(mirai__chain_pop(&chain));
}

/* Each subset of four nodes removed, first to last and last to first. */
static void test_chain__lets_any_node_go(void **state)
{
    (void)state;
    for (unsigned subset = 0; subset < 16; subset++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            mirai__chain chain = {NULL};
            mirai__chained nodes[4] = {{NULL, NULL}};
            unsigned left = 0;
            for (int i = 0; i < 4; i++) mirai__chain_add(&chain, &nodes[i]);
            for (int i = 0; i < 4; i++) {
                int at = backwards ? 3 - i : i;
                if (subset >> at & 1) mirai__chain_remove(&nodes[at]);
            }
            for (mirai__chained *node; (node = mirai__chain_pop(&chain)) != NULL;) {
                assert_null(node->at);
                left |= 1U << (node - nodes);
            }
            assert_int_equal(left, ~subset & 15);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain__bears_emptiness),
        cmocka_unit_test(test_chain__lets_any_node_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
