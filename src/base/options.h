/*
 * options: reading a caller's struct whose first field is its size. A shorter struct is an older caller's: what it lacks
 * keeps its default (zero). A longer one is a newer caller's: what we do not know must be zero.
 */
#ifndef MIRAI__OPTIONS_H
#define MIRAI__OPTIONS_H

#include <stddef.h>
#include <miraicore/error.h>

/* Fill `into` (size bytes, struct_size set to it) from `from` (NULL: all zero). E_INVALID. */
mirai_status mirai__options_read(void *into, size_t size, const void *from, const char *what);

#endif
