/*
 * value_row: arrays along their first dimension: a row as a value, and a range of rows as an array, without a copy.
 */
#ifndef MIRAI__VALUE_ROW_H
#define MIRAI__VALUE_ROW_H

#include <miraicore/value.h>

/* How many rows: the first size. 0 when it is no array, or one of rank 0. */
size_t mirai__array_rows(const mirai_value *array);
/* Rows first to first + count - 1 as an array over the same buffer. Owned; NULL: no memory, or no such rows. */
mirai_value *mirai__array_slice(const mirai_value *array, size_t first, size_t count);
/* One row. Of rank 1 and above: an array over the same buffer. Of an array of rank 1: a bool, an int, or a float where
 * such a value holds every number of the dtype and has its kind; else an array of rank 0. Owned; NULL as above. */
mirai_value *mirai__array_row(const mirai_value *array, size_t index);

#endif
