/*
 * utf8: a decoder that only says yes or no, and what follows from it. Any thread.
 */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

#include "alloc.h"

/* Bytes of the character that a leading byte begins; 0 when it can begin none. */
static size_t length_of(uint8_t lead)
{
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0; /* a continuation, or an overlong form of ASCII */
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) return 3;
    return lead < 0xF5 ? 4 : 0;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The range of the second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
 */
static bool second_fits(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xE0: return second >= 0xA0;
    case 0xED: return second < 0xA0;
    case 0xF0: return second >= 0x90;
    case 0xF4: return second < 0x90;
    default: return true;
    }
}

static size_t skip_ascii(const uint8_t *at, size_t size)
{
    size_t skipped = 0;
    for (uint64_t word; size - skipped >= sizeof word; skipped += sizeof word) {
        memcpy(&word, at + skipped, sizeof word);
        if (word & UINT64_C(0x8080808080808080)) break;
    }
    while (skipped < size && at[skipped] < 0x80) skipped++;
    return skipped;
}

bool mirai__utf8_valid(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    for (;;) {
        size_t ascii = skip_ascii(at, size);
        size -= ascii;
        if (size == 0) return true;
        at += ascii;
        size_t length = length_of(*at);
        if (length == 0 || length > size || !second_fits(at[0], at[1])) return false;
        for (size_t i = 1; i < length; i++)
            if (!is_continuation(at[i])) return false;
        at += length;
        size -= length;
    }
}

size_t mirai__utf8_cut(const char *text, size_t size)
{
    size_t back = 0;
    while (back < size && back < 3 && is_continuation((uint8_t)text[size - 1 - back])) back++;
    if (back == size) return size;
    size_t length = length_of((uint8_t)text[size - 1 - back]);
    return length > back + 1 ? size - back - 1 : size;
}

bool mirai__name_valid(const char *name)
{
    if (name == NULL) return false;
    size_t size = strnlen(name, 256);
    return size >= 1 && size <= 255 && mirai__utf8_valid(name, size);
}

/* Bytes of the character at `text`; 0 when there is no valid one. */
static size_t character(const char *text, size_t left)
{
    size_t size = length_of((uint8_t)*text);
    if (*text == '\0' || size > left || !mirai__utf8_valid(text, size)) return 0;
    return size;
}

char *mirai__utf8_clean(const char *data, size_t size)
{
    char *text = size < SIZE_MAX ? mirai__alloc(size + 1) : NULL;
    if (text == NULL) return NULL;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        size_t step = character(data + at, size - at);
        if (step > 0)
            memcpy(text + used, data + at, step);
        else
            text[used] = '?';
        used += step > 0 ? step : 1;
        at += step > 0 ? step : 1;
    }
    text[used] = '\0';
    return text;
}
