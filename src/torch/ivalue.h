/*
 * ivalue: values to and from TorchScript's. What an argument becomes is decided by the function's signature.
 */
#ifndef MIRAI__TORCH_IVALUE_H
#define MIRAI__TORCH_IVALUE_H

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <miraicore/value.h>

namespace mirai_torch {

/* The stack for a call: `args` is a list, a dict by name, or one tensor or array. `self` comes first if given. */
std::vector<c10::IValue> to_stack(const mirai_value *args, const c10::FunctionSchema &schema,
                                  const c10::IValue *self);

/* Tensors that could not be sent for their graph are detached if `detach` is set. */
mirai_value *from_ivalue(const c10::IValue &value, bool detach = false, int depth = 0);

} // namespace mirai_torch

#endif
