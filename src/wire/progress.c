/*
 * progress: written as the list that it is, read head by head. Stateless; any thread.
 */
#include "progress.h"

#include <string.h>

#include "alloc.h"
#include "cbor.h"
#include "detail.h"
#include "message.h"
#include "utf8.h"

mirai_status mirai__progress_write(double fraction, const char *text, mirai__segment **out)
{
    mirai_value *said = mirai_list_of(mirai_float(fraction),
                                      text != NULL ? mirai_string(text) : mirai_null(), MIRAI_END);
    if (said == NULL) return MIRAI_E_NOMEM;
    mirai_status status = mirai__encode(said, NULL, 0, out);
    mirai_value_release(said);
    return status;
}

/* A string, in place; NULL for null. */
static mirai_status read_text(mirai__cbor *in, const char **text, size_t *size)
{
    mirai__cbor_head head;
    MIRAI_TRY(mirai__cbor_get(in, &head));
    *text = NULL;
    *size = 0;
    if (head.major == MIRAI__CBOR_SIMPLE && head.width == 0 && head.argument == MIRAI__CBOR_NULL)
        return MIRAI_OK;
    if (head.major != MIRAI__CBOR_TEXT || head.argument > MIRAI__PROGRESS_TEXT_MOST)
        return mirai__fail(MIRAI_E_DECODE, "no text of at most %d bytes", MIRAI__PROGRESS_TEXT_MOST);
    *size = (size_t)head.argument;
    *text = (const char *)mirai__cbor_take(in, head.argument);
    if (mirai__utf8_valid(*text, *size) && memchr(*text, 0, *size) == NULL) return MIRAI_OK;
    return mirai__fail(MIRAI_E_DECODE, "the text is no UTF-8, or has a NUL in it");
}

static mirai_status read_all(mirai__cbor *in, double *fraction, const char **text, size_t *size)
{
    mirai__cbor_head head;
    uint64_t count;
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_ARRAY, "message", &count));
    if (count != 1) return mirai__fail(MIRAI_E_DECODE, "a message with objects");
    MIRAI_TRY(mirai__cbor_expect(in, MIRAI__CBOR_ARRAY, "list", &count));
    if (count != 2) return mirai__fail(MIRAI_E_DECODE, "a list of %llu", (unsigned long long)count);
    MIRAI_TRY(mirai__cbor_get(in, &head));
    if (head.major != MIRAI__CBOR_SIMPLE || head.width < 2)
        return mirai__fail(MIRAI_E_DECODE, "no fraction");
    MIRAI_TRY(mirai__cbor_float(&head, fraction));
    if (!(*fraction >= 0 && *fraction <= 1))
        return mirai__fail(MIRAI_E_DECODE, "a fraction of %g", *fraction);
    MIRAI_TRY(read_text(in, text, size));
    if (in->at == in->end) return MIRAI_OK;
    return mirai__fail(MIRAI_E_DECODE, "something follows");
}

mirai_status mirai__progress_read(const mirai__segment *segment, double *fraction, char **text)
{
    *text = NULL;
    if (segment == NULL || segment->count > 0)
        return mirai__fail(MIRAI_E_PROTOCOL, "progress without a body, or with buffers");
    mirai__cbor in = {.at = segment->body, .end = segment->body + segment->body_size};
    const char *found = NULL;
    size_t size = 0;
    double number = 0;
    if (read_all(&in, &number, &found, &size) != MIRAI_OK) return MIRAI_E_PROTOCOL;
    if (found != NULL) {
        *text = mirai__strndup(found, size);
        if (*text == NULL) return MIRAI_E_NOMEM;
    }
    *fraction = number;
    return MIRAI_OK;
}
