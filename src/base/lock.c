/*
 * lock: waits that a change of the wall clock cannot disturb, and threads that a signal of the host
 * program's cannot hit. Any thread.
 */
#include "lock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "fault.h"

mirai_status mirai__cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0) return mirai__fail_errno(error, "condition variable");
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0) error = pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return error == 0 ? MIRAI_OK : mirai__fail_errno(error, "condition variable");
}

bool mirai__cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline)
{
    if (deadline == MIRAI__NEVER) {
        (void)pthread_cond_wait(condition, mutex);
        return true;
    }
    if (deadline < 0) deadline = 0;
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000),
                             .tv_nsec = (long)(deadline % 1000) * 1000000};
    return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT;
}

/* What the new thread needs, taken over by it. */
typedef struct start {
    void *(*run)(void *);
    void *argument;
    char name[16]; /* all that Linux keeps */
} start;

static void *begin(void *memory)
{
    start given = *(start *)memory;
    mirai__free(memory);
    (void)pthread_setname_np(pthread_self(), given.name); /* only for people */
    return given.run(given.argument);
}

mirai_status mirai__thread_start(pthread_t *thread, const char *name, void *(*run)(void *),
                                 void *argument)
{
    start *given = mirai__alloc(sizeof *given);
    if (given == NULL) return MIRAI_E_NOMEM;
    given->run = run;
    given->argument = argument;
    (void)snprintf(given->name, sizeof given->name, "%s", name);

    /* A thread inherits the mask, so there is no moment at which it could take a signal. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = mirai__fault() ? EAGAIN : pthread_create(thread, NULL, begin, given);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) return MIRAI_OK;
    mirai__free(given);
    return mirai__fail_errno(error, "thread \"%s\"", name);
}
