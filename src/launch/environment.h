/*
 * environment: the environment of a process to be started: this process's own, without what made it
 * a daemon, changed by a few entries.
 */
#ifndef MIRAI__ENVIRONMENT_H
#define MIRAI__ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Owned array, ended by NULL, freed by mirai__free(): the strings are borrowed from environ and
 * from `entries`: "NAME=value" replaces what has that name, "NAME" removes it; of several for one
 * name the last counts. NULL: no memory. */
char **mirai__environment(const char *const *entries, size_t count);
/* Whether an entry is one of those that make a process a daemon. */
bool mirai__environment_is_ours(const char *entry);

#endif
