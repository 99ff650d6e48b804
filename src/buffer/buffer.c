/*
 * buffer: counted blocks of bytes: made here, adopted from the caller, or windows of another
 * buffer.
 *
 * A buffer that is made here is one block: this header, padded to 64 bytes, then the bytes, so that
 * both come and go together and the bytes are aligned. Blocks of a megabyte and more that must be
 * zero are mapped, since the kernel hands pages out zeroed when they are first touched. A slice
 * always refers to the buffer that holds the memory, never to another slice, so that releasing one
 * is one step deep at most. Large buffers may be born in slabs (slabs.h).
 *
 * Makers leave an older detail text alone when they succeed: they occur inside expressions that
 * build a value, whose first failure the caller is to see.
 *
 * Any thread; no lock: the count and the frozen mark are atomic.
 */
#include "buffer_private.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "alloc.h"
#include "detail.h"
#include "fault.h"
#include "slabs.h"

#define MAPPED_MIN ((size_t)1 << 20)
#define HEADER_SIZE ((size_t)MIRAI_BUFFER_ALIGNMENT)

typedef enum buffer_kind { BUFFER_HEAP, BUFFER_MAPPED, BUFFER_FOREIGN, BUFFER_SLICE, BUFFER_OVER } buffer_kind;

struct mirai_buffer {
    _Atomic int64_t references;
    atomic_bool is_frozen;
    buffer_kind kind;
    uint8_t *data; /* foreign memory is never written through this: it is born frozen */
    size_t size;
    union {
        mirai_buffer *whole; /* of a slice */
        struct {
            mirai_release_fn release;
            void *object, *context;
            mirai__view_fn view; /* NULL: none can be had */
        } foreign;
        struct {
            mirai__give_back_fn give_back;
            void *object;
        } over;
    } from;
};

_Static_assert(sizeof(mirai_buffer) <= MIRAI_BUFFER_ALIGNMENT,
               "the header must fit before the bytes");

static void buffer_init(mirai_buffer *buffer, buffer_kind kind, void *data, size_t size)
{
    atomic_init(&buffer->references, 1);
    atomic_init(&buffer->is_frozen, kind == BUFFER_FOREIGN || kind == BUFFER_SLICE);
    buffer->kind = kind;
    buffer->data = data;
    buffer->size = size;
}

static bool fits(size_t size)
{
    if (size <= (size_t)PTRDIFF_MAX - HEADER_SIZE) return true;
    mirai__fail(MIRAI_E_NOMEM, "a buffer of %zu bytes is more than can be addressed", size);
    return false;
}

mirai_buffer *mirai__buffer_alloc(size_t size)
{
    if (!fits(size)) return NULL;
    mirai_buffer *buffer = mirai__alloc_aligned(HEADER_SIZE + size);
    if (!buffer) return NULL;
    buffer_init(buffer, BUFFER_HEAP, (uint8_t *)buffer + HEADER_SIZE, size);
    return buffer;
}

static mirai_buffer *buffer_map(size_t size)
{
    if (!fits(size)) return NULL;
    void *memory = MAP_FAILED;
    if (!mirai__fault())
        memory = mmap(NULL, HEADER_SIZE + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    if (memory == MAP_FAILED) {
        mirai__fail(MIRAI_E_NOMEM, "out of memory: a buffer of %zu bytes", size);
        return NULL;
    }
    mirai_buffer *buffer = memory;
    buffer_init(buffer, BUFFER_MAPPED, (uint8_t *)buffer + HEADER_SIZE, size);
    return buffer;
}

mirai_buffer *mirai__buffer_zero(size_t size)
{
    if (size >= MAPPED_MIN) return buffer_map(size);
    mirai_buffer *buffer = mirai__buffer_alloc(size);
    if (buffer) memset(buffer->data, 0, size);
    return buffer;
}

mirai_buffer *mirai__buffer_over(void *data, size_t size, mirai__give_back_fn give_back,
                                 void *object)
{
    mirai_buffer *buffer = mirai__alloc(sizeof(*buffer));
    if (!buffer) return NULL;
    buffer_init(buffer, BUFFER_OVER, data, size);
    buffer->from.over.give_back = give_back;
    buffer->from.over.object = object;
    return buffer;
}

void *mirai__buffer_origin(const mirai_buffer *buffer, mirai__give_back_fn give_back)
{
    bool is_over = buffer && buffer->kind == BUFFER_OVER && buffer->from.over.give_back == give_back;
    return is_over ? buffer->from.over.object : NULL;
}

void *mirai__buffer_adopted(const mirai_buffer *buffer, mirai_release_fn release)
{
    bool is_so = buffer->kind == BUFFER_FOREIGN && buffer->from.foreign.release == release;
    return is_so ? buffer->from.foreign.object : NULL;
}

void mirai__buffer_offer_view(mirai_buffer *buffer, mirai__view_fn view)
{
    buffer->from.foreign.view = view;
}

bool mirai__buffer_is_sole(const mirai_buffer *buffer)
{
    return atomic_load_explicit(&buffer->references, memory_order_acquire) == 1;
}

/* Where buffers for a pool (NULL: for nobody in particular) are born. NULL: on the heap. Owned. */
static mirai__slabs *home_of(const mirai_pool *pool, size_t size)
{
    return size >= MIRAI__SLAB_MIN ? mirai__slabs_of(pool) : NULL;
}

mirai_buffer *mirai_buffer_new(mirai_pool *pool, size_t size_bytes)
{
    mirai__slabs *home = home_of(pool, size_bytes);
    mirai_buffer *buffer = mirai__slabs_buffer_zero(home, size_bytes);
    mirai__slabs_unref(home);
    return buffer;
}

mirai_buffer *mirai_buffer_alloc(mirai_pool *pool, size_t size_bytes)
{
    mirai__slabs *home = home_of(pool, size_bytes);
    mirai_buffer *buffer = mirai__slabs_buffer(home, size_bytes);
    mirai__slabs_unref(home);
    return buffer;
}

static mirai_buffer *buffer_copy(const void *data, size_t size)
{
    mirai_buffer *buffer = mirai_buffer_alloc(NULL, size);
    if (buffer && size) memcpy(buffer->data, data, size);
    return buffer;
}

mirai_buffer *mirai_buffer_copy(const void *data, size_t size_bytes)
{
    if (!data && size_bytes) {
        mirai__fail(MIRAI_E_INVALID, "data is NULL, but size_bytes is %zu", size_bytes);
        return NULL;
    }
    return buffer_copy(data, size_bytes);
}

mirai_buffer *mirai_buffer_adopt(const void *data, size_t size_bytes, mirai_release_fn release,
                                 void *object, void *context)
{
    mirai_buffer *buffer = NULL;
    if (!data && size_bytes)
        mirai__fail(MIRAI_E_INVALID, "data is NULL, but size_bytes is %zu", size_bytes);
    else
        buffer = mirai__alloc(sizeof(*buffer));
    if (!buffer) {
        if (release) release(object, context);
        return NULL;
    }
    buffer_init(buffer, BUFFER_FOREIGN, (void *)(uintptr_t)data, size_bytes);
    buffer->from.foreign.release = release;
    buffer->from.foreign.object = object;
    buffer->from.foreign.context = context;
    buffer->from.foreign.view = NULL;
    return buffer;
}

mirai_buffer *mirai_buffer_slice(mirai_buffer *buffer, size_t offset_bytes, size_t size_bytes)
{
    if (!buffer) {
        mirai__fail(MIRAI_E_INVALID, "buffer is NULL");
        return NULL;
    }
    if (offset_bytes > buffer->size || size_bytes > buffer->size - offset_bytes) {
        mirai__fail(MIRAI_E_RANGE, "a slice of %zu bytes at %zu of a buffer of %zu bytes",
                    size_bytes, offset_bytes, buffer->size);
        return NULL;
    }
    mirai_buffer *slice = mirai__alloc(sizeof(*slice));
    if (!slice) return NULL;
    mirai__buffer_freeze(buffer);
    uint8_t *data = buffer->data ? buffer->data + offset_bytes : NULL;
    buffer_init(slice, BUFFER_SLICE, data, size_bytes);
    mirai_buffer *whole = buffer->kind == BUFFER_SLICE ? buffer->from.whole : buffer;
    slice->from.whole = mirai_buffer_ref(whole);
    return slice;
}

mirai_buffer *mirai_buffer_ref(mirai_buffer *buffer)
{
    if (buffer) atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
    return buffer;
}

void mirai_buffer_release(mirai_buffer *buffer)
{
    if (!buffer) return;
    /* Release: our uses come before the free. Acquire: the last one sees those of all others. */
    if (atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) != 1) return;
    switch (buffer->kind) {
    case BUFFER_MAPPED: munmap(buffer, HEADER_SIZE + buffer->size); return;
    case BUFFER_SLICE: mirai_buffer_release(buffer->from.whole); break;
    case BUFFER_FOREIGN:
        if (buffer->from.foreign.release)
            buffer->from.foreign.release(buffer->from.foreign.object, buffer->from.foreign.context);
        break;
    case BUFFER_OVER:
        buffer->from.over.give_back(buffer->from.over.object, buffer->data, buffer->size);
        break;
    case BUFFER_HEAP: break;
    }
    mirai__free(buffer);
}

const void *mirai_buffer_data(const mirai_buffer *buffer)
{
    return buffer && buffer->size ? buffer->data : NULL;
}

size_t mirai_buffer_size(const mirai_buffer *buffer)
{
    return buffer ? buffer->size : 0;
}

int32_t mirai_buffer_is_frozen(const mirai_buffer *buffer)
{
    return !buffer || atomic_load_explicit(&buffer->is_frozen, memory_order_acquire);
}

/* The same bytes without a copy. NULL: there is no such thing. */
static mirai_buffer *view_of(mirai_buffer *buffer)
{
    mirai_buffer *whole = buffer->kind == BUFFER_SLICE ? buffer->from.whole : buffer;
    if (whole->kind != BUFFER_FOREIGN || !whole->from.foreign.view) return NULL;
    return whole->from.foreign.view(whole, buffer->data, buffer->size);
}

static mirai_status make_writable(mirai_buffer **buffer, void **data, bool may_view)
{
    mirai__detail_clear();
    if (!buffer || !*buffer || !data)
        return mirai__fail(MIRAI_E_INVALID, "%s is NULL", data ? "buffer" : "data");
    mirai_buffer *old = *buffer;
    if (mirai_buffer_is_frozen(old) || !mirai__buffer_is_sole(old)) {
        mirai_buffer *own = may_view ? view_of(old) : NULL;
        if (!own) own = buffer_copy(old->data, old->size);
        if (!own) return MIRAI_E_NOMEM;
        *buffer = own;
        mirai_buffer_release(old);
    }
    *data = (*buffer)->data;
    return MIRAI_OK;
}

mirai_status mirai_buffer_writable(mirai_buffer **buffer, void **data)
{
    return make_writable(buffer, data, false);
}

mirai_status mirai_buffer_private(mirai_buffer **buffer, void **data)
{
    return make_writable(buffer, data, true);
}

void *mirai__buffer_bytes(mirai_buffer *buffer)
{
    return buffer->data;
}

void mirai__buffer_freeze(mirai_buffer *buffer)
{
    if (buffer) atomic_store_explicit(&buffer->is_frozen, true, memory_order_release);
}
