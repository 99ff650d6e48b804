/*
 * detail: the detail text of each thread, and the check for a forked child.
 *
 * The text is a plain thread-local array: nothing to allocate when memory is what has run out,
 * nothing to free when a thread ends. The fork state is one atomic, written by the child's handler;
 * the handler is installed at the first entry, so that a process may load the library, fork, and
 * use it in the child.
 */
#include "detail.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

enum { TEXT_MAX = 1024, UNKNOWN = 0, OURS = 1, FORKED = 2 };

static _Thread_local char detail[TEXT_MAX];
static _Atomic int fork_state = UNKNOWN;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

const char *mirai_error_detail(void)
{
    return detail;
}

void mirai__detail_clear(void)
{
    detail[0] = '\0';
}

mirai_status mirai__fail_v(mirai_status status, const char *format, va_list arguments)
{
    char text[TEXT_MAX]; /* apart, because an argument may be the old text */
    int size = format == NULL ? -1 : vsnprintf(text, sizeof text, format, arguments);
    if (size < 0) size = 0;
    if (size >= TEXT_MAX) size = (int)mirai__utf8_cut(text, sizeof text - 1);
    memcpy(detail, text, (size_t)size);
    detail[size] = '\0';
    return status;
}

mirai_status mirai_error_set(mirai_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)mirai__fail_v(status, format, arguments);
    va_end(arguments);
    return status;
}

static mirai_status status_of_errno(int error)
{
    static const struct {
        int error;
        mirai_status status;
    } table[] = {
        {ENOMEM, MIRAI_E_NOMEM},          {EMFILE, MIRAI_E_NOFILES},
        {ENFILE, MIRAI_E_NOFILES},        {ENOSPC, MIRAI_E_NOSPACE},
        {EDQUOT, MIRAI_E_NOSPACE},        {EACCES, MIRAI_E_PERMISSION},
        {EPERM, MIRAI_E_PERMISSION},      {ENOENT, MIRAI_E_NOENT},
        {ENOTDIR, MIRAI_E_NOENT},         {ETIMEDOUT, MIRAI_E_TIMEDOUT},
        {ECONNRESET, MIRAI_E_CONNRESET},  {EPIPE, MIRAI_E_CONNRESET},
        {ECONNREFUSED, MIRAI_E_REFUSED},  {EADDRINUSE, MIRAI_E_ADDRESS},
        {EADDRNOTAVAIL, MIRAI_E_ADDRESS},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].error == error) return table[i].status;
    return MIRAI_E_SYSTEM;
}

mirai_status mirai__fail_errno(int error, const char *format, ...)
{
    char reason[128], what[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (size < 0) what[0] = '\0';
    return mirai__fail(status_of_errno(error), "%s: %s", what,
                       strerror_r(error, reason, sizeof reason));
}

static void child_after_fork(void)
{
    atomic_store(&fork_state, FORKED);
}

static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, child_after_fork) == 0) atomic_store(&fork_state, OURS);
}

bool mirai__forked(void)
{
    return atomic_load_explicit(&fork_state, memory_order_relaxed) == FORKED;
}

mirai_status mirai__enter(void)
{
    mirai__detail_clear();
    int state = atomic_load_explicit(&fork_state, memory_order_relaxed);
    if (state == OURS) return MIRAI_OK;
    if (state == UNKNOWN) {
        (void)pthread_once(&fork_once, watch_forks);
        state = atomic_load(&fork_state);
    }
    if (state == FORKED)
        return mirai__fail(MIRAI_E_FORKED, "the library was in use when this process was forked; "
                                           "a child must execute a program first");
    if (state == UNKNOWN) return mirai__fail(MIRAI_E_NOMEM, "no memory to watch for forks");
    return MIRAI_OK;
}
