/*
 * gate: see gate.h. Guarded by its owner's lock.
 */
#include "gate.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "detail.h"
#include "fault.h"

mirai_status mirai__gate_init(mirai__gate *gate)
{
    int ends[2];
    errno = EMFILE; /* should the fault point say so */
    if (mirai__fault() ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return mirai__fail_errno(errno, "socket pair");
    *gate = (mirai__gate){.fd = ends[0], .far = ends[1], .writable = true};
    int least = 1; /* the kernel raises it to its minimum; a small buffer is quickly stuffed */
    (void)setsockopt(gate->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    return MIRAI_OK;
}

void mirai__gate_fini(mirai__gate *gate)
{
    (void)close(gate->fd);
    (void)close(gate->far);
}

/* Send until no more goes in; false when not even the first byte went. */
static bool stuff(int fd, size_t most)
{
    static const char nothing[4096];
    size_t done = 0;
    while (done < most) {
        size_t left = most - done;
        ssize_t sent =
            send(fd, nothing, left < sizeof nothing ? left : sizeof nothing, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) break;
        done += (size_t)sent;
    }
    return done > 0;
}

static void empty(int fd)
{
    char waste[4096];
    ssize_t got;
    do {
        got = recv(fd, waste, sizeof waste, 0);
    } while (got == (ssize_t)sizeof waste || (got < 0 && errno == EINTR));
}

void mirai__gate_set_readable(mirai__gate *gate, bool readable)
{
    if (gate->readable == readable) return;
    gate->readable = readable;
    if (!readable)
        empty(gate->fd);
    else if (!stuff(gate->far, 1))
        /* The kernel has no memory for one byte. A descriptor that stays ready is better than a
         * thread that sleeps for ever. */
        (void)shutdown(gate->far, SHUT_RDWR);
}

void mirai__gate_set_writable(mirai__gate *gate, bool writable)
{
    if (gate->writable == writable) return;
    gate->writable = writable;
    if (writable)
        empty(gate->far);
    else
        (void)stuff(gate->fd, SIZE_MAX);
}
