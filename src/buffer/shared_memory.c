/*
 * shared_memory: see shared_memory.h. Stateless; any thread.
 */
#include "shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detail.h"
#include "fault.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

enum { SIZED = F_SEAL_SHRINK | F_SEAL_GROW };

/* Growing a file beyond this limit raises a signal. */
static bool is_too_large(size_t size)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size;
}

/* With all its pages: where there is no memory for them, this fails, and not the access later. */
static bool grow(int fd, size_t size)
{
    if (ftruncate(fd, (off_t)size) != 0) return false;
    int failed;
    do {
        failed = fallocate(fd, 0, 0, (off_t)size);
    } while (failed != 0 && errno == EINTR);
    return failed == 0;
}

int mirai__shared_memory_file(const char *name, size_t size)
{
    errno = EMFILE; /* should the fault point say so */
    int fd = mirai__fault() ? -1 : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    int failed = is_too_large(size) ? EFBIG : grow(fd, size) ? 0 : errno;
    if (failed == 0) return fd;
    (void)close(fd);
    return -failed;
}

/* No further mapping can write. Where the kernel does not know that, the size alone is sealed. */
static bool seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, SIZED | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0 ||
           fcntl(fd, F_ADD_SEALS, SIZED | F_SEAL_SEAL) == 0;
}

bool mirai__shared_memory_make(size_t size, int *fd, uint8_t **base)
{
    int made = mirai__shared_memory_file("miraicore-buffers", size);
    if (made < 0) return false;
    void *memory = MAP_FAILED;
    if (!mirai__fault())
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, made, 0);
    if (memory != MAP_FAILED && seal(made)) {
        *fd = made;
        *base = memory;
        return true;
    }
    if (memory != MAP_FAILED) (void)munmap(memory, size);
    (void)close(made);
    return false;
}

mirai_status mirai__shared_memory_attach(int fd, size_t most, size_t *size, const uint8_t **base)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SIZED) != SIZED || fstat(fd, &status) != 0)
        return mirai__fail(MIRAI_E_PROTOCOL, "the memory that was passed is not sealed");
    if (status.st_size <= 0 || (uint64_t)status.st_size > most)
        return mirai__fail(MIRAI_E_PROTOCOL, "the memory that was passed has %lld bytes",
                           (long long)status.st_size);
    if ((uint64_t)status.st_blocks * 512 < (uint64_t)status.st_size)
        return mirai__fail(MIRAI_E_PROTOCOL, "the memory that was passed is not there in full");
    errno = ENOMEM;
    void *memory = mirai__fault() ? MAP_FAILED
                                  : mmap(NULL, (size_t)status.st_size, PROT_READ,
                                         MAP_SHARED | MAP_POPULATE, fd, 0);
    if (memory == MAP_FAILED) return mirai__fail_errno(errno, "mapping the memory that was passed");
    *size = (size_t)status.st_size;
    *base = memory;
    return MIRAI_OK;
}

void mirai__shared_memory_unmap(const void *base, size_t size)
{
    (void)munmap((void *)(uintptr_t)base, size);
}
