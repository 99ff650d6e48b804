/*
 * channel_socket: a channel over a connected stream socket, such as the pair that a local daemon
 * inherits.
 *
 * The calls are non-blocking one by one (MSG_DONTWAIT), so that nothing depends on the descriptor's
 * flags. How reading ended belongs to the reading thread, how writing ended to the writing thread;
 * no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "channel.h"
#include "detail.h"
#include "fault.h"

typedef struct socket_channel {
    mirai__channel channel; /* first */
    bool read_over;         /* the kernel reports an error once; we go on reporting it */
    ssize_t read_end;       /* 0 or -errno */
    ssize_t write_end;      /* 0: still open, or -errno */
} socket_channel;

static ssize_t socket_read(mirai__channel *channel, void *into, size_t size)
{
    socket_channel *self = (socket_channel *)channel;
    if (self->read_over) return self->read_end;
    if (size == 0) return -EINVAL; /* its 0 could not be told from the end */
    ssize_t got;
    do {
        got = recv(channel->fd, into, size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got > 0) return got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return -EAGAIN;
    self->read_over = true;
    self->read_end = got == 0 ? 0 : -errno;
    return self->read_end;
}

static ssize_t socket_write(mirai__channel *channel, const struct iovec *vectors, int count)
{
    socket_channel *self = (socket_channel *)channel;
    if (self->write_end != 0) return self->write_end;
    if (count <= 0) return 0; /* what was taken is in the kernel */
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, /* not written to */
                             .msg_iovlen = (size_t)(count < UIO_MAXIOV ? count : UIO_MAXIOV)};
    ssize_t put;
    do {
        put = sendmsg(channel->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put >= 0) return put;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return -EAGAIN;
    self->write_end = -errno;
    return self->write_end;
}

static short socket_writable(mirai__channel *channel)
{
    (void)channel;
    return POLLOUT;
}

static void socket_shutdown(mirai__channel *channel)
{
    (void)shutdown(channel->fd, SHUT_RDWR);
}

static void socket_free(mirai__channel *channel)
{
    (void)close(channel->fd);
    mirai__free(channel);
}

static const mirai__channel_ops socket_ops = {
    .read = socket_read,
    .write = socket_write,
    .writable = socket_writable,
    .shutdown = socket_shutdown,
    .free = socket_free,
};

/* A new channel over fd, which stays the caller's on failure. */
static mirai_status wrap(int fd, mirai__channel **out)
{
    int type = 0;
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof type, address_size = sizeof address;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&address, &address_size) != 0)
        return mirai__fail(MIRAI_E_INVALID, "descriptor %d is no stream socket", fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return mirai__fail_errno(errno, "descriptor %d", fd);
    socket_channel *self = mirai__alloc_zero(1, sizeof *self);
    if (self == NULL) return MIRAI_E_NOMEM;
    bool is_local = address.ss_family == AF_UNIX;
    self->channel = (mirai__channel){
        .ops = &socket_ops, .fd = fd, .off_host = !is_local, .tells = is_local, .exact = true};
    *out = &self->channel;
    return MIRAI_OK;
}

mirai_status mirai__channel_socket(int fd, mirai__channel **out)
{
    if (fd < 0) return mirai__fail(MIRAI_E_INVALID, "descriptor %d", fd);
    mirai_status status =
        out == NULL ? mirai__fail(MIRAI_E_INVALID, "nowhere to put the channel") : wrap(fd, out);
    if (status != MIRAI_OK) (void)close(fd);
    return status;
}

mirai_status mirai__channel_ends(mirai__channel **host, const int *daemon_fd, int ends[2])
{
    if (host == NULL || daemon_fd == NULL)
        return mirai__fail(MIRAI_E_INVALID, "nowhere to put the channel");
    errno = EMFILE; /* should the fault point say so */
    if (mirai__fault() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return mirai__fail_errno(errno, "socket pair");
    return MIRAI_OK;
}

mirai_status mirai__channel_pair(mirai__channel **host, int *daemon_fd)
{
    int ends[2];
    MIRAI_TRY(mirai__channel_ends(host, daemon_fd, ends));
    mirai_status status = mirai__channel_socket(ends[0], host);
    if (status == MIRAI_OK)
        *daemon_fd = ends[1];
    else
        (void)close(ends[1]);
    return status;
}
