/*
 * lock: condition variables on the monotonic clock, and starting threads of the library's own: named, with
 * every signal blocked.
 */
#ifndef MIRAI__LOCK_H
#define MIRAI__LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <miraicore/error.h>

mirai_status mirai__cond_init(pthread_cond_t *condition); /* monotonic */
/* False when the deadline (clock.h) has passed. */
bool mirai__cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline);
mirai_status mirai__thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);

#endif
