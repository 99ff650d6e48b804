/*
 * nng_calls: the functions of NNG that are used. They may be called once mirai__nng_start() has returned MIRAI_OK; only
 * then the library is loaded. Constant from then on; any thread.
 */
#ifndef MIRAI__NNG_CALLS_H
#define MIRAI__NNG_CALLS_H

#include <nng/nng.h>

#include "late.h"

#define MIRAI__NNG_CALLS(X)                                                                                            \
    X(nng_, aio_alloc)                                                                                                 \
    X(nng_, aio_count)                                                                                                 \
    X(nng_, aio_free)                                                                                                  \
    X(nng_, aio_get_output)                                                                                            \
    X(nng_, aio_result)                                                                                                \
    X(nng_, aio_set_iov)                                                                                               \
    X(nng_, aio_set_timeout)                                                                                           \
    X(nng_, aio_stop)                                                                                                  \
    X(nng_, aio_wait)                                                                                                  \
    X(nng_, stream_close)                                                                                              \
    X(nng_, stream_dialer_alloc)                                                                                       \
    X(nng_, stream_dialer_close)                                                                                       \
    X(nng_, stream_dialer_dial)                                                                                        \
    X(nng_, stream_dialer_free)                                                                                        \
    X(nng_, stream_dialer_set_bool)                                                                                    \
    X(nng_, stream_free)                                                                                               \
    X(nng_, stream_get_addr)                                                                                           \
    X(nng_, stream_get_uint64)                                                                                         \
    X(nng_, stream_listener_accept)                                                                                    \
    X(nng_, stream_listener_alloc)                                                                                     \
    X(nng_, stream_listener_close)                                                                                     \
    X(nng_, stream_listener_free)                                                                                      \
    X(nng_, stream_listener_get_int)                                                                                   \
    X(nng_, stream_listener_listen)                                                                                    \
    X(nng_, stream_listener_set_bool)                                                                                  \
    X(nng_, stream_listener_set_int)                                                                                   \
    X(nng_, stream_recv)                                                                                               \
    X(nng_, stream_send)                                                                                               \
    X(nng_, strerror)

typedef struct mirai__nng_calls {
    MIRAI__NNG_CALLS(MIRAI__LATE_FIELD)
} mirai__nng_calls;

extern mirai__nng_calls mirai__nng;

#endif
