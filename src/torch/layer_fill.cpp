/*
 * layer_fill: with the same seed the same numbers as torch.nn gives. Any thread; uses the process's generator.
 */
#include "layer_fill.h"

#include <cmath>

#include <torch/nn/init.h>

#include "tensor.h"

namespace mirai_torch {

static at::Tensor fill(const TensorSpec &spec, const at::Tensor &weight)
{
    c10::ScalarType type = spec.fill == Fill::counter ? c10::ScalarType::Long : c10::ScalarType::Float;
    at::Tensor tensor =
        at::empty(checked_sizes((int32_t)spec.sizes.size(), spec.sizes.data(), c10::elementSize(type)), type);
    switch (spec.fill) {
    case Fill::ones: return tensor.fill_(1);
    case Fill::kaiming_uniform: return torch::nn::init::kaiming_uniform_(tensor, std::sqrt(5.0));
    case Fill::fan_in_uniform: {
        auto fans = torch::nn::init::_calculate_fan_in_and_fan_out(weight);
        double bound = 1 / std::sqrt((double)std::get<0>(fans));
        return torch::nn::init::uniform_(tensor, -bound, bound);
    }
    case Fill::normal:
        torch::nn::init::normal_(tensor);
        if (spec.skip >= 0) tensor.select(0, spec.skip).zero_();
        return tensor;
    default: return tensor.zero_();
    }
}

std::vector<at::Tensor> fill_layer(const Layer &layer)
{
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> tensors;
    for (const TensorSpec &spec : layer.tensors) {
        tensors.push_back(fill(spec, tensors.empty() ? at::Tensor() : tensors[0]));
        if (!spec.is_buffer) tensors.back().set_requires_grad(true);
    }
    return tensors;
}

} // namespace mirai_torch
