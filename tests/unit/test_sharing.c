/*
 * test_sharing: references to shared values: what the encoder collects and refuses, what the decoder asks for, and what
 * it makes of answers that are wrong or too deep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "message.h"

static int ended;
static const char home = 0, elsewhere = 0;

static void end(mirai__shared *shared)
{
    (void)shared;
    ended++;
}

static mirai__shared make(uint64_t id, const void *of)
{
    return (mirai__shared){.references = 1, .id = id, .home = of, .end = end};
}

/* What number 1 to 3 stand for; 4 is said to be deep. */
static int asked;

static mirai_status resolve(void *context, uint64_t id, mirai_value **out, uint32_t *height)
{
    asked++;
    if (id < 1 || id > 4) return mirai_error_set(MIRAI_E_DECODE, "no number %d", (int)id);
    *out = context != NULL ? mirai_value_ref(context) : mirai_int((int64_t)id * 100);
    *height = id == 4 ? 511 : 0;
    return *out != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

static mirai_status decode(mirai__segment *segment, void *context, mirai_value **out, uint32_t *height)
{
    mirai__resolver resolver = {.resolve = resolve, .context = context};
    return mirai__decode_sharing(segment, NULL, &mirai__limits_local, &resolver, out, height);
}

static void test_sharing__bad_arguments(void **state)
{
    (void)state;
    mirai__segment *segment = NULL;
    mirai__sharing sharing;
    mirai__shared own = make(1, &home), task = make(2, &elsewhere);
    task.task = 9;
    mirai__sharing_init(&sharing, &home);
    assert_null(mirai__value_shared(NULL));
    assert_null(mirai__value_get_shared(NULL));
    assert_null(mirai__value_get_shared(mirai_null()));
    assert_int_equal(mirai__encode_sharing(NULL, NULL, 0, &sharing, &segment), MIRAI_E_INVALID);

    mirai_value *value = mirai_list_of(mirai__value_shared(&own), MIRAI_END);
    assert_int_equal(mirai__encode(value, NULL, 0, &segment), MIRAI_E_STATE);
    assert_non_null(strstr(mirai_error_detail(), "a shared value can only be"));
    mirai_value_release(value);
    value = mirai__value_shared(&task);
    assert_int_equal(mirai__encode(value, NULL, 0, &segment), MIRAI_E_STATE);
    assert_non_null(strstr(mirai_error_detail(), "the future result"));
    assert_int_equal(mirai__encode_sharing(value, NULL, 0, &sharing, &segment), MIRAI_E_INVALID);
    assert_non_null(strstr(mirai_error_detail(), "another pool"));
    mirai_value_release(value);
    assert_null(segment);
    assert_int_equal(sharing.count, 0);
    mirai__sharing_fini(&sharing);
    assert_int_equal(ended, 2);
}

static void test_sharing__counts(void **state)
{
    (void)state;
    mirai__shared one = make(1, &home);
    ended = 0;
    assert_null(mirai__shared_ref(NULL));
    mirai__shared_release(NULL);
    assert_true(mirai__shared_try_ref(&one));
    mirai_value *value = mirai__value_shared(&one);
    mirai_value_release(mirai_value_ref(value));
    mirai_value_release(value);
    assert_int_equal(ended, 0);
    mirai__shared_release(&one);
    assert_int_equal(ended, 1);
    assert_false(mirai__shared_try_ref(&one));
}

static void test_sharing__collects_each_once(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static mirai__shared kept[MANY];
    mirai_value *items[2 * MANY];
    mirai__segment *segment = NULL;
    mirai__sharing sharing;
    ended = 0;
    mirai__sharing_init(&sharing, &home);
    for (uint64_t i = 0; i < MANY; i++) {
        kept[i] = make(i % 3 + 1 + (i < 50 ? 0 : i), &home);
        items[2 * i] = mirai__value_shared(&kept[i]);
        items[2 * i + 1] = mirai_value_ref(items[2 * i]);
    }
    mirai_value *value = mirai_list(items, 2 * MANY);
    assert_int_equal(mirai__encode_sharing(value, NULL, 0, &sharing, &segment), MIRAI_OK);
    mirai_value_release(value);
    assert_int_equal(sharing.count, 3 + 50);
    assert_int_equal(ended, MANY - (int)sharing.count);
    mirai__sharing_fini(&sharing);
    assert_int_equal(ended, MANY);
    mirai__segment_release(segment);
}

static mirai__segment *of_numbers(uint64_t a, uint64_t b)
{
    static mirai__shared kept[2];
    mirai__segment *segment = NULL;
    mirai__sharing sharing;
    mirai__sharing_init(&sharing, &home);
    kept[0] = make(a, &home);
    kept[1] = make(b, &home);
    mirai_value *first = mirai__value_shared(&kept[0]);
    mirai_value *value = mirai_dict_of("a", first, "b",
                                       mirai_list_of(mirai__value_shared(&kept[1]), mirai_value_ref(first), MIRAI_END),
                                       MIRAI_END);
    assert_int_equal(mirai__encode_sharing(value, NULL, 0, &sharing, &segment), MIRAI_OK);
    mirai_value_release(value);
    mirai__sharing_fini(&sharing);
    return segment;
}

static void test_sharing__is_resolved_in_place(void **state)
{
    (void)state;
    mirai__segment *segment = of_numbers(1, 2);
    mirai_value *value = NULL;
    uint32_t height = 99;
    asked = 0;
    assert_int_equal(decode(segment, NULL, &value, &height), MIRAI_OK);
    assert_int_equal(asked, 3);
    assert_int_equal(height, 2);
    assert_int_equal(mirai_value_int_or(mirai_value_at(value, "a"), 0), 100);
    assert_int_equal(mirai_value_int_or(mirai_value_at(value, "b[0]"), 0), 200);
    mirai_value_release(value);
    value = NULL;
    assert_int_equal(mirai__decode(segment, NULL, &mirai__limits_local, &value), MIRAI_E_DECODE);
    assert_null(value);
    mirai__segment_release(segment);
}

static void test_sharing__may_lie_in_a_message_in_a_message(void **state)
{
    (void)state;
    mirai__segment *inner = of_numbers(3, 1), *outer = NULL;
    mirai_value *value = mirai_list_of(mirai__value_segment(inner), MIRAI_END);
    assert_int_equal(mirai__encode(value, NULL, 0, &outer), MIRAI_OK);
    mirai_value_release(value);
    assert_int_equal(decode(outer, NULL, &value, NULL), MIRAI_OK);
    assert_int_equal(mirai_value_int_or(mirai_value_at(value, "[0].a"), 0), 300);
    mirai_value_release(value);
    mirai__segment_release(outer);
}

static void test_sharing__unknown_and_too_deep_are_refused(void **state)
{
    (void)state;
    const uint64_t numbers[] = {77, 4};
    const mirai_status statuses[] = {MIRAI_E_DECODE, MIRAI_E_LIMIT};
    for (size_t i = 0; i < 2; i++) {
        mirai__segment *segment = of_numbers(1, numbers[i]);
        mirai_value *value = NULL;
        assert_int_equal(decode(segment, NULL, &value, NULL), statuses[i]);
        assert_null(value);
        assert_string_not_equal(mirai_error_detail(), "");
        mirai__segment_release(segment);
    }
}

static void test_sharing__out_of_memory(void **state)
{
    (void)state;
    mirai__shared one = make(1, &home), two = make(2, &home);
    ended = 0;
    mirai_value *value = mirai_list_of(mirai__value_shared(&one), mirai__value_shared(&two), MIRAI_END);
    mirai_status status = MIRAI_E_NOMEM;
    for (int n = 1; status == MIRAI_E_NOMEM; n++) {
        mirai__segment *segment = NULL;
        mirai_value *again = NULL;
        mirai__sharing sharing;
        mirai__sharing_init(&sharing, &home);
        mirai__fault_arm(n, false);
        status = mirai__encode_sharing(value, NULL, 0, &sharing, &segment);
        if (status == MIRAI_OK) status = decode(segment, NULL, &again, NULL);
        mirai__fault_arm(0, false);
        mirai__sharing_fini(&sharing);
        mirai__segment_release(segment);
        mirai_value_release(again);
    }
    assert_int_equal(status, MIRAI_OK);
    mirai_value_release(value);
    assert_int_equal(ended, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sharing__bad_arguments),
        cmocka_unit_test(test_sharing__counts),
        cmocka_unit_test(test_sharing__collects_each_once),
        cmocka_unit_test(test_sharing__is_resolved_in_place),
        cmocka_unit_test(test_sharing__may_lie_in_a_message_in_a_message),
        cmocka_unit_test(test_sharing__unknown_and_too_deep_are_refused),
        cmocka_unit_test(test_sharing__out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
