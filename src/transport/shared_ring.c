/*
 * shared_ring: see shared_ring.h. Each writer and each reader is owned by one thread at a time.
 *
 * Who sleeps and who publishes follow the pattern of Dekker: each stores its own word and then loads
 * the other's, all four sequentially consistent, so that not both can miss the other. (Plain
 * operations instead of fences: thread sanitizers do not know fences.)
 */
#include "shared_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>

#include "detail.h"
#include "fault.h"
#include "shared_memory.h"
#include "spin.h"

enum { LINE = 128 /* two cache lines: processors fetch them in pairs */ };

#define RING MIRAI__SHARED_RING_SIZE
#define MASK (RING - 1)
#define AT_ONCE ((size_t)131072) /* so many bytes are copied before the other side is told */
#define MAGIC UINT64_C(0x32676e697269616d)

struct mirai__lane {
    alignas(LINE) _Atomic uint64_t tail;     /* written by the writer */
    alignas(LINE) _Atomic uint64_t head;     /* written by the reader */
    alignas(LINE) _Atomic uint32_t sleeping; /* MIRAI__RING_*: what the reader wants; a futex */
    alignas(LINE) _Atomic uint32_t waiting;  /* the writer waits for room */
};

typedef struct shared {
    uint64_t magic, size;
    _Atomic uint32_t active;
    struct mirai__lane lanes[2];
    alignas(LINE) mirai__claims claims;
    alignas(4096) uint8_t data[2][RING];
} shared;

_Static_assert((RING & MASK) == 0, "the size of a ring is a power of two");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "a lock cannot be shared by processes here");

/* ---- memory ---------------------------------------------------------------------------------- */

static mirai_status map(mirai__rings *out, int fd)
{
    errno = ENOMEM;
    void *base = mirai__fault() ? MAP_FAILED
                                : mmap(NULL, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) return mirai__fail_errno(errno, "mapping shared memory");
    out->base = base;
    return MIRAI_OK;
}

static mirai_status fill(int fd, mirai__rings *out)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return mirai__fail_errno(errno, "shared memory");
    MIRAI_TRY(map(out, fd));
    shared *memory = out->base; /* all else is zero */
    memory->magic = MAGIC;
    memory->size = RING;
    for (int i = 0; i < 2; i++) atomic_store(&memory->lanes[i].sleeping, MIRAI__RING_BELL);
    return MIRAI_OK;
}

mirai_status mirai__rings_create(mirai__rings *out, int *fd)
{
    int made = mirai__shared_memory_file("miraicore-rings", sizeof(shared));
    if (made < 0) return mirai__fail_errno(-made, "shared memory");
    mirai_status status = fill(made, out);
    if (status == MIRAI_OK)
        *fd = made;
    else
        (void)close(made);
    return status;
}

mirai_status mirai__rings_attach(mirai__rings *out, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size != (off_t)sizeof(shared))
        return mirai__fail(MIRAI_E_PROTOCOL, "the shared memory has another size than expected");
    MIRAI_TRY(map(out, fd));
    const shared *memory = out->base;
    if (memory->magic == MAGIC && memory->size == RING) return MIRAI_OK;
    mirai__rings_close(out);
    return mirai__fail(MIRAI_E_PROTOCOL, "the shared memory holds no rings of this version");
}

void mirai__rings_close(mirai__rings *rings)
{
    if (rings->base != NULL) (void)munmap(rings->base, sizeof(shared));
    rings->base = NULL;
}

mirai__ring_writer mirai__ring_writer_of(const mirai__rings *rings, int which)
{
    shared *memory = rings->base;
    return (mirai__ring_writer){.lane = &memory->lanes[which], .data = memory->data[which]};
}

mirai__ring_reader mirai__ring_reader_of(const mirai__rings *rings, int which)
{
    shared *memory = rings->base;
    return (mirai__ring_reader){.lane = &memory->lanes[which], .data = memory->data[which]};
}

mirai__claims *mirai__rings_claims(const mirai__rings *rings)
{
    return &((shared *)rings->base)->claims;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Load the reader's index. It never goes back, and never passes what we told it of. */
static bool load_head(mirai__ring_writer *writer)
{
    uint64_t head = atomic_load(&writer->lane->head);
    if (head - writer->head > writer->published - writer->head) return false;
    writer->head = head;
    return true;
}

static size_t room_of(const mirai__ring_writer *writer)
{
    return RING - (size_t)(writer->tail - writer->head);
}

ssize_t mirai__ring_writer_put(mirai__ring_writer *writer, const void *from, size_t size)
{
    if (room_of(writer) < size && !load_head(writer)) return -EPROTO;
    if (size > room_of(writer)) size = room_of(writer);
    if (size > AT_ONCE) size = AT_ONCE;
    if (size == 0) return 0;
    size_t at = (size_t)writer->tail & MASK, first = RING - at;
    if (first > size) first = size;
    memcpy(writer->data + at, from, first);
    if (first < size) memcpy(writer->data, (const uint8_t *)from + first, size - first);
    writer->tail += size;
    return (ssize_t)size;
}

static void end_doze(struct mirai__lane *lane)
{
    (void)syscall(SYS_futex, &lane->sleeping, FUTEX_WAKE, 1, NULL, NULL, 0);
}

bool mirai__ring_writer_publish(mirai__ring_writer *writer, bool patient)
{
    struct mirai__lane *lane = writer->lane;
    if (writer->published == writer->tail) return false;
    writer->published = writer->tail;
    atomic_store(&lane->tail, writer->tail);
    uint32_t owed = atomic_load(&lane->sleeping);
    if (owed == MIRAI__RING_AWAKE || (owed == MIRAI__RING_BUSY && patient)) return false;
    owed = atomic_exchange(&lane->sleeping, MIRAI__RING_AWAKE);
    if (owed == MIRAI__RING_DOZE) end_doze(lane);
    return owed == MIRAI__RING_BELL || owed == MIRAI__RING_BUSY;
}

void mirai__ring_writer_wish(mirai__ring_writer *writer, bool waits)
{
    atomic_store(&writer->lane->waiting, waits);
}

int mirai__ring_writer_is_roomy(mirai__ring_writer *writer)
{
    if (!load_head(writer)) return -EPROTO;
    return room_of(writer) >= RING / 2;
}

bool mirai__ring_writer_was_read(const mirai__ring_writer *writer)
{
    return atomic_load(&writer->lane->head) == atomic_load(&writer->lane->tail);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Load the writer's index. It never goes back, and never passes what there is room for. */
static bool load_tail(mirai__ring_reader *reader)
{
    uint64_t tail = atomic_load(&reader->lane->tail);
    uint64_t filled = tail - reader->head;
    if (filled > RING || filled < reader->tail - reader->head) return false;
    reader->tail = tail;
    return true;
}

ssize_t mirai__ring_reader_take(mirai__ring_reader *reader, void *into, size_t size)
{
    if (reader->tail - reader->head < size && !load_tail(reader)) return -EPROTO;
    if (size > reader->tail - reader->head) size = (size_t)(reader->tail - reader->head);
    if (size > AT_ONCE) size = AT_ONCE;
    if (size == 0) return 0;
    size_t at = (size_t)reader->head & MASK, first = RING - at;
    if (first > size) first = size;
    memcpy(into, reader->data + at, first);
    if (first < size) memcpy((uint8_t *)into + first, reader->data, size - first);
    reader->head += size;
    atomic_store(&reader->lane->head, reader->head);
    return (ssize_t)size;
}

bool mirai__ring_reader_grant(mirai__ring_reader *reader)
{
    if (atomic_load(&reader->lane->waiting) == 0) return false;
    (void)load_tail(reader); /* what is wrong is found when reading */
    if (reader->tail - reader->head > RING / 2) return false;
    return atomic_exchange(&reader->lane->waiting, 0) != 0;
}

bool mirai__ring_reader_look(mirai__ring_reader *reader)
{
    return reader->tail != reader->head || !load_tail(reader) || reader->tail != reader->head;
}

bool mirai__ring_reader_sleep(mirai__ring_reader *reader, int how)
{
    /* Nobody else sets it to this. Where it is that already, it has been since before the ring was found empty. */
    if (atomic_load(&reader->lane->sleeping) != (uint32_t)how) atomic_store(&reader->lane->sleeping, (uint32_t)how);
    return mirai__ring_reader_look(reader);
}

int mirai__ring_reader_wake(mirai__ring_reader *reader)
{
    return (int)atomic_exchange(&reader->lane->sleeping, MIRAI__RING_AWAKE);
}

int mirai__ring_reader_owed(const mirai__ring_reader *reader)
{
    return (int)atomic_load(&reader->lane->sleeping);
}

void mirai__ring_reader_doze(const mirai__ring_reader *reader, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    (void)syscall(SYS_futex, &reader->lane->sleeping, FUTEX_WAIT, MIRAI__RING_DOZE,
                  timeout_ms < 0 ? NULL : &timeout, NULL, 0);
}

void mirai__ring_reader_rouse(const mirai__ring_reader *reader)
{
    uint32_t doze = MIRAI__RING_DOZE;
    (void)atomic_compare_exchange_strong(&reader->lane->sleeping, &doze, MIRAI__RING_AWAKE);
    end_doze(reader->lane); /* also where another read has found the ring empty, and put a bell in its place */
}

/* ---- a hint ---------------------------------------------------------------------------------- */

void mirai__rings_set_active(const mirai__rings *rings, int how)
{
    shared *memory = rings->base;
    atomic_store_explicit(&memory->active, (uint32_t)how, memory_order_relaxed);
}

int mirai__rings_active(const mirai__rings *rings)
{
    const shared *memory = rings->base;
    uint32_t how = atomic_load_explicit(&memory->active, memory_order_relaxed);
    return how <= MIRAI__SPIN_PAUSE ? (int)how : MIRAI__SPIN_NOT;
}
