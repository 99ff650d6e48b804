/*
 * engine: a pool's epoll set and its turns. A turn waits for events with the lock dropped, hands them to the owners of
 * their sources, fires the scheduler's timers, and carries out its commands.
 * Threads and locks: engine.h.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ahead.h"
#include "alloc.h"
#include "clock.h"
#include "daemon_options.h"
#include "detail.h"
#include "driver.h"
#include "events.h"
#include "heartbeat.h"
#include "interrupt.h"
#include "output.h"
#include "random.h"
#include "remote.h"
#include "resource.h"
#include "share.h"

/* What an event carries: whose source it is, in the low bits the kind. */
enum { SOURCE_BITS = 3, EVENTS_PER_TURN = 64, VIGILS = 64 /* between two looks at the other sources */ };

static _Atomic uint64_t last_pool_id;

/* ---- watching -------------------------------------------------------------------------------- */

static struct epoll_event event_of(short events, int source, uint64_t id)
{
    struct epoll_event event = {.events = 0, .data = {.u64 = id << SOURCE_BITS | (uint64_t)source}};
    if (events & POLLIN) event.events |= EPOLLIN;
    if (events & POLLOUT) event.events |= EPOLLOUT;
    return event;
}

mirai_status mirai__engine_watch(mirai_pool *pool, int fd, short events, int source, uint64_t id)
{
    struct epoll_event event = event_of(events, source, id);
    if (epoll_ctl(pool->epoll, EPOLL_CTL_ADD, fd, &event) == 0) return MIRAI_OK;
    return mirai__fail_errno(errno, "watching a descriptor");
}

void mirai__engine_rewatch(mirai_pool *pool, int fd, short events, int source, uint64_t id)
{
    struct epoll_event event = event_of(events, source, id);
    (void)epoll_ctl(pool->epoll, EPOLL_CTL_MOD, fd, &event); /* a watched descriptor cannot fail this */
}

void mirai__engine_unwatch(mirai_pool *pool, int fd)
{
    (void)epoll_ctl(pool->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void mirai__engine_kick(mirai_pool *pool)
{
    int saved = errno; /* a signal handler may be among the callers */
    uint64_t one = 1;
    ssize_t written = write(pool->wake, &one, sizeof one);
    (void)written; /* full means that a kick is pending */
    errno = saved;
}

void mirai__engine_rearm(mirai_pool *pool)
{
    if (mirai__engine_deadline(pool) < pool->sleep_until) mirai__engine_kick(pool);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void take_kick(mirai_pool *pool)
{
    uint64_t count;
    ssize_t got = read(pool->wake, &count, sizeof count);
    (void)got; /* nothing to read: another turn took it */
    /* Where nobody waits it is kept for the next who does. Taken afterwards: who comes meanwhile sees it. */
    if (mirai__interrupt_is_kept(pool) && mirai__driver_interrupt(pool)) (void)mirai__interrupt_take(pool);
}

static void dispatch(mirai_pool *pool, const struct epoll_event *event)
{
    int source = (int)(event->data.u64 & ((1U << SOURCE_BITS) - 1));
    uint64_t id = event->data.u64 >> SOURCE_BITS;
    if (source == MIRAI__SOURCE_WAKE) {
        take_kick(pool);
        return;
    }
    if (source == MIRAI__SOURCE_LISTENER) {
        mirai__stranger_accept(pool);
        return;
    }
    if (source == MIRAI__SOURCE_STRANGER) {
        mirai__stranger *stranger = mirai__map_get(&pool->strangers, id);
        if (stranger != NULL) mirai__stranger_on_link(pool, stranger);
        return;
    }
    mirai__remote *remote = mirai__map_get(&pool->remotes, id);
    if (remote == NULL) return; /* gone since the event was taken */
    if (source == MIRAI__SOURCE_LINK)
        mirai__remote_on_link(pool, remote);
    else if (source == MIRAI__SOURCE_PROCESS)
        mirai__remote_on_process(pool, remote);
    else
        mirai__remote_on_output(pool, remote, source == MIRAI__SOURCE_STDOUT ? 1 : 2);
}

int64_t mirai__engine_deadline(const mirai_pool *pool)
{
    int64_t until = mirai__sched_deadline(&pool->sched);
    int64_t strangers = mirai__stranger_deadline(pool);
    int64_t lingering = mirai__remote_deadline(pool);
    if (strangers < until) until = strangers;
    if (lingering < until) until = lingering;
    if (pool->beat_at < until) until = pool->beat_at;
    if (pool->spread_at < until) until = pool->spread_at;
    return pool->spawns_owed > 0 ? mirai__now_ms() : until;
}

/* Wait for events, and hand them to the owners of their sources. */
static void take_events(mirai_pool *pool, const struct mirai__waiter *self, int timeout)
{
    struct epoll_event events[EVENTS_PER_TURN];
    (void)pthread_mutex_unlock(&pool->lock);
    int count = epoll_wait(pool->epoll, events, EVENTS_PER_TURN, timeout);
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->driver == self) pool->sleep_until = MIRAI__AWAKE; /* else it is another's by now */
    for (int i = 0; i < count; i++) dispatch(pool, &events[i]);
}

void mirai__engine_turn(mirai_pool *pool, struct mirai__waiter *self, int64_t deadline)
{
    if (self != NULL && mirai__vigil_keep(pool)) {
        mirai__engine_commands(pool); /* the lock may be dropped now: nobody may see what is decided and not carried out */
        if (pool->vigil.kept % VIGILS == 0) take_events(pool, self, 0); /* there are other sources */
    } else {
        bool spread = self != NULL && pool->vigil.in_vain && mirai__ahead_spread(pool, 0, true);
        int64_t until = spread ? 0 : mirai__engine_deadline(pool); /* what it waits for may have been read */
        if (deadline < until) until = deadline;
        pool->sleep_until = until;
        take_events(pool, self, mirai__until(until, mirai__now_ms()));
    }
    int64_t now = mirai__now_ms();
    mirai__stranger_expire(pool, now);
    mirai__remote_expire(pool, now);
    mirai__heartbeat_beat(pool, now);
    if (mirai__sched_deadline(&pool->sched) <= now) mirai__ahead_settle_all(pool);
    mirai__sched_advance(&pool->sched, now);
    mirai__engine_commands(pool);
    (void)mirai__ahead_spread(pool, now, false);
    while (pool->spawns_owed > 0) mirai__remote_spawn(pool);
    mirai__driver_notify(pool);
    mirai__engine_rearm(pool);
    /* Somebody took over while we waited: a kick that was meant for them may be among the events taken here. */
    if (pool->driver != self) mirai__engine_kick(pool);
}

/* ---- life ------------------------------------------------------------------------------------ */

static char **copy_command(const char *const *command)
{
    size_t count = 0;
    while (command[count] != NULL) count++;
    char **copy = mirai__alloc_zero(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = mirai__strdup(command[i]);
        if (copy[i] != NULL) continue;
        for (size_t j = 0; j < i; j++) mirai__free(copy[j]);
        mirai__free(copy);
        copy = NULL;
    }
    return copy;
}

static void free_command(char **command)
{
    for (size_t i = 0; command != NULL && command[i] != NULL; i++) mirai__free(command[i]);
    mirai__free(command);
}

mirai_status mirai__engine_lend(mirai_pool *pool)
{
    if (pool->listener != NULL || pool->local == MIRAI__LOCAL_PAIR || pool->sync) return MIRAI_OK;
    pool->slabs = mirai__slabs_new(mirai__slabs_budget());
    return pool->slabs != NULL ? mirai__slabs_bind(pool, pool->slabs) : MIRAI_E_NOMEM;
}

void mirai__engine_shut(mirai_pool *pool)
{
    mirai__listener_free(pool->listener);
    pool->listener = NULL;
    mirai__slabs_unbind(pool);
    mirai__slabs_shut(pool->slabs);
    /* A thread may be on its way out of a wait: then the last handle closes the rest. */
    if (!mirai__list_is_empty(&pool->waiters)) return;
    mirai__share_shut(pool);
    if (pool->epoll >= 0) (void)close(pool->epoll);
    if (pool->wake >= 0) (void)close(pool->wake);
    if (pool->event_fd >= 0) (void)close(pool->event_fd);
    pool->epoll = pool->wake = pool->event_fd = -1;
    pool->sleep_until = MIRAI__AWAKE;
}

static void free_pool(mirai_pool *pool)
{
    mirai__engine_shut(pool);
    mirai__slabs_unref(pool->slabs);
    (void)mirai__interrupt_take(pool);
    mirai__sched_fini(&pool->sched);
    mirai__map_fini(&pool->remotes);
    mirai__map_fini(&pool->strangers);
    mirai__events_free(pool->events);
    mirai__output_stop(pool->capturing);
    mirai__hooks_free(pool->hooks);
    free_command(pool->command);
    for (size_t i = 0; i < MIRAI__GROUPS_MAX; i++) mirai__daemon_options_free(pool->groups[i].options);
    mirai__free(pool->resources);
    mirai__free(pool->start_detail);
    mirai__free(pool->name);
    (void)pthread_mutex_destroy(&pool->lock);
    mirai__free(pool);
}

mirai_pool *mirai__engine_ref(mirai_pool *pool)
{
    atomic_fetch_add_explicit(&pool->references, 1, memory_order_relaxed);
    return pool;
}

void mirai__engine_release(mirai_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->references, 1, memory_order_acq_rel) == 1) free_pool(pool);
}

/* Descriptors and owned memory; what was made when it fails is for free_pool(). */
static mirai_status equip(mirai_pool *pool, const char *name, const mirai_pool_options *options)
{
    pool->name = mirai__strdup(name);
    pool->hooks = mirai__hooks_new();
    if (pool->name == NULL || pool->hooks == NULL) return MIRAI_E_NOMEM;
    if (options->command != NULL) {
        pool->command = copy_command(options->command);
        if (pool->command == NULL) return MIRAI_E_NOMEM;
    }
    pool->spawn.command = (const char *const *)pool->command;
    pool->spawn.output = options->output;
    pool->spawn.socket = -1;
    MIRAI_TRY(mirai__output_capture(pool, options));
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (pool->epoll < 0) return mirai__fail_errno(errno, "opening a pool");
    pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->wake < 0) return mirai__fail_errno(errno, "opening a pool");
    return mirai__engine_watch(pool, pool->wake, POLLIN, MIRAI__SOURCE_WAKE, 0);
}

static mirai_status schedule(mirai_pool *pool, const mirai_pool_options *options)
{
    mirai__sched_config config = {.start_timeout_ms = options->start_timeout_ms, .grace_ms = options->grace_ms};
    MIRAI_TRY(mirai__daemon_options_copy(options->daemon, &pool->groups[0].options));
    MIRAI_TRY(mirai__resources_copy(options->resources, options->resource_count, &pool->resources,
                                    &config.resource_count));
    config.tags = pool->groups[0].options->tags;
    config.resources = pool->resources;
    mirai__sched_init(&pool->sched, &config);
    mirai__ahead_init(pool);
    return MIRAI_OK;
}

mirai_status mirai__engine_new(const char *name, const mirai_pool_options *options, mirai_pool **out)
{
    mirai_pool *pool = mirai__alloc_zero(1, sizeof *pool);
    if (pool == NULL) return MIRAI_E_NOMEM;
    atomic_init(&pool->references, 1);
    (void)pthread_mutex_init(&pool->lock, NULL);
    pool->id = atomic_fetch_add(&last_pool_id, 1) + 1;
    pool->epoll = pool->wake = pool->event_fd = -1;
    pool->heartbeat_ms = options->heartbeat_ms;
    pool->beat_at = MIRAI__NEVER;
    pool->sleep_until = MIRAI__NEVER; /* as the service thread sees a pool that it was just given */
    mirai__vigil_init(&pool->vigil, options->spin == 0);
    mirai__seeds_init(&pool->seeds, options);
    pool->sync = options->sync != 0;
    pool->copies_results = options->copy_results != 0;
    mirai__map_init(&pool->remotes);
    mirai__map_init(&pool->strangers);
    mirai__list_init(&pool->lingering);
    mirai__list_init(&pool->busy);
    mirai__budget_init(&pool->budget, options);
    mirai__list_init(&pool->waiters);
    mirai__list_init(&pool->setups);
    mirai__list_init(&pool->callbacks);
    mirai__list_init(&pool->graves);
    mirai_status status = schedule(pool, options);
    if (status == MIRAI_OK) status = equip(pool, name, options);
    if (status == MIRAI_OK) {
        *out = pool;
        return MIRAI_OK;
    }
    free_pool(pool);
    return status;
}
