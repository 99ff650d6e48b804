/*
 * le: unaligned little-endian numbers.
 */
#ifndef MIRAI__LE_H
#define MIRAI__LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define MIRAI__LE(bits)                                                                            \
    static inline uint##bits##_t mirai__load_le##bits(const void *from)                            \
    {                                                                                              \
        uint##bits##_t number;                                                                     \
        memcpy(&number, from, sizeof number);                                                      \
        return le##bits##toh(number);                                                              \
    }                                                                                              \
    static inline void mirai__store_le##bits(void *to, uint##bits##_t number)                      \
    {                                                                                              \
        number = htole##bits(number);                                                              \
        memcpy(to, &number, sizeof number);                                                        \
    }

MIRAI__LE(16)
MIRAI__LE(32)
MIRAI__LE(64)
#undef MIRAI__LE

#endif
