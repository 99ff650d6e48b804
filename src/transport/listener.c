/*
 * listener: peers that connect to a URL. One accept is always under way at NNG; the peer that it
 * brought waits here until it is taken, the rest wait in the kernel's backlog.
 *
 * NNG's completion and the accepting thread share `lock`. The descriptor is a timer: set to "now"
 * when a peer waits, to "in a while" when accepting failed for want of descriptors or memory, so
 * that neither a sleeping nor a spinning thread is needed to try again.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alloc.h"
#include "channel.h"
#include "detail.h"
#include "fault.h"
#include "nng_calls.h"
#include "nng_error.h"
#include "nng_start.h"
#include "stream.h"
#include "url.h"

enum { NEVER = 0, NOW = 1, IN_A_WHILE = 50 * 1000 * 1000 }; /* nanoseconds */

struct mirai__listener {
    pthread_mutex_t lock;
    int timer;
    bool local; /* peers have a uid to look at */
    char *url;
    nng_stream_listener *nng;
    nng_aio *aio;
    nng_stream *waiting;    /* accepted and not yet taken */
    bool accepting, closed; /* an accept is under way; none ever will be again */
};

static void ring_the_bell(mirai__listener *self, long when)
{
    struct itimerspec in = {.it_value = {.tv_nsec = when}};
    (void)timerfd_settime(self->timer, 0, &in, NULL); /* fails for bad arguments only */
}

static void on_accepted(void *argument)
{
    mirai__listener *self = argument;
    (void)pthread_mutex_lock(&self->lock);
    int code = mirai__nng.aio_result(self->aio);
    self->accepting = false;
    if (code == 0) self->waiting = mirai__nng.aio_get_output(self->aio, 0);
    if (code == NNG_ECLOSED || code == NNG_ECANCELED) self->closed = true;
    ring_the_bell(self, code == 0 || self->closed ? NOW : IN_A_WHILE);
    (void)pthread_mutex_unlock(&self->lock);
}

/* The peer that waits, which stays where it is; NULL when there is none, and then one is being
 * waited for. */
static nng_stream *look(mirai__listener *self, bool *closed)
{
    (void)pthread_mutex_lock(&self->lock);
    nng_stream *stream = self->waiting;
    *closed = stream == NULL && self->closed;
    bool start = stream == NULL && !self->accepting && !self->closed;
    if (start) self->accepting = true;
    if (stream == NULL && !self->closed) ring_the_bell(self, NEVER);
    (void)pthread_mutex_unlock(&self->lock);
    if (start) mirai__nng.stream_listener_accept(self->nng, self->aio);
    return stream;
}

/* The peer that waited has been taken or refused: on to the next. */
static void next(mirai__listener *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->waiting = NULL;
    self->accepting = true;
    ring_the_bell(self, NEVER);
    (void)pthread_mutex_unlock(&self->lock);
    mirai__nng.stream_listener_accept(self->nng, self->aio);
}

mirai_status mirai__listener_accept(mirai__listener *self, mirai__channel **out)
{
    if (self == NULL || out == NULL) return mirai__fail(MIRAI_E_INVALID, "a listener is missing");
    for (;;) {
        bool closed;
        nng_stream *stream = look(self, &closed);
        if (closed) return mirai__fail(MIRAI_E_CLOSED, "%s is closed", self->url);
        if (stream == NULL) return mirai__fail(MIRAI_E_AGAIN, "nobody waits at %s", self->url);
        if (self->local && !mirai__stream_is_ours(stream)) {
            mirai__nng.stream_free(stream);
            next(self);
            continue;
        }
        if (mirai__channel_stream(stream, out) == MIRAI_OK) {
            next(self);
            return MIRAI_OK;
        }
        /* No accept is under way while a peer waits, so the bell is ours. */
        ring_the_bell(self, IN_A_WHILE);
        return MIRAI_E_AGAIN; /* the detail says what is short */
    }
}

const char *mirai__listener_url(const mirai__listener *self)
{
    return self == NULL ? "" : self->url;
}

int mirai__listener_fd(const mirai__listener *self)
{
    return self == NULL ? -1 : self->timer;
}

/* ---- life ---- */

/* NNG takes whatever refuses a connection at the path for a stale socket, and unlinks it. */
static mirai_status check_path(const char *path)
{
    struct stat there;
    if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
        return mirai__fail(MIRAI_E_ADDRESS, "listening at %s: something that is no socket is there",
                           path);
    return MIRAI_OK;
}

static int set_options(mirai__listener *self, mirai__url_kind kind)
{
    if (kind == MIRAI__URL_IPC)
        return mirai__nng.stream_listener_set_int(self->nng, NNG_OPT_IPC_PERMISSIONS, 0600);
    if (kind == MIRAI__URL_ABSTRACT) return 0;
    int code = mirai__nng.stream_listener_set_bool(self->nng, NNG_OPT_TCP_NODELAY, true);
    return code != 0 ? code : mirai__nng.stream_listener_set_bool(self->nng, NNG_OPT_TCP_KEEPALIVE, true);
}

static mirai_status open_listener(mirai__listener *self, const mirai__url *url, const char *text)
{
    int port = 0;
    int code = mirai__nng.stream_listener_alloc(&self->nng, url->nng);
    if (code == 0) code = set_options(self, url->kind);
    if (code == 0) code = mirai__nng.aio_alloc(&self->aio, on_accepted, self);
    if (code == 0) code = mirai__nng.stream_listener_listen(self->nng);
    if (code == 0 && url->kind == MIRAI__URL_TCP)
        code = mirai__nng.stream_listener_get_int(self->nng, NNG_OPT_TCP_BOUND_PORT, &port);
    if (code != 0) return mirai__nng_fail(code, "listening at %s", text);
    mirai__nng.aio_set_timeout(self->aio, NNG_DURATION_INFINITE);
    self->url =
        url->kind == MIRAI__URL_TCP ? mirai__url_with_port(text, port) : mirai__strdup(text);
    return self->url == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
}

static mirai_status listen_at(const mirai__url *url, const char *text, mirai__listener **out)
{
    if (url->kind == MIRAI__URL_IPC) MIRAI_TRY(check_path(url->rest));
    MIRAI_TRY(mirai__nng_start());
    mirai__listener *self = mirai__alloc_zero(1, sizeof *self);
    if (self == NULL) return MIRAI_E_NOMEM;
    (void)pthread_mutex_init(&self->lock, NULL);
    self->local = url->kind != MIRAI__URL_TCP;
    errno = EMFILE; /* should the fault point say so */
    self->timer = mirai__fault() ? -1 : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    mirai_status status = self->timer < 0 ? mirai__fail_errno(errno, "listening at %s: timer", text)
                                          : open_listener(self, url, text);
    if (status != MIRAI_OK) {
        mirai__listener_free(self);
        return status;
    }
    self->accepting = true;
    mirai__nng.stream_listener_accept(self->nng, self->aio);
    *out = self;
    return MIRAI_OK;
}

mirai_status mirai__listen(const char *text, mirai__listener **out)
{
    mirai__url url;
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "nowhere to put the listener");
    MIRAI_TRY(mirai__url_parse(text, &url));
    mirai_status status = listen_at(&url, text, out);
    mirai__url_fini(&url);
    return status;
}

void mirai__listener_free(mirai__listener *self)
{
    if (self == NULL) return;
    if (self->nng != NULL) mirai__nng.stream_listener_close(self->nng);
    mirai__nng.aio_stop(self->aio); /* NULL is allowed */
    mirai__nng.stream_free(self->waiting);
    mirai__nng.aio_free(self->aio);
    mirai__nng.stream_listener_free(self->nng);
    if (self->timer >= 0) (void)close(self->timer);
    (void)pthread_mutex_destroy(&self->lock);
    mirai__free(self->url);
    mirai__free(self);
}
