/*
 * spawn: a child that is a daemon: what it finds in its environment and on descriptor 3, and the
 * pipe from which its last words are read. Any thread, no lock, no state; every descriptor made
 * here is close-on-exec.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "child.h"
#include "confines.h"
#include "detail.h"
#include "environment.h"
#include "fault.h"

enum { OWN_ENTRIES = 7 };

/* What is held while spawning, released by fini(). */
typedef struct attempt {
    char *program;
    char *url_entry;
    char *confines_entry;
    char launch_entry[48];
    char host_entry[40];
    char depth_entry[40];
    char **environment;
    int token_fd;   /* read end, with the token in it */
    int error_read; /* the host's end of the pipe of stderr */
    int error_write;
    int output_read; /* and that of stdout, where it is captured */
    int output_write;
} attempt;

static void close_fd(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

static void fini(attempt *attempt)
{
    mirai__free(attempt->program);
    mirai__free(attempt->url_entry);
    mirai__free(attempt->confines_entry);
    mirai__free(attempt->environment);
    close_fd(&attempt->token_fd);
    close_fd(&attempt->error_read);
    close_fd(&attempt->error_write);
    close_fd(&attempt->output_read);
    close_fd(&attempt->output_write);
}

static mirai_status make_pipe(int *read_fd, int *write_fd, const char *what)
{
    int fds[2];
    if (mirai__fault()) return mirai__fail_errno(EMFILE, "pipe for %s", what);
    if (pipe2(fds, O_CLOEXEC) != 0) return mirai__fail_errno(errno, "pipe for %s", what);
    *read_fd = fds[0];
    *write_fd = fds[1];
    return MIRAI_OK;
}

/* The token lies in a pipe before the daemon starts: it is seen in no argument, environment or
 * file. */
static mirai_status put_token(const uint8_t *token, int *out)
{
    int write_fd = -1;
    MIRAI_TRY(make_pipe(out, &write_fd, "the token"));
    ssize_t size = write(write_fd, token, MIRAI__TOKEN_SIZE);
    int error = errno;
    (void)close(write_fd);
    if (size == MIRAI__TOKEN_SIZE) return MIRAI_OK;
    return mirai__fail_errno(size < 0 ? error : EIO, "writing the token");
}

/* One from which this process reads without blocking. */
static mirai_status open_pipe(int *read_fd, int *write_fd, const char *what)
{
    MIRAI_TRY(make_pipe(read_fd, write_fd, what));
    int flags = fcntl(*read_fd, F_GETFL);
    if (flags < 0 || fcntl(*read_fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return mirai__fail_errno(errno, "pipe for %s", what);
    return MIRAI_OK;
}

/* What makes the process a daemon: fills up to OWN_ENTRIES. */
static mirai_status make_entries(attempt *attempt, const mirai__spawn *spawn, bool is_self,
                                 const char **entries, size_t *count)
{
    (void)snprintf(attempt->launch_entry, sizeof attempt->launch_entry,
                   "MIRAI_DAEMON_LAUNCH=%" PRIu64, spawn->launch);
    (void)snprintf(attempt->host_entry, sizeof attempt->host_entry, "MIRAI_DAEMON_HOST=%ld",
                   (long)getpid());
    (void)snprintf(attempt->depth_entry, sizeof attempt->depth_entry, "MIRAI_DAEMON_DEPTH=%d",
                   (int)spawn->depth);
    MIRAI_TRY(mirai__confines_entry(spawn->options, &attempt->confines_entry));
    size_t n = 0;
    entries[n++] = attempt->launch_entry;
    entries[n++] = attempt->host_entry;
    if (attempt->confines_entry != NULL) entries[n++] = attempt->confines_entry;
    if (is_self) entries[n++] = "MIRAI_DAEMON_SELF=1";
    if (spawn->depth > 0) entries[n++] = attempt->depth_entry;
    if (spawn->socket >= 0) {
        entries[n++] = "MIRAI_DAEMON_FD=3";
    } else {
        attempt->url_entry = mirai__format("MIRAI_DAEMON_URL=%s", spawn->url);
        if (attempt->url_entry == NULL) return MIRAI_E_NOMEM;
        entries[n++] = attempt->url_entry;
        entries[n++] = "MIRAI_TOKEN_FD=3";
    }
    *count = n;
    return MIRAI_OK;
}

static mirai_status make_environment(attempt *attempt, const mirai__spawn *spawn, bool is_self)
{
    const char *const *wanted = spawn->options != NULL ? spawn->options->environment : NULL;
    size_t given = 0, own = 0;
    while (wanted != NULL && wanted[given] != NULL) given++;
    const char **entries = mirai__alloc_zero(given + OWN_ENTRIES, sizeof *entries);
    if (entries == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < given; i++) entries[i] = wanted[i];
    mirai_status status = make_entries(attempt, spawn, is_self, entries + given, &own);
    if (status == MIRAI_OK) {
        attempt->environment = mirai__environment(entries, given + own);
        if (attempt->environment == NULL) status = MIRAI_E_NOMEM;
    }
    mirai__free(entries);
    return status;
}

/* Ours, unless the host program has closed it. */
static int inherited(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

static mirai_status run(attempt *attempt, const mirai__spawn *spawn, mirai__process *out)
{
    mirai__child child = {.argv = spawn->command, .files = {-1, -1, -1, spawn->socket}};
    bool is_self = false;
    const char *named[2] = {NULL, NULL};
    if (spawn->command == NULL) {
        MIRAI_TRY(mirai__program(&attempt->program, &is_self));
        named[0] = attempt->program;
        child.path = attempt->program;
        child.argv = is_self ? mirai__program_arguments() : named;
    }
    if (spawn->socket < 0) {
        MIRAI_TRY(put_token(spawn->token, &attempt->token_fd));
        child.files[3] = attempt->token_fd;
    }
    if (spawn->output == MIRAI_OUTPUT_INHERIT) {
        child.files[1] = inherited(STDOUT_FILENO);
        child.files[2] = inherited(STDERR_FILENO);
    } else {
        MIRAI_TRY(open_pipe(&attempt->error_read, &attempt->error_write, "standard error"));
        child.files[2] = attempt->error_write;
    }
    if (spawn->output == MIRAI_OUTPUT_CAPTURE) {
        MIRAI_TRY(open_pipe(&attempt->output_read, &attempt->output_write, "standard output"));
        child.files[1] = attempt->output_write;
    }
    MIRAI_TRY(make_environment(attempt, spawn, is_self));
    child.environment = attempt->environment;
    if (spawn->options != NULL) child.directory = spawn->options->directory;
    return mirai__child_start(&child, out);
}

mirai_status mirai__spawn_process(const mirai__spawn *spawn, mirai__process *out)
{
    *out = (mirai__process){.pid = 0, .pidfd = -1, .output_fd = -1, .stdout_fd = -1};
    if (spawn->command != NULL && spawn->command[0] == NULL)
        return mirai__fail(MIRAI_E_INVALID, "the command of a daemon is empty");
    if (spawn->socket < 0 && (spawn->url == NULL || spawn->token == NULL))
        return mirai__fail(MIRAI_E_INVALID, "a daemon needs a socket, or an address and a token");
    attempt attempt = {.token_fd = -1, .error_read = -1, .error_write = -1, .output_read = -1, .output_write = -1};
    mirai_status status = run(&attempt, spawn, out);
    if (status == MIRAI_OK) {
        out->output_fd = attempt.error_read;
        attempt.error_read = -1;
        out->stdout_fd = attempt.output_read;
        attempt.output_read = -1;
    }
    fini(&attempt);
    return status;
}
