/*
 * test_message_gives: what hooks learn of objects that are given away with a message: which references count, and that
 * nothing is said of others, outside of hooks, or where the message is not the end of its value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "message.h"
#include "message_private.h"

enum { PARCELS = 4 };

/* An object, and what its hook was told. */
typedef struct parcel {
    const void *identity;
    mirai_value *inner; /* borrowed or owned, as the case has it; NULL: none */
    int32_t told;       /* -1: its hook did not run */
} parcel;

static parcel parcels[PARCELS];
static bool backwards;      /* the order in which the vectorised hook asks */

static void let_go(void *object, void *context)
{
    (void)object, (void)context;
}

static mirai_value *serialize(mirai_message *message, void *object, void *context)
{
    (void)context;
    parcel *parcel = object;
    int foreign = 0;
    assert_int_equal(mirai_message_gives(message, &foreign), 0);
    parcel->told = mirai_message_gives(message, parcel);
    assert_int_equal(mirai_message_gives(message, parcel), parcel->told);
    return parcel->inner ? mirai_value_ref(parcel->inner) : mirai_null();
}

static mirai_value *serialize_all(mirai_message *message, void *const *objects, size_t count, void *context)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        parcel *parcel = objects[backwards ? count - 1 - i : i];
        parcel->told = mirai_message_gives(message, parcel);
    }
    return mirai_null();
}

static const void *identity(void *object, void *context)
{
    (void)context;
    return ((parcel *)object)->identity;
}

static int set_up(void **state)
{
    (void)state;
    mirai_refhook one = MIRAI_REFHOOK_INIT, all = MIRAI_REFHOOK_INIT;
    one.serialize = serialize;
    all.serialize_all = serialize_all;
    one.identity = all.identity = identity;
    for (size_t i = 0; i < PARCELS; i++) parcels[i] = (parcel){.told = -1};
    backwards = false;
    return mirai_refhook_register("parcel", &one) == MIRAI_OK && mirai_refhook_register("crate", &all) == MIRAI_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return mirai_refhook_unregister("parcel") == MIRAI_OK && mirai_refhook_unregister("crate") == MIRAI_OK ? 0 : -1;
}

static mirai_value *reference(const char *class_name, size_t i)
{
    mirai_value *value = mirai_reference(class_name, &parcels[i], let_go, NULL);
    assert_non_null(value);
    return value;
}

/* Takes value, and releases it when the message is made, as whoever sends does. */
static void send(mirai_value *value, int flags)
{
    mirai__segment *segment = NULL;
    assert_non_null(value);
    if (mirai__encode(value, NULL, flags, &segment) != MIRAI_OK) fail_msg("%s", mirai_error_detail());
    mirai__segment_release(segment);
    mirai_value_release(value);
}

static void test_gives__bad_arguments(void **state)
{
    (void)state;
    assert_int_equal(mirai_message_gives(NULL, NULL), 0);
    assert_int_equal(mirai_message_gives(NULL, &parcels[0]), 0);
    mirai_message message;
    mirai__message_init(&message);
    assert_int_equal(mirai_message_gives(&message, NULL), 0);
    assert_int_equal(mirai_message_gives(&message, &parcels[0]), 0);
    mirai__message_fini(&message);
}

static void test_gives__only_if_the_sender_lets_go(void **state)
{
    (void)state;
    send(reference("parcel", 0), 0);
    assert_int_equal(parcels[0].told, 0);
    send(reference("parcel", 0), MIRAI__ENCODE_COPY);
    assert_int_equal(parcels[0].told, 0);
    send(reference("parcel", 0), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[0].told, 1);
    send(reference("parcel", 0), MIRAI__ENCODE_COPY | MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[0].told, 1);
    send(mirai_list_of(mirai_dict_of("a", reference("parcel", 1), MIRAI_END), MIRAI_END), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[1].told, 1);
}

static void test_gives__nothing_that_is_held(void **state)
{
    (void)state;
    mirai_value *held = reference("parcel", 0);
    send(mirai_list_of(mirai_value_ref(held), reference("parcel", 1), MIRAI_END), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[0].told, 0);
    assert_int_equal(parcels[1].told, 1);
    mirai_value_release(held);
    mirai_value *around = mirai_list_of(reference("parcel", 2), MIRAI_END);
    send(mirai_list_of(mirai_value_ref(around), MIRAI_END), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[2].told, 0);
    mirai_value_release(around);
    send(mirai_reference("parcel", &parcels[3], NULL, NULL), MIRAI__ENCODE_MOVE); /* it is somebody else's */
    assert_int_equal(parcels[3].told, 0);
}

/* An error's fields are a dict, which may be held while the error is not. */
static void test_gives__an_errors_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        mirai_value *classes = mirai_list_of(mirai_string("error"), MIRAI_END);
        mirai_value *fields = mirai_dict_of("class", classes, "code", mirai_int(1), "message", mirai_string("m"), "with",
                                            reference("parcel", i), MIRAI_END);
        mirai_value *held = i == 0 ? mirai_value_ref(fields) : NULL;
        send(mirai_error_of(fields), MIRAI__ENCODE_MOVE);
        assert_int_equal(parcels[i].told, held == NULL);
        mirai_value_release(held);
    }
}

static void test_gives__what_occurs_twice(void **state)
{
    (void)state;
    mirai_value *twice = reference("parcel", 0);
    send(mirai_list_of(mirai_value_ref(twice), twice, MIRAI_END), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[0].told, 0);
    /* two objects, and references to them, that are one: all of them must go */
    parcels[0].identity = parcels[1].identity = &parcels[3];
    send(mirai_list_of(reference("parcel", 0), reference("parcel", 1), MIRAI_END), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[0].told, 1);
    assert_int_equal(parcels[1].told, -1);
    for (size_t i = 0; i < 2; i++) { /* either is held; the hook gets the first */
        mirai_value *held = reference("parcel", i);
        mirai_value *items[2] = {NULL, NULL};
        items[i] = mirai_value_ref(held);
        items[1 - i] = reference("parcel", 1 - i);
        parcels[0].told = -1;
        send(mirai_list(items, 2), MIRAI__ENCODE_MOVE);
        assert_int_equal(parcels[0].told, 0);
        mirai_value_release(held);
    }
}

static void test_gives__to_vectorised_hooks(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        mirai_value *held = reference("crate", 1);
        backwards = round == 1;
        for (size_t i = 0; i < PARCELS; i++) parcels[i].told = -1;
        send(mirai_list_of(reference("crate", 0), mirai_value_ref(held), reference("crate", 2), reference("crate", 3),
                           MIRAI_END),
             MIRAI__ENCODE_MOVE);
        mirai_value_release(held);
        for (size_t i = 0; i < PARCELS; i++) assert_int_equal(parcels[i].told, i != 1);
    }
}

/* What a hook hands out is given by it, if it keeps none of it; and nothing is said when the hook is done. */
static void test_gives__what_hooks_hand_out(void **state)
{
    (void)state;
    parcels[0].inner = mirai_list_of(reference("crate", 1), reference("parcel", 2), MIRAI_END);
    send(reference("parcel", 0), MIRAI__ENCODE_MOVE); /* it still has the list */
    assert_int_equal(parcels[0].told, 1);
    assert_int_equal(parcels[1].told, 0);
    assert_int_equal(parcels[2].told, 0);
    mirai_value_release(parcels[0].inner);
    parcels[0].inner = NULL;
}

static mirai_value *hand_out(mirai_message *message, void *object, void *context)
{
    (void)object, (void)context;
    mirai_value *made = mirai_list_of(reference("crate", 1), MIRAI_END);
    assert_int_equal(mirai_message_gives(message, &parcels[1]), 0); /* not yet asked for */
    return made;
}

static void test_gives__what_hooks_make(void **state)
{
    (void)state;
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = hand_out;
    assert_int_equal(mirai_refhook_register("maker", &hook), MIRAI_OK);
    send(mirai_reference("maker", &parcels[0], let_go, NULL), MIRAI__ENCODE_MOVE);
    assert_int_equal(parcels[1].told, 1);
    send(mirai_reference("maker", &parcels[0], let_go, NULL), 0);
    assert_int_equal(parcels[1].told, 0);
    assert_int_equal(mirai_refhook_unregister("maker"), MIRAI_OK);
}

static void test_gives__allocation_failures(void **state)
{
    (void)state;
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai__segment *segment = NULL;
        mirai_value *value = mirai_list_of(reference("crate", 0), reference("parcel", 1), MIRAI_END);
        mirai__fault_arm(n, false);
        status = mirai__encode(value, NULL, MIRAI__ENCODE_MOVE, &segment);
        mirai__fault_arm(0, false);
        assert_true(status == MIRAI_OK || status == MIRAI_E_NOMEM || status == MIRAI_E_HOOK);
        assert_true(n < 1000);
        mirai__segment_release(segment);
        mirai_value_release(value);
    }
    assert_int_equal(parcels[0].told, 1);
    assert_int_equal(parcels[1].told, 1);
}

#define GIVES_TEST(name) cmocka_unit_test_setup_teardown(test_gives__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GIVES_TEST(bad_arguments),
        GIVES_TEST(only_if_the_sender_lets_go),
        GIVES_TEST(nothing_that_is_held),
        GIVES_TEST(an_errors_fields),
        GIVES_TEST(what_occurs_twice),
        GIVES_TEST(to_vectorised_hooks),
        GIVES_TEST(what_hooks_hand_out),
        GIVES_TEST(what_hooks_make),
        GIVES_TEST(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
