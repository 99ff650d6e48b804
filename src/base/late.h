/*
 * late: a library that is loaded at the first need of it, since linking it when a program starts would cost every
 * daemon time and memory, and few need it. Any thread; loading takes a lock of its own, and what is loaded stays.
 */
#ifndef MIRAI__LATE_H
#define MIRAI__LATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <miraicore/error.h>

typedef struct mirai__late {
    const char *file;         /* what to load; NULL: it is linked, and the calls are there */
    const char *const *names; /* of its functions */
    size_t count;
    void *calls; /* struct of as many pointers to functions, in this order */
    pthread_mutex_t lock;
    _Atomic bool loaded;
} mirai__late;

/* The calls may be used once this has returned MIRAI_OK. E_UNSUPPORTED: the library, or a function of it, is not here. */
mirai_status mirai__late_load(mirai__late *late);

/* For a list of functions X(prefix, name): fields of the struct, its content when linked, and the names. */
#define MIRAI__LATE_FIELD(prefix, name) __typeof__(prefix##name) *name;
#define MIRAI__LATE_LINKED(prefix, name) .name = prefix##name,
#define MIRAI__LATE_NAME(prefix, name) #prefix #name,

#endif
