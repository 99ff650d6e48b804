/*
 * service: the thread that makes the turns of the pools that nobody drives.
 *
 * A pool is in the service's epoll set by its own epoll descriptor, which is readable when a turn is due; while
 * somebody drives, it is not watched. Time-outs come from pool->sleep_until, which the last turn left.
 * A pool that is driven again and again, with little between, is not watched between either: the thread
 * looks after it every LAZY_MS, and watches it again once nobody has driven it for so long.
 * `service.lock` guards the table of pools, the thread's life, and each entry's `due`. It is taken after a pool's
 * lock, never before.
 */
#include "service.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "lock.h"

enum { LAZY_MS = 2 };

typedef struct entry {
    mirai_pool *pool; /* kept by the pool's own count until it is removed */
    uint64_t drives;  /* station.drives of a lazy pool when it was last looked at; service thread */
    int64_t due;      /* when a turn is due though no event comes; while parked, where it was */
    bool in_turn;     /* the service thread is at it now */
} entry;

static struct {
    pthread_mutex_t lock;
    pthread_mutex_t life; /* held while the thread is started or joined */
    pthread_cond_t turn_over;
    mirai__map pools; /* id -> entry */
    pthread_t thread;
    int epoll, wake;
    int64_t sleep_until; /* deadline of the thread where it sleeps: a nearer one must wake it; else AWAKE */
    bool stop;
} service = {.lock = PTHREAD_MUTEX_INITIALIZER,
             .life = PTHREAD_MUTEX_INITIALIZER,
             .turn_over = PTHREAD_COND_INITIALIZER,
             .epoll = -1,
             .wake = -1,
             .sleep_until = MIRAI__AWAKE};

/* ---- the thread ------------------------------------------------------------------------------ */

static int64_t next_due(uint64_t *id)
{
    int64_t due = MIRAI__NEVER;
    size_t cursor = 0;
    uint64_t key;
    void *item;
    while (mirai__map_next(&service.pools, &cursor, &key, &item)) {
        const entry *each = item;
        if (each->due >= due) continue;
        due = each->due;
        *id = key;
    }
    return due;
}

static void listen(const mirai_pool *pool, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.u64 = pool->id}};
    (void)epoll_ctl(service.epoll, EPOLL_CTL_MOD, pool->epoll, &event);
}

/* One turn of a pool, if it is still there and nobody drives it. service.lock is held, and dropped meanwhile. */
static void turn(uint64_t id)
{
    entry *at = mirai__map_get(&service.pools, id);
    if (at == NULL) return;
    at->in_turn = true;
    mirai_pool *pool = at->pool;
    (void)pthread_mutex_unlock(&service.lock);

    int64_t due = MIRAI__NEVER;
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->driver == NULL) mirai__engine_turn(pool, NULL, mirai__now_ms());
    if (pool->driver != NULL) {
        if (pool->station.watch == MIRAI__SERVICE_LAZY) pool->station.watch = MIRAI__SERVICE_OFF;
    } else if (pool->station.watch == MIRAI__SERVICE_LAZY && at->drives != pool->station.drives) {
        at->drives = pool->station.drives;
        due = mirai__now_ms() + LAZY_MS;
    } else {
        due = mirai__engine_deadline(pool);
        pool->sleep_until = due;
        if (pool->station.watch != MIRAI__SERVICE_ON) listen(pool, EPOLLIN);
        pool->station.watch = MIRAI__SERVICE_ON;
    }
    /* Set before the pool's lock is dropped: a park or unpark that comes later must have the last word. */
    (void)pthread_mutex_lock(&service.lock);
    if (pool->driver == NULL || at->due <= mirai__now_ms()) at->due = due; /* else as in park */
    at->in_turn = false;
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_cond_broadcast(&service.turn_over);
}

static void wake(void)
{
    uint64_t one = 1;
    ssize_t written = write(service.wake, &one, sizeof one);
    (void)written; /* full means that it is awake in a moment */
}

static void take_wake(void)
{
    uint64_t count;
    ssize_t got = read(service.wake, &count, sizeof count);
    (void)got;
}

static void *serve(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&service.lock);
    while (!service.stop) {
        struct epoll_event events[16];
        uint64_t first = 0;
        int64_t due = next_due(&first), now = mirai__now_ms();
        if (due <= now) {
            turn(first);
            continue;
        }
        service.sleep_until = due;
        (void)pthread_mutex_unlock(&service.lock);
        int count = epoll_wait(service.epoll, events, 16, mirai__until(due, now));
        (void)pthread_mutex_lock(&service.lock);
        service.sleep_until = MIRAI__AWAKE;
        for (int i = 0; i < count && !service.stop; i++) {
            if (events[i].data.u64 != 0)
                turn(events[i].data.u64);
            else
                take_wake();
        }
    }
    (void)pthread_mutex_unlock(&service.lock);
    return NULL;
}

/* ---- its life; service.life is held ---------------------------------------------------------- */

/* service.lock too: a wait that the close of the last pool ended may be about to arm its entry. */
static void shut(void)
{
    (void)pthread_mutex_lock(&service.lock);
    if (service.epoll >= 0) (void)close(service.epoll);
    if (service.wake >= 0) (void)close(service.wake);
    service.epoll = service.wake = -1;
    mirai__map_fini(&service.pools);
    (void)pthread_mutex_unlock(&service.lock);
}

static mirai_status open_service(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&service.lock);
    mirai__map_init(&service.pools);
    service.stop = false;
    service.epoll = epoll_create1(EPOLL_CLOEXEC);
    service.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service.epoll < 0 || service.wake < 0 ||
        epoll_ctl(service.epoll, EPOLL_CTL_ADD, service.wake, &event) != 0)
        status = mirai__fail_errno(errno, "starting the service thread");
    (void)pthread_mutex_unlock(&service.lock);
    if (status == MIRAI_OK) status = mirai__thread_start(&service.thread, "mirai-service", serve, NULL);
    if (status != MIRAI_OK) shut();
    return status;
}

static void stop_service(void)
{
    (void)pthread_mutex_lock(&service.lock);
    service.stop = true;
    (void)pthread_mutex_unlock(&service.lock);
    wake();
    (void)pthread_join(service.thread, NULL);
    shut();
}

/* ---- pools ----------------------------------------------------------------------------------- */

static mirai_status enter(mirai_pool *pool, entry *fresh)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = pool->id}};
    (void)pthread_mutex_lock(&service.lock);
    mirai_status status = mirai__map_put(&service.pools, pool->id, fresh);
    if (status == MIRAI_OK && epoll_ctl(service.epoll, EPOLL_CTL_ADD, pool->epoll, &event) != 0) {
        status = mirai__fail_errno(errno, "watching a pool");
        (void)mirai__map_remove(&service.pools, pool->id);
    }
    (void)pthread_mutex_unlock(&service.lock);
    return status;
}

mirai_status mirai__service_add(mirai_pool *pool)
{
    entry *fresh = mirai__alloc_zero(1, sizeof *fresh);
    if (fresh == NULL) return MIRAI_E_NOMEM;
    fresh->pool = pool;
    fresh->due = MIRAI__NEVER;
    (void)pthread_mutex_lock(&service.life);
    bool first = service.epoll < 0;
    mirai_status status = first ? open_service() : MIRAI_OK;
    if (status == MIRAI_OK) {
        status = enter(pool, fresh);
        if (status != MIRAI_OK && first) stop_service();
    }
    (void)pthread_mutex_unlock(&service.life);
    if (status != MIRAI_OK) mirai__free(fresh);
    return status;
}

void mirai__service_remove(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&service.life);
    (void)pthread_mutex_lock(&service.lock);
    entry *at = mirai__map_get(&service.pools, pool->id);
    if (at != NULL) {
        while (at->in_turn) (void)pthread_cond_wait(&service.turn_over, &service.lock);
        (void)mirai__map_remove(&service.pools, pool->id);
        (void)epoll_ctl(service.epoll, EPOLL_CTL_DEL, pool->epoll, NULL);
        mirai__free(at);
    }
    bool last = at != NULL && service.pools.count == 0;
    (void)pthread_mutex_unlock(&service.lock);
    if (last) stop_service();
    (void)pthread_mutex_unlock(&service.life);
}

/* Watch the pool, or do not; and see to it at `due` (NULL: when it was due before). */
static void arm(mirai_pool *pool, int32_t watch, const int64_t *due)
{
    (void)pthread_mutex_lock(&service.lock);
    entry *at = mirai__map_get(&service.pools, pool->id);
    if (at != NULL) {
        if (watch != MIRAI__SERVICE_LAZY) listen(pool, watch == MIRAI__SERVICE_ON ? EPOLLIN : 0);
        if (due != NULL) at->due = *due;
        if (due != NULL && *due < service.sleep_until) wake();
        pool->station.watch = watch;
    }
    (void)pthread_mutex_unlock(&service.lock);
}

void mirai__service_park(mirai_pool *pool)
{
    pool->station.drives++;
    /* The thread goes on sleeping until what was due: else each hand-over would have to wake it to say so again. */
    if (pool->station.watch == MIRAI__SERVICE_ON) arm(pool, MIRAI__SERVICE_OFF, NULL);
}

void mirai__service_unpark(mirai_pool *pool)
{
    if (pool->station.watch == MIRAI__SERVICE_LAZY) return;
    int64_t now = mirai__now_ms();
    bool again = now - pool->station.drove_at < LAZY_MS;
    pool->station.drove_at = now;
    pool->sleep_until = again ? MIRAI__AWAKE : mirai__engine_deadline(pool);
    int64_t due = again ? now + LAZY_MS : pool->sleep_until;
    arm(pool, again ? MIRAI__SERVICE_LAZY : MIRAI__SERVICE_ON, &due);
}
