/*
 * value_text: writing lines for print hooks and for our own printing, and the public calls that
 * print.
 *
 * A failed write makes the text dead: later writes do nothing, and the status comes out at the end.
 * So nobody in between has to check. Owned by one thread: the one that prints.
 */
#include "value_text.h"

#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"

#define LINES_MAX 2000

static void append(mirai_text *text, const char *data, size_t size)
{
    if (text->status == MIRAI_OK) text->status = mirai__bytes_append(&text->bytes, data, size);
}

static void append_blanks(mirai_text *text, size_t count)
{
    static const char blanks[] = "                                ";
    for (size_t size; count; count -= size) {
        size = count < sizeof(blanks) - 1 ? count : sizeof(blanks) - 1;
        append(text, blanks, size);
    }
}

/* The indentation waits for the first character of its line, so that empty lines stay empty. */
static void begin_line(mirai_text *text)
{
    if (!text->is_line_begun) append_blanks(text, text->indent);
    text->is_line_begun = true;
}

static void put_in_line(mirai_text *text, const char *data, size_t size)
{
    if (size == 0) return;
    begin_line(text);
    append(text, data, size);
}

void mirai__text_pad(mirai_text *text, size_t spaces)
{
    if (spaces == 0) return;
    begin_line(text);
    append_blanks(text, spaces);
}

void mirai__text_put(mirai_text *text, const char *data, size_t size)
{
    const char *newline;
    while (size && (newline = memchr(data, '\n', size))) {
        size_t line = (size_t)(newline - data);
        put_in_line(text, data, line);
        append(text, "\n", 1);
        text->is_line_begun = false;
        text->lines++;
        data += line + 1;
        size -= line + 1;
    }
    put_in_line(text, data, size);
}

void mirai__text_puts(mirai_text *text, const char *data)
{
    mirai__text_put(text, data, strlen(data));
}

static mirai_status text_vprintf(mirai_text *text, const char *format, va_list arguments)
{
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    mirai_status status = mirai__bytes_vprintf(&bytes, format, arguments);
    if (status == MIRAI_OK) mirai__text_put(text, (const char *)bytes.data, bytes.size);
    mirai__bytes_fini(&bytes);
    if (text->status == MIRAI_OK) text->status = status;
    return text->status;
}

void mirai__text_printf(mirai_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)text_vprintf(text, format, arguments);
    va_end(arguments);
}

/* Bytes of a control character at data: 1 or 2 (U+0080 to U+009F); 0: it is none. Sets its number.
 */
static size_t control_size(const char *data, size_t size, unsigned *number)
{
    unsigned char first = (unsigned char)data[0];
    *number = first;
    if (first < 0x20 || first == 0x7f) return 1;
    if (first != 0xc2 || size < 2 || (unsigned char)data[1] >= 0xa0) return 0;
    *number = (unsigned char)data[1];
    return 2;
}

/* `kept`: control characters that stay; `marked`: others that get a backslash. */
static void put_escaped(mirai_text *text, const char *data, size_t size, const char *kept,
                        const char *marked)
{
    static const char letters[] = "abtnvfr"; /* of 7 to 13 */
    size_t from = 0;
    for (size_t at = 0, step = 1; at < size; at += step) {
        unsigned number;
        size_t control = control_size(data + at, size - at, &number);
        bool is_marked = control == 0 && data[at] && strchr(marked, data[at]);
        step = control ? control : 1;
        if (!is_marked && (control == 0 || (number && number < 0x20 && strchr(kept, (int)number))))
            continue;
        mirai__text_put(text, data + from, at - from);
        from = at + step;
        if (is_marked)
            mirai__text_printf(text, "\\%c", data[at]);
        else if (number >= 7 && number <= 13)
            mirai__text_printf(text, "\\%c", letters[number - 7]);
        else
            mirai__text_printf(text, "\\u%04x", number);
    }
    mirai__text_put(text, data + from, size - from);
}

void mirai__text_put_plain(mirai_text *text, const char *data, size_t size)
{
    put_escaped(text, data, size, "\n\t", "");
}

void mirai__text_put_quoted(mirai_text *text, const char *data, size_t size)
{
    mirai__text_put(text, "\"", 1);
    put_escaped(text, data, size, "", "\"\\");
    mirai__text_put(text, "\"", 1);
}

mirai__text_mark mirai__text_get_mark(const mirai_text *text)
{
    return (mirai__text_mark){text->bytes.size, text->lines, text->is_line_begun};
}

void mirai__text_go_back(mirai_text *text, mirai__text_mark mark)
{
    text->bytes.size = mark.size;
    text->lines = mark.lines;
    text->is_line_begun = mark.is_line_begun;
}

void mirai__text_trim(mirai_text *text, mirai__text_mark mark)
{
    while (text->bytes.size > mark.size && text->bytes.data[text->bytes.size - 1] == '\n') {
        text->bytes.size--;
        text->lines--;
        text->is_line_begun = true;
    }
}

bool mirai__text_is_full(mirai_text *text)
{
    if (text->status != MIRAI_OK) return true;
    if (text->lines < LINES_MAX) return false;
    if (!text->is_cut) mirai__text_puts(text, "... (cut here)");
    text->is_cut = true;
    return true;
}

/* ---- for print hooks ------------------------------------------------------------------------- */

mirai_status mirai_text_printf(mirai_text *text, const char *format, ...)
{
    if (!text || !format)
        return mirai__fail(MIRAI_E_INVALID, "%s is NULL", text ? "format" : "text");
    va_list arguments;
    va_start(arguments, format);
    mirai_status status = text_vprintf(text, format, arguments);
    va_end(arguments);
    return status;
}

mirai_status mirai_text_value(mirai_text *text, const mirai_value *value)
{
    if (!text) return mirai__fail(MIRAI_E_INVALID, "text is NULL");
    mirai__text_print(text, value);
    return text->status;
}

/* ---- printing -------------------------------------------------------------------------------- */

mirai_status mirai_value_format(const mirai_value *value, char **out)
{
    if (!out) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    mirai_text text = {.status = MIRAI_OK};
    mirai__bytes_init(&text.bytes);
    mirai__text_print(&text, value);
    mirai__text_put(&text, "\n", 1);
    char *made = text.status == MIRAI_OK ? mirai__bytes_steal_text(&text.bytes) : NULL;
    mirai__bytes_fini(&text.bytes);
    if (!made) return text.status == MIRAI_OK ? MIRAI_E_NOMEM : text.status;
    *out = made;
    return MIRAI_OK;
}

mirai_status mirai_value_print(const mirai_value *value, FILE *stream)
{
    if (!stream) return mirai__fail(MIRAI_E_INVALID, "stream is NULL");
    char *text;
    MIRAI_TRY(mirai_value_format(value, &text));
    mirai_status status = MIRAI_OK;
    errno = 0;
    if (fputs(text, stream) == EOF) {
        int error = errno;
        char reason[128];
        status = mirai__fail(MIRAI_E_SYSTEM, "the value could not be written: %s",
                             strerror_r(error, reason, sizeof(reason)));
    }
    mirai_text_free(text);
    return status;
}

void mirai_text_free(char *text)
{
    mirai__free(text);
}
