/*
 * cbor: the items of RFC 8949 that bodies are made of, in preferred serialization only: shortest
 * heads, definite lengths, shortest exact floats. Knows nothing of values (FORMAT.md section 3).
 */
#ifndef MIRAI__CBOR_H
#define MIRAI__CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum {
    MIRAI__CBOR_UINT = 0,
    MIRAI__CBOR_NINT = 1,
    MIRAI__CBOR_BYTES = 2,
    MIRAI__CBOR_TEXT = 3,
    MIRAI__CBOR_ARRAY = 4,
    MIRAI__CBOR_MAP = 5,
    MIRAI__CBOR_TAG = 6,
    MIRAI__CBOR_SIMPLE = 7
};

/* Simple values, as the argument of a head of type MIRAI__CBOR_SIMPLE. */
enum { MIRAI__CBOR_FALSE = 20, MIRAI__CBOR_TRUE = 21, MIRAI__CBOR_NULL = 22 };

/* Tags. 40 and 64 to 87 are those of RFC 8746; the others are ours. */
enum {
    MIRAI__TAG_GRID = 40,         /* [[sizes], typed array]: row-major, rank other than 1 */
    MIRAI__TAG_ARRAY = 53664,     /* [dtype, [sizes], data] */
    MIRAI__TAG_BUFFER = 53665,    /* index into the table of buffers */
    MIRAI__TAG_REFERENCE = 53666, /* number of an object */
    MIRAI__TAG_ERROR = 53667,     /* map of fields */
    MIRAI__TAG_SEGMENT = 53668,   /* [first buffer, count of buffers, body] */
    MIRAI__TAG_SHARED = 53669     /* number of a shared value */
};

/* ---- writing ---- */

mirai_status mirai__cbor_put(mirai__bytes *out, int major, uint64_t argument);
mirai_status mirai__cbor_put_int(mirai__bytes *out, int64_t number);
mirai_status mirai__cbor_put_float(mirai__bytes *out, double number);
/* A byte or text string, whole. */
mirai_status mirai__cbor_put_string(mirai__bytes *out, int major, const void *data, size_t size);

/* ---- reading ---- */

typedef struct mirai__cbor {
    const uint8_t *at, *end;
} mirai__cbor;

typedef struct mirai__cbor_head {
    int major;
    int width;         /* bytes of the argument: 0, 1, 2, 4, 8; tells floats apart */
    uint64_t argument; /* of a float: its bits */
} mirai__cbor_head;

/* E_DECODE at the end, and for every head that is not in preferred serialization. A string's bytes
 * and a container's items have been checked to be possible: no more of them than bytes are left. */
mirai_status mirai__cbor_get(mirai__cbor *in, mirai__cbor_head *out);
/* A head that must be of type `major`; `what` names it in the detail text. */
mirai_status mirai__cbor_expect(mirai__cbor *in, int major, const char *what, uint64_t *argument);
/* The bytes of a string whose head has just been read. */
const uint8_t *mirai__cbor_take(mirai__cbor *in, uint64_t size);
/* E_DECODE when a shorter width would have held the number. */
mirai_status mirai__cbor_float(const mirai__cbor_head *head, double *out);

#endif
