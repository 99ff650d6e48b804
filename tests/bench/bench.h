/*
 * bench: what the benchmark programs share. Each program runs one round and prints its figures, one
 * a line: name, value, unit, and the yardstick that the figure is to be divided by ("-": none;
 * "2*name": twice that one). run.sh runs rounds of all of them in turn; report.awk takes medians
 * and makes the table and the JSON.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <miraicore.h>

/* Leave the program with a message when a call fails. */
#define bench_ok(expression)                                                                       \
    do {                                                                                           \
        mirai_status bench_status_ = (expression);                                                 \
        if (bench_status_ != MIRAI_OK) {                                                           \
            (void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__,                           \
                          mirai_status_text(bench_status_), mirai_error_detail());                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define bench_true(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* "tiny" as the only argument: counts that only show that the program runs. */
void bench_start(int argc, char **argv);
size_t bench_count(size_t full); /* full, or a tiny part of it */
bool bench_is_tiny(void);

void bench_say(const char *name, double value, const char *unit, const char *yardstick);
int64_t bench_now_ns(void);
void bench_pause_us(int64_t us);
/* Sorts the times; the one below which this share of them lies. */
double bench_quantile(int64_t *times, size_t count, double share);
double bench_median_us(int64_t *times_ns, size_t count);
int64_t *bench_times(size_t count); /* room for them; never NULL */

/* ---- processors ---- */

enum { BENCH_HOST_CPU = 0, BENCH_DAEMON_CPU = 1 };
/* Bind this thread to the first or the second processor that this process may use; to the first if
 * there is no other. Daemons that are opened later follow bench_pin_daemons(). */
void bench_pin(int which);
void bench_unpin(void);
/* Where daemons that are opened from now on bind themselves: to one of the above; -1: nowhere. */
void bench_pin_daemons(int which);

/* ---- tasks ---- */

/* mirai_main(), and in a daemon the binding before it. */
void bench_main(int argc, char **argv, mirai_status (*setup)(void));
mirai_pool *bench_open(int32_t daemons);
void bench_close(mirai_pool *pool);
mirai_task *bench_submit(mirai_pool *pool, const char *function, mirai_value *args);
/* Waits, and releases the task. */
int64_t bench_number(mirai_task *task);
int64_t bench_pid(mirai_pool *pool, size_t daemon);
/* The function "same": gives its argument back. */
mirai_status bench_register_same(void);
/* The function "hold": runs until it is cancelled, and so keeps a daemon from its queue. */
mirai_status bench_register_hold(void);

/* ---- work on large memory ---- */

enum { BENCH_LARGE = 100000000, BENCH_MIDDLE = 1000000 };
void bench_fill(void *memory, size_t size_bytes, uint64_t seed);
uint64_t bench_sum(const void *memory, size_t size_bytes);

#endif
