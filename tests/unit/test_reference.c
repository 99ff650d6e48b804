/*
 * References: release, hooks found by class, reaching into objects, comparing and printing by
 * hooks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include "detail.h"
#include "fault.h"
#include "value_private.h"

typedef struct point {
    int x, y;
    _Atomic int gets;
    int released;
} point;

static void release_point(void *object, void *context)
{
    (void)context;
    ((point *)object)->released++;
}

static mirai_value *serialize_point(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)context;
    return mirai_int(((point *)object)->x);
}

static mirai_value *get_point(void *object, const char *key, void *context)
{
    (void)context;
    point *point = object;
    point->gets++;
    if (strcmp(key, "x") == 0) return mirai_int(point->x);
    if (strcmp(key, "both") == 0)
        return mirai_list_of(mirai_int(point->x), mirai_int(point->y), MIRAI_END);
    if (strcmp(key, "bad") == 0) (void)mirai_error_set(MIRAI_E_USER, "the point is bad");
    return NULL;
}

static int32_t equal_points(void *a, void *b, void *context)
{
    (void)context;
    return ((point *)a)->x == ((point *)b)->x;
}

static mirai_status print_point(void *object, mirai_text *text, void *context)
{
    (void)context;
    point *point = object;
    if (point->x < 0) {
        MIRAI_TRY(mirai_text_printf(text, "half"));
        return mirai_error_set(MIRAI_E_USER, "negative");
    }
    mirai_value *both =
        mirai_dict_of("x", mirai_int(point->x), "y", mirai_int(point->y), MIRAI_END);
    mirai_status status = mirai_text_printf(text, "point of\n");
    if (status == MIRAI_OK) status = mirai_text_value(text, both);
    if (status == MIRAI_OK) status = mirai_text_printf(text, "\n\nend\n");
    mirai_value_release(both);
    return status;
}

/* Fetches the key that is being fetched, as a second thread might; "itself" gives the reference. */
static mirai_value *get_twice(void *object, const char *key, void *context)
{
    mirai_value **reference = object;
    (void)context;
    if (strcmp(key, "itself") == 0) return mirai_value_ref(*reference);
    static int is_inside;
    if (!is_inside) {
        is_inside = 1;
        (void)mirai_value_get(*reference, key);
        is_inside = 0;
        return mirai_int(2);
    }
    return mirai_int(1);
}

/* Prints itself, twice: without a bound this would never end. */
static mirai_status print_mirror(void *object, mirai_text *text, void *context)
{
    (void)context;
    mirai_value *itself = mirai_reference("mirror", object, NULL, NULL);
    mirai_status status = mirai_text_value(text, itself);
    if (status == MIRAI_OK) status = mirai_text_printf(text, "\n");
    if (status == MIRAI_OK) status = mirai_text_value(text, itself);
    mirai_value_release(itself);
    return status;
}

static const void *identity_of_point(void *object, void *context)
{
    (void)context;
    return (const void *)(uintptr_t)((point *)object)->y;
}

static int64_t size_of_point(void *object, void *context)
{
    (void)object;
    (void)context;
    return 8;
}

static int register_hooks(void **state)
{
    (void)state;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serialize_point;
    mirai_refhook sized = hook, twins = hook, mirror = hook, twice = hook;
    twice.get = get_twice;
    mirror.print = print_mirror;
    hook.get = get_point;
    hook.equal = equal_points;
    hook.print = print_point;
    sized.size = size_of_point;
    twins.identity = identity_of_point;
    return mirai_refhook_register("point", &hook) != MIRAI_OK ||
           mirai_refhook_register("twice", &twice) != MIRAI_OK ||
           mirai_refhook_register("mirror", &mirror) != MIRAI_OK ||
           mirai_refhook_register("sized", &sized) != MIRAI_OK ||
           mirai_refhook_register("twin", &twins) != MIRAI_OK;
}

static mirai_value *refer(point *point)
{
    return mirai_reference("point", point, release_point, NULL);
}

static void check_text(const mirai_value *value, const char *expected)
{
    char *text = NULL;
    assert_int_equal(mirai_value_format(value, &text), MIRAI_OK);
    assert_string_equal(text, expected);
    mirai_text_free(text);
}

static void test_reference__refuses_bad_arguments(void **state)
{
    (void)state;
    point point = {0};
    char name[300];
    memset(name, 'x', sizeof(name));
    name[299] = '\0';
    assert_null(mirai_reference("point", NULL, release_point, NULL));
    assert_int_equal(point.released, 0);
    assert_null(mirai_reference(NULL, &point, release_point, NULL));
    assert_null(mirai_reference("", &point, release_point, NULL));
    assert_null(mirai_reference("\xff", &point, release_point, NULL));
    assert_null(mirai_reference(name, &point, release_point, NULL));
    assert_null(mirai_reference(name, &point, NULL, NULL));
    mirai__fault_arm(1, false);
    assert_null(refer(&point));
    mirai__fault_arm(0, false);
    assert_int_equal(point.released, 5);
    assert_null(mirai__reference_hook(NULL));
    assert_null(mirai__reference_hook(mirai_null()));
    assert_int_equal(mirai_text_printf(NULL, "x"), MIRAI_E_INVALID);
    assert_int_equal(mirai_text_value(NULL, NULL), MIRAI_E_INVALID);
}

static void test_reference__releases_its_object_once(void **state)
{
    (void)state;
    point point = {0};
    mirai_value *reference = refer(&point);
    assert_string_equal(mirai_value_class(reference), "point");
    assert_ptr_equal(mirai_value_object(reference, "point"), &point);
    assert_ptr_equal(mirai_value_object(reference, NULL), &point);
    assert_null(mirai_value_object(reference, "other"));
    mirai_value *list = mirai_list_of(reference, mirai_value_ref(reference), MIRAI_END);
    assert_int_equal(point.released, 0);
    mirai_value_release(list);
    assert_int_equal(point.released, 1);
}

static void test_reference__is_reached_into(void **state)
{
    (void)state;
    point point = {.x = 3, .y = 4};
    mirai_value *reference = refer(&point);
    const mirai_value *x = mirai_value_get(reference, "x");
    assert_int_equal(mirai_value_int_or(x, 0), 3);
    assert_ptr_equal(mirai_value_get(reference, "x"), x);
    assert_int_equal(point.gets, 1);
    assert_int_equal(mirai_value_int_or(mirai_value_at(reference, "both[1]"), 0), 4);
    assert_null(mirai_value_get(reference, "z"));
    assert_string_equal(mirai_error_detail(), "there is no \"z\" in an object of class \"point\"");
    assert_null(mirai_value_at(reference, "bad"));
    assert_string_equal(mirai_error_detail(), "the value has no 'bad': it is an object of class "
                                              "\"point\"; the point is bad");
    mirai_value *other = mirai_reference("unknown", &point, NULL, NULL);
    assert_null(mirai_value_get(other, "x"));
    assert_non_null(strstr(mirai_error_detail(), "cannot be reached into"));
    mirai_value_release(other);
    mirai_value_release(reference);
}

static void test_reference__keeps_nothing_when_memory_runs_out(void **state)
{
    (void)state;
    point point = {.x = 3};
    mirai_value *reference = refer(&point);
    for (int64_t n = 1; n <= 2; n++) {
        mirai__fault_arm(n, false);
        const mirai_value *missing = mirai_value_get(reference, "x");
        mirai__fault_arm(0, false);
        assert_null(missing);
    }
    assert_int_equal(mirai_value_int_or(mirai_value_get(reference, "x"), 0), 3);
    mirai_value_release(reference);
}

static void test_reference__keeps_what_was_fetched_first(void **state)
{
    (void)state;
    mirai_value *reference = NULL;
    reference = mirai_reference("twice", &reference, NULL, NULL);
    assert_int_equal(mirai_value_int_or(mirai_value_get(reference, "key"), 0), 1);
    assert_int_equal(mirai_value_int_or(mirai_value_get(reference, "key"), 0), 1);
    assert_ptr_equal(mirai_value_get(reference, "itself"), reference);
    mirai_value_release(reference);
}

typedef struct reader {
    const mirai_value *reference;
    const mirai_value *seen[3];
} reader;

static void *read_fields(void *argument)
{
    static const char *const keys[] = {"x", "both", "x"};
    reader *reader = argument;
    for (int round = 0; round < 200; round++)
        for (int i = 0; i < 3; i++) reader->seen[i] = mirai_value_get(reader->reference, keys[i]);
    return NULL;
}

static void test_reference__is_reached_into_by_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        point point = {.x = 3, .y = 4};
        mirai_value *reference = refer(&point);
        reader readers[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            readers[i].reference = reference;
            assert_int_equal(pthread_create(&threads[i], NULL, read_fields, &readers[i]), 0);
        }
        for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < 4; i++) {
            assert_ptr_equal(readers[i].seen[0], mirai_value_get(reference, "x"));
            assert_ptr_equal(readers[i].seen[1], mirai_value_get(reference, "both"));
            assert_ptr_equal(readers[i].seen[2], readers[i].seen[0]);
        }
        mirai_value_release(reference);
        assert_int_equal(point.released, 1);
    }
}

static void test_reference__is_compared_by_hooks(void **state)
{
    (void)state;
    point a = {.x = 1, .y = 7}, b = {.x = 1, .y = 8}, c = {.x = 2, .y = 7};
    mirai_value *ra = refer(&a), *again = refer(&a), *rb = refer(&b), *rc = refer(&c);
    mirai_value *plain = mirai_reference("plain", &a, NULL, NULL);
    mirai_value *other = mirai_reference("plain", &b, NULL, NULL);
    mirai_value *ta = mirai_reference("twin", &a, NULL, NULL),
                *tb = mirai_reference("twin", &b, NULL, NULL);
    mirai_value *tc = mirai_reference("twin", &c, NULL, NULL);
    assert_int_equal(mirai_value_equal(ra, again), 1);
    assert_int_equal(mirai_value_equal(ra, rb), 1);
    assert_int_equal(mirai_value_equal(ra, rc), 0);
    assert_int_equal(mirai_value_equal(ra, plain), 0);
    assert_int_equal(mirai_value_equal(plain, other), 0);
    assert_int_equal(mirai_value_equal(ta, tc), 1);
    assert_int_equal(mirai_value_equal(ta, tb), 0);
    mirai_value *all[] = {ra, again, rb, rc, plain, other, ta, tb, tc};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) mirai_value_release(all[i]);
}

static void test_reference__is_printed_by_hooks(void **state)
{
    (void)state;
    point good = {.x = 1, .y = 2}, bad = {.x = -1};
    mirai_value *dict =
        mirai_dict_of("first", refer(&good), "b", refer(&bad), "list",
                      mirai_list_of(mirai_reference("sized", &good, NULL, NULL),
                                    mirai_reference("plain", &good, NULL, NULL), MIRAI_END),
                      MIRAI_END);
    check_text(dict, "first: point of\n"
                     "       x: 1\n"
                     "       y: 2\n"
                     "\n"
                     "       end\n"
                     "b:     <point> (its print hook failed: negative)\n"
                     "list:\n"
                     "  [0] <sized> 8 bytes\n"
                     "  [1] <plain>\n");
    mirai_value_release(dict);
}

static void test_reference__that_prints_itself_comes_to_an_end(void **state)
{
    (void)state;
    point point = {0};
    mirai_value *mirror = mirai_reference("mirror", &point, NULL, NULL);
    char *text = NULL;
    assert_int_equal(mirai_value_format(mirror, &text), MIRAI_OK);
    assert_true(strlen(text) < 100000);
    assert_non_null(strstr(text, "<mirror>\n... (cut here)\n"));
    mirai_text_free(text);
    mirai_value_release(mirror);
}

static void test_reference__keeps_the_hook_that_made_it(void **state)
{
    (void)state;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serialize_point;
    hook.release = release_point;
    hook.get = get_point;
    assert_int_equal(mirai_refhook_register("passing", &hook), MIRAI_OK);
    mirai__hook *found = mirai__hooks_find(NULL, "passing");
    point point = {.x = 6};
    mirai__fault_arm(1, false);
    assert_null(mirai__reference_hooked(found, &point));
    mirai__fault_arm(0, false);
    assert_int_equal(point.released, 1);
    mirai_value *reference = mirai__reference_hooked(found, &point);
    mirai__hook_unref(found);
    assert_int_equal(mirai_refhook_unregister("passing"), MIRAI_OK);
    assert_int_equal(mirai_value_int_or(mirai_value_get(reference, "x"), 0), 6);
    mirai_value_release(reference);
    assert_int_equal(point.released, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference__refuses_bad_arguments),
        cmocka_unit_test(test_reference__releases_its_object_once),
        cmocka_unit_test(test_reference__is_reached_into),
        cmocka_unit_test(test_reference__keeps_nothing_when_memory_runs_out),
        cmocka_unit_test(test_reference__keeps_what_was_fetched_first),
        cmocka_unit_test(test_reference__is_reached_into_by_threads),
        cmocka_unit_test(test_reference__is_compared_by_hooks),
        cmocka_unit_test(test_reference__is_printed_by_hooks),
        cmocka_unit_test(test_reference__that_prints_itself_comes_to_an_end),
        cmocka_unit_test(test_reference__keeps_the_hook_that_made_it),
    };
    return cmocka_run_group_tests(tests, register_hooks, NULL);
}
