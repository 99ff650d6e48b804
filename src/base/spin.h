/*
 * spin: how long to wait actively for what another process is about to do, before sleeping. It learns:
 * waiting that was in vain is tried for shorter, down to a little; what came in time, for longer again.
 * Now and then it tries for as long as two wake-ups take: two who both sleep would never meet else.
 * Where no processor is free for it, it gives way at each look, so that whoever it waits for can run in its place; and
 * gives that up for a while once it did not get the processor back soon.
 * Each is owned by one thread, or guarded by its owner's lock.
 */
#ifndef MIRAI__SPIN_H
#define MIRAI__SPIN_H

#include <stdbool.h>
#include <stdint.h>

/* How to wait: not at all; giving way to others; with a processor of one's own. */
enum { MIRAI__SPIN_NOT, MIRAI__SPIN_YIELD, MIRAI__SPIN_PAUSE };

typedef struct mirai__spin {
    int64_t budget_ns;   /* of the next try; 0: not tried yet */
    uint32_t in_vain;    /* tries in a row */
    uint32_t crowded;    /* so many more tries not to make by giving way */
} mirai__spin;

/* Until when to try, on mirai__now_ns()'s clock: now, where it is not worth it. */
int64_t mirai__spin_until(mirai__spin *spin, int how, int64_t now_ns);
/* Wait a moment, between two looks; the time after it, or INT64_MAX where it is better to sleep. */
int64_t mirai__spin_step(mirai__spin *spin, int how, int64_t now_ns);
/* Whether what was waited for came in time. */
void mirai__spin_learn(mirai__spin *spin, bool in_time);
/* False: the environment says MIRAI_SPIN=0. */
bool mirai__spin_is_wished(void);

#endif
