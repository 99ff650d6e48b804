/*
 * test_message: references in messages: identity, sharing, how often hooks are called, nesting,
 * circles, failures of hooks on either side, overlays, and what hooks keep with a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "message.h"
#include "things.h"

static int set_up(void **state)
{
    (void)state;
    things_register();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    things_unregister();
    return things.live == 0 ? 0 : -1;
}

static mirai__segment *encoded(const mirai_value *value, mirai__hooks *overlay)
{
    mirai__segment *segment = NULL;
    mirai_status status = mirai__encode(value, overlay, 0, &segment);
    if (status != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    return segment;
}

static mirai_value *decoded(mirai__segment *segment, mirai__hooks *overlay)
{
    mirai_value *value = NULL;
    mirai_status status = mirai__decode(segment, overlay, &mirai__limits_local, &value);
    if (status != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    return value;
}

/* Takes value; gives what the other side gets. */
static mirai_value *sent(mirai_value *value)
{
    assert_non_null(value);
    mirai__segment *segment = encoded(value, NULL);
    mirai_value_release(value);
    mirai_value *copy = decoded(segment, NULL);
    mirai__segment_release(segment);
    return copy;
}

static void test_message__bad_arguments(void **state)
{
    (void)state;
    mirai__segment *segment = NULL;
    mirai_value *value = NULL;
    mirai_message *none = NULL;
    assert_int_equal(mirai__encode(NULL, NULL, 0, &segment), MIRAI_E_INVALID);
    assert_int_equal(mirai__encode(mirai_null(), NULL, 0, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai__decode(NULL, NULL, &mirai__limits_local, &value), MIRAI_E_DECODE);
    assert_int_equal(mirai_message_set(none, &none, &none, NULL), MIRAI_E_INVALID);
    assert_null(mirai_message_get(none, &none));
    assert_null(segment);
    assert_null(value);
}

static void test_message__one_object_stays_one(void **state)
{
    (void)state;
    mirai_value *box = thing_new("box", mirai_int(7));
    mirai_value *other = thing_new("box", mirai_int(7));
    mirai_value *same = mirai_list_of(mirai_value_ref(box), other, box, MIRAI_END);
    mirai_value *copy = sent(same);
    void *first = mirai_value_object(mirai_value_item(copy, 0), "box");
    assert_non_null(first);
    assert_ptr_equal(first, mirai_value_object(mirai_value_item(copy, 2), "box"));
    assert_ptr_not_equal(first, mirai_value_object(mirai_value_item(copy, 1), "box"));
    assert_int_equal(things.serialize, 2);
    assert_int_equal(things.unserialize, 2);
    mirai_value_release(copy);
    assert_int_equal(things.release, 4);
}

static void test_message__identity_makes_objects_one(void **state)
{
    (void)state;
    mirai_value *copy = sent(mirai_list_of(thing_known("box", &things, mirai_int(1)),
                                           thing_known("box", &things, mirai_int(1)),
                                           thing_known("crate", &things, mirai_int(2)), MIRAI_END));
    assert_int_equal(things.serialize, 1);
    assert_int_equal(things.serialize_all, 1);
    assert_ptr_equal(mirai_value_object(mirai_value_item(copy, 0), NULL),
                     mirai_value_object(mirai_value_item(copy, 1), NULL));
    assert_true(mirai_value_int_or(thing_content(mirai_value_item(copy, 2)), 0) == 2);
    mirai_value_release(copy);
}

/* A model: a box that holds a hundred crates; all crates in one call, though they come to light
 * late. */
static void test_message__vectorised_hooks_are_called_once(void **state)
{
    (void)state;
    mirai_value *items[100];
    for (int i = 0; i < 100; i++) items[i] = thing_new("crate", mirai_int(i));
    mirai_value *early = thing_new("crate", mirai_int(-1));
    mirai_value *model = thing_new("box", mirai_list(items, 100));
    mirai_value *outer = thing_new("box", mirai_list_of(model, MIRAI_END));
    mirai_value *copy = sent(mirai_list_of(early, outer, MIRAI_END));
    assert_int_equal(things.serialize_all, 1);
    assert_int_equal(things.unserialize_all, 1);
    assert_int_equal(things.serialize, 2);
    const mirai_value *inner = mirai_value_item(thing_content(mirai_value_item(copy, 1)), 0);
    const mirai_value *last = mirai_value_item(thing_content(inner), 99);
    assert_true(mirai_value_int_or(thing_content(last), 0) == 99);
    mirai_value_release(copy);
}

/* Only when a vectorised hook itself brings further objects of the class to light, it is called
 * again. */
static void test_message__vectorised_hooks_may_bring_more(void **state)
{
    (void)state;
    mirai_value *deep = thing_new("crate", mirai_int(3));
    mirai_value *middle = thing_new("crate", mirai_list_of(deep, MIRAI_END));
    mirai_value *copy = sent(middle);
    assert_int_equal(things.serialize_all, 2);
    assert_int_equal(things.unserialize_all, 2);
    const mirai_value *inner = mirai_value_item(thing_content(copy), 0);
    assert_true(mirai_value_int_or(thing_content(inner), 0) == 3);
    mirai_value_release(copy);
}

static void test_message__circles_are_refused(void **state)
{
    (void)state;
    mirai__segment *segment = NULL;
    /* Boxes of one identity are one object: so this one holds itself. */
    mirai_value *inner = thing_known("box", &things, mirai_int(1));
    mirai_value *outer = thing_known("box", &things, mirai_list_of(inner, MIRAI_END));
    assert_int_equal(mirai__encode(outer, NULL, 0, &segment), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "circle"));
    mirai_value_release(outer);

    /* Crates of one group, of which one holds another. */
    mirai_value *crate = thing_new("crate", mirai_int(1));
    mirai_value *holder = thing_new("crate", mirai_list_of(mirai_value_ref(crate), MIRAI_END));
    mirai_value *both = mirai_list_of(crate, holder, MIRAI_END);
    assert_int_equal(mirai__encode(both, NULL, 0, &segment), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "crate"));
    mirai_value_release(both);
    assert_null(segment);
}

static mirai_value *chain(size_t length)
{
    mirai_value *box = mirai_int(0);
    for (size_t i = 0; i < length; i++) box = thing_new("box", box);
    return box;
}

static void test_message__chains_count_as_nesting(void **state)
{
    (void)state;
    mirai_value *copy = sent(chain(255));
    size_t length = 0;
    for (const mirai_value *at = copy; (at = thing_content(at)); length++) {
    }
    assert_int_equal(length, 255);
    mirai_value_release(copy);

    mirai__segment *segment = NULL;
    mirai_value *longer = chain(256);
    assert_int_equal(mirai__encode(longer, NULL, 0, &segment), MIRAI_E_LIMIT);
    mirai_value_release(longer);

    mirai__limits limits = mirai__limits_local;
    mirai_value *shorter = chain(10);
    segment = encoded(shorter, NULL);
    limits.depth = 10;
    assert_int_equal(mirai__decode(segment, NULL, &limits, &copy), MIRAI_E_LIMIT);
    limits.depth = 11;
    assert_int_equal(mirai__decode(segment, NULL, &limits, &copy), MIRAI_OK);
    mirai_value_release(copy);
    mirai_value_release(shorter);
    mirai__segment_release(segment);
}

static void test_message__unknown_classes_are_named(void **state)
{
    (void)state;
    mirai__segment *segment = NULL;
    mirai_value *value = NULL, *stranger = mirai_reference("stranger", &things, NULL, NULL);
    assert_int_equal(mirai__encode(stranger, NULL, 0, &segment), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "stranger"));
    mirai_value_release(stranger);

    mirai_value *box = thing_new("box", mirai_int(1));
    segment = encoded(box, NULL);
    things_unregister();
    assert_int_equal(mirai__decode(segment, NULL, &mirai__limits_local, &value), MIRAI_E_HOOK);
    assert_non_null(strstr(mirai_error_detail(), "box"));
    mirai__segment_release(segment);
    mirai_value_release(box);
    things_register();
}

static void test_message__references_keep_their_hooks(void **state)
{
    (void)state;
    mirai_value *copy = sent(thing_new("box", mirai_int(5)));
    assert_int_equal(mirai_refhook_unregister("box"), MIRAI_OK);
    mirai__segment *segment = encoded(copy, NULL);
    mirai_value_release(copy);
    mirai_refhook box = things_box();
    assert_int_equal(mirai_refhook_register("box", &box), MIRAI_OK);
    copy = decoded(segment, NULL);
    mirai_value_release(copy);
    mirai__segment_release(segment);
}

static void test_message__failing_hooks_fail_the_message(void **state)
{
    (void)state;
    static const char *const classes[] = {"box", "crate"};
    for (size_t i = 0; i < 2; i++) {
        mirai__segment *segment = NULL;
        mirai_value *value = NULL;
        mirai_value *thing = mirai_list_of(thing_new("box", mirai_int(0)),
                                           thing_new(classes[i], mirai_int(1)), MIRAI_END);
        things.fail_serialize = 1;
        assert_int_equal(mirai__encode(thing, NULL, 0, &segment), MIRAI_E_HOOK);
        assert_non_null(strstr(mirai_error_detail(), "could not serialize"));
        assert_null(segment);
        things.fail_serialize = 0;
        segment = encoded(thing, NULL);
        mirai_value_release(thing);
        assert_int_equal(things.live, 0);
        things.fail_unserialize = 1;
        assert_int_equal(mirai__decode(segment, NULL, &mirai__limits_local, &value), MIRAI_E_HOOK);
        assert_non_null(strstr(mirai_error_detail(), "will not unpack"));
        assert_null(value);
        things.fail_unserialize = 0;
        /* What was made before is released, and what is said is still why it failed. */
        mirai__limits limits = mirai__limits_local;
        limits.items = 5;
        assert_int_equal(mirai__decode(segment, NULL, &limits, &value), MIRAI_E_LIMIT);
        assert_non_null(strstr(mirai_error_detail(), "more than 5 values"));
        assert_true(things.release > 0);
        assert_int_equal(things.live, 0);
        mirai__segment_release(segment);
    }
}

static void test_message__overlays_go_first(void **state)
{
    (void)state;
    mirai__hooks *overlay = mirai__hooks_new();
    mirai_refhook crate = things_crate();
    assert_int_equal(mirai__hooks_register(overlay, "box", &crate), MIRAI_OK);
    mirai_value *box = thing_new("box", mirai_int(5));
    mirai__segment *segment = encoded(box, overlay);
    assert_int_equal(things.serialize, 0);
    assert_int_equal(things.serialize_all, 1);
    mirai_value *copy = decoded(segment, overlay), *none = NULL;
    assert_int_equal(things.unserialize_all, 1);
    /* The form is part of the message: hooks without it cannot read it. */
    assert_int_equal(mirai__decode(segment, NULL, &mirai__limits_local, &none), MIRAI_E_HOOK);
    mirai_value_release(box);
    mirai__segment_release(segment);
    mirai__hooks_free(overlay);
    mirai_value_release(copy); /* uses the overlay's hooks still */
}

/* ---- what hooks keep with a message ---------------------------------------------------------- */

static int kept_freed;

static void free_kept(void *data)
{
    kept_freed += *(int *)data;
}

/* Counts the objects of a message; sets the key twice, so that the first is replaced. */
static mirai_value *counting_serialize(mirai_message *message, void *object, void *context)
{
    static int one = 1, hundred = 100;
    static char key, other;
    (void)object;
    (void)context;
    int is_first = mirai_message_get(message, &key) == NULL;
    if (mirai_message_set(message, NULL, &one, free_kept) != MIRAI_E_INVALID) return NULL;
    if (mirai_message_set(message, &key, is_first ? &one : &hundred, free_kept) != MIRAI_OK)
        return NULL;
    if (mirai_message_set(message, &other, NULL, NULL) != MIRAI_OK) return NULL;
    return mirai_bool(is_first);
}

static void test_message__hooks_keep_things_with_it(void **state)
{
    (void)state;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = counting_serialize;
    assert_int_equal(mirai_refhook_register("counted", &hook), MIRAI_OK);
    static char objects[3];
    kept_freed = 0;
    mirai_value *list =
        mirai_list_of(mirai_reference("counted", &objects[0], NULL, NULL),
                      mirai_reference("counted", &objects[1], NULL, NULL),
                      mirai_reference("counted", &objects[2], NULL, NULL), MIRAI_END);
    mirai__segment *segment = encoded(list, NULL);
    assert_int_equal(kept_freed, 201); /* 1 and 100 when replaced, 100 at the end */
    mirai__segment_release(segment);
    mirai_value_release(list);
    assert_int_equal(mirai_refhook_unregister("counted"), MIRAI_OK);
}

/* ---- embedded segments ----------------------------------------------------------------------- */

static void test_message__segments_have_tables_of_their_own(void **state)
{
    (void)state;
    uint8_t data[2000];
    memset(data, 7, sizeof data);
    mirai_value *box = thing_new("box", mirai_int(1));
    mirai_value *inner =
        mirai_list_of(mirai_value_ref(box), mirai_bytes(data, sizeof data), MIRAI_END);
    mirai__segment *embedded = encoded(inner, NULL);
    int calls = things.serialize;
    mirai_value *outer =
        mirai_list_of(mirai_bytes(data, 1000), mirai_value_ref(box),
                      mirai__value_segment(mirai__segment_ref(embedded)),
                      mirai__value_segment(mirai__segment_ref(embedded)), MIRAI_END);
    mirai__segment *segment = encoded(outer, NULL);
    assert_int_equal(things.serialize,
                     calls + 1);         /* nothing of the embedded one is serialised again */
    assert_int_equal(segment->count, 2); /* its buffers are there once */
    assert_ptr_equal(mirai__segment_buffers(segment)[1], mirai__segment_buffers(embedded)[0]);
    mirai_value *copy = decoded(segment, NULL);
    for (size_t i = 2; i < 4; i++) assert_true(mirai_value_equal(mirai_value_item(copy, i), inner));
    /* The object of the outer message and those of the embedded ones are three. */
    void *mine = mirai_value_object(mirai_value_item(copy, 1), "box");
    void *theirs = mirai_value_object(mirai_value_item(mirai_value_item(copy, 2), 0), "box");
    assert_ptr_not_equal(mine, theirs);
    mirai_value_release(box);
    mirai_value_release(inner);
    mirai_value_release(outer);
    mirai_value_release(copy);
    mirai__segment_release(embedded);
    mirai__segment_release(segment);
}

/* ---- lack of memory -------------------------------------------------------------------------- */

static mirai_value *sample(void)
{
    uint8_t data[600] = {1};
    int64_t shape[] = {20, 20}, strides[] = {1, 20};
    mirai_value *array = mirai_array(MIRAI_DTYPE_FLOAT64, 2, shape, NULL);
    mirai_value *turned = mirai_array_buffer(MIRAI_DTYPE_FLOAT64, 2, shape, strides, 0,
                                             mirai_buffer_ref(mirai_value_buffer(array)));
    mirai_value *crate = thing_new("crate", mirai_bytes(data, sizeof data));
    mirai_value *box = thing_new("box", mirai_list_of(mirai_value_ref(crate), MIRAI_END));
    mirai__segment *segment = encoded(box, NULL);
    return mirai_dict_of("array", array, "turned", turned, "box", box, "crate", crate, "error",
                         mirai_error("odd", 1, "it is %d", 1), "segment",
                         mirai__value_segment(segment), MIRAI_END);
}

static void test_message__allocation_failures_while_writing(void **state)
{
    (void)state;
    mirai_value *value = sample();
    mirai__segment *segment = NULL;
    for (int flags = 0; flags <= MIRAI__ENCODE_COPY; flags++) {
        mirai_status status = MIRAI_E_NOMEM;
        for (int64_t n = 1; status != MIRAI_OK; n++) {
            mirai__fault_arm(n, false);
            status = mirai__encode(value, NULL, flags, &segment);
            mirai__fault_arm(0, false);
            assert_true(status == MIRAI_OK || status == MIRAI_E_NOMEM || status == MIRAI_E_HOOK);
            assert_true(!segment == (status != MIRAI_OK));
            assert_true(n < 1000);
        }
        mirai__segment_release(segment);
        segment = NULL;
    }
    mirai_value_release(value);
}

/* So many buffers that keeping track of them takes memory. */
static mirai_value *many_arrays(void)
{
    static const int64_t shape[] = {1000};
    mirai_value *items[40];
    for (size_t i = 0; i < 40; i++) items[i] = mirai_array(MIRAI_DTYPE_FLOAT64, 1, shape, NULL);
    return mirai_list(items, 40);
}

static void check_failures_while_reading(mirai_value *value)
{
    mirai_value *copy = NULL;
    mirai__segment *segment = encoded(value, NULL);
    int live = things.live;
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai__fault_arm(n, false);
        status = mirai__decode(segment, NULL, &mirai__limits_local, &copy);
        mirai__fault_arm(0, false);
        if (status == MIRAI_OK) break;
        assert_int_equal(status, MIRAI_E_NOMEM);
        assert_null(copy);
        assert_int_equal(things.live, live);
        assert_true(n < 1000);
    }
    assert_non_null(copy);
    assert_true(mirai_value_count(copy) > 0);
    mirai_value_release(copy);
    mirai_value_release(value);
    mirai__segment_release(segment);
}

static void test_message__allocation_failures_while_reading(void **state)
{
    (void)state;
    check_failures_while_reading(sample());
    check_failures_while_reading(many_arrays());
}

#define MESSAGE_TEST(name) cmocka_unit_test_setup_teardown(test_message__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MESSAGE_TEST(bad_arguments),
        MESSAGE_TEST(one_object_stays_one),
        MESSAGE_TEST(identity_makes_objects_one),
        MESSAGE_TEST(vectorised_hooks_are_called_once),
        MESSAGE_TEST(vectorised_hooks_may_bring_more),
        MESSAGE_TEST(circles_are_refused),
        MESSAGE_TEST(chains_count_as_nesting),
        MESSAGE_TEST(unknown_classes_are_named),
        MESSAGE_TEST(references_keep_their_hooks),
        MESSAGE_TEST(failing_hooks_fail_the_message),
        MESSAGE_TEST(overlays_go_first),
        MESSAGE_TEST(hooks_keep_things_with_it),
        MESSAGE_TEST(segments_have_tables_of_their_own),
        MESSAGE_TEST(allocation_failures_while_writing),
        MESSAGE_TEST(allocation_failures_while_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
