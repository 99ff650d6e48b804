/*
 * control: dealing with frames, and the control thread, which receives them when the main thread does
 * not: it cancels the job at hand, answers pings, hands over jobs; and when the host is gone it kills
 * this process's group, whatever the main thread is doing. It blocks all signals, runs no code of
 * the user's but on_cancel, and sleeps in poll() while nothing calls it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <unistd.h>

#include "clock.h"
#include "daemon_private.h"
#include "detail.h"
#include "message_limits.h"
#include "lock.h"

/* BUSY_LOOK_MS: how often the connection is looked at while a job is out. poll() keeps a descriptor
 * alive that the job has closed, so that nothing else would tell. */
enum { LEAVE_GRACE_MS = 5000, BUSY_LOOK_MS = 500, HOST_DEATH_MS = 200, HOST_SLOW_DEATH_MS = 10000 };

/* Whether our parent is still the host. A job may have closed host_fd, and its number may be another's by now. */
static bool has_parent(const mirai_daemon *daemon)
{
    return daemon->session.host > 0 && getppid() == daemon->session.host;
}

/* A host that was killed has left its socket file behind, if its address is one. Its sockets are gone before it is: on
 * a busy machine by hundreds of milliseconds, which are waited for, up to wait_ms. Returns whether the host has died. */
static bool remove_file(const mirai_daemon *daemon, int wait_ms)
{
    static const char scheme[] = "ipc://";
    const char *url = daemon->session.url;
    if (url == NULL || daemon->host_fd < 0 || strncmp(url, scheme, strlen(scheme)) != 0) return false;
    struct pollfd dead = {.fd = daemon->host_fd, .events = POLLIN};
    if (poll(&dead, 1, wait_ms) <= 0 || !(dead.revents & POLLIN) || has_parent(daemon)) return false;
    (void)unlink(url + strlen(scheme));
    return true;
}

/* A host that is there shall not wonder who killed this process. It may not hold us up, nor may its death. */
static void say_why(const mirai_daemon *daemon)
{
    static const char words[] = "miraicore: a daemon ends itself: its connection to the host is gone\n";
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    if (!has_parent(daemon) || poll(&out, 1, 0) <= 0 || !(out.revents & POLLOUT)) return;
    ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
    (void)written;
}

/* Nothing that a job has started may outlive the host. A process that does not lead its group
 * shares it with others, whom it must not kill. */
static _Noreturn void die(const mirai_daemon *daemon)
{
    if (!remove_file(daemon, HOST_DEATH_MS)) {
        say_why(daemon); /* and a host that lives on kills us */
        (void)remove_file(daemon, HOST_SLOW_DEATH_MS);
    }
    if (getpgrp() == getpid()) (void)kill(0, SIGKILL);
    _exit(MIRAI__EXIT_FAULT);
}

static bool is_leaving(mirai_daemon *daemon)
{
    (void)pthread_mutex_lock(&daemon->lock);
    bool leaving = daemon->leaving || (daemon->closing && daemon->present == NULL);
    (void)pthread_mutex_unlock(&daemon->lock);
    return leaving;
}

/* Whether a status of the link means that the host is gone. If so, this does not return, unless we are leaving. */
static bool heed_loss(mirai_daemon *daemon, mirai_status status)
{
    bool lost = status == MIRAI_E_CONNRESET || status == MIRAI_E_CLOSED;
    if (lost && !is_leaving(daemon)) die(daemon);
    return lost;
}

mirai_status mirai__control_send(mirai_daemon *daemon, const mirai__frame *frame)
{
    (void)pthread_mutex_lock(&daemon->sending);
    mirai_status status = mirai__link_send_all(daemon->link, frame, MIRAI__NEVER);
    (void)pthread_mutex_unlock(&daemon->sending);
    (void)heed_loss(daemon, status);
    return status;
}

/* A connection that is gone is found by whoever uses it next. */
void mirai__control_settle(mirai_daemon *daemon)
{
    if (daemon->link == NULL || !mirai__link_owes(daemon->link)) return;
    (void)pthread_mutex_lock(&daemon->sending);
    (void)mirai__link_flush_all(daemon->link, MIRAI__NEVER);
    (void)pthread_mutex_unlock(&daemon->sending);
}

bool mirai__control_fault(mirai_daemon *daemon, mirai_status status)
{
    (void)pthread_mutex_lock(&daemon->lock);
    bool busy = daemon->present != NULL && daemon->taken; /* else it takes none any more */
    if (daemon->status == MIRAI_OK) {
        daemon->status = status;
        (void)snprintf(daemon->detail, sizeof daemon->detail, "%s", mirai_error_detail());
    }
    mirai__idle_tell(daemon);
    (void)pthread_mutex_unlock(&daemon->lock);
    return busy;
}

/* ---- frames ---- */

/* From the first job on until there was none for a while, the control thread looks now and then. A timer, so that it
 * need not be woken to be told. */
static void tick(mirai_daemon *daemon, bool on)
{
    struct itimerspec beat = {.it_value = {0, 0}};
    if (on) beat.it_value.tv_nsec = beat.it_interval.tv_nsec = BUSY_LOOK_MS * 1000000L;
    bool set = timerfd_settime(daemon->timer_fd, 0, &beat, NULL) == 0;
    daemon->ticking = on && set;
}

void mirai__control_next(mirai_daemon *daemon)
{
    mirai__list *node = mirai__list_pop(&daemon->ahead);
    daemon->present = node != NULL ? mirai__list_entry(node, mirai_job, node) : NULL;
    daemon->taken = false;
    if (node != NULL) daemon->ahead_count--;
}

void mirai__control_drop(mirai_daemon *daemon, mirai__list *into)
{
    while (daemon->present != NULL && !daemon->taken) {
        mirai__list_append(into, &daemon->present->node);
        mirai__control_next(daemon);
    }
    for (mirai__list *node; (node = mirai__list_pop(&daemon->ahead)) != NULL;) mirai__list_append(into, node);
    daemon->ahead_count = 0;
}

/* A second job, where the host may send some ahead. Behind a job there may be as many as there are slots that were revoked,
 * and as many again that were sent since it had ended. */
static bool may_wait(const mirai_daemon *daemon)
{
    return daemon->claims != NULL && daemon->ahead_count < 2 * MIRAI__CLAIMS;
}

/* Under the lock. */
static mirai_status accept_job(mirai_daemon *daemon, mirai__frame *frame)
{
    uint8_t slot = daemon->next_slot++; /* the host has counted it, whatever becomes of it */
    if (daemon->exit_code != 0) return MIRAI_OK; /* it has crossed our LEAVE */
    if (daemon->closing)
        return mirai__fail(MIRAI_E_PROTOCOL, "the host sent a job after it had closed the daemon");
    if (daemon->present != NULL && !may_wait(daemon))
        return mirai__fail(MIRAI_E_PROTOCOL,
                           "the host sent a job (attempt %llu) while another (attempt %llu) was "
                           "present",
                           (unsigned long long)frame->attempt,
                           (unsigned long long)daemon->present->attempt);
    if (frame->segment == NULL || frame->task == 0 || frame->attempt == 0)
        return mirai__fail(MIRAI_E_PROTOCOL, "the host sent a job without a body or a number");
    mirai_job *job = mirai__job_new(daemon, &daemon->lock, frame);
    if (job == NULL) return MIRAI_E_NOMEM;
    job->slot = slot;
    job->environ = daemon->environ;
    daemon->environ = NULL;
    job->resolver = &daemon->shares.resolver;
    job->slabs = daemon->lending.slabs;
    mirai__list_append(&daemon->ahead, &job->node);
    daemon->ahead_count++;
    if (daemon->present == NULL) mirai__control_next(daemon);
    daemon->begun++;
    if (!daemon->ticking && mirai__link_dozes(daemon->link)) tick(daemon, true);
    return MIRAI_OK;
}

/* One that comes too late names no job that is there. */
static void cancel_job(mirai_daemon *daemon, uint64_t attempt)
{
    if (daemon->present != NULL && daemon->present->attempt == attempt) mirai__job_cancel(daemon->present);
    for (mirai__list *at = daemon->ahead.next; at != &daemon->ahead; at = at->next) {
        mirai_job *job = mirai__list_entry(at, mirai_job, node);
        if (job->attempt == attempt) mirai__job_cancel(job);
    }
}

static mirai_status handle_locked(mirai_daemon *daemon, mirai__frame *frame)
{
    if (!daemon->welcomed && frame->kind != MIRAI__FRAME_WELCOME &&
        frame->kind != MIRAI__FRAME_CLOSE)
        return mirai__fail(MIRAI_E_PROTOCOL, "the host sent a frame of kind %d before its welcome",
                           frame->kind);
    switch (frame->kind) {
    case MIRAI__FRAME_WELCOME:
        if (daemon->welcomed)
            return mirai__fail(MIRAI_E_PROTOCOL, "the host sent its welcome twice");
        MIRAI_TRY(mirai__settings_decode(frame->segment, &daemon->settings));
        daemon->welcomed = true;
        return MIRAI_OK;
    case MIRAI__FRAME_JOB: return accept_job(daemon, frame);
    case MIRAI__FRAME_CANCEL: cancel_job(daemon, frame->attempt); return MIRAI_OK;
    case MIRAI__FRAME_CLOSE: daemon->closing = true; return MIRAI_OK;
    case MIRAI__FRAME_ENVIRON:
        mirai__segment_release(daemon->environ);
        daemon->environ = frame->segment;
        frame->segment = NULL;
        return MIRAI_OK;
    case MIRAI__FRAME_TAKEN: /* one that comes too late names no job that is present */
        if (daemon->present == NULL || daemon->present->attempt != frame->attempt) return MIRAI_OK;
        return mirai__report_taken(&daemon->present->report, frame->aux);
    case MIRAI__FRAME_SHARE: return mirai__shares_put(&daemon->shares, frame);
    case MIRAI__FRAME_UNSHARE: return mirai__shares_drop(&daemon->shares, frame->task);
    case MIRAI__FRAME_PING: return MIRAI_OK; /* answered outside the lock */
    default: return mirai__fail(MIRAI_E_PROTOCOL, "the host sent a frame of kind %d", frame->kind);
    }
}

static mirai_status handle(mirai_daemon *daemon, mirai__frame *frame)
{
    (void)pthread_mutex_lock(&daemon->lock);
    mirai_status status = handle_locked(daemon, frame);
    mirai__idle_tell(daemon);
    (void)pthread_mutex_unlock(&daemon->lock);
    if (status != MIRAI_OK || frame->kind != MIRAI__FRAME_PING) return status;
    const mirai__frame pong = {
        .kind = MIRAI__FRAME_PONG, .aux = frame->aux, .incarnation = frame->incarnation};
    return mirai__control_send(daemon, &pong);
}

mirai_status mirai__control_receive(mirai_daemon *daemon, bool *any)
{
    for (*any = false;; *any = true) {
        mirai__frame frame;
        mirai_status status = mirai__link_receive(daemon->link, &frame);
        if (status == MIRAI_E_AGAIN) return MIRAI_OK;
        MIRAI_TRY(status);
        status = handle(daemon, &frame);
        mirai__frame_fini(&frame);
        MIRAI_TRY(status);
    }
}

/* ---- the end ---- */

void mirai__control_lost(mirai_daemon *daemon, mirai_status status)
{
    if (!heed_loss(daemon, status)) (void)mirai__control_fault(daemon, status);
}

/* A main thread that is on its way out gets some time for its exit handlers, and no more. */
static void guard_exit(mirai_daemon *daemon)
{
    struct pollfd wake = {.fd = daemon->wake_fd, .events = POLLIN};
    int64_t deadline = mirai__deadline(LEAVE_GRACE_MS);
    for (;;) {
        int ready = poll(&wake, 1, mirai__until(deadline, mirai__now_ms()));
        if (ready > 0) return;
        if (ready == 0) die(daemon);
    }
}

static void end(mirai_daemon *daemon, mirai_status status)
{
    if (heed_loss(daemon, status)) {
        guard_exit(daemon);
        return;
    }
    if (!mirai__control_fault(daemon, status)) { /* the main thread leaves with that */
        guard_exit(daemon);
        return;
    }
    char text[1200];
    int size = snprintf(text, sizeof text, "miraicore: a daemon leaves: %s: %s\n",
                        mirai_status_text(status), mirai_error_detail());
    ssize_t written =
        write(STDERR_FILENO, text, size < (int)sizeof text ? (size_t)size : sizeof text - 1);
    (void)written;
    _exit(MIRAI__EXIT_FAULT);
}

static bool must_stop(mirai_daemon *daemon)
{
    (void)pthread_mutex_lock(&daemon->lock);
    bool stop = daemon->stop;
    (void)pthread_mutex_unlock(&daemon->lock);
    return stop;
}

/* Its end of the connection may stay open although it is: where it had forked, the child holds it
 * too. */
static bool is_host_dead(const mirai_daemon *daemon)
{
    if (daemon->host_unwatched) return getppid() != daemon->session.host;
    struct pollfd dead = {.fd = daemon->host_fd, .events = POLLIN};
    return daemon->host_fd >= 0 && poll(&dead, 1, 0) > 0 && (dead.revents & POLLIN);
}

/* The timer has fired: look after the job, or stop it where there was none since the last time. */
static void take_tick(mirai_daemon *daemon)
{
    uint64_t count;
    if (read(daemon->timer_fd, &count, sizeof count) != (ssize_t)sizeof count) return;
    (void)pthread_mutex_lock(&daemon->lock);
    bool busy = daemon->present != NULL;
    if (!busy && daemon->looked_at == daemon->begun) tick(daemon, false);
    daemon->looked_at = daemon->begun;
    (void)pthread_mutex_unlock(&daemon->lock);
    if (busy) mirai__report_look(daemon);
}

/* Where the main thread receives too: until it is called. */
static void wait_for_call(mirai_daemon *daemon)
{
    struct pollfd watched[] = {{.fd = mirai__link_fd(daemon->link), .events = POLLIN},
                               {.fd = daemon->watch_fd, .events = POLLIN},
                               {.fd = daemon->timer_fd, .events = POLLIN}};
    (void)poll(watched, 3, daemon->host_unwatched ? BUSY_LOOK_MS : -1);
    if (watched[2].revents & POLLIN) take_tick(daemon);
}

/* Until there is something to receive, or it is time to look. */
static mirai_status wait_for_host(mirai_daemon *daemon)
{
    if (mirai__link_dozes(daemon->link)) {
        wait_for_call(daemon);
        return MIRAI_OK;
    }
    (void)pthread_mutex_lock(&daemon->lock);
    bool busy = daemon->present != NULL;
    (void)pthread_mutex_unlock(&daemon->lock);
    if (busy) mirai__report_look(daemon);
    bool looking = busy || daemon->host_unwatched;
    int64_t deadline = looking ? mirai__deadline(BUSY_LOOK_MS) : MIRAI__NEVER;
    mirai_status status = mirai__link_wait(daemon->link, false, daemon->watch_fd, deadline);
    return status == MIRAI_E_TIMEDOUT ? MIRAI_OK : status;
}

static mirai_status receive(mirai_daemon *daemon, bool *any)
{
    (void)pthread_mutex_lock(&daemon->receiving);
    mirai_status status = mirai__control_receive(daemon, any);
    (void)pthread_mutex_unlock(&daemon->receiving);
    (void)pthread_mutex_lock(&daemon->lock);
    if (daemon->dozes) mirai__idle_tell(daemon); /* one who reads takes its doze away */
    (void)pthread_mutex_unlock(&daemon->lock);
    return status;
}

static void *control(void *argument)
{
    mirai_daemon *daemon = argument;
    mirai_status status = MIRAI_OK;
    bool woken = false, any;
    while (status == MIRAI_OK && !must_stop(daemon)) {
        status = receive(daemon, &any);
        if (status == MIRAI_OK && woken && !any && is_host_dead(daemon)) status = MIRAI_E_CLOSED;
        if (status == MIRAI_OK) status = wait_for_host(daemon);
        woken = true;
    }
    if (status != MIRAI_OK) end(daemon, status);
    return NULL;
}

/* Our parent, if that is the host: its number can then mean no other process. */
static int open_host(mirai_daemon *daemon)
{
    pid_t host = daemon->session.host;
    if (host <= 0 || getppid() != host) return -1;
    int fd = (int)syscall(SYS_pidfd_open, host, 0);
    daemon->host_unwatched = fd < 0;
    return fd;
}

static void close_fds(mirai_daemon *daemon)
{
    int *fds[] = {&daemon->wake_fd, &daemon->host_fd, &daemon->watch_fd, &daemon->timer_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0) (void)close(*fds[i]);
        *fds[i] = -1;
    }
}

static mirai_status open_fds(mirai_daemon *daemon)
{
    daemon->host_fd = open_host(daemon);
    daemon->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    daemon->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    daemon->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    bool ok = daemon->wake_fd >= 0 && daemon->watch_fd >= 0 && daemon->timer_fd >= 0 &&
              epoll_ctl(daemon->watch_fd, EPOLL_CTL_ADD, daemon->wake_fd, &event) == 0 &&
              (daemon->host_fd < 0 ||
               epoll_ctl(daemon->watch_fd, EPOLL_CTL_ADD, daemon->host_fd, &event) == 0);
    if (ok) return MIRAI_OK;
    mirai_status status = mirai__fail_errno(errno, "watching the host");
    close_fds(daemon);
    return status;
}

mirai_status mirai__control_start(mirai_daemon *daemon, mirai__channel *channel)
{
    mirai_status status = open_fds(daemon);
    if (status != MIRAI_OK) {
        channel->ops->free(channel);
        return status;
    }
    mirai__link *link = mirai__link_new(channel, &mirai__limits_local);
    status = link == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
    daemon->link = link;
    daemon->claims = status == MIRAI_OK ? mirai__link_claims(link) : NULL;
    if (status == MIRAI_OK) status = mirai__lending_begin(&daemon->lending, link);
    if (status == MIRAI_OK) mirai__link_attend(link);
    if (status == MIRAI_OK)
        status = mirai__thread_start(&daemon->control, "mirai-control", control, daemon);
    if (status == MIRAI_OK) return MIRAI_OK;
    mirai__link_free(link);
    mirai__lending_end(&daemon->lending);
    daemon->link = NULL;
    daemon->claims = NULL;
    close_fds(daemon);
    return status;
}

void mirai__control_stop(mirai_daemon *daemon)
{
    if (daemon->link == NULL) return;
    (void)pthread_mutex_lock(&daemon->lock);
    daemon->stop = true;
    (void)pthread_mutex_unlock(&daemon->lock);
    const uint64_t one = 1;
    ssize_t size = write(daemon->wake_fd, &one, sizeof one);
    (void)size;
    (void)pthread_join(daemon->control, NULL);
    mirai__link_free(daemon->link);
    mirai__lending_end(&daemon->lending);
    daemon->link = NULL;
    daemon->claims = NULL;
    close_fds(daemon);
}
