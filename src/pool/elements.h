/*
 * elements: what a map maps over: items of a list, values of a dict, rows of an array, or what a generator gives. Used by
 * the map's one reader, under no lock: the generator is user code.
 */
#ifndef MIRAI__ELEMENTS_H
#define MIRAI__ELEMENTS_H

#include <stdbool.h>
#include <miraicore/many.h>

typedef struct mirai__elements {
    int32_t over;
    mirai_value *values;    /* owned; NULL for a generator */
    mirai_source_fn source; /* NULL but for a generator */
    void *user;
    size_t next;         /* index of the first that has not been sent */
    size_t total;        /* of a generator: those that it has given so far */
    mirai_value **held;  /* of a generator: those from `next` on that it has given */
    size_t held_count, held_capacity;
    bool ended;          /* of a generator: it gives no more; all others know their end */
    bool failed;         /* that was its end */
    char *failure;       /* and why; owned; NULL: no memory to tell */
} mirai__elements;

/* Takes values, also on failure. E_TYPE. */
mirai_status mirai__elements_init(mirai__elements *elements, int32_t over, mirai_value *values,
                                  mirai_source_fn source, void *user);
void mirai__elements_fini(mirai__elements *elements);
/* Up to `most` elements from `next` on, which stays: *count of them, 0 at the end. *out: one element by itself; of
 * several a list, or an array of rows; owned. E_NOMEM. The generator runs in this call. */
mirai_status mirai__elements_take(mirai__elements *elements, size_t most, size_t *count, mirai_value **out);
void mirai__elements_advance(mirai__elements *elements, size_t count); /* that many have been sent */
/* None of the rest will be sent. */
void mirai__elements_end(mirai__elements *elements);

#endif
