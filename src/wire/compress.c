/*
 * compress: zstd, level 1 (compress.h). Any thread. Only what leaves the machine is compressed, so zstd is loaded with
 * the first block; where it is not here, nothing is compressed.
 */
#include <zstd.h>

#include "alloc.h"
#include "compress.h"
#include "detail.h"
#include "late.h"

#define LEVEL 1
#define SMALLEST 512           /* less is not worth a table entry */
#define SAMPLE ((size_t)65536) /* of a large block: does it compress at all? */
#define LARGE (8 * SAMPLE)

#define CALLS(X)                                                                                                       \
    X(ZSTD_, compress)                                                                                                 \
    X(ZSTD_, compressBound)                                                                                            \
    X(ZSTD_, decompress)                                                                                               \
    X(ZSTD_, findFrameCompressedSize)                                                                                  \
    X(ZSTD_, getErrorName)                                                                                             \
    X(ZSTD_, getFrameContentSize)                                                                                      \
    X(ZSTD_, isError)

/* Used once `library` is loaded. */
static struct zstd_calls {
    CALLS(MIRAI__LATE_FIELD)
#ifdef MIRAI__ZSTD_FILE
} zstd;
#else
#define MIRAI__ZSTD_FILE NULL
} zstd = {CALLS(MIRAI__LATE_LINKED)};
#endif

static const char *const names[] = {CALLS(MIRAI__LATE_NAME)};
static mirai__late library = {.file = MIRAI__ZSTD_FILE,
                              .names = names,
                              .count = sizeof names / sizeof *names,
                              .calls = &zstd,
                              .lock = PTHREAD_MUTEX_INITIALIZER};

/* At least one part in sixteen must be gained. */
static size_t enough(size_t size)
{
    return size - size / 16;
}

/* The compressed form if it is small enough. */
static void *try_compress(const void *data, size_t size, size_t *compressed_size)
{
    void *out = mirai__alloc(zstd.compressBound(size));
    if (!out) return NULL;
    size_t done = zstd.compress(out, zstd.compressBound(size), data, size, LEVEL);
    if (zstd.isError(done) || done > enough(size)) {
        mirai__free(out);
        return NULL;
    }
    *compressed_size = done;
    return out;
}

void *mirai__compress(const void *data, size_t size, size_t *compressed_size)
{
    if (size < SMALLEST || mirai__late_load(&library) != MIRAI_OK) return NULL;
    if (size >= LARGE) {
        void *sample = try_compress((const char *)data + size / 2, SAMPLE, compressed_size);
        if (!sample) return NULL;
        mirai__free(sample);
    }
    void *out = try_compress(data, size, compressed_size);
    if (!out) return NULL;
    void *fitted = mirai__realloc(out, *compressed_size, 1);
    return fitted ? fitted : out;
}

mirai_status mirai__inflate_check(const void *block, size_t block_size, size_t size)
{
    MIRAI_TRY(mirai__late_load(&library));
    unsigned long long announced = zstd.getFrameContentSize(block, block_size);
    if (announced == size && zstd.findFrameCompressedSize(block, block_size) == block_size) {
        return MIRAI_OK;
    }
    return mirai__fail(MIRAI_E_PROTOCOL,
                       "a compressed block is malformed or of another size than said");
}

mirai_status mirai__inflate(const void *block, size_t block_size, void *out, size_t size)
{
    MIRAI_TRY(mirai__late_load(&library));
    size_t done = zstd.decompress(out, size, block, block_size);
    if (!zstd.isError(done) && done == size) return MIRAI_OK;
    return mirai__fail(MIRAI_E_PROTOCOL, "a compressed block cannot be inflated: %s",
                       zstd.isError(done) ? zstd.getErrorName(done) : "wrong size");
}
