/*
 * golden_errors: malformed input, and the status that a reader must give. A body travels in a frame
 * that is well formed, with `buffers` buffers of one byte; a stream is malformed as a whole.
 */
#ifndef TEST_GOLDEN_ERRORS_H
#define TEST_GOLDEN_ERRORS_H

#include <stddef.h>
#include <stdint.h>
#include <miraicore/error.h>

typedef struct golden_error {
    const char *name;    /* of the file, without .bin */
    const char *section; /* of src/wire/FORMAT.md */
    mirai_status status;
    size_t buffers;
    const char *bytes; /* body, or stream */
    size_t size;
} golden_error;

extern const golden_error golden_bodies[];
extern const size_t golden_body_count;
extern const golden_error golden_streams[];
extern const size_t golden_stream_count;

#endif
