/*
 * buffer_private: what the floors above need of a buffer beyond <miraicore/buffer.h>.
 */
#ifndef MIRAI__BUFFER_PRIVATE_H
#define MIRAI__BUFFER_PRIVATE_H

#include <stdbool.h>

#include <miraicore/buffer.h>

/* Open, *uninitialised*, aligned heap buffer: the caller fills all of it before anybody else sees it. */
mirai_buffer *mirai__buffer_alloc(size_t size);
/* An open buffer of zeros on the heap. */
mirai_buffer *mirai__buffer_zero(size_t size);
/* Gives memory back; on whatever thread. */
typedef void (*mirai__give_back_fn)(void *object, void *data, size_t size);
/* An open buffer over memory of the library's own, of which give_back(object, data, size) is told in the end. NULL: no
 * memory, and it is not told. */
mirai_buffer *mirai__buffer_over(void *data, size_t size, mirai__give_back_fn give_back, void *object);
/* The object with which a buffer was made over memory that is given back so; NULL: it was not (nor is a slice). */
void *mirai__buffer_origin(const mirai_buffer *buffer, mirai__give_back_fn give_back);
/* The object with which mirai_buffer_adopt() made it, of memory that is released so; NULL: it did not. */
void *mirai__buffer_adopted(const mirai_buffer *buffer, mirai_release_fn release);
/* A window of a buffer's bytes that can be written, in an open buffer that holds `whole`, and that nobody else sees.
 * NULL: there is none to be had; no detail text. */
typedef mirai_buffer *(*mirai__view_fn)(mirai_buffer *whole, const void *data, size_t size);
/* An adopted buffer, before anybody else has it: this is how such windows of it are made. */
void mirai__buffer_offer_view(mirai_buffer *buffer, mirai__view_fn view);
/* Whether there is just one count. */
bool mirai__buffer_is_sole(const mirai_buffer *buffer);
/* Bytes of an open buffer with one owner, to be written. */
void *mirai__buffer_bytes(mirai_buffer *buffer);
void mirai__buffer_freeze(mirai_buffer *buffer);

#endif
