/*
 * spin: see spin.h. No lock.
 */
#include "spin.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define LEAST_NS INT64_C(5000)
#define MOST_NS INT64_C(20000)
#define LONG_NS INT64_C(64000)

#define AWAY_NS INT64_C(100000) /* others took the processor for so long: it is theirs */

enum { LONG_EVERY = 16, PAUSES = 8, CROWDED = 256 };

int64_t mirai__spin_until(mirai__spin *spin, int how, int64_t now_ns)
{
    if (how == MIRAI__SPIN_NOT) return now_ns;
    if (how == MIRAI__SPIN_YIELD && spin->crowded > 0) {
        spin->crowded--;
        return now_ns;
    }
    if (spin->in_vain % LONG_EVERY == LONG_EVERY - 1) return now_ns + LONG_NS;
    return now_ns + (spin->budget_ns == 0 ? MOST_NS : spin->budget_ns);
}

void mirai__spin_learn(mirai__spin *spin, bool in_time)
{
    int64_t budget = spin->budget_ns == 0 ? MOST_NS : spin->budget_ns;
    budget = in_time ? 2 * budget : budget / 2;
    spin->budget_ns = budget > MOST_NS ? MOST_NS : budget < LEAST_NS ? LEAST_NS : budget;
    spin->in_vain = in_time ? 0 : spin->in_vain + 1;
}

/* Some tens of nanoseconds in which the processor may do something else. */
static void relax(void)
{
    for (int i = 0; i < PAUSES; i++) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield" ::: "memory");
#else
        __asm__ volatile("" ::: "memory");
#endif
    }
}

int64_t mirai__spin_step(mirai__spin *spin, int how, int64_t now_ns)
{
    if (how == MIRAI__SPIN_PAUSE) {
        relax();
        return mirai__now_ns();
    }
    (void)sched_yield();
    int64_t now = mirai__now_ns();
    if (now - now_ns < AWAY_NS) return now;
    spin->crowded = CROWDED;
    return INT64_MAX;
}

bool mirai__spin_is_wished(void)
{
    const char *value = getenv("MIRAI_SPIN");
    return value == NULL || strcmp(value, "0") != 0;
}
