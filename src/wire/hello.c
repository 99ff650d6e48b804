/*
 * hello: the record of a daemon's first frame (FORMAT.md section 8). Stateless; any thread.
 * What a stranger sends is read here: the size first, then the token, and only then all else.
 */
#include <string.h>

#include "buffer_private.h"
#include "detail.h"
#include "hello.h"
#include "le.h"
#include "utf8.h"

/* Offsets in the record. */
enum {
    AT_TOKEN = 0,
    AT_WIRE_VERSION = 16,
    AT_LIBRARY_VERSION = 20,
    AT_PID = 24,
    AT_LAUNCH = 32,
    AT_BUILD_ID = 40,
    AT_FLAGS = 60,
    AT_HOST = 64
};

mirai_status mirai__hello_frame(const mirai__hello *hello, mirai__frame *out)
{
    mirai__segment *segment = mirai__segment_alloc(MIRAI__HELLO_SIZE, 0);
    if (!segment) return MIRAI_E_NOMEM;
    uint8_t *record = segment->body;
    memset(record, 0, MIRAI__HELLO_SIZE);
    memcpy(record + AT_TOKEN, hello->token, MIRAI__TOKEN_SIZE);
    mirai__store_le32(record + AT_WIRE_VERSION, hello->wire_version);
    mirai__store_le32(record + AT_LIBRARY_VERSION, hello->library_version);
    mirai__store_le64(record + AT_PID, hello->pid);
    mirai__store_le64(record + AT_LAUNCH, hello->launch);
    memcpy(record + AT_BUILD_ID, hello->build_id, MIRAI__BUILD_ID_SIZE);
    mirai__store_le32(record + AT_FLAGS, hello->flags);
    memcpy(record + AT_HOST, hello->host, strnlen(hello->host, sizeof hello->host - 1));
    *out = (mirai__frame){.kind = MIRAI__FRAME_HELLO, .segment = segment};
    return MIRAI_OK;
}

/* Takes the same time whatever the bytes are. */
static bool is_same_token(const uint8_t *a, const uint8_t *b)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < MIRAI__TOKEN_SIZE; i++)
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

/* A name, then nothing but NULs. */
static bool is_host(const uint8_t *host, size_t size)
{
    size_t length = strnlen((const char *)host, size);
    if (length == size || !mirai__utf8_valid((const char *)host, length)) return false;
    for (size_t i = length; i < size; i++) {
        if (host[i] != 0) return false;
    }
    return true;
}

mirai_status mirai__hello_read(const mirai__frame *frame, const uint8_t *token, mirai__hello *out)
{
    const mirai__segment *segment = frame->segment;
    if (frame->kind != MIRAI__FRAME_HELLO || !segment || segment->count > 0 ||
        segment->body_size != MIRAI__HELLO_SIZE) {
        return mirai__fail(MIRAI_E_PROTOCOL, "the first frame is no hello");
    }
    const uint8_t *record = segment->body;
    if (token && !is_same_token(record + AT_TOKEN, token)) {
        return mirai__fail(MIRAI_E_AUTH, "a daemon said hello with a wrong token");
    }
    mirai__hello hello = {
        .wire_version = mirai__load_le32(record + AT_WIRE_VERSION),
        .library_version = mirai__load_le32(record + AT_LIBRARY_VERSION),
        .pid = mirai__load_le64(record + AT_PID),
        .launch = mirai__load_le64(record + AT_LAUNCH),
        .flags = mirai__load_le32(record + AT_FLAGS),
    };
    if (hello.wire_version < MIRAI__WIRE_VERSION) {
        return mirai__fail(MIRAI_E_VERSION, "a daemon speaks wire version %u at most; this is %d",
                           (unsigned)hello.wire_version, MIRAI__WIRE_VERSION);
    }
    if (hello.flags & ~(uint32_t)MIRAI__HELLO_SELF) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a hello has unknown flags 0x%08x",
                           (unsigned)hello.flags);
    }
    if (!is_host(record + AT_HOST, sizeof hello.host)) {
        return mirai__fail(MIRAI_E_PROTOCOL, "a hello's name of a machine is malformed");
    }
    memcpy(hello.token, record + AT_TOKEN, MIRAI__TOKEN_SIZE);
    memcpy(hello.build_id, record + AT_BUILD_ID, MIRAI__BUILD_ID_SIZE);
    memcpy(hello.host, record + AT_HOST, sizeof hello.host);
    *out = hello;
    return MIRAI_OK;
}
