/*
 * typed: the tags of RFC 8746 that we use, by element type. Constants; any thread.
 *
 * Elements lie in memory as they travel, so the library needs a little-endian machine.
 */
#include "typed.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements travel in little-endian order");

static const struct {
    mirai_dtype dtype;
    uint64_t tag;
} pairs[] = {
    {MIRAI_DTYPE_UINT8, 64},   {MIRAI_DTYPE_UINT16, 69},  {MIRAI_DTYPE_UINT32, 70},
    {MIRAI_DTYPE_UINT64, 71},  {MIRAI_DTYPE_INT8, 72},    {MIRAI_DTYPE_INT16, 77},
    {MIRAI_DTYPE_INT32, 78},   {MIRAI_DTYPE_INT64, 79},   {MIRAI_DTYPE_FLOAT16, 84},
    {MIRAI_DTYPE_FLOAT32, 85}, {MIRAI_DTYPE_FLOAT64, 86},
};

uint64_t mirai__typed_tag(mirai_dtype dtype)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].dtype == dtype) return pairs[i].tag;
    }
    return 0;
}

mirai_dtype mirai__typed_dtype(uint64_t tag)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].tag == tag) return pairs[i].dtype;
    }
    return 0;
}
