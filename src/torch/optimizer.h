/*
 * optimizer: values of class torch_optimizer: one of libtorch's optimisers, and which. Options and state are
 * reached by name through Record, so that reading, writing and printing are written once for all kinds.
 */
#ifndef MIRAI__TORCH_OPTIMIZER_H
#define MIRAI__TORCH_OPTIMIZER_H

#include <unordered_set>

#include <torch/optim/optimizer.h>

#include "tensor.h"

namespace mirai_torch {

enum class Kind { sgd, adam, adamw, rmsprop };

/* The fields of an options or state object, by name: pointers into it. Only one pointer of a field is set. */
struct Field {
    const char *name;
    double *number;
    bool *flag;
    int64_t *integer;
    at::Tensor *tensor;
    bool is_needed; /* of a state's tensor: it must be there whenever there is state */
};
using Fields = std::vector<Field>;

struct Optimizer {
    Kind kind;
    std::unique_ptr<torch::optim::Optimizer> made;
    /* Of all groups together, kept by add_group(). */
    struct Place {
        size_t group, index;
    };
    std::vector<Place> places;
    std::unordered_set<const c10::TensorImpl *> known;
};

const char *kind_name(Kind kind);
Kind find_kind(const char *name); /* fails with MIRAI_E_INVALID */

/* ---- optimizer_fields.cpp ---- */

std::unique_ptr<torch::optim::OptimizerOptions> new_options(Kind kind);
Fields option_fields(Kind kind, torch::optim::OptimizerOptions &options);
std::unique_ptr<torch::optim::OptimizerParamState> new_state(Kind kind);
Fields state_fields(Kind kind, torch::optim::OptimizerParamState &state);
/* Whether a step with these options reads a tensor of the state whenever there is state. */
bool is_read(const Field &field, const Fields &options);
/* Fails with MIRAI_E_RANGE for numbers that the kind cannot work with. */
void check_options(Kind kind, torch::optim::OptimizerOptions &options);
/* An optimiser without groups yet. */
std::unique_ptr<torch::optim::Optimizer> new_optimizer(Kind kind, torch::optim::OptimizerOptions &defaults);

/* ---- optimizer.cpp ---- */

/* Change options by a dict; names other than `ignored` (NULL: none) must be options. The numbers are left to
 * check_options(). */
void set_options(Kind kind, torch::optim::OptimizerOptions &options, const mirai_value *dict,
                 const char *ignored);
/* A group whose tensors are checked: leaves, and in no other group of the optimiser. */
void add_group(Optimizer &optimizer, std::vector<at::Tensor> tensors,
               std::unique_ptr<torch::optim::OptimizerOptions> options);
/* Takes optimizer. */
mirai_value *wrap_optimizer(std::unique_ptr<Optimizer> optimizer);
/* State of a parameter; NULL: none yet. */
torch::optim::OptimizerParamState *state_of(const Optimizer &optimizer, const at::Tensor &parameter);
void put_state(Optimizer &optimizer, const at::Tensor &parameter,
               std::unique_ptr<torch::optim::OptimizerParamState> state);

extern const mirai_refhook optimizer_hook;

} // namespace mirai_torch

#endif
