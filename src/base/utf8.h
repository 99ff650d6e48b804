/*
 * utf8: validation (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF), and cutting.
 */
#ifndef MIRAI__UTF8_H
#define MIRAI__UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool mirai__utf8_valid(const char *text, size_t size);
/* The largest size, at most `size`, at which text that was valid can be cut without splitting a character. */
size_t mirai__utf8_cut(const char *text, size_t size);
/* Owned text of any bytes: those that are no valid UTF-8, and NULs, become question marks. NULL: no memory. */
char *mirai__utf8_clean(const char *data, size_t size);
/* A class, function or module name: NULL-safe, 1 to 255 bytes of valid UTF-8. */
bool mirai__name_valid(const char *name);

#endif
