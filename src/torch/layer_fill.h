/*
 * layer_fill: tensors of a layer, made and initialised as PyTorch does.
 */
#ifndef MIRAI__TORCH_LAYER_FILL_H
#define MIRAI__TORCH_LAYER_FILL_H

#include <ATen/core/Tensor.h>

#include "layer.h"

namespace mirai_torch {

/* One tensor per spec, in order, from the process's random numbers. Parameters require a gradient. */
std::vector<at::Tensor> fill_layer(const Layer &layer);

} // namespace mirai_torch

#endif
