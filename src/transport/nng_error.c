/*
 * nng_error: see nng_error.h. Any thread; no lock.
 */
#include "nng_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "detail.h"
#include "nng_calls.h"

static mirai_status status_of(int code)
{
    switch (code) {
    case NNG_ENOMEM: return MIRAI_E_NOMEM;
    case NNG_ENOFILES: return MIRAI_E_NOFILES;
    case NNG_ENOSPC: return MIRAI_E_NOSPACE;
    case NNG_EPERM: return MIRAI_E_PERMISSION;
    case NNG_ENOENT: return MIRAI_E_NOENT;
    case NNG_ECONNREFUSED: return MIRAI_E_REFUSED;
    case NNG_ETIMEDOUT: return MIRAI_E_TIMEDOUT;
    case NNG_EUNREACHABLE:
    case NNG_EADDRINVAL:
    case NNG_EADDRINUSE:
    case NNG_EINVAL:
    case NNG_ENOTSUP: return MIRAI_E_ADDRESS;
    case NNG_ECLOSED:
    case NNG_ECONNSHUT:
    case NNG_ECONNABORTED:
    case NNG_ECONNRESET: return MIRAI_E_CONNRESET;
    default: return MIRAI_E_SYSTEM;
    }
}

mirai_status mirai__nng_fail(int code, const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    /* The library knows the numbers of the system within NNG's better than NNG's table of texts. */
    if (code >= NNG_ESYSERR && code < NNG_ETRANERR)
        return mirai__fail_errno(code - NNG_ESYSERR, "%s", what);
    return mirai__fail(status_of(code), "%s: %s", what, mirai__nng.strerror(code));
}

int mirai__nng_errno(int code)
{
    switch (code) {
    case NNG_ECLOSED:
    case NNG_ECONNSHUT: return EPIPE;
    case NNG_ENOMEM: return ENOMEM;
    case NNG_ETIMEDOUT: return ETIMEDOUT;
    default: return ECONNRESET;
    }
}
