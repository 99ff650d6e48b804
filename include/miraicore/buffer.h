/**
 * @file buffer.h
 * A buffer is a counted block of bytes: the memory behind strings of bytes, arrays and tensors.
 *
 * A buffer is *open* (its one owner may write) until it is *frozen*: put into a value, sliced, or sent.
 * A frozen buffer is never written again through this API; whoever asks for writable bytes then gets a
 * copy of their own. Memory made here is aligned to 64 bytes.
 *
 * Thread safety: counting is safe on any thread; writing is for the one owner of an open buffer.
 */
#ifndef MIRAICORE_BUFFER_H
#define MIRAICORE_BUFFER_H

#include <miraicore/error.h>

MIRAI_BEGIN_DECLS

typedef struct mirai_buffer mirai_buffer;
typedef struct mirai_pool mirai_pool;

/** Alignment in bytes of all memory that the library allocates for buffers. */
#define MIRAI_BUFFER_ALIGNMENT 64

/**
 * Gives foreign memory back. Runs exactly once, on a thread of the user's (one that calls the
 * library), never under a library lock.
 */
typedef void (*mirai_release_fn)(void *object, void *context);

/**
 * A new open buffer, filled with zeros.
 * @param pool        borrowed; where the bytes should be born so that they reach that pool's local
 *                    daemons cheaply. NULL: ordinary memory; in a daemon, memory that its host can read. The
 *                    buffer may outlive the pool.
 * @param size_bytes  0 or more.
 * @return owned, release with mirai_buffer_release(); NULL when out of memory (detail set).
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_buffer *mirai_buffer_new(mirai_pool *pool, size_t size_bytes);

/**
 * A new open buffer as mirai_buffer_new() gives, whose bytes are whatever was in that memory before: for those who
 * fill all of it. Zeros cost as much as filling it once more.
 *
 * Where large bytes are born in memory that a pool's daemons can read (mirai_buffer_new(), this call, and in a daemon,
 * with NULL, memory that its host can read) they are sent without a copy, if sending is the end of their use here: if
 * nobody else holds a count of the buffer, nor of the values that it lies in. Whoever gives a buffer away so gives its
 * bytes away: a pointer to them must not be used any more. Otherwise they are copied. After a fork() such memory is one
 * for parent and child: each sees what the other writes there.
 * @param pool        borrowed; as in mirai_buffer_new().
 * @param size_bytes  0 or more.
 * @return owned, release with mirai_buffer_release(); NULL when out of memory (detail set).
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_buffer *mirai_buffer_alloc(mirai_pool *pool, size_t size_bytes);

/**
 * A new open buffer holding a copy of bytes.
 * @param data        borrowed; may be NULL when size_bytes is 0.
 * @param size_bytes  0 or more.
 * @return owned, release with mirai_buffer_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_buffer *mirai_buffer_copy(const void *data, size_t size_bytes);

/**
 * A frozen buffer over memory of the caller's, without a copy.
 * The memory must stay as it is until `release` has run.
 * @param data        what the buffer shows; may be NULL when size_bytes is 0.
 * @param size_bytes  0 or more.
 * @param release     called once with (object, context) when nothing refers to the memory any more,
 *                    also when this call fails. NULL: nothing is called.
 * @param object      handed to release.
 * @param context     handed to release.
 * @return owned, release with mirai_buffer_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_buffer *mirai_buffer_adopt(const void *data, size_t size_bytes,
                                                           mirai_release_fn release, void *object,
                                                           void *context);

/**
 * A frozen window of another buffer, which is frozen by this.
 * @param buffer        borrowed; kept alive by the slice.
 * @param offset_bytes  start of the window.
 * @param size_bytes    its length; the window must lie inside the buffer.
 * @return owned, release with mirai_buffer_release(); NULL on bad arguments or out of memory.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_buffer *mirai_buffer_slice(mirai_buffer *buffer,
                                                           size_t offset_bytes, size_t size_bytes);

/**
 * One more owner.
 * @param buffer  borrowed; NULL is allowed.
 * @return buffer itself, owned.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_buffer *mirai_buffer_ref(mirai_buffer *buffer);

/**
 * One owner less; the last one frees the buffer.
 * @param buffer  taken; NULL is allowed.
 * @thread any   @since 0.1
 */
MIRAI_API void mirai_buffer_release(mirai_buffer *buffer);

/**
 * The bytes, to be read.
 * @param buffer  borrowed; NULL is allowed.
 * @return borrowed from the buffer; NULL for a NULL or empty buffer.
 * @thread any   @since 0.1
 */
MIRAI_API const void *mirai_buffer_data(const mirai_buffer *buffer);

/**
 * How many bytes there are.
 * @param buffer  borrowed; NULL counts as empty.
 * @return the size in bytes.
 * @thread any   @since 0.1
 */
MIRAI_API size_t mirai_buffer_size(const mirai_buffer *buffer);

/**
 * Whether the buffer is frozen.
 * @param buffer  borrowed; NULL counts as frozen.
 * @return 1 when frozen, 0 when its owner may write.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_buffer_is_frozen(const mirai_buffer *buffer);

/**
 * The bytes, to be written. When the buffer is frozen or has other owners, *buffer is replaced by an
 * open copy of its own and the caller's hold on the old one is released.
 * @param[in,out] buffer  owned by the caller; unchanged on failure.
 * @param[out] data       borrowed from *buffer.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM.
 * @thread the owner   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_buffer_writable(mirai_buffer **buffer, void **data);

/**
 * As mirai_buffer_writable(), for those who read most of the bytes and write few or none: a tensor, say, that some
 * operation may change in place. Where a large buffer came from a process on this machine, *buffer becomes an open view
 * of the memory in which it lies: nothing is copied but the pages that are written, when they are first written
 * (to write all of it so takes some four times as long as the copy). Nobody else sees what is written. The sender cannot use
 * that memory for anything else until the view is released: who keeps many keeps them at the cost of what it may lend,
 * and once that is used up, bytes are copied as they are to other machines.
 * @param[in,out] buffer  owned by the caller; unchanged on failure.
 * @param[out] data       borrowed from *buffer.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_NOMEM.
 * @thread the owner   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_buffer_private(mirai_buffer **buffer, void **data);

MIRAI_END_DECLS
#endif
