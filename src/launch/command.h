/*
 * command: finding the file that a command names, as a shell would, so that what is missing can be
 * said by name.
 */
#ifndef MIRAI__COMMAND_H
#define MIRAI__COMMAND_H

#include <miraicore/error.h>

/* A name with a slash is a path; any other is looked up in PATH. Owned path. E_NOENT, E_PERMISSION,
 * E_NOMEM. */
mirai_status mirai__command_find(const char *name, char **out);

#endif
