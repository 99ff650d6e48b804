/*
 * nng_error: NNG's error codes in our terms. Any thread.
 */
#ifndef MIRAI__NNG_ERROR_H
#define MIRAI__NNG_ERROR_H

#include <miraicore/error.h>

/* "<what>: <what NNG says>", with the status that fits. */
mirai_status mirai__nng_fail(int code, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* The errno of a stream that has ended with code, for writing to it. */
int mirai__nng_errno(int code);

#endif
