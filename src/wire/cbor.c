/*
 * cbor: heads, strings and floats of RFC 8949 (cbor.h). Stateless; any thread.
 * Floats are narrowed and widened by their bits, so that NaN payloads and signs survive.
 */
#include <string.h>

#include "cbor.h"
#include "detail.h"

/* ---- floats ------------------------------------------------------------------------------------
 */

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double float_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* An IEEE format, by the sizes of its fields. */
typedef struct format {
    int exponent_bits, mantissa_bits;
} format;

static const format half = {5, 10}, single = {8, 23};

static uint64_t low_bits(int count)
{
    return ((uint64_t)1 << count) - 1;
}

/* A binary64 as the same number in a narrower format; false when that is not exact. */
static bool narrow(uint64_t bits, const format *to, uint64_t *out)
{
    int bias = (1 << (to->exponent_bits - 1)) - 1;
    int drop = 52 - to->mantissa_bits;
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    uint64_t mantissa = bits & low_bits(52);
    uint64_t biased;
    if (exponent == 1024) { /* infinities, NaNs */
        biased = low_bits(to->exponent_bits);
    } else if (exponent == -1023) { /* zeros; a subnormal binary64 is too small for all else */
        if (mantissa != 0) return false;
        biased = 0;
    } else if (exponent > bias) {
        return false;
    } else if (exponent >= 1 - bias) {
        biased = (uint64_t)(exponent + bias);
    } else { /* subnormal in the narrower format: the hidden bit becomes visible */
        biased = 0;
        mantissa |= (uint64_t)1 << 52;
        drop += 1 - bias - exponent;
        if (drop > 52) return false;
    }
    if ((mantissa & low_bits(drop)) != 0) return false;
    uint64_t sign = bits >> 63 << (to->exponent_bits + to->mantissa_bits);
    *out = sign | biased << to->mantissa_bits | mantissa >> drop;
    return true;
}

static uint64_t widen(uint64_t bits, const format *from)
{
    int bias = (1 << (from->exponent_bits - 1)) - 1;
    uint64_t sign = bits >> (from->exponent_bits + from->mantissa_bits) << 63;
    uint64_t biased = bits >> from->mantissa_bits & low_bits(from->exponent_bits);
    uint64_t mantissa = bits & low_bits(from->mantissa_bits);
    int grow = 52 - from->mantissa_bits;
    if (biased == low_bits(from->exponent_bits)) {
        return sign | (uint64_t)0x7ff << 52 | mantissa << grow;
    }
    if (biased != 0) return sign | (biased + 1023 - (uint64_t)bias) << 52 | mantissa << grow;
    if (mantissa == 0) return sign;
    int exponent = 1 - bias;
    while ((mantissa >> from->mantissa_bits & 1) == 0) {
        mantissa <<= 1;
        exponent--;
    }
    mantissa &= low_bits(from->mantissa_bits);
    return sign | (uint64_t)(exponent + 1023) << 52 | mantissa << grow;
}

/* The narrowest form of a binary64: its width in bytes and its bits. */
static int shortest(uint64_t bits, uint64_t *out)
{
    if (narrow(bits, &half, out)) return 2;
    if (narrow(bits, &single, out)) return 4;
    *out = bits;
    return 8;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* A first byte and a big-endian argument of `width` bytes behind it. */
static mirai_status put_head(mirai__bytes *out, int major, int low, uint64_t argument, int width)
{
    MIRAI_TRY(mirai__bytes_reserve(out, (size_t)width + 1));
    uint8_t *head = out->data + out->size;
    head[0] = (uint8_t)(major << 5 | low);
    for (int i = 0; i < width; i++) head[1 + i] = (uint8_t)(argument >> (8 * (width - 1 - i)));
    out->size += (size_t)width + 1;
    return MIRAI_OK;
}

mirai_status mirai__cbor_put(mirai__bytes *out, int major, uint64_t argument)
{
    if (argument < 24) return put_head(out, major, (int)argument, 0, 0);
    if (argument <= UINT8_MAX) return put_head(out, major, 24, argument, 1);
    if (argument <= UINT16_MAX) return put_head(out, major, 25, argument, 2);
    if (argument <= UINT32_MAX) return put_head(out, major, 26, argument, 4);
    return put_head(out, major, 27, argument, 8);
}

mirai_status mirai__cbor_put_int(mirai__bytes *out, int64_t number)
{
    if (number >= 0) return mirai__cbor_put(out, MIRAI__CBOR_UINT, (uint64_t)number);
    return mirai__cbor_put(out, MIRAI__CBOR_NINT, ~(uint64_t)number);
}

mirai_status mirai__cbor_put_float(mirai__bytes *out, double number)
{
    uint64_t bits;
    int width = shortest(bits_of(number), &bits);
    return put_head(out, MIRAI__CBOR_SIMPLE, width == 2 ? 25 : width == 4 ? 26 : 27, bits, width);
}

mirai_status mirai__cbor_put_string(mirai__bytes *out, int major, const void *data, size_t size)
{
    MIRAI_TRY(mirai__cbor_put(out, major, size));
    return size > 0 ? mirai__bytes_append(out, data, size) : MIRAI_OK;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* The argument must not have fitted a shorter head. Floats are checked by mirai__cbor_float(). */
static bool is_shortest(const mirai__cbor_head *head)
{
    switch (head->width) {
    case 0: return true;
    case 1: return head->major != MIRAI__CBOR_SIMPLE && head->argument >= 24;
    case 2: return head->major == MIRAI__CBOR_SIMPLE || head->argument > UINT8_MAX;
    case 4: return head->major == MIRAI__CBOR_SIMPLE || head->argument > UINT16_MAX;
    default: return head->major == MIRAI__CBOR_SIMPLE || head->argument > UINT32_MAX;
    }
}

/* The fewest bytes that what the head announces can take. */
static bool is_possible(const mirai__cbor_head *head, size_t left)
{
    switch (head->major) {
    case MIRAI__CBOR_BYTES:
    case MIRAI__CBOR_TEXT:
    case MIRAI__CBOR_ARRAY: return head->argument <= left;
    case MIRAI__CBOR_MAP: return head->argument <= left / 2;
    case MIRAI__CBOR_TAG: return left > 0;
    default: return true;
    }
}

mirai_status mirai__cbor_get(mirai__cbor *in, mirai__cbor_head *out)
{
    if (in->at == in->end) return mirai__fail(MIRAI_E_DECODE, "the message ends too early");
    uint8_t first = *in->at++;
    int low = first & 31;
    out->major = first >> 5;
    out->width = 0;
    out->argument = (uint64_t)low;
    if (low > 27) {
        return mirai__fail(MIRAI_E_DECODE, "byte 0x%02x: an indefinite length or a reserved head",
                           first);
    }
    if (low >= 24) {
        out->width = 1 << (low - 24);
        if (in->end - in->at < out->width) {
            return mirai__fail(MIRAI_E_DECODE, "the message ends too early");
        }
        out->argument = 0;
        for (int i = 0; i < out->width; i++) out->argument = out->argument << 8 | *in->at++;
    }
    if (!is_shortest(out)) {
        return mirai__fail(MIRAI_E_DECODE, "byte 0x%02x: not the shortest form of its number",
                           first);
    }
    if (!is_possible(out, (size_t)(in->end - in->at))) {
        return mirai__fail(MIRAI_E_DECODE, "byte 0x%02x announces more than the message holds",
                           first);
    }
    return MIRAI_OK;
}

mirai_status mirai__cbor_expect(mirai__cbor *in, int major, const char *what, uint64_t *argument)
{
    mirai__cbor_head head = {0};
    MIRAI_TRY(mirai__cbor_get(in, &head));
    if (head.major != major) {
        return mirai__fail(MIRAI_E_DECODE, "%s: item of type %d where type %d belongs", what,
                           head.major, major);
    }
    *argument = head.argument;
    return MIRAI_OK;
}

const uint8_t *mirai__cbor_take(mirai__cbor *in, uint64_t size)
{
    const uint8_t *data = in->at;
    in->at += size;
    return data;
}

mirai_status mirai__cbor_float(const mirai__cbor_head *head, double *out)
{
    uint64_t bits = head->argument, unused;
    if (head->width < 8) bits = widen(bits, head->width == 2 ? &half : &single);
    if (shortest(bits, &unused) != head->width) {
        return mirai__fail(MIRAI_E_DECODE, "a float is not in its shortest form");
    }
    *out = float_of(bits);
    return MIRAI_OK;
}
