/*
 * ahead: see ahead.h. With the pool's lock held.
 *
 * How many: none until tasks take less than SHORT_NS on average, then about as many as take two milliseconds, or
 * all that fit. The time is measured from one sweep of results to the next, which costs one look at the
 * clock per sweep; before jobs are sent ahead, only each eighth one is timed. A single long one does not
 * count for much: what waits behind it can be taken back.
 *
 * To whom: a task is nearer at a daemon that is at work than at one that must be woken first, if it will come to it within
 * NEAR_NS. What is held there while another idles is given to that one while the driver looked for a result in vain; and
 * what is lent to a daemon that has had the same task for SPREAD_MS comes back for the others, idle or not.
 */
#include "ahead.h"

#include <stdlib.h>

#include "clock.h"
#include "handle.h"
#include "segment.h"

enum {
    LENT_MOST = 1024, /* bytes of a request */
    TIMED = 8,
    SHORT_NS = 50000,
    LONG_NS = 80000, /* from here on no more */
    BRIEF_NS = 10000,
    SAMPLE_MOST_NS = 200000,
    UNKNOWN_NS = 100000, /* what a task is thought to take until some have been seen */
    AHEAD_FEW = 40,
    NEAR_NS = 100000,
    GATHER_NS = 2500, /* two daemons that share a processor lose more by taking turns than such tasks take */
    CROWDED = 2,      /* processors: the host's, and one daemon's */
    SPREAD_MS = 1
};

static mirai__claims *claims_of(const mirai__remote *remote)
{
    return remote->link != NULL ? mirai__link_claims(remote->link) : NULL;
}

bool mirai__ahead_is_possible(const mirai_pool *pool, const mirai__remote *remote)
{
    return pool->capturing == NULL && claims_of(remote) != NULL; /* what is captured is told apart by what runs */
}

bool mirai__ahead_may_lend(const mirai_task *task)
{
    return mirai__task_extra(task)->needs.count == 0 && mirai__segment_size(task->request) <= LENT_MOST;
}

/* ---- there ----------------------------------------------------------------------------------- */

void mirai__ahead_offer(mirai__remote *remote, uint8_t slot, uint64_t attempt)
{
    mirai__claims *claims = claims_of(remote);
    if (claims != NULL) mirai__claims_offer(claims, slot, attempt);
}

/* ---- and back -------------------------------------------------------------------------------- */

static bool revoke(mirai__claims *claims, const mirai__sched_task *task)
{
    return mirai__claims_revoke(claims, task->slot, task->attempt);
}

/* The last of those that it says to have begun, of the first `count`; NULL: none. */
static const mirai__sched_task *take_back(mirai_pool *pool, mirai__remote *remote, int32_t count)
{
    const mirai__sched_task *begun = NULL;
    mirai__claims *claims = claims_of(remote);
    mirai__sched_task *before, *task = claims != NULL ? mirai__sched_last_lent(&remote->sched) : NULL;
    for (int32_t later = remote->sched.lent_count - count; task != NULL; task = before, later--) {
        before = mirai__sched_lent_before(&remote->sched, task);
        if (later > 0) continue;
        if (revoke(claims, task))
            mirai__sched_recalled(&pool->sched, task);
        else if (begun == NULL)
            begun = task;
    }
    return begun;
}

bool mirai__ahead_cut(mirai_pool *pool, mirai__remote *remote)
{
    mirai__claims *claims = claims_of(remote);
    (void)take_back(pool, remote, remote->sched.lent_count);
    return remote->sched.attempt != 0 && mirai__claims_revoke(claims, remote->sched.slot, remote->sched.attempt);
}

/* It has begun something that is lent to it: then the results of all before it are there to be read. */
static void catch_up(mirai_pool *pool, mirai__remote *remote, bool (*behind)(const void *), const void *what)
{
    uint64_t id = remote->id;
    mirai__remote_on_link(pool, remote);
    remote = mirai__map_get(&pool->remotes, id);
    if (remote != NULL && behind(what)) mirai__remote_kill(pool, remote, "it began a job before it had ended the last");
}

static bool is_lent(const void *task)
{
    return mirai__sched_is_lent(task);
}

static bool is_laden(const void *remote)
{
    return ((const mirai__remote *)remote)->sched.lent_count > 0;
}

void mirai__ahead_settle(mirai_pool *pool, mirai_task *task)
{
    if (!mirai__sched_is_lent(&task->sched)) return;
    mirai__remote *remote = mirai__remote_of(task->sched.daemon);
    mirai__claims *claims = claims_of(remote);
    if (claims != NULL && revoke(claims, &task->sched))
        mirai__sched_recalled(&pool->sched, &task->sched);
    else
        catch_up(pool, remote, is_lent, &task->sched);
}

/* Behind what it says to have begun nothing can be held back, but what is said to be begun too. */
void mirai__ahead_recall(mirai_pool *pool, mirai__remote *remote, int32_t count)
{
    const mirai__sched_task *begun = take_back(pool, remote, count);
    if (begun != NULL && mirai__sched_lent_before(&remote->sched, begun) != NULL) catch_up(pool, remote, is_lent, begun);
}

static mirai__remote *find_laden(const mirai_pool *pool)
{
    for (mirai__list *at = pool->busy.next; at != &pool->busy; at = at->next) {
        mirai__remote *remote = mirai__list_entry(at, mirai__remote, busy);
        if (remote->sched.lent_count > 0 && !remote->killed && remote->link != NULL) return remote;
    }
    return NULL;
}

void mirai__ahead_settle_all(mirai_pool *pool)
{
    if (pool->sched.lent == 0) return;
    for (mirai__list *at = pool->busy.next; at != &pool->busy; at = at->next) {
        mirai__remote *remote = mirai__list_entry(at, mirai__remote, busy);
        (void)take_back(pool, remote, remote->sched.lent_count);
    }
    for (mirai__remote *remote; (remote = find_laden(pool)) != NULL;) catch_up(pool, remote, is_laden, remote);
}

/* ---- how many -------------------------------------------------------------------------------- */

void mirai__ahead_init(mirai_pool *pool)
{
    const char *wish = getenv("MIRAI_AHEAD");
    char *end;
    long ahead = wish != NULL ? strtol(wish, &end, 10) : 0;
    pool->pace_ns = UNKNOWN_NS;
    pool->spread_at = MIRAI__NEVER;
    pool->ahead_is_fixed = wish != NULL && end != wish && *end == '\0' && ahead >= 0;
    if (!pool->ahead_is_fixed) return;
    mirai__sched_set_ahead(&pool->sched, ahead < MIRAI__AHEAD_MAX ? (int32_t)ahead : MIRAI__AHEAD_MAX);
}

static void judge(mirai_pool *pool)
{
    int32_t ahead = pool->sched.ahead;
    if (pool->pace_ns >= LONG_NS)
        ahead = 0;
    else if (pool->pace_ns < BRIEF_NS)
        ahead = MIRAI__AHEAD_MAX;
    else if (pool->pace_ns < SHORT_NS)
        ahead = AHEAD_FEW;
    if (ahead != pool->sched.ahead) mirai__sched_set_ahead(&pool->sched, ahead);
}

/* By what the daemon says: what the host sees of its pace may be the host's own. */
static void judge_near(mirai_pool *pool, const mirai__remote *remote)
{
    const mirai__claims *claims = claims_of(remote);
    uint32_t pace = claims != NULL ? atomic_load_explicit(&claims->pace_ns, memory_order_relaxed) : 0;
    int32_t near = pace > 0 && pace < BRIEF_NS ? NEAR_NS / (int32_t)pace : 0;
    bool crowded = pool->vigil.cpus > 0 && pool->vigil.cpus <= CROWDED;
    if (near > MIRAI__AHEAD_MAX) near = MIRAI__AHEAD_MAX; /* more would hold the queue as well */
    mirai__sched_set_near(&pool->sched, crowded && near > 0 && pace < GATHER_NS ? INT32_MAX : near);
}

void mirai__ahead_look(mirai_pool *pool)
{
    if (pool->spread_at != MIRAI__NEVER || !mirai__sched_may_spread(&pool->sched)) return;
    pool->spread_at = mirai__deadline(SPREAD_MS); /* and so it stays: each earlier deadline costs a wake-up */
}

bool mirai__ahead_spread(mirai_pool *pool, int64_t now, bool in_vain)
{
    if (in_vain ? pool->sched.near == 0 || !mirai__sched_is_gathered(&pool->sched) : now < pool->spread_at) return false;
    if (!in_vain) pool->spread_at = MIRAI__NEVER;
    bool any = mirai__sched_spread(&pool->sched, in_vain);
    mirai__engine_commands(pool);
    return any;
}

void mirai__ahead_handed(mirai_pool *pool, mirai__remote *remote)
{
    bool timed = remote->sched.borrows && !pool->ahead_is_fixed && (pool->sched.ahead > 0 || ++pool->handed % TIMED == 0);
    remote->timed_at = timed ? mirai__now_ns() : 0;
}

void mirai__ahead_learn(mirai_pool *pool, mirai__remote *remote, uint64_t results)
{
    if (remote->timed_at == 0 || results == 0) return;
    int64_t now = mirai__now_ns(), sample = (now - remote->timed_at) / (int64_t)results;
    if (sample > SAMPLE_MOST_NS) sample = SAMPLE_MOST_NS;
    pool->pace_ns += (sample - pool->pace_ns) / (sample < pool->pace_ns ? 2 : 16);
    remote->timed_at = remote->sched.attempt != 0 ? now : 0;
    judge(pool);
    judge_near(pool, remote);
}
