/*
 * bytes: a growable block of bytes. Owned by one thread. A failed append leaves it as it was.
 */
#ifndef MIRAI__BYTES_H
#define MIRAI__BYTES_H

#include <stdarg.h>
#include <stdint.h>
#include <miraicore/error.h>

typedef struct mirai__bytes {
    uint8_t *data;
    size_t size, capacity;
} mirai__bytes;

void mirai__bytes_init(mirai__bytes *bytes);
void mirai__bytes_fini(mirai__bytes *bytes);
mirai_status mirai__bytes_append(mirai__bytes *bytes, const void *data, size_t size);
mirai_status mirai__bytes_reserve(mirai__bytes *bytes, size_t more); /* room for `more` bytes at the end */
mirai_status mirai__bytes_printf(mirai__bytes *bytes, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
mirai_status mirai__bytes_vprintf(mirai__bytes *bytes, const char *format, va_list arguments);
/* Hand the block over, NUL-terminated (the NUL is not counted); bytes is then empty. NULL: no memory. */
char *mirai__bytes_steal_text(mirai__bytes *bytes);

#endif
