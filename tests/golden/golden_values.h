/*
 * golden_values: the values that the golden files hold, one builder per file.
 */
#ifndef TEST_GOLDEN_VALUES_H
#define TEST_GOLDEN_VALUES_H

#include "message.h"

typedef struct golden_value {
    const char *name;            /* of the file, without .bin */
    const char *section;         /* of src/wire/FORMAT.md */
    mirai_value *(*build)(void); /* what was written */
    mirai_value *(*read)(void);  /* what is read: the same, but that segments are resolved */
} golden_value;

/* Where the shared values of the files belong, and what they stand for. */
extern const char golden_home;
extern const mirai__resolver golden_resolver;

extern const golden_value golden_values[];
extern const size_t golden_value_count;

#endif
