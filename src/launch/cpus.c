/*
 * cpus: parsing a list of processors, and binding this process to one. Any thread; no state.
 */
#include "cpus.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "detail.h"
#include "threads.h"

/* A decimal number below CPU_SETSIZE; moves *at past it. */
static bool read_number(const char **at, int *out)
{
    int number = 0;
    if (**at < '0' || **at > '9') return false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        number = number * 10 + (**at - '0');
        if (number >= CPU_SETSIZE) return false;
    }
    *out = number;
    return true;
}

static bool read_range(const char **at, cpu_set_t *out)
{
    int first, last;
    if (!read_number(at, &first)) return false;
    last = first;
    if (**at == '-') {
        (*at)++;
        if (!read_number(at, &last) || last < first) return false;
    }
    for (int cpu = first; cpu <= last; cpu++) CPU_SET((size_t)cpu, out);
    return true;
}

mirai_status mirai__cpus_parse(const char *text, cpu_set_t *out)
{
    const char *at = text;
    CPU_ZERO(out);
    bool ok = read_range(&at, out);
    while (ok && *at == ',') {
        at++;
        ok = read_range(&at, out);
    }
    if (ok && *at == '\0') return MIRAI_OK;
    return mirai__fail(MIRAI_E_INVALID,
                       "cpus \"%s\": not a list of numbers below %d and ranges, such as \"0-3,6\"", text,
                       CPU_SETSIZE);
}

static int bind_thread(pid_t thread, void *cpus)
{
    return sched_setaffinity(thread, sizeof(cpu_set_t), cpus) == 0 ? 0 : errno;
}

mirai_status mirai__cpus_bind(const cpu_set_t *cpus)
{
    cpu_set_t wanted = *cpus, have;
    int error = mirai__threads_each(bind_thread, &wanted);
    if (error == EINVAL)
        return mirai__fail(MIRAI_E_INVALID, "none of the cpus asked for can be used here");
    if (error != 0) return mirai__fail_errno(error, "binding to cpus");
    if (sched_getaffinity(0, sizeof have, &have) != 0) return mirai__fail_errno(errno, "reading cpus");
    if (CPU_EQUAL(&have, &wanted)) return MIRAI_OK;
    return mirai__fail(MIRAI_E_INVALID, "only %d of the %d cpus asked for can be used here",
                       CPU_COUNT(&have), CPU_COUNT(&wanted));
}
