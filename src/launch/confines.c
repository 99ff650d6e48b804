/*
 * confines: writing and reading the text "cpus=0-3,6;memory=1073741824;cpu=60;nice=5" (each part may be
 * missing), and applying it. No state.
 */
#include "confines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "alloc.h"
#include "cpus.h"
#include "detail.h"
#include "threads.h"

/* A job that ignores SIGXCPU is killed this much later. */
enum { CPU_GRACE_S = 5 };

/* ---- writing ---- */

mirai_status mirai__confines_entry(const mirai_daemon_options *options, char **out)
{
    char memory[40] = "", cpu[40] = "", nice[24] = "";
    *out = NULL;
    if (options == NULL) return MIRAI_OK;
    if (options->memory_limit > 0)
        (void)snprintf(memory, sizeof memory, "memory=%" PRId64 ";", options->memory_limit);
    if (options->cpu_limit_s > 0)
        (void)snprintf(cpu, sizeof cpu, "cpu=%" PRId64 ";", options->cpu_limit_s);
    if (options->nice != 0) (void)snprintf(nice, sizeof nice, "nice=%d;", (int)options->nice);
    bool bound = options->cpus != NULL;
    if (!bound && *memory == '\0' && *cpu == '\0' && *nice == '\0') return MIRAI_OK;
    *out = mirai__format(MIRAI__CONFINES_VARIABLE "=%s%s%s%s%s%s", bound ? "cpus=" : "",
                         bound ? options->cpus : "", bound ? ";" : "", memory, cpu, nice);
    return *out == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
}

/* ---- applying ---- */

/* Never above what this process was given. */
static mirai_status limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard, const char *what)
{
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return mirai__fail_errno(errno, "reading the limit of %s", what);
    if (now.rlim_max < hard) hard = now.rlim_max;
    if (hard < soft) soft = hard;
    const struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit(resource, &wanted) == 0) return MIRAI_OK;
    return mirai__fail_errno(errno, "limiting %s to %llu", what, (unsigned long long)soft);
}

static int renice(pid_t thread, void *priority)
{
    return setpriority(PRIO_PROCESS, (id_t)thread, *(const int *)priority) == 0 ? 0 : errno;
}

static mirai_status be_nice(int64_t more)
{
    errno = 0;
    int priority = getpriority(PRIO_PROCESS, 0);
    if (priority == -1 && errno != 0) return mirai__fail_errno(errno, "reading the niceness");
    priority += (int)more;
    int error = mirai__threads_each(renice, &priority);
    if (error == 0) return MIRAI_OK;
    return mirai__fail_errno(error, "setting the niceness to %d", priority);
}

static mirai_status bind_to(const char *list)
{
    cpu_set_t cpus;
    MIRAI_TRY(mirai__cpus_parse(list, &cpus));
    return mirai__cpus_bind(&cpus);
}

static mirai_status apply_part(const char *name, const char *text)
{
    if (strcmp(name, "cpus") == 0) return bind_to(text);
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool ok = errno == 0 && end != text && *end == '\0';
    if (ok && number > 0 && strcmp(name, "memory") == 0)
        return limit(RLIMIT_AS, (rlim_t)number, (rlim_t)number, "address space");
    if (ok && number > 0 && strcmp(name, "cpu") == 0)
        return limit(RLIMIT_CPU, (rlim_t)number, (rlim_t)number + CPU_GRACE_S, "CPU time");
    if (ok && number >= -40 && number <= 40 && strcmp(name, "nice") == 0) return be_nice(number);
    return mirai__fail(MIRAI_E_INVALID, MIRAI__CONFINES_VARIABLE " has a part \"%s=%s\"", name, text);
}

mirai_status mirai__confines_apply(const char *text)
{
    if (text == NULL || *text == '\0') return MIRAI_OK;
    char *copy = mirai__strdup(text), *rest = copy;
    if (copy == NULL) return MIRAI_E_NOMEM;
    mirai_status status = MIRAI_OK;
    for (char *part; status == MIRAI_OK && (part = strtok_r(rest, ";", &rest)) != NULL;) {
        char *equals = strchr(part, '=');
        if (equals != NULL) *equals = '\0';
        status = apply_part(part, equals != NULL ? equals + 1 : "");
    }
    mirai__free(copy);
    return status;
}
