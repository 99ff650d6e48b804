/*
 * frame: the header of 64 bytes, written and checked (FORMAT.md section 2). Stateless; any thread.
 */
#include <string.h>

#include "detail.h"
#include "frame_private.h"
#include "le.h"

static const uint8_t magic[4] = {'m', 'i', 'r', 0xa1};

/* Offsets in the header. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_KIND = 5,
    AT_FLAGS = 6,
    AT_AUX = 8,
    AT_BUFFERS = 12,
    AT_TASK = 16,
    AT_ATTEMPT = 24,
    AT_INCARNATION = 32,
    AT_BODY_SIZE = 40,
    AT_BODY_STORED = 48,
    AT_BUFFER_SIZE = 56
};

void mirai__frame_fini(mirai__frame *frame)
{
    mirai__segment_release(frame->segment);
    frame->segment = NULL;
}

void mirai__frame_header_write(const mirai__frame_header *header,
                               uint8_t out[MIRAI__FRAME_HEADER_SIZE])
{
    memcpy(out + AT_MAGIC, magic, sizeof magic);
    out[AT_VERSION] = MIRAI__WIRE_VERSION;
    out[AT_KIND] = header->kind;
    mirai__store_le16(out + AT_FLAGS, header->flags);
    mirai__store_le32(out + AT_AUX, (uint32_t)header->aux);
    mirai__store_le32(out + AT_BUFFERS, header->buffers);
    mirai__store_le64(out + AT_TASK, header->task);
    mirai__store_le64(out + AT_ATTEMPT, header->attempt);
    mirai__store_le64(out + AT_INCARNATION, header->incarnation);
    mirai__store_le64(out + AT_BODY_SIZE, header->body_size);
    mirai__store_le64(out + AT_BODY_STORED, header->body_stored);
    mirai__store_le64(out + AT_BUFFER_SIZE, header->buffer_size);
}

static bool is_known(uint8_t kind)
{
    switch (kind) {
#define KNOWN(name, number, from)                                                                  \
    case number: return true;
        MIRAI__FRAME_MAP(KNOWN)
#undef KNOWN
    default: return false;
    }
}

static bool has_body(uint8_t kind)
{
    switch (kind) {
    case MIRAI__FRAME_HELLO:
    case MIRAI__FRAME_WELCOME:
    case MIRAI__FRAME_JOB:
    case MIRAI__FRAME_RESULT:
    case MIRAI__FRAME_ENVIRON:
    case MIRAI__FRAME_PROGRESS:
    case MIRAI__FRAME_EMIT:
    case MIRAI__FRAME_SHARE: return true;
    default: return false;
    }
}

static mirai_status check_kind(const mirai__frame_header *header)
{
    if (!is_known(header->kind)) {
        return mirai__fail(MIRAI_E_PROTOCOL, "unknown kind of frame %u", header->kind);
    }
    if ((header->flags & ~(MIRAI__FRAME_COMPRESSED | MIRAI__FRAME_LENT)) ||
        header->flags == (MIRAI__FRAME_COMPRESSED | MIRAI__FRAME_LENT)) {
        return mirai__fail(MIRAI_E_PROTOCOL, "unknown flags 0x%04x in a frame", header->flags);
    }
    if (header->body_size == 0 && (header->buffers > 0 || header->buffer_size > 0)) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a frame has buffers, but no body");
    }
    if (header->body_size > 0 && !has_body(header->kind)) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a frame of kind %u has a body", header->kind);
    }
    return MIRAI_OK;
}

static mirai_status check_sizes(const mirai__frame_header *header, const mirai__limits *limits)
{
    bool is_compressed = header->flags & MIRAI__FRAME_COMPRESSED;
    if (is_compressed && !limits->compressed) {
        return mirai__fail(MIRAI_E_LIMIT, "a compressed frame before its sender is known");
    }
    if (header->body_stored > header->body_size ||
        (header->body_stored < header->body_size && (!is_compressed || header->body_stored == 0))) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a frame's body of %llu bytes is stored in %llu",
                           (unsigned long long)header->body_size,
                           (unsigned long long)header->body_stored);
    }
    if (header->body_size > limits->body_bytes || header->buffers > limits->buffers ||
        header->buffer_size > limits->buffer_bytes) {
        return mirai__fail(MIRAI_E_LIMIT,
                           "a frame announces a body of %llu bytes and %u buffers of %llu bytes",
                           (unsigned long long)header->body_size, header->buffers,
                           (unsigned long long)header->buffer_size);
    }
    return MIRAI_OK;
}

mirai_status mirai__frame_header_read(const uint8_t in[MIRAI__FRAME_HEADER_SIZE],
                                      const mirai__limits *limits, mirai__frame_header *out)
{
    if (memcmp(in + AT_MAGIC, magic, sizeof magic) != 0) {
        return mirai__fail(MIRAI_E_PROTOCOL, "what arrived is no frame of this library");
    }
    if (in[AT_VERSION] != MIRAI__WIRE_VERSION) {
        return mirai__fail(MIRAI_E_VERSION, "a frame of version %u; this library speaks %d",
                           in[AT_VERSION], MIRAI__WIRE_VERSION);
    }
    *out = (mirai__frame_header){
        .kind = in[AT_KIND],
        .flags = mirai__load_le16(in + AT_FLAGS),
        .aux = (int32_t)mirai__load_le32(in + AT_AUX),
        .buffers = mirai__load_le32(in + AT_BUFFERS),
        .task = mirai__load_le64(in + AT_TASK),
        .attempt = mirai__load_le64(in + AT_ATTEMPT),
        .incarnation = mirai__load_le64(in + AT_INCARNATION),
        .body_size = mirai__load_le64(in + AT_BODY_SIZE),
        .body_stored = mirai__load_le64(in + AT_BODY_STORED),
        .buffer_size = mirai__load_le64(in + AT_BUFFER_SIZE),
    };
    MIRAI_TRY(check_kind(out));
    return check_sizes(out, limits);
}
