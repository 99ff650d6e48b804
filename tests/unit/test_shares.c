/*
 * test_shares: a daemon's table of shared values: what a host may do with it, decoding once or anew, values in values,
 * and what it must refuse.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "shares.h"

static const char home = 0;

static void end(mirai__shared *shared)
{
    (void)shared;
}

/* A message of a list of references to the numbers, and one integer. */
static mirai__segment *list_of(const uint64_t *numbers, size_t count)
{
    static mirai__shared kept[32];
    mirai_value *items[33];
    mirai__segment *segment = NULL;
    mirai__sharing sharing;
    mirai__sharing_init(&sharing, &home);
    for (size_t i = 0; i < count; i++) {
        kept[i] = (mirai__shared){.references = 1, .id = numbers[i], .home = &home, .end = end};
        items[i] = mirai__value_shared(&kept[i]);
    }
    items[count] = mirai_int((int64_t)count);
    mirai_value *value = mirai_list(items, count + 1);
    assert_int_equal(mirai__encode_sharing(value, NULL, 0, &sharing, &segment), MIRAI_OK);
    mirai_value_release(value);
    mirai__sharing_fini(&sharing);
    return segment;
}

/* Takes segment. */
static mirai_status put(mirai__shares *shares, uint64_t id, int32_t aux, mirai__segment *segment)
{
    mirai__frame frame = {.kind = MIRAI__FRAME_SHARE, .aux = aux, .task = id, .segment = segment};
    mirai_status status = mirai__shares_put(shares, &frame);
    mirai__frame_fini(&frame);
    return status;
}

static mirai_status get(mirai__shares *shares, uint64_t id, mirai_value **out)
{
    uint32_t height;
    *out = NULL;
    return shares->resolver.resolve(shares->resolver.context, id, out, &height);
}

static void test_shares__bad_frames(void **state)
{
    (void)state;
    mirai__shares shares;
    mirai_value *value;
    mirai__shares_init(&shares);
    assert_int_equal(put(&shares, 0, 0, list_of(NULL, 0)), MIRAI_E_PROTOCOL);
    assert_int_equal(put(&shares, 1, 0, NULL), MIRAI_E_PROTOCOL);
    assert_int_equal(put(&shares, 1, 0, list_of(NULL, 0)), MIRAI_OK);
    assert_int_equal(put(&shares, 1, 0, list_of(NULL, 0)), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__shares_drop(&shares, 2), MIRAI_E_PROTOCOL);
    assert_int_equal(mirai__shares_drop(&shares, 1), MIRAI_OK);
    assert_int_equal(mirai__shares_drop(&shares, 1), MIRAI_E_PROTOCOL);
    assert_int_equal(get(&shares, 1, &value), MIRAI_E_DECODE);
    assert_non_null(strstr(mirai_error_detail(), "is not in this daemon"));
    mirai__shares_fini(&shares);
}

static void test_shares__are_decoded_once_or_anew(void **state)
{
    (void)state;
    mirai__shares shares;
    mirai_value *a, *b;
    mirai__shares_init(&shares);
    assert_int_equal(put(&shares, 1, MIRAI__SHARE_KEPT, list_of(NULL, 0)), MIRAI_OK);
    assert_int_equal(put(&shares, 2, 0, list_of(NULL, 0)), MIRAI_OK);
    for (uint64_t id = 1; id <= 2; id++) {
        assert_int_equal(get(&shares, id, &a), MIRAI_OK);
        assert_int_equal(get(&shares, id, &b), MIRAI_OK);
        assert_int_equal(a == b, id == 1);
        assert_true(mirai_value_equal(a, b));
        mirai_value_release(a);
        mirai_value_release(b);
    }
    assert_int_equal(get(&shares, 1, &a), MIRAI_OK);
    assert_int_equal(mirai__shares_drop(&shares, 1), MIRAI_OK);
    mirai__shares_sweep(&shares);
    assert_int_equal(mirai_value_count(a), 1); /* whoever holds it may go on */
    mirai_value_release(a);
    mirai__shares_fini(&shares);
}

static void test_shares__may_be_parts_of_others(void **state)
{
    (void)state;
    mirai__shares shares;
    mirai_value *value;
    mirai__shares_init(&shares);
    assert_int_equal(put(&shares, 1, 0, list_of(NULL, 0)), MIRAI_OK);
    for (uint64_t id = 2; id <= 17; id++) {
        uint64_t below[] = {id - 1, id - 1};
        assert_int_equal(put(&shares, id, id % 2 == 0 ? MIRAI__SHARE_KEPT : 0, list_of(below, 1)), MIRAI_OK);
    }
    assert_int_equal(get(&shares, 16, &value), MIRAI_OK);
    mirai_value_release(value);
    mirai__shares_fini(&shares);
}

static void test_shares__in_circles_or_too_deep_are_refused(void **state)
{
    (void)state;
    mirai__shares shares;
    mirai_value *value;
    mirai__shares_init(&shares);
    uint64_t self[] = {1}, three[] = {3}, two[] = {2};
    assert_int_equal(put(&shares, 1, MIRAI__SHARE_KEPT, list_of(self, 1)), MIRAI_OK);
    assert_int_equal(put(&shares, 2, 0, list_of(three, 1)), MIRAI_OK);
    assert_int_equal(put(&shares, 3, MIRAI__SHARE_KEPT, list_of(two, 1)), MIRAI_OK);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(get(&shares, id, &value), MIRAI_E_DECODE);
        assert_non_null(strstr(mirai_error_detail(), "a part of itself"));
        assert_null(value);
    }
    assert_int_equal(put(&shares, 100, 0, list_of(NULL, 0)), MIRAI_OK);
    for (uint64_t id = 101; id <= 117; id++) {
        uint64_t below[] = {id - 1};
        assert_int_equal(put(&shares, id, 0, list_of(below, 1)), MIRAI_OK);
    }
    assert_int_equal(get(&shares, 115, &value), MIRAI_OK);
    mirai_value_release(value);
    assert_int_equal(get(&shares, 117, &value), MIRAI_E_LIMIT);
    assert_int_equal(get(&shares, 115, &value), MIRAI_OK); /* a failure leaves no trace */
    mirai_value_release(value);
    mirai__shares_fini(&shares);
}

static void test_shares__that_are_malformed_are_refused_each_time(void **state)
{
    (void)state;
    mirai__shares shares;
    mirai_value *value;
    mirai__shares_init(&shares);
    mirai__segment *broken = mirai__segment_new("\x81\x82\x01", 3, NULL, 0);
    assert_int_equal(put(&shares, 1, MIRAI__SHARE_KEPT, broken), MIRAI_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(get(&shares, 1, &value), MIRAI_E_DECODE);
    mirai__shares_fini(&shares);
}

static void *drop_some(void *context)
{
    mirai__shares *shares = context;
    for (uint64_t id = 1; id <= 1000; id++) {
        if (put(shares, id + 1000, 0, mirai__segment_new("\x81\xf6", 2, NULL, 0)) != MIRAI_OK)
            return shares;
        if (mirai__shares_drop(shares, id) != MIRAI_OK) return shares;
    }
    return NULL;
}

static void test_shares__come_and_go_on_another_thread(void **state)
{
    (void)state;
    mirai__shares shares;
    pthread_t thread;
    void *failed;
    mirai__shares_init(&shares);
    for (uint64_t id = 1; id <= 1000; id++)
        assert_int_equal(put(&shares, id, id % 2 ? MIRAI__SHARE_KEPT : 0, list_of(NULL, 0)), MIRAI_OK);
    assert_int_equal(pthread_create(&thread, NULL, drop_some, &shares), 0);
    for (uint64_t id = 1; id <= 2000; id++) {
        mirai_value *value;
        if (get(&shares, id, &value) == MIRAI_OK) mirai_value_release(value);
        if (id % 10 == 0) mirai__shares_sweep(&shares);
    }
    (void)pthread_join(thread, &failed);
    assert_null(failed);
    mirai__shares_fini(&shares);
}

static void test_shares__out_of_memory(void **state)
{
    (void)state;
    uint64_t below[] = {1};
    mirai_status status = MIRAI_E_NOMEM;
    for (int n = 1; status == MIRAI_E_NOMEM; n++) {
        mirai__shares shares;
        mirai_value *value = NULL;
        mirai__segment *inner = list_of(NULL, 0), *outer = list_of(below, 1);
        mirai__shares_init(&shares);
        mirai__fault_arm(n, false);
        status = put(&shares, 1, MIRAI__SHARE_KEPT, inner);
        mirai_status second = put(&shares, 2, MIRAI__SHARE_KEPT, outer);
        if (status == MIRAI_OK) status = second;
        if (status == MIRAI_OK) status = get(&shares, 2, &value);
        mirai__fault_arm(0, false);
        mirai_value_release(value);
        mirai__shares_fini(&shares);
    }
    assert_int_equal(status, MIRAI_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares__bad_frames),
        cmocka_unit_test(test_shares__are_decoded_once_or_anew),
        cmocka_unit_test(test_shares__may_be_parts_of_others),
        cmocka_unit_test(test_shares__in_circles_or_too_deep_are_refused),
        cmocka_unit_test(test_shares__that_are_malformed_are_refused_each_time),
        cmocka_unit_test(test_shares__come_and_go_on_another_thread),
        cmocka_unit_test(test_shares__out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
