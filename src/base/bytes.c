/*
 * bytes: growing by doubling, so that n appends cost O(n). Owned by one thread.
 */
#include "bytes.h"

#include <stdbool.h>
#include <stdio.h>

#include "alloc.h"
#include "detail.h"

void mirai__bytes_init(mirai__bytes *bytes)
{
    *bytes = (mirai__bytes){NULL, 0, 0, NULL};
}

void mirai__bytes_lend(mirai__bytes *bytes, void *memory, size_t size)
{
    *bytes = (mirai__bytes){memory, 0, size, memory};
}

void mirai__bytes_fini(mirai__bytes *bytes)
{
    if (bytes->data != bytes->lent) mirai__free(bytes->data);
    mirai__bytes_init(bytes);
}

mirai_status mirai__bytes_grow(mirai__bytes *bytes, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(bytes->size, more, &need))
        return mirai__fail(MIRAI_E_NOMEM, "out of memory for %zu more bytes", more);
    size_t capacity = bytes->capacity < 64 ? 64 : bytes->capacity;
    while (capacity < need) capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    bool is_lent = bytes->data == bytes->lent;
    uint8_t *data = mirai__realloc(is_lent ? NULL : bytes->data, capacity, 1);
    if (data == NULL) return MIRAI_E_NOMEM;
    if (is_lent && bytes->size > 0) memcpy(data, bytes->data, bytes->size);
    bytes->data = data;
    bytes->capacity = capacity;
    return MIRAI_OK;
}

mirai_status mirai__bytes_vprintf(mirai__bytes *bytes, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    mirai_status status = MIRAI_OK;
    size_t room = bytes->capacity - bytes->size;
    int size =
        vsnprintf(room == 0 ? NULL : (char *)bytes->data + bytes->size, room, format, arguments);
    if (size < 0) {
        status = mirai__fail(MIRAI_E_INVALID, "text cannot be formatted");
    } else if ((size_t)size >= room) { /* vsnprintf also writes a NUL, which is not counted */
        status = mirai__bytes_reserve(bytes, (size_t)size + 1);
        if (status == MIRAI_OK)
            (void)vsnprintf((char *)bytes->data + bytes->size, (size_t)size + 1, format, again);
    }
    if (status == MIRAI_OK) bytes->size += (size_t)size;
    va_end(again);
    return status;
}

mirai_status mirai__bytes_printf(mirai__bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    mirai_status status = mirai__bytes_vprintf(bytes, format, arguments);
    va_end(arguments);
    return status;
}

char *mirai__bytes_steal_text(mirai__bytes *bytes)
{
    if (mirai__bytes_reserve(bytes, 1) != MIRAI_OK) return NULL;
    bytes->data[bytes->size] = '\0';
    char *text = (char *)bytes->data;
    if (bytes->data == bytes->lent && (text = mirai__strndup(text, bytes->size)) == NULL) return NULL;
    mirai__bytes_init(bytes);
    return text;
}
