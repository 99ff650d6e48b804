/*
 * spin: see spin.h. No lock.
 */
#include "spin.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_NS INT64_C(5000)
#define MOST_NS INT64_C(20000)
#define LONG_NS INT64_C(64000)

enum { LONG_EVERY = 16, PAUSES = 8 };

int64_t mirai__spin_until(const mirai__spin *spin, int64_t now_ns)
{
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

void mirai__spin_pause(void)
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

bool mirai__spin_is_wished(void)
{
    const char *value = getenv("MIRAI_SPIN");
    return value == NULL || strcmp(value, "0") != 0;
}
