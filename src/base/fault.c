/*
 * fault: the countdown behind the fault points. Any thread; atomics, no lock. `fail_at` is written
 * last when arming and alone decides whether a fault point does more than one load.
 */
#include "fault.h"

#include <stdatomic.h>

static _Atomic int64_t fail_at; /* 0: disarmed */
static _Atomic int64_t asked;
static _Atomic bool stays;

void mirai__fault_arm(int64_t n, bool sticky)
{
    atomic_store(&fail_at, 0);
    if (n <= 0) return; /* what was counted stays readable */
    atomic_store(&asked, 0);
    atomic_store(&stays, sticky);
    atomic_store(&fail_at, n);
}

int64_t mirai__fault_count(void)
{
    return atomic_load(&asked);
}

bool mirai__fault(void)
{
    int64_t n = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (n == 0) return false;
    int64_t number = atomic_fetch_add(&asked, 1) + 1;
    return number == n || (number > n && atomic_load(&stays));
}
