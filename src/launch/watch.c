/*
 * watch: by a pidfd. Where the kernel, a container's filter or valgrind has none, a thread of the
 * library's waits for the process instead, and makes an eventfd readable; it leaves the process to
 * be reaped by its owner.
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "detail.h"
#include "fault.h"
#include "lock.h"

/* What the waiting thread needs, freed by it. */
typedef struct vigil {
    pid_t pid;
    int fd; /* its own, since the process may be closed before it is dead */
} vigil;

static void wait_for(pid_t pid, int options)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | options) != 0 && errno == EINTR) continue;
}

static void *keep_vigil(void *argument)
{
    vigil *vigil = argument;
    const uint64_t one = 1;
    wait_for(vigil->pid, WNOWAIT);
    ssize_t size = write(vigil->fd, &one, sizeof one);
    (void)size;
    (void)close(vigil->fd);
    mirai__free(vigil);
    return NULL;
}

static mirai_status start_vigil(pid_t pid, int fd)
{
    pthread_t thread;
    vigil *vigil = mirai__alloc(sizeof *vigil);
    if (vigil == NULL) return MIRAI_E_NOMEM;
    vigil->pid = pid;
    vigil->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    mirai_status status = vigil->fd < 0
                              ? mirai__fail_errno(errno, "watching process %d", (int)pid)
                              : mirai__thread_start(&thread, "mirai-watch", keep_vigil, vigil);
    if (status == MIRAI_OK) {
        (void)pthread_detach(thread);
        return MIRAI_OK;
    }
    if (vigil->fd >= 0) (void)close(vigil->fd);
    mirai__free(vigil);
    return status;
}

/* *out->pidfd and has_pidfd. */
static mirai_status open_fd(mirai__process *out)
{
    int error = ENOSYS; /* what a test makes it fail with */
    if (!mirai__fault()) {
        out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
        if (out->pidfd >= 0) return MIRAI_OK;
        error = errno;
    }
    if (error != ENOSYS && error != EPERM && error != ESRCH)
        return mirai__fail_errno(error, "watching process %d", (int)out->pid);
    /* Where all children are reaped by the kernel (ESRCH), it may be gone already: then this is
     * readable at once. */
    bool gone = error == ESRCH;
    out->pidfd = eventfd(gone ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (out->pidfd < 0) return mirai__fail_errno(errno, "watching process %d", (int)out->pid);
    out->is_gone = gone;
    out->by_thread = !gone;
    return gone ? MIRAI_OK : start_vigil(out->pid, out->pidfd);
}

mirai_status mirai__watch(pid_t pid, mirai__process *out)
{
    *out = (mirai__process){.pid = pid, .pidfd = -1, .output_fd = -1, .stdout_fd = -1};
    mirai_status status = open_fd(out);
    if (status == MIRAI_OK) return MIRAI_OK;
    if (kill(-pid, SIGKILL) != 0) (void)kill(pid, SIGKILL);
    wait_for(pid, 0);
    mirai__process_close(out);
    *out = (mirai__process){.pid = 0, .pidfd = -1, .output_fd = -1, .stdout_fd = -1};
    return status;
}
