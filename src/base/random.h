/*
 * random: numbers from the kernel, for tokens and identities. Not for sampling.
 */
#ifndef MIRAI__RANDOM_H
#define MIRAI__RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <miraicore/error.h>

mirai_status mirai__random_bytes(void *out, size_t size);

#endif
