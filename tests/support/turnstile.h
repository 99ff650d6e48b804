/*
 * turnstile: holds threads just before and just after they sleep in epoll_wait(), until the test lets them go on, so
 * that a test opens a race by saying who comes first. It takes the place of epoll_wait() in the program that it is
 * linked with. A thread goes through the turnstile that it has chosen, the library's service thread through the one
 * that was set for it; all others pass. Only the test's thread moves turnstiles; they are static, since a thread may
 * still be in one when a test has failed.
 */
#ifndef TURNSTILE_H
#define TURNSTILE_H

/* Where a thread stands. */
enum { TURNSTILE_AWAY = 0, TURNSTILE_BEFORE = 1, TURNSTILE_AFTER = 2, TURNSTILE_ENDED = 4 };

typedef struct turnstile {
    int holds;         /* where: TURNSTILE_BEFORE, TURNSTILE_AFTER, both or 0 */
    int epoll;         /* the descriptor whose waits are held; -1: any */
    int at;            /* where its thread stands */
    int open;          /* the thread that stands here may go on */
    int waits;         /* calls that have come back */
    int result, error; /* of the last one */
} turnstile;

/* NULL: it passes. */
void turnstile_for_service(turnstile *turnstile);
/* The calling thread goes through this one, until it says that it ends. */
void turnstile_choose(turnstile *turnstile);
void turnstile_end(void);

/* Hold threads at these places from now on. One that stands elsewhere goes on. */
void turnstile_hold(turnstile *turnstile, int epoll, int holds);
/* Until a thread stands at one of these places (bits): which. 0 when patience ends. */
int turnstile_await(turnstile *turnstile, int places);
/* Let the thread that stands there go on, up to where it is held next. */
void turnstile_let(turnstile *turnstile);

#endif
