/*
 * guard: a shell as the leader of a group that others join (child.h). A shell, since it is a small
 * program that every system has, started without a copy of our memory; it runs builtins only. Any
 * thread; no lock, no state.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "child.h"
#include "detail.h"
#include "fault.h"

/* Signals that a command sends to its group are not meant for the leader. */
static const char script[] =
    "trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2; read line; kill -KILL 0";

mirai_status mirai__guard_start(mirai__guard *out)
{
    static const char *const argv[] = {"sh", "-c", script, NULL};
    static char *const environment[] = {NULL};
    *out = (mirai__guard){.process = {.pid = 0, .pidfd = -1, .output_fd = -1, .stdout_fd = -1}, .tie = -1};
    int fds[2];
    if (mirai__fault()) return mirai__fail_errno(EMFILE, "pipe for a command's guard");
    if (pipe2(fds, O_CLOEXEC) != 0) return mirai__fail_errno(errno, "pipe for a command's guard");
    const mirai__child child = {.path = "/bin/sh",
                                .argv = argv,
                                .environment = environment,
                                .directory = "/",
                                .files = {fds[0], -1, -1, -1}};
    mirai_status status = mirai__child_start(&child, &out->process);
    (void)close(fds[0]);
    if (status == MIRAI_OK)
        out->tie = fds[1];
    else
        (void)close(fds[1]);
    return status;
}

void mirai__guard_end(mirai__guard *guard)
{
    if (guard->process.pid == 0) return;
    mirai__death death;
    mirai__process_stop(&guard->process, &death);
    (void)close(guard->tie);
    guard->process.pid = 0;
    guard->tie = -1;
}
