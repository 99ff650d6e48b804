/*
 * surroundings: copies of strings, since those in environ are gone once they are replaced; of the
 * directory a descriptor, since its path may be another's by then. Only what differs is put back.
 * Main thread; as with every change of the environment, no other thread may be reading it.
 */
#include "surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "detail.h"

static void free_texts(char **texts)
{
    for (char **at = texts; at != NULL && *at != NULL; at++) mirai__free(*at);
    mirai__free(texts);
}

static mirai_status copy_environment(char ***out)
{
    size_t count = 0;
    while (environ != NULL && environ[count] != NULL) count++;
    char **copy = mirai__alloc_zero(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = mirai__strdup(environ[i]);
        if (copy[i] != NULL) continue;
        free_texts(copy);
        copy = NULL;
    }
    *out = copy;
    return copy != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

mirai_status mirai__surroundings_keep(mirai__surroundings *out, int32_t cleanup)
{
    *out = (mirai__surroundings){0};
    if (cleanup & MIRAI_CLEANUP_ENVIRONMENT) MIRAI_TRY(copy_environment(&out->environment));
    if (cleanup & MIRAI_CLEANUP_DIRECTORY) {
        out->directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (out->directory < 0) return mirai__fail_errno(errno, "working directory before a job");
        out->kept_directory = true;
    }
    return MIRAI_OK;
}

/* ---- setting ---- */

static char *as_it_is(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? mirai__format("%s=%s", name, value) : mirai__strdup(name);
}

static mirai_status set_one(const char *name, const mirai_value *value)
{
    const char *text = mirai_value_string(value);
    bool removed = mirai_value_type(value) == MIRAI_TYPE_NULL;
    bool plain = text != NULL && strlen(text) == mirai_value_count(value);
    if (*name == '\0' || strchr(name, '=') != NULL || (!removed && !plain))
        return mirai__fail(MIRAI_E_DECODE, "the environment of a job has a variable \"%s\" that cannot be set",
                           name);
    if ((removed ? unsetenv(name) : setenv(name, text, 1)) == 0) return MIRAI_OK;
    return mirai__fail_errno(errno, "setting \"%s\" for a job", name);
}

mirai_status mirai__surroundings_set(mirai__surroundings *surroundings, const mirai_value *variables)
{
    if (mirai_value_type(variables) != MIRAI_TYPE_DICT)
        return mirai__fail(MIRAI_E_DECODE, "the environment of a job is no dict");
    size_t count = mirai_value_count(variables);
    surroundings->overridden = mirai__alloc_zero(count + 1, sizeof *surroundings->overridden);
    if (surroundings->overridden == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *name = mirai_value_key(variables, i);
        surroundings->overridden[i] = as_it_is(name);
        if (surroundings->overridden[i] == NULL) return MIRAI_E_NOMEM;
        MIRAI_TRY(set_one(name, mirai_value_item(variables, i)));
    }
    return MIRAI_OK;
}

/* ---- putting back ---- */

/* "NAME=value" or "NAME"; changes the text. */
static void put_back(char *entry)
{
    char *equals = strchr(entry, '=');
    if (equals == NULL) {
        (void)unsetenv(entry);
        return;
    }
    *equals = '\0';
    const char *now = getenv(entry);
    if (now == NULL || strcmp(now, equals + 1) != 0) (void)setenv(entry, equals + 1, 1);
    *equals = '=';
}

static bool is_among(const char *entry, char *const *entries)
{
    size_t size = strcspn(entry, "=");
    for (; *entries != NULL; entries++)
        if (strncmp(*entries, entry, size) == 0 && (*entries)[size] == '=') return true;
    return false;
}

/* A variable that was not there before; the name is copied, since the entry goes with it. */
static bool remove_stranger(char *const *before)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        size_t size = strcspn(*at, "=");
        if (size == 0 || (*at)[size] == '\0' || is_among(*at, before)) continue;
        char *name = mirai__strndup(*at, size);
        bool removed = name != NULL && unsetenv(name) == 0;
        mirai__free(name);
        if (removed) return true;
    }
    return false;
}

void mirai__surroundings_restore(mirai__surroundings *surroundings)
{
    if (surroundings->overridden == NULL && surroundings->environment == NULL && !surroundings->kept_directory) return;
    for (char **at = surroundings->overridden; at != NULL && *at != NULL; at++) put_back(*at);
    if (surroundings->environment != NULL) {
        while (remove_stranger(surroundings->environment)) continue;
        for (char **at = surroundings->environment; *at != NULL; at++) put_back(*at);
    }
    if (surroundings->kept_directory) {
        (void)fchdir(surroundings->directory); /* unless the job has closed it */
        (void)close(surroundings->directory);
    }
    free_texts(surroundings->overridden);
    free_texts(surroundings->environment);
    *surroundings = (mirai__surroundings){0};
}
