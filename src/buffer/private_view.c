/*
 * private_view: see private_view.h. Which pages were written the kernel tells in /proc/self/pagemap: those are no
 * longer the file's. Where it does not, all are dropped.
 */
#include "private_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fault.h"

#define PAGE_SWAPPED ((uint64_t)1 << 62)
#define PAGE_PRESENT ((uint64_t)1 << 63)
#define PAGE_OF_FILE ((uint64_t)1 << 61)

enum {
    ENTRIES = 512,    /* pages that are asked about at once */
    KEPT_PART = 16,   /* of the descriptors that this process may have */
    KEPT_MOST = 256
};

/* Descriptors that wait for a view to be mapped, of all of this process. */
static _Atomic int kept;

static bool may_keep(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    rlim_t most = limit.rlim_cur / KEPT_PART;
    if (atomic_fetch_add(&kept, 1) < (most < KEPT_MOST ? (int)most : KEPT_MOST)) return true;
    (void)atomic_fetch_sub(&kept, 1);
    return false;
}

static void close_file(mirai__view *view)
{
    if (view->fd < 0) return;
    (void)close(view->fd);
    (void)atomic_fetch_sub(&kept, 1);
    view->fd = -1;
}

void mirai__view_init(mirai__view *view, int fd, size_t size)
{
    atomic_init(&view->taken, false);
    view->base = NULL;
    view->size = size;
    view->fd = size >= MIRAI__VIEW_MIN && may_keep() ? fd : -1;
    if (view->fd < 0) (void)close(fd);
}

static void unmap(mirai__view *view)
{
    if (view->base != NULL) (void)munmap(view->base, view->size);
    view->base = NULL;
}

void mirai__view_fini(mirai__view *view)
{
    unmap(view);
    close_file(view);
}

uint8_t *mirai__view_take(mirai__view *view)
{
    if (atomic_exchange_explicit(&view->taken, true, memory_order_acquire)) return NULL;
    if (view->base == NULL && view->fd >= 0) {
        void *memory = MAP_FAILED;
        if (!mirai__fault())
            memory = mmap(NULL, view->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, view->fd, 0);
        if (memory != MAP_FAILED) {
            view->base = memory;
            close_file(view);
        }
    }
    if (view->base == NULL) atomic_store_explicit(&view->taken, false, memory_order_release);
    return view->base;
}

/* ---- what was written ------------------------------------------------------------------------ */

static bool is_written(uint64_t page)
{
    return (page & (PAGE_PRESENT | PAGE_SWAPPED)) != 0 && (page & PAGE_OF_FILE) == 0;
}

/* Give pages back to the file. */
static bool drop(uint8_t *from, const uint8_t *to)
{
    return from == to || madvise(from, (size_t)(to - from), MADV_DONTNEED) == 0;
}

/* As above, those that were written, of the `count` that stand in the table. */
static bool drop_written(uint8_t *from, const uint64_t *pages, size_t count, size_t page)
{
    size_t first = 0;
    for (size_t i = 0; i <= count; i++) {
        if (i < count && is_written(pages[i])) continue;
        if (!drop(from + first * page, from + i * page)) return false;
        first = i + 1;
    }
    return true;
}

/* False: the kernel does not say. */
static bool look(uint8_t *from, const uint8_t *to, size_t page)
{
    uint64_t pages[ENTRIES];
    int fd = mirai__fault() ? -1 : open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0;
    while (good && from < to) {
        size_t count = (size_t)(to - from) / page, bytes;
        if (count > ENTRIES) count = ENTRIES;
        bytes = count * sizeof *pages;
        good = pread(fd, pages, bytes, (off_t)((uintptr_t)from / page * sizeof *pages)) == (ssize_t)bytes &&
               drop_written(from, pages, count, page);
        from += count * page;
    }
    if (fd >= 0) (void)close(fd);
    return good;
}

void mirai__view_leave(mirai__view *view, const uint8_t *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (size_t)(data - view->base) / page * page;
    size_t last = ((size_t)(data - view->base) + size + page - 1) / page * page;
    uint8_t *from = view->base + first, *to = view->base + last;
    if (!look(from, to, page) && !drop(from, to)) unmap(view); /* there will be no other */
    atomic_store_explicit(&view->taken, false, memory_order_release);
}
