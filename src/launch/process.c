/*
 * process: a started process: killing its group, reaping it, and how it ended in words. Its owner's
 * lock guards it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "detail.h"
#include "spawn.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static bool is_dead(const mirai__process *process)
{
    struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* As waitid(): by the pidfd, which names no other process ever. */
static int wait_now(const mirai__process *process, siginfo_t *info, int options)
{
    if (process->is_gone) return -1;
    if (process->by_thread)
        return waitid(P_PID, (id_t)process->pid, info, WEXITED | WNOHANG | options);
    return waitid(P_PIDFD, (id_t)process->pidfd, info, WEXITED | WNOHANG | options);
}

/* Once it is reaped, by whomever, its number may be another's. */
static bool has_number(const mirai__process *process)
{
    siginfo_t info;
    if (process->pid <= 1 || process->reaped || process->is_gone) return false;
    return wait_now(process, &info, WNOWAIT) == 0 || errno != ECHILD;
}

void mirai__process_kill(const mirai__process *process, int signal)
{
    if (!has_number(process)) return;
    if (kill(-process->pid, signal) != 0 && errno == ESRCH) (void)kill(process->pid, signal);
}

mirai_status mirai__process_reap(mirai__process *process, mirai__death *out)
{
    *out = (mirai__death){.known = false, .exit_status = -1, .signal = 0};
    if (process->reaped) return MIRAI_OK;
    if (!is_dead(process)) return MIRAI_E_AGAIN;
    /* Its number is its group's and is kept from others as long as it is a zombie: the last moment
     * at which what it left behind can be killed safely. */
    siginfo_t info = {.si_pid = 0};
    if (wait_now(process, &info, WNOWAIT) == 0 && info.si_pid != 0)
        (void)kill(-process->pid, SIGKILL);
    info.si_pid = 0;
    int result = wait_now(process, &info, 0);
    if (result == 0 && info.si_pid == 0) return MIRAI_E_AGAIN; /* a debugger has yet to let it go */
    process->reaped = true;
    if (result != 0) return MIRAI_OK; /* somebody else reaped it */
    out->known = true;
    if (info.si_code == CLD_EXITED)
        out->exit_status = info.si_status;
    else
        out->signal = info.si_status;
    return MIRAI_OK;
}

void mirai__process_stop(mirai__process *process, mirai__death *out)
{
    struct pollfd dead = {.fd = process->pidfd, .events = POLLIN};
    mirai__process_kill(process, SIGKILL);
    while (mirai__process_reap(process, out) == MIRAI_E_AGAIN) (void)poll(&dead, 1, -1);
    mirai__process_close(process);
}

void mirai__process_close(mirai__process *process)
{
    if (process->pidfd >= 0) (void)close(process->pidfd);
    if (process->output_fd >= 0) (void)close(process->output_fd);
    if (process->stdout_fd >= 0) (void)close(process->stdout_fd);
    process->pidfd = process->output_fd = process->stdout_fd = -1;
}

const char *mirai__signal_name(int signal)
{
    static const struct {
        int number;
        const char *name;
    } table[] = {
#define SIGNAL(name) {name, #name}
        SIGNAL(SIGHUP),  SIGNAL(SIGINT),   SIGNAL(SIGQUIT), SIGNAL(SIGILL),  SIGNAL(SIGTRAP),
        SIGNAL(SIGABRT), SIGNAL(SIGBUS),   SIGNAL(SIGFPE),  SIGNAL(SIGKILL), SIGNAL(SIGUSR1),
        SIGNAL(SIGSEGV), SIGNAL(SIGUSR2),  SIGNAL(SIGPIPE), SIGNAL(SIGALRM), SIGNAL(SIGTERM),
        SIGNAL(SIGCHLD), SIGNAL(SIGCONT),  SIGNAL(SIGSTOP), SIGNAL(SIGTSTP), SIGNAL(SIGTTIN),
        SIGNAL(SIGTTOU), SIGNAL(SIGURG),   SIGNAL(SIGXCPU), SIGNAL(SIGXFSZ), SIGNAL(SIGVTALRM),
        SIGNAL(SIGPROF), SIGNAL(SIGWINCH), SIGNAL(SIGPOLL), SIGNAL(SIGPWR),  SIGNAL(SIGSYS),
#undef SIGNAL
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].number == signal) return table[i].name;
    return NULL;
}

void mirai__death_text(const mirai__death *death, char *out, size_t size)
{
    const char *name = mirai__signal_name(death->signal);
    if (!death->known)
        (void)snprintf(out, size, "exited, but the host program reaped it");
    else if (death->signal == 0)
        (void)snprintf(out, size, "exited with status %d", death->exit_status);
    else if (name != NULL)
        (void)snprintf(out, size, "killed by signal %d (%s)", death->signal, name);
    else
        (void)snprintf(out, size, "killed by signal %d", death->signal);
}
