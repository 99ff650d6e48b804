/*
 * passing: see passing.h.
 */
#include "passing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOTS_MOST = 16 /* received at once: a peer could keep us busy */ };

/* Room for a lot in a control message. */
typedef union lot {
    struct cmsghdr header;
    char room[CMSG_SPACE(MIRAI__PASS_MOST * sizeof(int))];
} lot;

int mirai__pass(int socket, char byte, const int *fds, int count)
{
    lot control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent == 1) return 0;
    return errno == EWOULDBLOCK || errno == ETOOMANYREFS ? -EAGAIN : -errno;
}

static void keep(mirai__passed *passed, int fd)
{
    if (passed->count < MIRAI__PASSED_MOST)
        passed->fds[(passed->first + passed->count++) % MIRAI__PASSED_MOST] = fd;
    else
        (void)close(fd);
}

/* Whether there were any. */
static bool keep_all(mirai__passed *passed, struct msghdr *message)
{
    bool any = false;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            keep(passed, fd);
        }
        any = true;
    }
    return any;
}

ssize_t mirai__passed_receive(mirai__passed *passed, int socket, void *bytes, size_t size)
{
    ssize_t total = 0;
    bool any = true;
    for (int lots = 0; lots < LOTS_MOST && any && (size_t)total < size; lots++) {
        lot control;
        struct iovec vector = {.iov_base = (uint8_t *)bytes + total, .iov_len = size - (size_t)total};
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = control.room,
                                 .msg_controllen = sizeof control.room};
        ssize_t got;
        do {
            got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        } while (got < 0 && errno == EINTR);
        if (got <= 0 && total > 0) return total; /* the end is found the next time */
        if (got < 0) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        if (got == 0) return 0;
        total += got;
        any = keep_all(passed, &message);
    }
    return total;
}

int mirai__passed_take(mirai__passed *passed)
{
    if (passed->count == 0) return -1;
    int fd = passed->fds[passed->first];
    passed->first = (passed->first + 1) % MIRAI__PASSED_MOST;
    passed->count--;
    return fd;
}

void mirai__passed_fini(mirai__passed *passed)
{
    for (int fd; (fd = mirai__passed_take(passed)) >= 0;) (void)close(fd);
}
