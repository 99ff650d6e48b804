/*
 * environment: the environment of a process to be started: this process's own, without what made it
 * a daemon, changed by a few entries.
 */
#ifndef MIRAI__ENVIRONMENT_H
#define MIRAI__ENVIRONMENT_H

#include <stddef.h>

/* Owned array, ended by NULL, freed by mirai__free(): the strings are borrowed from environ and
 * from `entries`
 * ("NAME=value", which replace those of the same name). NULL: no memory. */
char **mirai__environment(char *const *entries, size_t count);

#endif
