/*
 * command: the look-up in PATH. It is done before spawning, since the error of a spawn does not
 * tell a missing command from a missing directory or interpreter. Any thread; no state.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "detail.h"

/* 0, or why this file cannot be executed. */
static int executable(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) return errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static mirai_status find_path(const char *path, char **out)
{
    int error = executable(path);
    if (error == EISDIR)
        return mirai__fail(MIRAI_E_PERMISSION, "command \"%s\" is a directory", path);
    if (error != 0) return mirai__fail_errno(error, "command \"%s\"", path);
    *out = mirai__strdup(path);
    return *out == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
}

mirai_status mirai__command_find(const char *name, char **out)
{
    *out = NULL;
    if (name == NULL || *name == '\0') return mirai__fail(MIRAI_E_NOENT, "the command is empty");
    if (strchr(name, '/') != NULL) return find_path(name, out);

    const char *list = getenv("PATH");
    if (list == NULL) list = "/bin:/usr/bin";
    bool forbidden = false;
    for (const char *at = list;; at++) {
        size_t size = strcspn(at, ":");
        /* An empty entry is the present directory. */
        char *path =
            size == 0 ? mirai__format("./%s", name) : mirai__format("%.*s/%s", (int)size, at, name);
        if (path == NULL) return MIRAI_E_NOMEM;
        int error = executable(path);
        if (error == 0) {
            *out = path;
            return MIRAI_OK;
        }
        if (error == EACCES) forbidden = true;
        mirai__free(path);
        at += size;
        if (*at == '\0') break;
    }
    if (forbidden)
        return mirai__fail(MIRAI_E_PERMISSION, "command \"%s\" in PATH may not be executed", name);
    return mirai__fail(MIRAI_E_NOENT, "command \"%s\" was not found in PATH (%s)", name, list);
}
