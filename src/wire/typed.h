/*
 * typed: which element types have a tag of their own in RFC 8746 (little-endian ones only).
 */
#ifndef MIRAI__TYPED_H
#define MIRAI__TYPED_H

#include <miraicore/value.h>

uint64_t mirai__typed_tag(mirai_dtype dtype); /* 0: none */
mirai_dtype mirai__typed_dtype(uint64_t tag); /* 0: none */

#endif
