/*
 * environment: copies pointers, not strings: they stay as they are until the spawn that follows at
 * once. As with every reading of the environment, no other thread may be changing it. No state.
 */
#include "environment.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"

static bool same_name(const char *a, const char *b)
{
    size_t size = strcspn(a, "=");
    return strncmp(a, b, size) == 0 && (b[size] == '=' || b[size] == '\0');
}

static bool is_named(const char *entry, const char *const *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(entry, entries[i])) return true;
    return false;
}

/* Whoever passed these on would make a grandchild believe that it is our daemon. */
bool mirai__environment_is_ours(const char *entry)
{
    static const char *const prefixes[] = {"MIRAI_DAEMON_", "MIRAI_TOKEN_FD="};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return strcmp(entry, "MIRAI_TOKEN_FD") == 0;
}

char **mirai__environment(const char *const *entries, size_t count)
{
    size_t room = count + 1;
    for (char **at = environ; at != NULL && *at != NULL; at++) room++;
    char **all = mirai__alloc_zero(room, sizeof *all);
    if (all == NULL) return NULL;
    size_t used = 0;
    for (char **at = environ; at != NULL && *at != NULL && used + count + 1 < room; at++)
        if (!mirai__environment_is_ours(*at) && !is_named(*at, entries, count)) all[used++] = *at;
    for (size_t i = 0; i < count; i++) {
        bool counts = strchr(entries[i], '=') != NULL &&
                      !is_named(entries[i], entries + i + 1, count - i - 1);
        if (counts) all[used++] = (char *)(uintptr_t)entries[i];
    }
    return all;
}
