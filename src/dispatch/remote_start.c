/*
 * remote_start: starting a daemon's process and giving it its place in the pool. On a thread that makes a turn, or on
 * one that it has started for that; only the start itself drops the pool's lock.
 */
#include "remote_private.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "lock.h"
#include "random.h"

static _Atomic uint64_t last_remote_id;

/* Where there is no memory to share, a plain pair does, unless rings were asked for. */
static mirai_status connect(int local, mirai__channel **out, int *daemon_fd)
{
    if (local == MIRAI__LOCAL_PAIR) return mirai__channel_pair(out, daemon_fd);
    mirai_status status = mirai__channel_ring(out, daemon_fd);
    return status == MIRAI_OK || local == MIRAI__LOCAL_RING ? status
                                                            : mirai__channel_pair(out, daemon_fd);
}

/* Large buffers are read in place, on both sides. What a daemon has mapped counts as its own where its memory is
 * limited: there requests travel. */
static mirai_status share_memory(const mirai_pool *pool, mirai__remote *remote)
{
    if (pool->slabs != NULL && remote->options->memory_limit <= 0) {
        remote->lender = mirai__lender_new(pool->slabs);
        if (remote->lender == NULL) return MIRAI_E_NOMEM;
    }
    return mirai__link_share_memory(remote->link, remote->lender);
}

/* Lock not held. */
static mirai_status start(const mirai_pool *pool, const mirai_daemon_options *options, mirai__remote *remote)
{
    mirai__spawn spawn = pool->spawn; /* the template is constant */
    spawn.options = options;
    remote->options = options;
    spawn.launch = remote->id;
    spawn.token = remote->token;
    mirai__channel *channel = NULL;
    if (spawn.url != NULL) {
        MIRAI_TRY(mirai__random_bytes(remote->token, sizeof remote->token));
    } else {
        MIRAI_TRY(connect(pool->local, &channel, &spawn.socket));
        remote->link = mirai__link_new(channel, &mirai__limits_stranger);
        if (remote->link == NULL || share_memory(pool, remote) != MIRAI_OK) {
            (void)close(spawn.socket);
            return MIRAI_E_NOMEM;
        }
    }
    mirai_status status = mirai__spawn_process(&spawn, &remote->process);
    if (spawn.socket >= 0) (void)close(spawn.socket);
    return status;
}

/* Lock held. Whatever of this fails, the process is killed by the caller. */
static mirai_status enrol(mirai_pool *pool, int32_t group, mirai__remote *remote)
{
    mirai__list_init(&remote->lingering);
    mirai__list_init(&remote->busy);
    remote->watched = POLLIN;
    remote->started = mirai__now_ms();
    MIRAI_TRY(mirai__map_put(&pool->remotes, remote->id, remote));
    mirai_status status =
        mirai__engine_watch(pool, remote->process.pidfd, POLLIN, MIRAI__SOURCE_PROCESS, remote->id);
    if (status == MIRAI_OK && remote->link != NULL)
        status = mirai__engine_watch(pool, mirai__link_fd(remote->link), POLLIN, MIRAI__SOURCE_LINK,
                                     remote->id);
    if (status == MIRAI_OK && remote->process.output_fd >= 0)
        status = mirai__engine_watch(pool, remote->process.output_fd, POLLIN, MIRAI__SOURCE_OUTPUT,
                                     remote->id);
    if (status == MIRAI_OK && remote->process.stdout_fd >= 0)
        status = mirai__engine_watch(pool, remote->process.stdout_fd, POLLIN, MIRAI__SOURCE_STDOUT,
                                     remote->id);
    if (status == MIRAI_OK)
        status = mirai__sched_daemon_added(&pool->sched, &remote->sched, group, remote->started);
    if (status == MIRAI_OK) return MIRAI_OK;
    (void)mirai__map_remove(&pool->remotes, remote->id);
    mirai__engine_unwatch(pool, remote->process.pidfd); /* those not watched yet do not mind */
    if (remote->link != NULL) mirai__engine_unwatch(pool, mirai__link_fd(remote->link));
    if (remote->process.output_fd >= 0) mirai__engine_unwatch(pool, remote->process.output_fd);
    if (remote->process.stdout_fd >= 0) mirai__engine_unwatch(pool, remote->process.stdout_fd);
    return status;
}

/* A process that could not be enrolled. It was started a moment ago, so this does not wait long. */
static void abandon(mirai__remote *remote)
{
    mirai__process_kill(&remote->process, SIGKILL);
    struct pollfd dead = {.fd = remote->process.pidfd, .events = POLLIN};
    while (poll(&dead, 1, -1) < 0 && errno == EINTR) continue;
    mirai__death death;
    (void)mirai__process_reap(&remote->process, &death);
}

/* Start a process for one SPAWN. */
static void spawn(mirai_pool *pool)
{
    int32_t group = 0;
    while (pool->groups[group].spawns_owed == 0) group++; /* there is one: the pool owes their sum */
    const mirai_daemon_options *options = pool->groups[group].options;
    pool->groups[group].spawns_owed--;
    pool->spawns_owed--;
    pool->spawning++;
    (void)pthread_mutex_unlock(&pool->lock);
    mirai__remote *remote = mirai__alloc_zero(1, sizeof *remote);
    mirai_status status = remote == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
    if (remote != NULL) {
        remote->id = atomic_fetch_add(&last_remote_id, 1) + 1;
        remote->process = (mirai__process){.pid = -1, .pidfd = -1, .output_fd = -1, .stdout_fd = -1};
        status = start(pool, options, remote);
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->spawning--;
    if (status == MIRAI_OK) {
        status = enrol(pool, group, remote);
        if (status == MIRAI_OK) {
            if (pool->ending) mirai__remote_kill(pool, remote, "the pool was closed");
            return;
        }
        abandon(remote);
    }
    mirai__remote_note_start(pool, status, mirai_error_detail());
    if (remote != NULL) mirai__remote_free(remote);
    mirai__sched_spawn_failed(&pool->sched, group, mirai__now_ms());
}

/* ---- many at once ---- */

/* Whoever starts a process waits until it runs its own program, and that takes long: several do it side by side, where
 * each has enough of them to be worth a thread. */
enum { SPAWNS_EACH = 2, HELPERS_MAX = 7 };

static void *help(void *argument)
{
    mirai_pool *pool = argument;
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->spawns_owed > 0) {
        spawn(pool);
        mirai__engine_commands(pool);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* How many beside the caller. */
static int64_t helpers_for(int64_t spawns)
{
    cpu_set_t usable;
    if (spawns < 2 * SPAWNS_EACH || sched_getaffinity(0, sizeof usable, &usable) != 0) return 0;
    int64_t cpus = CPU_COUNT(&usable), worth = spawns / SPAWNS_EACH;
    int64_t threads = (cpus < worth ? cpus : worth) - 1;
    return threads < HELPERS_MAX ? threads : HELPERS_MAX;
}

void mirai__remote_spawn(mirai_pool *pool)
{
    pthread_t helpers[HELPERS_MAX];
    int64_t count = 0, wanted = helpers_for(pool->spawns_owed);
    while (count < wanted && mirai__thread_start(&helpers[count], "mirai-spawn", help, pool) == MIRAI_OK) count++;
    while (pool->spawns_owed > 0) {
        spawn(pool);
        mirai__engine_commands(pool);
    }
    if (count == 0) return;
    (void)pthread_mutex_unlock(&pool->lock);
    while (count > 0) (void)pthread_join(helpers[--count], NULL);
    (void)pthread_mutex_lock(&pool->lock);
    mirai__engine_commands(pool);
}
