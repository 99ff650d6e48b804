/*
 * spin: how long to wait actively for what another process is about to do, before sleeping. It learns:
 * waiting that was in vain is tried for shorter, down to a little; what came in time, for longer again.
 * Now and then it tries for as long as two wake-ups take: two who both sleep would never meet else.
 * Each is owned by one thread, or guarded by its owner's lock.
 */
#ifndef MIRAI__SPIN_H
#define MIRAI__SPIN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mirai__spin {
    int64_t budget_ns;   /* of the next try; 0: not tried yet */
    uint32_t in_vain;    /* tries in a row */
} mirai__spin;

/* Until when to try, on mirai__now_ns()'s clock. */
int64_t mirai__spin_until(const mirai__spin *spin, int64_t now_ns);
/* Whether what was waited for came in time. */
void mirai__spin_learn(mirai__spin *spin, bool in_time);
/* Some tens of nanoseconds in which the processor may do something else. */
void mirai__spin_pause(void);
/* False: the environment says MIRAI_SPIN=0. */
bool mirai__spin_is_wished(void);

#endif
