/*
 * daemon_options: checking and copying. What can be known before a process is started is refused
 * here; what only the daemon can find out is its last words. Any thread; no state.
 */
#include "daemon_options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cpus.h"
#include "detail.h"
#include "environment.h"
#include "options.h"
#include "utf8.h"

enum { NICE_MOST = 40 };
static const int32_t all_cleanup =
    MIRAI_CLEANUP_ENVIRONMENT | MIRAI_CLEANUP_DIRECTORY | MIRAI_CLEANUP_STATE;

/* ---- checking ---- */

static mirai_status check_tags(const char *tags)
{
    for (const char *at = tags; at != NULL;) {
        const char *comma = strchr(at, ',');
        size_t size = comma != NULL ? (size_t)(comma - at) : strlen(at);
        if (size == 0 || size > 255 || !mirai__utf8_valid(at, size))
            return mirai__fail(MIRAI_E_INVALID,
                               "tags \"%s\": names of 1 to 255 bytes of UTF-8, joined by commas, are "
                               "wanted",
                               tags);
        at = comma != NULL ? comma + 1 : NULL;
    }
    return MIRAI_OK;
}

static mirai_status check_environment(const char *const *entries)
{
    for (; entries != NULL && *entries != NULL; entries++) {
        if (**entries == '=' || **entries == '\0')
            return mirai__fail(MIRAI_E_INVALID, "environment: \"%s\" names no variable", *entries);
        if (mirai__environment_is_ours(*entries))
            return mirai__fail(MIRAI_E_INVALID,
                               "environment: \"%s\" is one of the library's own variables", *entries);
    }
    return MIRAI_OK;
}

static mirai_status check_directory(const char *directory)
{
    struct stat status;
    if (directory == NULL) return MIRAI_OK;
    int error = stat(directory, &status) != 0 ? errno : 0;
    if (error == 0 && !S_ISDIR(status.st_mode)) error = ENOTDIR;
    if (error == 0) return MIRAI_OK;
    (void)mirai__fail_errno(error, "directory \"%s\"", directory);
    return MIRAI_E_INVALID;
}

static mirai_status check_numbers(const mirai_daemon_options *options)
{
    const struct {
        const char *name;
        int64_t value;
    } fields[] = {{"memory_limit", options->memory_limit},
                  {"cpu_limit_s", options->cpu_limit_s},
                  {"idle_ms", options->idle_ms},
                  {"wall_ms", options->wall_ms},
                  {"max_jobs", options->max_jobs}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].value < -1)
            return mirai__fail(MIRAI_E_INVALID, "%s is %lld; -1 means none", fields[i].name,
                               (long long)fields[i].value);
    if (options->nice < -NICE_MOST || options->nice > NICE_MOST)
        return mirai__fail(MIRAI_E_INVALID, "nice is %d; -%d to %d are possible", (int)options->nice,
                           NICE_MOST, NICE_MOST);
    if (options->cleanup & ~all_cleanup)
        return mirai__fail(MIRAI_E_INVALID, "cleanup is %d: unknown bits", (int)options->cleanup);
    return MIRAI_OK;
}

static mirai_status check(const mirai_daemon_options *options)
{
    cpu_set_t cpus;
    MIRAI_TRY(check_tags(options->tags));
    MIRAI_TRY(check_environment(options->environment));
    MIRAI_TRY(check_directory(options->directory));
    if (options->cpus != NULL) MIRAI_TRY(mirai__cpus_parse(options->cpus, &cpus));
    return check_numbers(options);
}

/* ---- owning ---- */

static size_t size_of(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* Append a text to the block; the place it got. */
static const char *put(char **room, const char *text)
{
    if (text == NULL) return NULL;
    char *place = *room;
    size_t size = size_of(text);
    memcpy(place, text, size);
    *room += size;
    return place;
}

mirai_status mirai__daemon_options_copy(const mirai_daemon_options *from, mirai_daemon_options **out)
{
    mirai_daemon_options full;
    *out = NULL;
    MIRAI_TRY(mirai__options_read(&full, sizeof full, from, "mirai_daemon_options"));
    MIRAI_TRY(check(&full));
    size_t count = 0;
    size_t size = size_of(full.tags) + size_of(full.directory) + size_of(full.cpus);
    for (; full.environment != NULL && full.environment[count] != NULL; count++)
        size += size_of(full.environment[count]);
    size += (count + 1) * sizeof(char *);
    mirai_daemon_options *copy = mirai__alloc(sizeof *copy + size);
    if (copy == NULL) return MIRAI_E_NOMEM;
    *copy = full;
    const char **environment = (const char **)(void *)(copy + 1);
    char *room = (char *)(environment + count + 1);
    for (size_t i = 0; i < count; i++) environment[i] = put(&room, full.environment[i]);
    environment[count] = NULL;
    copy->environment = environment;
    copy->tags = put(&room, full.tags);
    copy->directory = put(&room, full.directory);
    copy->cpus = put(&room, full.cpus);
    *out = copy;
    return MIRAI_OK;
}

void mirai__daemon_options_free(mirai_daemon_options *options)
{
    mirai__free(options);
}
