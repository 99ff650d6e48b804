/*
 * claims: which of the jobs that lie ahead of a daemon it has begun: words in the memory that it shares with its host.
 *
 * The host sends jobs ahead before their turn, and may want one back. So each job has a word: the host *offers* it before
 * it writes the JOB frame; then either the daemon *takes* it, right before it begins the job, or the host *revokes* it.
 * Exactly one of both succeeds. A job that was revoked is passed over by the daemon, without an answer.
 *
 * Jobs are numbered in the order in which they are sent, on both sides, modulo MIRAI__CLAIMS: that is the *slot*. A slot
 * may be offered again once the host does not ask after the job that had it. A word holds the attempt too, so
 * that an old job can never take what was offered to a new one. Beside them the daemon says how long its jobs take.
 *
 * The daemon may be hostile: whatever it writes here, the worst that comes of it is that the host thinks that it has begun
 * a job, or that its jobs are shorter than they are. Any thread; the words are atomic.
 */
#ifndef MIRAI__CLAIMS_H
#define MIRAI__CLAIMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { MIRAI__CLAIMS = 256 };

/* Twice the attempt, plus 1 once it is taken; 0 once it is revoked. At first 0. */
typedef struct mirai__claims {
    _Atomic uint64_t words[MIRAI__CLAIMS];
    _Atomic uint32_t pace_ns; /* about how long a job takes; 0: nothing is known of that */
} mirai__claims;

/* Host. Attempts are from 1 and below 2^63. */
static inline void mirai__claims_offer(mirai__claims *claims, uint8_t slot, uint64_t attempt)
{
    atomic_store_explicit(&claims->words[slot], attempt << 1, memory_order_release);
}

/* Host. True: the daemon will never begin it. False: it has begun it, or says so. */
static inline bool mirai__claims_revoke(mirai__claims *claims, uint8_t slot, uint64_t attempt)
{
    uint64_t offered = attempt << 1;
    return atomic_compare_exchange_strong(&claims->words[slot], &offered, 0);
}

/* Daemon. True: it may begin it. NULL: all may be begun. */
static inline bool mirai__claims_take(mirai__claims *claims, uint8_t slot, uint64_t attempt)
{
    uint64_t offered = attempt << 1;
    return claims == NULL ||
           atomic_compare_exchange_strong(&claims->words[slot], &offered, offered | 1);
}

#endif
