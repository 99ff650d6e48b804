/*
 * hash: for the tables in map.h. Keyed with a secret of this process, since keys may come from a
 * peer, who must not be able to choose keys that collide.
 */
#ifndef MIRAI__HASH_H
#define MIRAI__HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t mirai__hash_number(uint64_t number);
uint64_t mirai__hash_bytes(const void *data, size_t size);

#endif
