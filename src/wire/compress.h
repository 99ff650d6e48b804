/*
 * compress: one block of bytes through zstd and back. The only place that knows zstd.
 */
#ifndef MIRAI__COMPRESS_H
#define MIRAI__COMPRESS_H

#include <stddef.h>
#include <miraicore/error.h>

/* The compressed form of a block; NULL when it does not pay, or when there is no memory or no zstd.
 * Owned, mirai__free(). */
void *mirai__compress(const void *data, size_t size, size_t *compressed_size);
/* Inflate into exactly `size` bytes. E_PROTOCOL when the block is no zstd frame of that many bytes.
 */
mirai_status mirai__inflate(const void *block, size_t block_size, void *out, size_t size);
/* Whether a block says that it inflates to `size` bytes: to be asked before room for them is made.
 */
mirai_status mirai__inflate_check(const void *block, size_t block_size, size_t size);

#endif
