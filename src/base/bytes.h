/*
 * bytes: a growable block of bytes. Owned by one thread. A failed append leaves it as it was.
 */
#ifndef MIRAI__BYTES_H
#define MIRAI__BYTES_H

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <miraicore/error.h>

typedef struct mirai__bytes {
    uint8_t *data;
    size_t size, capacity;
    void *lent; /* not ours; data may be this */
} mirai__bytes;

void mirai__bytes_init(mirai__bytes *bytes);
/* As init, but the first bytes go into memory of the caller's, mostly of its stack: little is then never allocated. */
void mirai__bytes_lend(mirai__bytes *bytes, void *memory, size_t size);
void mirai__bytes_fini(mirai__bytes *bytes);
mirai_status mirai__bytes_grow(mirai__bytes *bytes, size_t more); /* the part of reserve that is seldom needed */

/* Room for `more` bytes at the end. */
static inline mirai_status mirai__bytes_reserve(mirai__bytes *bytes, size_t more)
{
    return more <= bytes->capacity - bytes->size ? MIRAI_OK : mirai__bytes_grow(bytes, more);
}

static inline mirai_status mirai__bytes_append(mirai__bytes *bytes, const void *data, size_t size)
{
    if (size == 0) return MIRAI_OK;
    MIRAI_TRY(mirai__bytes_reserve(bytes, size));
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return MIRAI_OK;
}

mirai_status mirai__bytes_printf(mirai__bytes *bytes, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
mirai_status mirai__bytes_vprintf(mirai__bytes *bytes, const char *format, va_list arguments);
/* Hand the block over, NUL-terminated (the NUL is not counted); bytes is then empty. NULL: no memory. */
char *mirai__bytes_steal_text(mirai__bytes *bytes);

#endif
