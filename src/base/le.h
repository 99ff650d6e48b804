/*
 * le: unaligned little-endian numbers.
 */
#ifndef MIRAI__LE_H
#define MIRAI__LE_H

#include <stdint.h>
#include <string.h>

#define MIRAI__LE(bits)                                                                            \
    static inline uint##bits##_t mirai__load_le##bits(const void *from)                            \
    {                                                                                              \
        const uint8_t *bytes = from;                                                               \
        uint##bits##_t number = 0;                                                                 \
        for (unsigned i = 0; i < bits / 8; i++)                                                    \
            number = (uint##bits##_t)(number | (uint##bits##_t)((uint##bits##_t)bytes[i] << (8 * i))); \
        return number;                                                                             \
    }                                                                                              \
    static inline void mirai__store_le##bits(void *to, uint##bits##_t number)                      \
    {                                                                                              \
        uint8_t *bytes = to;                                                                       \
        for (unsigned i = 0; i < bits / 8; i++) bytes[i] = (uint8_t)(number >> (8 * i));           \
    }

MIRAI__LE(16)
MIRAI__LE(32)
MIRAI__LE(64)
#undef MIRAI__LE

#endif
