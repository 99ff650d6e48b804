/*
 * cargo: memory with a pattern, the values that carry it to a daemon or back, and writing where one may not: what the
 * tests of isolation share. A pattern is decided by a number, and differs from every other in every eight bytes.
 */
#ifndef CARGO_H
#define CARGO_H

#include <miraicore.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How bytes are carried by a value. */
typedef enum cargo_kind {
    CARGO_ADOPTED, /* bytes over memory of the program's own */
    CARGO_BUFFER,  /* an array over a buffer of the library's */
    CARGO_POOL,    /* the same, over one born in a pool, or in a job */
    CARGO_SLICE,   /* bytes that are a slice of a buffer */
    CARGO_OBJECT,  /* a reference of class "cargo", whose hooks pass its memory on without a copy of their own */
    CARGO_KINDS
} cargo_kind;

typedef struct cargo {
    mirai_value *value; /* owned by the cargo, so that what it carries is never given away */
    uint8_t *bytes;     /* where it lies; never meant to be written */
    size_t size;
} cargo;

const char *cargo_kind_text(cargo_kind kind);
/* False: no memory. */
bool cargo_make(cargo *out, cargo_kind kind, mirai_pool *pool, size_t size, uint64_t pattern);
void cargo_drop(cargo *self);
/* The same bytes once more, to hand to the library. */
mirai_value *cargo_value(const cargo *self);

/* The value itself, which the cargo does not hold any more: given to the library, nobody else has it. */
mirai_value *cargo_give(cargo *self);
/* Whether an address lies in memory that is lent to other processes: only there may it be written after it was given. */
bool cargo_is_lent(const void *address);

/* Registers the hooks of the class "cargo". */
mirai_status cargo_register(void);
/* The memory of a value that carries some, in the program that received it; NULL when it does not. */
const uint8_t *cargo_bytes(const mirai_value *value, size_t *size);

void pattern_fill(void *into, size_t size, uint64_t pattern);
/* Where the bytes begin to differ from the pattern; -1: nowhere. */
int64_t pattern_differs(const void *bytes, size_t size, uint64_t pattern);
/* For a value that carries memory; -2: it does not, or not so much. */
int64_t cargo_differs(const mirai_value *value, size_t size, uint64_t pattern);

/* Write a pattern over memory, through the kernel: how many bytes of it are there to be written. No signal. */
size_t pattern_force(const void *over, size_t size, uint64_t pattern);

#endif
