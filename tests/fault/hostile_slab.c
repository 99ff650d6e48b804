/*
 * hostile_slab: see hostile_slab.h.
 */
#include "hostile_slab.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLAB = 65536, MOST = 32, FLOOD = 1000 };

static bool pass(int socket, int fd, int count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MOST * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {.iov_base = "", .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    for (int i = 0; i < count; i++) memcpy(CMSG_DATA(header) + (size_t)i * sizeof fd, &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

static int make(const char *mode)
{
    if (strcmp(mode, "lent_junk") == 0) return open("/dev/zero", O_RDWR | O_CLOEXEC);
    int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool holes = strcmp(mode, "lent_holes") == 0, unsealed = strcmp(mode, "lent_unsealed") == 0;
    if (holes ? ftruncate(fd, SLAB) != 0 : fallocate(fd, 0, 0, SLAB) != 0) return -1;
    if (!unsealed && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return -1;
    return fd;
}

void hostile_slab_pass(int socket, const char *mode)
{
    if (strcmp(mode, "lent_nothing") == 0) return;
    int fd = make(mode);
    bool flood = strcmp(mode, "lent_flood") == 0;
    for (int i = 0; i < (flood ? FLOOD : 1) && pass(socket, fd, flood ? MOST : 1); i++) continue;
    (void)close(fd);
}
