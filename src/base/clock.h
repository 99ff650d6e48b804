/*
 * clock: CLOCK_MONOTONIC in milliseconds and nanoseconds, and deadlines. A deadline is a time of
 * mirai__now_ms(), or MIRAI__NEVER.
 */
#ifndef MIRAI__CLOCK_H
#define MIRAI__CLOCK_H

#include <stdint.h>

#define MIRAI__NEVER INT64_MAX

int64_t mirai__now_ms(void);
int64_t mirai__now_ns(void);
/* timeout_ms < 0: never; saturates. */
int64_t mirai__deadline(int64_t timeout_ms);
/* Milliseconds until the deadline as poll() and epoll_wait() want them: -1 never, 0 past, capped at INT_MAX. */
int mirai__until(int64_t deadline, int64_t now_ms);

#endif
