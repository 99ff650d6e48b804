/*
 * alloc: the one place that asks the C library for memory. Any thread; no lock.
 */
#include "alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <miraicore/buffer.h>

#include "detail.h"
#include "fault.h"

/* Larger sizes cannot be had, and make some allocators under test complain instead of failing. */
static const size_t LARGEST = PTRDIFF_MAX;

static void *fail(size_t count, size_t size)
{
    if (count == 1)
        (void)mirai__fail(MIRAI_E_NOMEM, "out of memory for %zu bytes", size);
    else
        (void)mirai__fail(MIRAI_E_NOMEM, "out of memory for %zu times %zu bytes", count, size);
    return NULL;
}

/* The size to ask for, never 0, so that success is never NULL; 0 when it must fail. */
static size_t permitted(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > LARGEST || mirai__fault()) return 0;
    return total == 0 ? 1 : total;
}

void *mirai__alloc(size_t size)
{
    size_t total = permitted(1, size);
    void *memory = total == 0 ? NULL : malloc(total);
    return memory == NULL ? fail(1, size) : memory;
}

void *mirai__alloc_zero(size_t count, size_t size)
{
    size_t total = permitted(count, size);
    void *memory = total == 0 ? NULL : calloc(1, total);
    return memory == NULL ? fail(count, size) : memory;
}

void *mirai__realloc(void *old, size_t count, size_t size)
{
    size_t total = permitted(count, size);
    void *memory = total == 0 ? NULL : realloc(old, total);
    return memory == NULL ? fail(count, size) : memory;
}

void *mirai__alloc_aligned(size_t size)
{
    size_t total = permitted(1, size);
    void *memory = NULL;
    if (total == 0 || posix_memalign(&memory, MIRAI_BUFFER_ALIGNMENT, total) != 0)
        return fail(1, size);
    return memory;
}

char *mirai__strdup(const char *text)
{
    return mirai__strndup(text, strlen(text));
}

char *mirai__strndup(const char *text, size_t size)
{
    if (size >= LARGEST) return fail(1, size);
    char *copy = mirai__alloc(size + 1);
    if (copy == NULL) return NULL;
    if (size > 0) memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *mirai__format(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    char *text = NULL;
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size < 0)
        (void)mirai__fail(MIRAI_E_INVALID, "text cannot be formatted");
    else
        text = mirai__alloc((size_t)size + 1);
    if (text != NULL) (void)vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

void mirai__free(void *memory)
{
    free(memory);
}
