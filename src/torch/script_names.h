/*
 * script_names: what `torch` means in TorchScript text: libtorch's operators, and the constants that Python
 * has there (torch.float32, torch.channels_last, torch.pi...), which its C++ compiler does not know.
 */
#ifndef MIRAI__TORCH_SCRIPT_NAMES_H
#define MIRAI__TORCH_SCRIPT_NAMES_H

#include <torch/csrc/jit/frontend/resolver.h>

namespace mirai_torch {

torch::jit::ResolverPtr script_names();

} // namespace mirai_torch

#endif
