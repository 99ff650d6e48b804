/*
 * child: posix_spawn with all that a good citizen's child needs. Every descriptor of ours is
 * close-on-exec, and where the C library can, all from 4 on are closed as well: the host program's
 * own may leak otherwise. Any thread; no lock, no state.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "command.h"
#include "detail.h"
#include "fault.h"
#include "watch.h"

#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
#define HAVE_CLOSEFROM 1
#endif
#endif

enum { FILES = 4 };

static int set_attributes(posix_spawnattr_t *attributes, pid_t group)
{
    sigset_t all, none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    int error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0) error = posix_spawnattr_setpgroup(attributes, group);
    if (error == 0) error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &all);
    return error;
}

static int set_files(posix_spawn_file_actions_t *actions, const mirai__child *child,
                     const int *files)
{
    int error = 0;
    for (int i = 0; i < FILES && error == 0; i++) {
        if (files[i] >= 0) /* onto itself too: that takes its close-on-exec away */
            error = posix_spawn_file_actions_adddup2(actions, files[i], i);
        else if (i < 3)
            error = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                     i == 0 ? O_RDONLY : O_WRONLY, 0);
    }
#ifdef HAVE_CLOSEFROM
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(actions, files[3] >= 0 ? 4 : 3);
#endif
    if (error == 0 && child->directory != NULL)
        error = posix_spawn_file_actions_addchdir_np(actions, child->directory);
    return error;
}

static int spawn_with(const mirai__child *child, const char *path, const int *files, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    if (mirai__fault()) return EAGAIN;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0) return error;
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = set_attributes(&attributes, child->group);
        if (error == 0) error = set_files(&actions, child, files);
        if (error == 0)
            error = posix_spawn(pid, path, &actions, &attributes, (char *const *)child->argv,
                                child->environment);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)posix_spawnattr_destroy(&attributes);
    return error;
}

/* A descriptor that stands where another is to go would be overwritten before its turn: move it up.
 */
static mirai_status clear_of_targets(const mirai__child *child, int *files, bool *is_copy)
{
    for (int i = 0; i < FILES; i++) {
        files[i] = child->files[i];
        if (files[i] < 0 || files[i] == i || files[i] >= FILES) continue;
        files[i] = fcntl(files[i], F_DUPFD_CLOEXEC, FILES);
        if (files[i] < 0) return mirai__fail_errno(errno, "descriptor for a process");
        is_copy[i] = true;
    }
    return MIRAI_OK;
}

static mirai_status explain(int error, const mirai__child *child, const char *path)
{
    struct stat status;
    const char *directory = child->directory;
    if (directory != NULL) { /* asked afterwards, since a spawn does not tell what it could not find */
        int lacking = stat(directory, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
        if (lacking == 0 && access(directory, X_OK) != 0) lacking = errno;
        if (lacking != 0) return mirai__fail_errno(lacking, "directory \"%s\"", directory);
    }
    if (error == ENOENT && access(path, X_OK) == 0)
        return mirai__fail(MIRAI_E_NOENT,
                           "command \"%s\": the interpreter that it names does not exist", path);
    if (error == ENOEXEC)
        return mirai__fail(MIRAI_E_SYSTEM, "command \"%s\" is no program of this machine's", path);
    return mirai__fail_errno(error, "starting \"%s\"", path);
}

/* A path that counts from here is no longer one in the child's directory. */
static mirai_status find_command(const mirai__child *child, char **out)
{
    MIRAI_TRY(mirai__command_find(child->argv[0], out));
    if (child->directory == NULL || **out == '/') return MIRAI_OK;
    char real[PATH_MAX];
    int error = realpath(*out, real) == NULL ? errno : 0;
    mirai__free(*out);
    *out = NULL;
    if (error != 0) return mirai__fail_errno(error, "command \"%s\"", child->argv[0]);
    *out = mirai__strdup(real);
    return *out == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
}

mirai_status mirai__child_start(const mirai__child *child, mirai__process *out)
{
    char *found = NULL;
    const char *path = child->path;
    if (path == NULL) {
        MIRAI_TRY(find_command(child, &found));
        path = found;
    }
    int files[FILES] = {-1, -1, -1, -1};
    bool is_copy[FILES] = {false};
    pid_t pid = 0;
    mirai_status status = clear_of_targets(child, files, is_copy);
    if (status == MIRAI_OK) {
        int error = spawn_with(child, path, files, &pid);
        if (error != 0) status = explain(error, child, path);
    }
    for (int i = 0; i < FILES; i++)
        if (is_copy[i]) (void)close(files[i]);
    mirai__free(found);
    return status == MIRAI_OK ? mirai__watch(pid, out) : status;
}
