/*
 * The intrusive list: order, and removal of a node wherever it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "list.h"

typedef struct thing {
    int number;
    mirai__list link;
} thing;

static int pop_number(mirai__list *list)
{
    mirai__list *node = mirai__list_pop(list);
    return node == NULL ? -1 : mirai__list_entry(node, thing, link)->number;
}

static void test_list__bears_emptiness(void **state)
{
    (void)state;
    mirai__list list;
    mirai__list_init(&list);
    assert_true(mirai__list_is_empty(&list));
    assert_null(mirai__list_pop(&list));
    mirai__list_remove(&list);
    assert_true(mirai__list_is_empty(&list));
}

static void test_list__keeps_order(void **state)
{
    (void)state;
    thing things[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    mirai__list list;
    mirai__list_init(&list);
    mirai__list_append(&list, &things[1].link);
    mirai__list_append(&list, &things[2].link);
    mirai__list_prepend(&list, &things[0].link);
    assert_false(mirai__list_is_empty(&list));
    for (int i = 0; i < 3; i++) assert_int_equal(pop_number(&list), i);
    assert_int_equal(pop_number(&list), -1);
}

static void test_list__removes_anywhere_and_twice(void **state)
{
    (void)state;
    thing things[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    mirai__list list;
    mirai__list_init(&list);
    for (int i = 0; i < 4; i++) mirai__list_append(&list, &things[i].link);
    mirai__list_remove(&things[2].link);
    mirai__list_remove(&things[2].link);
    mirai__list_remove(&things[0].link);
    mirai__list_append(&list, &things[0].link);
    assert_int_equal(pop_number(&list), 1);
    assert_int_equal(pop_number(&list), 3);
    assert_int_equal(pop_number(&list), 0);
    assert_true(mirai__list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list__bears_emptiness),
        cmocka_unit_test(test_list__keeps_order),
        cmocka_unit_test(test_list__removes_anywhere_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
