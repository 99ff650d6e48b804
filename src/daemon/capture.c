/*
 * capture: one poll loop over standard input, both outputs, the process and the wake descriptor, so
 * that large inputs and outputs cannot wait for each other. Runs on the caller's thread; no lock.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "detail.h"
#include "fault.h"
#include "guard.h"

enum { INPUT, OUTPUT, ERROR, PROCESS, WAKE, WATCHED };
enum { READ_SIZE = 65536 };

/* fds[INPUT..ERROR] are our ends of the pipes: closed, and -1, when done with. */
typedef struct running {
    mirai__capture *capture;
    mirai__guard guard; /* of the group that the process is in */
    mirai__process process;
    int fds[3], theirs[3];
    size_t written;
    bool ended;
} running;

static void close_fd(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

static mirai_status open_pipe(running *running, int which)
{
    int fds[2];
    if (mirai__fault()) return mirai__fail_errno(EMFILE, "pipe for a command");
    if (pipe2(fds, O_CLOEXEC) != 0) return mirai__fail_errno(errno, "pipe for a command");
    int ours = which == INPUT ? 1 : 0;
    running->fds[which] = fds[ours];
    running->theirs[which] = fds[1 - ours];
    int flags = fcntl(fds[ours], F_GETFL);
    if (flags < 0 || fcntl(fds[ours], F_SETFL, flags | O_NONBLOCK) != 0)
        return mirai__fail_errno(errno, "pipe for a command");
    return MIRAI_OK;
}

static mirai_status begin(running *running)
{
    mirai__capture *capture = running->capture;
    if (capture->input_size > 0) MIRAI_TRY(open_pipe(running, INPUT));
    MIRAI_TRY(open_pipe(running, OUTPUT));
    MIRAI_TRY(open_pipe(running, ERROR));
    for (int i = 0; i < 3; i++) capture->child.files[i] = running->theirs[i];
    capture->child.files[3] = -1;
    MIRAI_TRY(mirai__guard_start(&running->guard));
    capture->child.group = running->guard.process.pid;
    mirai_status status = mirai__child_start(&capture->child, &running->process);
    for (int i = 0; i < 3; i++) close_fd(&running->theirs[i]);
    return status;
}

/* A command that does not read its input must not end this process by SIGPIPE, and other threads
 * keep theirs. */
static ssize_t write_quietly(int fd, const void *data, size_t size)
{
    sigset_t pipe_only, before, pending;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t written = write(fd, data, size);
    int error = errno;
    if (written < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) {
        const struct timespec now = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR) continue;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

static void feed(running *running)
{
    const mirai__capture *capture = running->capture;
    ssize_t size = write_quietly(running->fds[INPUT], capture->input + running->written,
                                 capture->input_size - running->written);
    if (size >= 0) running->written += (size_t)size;
    bool broken = size < 0 && errno != EAGAIN && errno != EINTR;
    if (broken || running->written == capture->input_size) close_fd(&running->fds[INPUT]);
}

/* Read once. */
static mirai_status drain(running *running, int which)
{
    mirai__bytes *kept = &running->capture->output[which - OUTPUT];
    size_t room = running->capture->limit - kept->size;
    char dropped[4096];
    void *into = dropped;
    size_t most = sizeof dropped;
    if (room > 0) {
        most = room < READ_SIZE ? room : READ_SIZE;
        MIRAI_TRY(mirai__bytes_reserve(kept, most));
        into = kept->data + kept->size;
    }
    ssize_t size = read(running->fds[which], into, most);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return MIRAI_OK;
    if (size <= 0)
        close_fd(&running->fds[which]);
    else if (room > 0)
        kept->size += (size_t)size;
    else
        running->capture->truncated = true;
    return MIRAI_OK;
}

/* Wait for something and do it; *how is set when it is to be stopped. */
static mirai_status step(running *running, int *how)
{
    struct pollfd watched[WATCHED] = {
        [INPUT] = {.fd = running->fds[INPUT], .events = POLLOUT},
        [OUTPUT] = {.fd = running->fds[OUTPUT], .events = POLLIN},
        [ERROR] = {.fd = running->fds[ERROR], .events = POLLIN},
        [PROCESS] = {.fd = running->ended ? -1 : running->process.pidfd, .events = POLLIN},
        [WAKE] = {.fd = running->capture->wake_fd, .events = POLLIN},
    };
    int64_t now = mirai__now_ms();
    if (now >= running->capture->deadline) {
        *how = MIRAI__CAPTURE_TIMED_OUT;
        return MIRAI_OK;
    }
    if (poll(watched, WATCHED, mirai__until(running->capture->deadline, now)) < 0)
        return errno == EINTR ? MIRAI_OK : mirai__fail_errno(errno, "waiting for a command");
    if (watched[WAKE].revents != 0) {
        *how = MIRAI__CAPTURE_WOKEN;
        return MIRAI_OK;
    }
    if (watched[PROCESS].revents != 0) running->ended = true;
    if (watched[INPUT].revents != 0) feed(running);
    if (watched[OUTPUT].revents != 0) MIRAI_TRY(drain(running, OUTPUT));
    if (watched[ERROR].revents != 0) MIRAI_TRY(drain(running, ERROR));
    return MIRAI_OK;
}

static void end(running *running)
{
    mirai__guard_end(&running->guard);
    if (running->process.pid != 0) mirai__process_stop(&running->process, &running->capture->death);
    for (int i = 0; i < 3; i++) {
        close_fd(&running->fds[i]);
        close_fd(&running->theirs[i]);
    }
}

mirai_status mirai__capture_run(mirai__capture *capture, int *how)
{
    running running = {.capture = capture,
                       .guard = {.tie = -1},
                       .process = {.pid = 0, .pidfd = -1, .output_fd = -1, .stdout_fd = -1},
                       .fds = {-1, -1, -1},
                       .theirs = {-1, -1, -1}};
    *how = 0;
    mirai_status status = begin(&running);
    while (status == MIRAI_OK && *how == 0) {
        if (running.ended && running.fds[OUTPUT] < 0 && running.fds[ERROR] < 0)
            *how = MIRAI__CAPTURE_ENDED;
        else
            status = step(&running, how);
    }
    end(&running);
    return status;
}
