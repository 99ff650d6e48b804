/* golden_errors: see golden_errors.h. */
#include "golden_errors.h"

#define BYTES(text) text, sizeof(text) - 1
#define BODY(name, section, text)                                                                  \
    {                                                                                              \
        "bad_" name, section, MIRAI_E_DECODE, 0, BYTES(text)                                       \
    }
#define BODY_OF(name, section, status, buffers, text)                                              \
    {                                                                                              \
        "bad_" name, section, status, buffers, BYTES(text)                                         \
    }

/* Tags of ours, as they begin. */
#define ARRAY "\xd9\xd1\xa0"
#define BUFFER "\xd9\xd1\xa1"
#define REFERENCE "\xd9\xd1\xa2"
#define ERROR "\xd9\xd1\xa3"
#define SEGMENT "\xd9\xd1\xa4"
#define SHARED "\xd9\xd1\xa5"

const golden_error golden_bodies[] = {
    BODY("no_message", "3", "\x00"),
    BODY("two_parts", "3", "\x82\xf6\xf6"),
    BODY("trailing_byte", "3", "\x81\xf6\xf6"),
    BODY("truncated", "3", "\x81\x82\x01\x18"),
    BODY("indefinite_list", "3", "\x81\x9f\x01\xff"),
    BODY("indefinite_text", "3", "\x81\x7f\x61\x61\xff"),
    BODY("reserved_head", "3", "\x81\x1c"),
    BODY("long_head", "3", "\x81\x18\x17"),
    BODY("long_head_2", "3", "\x81\x19\x00\xff"),
    BODY("long_head_4", "3", "\x81\x1a\x00\x00\xff\xff"),
    BODY("long_head_8", "3", "\x81\x1b\x00\x00\x00\x00\xff\xff\xff\xff"),
    BODY("huge_list", "3", "\x81\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
    BODY("huge_text", "3", "\x81\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    BODY("huge_dict", "3", "\x81\xba\xff\xff\xff\xff"),
    BODY("undefined", "3.1", "\x81\xf7"),
    BODY("simple_byte", "3.1", "\x81\xf8\x20"),
    BODY("int_above", "3.2", "\x81\x1b\x80\x00\x00\x00\x00\x00\x00\x00"),
    BODY("int_below", "3.2", "\x81\x3b\x80\x00\x00\x00\x00\x00\x00\x00"),
    BODY("long_float", "3.3", "\x81\xfa\x3f\x80\x00\x00"),
    BODY("long_double", "3.3", "\x81\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
    BODY("utf8", "3.4", "\x81\x62\xc3\x28"),
    BODY("surrogate", "3.4", "\x81\x63\xed\xa0\x80"),
    BODY("int_key", "3.5", "\x81\xa1\x01\x02"),
    BODY("same_key", "3.5", "\x81\xa2\x61\x61\x01\x61\x61\x02"),
    BODY("nul_key", "3.5", "\x81\xa1\x61\x00\x01"),
    BODY("tag", "3.7", "\x81\xc1\x00"),
    BODY("typed_odd", "4.1", "\x81\xd8\x45\x43\x00\x00\x00"),
    BODY("typed_text", "4.1", "\x81\xd8\x40\x61\x61"),
    BODY("typed_big_endian", "4.1", "\x81\xd8\x41\x42\x00\x00"),
    BODY("grid_rank_1", "4.1", "\x81\xd8\x28\x82\x81\x02\xd8\x40\x42\x00\x00"),
    BODY("grid_size", "4.1", "\x81\xd8\x28\x82\x82\x02\x02\xd8\x40\x42\x00\x00"),
    BODY("grid_overflow", "4.1",
         "\x81\xd8\x28\x82\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x02\xd8\x40\x40"),
    BODY("array_dtype", "4.2", "\x81" ARRAY "\x83\x11\x81\x01\x41\x00"),
    BODY("array_typed_inline", "4.2", "\x81" ARRAY "\x83\x06\x81\x01\x41\x00"),
    BODY("array_rank", "4.2",
         "\x81" ARRAY "\x83\x01\x98\x21"
         "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
         "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x41\x00"),
    BODY_OF("array_buffer_size", "4.3", MIRAI_E_DECODE, 1,
            "\x81" ARRAY "\x83\x06\x81\x02" BUFFER "\x00"),
    BODY("buffer_index", "4.3", "\x81" BUFFER "\x00"),
    BODY_OF("buffer_unused", "4.3", MIRAI_E_DECODE, 1, "\x81\xf6"),
    BODY("error_list", "5", "\x81" ERROR "\x80"),
    BODY("error_fields", "5",
         "\x81" ERROR "\xa1\x64"
         "code"
         "\x01"),
    BODY("reference", "6", "\x81" REFERENCE "\x00"),
    BODY("reference_forward", "6",
         "\x83\x02\x82"
         "\x83\x63"
         "box"
         "\x00\x44" REFERENCE "\x01"
         "\x83\x63"
         "box"
         "\x01\x41\xf6"
         "\x82" REFERENCE "\x00" REFERENCE "\x01"),
    BODY("reference_self", "6",
         "\x83\x01\x81\x83\x63"
         "box"
         "\x00\x44" REFERENCE "\x00" REFERENCE "\x00"),
    BODY("object_twice", "6",
         "\x83\x01\x82\x83\x63"
         "box"
         "\x00\x41\xf6\x83\x63"
         "box"
         "\x00\x41\xf6" REFERENCE "\x00"),
    BODY("object_twice_in_group", "6",
         "\x83\x02\x81\x83\x65"
         "crate"
         "\x82\x00\x00\x43\x82\xf6\xf6" REFERENCE "\x00"),
    BODY("object_unused", "6",
         "\x83\x01\x81\x83\x63"
         "box"
         "\x00\x41\xf6\xf6"),
    BODY("object_missing", "6",
         "\x83\x02\x81\x83\x63"
         "box"
         "\x00\x41\xf6" REFERENCE "\x00"),
    BODY("objects_huge", "6", "\x83\x1a\xff\xff\xff\xff\x80\xf6"),
    BODY("no_objects", "6", "\x83\x00\x80\xf6"),
    BODY("group_trailing", "6",
         "\x83\x01\x81\x83\x63"
         "box"
         "\x00\x42\xf6\xf6" REFERENCE "\x00"),
    BODY("group_empty", "6",
         "\x83\x01\x81\x83\x65"
         "crate"
         "\x80\x41\x80"
         "\xf6"),
    BODY("class_empty", "6", "\x83\x01\x81\x83\x60\x00\x41\xf6" REFERENCE "\x00"),
    BODY_OF("class_unknown", "6", MIRAI_E_HOOK, 0,
            "\x83\x01\x81\x83\x67"
            "unknown"
            "\x00\x41\xf6" REFERENCE "\x00"),
    BODY_OF("crates_missing", "6", MIRAI_E_HOOK, 0,
            "\x83\x01\x81\x83\x65"
            "crate"
            "\x81\x00\x41\x80" REFERENCE "\x00"),
    BODY("segment_range", "7", "\x81" SEGMENT "\x83\x00\x01\x42\x81\xf6"),
    BODY("segment_first", "7", "\x81" SEGMENT "\x83\x01\x00\x42\x81\xf6"),
    BODY("segment_trailing", "7", "\x81" SEGMENT "\x83\x00\x00\x43\x81\xf6\xf6"),
    BODY_OF("segment_buffer", "7", MIRAI_E_DECODE, 1,
            "\x81" SEGMENT "\x83\x00\x00\x45\x81" BUFFER "\x00"),
    BODY("shared_here", "9", "\x81" SHARED "\x01"),
    BODY("shared_text", "9", "\x81" SHARED "\x61\x61"),
};
const size_t golden_body_count = sizeof golden_bodies / sizeof *golden_bodies;

#define STREAM(name, section, status, text)                                                        \
    {                                                                                              \
        "bad_frame_" name, section, status, 0, BYTES(text)                                         \
    }
#define MAGIC "mir\xa1"
#define ZEROS_8 "\0\0\0\0\0\0\0\0"
#define IDS ZEROS_8 ZEROS_8 ZEROS_8
/* magic, version and kind; flags, aux, count of buffers; ids; the three sizes */
#define HEADER(start, flags, buffers, body, stored, bytes)                                         \
    start flags "\0\0\0\0" buffers IDS body stored bytes
#define N4(a) a "\0\0\0"
#define N8(a) a "\0\0\0\0\0\0\0"
#define JOB MAGIC "\x01\x03"
#define PING MAGIC "\x01\x06"

const golden_error golden_streams[] = {
    STREAM("magic", "2", MIRAI_E_PROTOCOL,
           HEADER("GET \x01\x03", "\0\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("version", "2", MIRAI_E_VERSION,
           HEADER(MAGIC "\x02\x03", "\0\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("kind", "2", MIRAI_E_PROTOCOL,
           HEADER(MAGIC "\x01\x7f", "\0\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("kind_0", "2", MIRAI_E_PROTOCOL,
           HEADER(MAGIC "\x01\x00", "\0\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("flags", "2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\x04\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("lent", "11", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\x02\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("lent_and_compressed", "11", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\x03\0", N4("\0"), N8("\0"), N8("\0"), N8("\0"))),
    STREAM("ping_body", "2", MIRAI_E_PROTOCOL,
           HEADER(PING, "\0\0", N4("\0"), N8("\x01"), N8("\x01"), N8("\0")) "\xf6"),
    STREAM("stored", "2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\0\0", N4("\0"), N8("\x02"), N8("\x01"), N8("\0")) "\xf6"),
    STREAM("stored_more", "2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\x01\0", N4("\0"), N8("\x01"), N8("\x02"), N8("\0")) "\xf6\xf6"),
    STREAM("no_body", "2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\0\0", N4("\x01"), N8("\0"), N8("\0"), N8("\x01")) "\x01"),
    STREAM("bytes_of_none", "2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\0\0", N4("\0"), N8("\x01"), N8("\x01"), N8("\x01")) "\xf6"),
    STREAM("table_less", "2.2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\0\0", N4("\x01"), N8("\x01"), N8("\x01"), N8("\x02")) "\xf6" N8("\x01")),
    STREAM("table_more", "2.2", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\0\0", N4("\x01"), N8("\x01"), N8("\x01"), N8("\x02")) "\xf6" N8("\x03")),
    STREAM("body_limit", "2", MIRAI_E_LIMIT,
           HEADER(JOB, "\0\0", N4("\0"), "\0\0\0\0\x01\0\0\0", "\0\0\0\0\x01\0\0\0", N8("\0"))),
    STREAM("body_max", "2", MIRAI_E_LIMIT,
           HEADER(JOB, "\0\0", N4("\0"), "\xff\xff\xff\xff\xff\xff\xff\xff",
                  "\xff\xff\xff\xff\xff\xff\xff\xff", N8("\0"))),
    STREAM("buffers_max", "2", MIRAI_E_LIMIT,
           HEADER(JOB, "\0\0", "\xff\xff\xff\xff", N8("\x01"), N8("\x01"), N8("\x01"))),
    STREAM("bytes_max", "2", MIRAI_E_LIMIT,
           HEADER(JOB, "\0\0", N4("\x01"), N8("\x01"), N8("\x01"),
                  "\xff\xff\xff\xff\xff\xff\xff\xff")),
    STREAM("not_zstd", "2.3", MIRAI_E_PROTOCOL,
           HEADER(JOB, "\x01\0", N4("\0"), N8("\x40"), N8("\x04"), N8("\0")) "zstd"),
};
const size_t golden_stream_count = sizeof golden_streams / sizeof *golden_streams;
