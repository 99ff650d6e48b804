/*
 * dtype: our numbers of element types and libtorch's. A number from outside must pass through
 * to_scalar_type(): libtorch ends the process when it meets one that it does not know.
 */
#ifndef MIRAI__TORCH_DTYPE_H
#define MIRAI__TORCH_DTYPE_H

#include <c10/core/ScalarType.h>

#include <miraicore/value.h>

namespace mirai_torch {

/* False for a number that is none, or one that libtorch lacks. */
bool find_scalar_type(int64_t dtype, c10::ScalarType *out);
/* As above, but fails with MIRAI_E_UNSUPPORTED or MIRAI_E_RANGE. */
c10::ScalarType to_scalar_type(int64_t dtype);
/* 0 when there is no number for it (quantised types). */
mirai_dtype from_scalar_type(c10::ScalarType type);
/* Floating point or complex: what may have a gradient. */
bool is_differentiable(c10::ScalarType type);

} // namespace mirai_torch

#endif
