/*
 * tensor_common: tensors in memory in common (mirai_torch_common()): storages whose bytes are such a value's, which they
 * hold, and in whose place it travels.
 */
#ifndef MIRAI__TORCH_TENSOR_COMMON_H
#define MIRAI__TORCH_TENSOR_COMMON_H

#include <c10/core/Storage.h>

#include <miraicore/value.h>

namespace mirai_torch {

/* The memory in common that a storage is, borrowed; NULL when it is none. */
mirai_value *find_common(const c10::Storage &storage);
/* Takes the value, also on failure. */
c10::Storage storage_in_common(mirai_value *common);

} // namespace mirai_torch

#endif
