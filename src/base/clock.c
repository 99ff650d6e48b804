/*
 * clock: reading CLOCK_MONOTONIC, and arithmetic with deadlines that cannot overflow. Any thread.
 */
#include "clock.h"

#include <limits.h>
#include <time.h>

int64_t mirai__now_ns(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t mirai__now_ms(void)
{
    return mirai__now_ns() / 1000000;
}

int64_t mirai__deadline(int64_t timeout_ms)
{
    int64_t deadline;
    if (timeout_ms < 0 || __builtin_add_overflow(mirai__now_ms(), timeout_ms, &deadline))
        return MIRAI__NEVER;
    return deadline;
}

int mirai__until(int64_t deadline, int64_t now_ms)
{
    if (deadline == MIRAI__NEVER) return -1;
    if (deadline <= now_ms) return 0;
    int64_t rest;
    if (__builtin_sub_overflow(deadline, now_ms, &rest) || rest > INT_MAX) return INT_MAX;
    return (int)rest;
}
