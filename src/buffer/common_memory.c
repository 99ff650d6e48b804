/*
 * common_memory: see common_memory.h.
 *
 * What a peer names is looked at before it is opened: an O_PATH descriptor has no effect on a device or a pipe, and stays
 * with what it was made for, should the other process close it or end meanwhile. The token in the name of the memfd then
 * shows that this is the memory that was meant, on this machine and seen from here: no number of a process or descriptor
 * need be believed.
 */
#include "common_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "detail.h"
#include "fault.h"
#include "list.h"
#include "ram.h"
#include "random.h"
#include "shared_memory.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW, NAME_SIZE = 64 };

struct mirai__common {
    mirai__list node;
    int64_t references; /* under the lock, so that nobody finds what is about to go */
    uint8_t token[MIRAI__COMMON_TOKEN];
    mirai__common_place origin; /* where it was made */
    int fd;
    size_t size;
    void *base;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mirai__list held = {&held, &held};

static void write_name(char out[NAME_SIZE], const uint8_t *token)
{
    int at = snprintf(out, NAME_SIZE, "mirai-common-");
    for (int i = 0; i < MIRAI__COMMON_TOKEN; i++) at += snprintf(out + at, NAME_SIZE - (size_t)at, "%02x", token[i]);
}

/* Lock held. */
static mirai__common *find(const uint8_t *token)
{
    for (mirai__list *at = held.next; at != &held; at = at->next) {
        mirai__common *common = mirai__list_entry(at, mirai__common, node);
        if (memcmp(common->token, token, MIRAI__COMMON_TOKEN) == 0) return common;
    }
    return NULL;
}

static mirai__common *find_counted(const uint8_t *token)
{
    (void)pthread_mutex_lock(&lock);
    mirai__common *common = find(token);
    if (common != NULL) common->references++;
    (void)pthread_mutex_unlock(&lock);
    return common;
}

/* Takes the descriptor, also on failure. */
static mirai_status map(int fd, size_t size, const uint8_t *token, mirai__common **out)
{
    mirai__common *made = mirai__alloc_zero(1, sizeof *made);
    if (made == NULL) {
        (void)close(fd);
        return MIRAI_E_NOMEM;
    }
    errno = ENOMEM;
    void *base = mirai__fault() ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        mirai_status status = mirai__fail_errno(errno, "mapping %zu bytes of memory in common", size);
        mirai__free(made);
        (void)close(fd);
        return status;
    }
    *made = (mirai__common){.references = 1, .fd = fd, .size = size, .base = base};
    mirai__list_init(&made->node);
    memcpy(made->token, token, MIRAI__COMMON_TOKEN);
    *out = made;
    return MIRAI_OK;
}

/* Nobody else has it. */
static void destroy(mirai__common *common)
{
    (void)munmap(common->base, common->size);
    (void)close(common->fd);
    mirai__free(common);
}

/* Put it among those held, unless another thread has opened it meanwhile: that is then given. Takes made. */
static mirai__common *enter(mirai__common *made)
{
    (void)pthread_mutex_lock(&lock);
    mirai__common *common = find(made->token);
    if (common != NULL)
        common->references++;
    else
        mirai__list_append(&held, &made->node);
    (void)pthread_mutex_unlock(&lock);
    if (common == NULL) return made;
    destroy(made);
    return common;
}

/* ---- making ---------------------------------------------------------------------------------- */

static mirai_status make_file(size_t size, const uint8_t *token, int *out)
{
    char name[NAME_SIZE];
    write_name(name, token);
    int fd = mirai__shared_memory_file(name, size);
    if (fd < 0) return mirai__fail_errno(-fd, "making %zu bytes of memory in common", size);
    if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) != 0) {
        mirai_status status = mirai__fail_errno(errno, "sealing memory in common");
        (void)close(fd);
        return status;
    }
    *out = fd;
    return MIRAI_OK;
}

mirai__common *mirai__common_new(size_t size)
{
    uint8_t token[MIRAI__COMMON_TOKEN];
    mirai__common *made = NULL;
    int fd = -1;
    if (mirai__enter() != MIRAI_OK) return NULL;
    if (size == 0) {
        mirai__fail(MIRAI_E_INVALID, "memory in common has at least one byte");
        return NULL;
    }
    if (size > mirai__ram_bytes()) { /* the kernel would take page after page, until it has none */
        mirai__fail(MIRAI_E_NOMEM, "%zu bytes of memory in common are more than this machine has", size);
        return NULL;
    }
    if (mirai__random_bytes(token, sizeof token) != MIRAI_OK || make_file(size, token, &fd) != MIRAI_OK ||
        map(fd, size, token, &made) != MIRAI_OK)
        return NULL;
    made->origin = (mirai__common_place){(int32_t)getpid(), fd};
    return enter(made);
}

/* ---- opening --------------------------------------------------------------------------------- */

static mirai_status fail_open(int error, const mirai__common_place *place)
{
    if (error != ENOENT && error != ESRCH) {
        return mirai__fail_errno(error, "opening memory in common of process %d", place->pid);
    } else if (access("/proc/self/fd", F_OK) != 0) {
        return mirai__fail(MIRAI_E_NOENT, "memory in common cannot be opened: /proc is not mounted here");
    }
    return mirai__fail(MIRAI_E_NOENT,
                       "the memory in common is not there any more: process %d has ended or let go of it, or is on "
                       "another machine",
                       place->pid);
}

/* Whether a descriptor shows the memory with that token. */
static bool is_named(int fd, const uint8_t *token)
{
    char path[40], link[2 * NAME_SIZE], name[NAME_SIZE], wanted[2 * NAME_SIZE];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    write_name(name, token);
    int size = snprintf(wanted, sizeof wanted, "/memfd:%s (deleted)", name);
    return readlink(path, link, sizeof link) == size && memcmp(link, wanted, (size_t)size) == 0;
}

/* As the kernel has it, and not as the peer says. */
static mirai_status check_file(int fd, uint64_t size)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return mirai__fail(MIRAI_E_PROTOCOL, "what was named as memory in common is not sealed");
    if (status.st_size <= 0 || (uint64_t)status.st_size != size)
        return mirai__fail(MIRAI_E_PROTOCOL, "memory in common was said to have %llu bytes, and has %lld",
                           (unsigned long long)size, (long long)status.st_size);
    if ((uint64_t)status.st_blocks * 512 < size)
        return mirai__fail(MIRAI_E_PROTOCOL, "the memory in common is not there in full");
    return MIRAI_OK;
}

/* `seen` is an O_PATH descriptor of what may be it. */
static mirai_status open_seen(int seen, const mirai__common_name *name, const mirai__common_place *place, int *out)
{
    char path[40];
    if (!is_named(seen, name->token)) return fail_open(ENOENT, place);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", seen);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return fail_open(errno, place);
    mirai_status status = check_file(fd, name->size);
    if (status == MIRAI_OK)
        *out = fd;
    else
        (void)close(fd);
    return status;
}

static mirai_status open_place(const mirai__common_name *name, const mirai__common_place *place, int *out)
{
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", place->pid, place->fd);
    errno = EMFILE; /* should the fault point say so */
    int seen = mirai__fault() ? -1 : open(path, O_PATH | O_CLOEXEC);
    if (seen < 0) return fail_open(errno, place);
    mirai_status status = open_seen(seen, name, place, out);
    (void)close(seen);
    return status;
}

/* A place of another user may be one whose process has ended, and its number is somebody else's by now: so it counts only
 * if no other place has it. */
static mirai_status open_first(const mirai__common_name *name, int *out)
{
    const mirai__common_place *refused = NULL;
    for (size_t i = 0; i < name->count; i++) {
        mirai_status status = open_place(name, &name->places[i], out);
        if (status == MIRAI_E_PERMISSION)
            refused = refused != NULL ? refused : &name->places[i];
        else if (status != MIRAI_E_NOENT)
            return status;
    }
    return fail_open(refused != NULL ? EACCES : ENOENT, refused != NULL ? refused : &name->places[name->count - 1]);
}

mirai_status mirai__common_open(const mirai__common_name *name, mirai__common **out)
{
    mirai__common *common = find_counted(name->token);
    if (common != NULL && common->size != name->size) {
        mirai__common_unref(common);
        return mirai__fail(MIRAI_E_PROTOCOL, "memory in common was named with a size that it has not");
    }
    if (common == NULL) {
        int fd = -1;
        mirai_status status = open_first(name, &fd);
        if (status == MIRAI_OK) status = map(fd, (size_t)name->size, name->token, &common);
        if (status != MIRAI_OK) return status;
        common->origin = name->places[name->count - 1];
        common = enter(common);
    }
    *out = common;
    return MIRAI_OK;
}

/* ---- having ---------------------------------------------------------------------------------- */

mirai__common *mirai__common_ref(mirai__common *common)
{
    if (mirai__forked()) return common;
    (void)pthread_mutex_lock(&lock);
    common->references++;
    (void)pthread_mutex_unlock(&lock);
    return common;
}

void mirai__common_unref(mirai__common *common)
{
    if (common == NULL || mirai__forked()) return; /* in a child of a fork the lock may be held by nobody */
    (void)pthread_mutex_lock(&lock);
    bool last = --common->references == 0;
    if (last) mirai__list_remove(&common->node);
    (void)pthread_mutex_unlock(&lock);
    if (last) destroy(common);
}

void mirai__common_tell(const mirai__common *common, mirai__common_name *out)
{
    *out = (mirai__common_name){.size = common->size, .count = 1};
    memcpy(out->token, common->token, MIRAI__COMMON_TOKEN);
    out->places[0] = (mirai__common_place){(int32_t)getpid(), common->fd};
    if (common->origin.pid != out->places[0].pid) out->places[out->count++] = common->origin;
}

const uint8_t *mirai__common_token(const mirai__common *common)
{
    return common->token;
}

void *mirai__common_bytes(const mirai__common *common)
{
    return common->base;
}

size_t mirai__common_bytes_count(const mirai__common *common)
{
    return common->size;
}
