/*
 * vigil: see vigil.h. On the driver's thread; the pool's lock as said there.
 */
#include "vigil.h"

#include <sched.h>
#include <stdatomic.h>

#include "clock.h"
#include "remote.h"

enum { DAEMONS_MAX = 16 /* at which a driver looks */ };

static _Atomic int32_t vigils; /* being kept in this process */

void mirai__vigil_init(mirai__vigil *vigil, bool wished)
{
    *vigil = (mirai__vigil){.wished = wished && mirai__spin_is_wished()};
}

/* ---- processors ------------------------------------------------------------------------------ */

static bool is_looked_at(const mirai__remote *remote)
{
    return remote->link != NULL && mirai__link_dozes(remote->link);
}

static int32_t count_cpus(const mirai_pool *pool)
{
    cpu_set_t all, each;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return 1;
    size_t cursor = 0;
    void *item;
    uint64_t id;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        const mirai__remote *remote = item;
        if (remote->ready && is_looked_at(remote) &&
            sched_getaffinity((pid_t)remote->process.pid, sizeof each, &each) == 0)
            CPU_OR(&all, &all, &each);
    }
    return (int32_t)CPU_COUNT(&all);
}

void mirai__vigil_judge(mirai_pool *pool)
{
    if (!pool->vigil.wished) return;
    size_t count = pool->remotes.count;
    pool->vigil.cpus = count <= DAEMONS_MAX ? count_cpus(pool) : 0;
    int how = pool->vigil.cpus == 0 ? MIRAI__SPIN_NOT : (size_t)pool->vigil.cpus > count ? MIRAI__SPIN_PAUSE : MIRAI__SPIN_YIELD;
    size_t cursor = 0;
    void *item;
    uint64_t id;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        mirai__remote *remote = item;
        if (remote->link != NULL) mirai__link_set_active(remote->link, how);
        if (count > DAEMONS_MAX + 1) return; /* all were told when they became too many */
    }
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Those that it is about, by number: what one sends may make an end of another. */
typedef struct watched {
    uint64_t ids[DAEMONS_MAX];
    size_t count;
    int how; /* MIRAI__SPIN_* */
} watched;

/* False: there are none, or too many. */
static bool choose(mirai_pool *pool, watched *daemons)
{
    daemons->count = 0;
    if (pool->vigil.cpus == 0) return false;
    for (mirai__list *at = pool->busy.next; at != &pool->busy; at = at->next) {
        mirai__remote *remote = mirai__list_entry(at, mirai__remote, busy);
        if (daemons->count == DAEMONS_MAX || !is_looked_at(remote)) return false;
        daemons->ids[daemons->count++] = remote->id;
    }
    int64_t spare = (int64_t)pool->vigil.cpus - 1 - atomic_load_explicit(&vigils, memory_order_relaxed);
    daemons->how = spare >= (int64_t)daemons->count ? MIRAI__SPIN_PAUSE : MIRAI__SPIN_YIELD;
    return daemons->count > 0;
}

static mirai__remote *find(const mirai_pool *pool, uint64_t id)
{
    mirai__remote *remote = mirai__map_get(&pool->remotes, id);
    return remote != NULL && remote->link != NULL ? remote : NULL;
}

static bool look(const mirai_pool *pool, const watched *daemons)
{
    for (size_t i = 0; i < daemons->count; i++) {
        mirai__remote *remote = find(pool, daemons->ids[i]);
        if (remote == NULL || mirai__link_look(remote->link)) return true;
    }
    return false;
}

static bool wait(mirai_pool *pool, const watched *daemons, int64_t now, int64_t until)
{
    bool found;
    (void)atomic_fetch_add_explicit(&vigils, 1, memory_order_relaxed);
    while (!(found = look(pool, daemons)) && !pool->vigil.called && now < until) {
        (void)pthread_mutex_unlock(&pool->lock);
        now = mirai__spin_step(&pool->vigil.spin, daemons->how, now); /* one driver at a time */
        (void)pthread_mutex_lock(&pool->lock);
    }
    (void)atomic_fetch_sub_explicit(&vigils, 1, memory_order_relaxed);
    return found;
}

bool mirai__vigil_keep(mirai_pool *pool)
{
    mirai__vigil *vigil = &pool->vigil;
    watched daemons;
    vigil->in_vain = vigil->over;
    vigil->over = false;
    if (vigil->in_vain || !vigil->wished || !choose(pool, &daemons)) return false;
    int64_t now = mirai__now_ns(), until = mirai__spin_until(&vigil->spin, daemons.how, now);
    if (now == until) return false;
    pool->sleep_until = MIRAI__AWAKE; /* nobody need kick: `called` is enough */
    vigil->called = false;
    vigil->kept++;
    for (size_t i = 0; i < daemons.count; i++) mirai__link_hush(find(pool, daemons.ids[i])->link);
    bool found = wait(pool, &daemons, now, until);
    if (!vigil->called) mirai__spin_learn(&vigil->spin, found);
    vigil->over = !found && !vigil->called;
    /* Each is read until it has nothing more, and so asks for a bell again. */
    for (size_t i = 0; i < daemons.count; i++) {
        mirai__remote *remote = find(pool, daemons.ids[i]);
        if (remote != NULL) mirai__remote_on_link(pool, remote);
    }
    return true;
}
