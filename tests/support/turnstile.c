/*
 * turnstile: see turnstile.h. One lock for all of them; never held across the real call.
 */
#include "turnstile.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { PATIENCE_S = 120 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static turnstile *of_service;
static _Thread_local turnstile *chosen;

void turnstile_for_service(turnstile *turnstile)
{
    (void)pthread_mutex_lock(&lock);
    of_service = turnstile;
    (void)pthread_mutex_unlock(&lock);
}

void turnstile_choose(turnstile *turnstile)
{
    chosen = turnstile;
}

static void stand(turnstile *turnstile, int place)
{
    turnstile->at = place;
    (void)pthread_cond_broadcast(&moved);
}

void turnstile_end(void)
{
    (void)pthread_mutex_lock(&lock);
    stand(chosen, TURNSTILE_ENDED);
    (void)pthread_mutex_unlock(&lock);
    chosen = NULL;
}

void turnstile_hold(turnstile *turnstile, int epoll, int holds)
{
    (void)pthread_mutex_lock(&lock);
    turnstile->epoll = epoll;
    turnstile->holds = holds;
    (void)pthread_cond_broadcast(&moved);
    (void)pthread_mutex_unlock(&lock);
}

int turnstile_await(turnstile *turnstile, int places)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    int error = 0;
    (void)pthread_mutex_lock(&lock);
    while ((turnstile->at & places) == 0 && error == 0) error = pthread_cond_timedwait(&moved, &lock, &until);
    int at = turnstile->at & places;
    (void)pthread_mutex_unlock(&lock);
    return at;
}

void turnstile_let(turnstile *turnstile)
{
    (void)pthread_mutex_lock(&lock);
    turnstile->open = 1;
    stand(turnstile, TURNSTILE_AWAY);
    (void)pthread_mutex_unlock(&lock);
}

/* The lock is held, and dropped while the thread stands. */
static void pass(turnstile *turnstile, int epoll, int place)
{
    if ((turnstile->holds & place) == 0 || (turnstile->epoll != -1 && turnstile->epoll != epoll)) return;
    turnstile->open = 0;
    stand(turnstile, place);
    while (!turnstile->open && (turnstile->holds & place) != 0) (void)pthread_cond_wait(&moved, &lock);
    stand(turnstile, TURNSTILE_AWAY);
}

static turnstile *find_mine(void)
{
    char name[16] = "";
    if (chosen != NULL || of_service == NULL) return chosen;
    (void)pthread_getname_np(pthread_self(), name, sizeof name);
    return strcmp(name, "mirai-service") == 0 ? of_service : NULL;
}

/* Instead of the C library's. */
int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int);
    void *symbol = dlsym(RTLD_NEXT, "epoll_wait");
    memcpy(&real, &symbol, sizeof real);
    (void)pthread_mutex_lock(&lock);
    turnstile *mine = find_mine();
    if (mine != NULL) pass(mine, epoll, TURNSTILE_BEFORE);
    (void)pthread_mutex_unlock(&lock);

    int result = real(epoll, events, most, timeout), error = errno;
    (void)pthread_mutex_lock(&lock);
    if (mine != NULL) {
        mine->waits++;
        mine->result = result;
        mine->error = error;
        pass(mine, epoll, TURNSTILE_AFTER);
    }
    (void)pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
