/*
 * grounds: why a task gave no value, for the error values of those that needed it. Counted and constant; each refers to
 * the one below it, where the task had failed because of another. It holds no decoded value, so that it may go under any
 * lock. Any thread.
 */
#ifndef MIRAI__GROUNDS_H
#define MIRAI__GROUNDS_H

#include "registry.h"
#include "segment.h"

struct mirai_task;

typedef struct mirai__grounds {
    _Atomic int64_t references;
    uint64_t task; /* its number; 0: there was no memory to tell */
    mirai_outcome outcome;
    struct mirai__grounds *deeper; /* owned; NULL: it failed by itself */
    mirai__segment *error;         /* owned: its error value, where it failed by itself */
    int32_t attempts;              /* at it */
    uint32_t label_at;             /* offset of the label in names; 0: none */
    char names[];                  /* function, NUL, label, NUL */
} mirai__grounds;

/* Of a task that has resolved; takes error, which may be NULL. Never NULL: without memory it says less. */
mirai__grounds *mirai__grounds_new(const struct mirai_task *task, mirai_outcome outcome, mirai__segment *error);
mirai__grounds *mirai__grounds_ref(mirai__grounds *grounds);
void mirai__grounds_release(mirai__grounds *grounds); /* NULL is allowed */
/* The error value of a task that failed because of them. Hooks may run; under no lock. NULL: no memory. */
mirai_value *mirai__grounds_error(const mirai_pool *pool, const mirai__grounds *grounds);

#endif
