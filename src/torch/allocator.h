/*
 * allocator: where the memory of storages comes from. While a scope is open on a thread, large storages that are made
 * there lie in buffers that other processes can read, so that they can be sent without a copy.
 */
#ifndef MIRAI__TORCH_ALLOCATOR_H
#define MIRAI__TORCH_ALLOCATOR_H

#include <c10/core/Storage.h>

#include <miraicore/buffer.h>

namespace mirai_torch {

/* Take the buffer out of a storage that lies in one, which is then empty: owned, and nobody else has it. NULL: it
 * does not, or not in all of it. Whoever holds the storage must be about to let go of it. */
mirai_buffer *take_buffer(c10::StorageImpl &storage) noexcept;

/* Close the innermost scope of this thread, and leave the detail text alone. False: none is open. */
bool close_scope() noexcept;

} // namespace mirai_torch

#endif
