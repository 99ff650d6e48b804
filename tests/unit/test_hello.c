/* test_hello: a daemon's first frame: what is accepted, and in which order it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"
#include "hello.h"

static const uint8_t token[MIRAI__TOKEN_SIZE] = {1, 2,  3,  4,  5,  6,  7,  8,
                                                 9, 10, 11, 12, 13, 14, 15, 16};

static mirai__hello sample(void)
{
    mirai__hello hello = {
        .wire_version = 1,
        .library_version = 0x00010203,
        .pid = 1ull << 40,
        .launch = UINT64_MAX,
        .flags = MIRAI__HELLO_SELF,
        .host = "node7.example",
    };
    memcpy(hello.token, token, sizeof token);
    for (int i = 0; i < MIRAI__BUILD_ID_SIZE; i++) hello.build_id[i] = (uint8_t)(200 + i);
    return hello;
}

/* Reads a record of any bytes and size. */
static mirai_status read_record(const uint8_t *record, size_t size, const uint8_t *wanted)
{
    mirai__hello out;
    mirai__frame frame = {.kind = MIRAI__FRAME_HELLO,
                          .segment = mirai__segment_new(record, size, NULL, 0)};
    mirai_status status = mirai__hello_read(&frame, wanted, &out);
    mirai__frame_fini(&frame);
    return status;
}

static void record_of(const mirai__hello *hello, uint8_t *record)
{
    mirai__frame frame;
    assert_int_equal(mirai__hello_frame(hello, &frame), MIRAI_OK);
    assert_int_equal(frame.segment->body_size, MIRAI__HELLO_SIZE);
    memcpy(record, frame.segment->body, MIRAI__HELLO_SIZE);
    mirai__frame_fini(&frame);
}

static void test_hello__other_frames_are_none(void **state)
{
    (void)state;
    mirai__hello hello = sample(), out;
    uint8_t record[MIRAI__HELLO_SIZE + 1] = {0};
    record_of(&hello, record);
    assert_int_equal(read_record(record, MIRAI__HELLO_SIZE - 1, token), MIRAI_E_PROTOCOL);
    assert_int_equal(read_record(record, MIRAI__HELLO_SIZE + 1, token), MIRAI_E_PROTOCOL);
    assert_int_equal(read_record(record, 1, token), MIRAI_E_PROTOCOL);
    mirai__frame empty = {.kind = MIRAI__FRAME_HELLO};
    assert_int_equal(mirai__hello_read(&empty, token, &out), MIRAI_E_PROTOCOL);
    mirai__frame other;
    assert_int_equal(mirai__hello_frame(&hello, &other), MIRAI_OK);
    other.kind = MIRAI__FRAME_RESULT;
    assert_int_equal(mirai__hello_read(&other, token, &out), MIRAI_E_PROTOCOL);
    mirai__frame_fini(&other);
}

static void test_hello__comes_back_as_it_was(void **state)
{
    (void)state;
    mirai__hello hello = sample(), out;
    mirai__frame frame;
    assert_int_equal(mirai__hello_frame(&hello, &frame), MIRAI_OK);
    assert_int_equal(frame.kind, MIRAI__FRAME_HELLO);
    assert_int_equal(mirai__hello_read(&frame, token, &out), MIRAI_OK);
    assert_memory_equal(&out, &hello, sizeof hello);
    assert_int_equal(mirai__hello_read(&frame, NULL, &out), MIRAI_OK);
    mirai__frame_fini(&frame);
    /* A name that is too long is cut. */
    memset(hello.host, 'h', sizeof hello.host);
    assert_int_equal(mirai__hello_frame(&hello, &frame), MIRAI_OK);
    assert_int_equal(mirai__hello_read(&frame, token, &out), MIRAI_OK);
    assert_int_equal(strlen(out.host), sizeof out.host - 1);
    mirai__frame_fini(&frame);
}

static void test_hello__layout(void **state)
{
    (void)state;
    mirai__hello hello = sample();
    uint8_t record[MIRAI__HELLO_SIZE];
    record_of(&hello, record);
    assert_memory_equal(record, token, 16);
    assert_memory_equal(record + 16, "\x01\0\0\0\x03\x02\x01\0", 8);
    assert_memory_equal(record + 24, "\0\0\0\0\0\x01\0\0", 8);
    assert_memory_equal(record + 32, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_memory_equal(record + 40, hello.build_id, 20);
    assert_memory_equal(record + 60, "\x01\0\0\0", 4);
    assert_memory_equal(record + 64, "node7.example\0\0\0", 16);
}

static void test_hello__the_token_goes_first(void **state)
{
    (void)state;
    uint8_t record[MIRAI__HELLO_SIZE];
    for (size_t i = 0; i < MIRAI__TOKEN_SIZE; i++) {
        for (int bit = 0; bit < 8; bit++) {
            mirai__hello hello = sample();
            hello.wire_version = 0; /* would be refused, too, but is not looked at */
            hello.token[i] ^= (uint8_t)(1 << bit);
            record_of(&hello, record);
            assert_int_equal(read_record(record, sizeof record, token), MIRAI_E_AUTH);
        }
    }
    memset(record, 0, sizeof record);
    assert_int_equal(read_record(record, sizeof record, token), MIRAI_E_AUTH);
    assert_int_equal(read_record(record, sizeof record, NULL), MIRAI_E_VERSION);
}

static void test_hello__malformed_fields(void **state)
{
    (void)state;
    mirai__hello hello = sample();
    uint8_t good[MIRAI__HELLO_SIZE], record[MIRAI__HELLO_SIZE];
    hello.wire_version = 9; /* a newer daemon speaks version 1, too */
    record_of(&hello, good);
    assert_int_equal(read_record(good, sizeof good, token), MIRAI_OK);
    memcpy(record, good, sizeof good);
    record[61] = 1;
    assert_int_equal(read_record(record, sizeof record, token), MIRAI_E_PROTOCOL);
    memcpy(record, good, sizeof good);
    record[127] = 'x'; /* after the name */
    assert_int_equal(read_record(record, sizeof record, token), MIRAI_E_PROTOCOL);
    memset(record + 64, 'h', 64); /* no end */
    assert_int_equal(read_record(record, sizeof record, token), MIRAI_E_PROTOCOL);
    memcpy(record, good, sizeof good);
    record[64] = 0xff; /* no UTF-8 */
    assert_int_equal(read_record(record, sizeof record, token), MIRAI_E_PROTOCOL);
}

static void test_hello__allocation_failures(void **state)
{
    (void)state;
    mirai__hello hello = sample();
    mirai__frame frame;
    mirai_status status = MIRAI_E_NOMEM;
    for (int64_t n = 1; status != MIRAI_OK; n++) {
        mirai__fault_arm(n, false);
        status = mirai__hello_frame(&hello, &frame);
        mirai__fault_arm(0, false);
        assert_true(status == MIRAI_OK || status == MIRAI_E_NOMEM);
        assert_true(n < 10);
    }
    mirai__frame_fini(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello__other_frames_are_none),
        cmocka_unit_test(test_hello__comes_back_as_it_was),
        cmocka_unit_test(test_hello__layout),
        cmocka_unit_test(test_hello__the_token_goes_first),
        cmocka_unit_test(test_hello__malformed_fields),
        cmocka_unit_test(test_hello__allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
