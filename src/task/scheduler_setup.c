/*
 * scheduler_setup: what every daemon has to run before its tasks (scheduler.h). No thread and no
 * lock of its own.
 *
 * `setups` holds them in the order of their sequence numbers. A daemon has to run those above its
 * `applied`, except that those not remembered are only for daemons that were ready when they were
 * added (sequence > joined). `waiting` counts exactly these daemons, until the setup is reported.
 */
#include "clock.h"
#include "detail.h"
#include "scheduler_private.h"

#define MOST_DEATHS 3

static mirai__sched_setup *setup_of(mirai__list *node)
{
    return mirai__list_entry(node, mirai__sched_setup, node);
}

static void decide(mirai__sched *sched, mirai__sched_setup *setup, bool failed)
{
    if (!setup->reported) sched->open_setups--;
    setup->reported = true;
    setup->failed = failed;
    setup->deaths = 0;
    mirai__list_remove(&setup->report);
    mirai__list_append(&sched->reports, &setup->report);
}

/* It runs nowhere any more; daemons that are at it are told to stop. */
static void withdraw(mirai__sched *sched, mirai__sched_setup *setup, int64_t deadline)
{
    mirai__list_remove(&setup->node);
    for (mirai__list *node = sched->daemons.next; node != &sched->daemons; node = node->next) {
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        if (daemon->setup == setup) mirai__sched_stop(sched, daemon, deadline);
    }
}

static void fail(mirai__sched *sched, mirai__sched_setup *setup, int64_t now)
{
    withdraw(sched, setup, mirai__sched_after(now, sched->config.grace_ms));
    decide(sched, setup, true);
}

/* Daemons that there are to be now. */
static int64_t expected(const mirai__sched *sched)
{
    return sched->counts.wanted - sched->counts.dormant;
}

/* With no run so far, whether a daemon that is there or on its way will run it. */
static bool may_still_run(const mirai__sched *sched, const mirai__sched_setup *setup)
{
    const mirai__sched_counts *counts = &sched->counts;
    return setup->remembered &&
           expected(sched) + counts->starting + counts->ready + counts->spawning > 0;
}

/* Report it when it is settled. */
static void judge(mirai__sched *sched, mirai__sched_setup *setup, int64_t now)
{
    if (setup->reported || setup->waiting > 0) return;
    if (setup->runs == 0) {
        if (may_still_run(sched, setup)) return;
        if (setup->deaths > 0 || expected(sched) > 0) {
            fail(sched, setup, now);
            return;
        }
    }
    decide(sched, setup, false);
    if (!setup->remembered) mirai__list_remove(&setup->node);
}

/* ---- events ---- */

mirai_status mirai__sched_setup_add(mirai__sched *sched, mirai__sched_setup *setup, int64_t now)
{
    if (sched->closing) return mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    if (setup->sequence != 0) return mirai__fail(MIRAI_E_STATE, "the setup was added before");
    setup->sequence = ++sched->last_sequence;
    setup->waiting = (uint32_t)sched->counts.ready;
    sched->open_setups++;
    mirai__list_init(&setup->report);
    mirai__list_append(&sched->setups, &setup->node);
    for (int32_t i = 0; i < sched->group_count; i++) {
        mirai__list *node;
        while ((node = mirai__list_pop(&sched->groups[i].idle))) {
            mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, node);
            mirai__list_append(&sched->pending, &daemon->pending);
        }
    }
    mirai__sched_recall_all(sched);
    judge(sched, setup, now);
    return MIRAI_OK;
}

void mirai__sched_setup_remove(mirai__sched *sched, mirai__sched_setup *setup)
{
    if (setup->sequence == 0) return;
    if (!setup->reported) sched->open_setups--;
    setup->reported = true;
    mirai__list_remove(&setup->report);
    withdraw(sched, setup, sched->config.grace_ms < 0 ? MIRAI__NEVER : MIRAI__GRACE_NOT_BEGUN);
}

/* ---- for the other parts ---- */

mirai__sched_setup *mirai__sched_setup_next(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    mirai__sched_setup *found = NULL;
    if (sched->closing != MIRAI_CANCEL) {
        /* From the back: what it has run already is at the front, and is most of them. */
        for (mirai__list *node = sched->setups.prev; node != &sched->setups; node = node->prev) {
            mirai__sched_setup *setup = setup_of(node);
            if (setup->sequence <= daemon->applied) break;
            if (setup->remembered || setup->sequence > daemon->joined) found = setup;
        }
    }
    if (!found) daemon->applied = sched->last_sequence;
    return found;
}

void mirai__sched_setup_skip(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    uint64_t from = daemon->applied > daemon->joined ? daemon->applied : daemon->joined;
    for (mirai__list *node = sched->setups.prev; node != &sched->setups; node = node->prev) {
        mirai__sched_setup *setup = setup_of(node);
        if (setup->sequence <= from) break;
        if (setup != daemon->setup && !setup->reported) setup->waiting--;
    }
    daemon->applied = sched->last_sequence;
}

void mirai__sched_setup_ran(mirai__sched *sched, mirai__sched_daemon *daemon,
                            mirai__sched_setup *setup, mirai_outcome outcome, int64_t now)
{
    if (daemon->state != MIRAI__DAEMON_ENDING) daemon->applied = setup->sequence;
    if (setup->reported) {
        setup->deaths = 0;
    } else if (outcome != MIRAI_OUTCOME_VALUE) {
        fail(sched, setup, now);
    } else {
        setup->runs++;
        if (setup->sequence > daemon->joined) setup->waiting--;
        judge(sched, setup, now);
    }
}

void mirai__sched_setup_died(mirai__sched *sched, mirai__sched_daemon *daemon,
                             mirai__sched_setup *setup, bool begun, int64_t now)
{
    if (begun) setup->deaths++;
    if (!setup->reported && setup->sequence > daemon->joined) setup->waiting--;
    if (setup->deaths >= MOST_DEATHS) {
        fail(sched, setup, now);
    } else {
        judge(sched, setup, now);
    }
}

void mirai__sched_setup_settle(mirai__sched *sched, int64_t now)
{
    if (sched->open_setups == 0) return;
    mirai__list *node = sched->setups.next;
    while (node != &sched->setups) {
        mirai__sched_setup *setup = setup_of(node);
        node = node->next; /* judging may take it out */
        judge(sched, setup, now);
    }
}

void mirai__sched_setup_fail_open(mirai__sched *sched, int64_t now)
{
    mirai__list *node = sched->setups.next;
    while (node != &sched->setups) {
        mirai__sched_setup *setup = setup_of(node);
        node = node->next;
        if (!setup->reported) fail(sched, setup, now);
    }
}
