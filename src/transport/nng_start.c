/*
 * nng_start: see nng_start.h. Any thread; the lock is held while NNG starts, so that a second
 * thread waits until it has, and so that none starts it without the mask.
 */
#include "nng_start.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "nng_calls.h"
#include "nng_error.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool started;

#ifdef MIRAI__NNG_FILE
mirai__nng_calls mirai__nng;
#else
#define MIRAI__NNG_FILE NULL
mirai__nng_calls mirai__nng = {MIRAI__NNG_CALLS(MIRAI__LATE_LINKED)};
#endif

static const char *const names[] = {MIRAI__NNG_CALLS(MIRAI__LATE_NAME)};
static mirai__late library = {.file = MIRAI__NNG_FILE,
                              .names = names,
                              .count = sizeof names / sizeof *names,
                              .calls = &mirai__nng,
                              .lock = PTHREAD_MUTEX_INITIALIZER};

mirai_status mirai__nng_start(void)
{
    int code = 0;
    MIRAI_TRY(mirai__late_load(&library));
    (void)pthread_mutex_lock(&lock);
    if (!started) {
        /* Its threads inherit the mask: a signal of the host program must not be handled on one of
         * them. Any call that allocates starts NNG, in every version; this one has no other effect.
         */
        sigset_t all, before;
        nng_aio *aio = NULL;
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        code = mirai__nng.aio_alloc(&aio, NULL, NULL);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (code == 0) mirai__nng.aio_free(aio);
        started = code == 0;
    }
    (void)pthread_mutex_unlock(&lock);
    return code == 0 ? MIRAI_OK : mirai__nng_fail(code, "starting NNG");
}
