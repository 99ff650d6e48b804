/*
 * compress: zstd, level 1 (compress.h). Stateless; any thread.
 */
#include <zstd.h>

#include "alloc.h"
#include "compress.h"
#include "detail.h"

#define LEVEL 1
#define SMALLEST 512           /* less is not worth a table entry */
#define SAMPLE ((size_t)65536) /* of a large block: does it compress at all? */
#define LARGE (8 * SAMPLE)

/* At least one part in sixteen must be gained. */
static size_t enough(size_t size)
{
    return size - size / 16;
}

/* The compressed form if it is small enough. */
static void *try_compress(const void *data, size_t size, size_t *compressed_size)
{
    void *out = mirai__alloc(ZSTD_compressBound(size));
    if (!out) return NULL;
    size_t done = ZSTD_compress(out, ZSTD_compressBound(size), data, size, LEVEL);
    if (ZSTD_isError(done) || done > enough(size)) {
        mirai__free(out);
        return NULL;
    }
    *compressed_size = done;
    return out;
}

void *mirai__compress(const void *data, size_t size, size_t *compressed_size)
{
    if (size < SMALLEST) return NULL;
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
    unsigned long long announced = ZSTD_getFrameContentSize(block, block_size);
    if (announced == size && ZSTD_findFrameCompressedSize(block, block_size) == block_size) {
        return MIRAI_OK;
    }
    return mirai__fail(MIRAI_E_PROTOCOL,
                       "a compressed block is malformed or of another size than said");
}

mirai_status mirai__inflate(const void *block, size_t block_size, void *out, size_t size)
{
    size_t done = ZSTD_decompress(out, size, block, block_size);
    if (!ZSTD_isError(done) && done == size) return MIRAI_OK;
    return mirai__fail(MIRAI_E_PROTOCOL, "a compressed block cannot be inflated: %s",
                       ZSTD_isError(done) ? ZSTD_getErrorName(done) : "wrong size");
}
