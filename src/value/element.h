/*
 * element: one element of an array, whatever its dtype, as a number to convert, compare or print;
 * and a walk over all elements of an array in row-major order, whatever its strides.
 */
#ifndef MIRAI__ELEMENT_H
#define MIRAI__ELEMENT_H

#include "value_node.h"

typedef enum mirai__element_kind {
    MIRAI__ELEMENT_BOOL,
    MIRAI__ELEMENT_SIGNED,
    MIRAI__ELEMENT_UNSIGNED,
    MIRAI__ELEMENT_REAL,
    MIRAI__ELEMENT_COMPLEX
} mirai__element_kind;

typedef struct mirai__element {
    mirai__element_kind kind;
    int64_t integer; /* of BOOL and SIGNED */
    uint64_t unsigned_integer;
    double real, imaginary;
} mirai__element;

/* `at` need not be aligned. The dtype must be one of the table. */
mirai__element mirai__element_load(mirai_dtype dtype, const uint8_t *at);
/* The real dtype of the parts of a complex one; any other dtype is its own. */
mirai_dtype mirai__dtype_part(mirai_dtype dtype);

/* A run of `count` elements along the last dimension, `stride` elements apart. */
typedef struct mirai__element_walk {
    const mirai__array_node *array;
    int64_t index[MIRAI_RANK_MAX];
    const uint8_t *run;
    size_t count;
    int64_t stride;
    bool is_done;
} mirai__element_walk;

void mirai__element_walk_start(mirai__element_walk *walk, const mirai__array_node *array);
void mirai__element_walk_next(mirai__element_walk *walk); /* to the next run, or is_done */

#endif
