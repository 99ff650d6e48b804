/*
 * chunk_results: what a function returned for the elements of a chunk, gathered one by one on the main thread.
 *
 * As long as all are numbers of one kind they are kept as such, and travel as one array of rank 1 (bool, int64 or
 * float64); else as a list. A result that holds references, or is very deep, is encoded at once by itself: where
 * that fails, only this element does, and what the function does to the object in the next element is not seen.
 */
#ifndef MIRAI__CHUNK_RESULTS_H
#define MIRAI__CHUNK_RESULTS_H

#include <miraicore/value.h>

typedef struct mirai__chunk_results {
    size_t count, capacity;
    mirai_type kind;       /* of all so far, while they are numbers; 0: they are in items */
    mirai_buffer *numbers; /* 8 bytes each, or 1 for bools */
    mirai_value **items;
} mirai__chunk_results;

void mirai__chunk_results_init(mirai__chunk_results *results, size_t capacity);
/* Takes value; NULL is a failure without memory to say so. E_NOMEM. Hooks run. */
mirai_status mirai__chunk_results_add(mirai__chunk_results *results, mirai_value *value);
/* The array or list; ends the gathering. NULL: no memory. */
mirai_value *mirai__chunk_results_take(mirai__chunk_results *results);
void mirai__chunk_results_fini(mirai__chunk_results *results);

#endif
