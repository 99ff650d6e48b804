/*
 * dial: connecting to a URL before a deadline. Runs on the caller's thread, which waits; NNG's
 * completion wakes it under `lock`. NNG's own time-outs run on the wall clock: ours closes the
 * dialer instead.
 */
#include <pthread.h>

#include "channel.h"
#include "clock.h"
#include "detail.h"
#include "lock.h"
#include "nng_calls.h"
#include "nng_error.h"
#include "nng_start.h"
#include "stream.h"
#include "url.h"

/* How long to wait before knocking again at a unix socket whose backlog is full. */
enum { FIRST_PAUSE_MS = 1, LONGEST_PAUSE_MS = 50 };

typedef struct call {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    nng_stream_dialer *dialer;
    nng_aio *aio;
} call;

static void on_dialled(void *argument)
{
    call *self = argument;
    (void)pthread_mutex_lock(&self->lock);
    self->done = true;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

/* True: the call has been answered. False: the deadline has passed. */
static bool wait_for_answer(call *self, int64_t deadline)
{
    bool in_time = true;
    (void)pthread_mutex_lock(&self->lock);
    while (!self->done && in_time)
        in_time = mirai__cond_wait_until(&self->changed, &self->lock, deadline);
    bool done = self->done;
    (void)pthread_mutex_unlock(&self->lock);
    return done;
}

/* Nothing answers now; the same wait, for the pause alone. False: the deadline is nearer. */
static bool pause_for(call *self, int64_t milliseconds, int64_t deadline)
{
    int64_t until = mirai__now_ms() + milliseconds;
    if (until > deadline) return false;
    self->done = false;
    (void)wait_for_answer(self, until);
    return true;
}

static mirai_status timed_out(const char *url)
{
    return mirai__fail(MIRAI_E_TIMEDOUT, "dialling %s: no answer in time", url);
}

static mirai_status connect_to(call *self, const char *url, int64_t deadline, nng_stream **out)
{
    int64_t pause = FIRST_PAUSE_MS;
    for (;;) {
        self->done = false;
        mirai__nng.stream_dialer_dial(self->dialer, self->aio);
        bool answered = wait_for_answer(self, deadline);
        if (!answered) mirai__nng.stream_dialer_close(self->dialer);
        mirai__nng.aio_wait(self->aio); /* its end is certain, and near, by now */
        int code = mirai__nng.aio_result(self->aio);
        if (code == 0) {
            *out = mirai__nng.aio_get_output(self->aio, 0);
            return MIRAI_OK;
        }
        if (!answered) return timed_out(url);
        if (code != NNG_EAGAIN) return mirai__nng_fail(code, "dialling %s", url);
        if (!pause_for(self, pause, deadline)) return timed_out(url);
        pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
    }
}

static mirai_status open_dialer(call *self, const mirai__url *url, const char *text)
{
    int code = mirai__nng.stream_dialer_alloc(&self->dialer, url->nng);
    if (code == 0 && url->kind == MIRAI__URL_TCP) {
        code = mirai__nng.stream_dialer_set_bool(self->dialer, NNG_OPT_TCP_NODELAY, true);
        if (code == 0) code = mirai__nng.stream_dialer_set_bool(self->dialer, NNG_OPT_TCP_KEEPALIVE, true);
    }
    if (code == 0) code = mirai__nng.aio_alloc(&self->aio, on_dialled, self);
    if (code != 0) return mirai__nng_fail(code, "dialling %s", text);
    mirai__nng.aio_set_timeout(self->aio, NNG_DURATION_INFINITE);
    return MIRAI_OK;
}

static mirai_status dial(call *self, const mirai__url *url, const char *text, int64_t deadline,
                         mirai__channel **out)
{
    nng_stream *stream = NULL;
    MIRAI_TRY(open_dialer(self, url, text));
    MIRAI_TRY(connect_to(self, text, deadline, &stream));
    mirai_status status = MIRAI_OK;
    if (url->kind != MIRAI__URL_TCP && !mirai__stream_is_ours(stream))
        status = mirai__fail(MIRAI_E_PERMISSION, "dialling %s: another user listens there", text);
    if (status == MIRAI_OK) status = mirai__channel_stream(stream, out);
    if (status != MIRAI_OK) mirai__nng.stream_free(stream);
    return status;
}

/* The call's own life, around dial(). */
static mirai_status dial_url(const mirai__url *url, const char *text, int64_t deadline,
                             mirai__channel **out)
{
    call self = {.lock = PTHREAD_MUTEX_INITIALIZER};
    MIRAI_TRY(mirai__nng_start());
    MIRAI_TRY(mirai__cond_init(&self.changed));
    mirai_status status = dial(&self, url, text, deadline, out);
    mirai__nng.aio_free(self.aio); /* waits for the completion to have left; NULL is allowed */
    mirai__nng.stream_dialer_free(self.dialer);
    (void)pthread_cond_destroy(&self.changed);
    (void)pthread_mutex_destroy(&self.lock);
    return status;
}

mirai_status mirai__dial(const char *text, int64_t deadline, mirai__channel **out)
{
    mirai__url url;
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "nowhere to put the channel");
    MIRAI_TRY(mirai__url_parse(text, &url));
    mirai_status status = dial_url(&url, text, deadline, out);
    mirai__url_fini(&url);
    return status;
}
