/*
 * buffer_private: what the floors above need of a buffer beyond <miraicore/buffer.h>.
 */
#ifndef MIRAI__BUFFER_PRIVATE_H
#define MIRAI__BUFFER_PRIVATE_H

#include <miraicore/buffer.h>

/* Open, *uninitialised*, aligned heap buffer: the caller fills all of it before anybody else sees it. */
mirai_buffer *mirai__buffer_alloc(size_t size);
/* Bytes of an open buffer with one owner, to be written. */
void *mirai__buffer_bytes(mirai_buffer *buffer);
void mirai__buffer_freeze(mirai_buffer *buffer);

#endif
