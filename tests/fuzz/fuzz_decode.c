/*
 * fuzz_decode: any bytes as a message. What can be read must be written again, and read again as an
 * equal value. Input: one byte, of which the lower half is the count of buffers and the rest flags;
 * the size of each buffer in two bytes; the body. Shared values are known unless bit 5 is set.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer_private.h"
#include "message.h"
#include "things.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUFFERS_MAX = 15, BUFFER_MAX = 0x1fff };

static mirai__segment *segment_of(const uint8_t *data, size_t size)
{
    if (size == 0) return NULL;
    size_t count = data[0] & 15;
    if (size < 1 + 2 * count) return NULL;
    mirai_buffer *buffers[BUFFERS_MAX];
    for (size_t i = 0; i < count; i++) {
        size_t wanted = (size_t)(data[1 + 2 * i] | data[2 + 2 * i] << 8) & BUFFER_MAX;
        buffers[i] = mirai__buffer_alloc(wanted);
        if (!buffers[i]) abort();
        memset(mirai__buffer_bytes(buffers[i]), (int)i + 1, wanted);
    }
    size_t skip = 1 + 2 * count;
    return mirai__segment_new(data + skip, size - skip, buffers, count);
}

/* A reader that accepts little takes other paths. */
static const mirai__limits tight = {
    .body_bytes = 4096, .buffer_bytes = 8192, .buffers = 4, .depth = 8, .items = 64};

static void round_trip(mirai_value *value)
{
    mirai__segment *again = NULL;
    mirai_value *copy = NULL;
    mirai_status status = mirai__encode(value, NULL, MIRAI__ENCODE_COPY, &again);
    /* Nesting beyond what is written, and crates that refer to crates of another group, may fail.
     */
    if (status == MIRAI_E_LIMIT || status == MIRAI_E_HOOK) return;
    if (status != MIRAI_OK) abort();
    if (mirai__decode(again, NULL, &mirai__limits_local, &copy) != MIRAI_OK) abort();
    if (!mirai_value_equal(value, copy)) abort();
    mirai_value_release(copy);
    mirai__segment_release(again);
}

/* Number 1 is a list of two, 2 is a thing, 3 is as deep as can be, 4 has a message of its own; others are unknown. */
static mirai_status resolve(void *context, uint64_t id, mirai_value **out, uint32_t *height)
{
    const mirai__resolver *self = context;
    const uint8_t body[] = {0x81, 0x82, 0xd9, 0xd1, 0xa5, 0x01, 0xf6};
    *height = id == 1 ? 1 : id == 3 ? 511 : 0;
    switch (id) {
    case 1: *out = mirai_list_of(mirai_int(1), mirai_null(), MIRAI_END); return MIRAI_OK;
    case 2: *out = thing_new("box", mirai_int(2)); return MIRAI_OK;
    case 3: *out = mirai_null(); return MIRAI_OK;
    case 4: {
        mirai__segment *segment = mirai__segment_new(body, sizeof body, NULL, 0);
        mirai_status status = mirai__decode_sharing(segment, NULL, &mirai__limits_local, self, out, height);
        mirai__segment_release(segment);
        return status;
    }
    default: return mirai_error_set(MIRAI_E_DECODE, "unknown");
    }
}

static mirai__resolver resolver = {.resolve = resolve, .context = &resolver};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int is_ready;
    if (!is_ready) things_register();
    is_ready = 1;
    mirai__segment *segment = segment_of(data, size);
    if (!segment) return 0;
    mirai_value *value = NULL;
    const mirai__limits *limits = data[0] & 128 ? &tight : &mirai__limits_local;
    mirai_status status =
        mirai__decode_sharing(segment, NULL, limits, data[0] & 32 ? NULL : &resolver, &value, NULL);
    if (status == MIRAI_OK) {
        char *text = NULL;
        if (data[0] & 64 && mirai_value_format(value, &text) != MIRAI_OK) abort();
        mirai_text_free(text);
        round_trip(value);
        mirai_value_release(value);
    } else if (value || mirai_error_detail()[0] == '\0') {
        abort();
    }
    mirai__segment_release(segment);
    if (things.live != 0) abort();
    return 0;
}
