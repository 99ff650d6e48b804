/*
 * shared: what stands for a value that is kept elsewhere, under a number: the head of whoever keeps it. Counted.
 * A value of type MIRAI_TYPE_SHARED holds one count; a message refers to it by its number (FORMAT.md section 9).
 */
#ifndef MIRAI__SHARED_H
#define MIRAI__SHARED_H

#include <stdbool.h>
#include <miraicore/value.h>

typedef struct mirai__shared mirai__shared;
struct mirai__shared {
    _Atomic int64_t references;
    uint64_t id;      /* not 0, never reused in this process */
    const void *home; /* where it may be referred to: compared, never looked into */
    uint64_t task;    /* number of the task whose result it is; 0: it is none */
    size_t size;      /* in bytes, encoded; 0 for a task's result */
    void (*end)(mirai__shared *shared); /* the last count is gone; any thread, under any lock */
};

mirai__shared *mirai__shared_ref(mirai__shared *shared);
/* One more count, unless there is none any more: for whoever keeps a pointer without a count. */
bool mirai__shared_try_ref(mirai__shared *shared);
void mirai__shared_release(mirai__shared *shared); /* NULL is allowed */

/* Takes shared. NULL: no memory, or shared was NULL. */
mirai_value *mirai__value_shared(mirai__shared *shared);
mirai__shared *mirai__value_get_shared(const mirai_value *value); /* borrowed; NULL when it is none */

#endif
