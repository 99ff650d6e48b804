/*
 * test_golden: bytes of the wire format, version 1, as they were written when it came into being.
 * They must be read for ever; and as long as the version is 1, the same values must give the same
 * bytes. `test_golden_v1 write FOLDER` writes the files anew: only for new ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame.h"
#include "golden_errors.h"
#include "golden_values.h"
#include "message.h"
#include "things.h"

enum { FILE_MAX = 1 << 16 };

typedef struct bytes {
    size_t size;
    uint8_t data[FILE_MAX];
} bytes;

/* All bytes of a RESULT frame that holds the segment. */
static void frame_bytes(mirai__segment *segment, bytes *out)
{
    mirai__frame frame = {.kind = MIRAI__FRAME_RESULT,
                          .aux = -2,
                          .task = 0x1122334455667788,
                          .attempt = 3,
                          .incarnation = 4,
                          .segment = segment};
    mirai__frame_writer *writer = mirai__frame_writer_new(&frame, false);
    assert_non_null(writer);
    struct iovec vector;
    out->size = 0;
    while (mirai__frame_writer_vectors(writer, &vector, 1) == 1) {
        assert_true(vector.iov_len <= FILE_MAX - out->size);
        memcpy(out->data + out->size, vector.iov_base, vector.iov_len);
        out->size += vector.iov_len;
        mirai__frame_writer_wrote(writer, vector.iov_len);
    }
    mirai__frame_writer_free(writer);
}

static mirai_status read_frame(const bytes *in, mirai__frame *out)
{
    mirai__frame_reader *reader = mirai__frame_reader_new(&mirai__limits_local);
    assert_non_null(reader);
    mirai_status status = MIRAI_E_AGAIN;
    size_t done = 0;
    while (status == MIRAI_E_AGAIN && done < in->size) {
        void *into;
        size_t room;
        assert_int_equal(mirai__frame_reader_want(reader, &into, &room), MIRAI_OK);
        if (room > in->size - done) room = in->size - done;
        memcpy(into, in->data + done, room);
        mirai__frame_reader_got(reader, room);
        done += room;
        status = mirai__frame_reader_next(reader, out);
    }
    mirai__frame_reader_free(reader);
    return status;
}

static void path_of(char *path, size_t room, const char *folder, const char *name)
{
    (void)snprintf(path, room, "%s/%s.bin", folder, name);
}

static void load(const char *name, bytes *out)
{
    char path[4096];
    path_of(path, sizeof path, GOLDEN_FOLDER, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("there is no %s", path);
    out->size = fread(out->data, 1, FILE_MAX, file);
    (void)fclose(file);
}

static void encode_value(const mirai_value *value, bytes *out)
{
    mirai__segment *segment = NULL;
    mirai__sharing sharing;
    mirai__sharing_init(&sharing, &golden_home);
    assert_int_equal(mirai__encode_sharing(value, NULL, 0, &sharing, &segment), MIRAI_OK);
    frame_bytes(segment, out);
    mirai__segment_release(segment);
    mirai__sharing_fini(&sharing);
}

static void encode_body(const golden_error *error, bytes *out)
{
    mirai_buffer *buffers[4];
    for (size_t i = 0; i < error->buffers; i++) buffers[i] = mirai_buffer_copy("x", 1);
    mirai__segment *segment =
        mirai__segment_new(error->bytes, error->size, buffers, error->buffers);
    frame_bytes(segment, out);
    mirai__segment_release(segment);
}

static void assert_same(const bytes *a, const bytes *b, const char *name)
{
    if (a->size == b->size && memcmp(a->data, b->data, a->size) == 0) return;
    fail_msg("%s: other bytes than the golden ones", name);
}

static bytes golden, fresh;

static void check_value(const golden_value *one)
{
    load(one->name, &golden);
    mirai_value *written = one->build(), *expected = one->read(), *value = NULL;
    assert_non_null(written);
    encode_value(written, &fresh);
    assert_same(&fresh, &golden, one->name);

    mirai__frame frame;
    assert_int_equal(read_frame(&golden, &frame), MIRAI_OK);
    assert_int_equal(frame.kind, MIRAI__FRAME_RESULT);
    assert_int_equal(frame.aux, -2);
    assert_true(frame.task == 0x1122334455667788);
    assert_int_equal(mirai__decode_sharing(frame.segment, NULL, &mirai__limits_local, &golden_resolver, &value, NULL),
                     MIRAI_OK);
    if (!mirai_value_equal(value, expected)) fail_msg("%s: another value", one->name);
    if (one->build == one->read) {
        encode_value(value, &fresh);
        assert_same(&fresh, &golden, one->name);
    }
    mirai__frame_fini(&frame);
    mirai_value_release(value);
    mirai_value_release(written);
    mirai_value_release(expected);
    assert_int_equal(things.live, 0);
}

static void test_golden__values_are_read_and_written_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < golden_value_count; i++) check_value(&golden_values[i]);
}

static void test_golden__malformed_bodies_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < golden_body_count; i++) {
        const golden_error *error = &golden_bodies[i];
        mirai__frame frame;
        mirai_value *value = NULL;
        load(error->name, &golden);
        encode_body(error, &fresh);
        assert_same(&fresh, &golden, error->name);
        assert_int_equal(read_frame(&golden, &frame), MIRAI_OK);
        mirai_status status = mirai__decode(frame.segment, NULL, &mirai__limits_local, &value);
        if (status != error->status) {
            fail_msg("%s: %s instead of %s", error->name, mirai_status_name(status),
                     mirai_status_name(error->status));
        }
        assert_null(value);
        assert_string_not_equal(mirai_error_detail(), "");
        mirai__frame_fini(&frame);
        assert_int_equal(things.live, 0);
    }
}

static void test_golden__malformed_streams_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < golden_stream_count; i++) {
        const golden_error *error = &golden_streams[i];
        mirai__frame frame;
        load(error->name, &golden);
        mirai_status status = read_frame(&golden, &frame);
        if (status != error->status) {
            fail_msg("%s: %s instead of %s", error->name, mirai_status_name(status),
                     mirai_status_name(error->status));
        }
        assert_string_not_equal(mirai_error_detail(), "");
    }
}

static char format[FILE_MAX];

static void check_section(const char *name, const char *section)
{
    char chapter[16], part[16];
    (void)snprintf(chapter, sizeof chapter, "\n## %s. ", section);
    (void)snprintf(part, sizeof part, "\n### %s ", section);
    if (!strstr(format, chapter) && !strstr(format, part))
        fail_msg("%s: FORMAT.md has no section %s", name, section);
}

static void test_golden__every_file_belongs_to_a_section(void **state)
{
    (void)state;
    FILE *file = fopen(FORMAT_FILE, "r");
    assert_non_null(file);
    format[fread(format, 1, sizeof format - 1, file)] = '\0';
    (void)fclose(file);
    for (size_t i = 0; i < golden_value_count; i++)
        check_section(golden_values[i].name, golden_values[i].section);
    for (size_t i = 0; i < golden_body_count; i++)
        check_section(golden_bodies[i].name, golden_bodies[i].section);
    for (size_t i = 0; i < golden_stream_count; i++)
        check_section(golden_streams[i].name, golden_streams[i].section);
}

static void store(const char *folder, const char *name, const bytes *in)
{
    char path[4096];
    path_of(path, sizeof path, folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) return;
    (void)fwrite(in->data, 1, in->size, file);
    (void)fclose(file);
}

static void write_all(const char *folder)
{
    for (size_t i = 0; i < golden_value_count; i++) {
        mirai_value *value = golden_values[i].build();
        encode_value(value, &fresh);
        store(folder, golden_values[i].name, &fresh);
        mirai_value_release(value);
    }
    for (size_t i = 0; i < golden_body_count; i++) {
        encode_body(&golden_bodies[i], &fresh);
        store(folder, golden_bodies[i].name, &fresh);
    }
    for (size_t i = 0; i < golden_stream_count; i++) {
        fresh.size = golden_streams[i].size;
        memcpy(fresh.data, golden_streams[i].bytes, fresh.size);
        store(folder, golden_streams[i].name, &fresh);
    }
}

int main(int argc, char **argv)
{
    things_register();
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        write_all(argv[2]);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden__values_are_read_and_written_alike),
        cmocka_unit_test(test_golden__malformed_bodies_are_refused),
        cmocka_unit_test(test_golden__malformed_streams_are_refused),
        cmocka_unit_test(test_golden__every_file_belongs_to_a_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
