/*
 * scheduler_group: how many daemons each group is to have: resizing, what to spawn and when, and
 * who is too many (scheduler.h). No thread and no lock of its own.
 *
 * A group has one too many when those starting, ready and dormant exceed what is wanted. Those that
 * have nothing to do are retired at once, the others when they come to rest; so a group that grows
 * again meanwhile keeps them.
 */
#include "clock.h"
#include "detail.h"
#include "scheduler_private.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 30000

void mirai__sched_group_init(mirai__sched_group *group, int64_t daemons, const char *tags)
{
    *group = (mirai__sched_group){.tags = tags,
                                  .wanted = daemons,
                                  .spawns_due = daemons,
                                  .spawn_at = MIRAI__NEVER,
                                  .retry_at = INT64_MIN};
    mirai__list_init(&group->idle);
}

bool mirai__sched_is_short(const mirai__sched_group *group)
{
    return group->starting + group->ready + group->spawning + group->dormant < group->wanted;
}

bool mirai__sched_has_excess(const mirai__sched_group *group)
{
    return group->starting + group->ready + group->dormant > group->wanted;
}

int64_t mirai__sched_lacking(const mirai__sched *sched, const mirai__sched_group *group)
{
    if (sched->closing == MIRAI_CANCEL) return 0;
    if (sched->closing == MIRAI_DRAIN && sched->counts.awaiting == 0) return 0;
    return group->wanted - group->starting - group->ready - group->ending - group->spawning -
           group->dormant;
}

/* ---- spawning ---- */

void mirai__sched_start_failed(mirai__sched_group *group, uint64_t round, int64_t now)
{
    if (round != group->round) return; /* failed together with one that was counted */
    group->round++;
    int64_t failures = ++group->start_failures;
    int64_t wait = BACKOFF_FIRST_MS;
    for (int64_t k = 1; k < failures && wait < BACKOFF_MOST_MS; k++) wait *= 2;
    group->retry_at = mirai__sched_after(now, wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
}

static void plan(mirai__sched *sched, mirai__sched_group *group, int64_t now)
{
    int64_t lacking = mirai__sched_lacking(sched, group);
    group->spawns_due = 0;
    group->spawn_at = MIRAI__NEVER;
    if (lacking <= 0) return;
    if (now >= group->retry_at) {
        group->spawns_due = lacking;
    } else {
        group->spawn_at = group->retry_at;
    }
}

/* In a closing pool, what is queued may wait for a daemon that will never come. */
static bool is_stranded(const mirai__sched *sched, const mirai__sched_shape *shape)
{
    if (shape->daemon) return false; /* that is told when it ends */
    for (int32_t i = 0; i < sched->group_count; i++) {
        const mirai__sched_group *group = &sched->groups[i];
        if (!(shape->groups >> i & 1)) continue;
        if (group->wanted + group->starting + group->ready + group->spawning > 0) return false;
    }
    return true;
}

static void abandon_stranded(mirai__sched *sched, int64_t now)
{
    for (mirai__list *next, *node = sched->waiting.next; node != &sched->waiting; node = next) {
        next = node->next;
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, waiting);
        if (!is_stranded(sched, shape)) continue;
        (void)mirai__sched_abandon_shape(sched, shape, MIRAI_OUTCOME_CLOSED, now);
    }
}

void mirai__sched_plan_spawns(mirai__sched *sched, int64_t now)
{
    sched->now = now;
    if (sched->closing) abandon_stranded(sched, now);
    for (int32_t i = 0; i < sched->group_count; i++) plan(sched, &sched->groups[i], now);
}

/* ---- dormant ones ---- */

/* How many daemons of those that are to come may take the shape's tasks. */
static int64_t coming_for(const mirai__sched *sched, const mirai__sched_shape *shape)
{
    int64_t count = 0;
    for (int32_t i = 0; i < sched->group_count; i++) {
        const mirai__sched_group *group = &sched->groups[i];
        if (!(shape->groups >> i & 1)) continue;
        int64_t missing = group->wanted - group->dormant - group->ready;
        if (missing > 0) count += missing; /* they start, or will */
    }
    return count;
}

static void rouse_for(mirai__sched *sched, const mirai__sched_shape *shape, int64_t tasks)
{
    int64_t need = tasks - coming_for(sched, shape);
    for (int32_t i = 0; i < sched->group_count && need > 0; i++) {
        mirai__sched_group *group = &sched->groups[i];
        if (!(shape->groups >> i & 1) || group->dormant == 0) continue;
        int64_t roused = need < group->dormant ? need : group->dormant;
        MIRAI__TALLY(sched, i, dormant, -roused);
        need -= roused;
        plan(sched, group, sched->now);
    }
}

void mirai__sched_rouse(mirai__sched *sched)
{
    if (sched->counts.dormant == 0 || sched->closing == MIRAI_CANCEL) return;
    /* What is lent waits as well, and would go to a daemon that comes; but for what is near, although one idles. */
    bool idle = mirai__sched_idle_groups(sched) != 0, held = idle && mirai__sched_holds(sched);
    if (sched->lent > 0 && !idle) rouse_for(sched, &sched->plain, sched->plain.queued + sched->lent);
    for (mirai__list *node = sched->waiting.next; node != &sched->waiting; node = node->next) {
        const mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, waiting);
        if (shape->daemon || (held && shape == &sched->plain) || !mirai__sched_shape_fits(sched, shape)) continue;
        rouse_for(sched, shape, shape->queued);
    }
}

/* ---- sizes ---- */

static void retire_some(mirai__sched *sched, int32_t group, int32_t state, int64_t now)
{
    for (mirai__list *next, *node = sched->daemons.next; node != &sched->daemons; node = next) {
        next = node->next;
        if (!mirai__sched_has_excess(&sched->groups[group])) return;
        mirai__sched_daemon *daemon = mirai__list_entry(node, mirai__sched_daemon, all);
        if (daemon->group == group && daemon->state == state)
            mirai__sched_retire(sched, daemon, now);
    }
}

void mirai__sched_resize(mirai__sched *sched, int32_t number, int64_t daemons, int64_t now)
{
    if (number < 0 || number >= sched->group_count) return;
    mirai__sched_group *group = &sched->groups[number];
    if (daemons < 0) daemons = 0;
    MIRAI__TALLY(sched, number, wanted, daemons - group->wanted);
    int64_t room = daemons - group->starting - group->ready - group->spawning;
    if (room < 0) room = 0;
    if (group->dormant > room) MIRAI__TALLY(sched, number, dormant, room - group->dormant);
    retire_some(sched, number, MIRAI__DAEMON_STARTING, now);
    retire_some(sched, number, MIRAI__DAEMON_IDLE, now);
    if (mirai__sched_has_excess(group)) mirai__sched_recall_all(sched);
    mirai__sched_census(sched, now);
}

mirai_status mirai__sched_group_add(mirai__sched *sched, int64_t daemons, const char *tags,
                                    int32_t *group, int64_t now)
{
    if (sched->closing) return mirai__fail(MIRAI_E_CLOSED, "the pool is closing");
    if (sched->group_count == MIRAI__GROUPS_MAX)
        return mirai__fail(MIRAI_E_LIMIT, "a pool has at most %d kinds of daemons",
                           MIRAI__GROUPS_MAX);
    int32_t number = sched->group_count++;
    mirai__sched_group_init(&sched->groups[number], 0, tags);
    mirai__sched_shapes_admit(sched, number);
    mirai__sched_resize(sched, number, daemons, now);
    *group = number;
    return MIRAI_OK;
}

bool mirai__sched_is_settled(const mirai__sched *sched)
{
    for (int32_t i = 0; i < sched->group_count; i++) {
        const mirai__sched_group *group = &sched->groups[i];
        if (group->starting + group->spawning + group->ending > 0) return false;
        if (group->ready + group->dormant != group->wanted) return false;
    }
    return true;
}
