/*
 * random: getrandom(2), whole or not at all. Any thread.
 */
#include "random.h"

#include <errno.h>
#include <sys/random.h>

#include "detail.h"
#include "fault.h"

mirai_status mirai__random_bytes(void *out, size_t size)
{
    if (mirai__fault()) return mirai__fail_errno(EIO, "random numbers");
    unsigned char *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return mirai__fail_errno(errno, "random numbers");
        at += got;
        size -= (size_t)got;
    }
    return MIRAI_OK;
}
