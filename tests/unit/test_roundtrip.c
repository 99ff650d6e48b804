/*
 * test_roundtrip: whatever is written is read again as an equal value, by way of a message and of
 * frames. MIRAI_TEST_ROUNDTRIPS says how many random values; MIRAI_TEST_SEED where they start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame.h"
#include "message.h"
#include "random_value.h"
#include "things.h"

static uint64_t number_from(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 0) : fallback;
}

/* The same segment, by way of a stream. */
static mirai__segment *through_frame(mirai__segment *segment, bool compress)
{
    mirai__frame frame = {.kind = MIRAI__FRAME_JOB, .segment = segment}, out;
    mirai__frame_writer *writer = mirai__frame_writer_new(&frame, compress);
    mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
    mirai_status status = MIRAI_E_AGAIN;
    struct iovec vector;
    while (status == MIRAI_E_AGAIN && mirai__frame_writer_vectors(writer, &vector, 1) == 1) {
        void *into;
        size_t room;
        assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
        if (room > vector.iov_len) room = vector.iov_len;
        memcpy(into, vector.iov_base, room);
        mirai__frame_reader_got(reader, room);
        mirai__frame_writer_wrote(writer, room);
        status = mirai__frame_reader_next(reader, &out);
    }
    assert_int_equal(status, MIRAI_OK);
    assert_int_equal(mirai__frame_writer_left(writer), 0);
    mirai__frame_writer_free(writer);
    mirai__frame_reader_free(reader);
    return out.segment;
}

static bool is_same_body(const mirai__segment *a, const mirai__segment *b)
{
    size_t size = a->body_size;
    return size == b->body_size && a->count == b->count &&
           memcmp(a->body, b->body, size) == 0;
}

/* Written, read, written again: equal values and, where no buffer was shared by windows of it,
 * equal bytes. */
static void round_trip(const mirai_value *value, uint64_t i, uint64_t seed)
{
    mirai__segment *segment = NULL, *again = NULL;
    mirai_value *copy = NULL;
    int flags = i % 2 ? MIRAI__ENCODE_COPY : 0;
    mirai_status status = mirai__encode(value, NULL, flags, &segment);
    if (status != MIRAI_OK)
        fail_msg("seed %#llx: %s", (unsigned long long)seed, mirai_error_detail());
    if (i % 4 == 0) {
        mirai__segment *received = through_frame(segment, i % 8 == 0);
        mirai__segment_release(segment);
        segment = received;
    }
    status = mirai__decode(segment, NULL, &mirai__limits_local, &copy);
    if (status != MIRAI_OK)
        fail_msg("seed %#llx: %s", (unsigned long long)seed, mirai_error_detail());
    if (!mirai_value_equal(value, copy))
        fail_msg("seed %#llx: not equal", (unsigned long long)seed);
    assert_int_equal(mirai__encode(copy, NULL, 0, &again), MIRAI_OK);
    if (!is_same_body(segment, again))
        fail_msg("seed %#llx: other bytes", (unsigned long long)seed);
    mirai__segment_release(segment);
    mirai__segment_release(again);
    mirai_value_release(copy);
}

static void test_roundtrip__random_values_survive(void **state)
{
    (void)state;
    uint64_t count = number_from("MIRAI_TEST_ROUNDTRIPS", 20000);
    uint64_t seed = number_from("MIRAI_TEST_SEED", 1);
    things_register();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t start = seed;
        mirai_value *value = random_value(&seed, i % 3 == 0);
        assert_non_null(value);
        round_trip(value, i, start);
        mirai_value_release(value);
        assert_int_equal(things.live, 0);
    }
    things_unregister();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_roundtrip__random_values_survive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
