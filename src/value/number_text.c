/*
 * number_text: numbers as text. The C library finds the digits; where they go is decided here, so
 * that the locale's decimal point never shows. Any thread; no lock.
 */
#include "number_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A binary format: bits of precision, exponent of its smallest step, and digits that always survive
 * it. */
typedef struct format {
    int bits, lowest, digits;
} format;

static format format_of(mirai_dtype dtype)
{
    switch (mirai__dtype_part(dtype)) {
    case MIRAI_DTYPE_FLOAT16: return (format){11, -24, 3};
    case MIRAI_DTYPE_BFLOAT16: return (format){8, -133, 2};
    case MIRAI_DTYPE_FLOAT32: return (format){24, -149, 6};
    default: return (format){53, -1074, 15};
    }
}

/* d1.d2d3... times ten to the exponent. */
typedef struct decimal {
    char digits[20];
    int count, exponent;
} decimal;

/* The exponent of the step from a number to its neighbours; the lowest where digits are being lost.
 */
static int step_of(double number, format format)
{
    int exponent;
    frexp(number, &exponent);
    int step = exponent - format.bits;
    return step > format.lowest ? step : format.lowest;
}

/* Whether `read` would be rounded to `number`, which is positive, in the format. */
static bool reads_back(double number, double read, format format)
{
    int step = step_of(number, format), exponent;
    double half = ldexp(0.5, step);
    /* Below a power of two the steps are half as long. */
    bool is_power = frexp(number, &exponent) == 0.5;
    if (is_power && read < number && step > format.lowest) half /= 2;
    return read == number || fabs(read - number) < half;
}

static void take_digits(const char *text, decimal *out)
{
    out->count = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9') out->digits[out->count++] = *text;
    out->exponent = *text ? atoi(text + 1) : 0;
    while (out->count > 1 && out->digits[out->count - 1] == '0') out->count--;
}

static void find_digits(double number, format format, int most, decimal *out)
{
    char text[64];
    int wanted = step_of(number, format) > format.lowest ? format.digits : 1;
    if (wanted > most) wanted = most;
    for (;; wanted++) {
        snprintf(text, sizeof(text), "%.*e", wanted - 1, number);
        if (wanted >= 17 || reads_back(number, strtod(text, NULL), format)) break;
        if (wanted < most) continue;
        /* Cut off, but never before the decimal point. */
        take_digits(text, out);
        if (out->exponent + 1 <= wanted || out->exponent >= 16) return;
        most = out->exponent + 1;
    }
    take_digits(text, out);
}

/* Far more than a number takes. */
#define PART_MAX 32
_Static_assert(2 * PART_MAX + 4 <= MIRAI__NUMBER_TEXT_MAX, "a complex number has two parts");

static size_t print(char *out, const char *format, ...) MIRAI_PRINTF(2, 3);

static size_t print(char *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out, PART_MAX, format, arguments);
    va_end(arguments);
    return size < 0 ? 0 : (size_t)size;
}

static size_t lay_out(char *out, const decimal *number)
{
    const char *digits = number->digits;
    int count = number->count, exponent = number->exponent;
    if (exponent < -4 || exponent >= 16)
        return print(out, "%c%s%.*se%+03d", digits[0], count > 1 ? "." : "", count - 1, digits + 1,
                     exponent);
    if (exponent < 0) return print(out, "0.%.*s%.*s", -exponent - 1, "000", count, digits);
    if (count <= exponent + 1)
        return print(out, "%.*s%.*s.0", count, digits, exponent + 1 - count, "000000000000000");
    return print(out, "%.*s.%.*s", exponent + 1, digits, count - exponent - 1,
                 digits + exponent + 1);
}

size_t mirai__number_text(char *out, mirai_dtype dtype, double number, int digits)
{
    size_t sign = 0;
    if (isnan(number)) return print(out, "nan");
    if (signbit(number)) out[sign++] = '-';
    if (isinf(number)) return sign + print(out + sign, "inf");
    if (number == 0) return sign + print(out + sign, "0.0");
    decimal decimal;
    find_digits(fabs(number), format_of(dtype), digits, &decimal);
    return sign + lay_out(out + sign, &decimal);
}

size_t mirai__element_text(char *out, mirai_dtype dtype, const uint8_t *at, int digits)
{
    mirai__element element = mirai__element_load(dtype, at);
    size_t size;
    switch (element.kind) {
    case MIRAI__ELEMENT_BOOL: return print(out, "%s", element.integer ? "true" : "false");
    case MIRAI__ELEMENT_SIGNED: return print(out, "%lld", (long long)element.integer);
    case MIRAI__ELEMENT_UNSIGNED:
        return print(out, "%llu", (unsigned long long)element.unsigned_integer);
    case MIRAI__ELEMENT_COMPLEX:
        size = mirai__number_text(out, dtype, element.real, digits);
        if (!signbit(element.imaginary) || isnan(element.imaginary)) out[size++] = '+';
        size += mirai__number_text(out + size, dtype, element.imaginary, digits);
        out[size++] = 'i';
        out[size] = '\0';
        return size;
    default: return mirai__number_text(out, dtype, element.real, digits);
    }
}
