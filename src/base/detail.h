/*
 * detail: the calling thread's detail text behind mirai_error_detail(), and failing in one line:
 *     return mirai__fail(MIRAI_E_RANGE, "index %zu of %zu", i, n);
 * Set at the floor that knows the fact, never merely restated above. Also the fork check.
 */
#ifndef MIRAI__DETAIL_H
#define MIRAI__DETAIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <miraicore/error.h>

#define mirai__fail mirai_error_set
mirai_status mirai__fail_v(mirai_status status, const char *format, va_list arguments);
/* "<what>: <strerror>", with the status that fits an errno (ENOMEM, EMFILE, ENOSPC, EACCES, ENOENT...). */
mirai_status mirai__fail_errno(int error, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
void mirai__detail_clear(void);

/* Entry of a public call that touches process state: clears the detail; MIRAI_E_FORKED in a forked child. */
mirai_status mirai__enter(void);
/* The same question for calls that return nothing: they do nothing in a forked child, and clear no detail. */
bool mirai__forked(void);

#endif
