/*
 * random_value: trees of values by chance, of all types, the same for the same seed.
 */
#ifndef TEST_RANDOM_VALUE_H
#define TEST_RANDOM_VALUE_H

#include <stdint.h>
#include <miraicore/value.h>

/* A new tree; *seed moves on. References are to boxes and crates (things.h) if `with_things`. */
mirai_value *random_value(uint64_t *seed, int with_things);

#endif
