/*
 * optimizer_fields: which options and which state each kind of optimiser has. No state of its own.
 */
#include "optimizer.h"

#include <cmath>
#include <cstring>

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

namespace mirai_torch {

using torch::optim::AdamOptions;
using torch::optim::AdamParamState;
using torch::optim::AdamWOptions;
using torch::optim::AdamWParamState;
using torch::optim::OptimizerOptions;
using torch::optim::OptimizerParamState;
using torch::optim::RMSpropOptions;
using torch::optim::RMSpropParamState;
using torch::optim::SGDOptions;
using torch::optim::SGDParamState;

static Field number(const char *name, double &field)
{
    return {name, &field, nullptr, nullptr, nullptr, false};
}

static Field flag(const char *name, bool &field)
{
    return {name, nullptr, &field, nullptr, nullptr, false};
}

static Field integer(const char *name, int64_t &field)
{
    return {name, nullptr, nullptr, &field, nullptr, false};
}

static Field tensor(const char *name, at::Tensor &field, bool is_needed)
{
    return {name, nullptr, nullptr, nullptr, &field, is_needed};
}

const char *kind_name(Kind kind)
{
    static const char *const names[] = {"sgd", "adam", "adamw", "rmsprop"};
    return names[(int)kind];
}

Kind find_kind(const char *name)
{
    for (Kind kind : {Kind::sgd, Kind::adam, Kind::adamw, Kind::rmsprop})
        if (std::strcmp(name, kind_name(kind)) == 0) return kind;
    fail(MIRAI_E_INVALID, "there is no optimiser \"%.80s\"; there are sgd, adam, adamw, rmsprop", name);
}

std::unique_ptr<OptimizerOptions> new_options(Kind kind)
{
    switch (kind) {
    case Kind::sgd: return std::make_unique<SGDOptions>(NAN); /* has no default: must be given */
    case Kind::adam: return std::make_unique<AdamOptions>();
    case Kind::adamw: return std::make_unique<AdamWOptions>();
    default: return std::make_unique<RMSpropOptions>();
    }
}

template <class Options> static Fields adam_options(Options &options)
{
    return {number("lr", options.lr()),
            number("beta1", std::get<0>(options.betas())),
            number("beta2", std::get<1>(options.betas())),
            number("eps", options.eps()),
            number("weight_decay", options.weight_decay()),
            flag("amsgrad", options.amsgrad())};
}

Fields option_fields(Kind kind, OptimizerOptions &options)
{
    switch (kind) {
    case Kind::sgd: {
        auto &sgd = static_cast<SGDOptions &>(options);
        return {number("lr", sgd.lr()), number("momentum", sgd.momentum()),
                number("dampening", sgd.dampening()), number("weight_decay", sgd.weight_decay()),
                flag("nesterov", sgd.nesterov())};
    }
    case Kind::adam: return adam_options(static_cast<AdamOptions &>(options));
    case Kind::adamw: return adam_options(static_cast<AdamWOptions &>(options));
    default: {
        auto &rmsprop = static_cast<RMSpropOptions &>(options);
        return {number("lr", rmsprop.lr()),
                number("alpha", rmsprop.alpha()),
                number("eps", rmsprop.eps()),
                number("weight_decay", rmsprop.weight_decay()),
                number("momentum", rmsprop.momentum()),
                flag("centered", rmsprop.centered())};
    }
    }
}

std::unique_ptr<OptimizerParamState> new_state(Kind kind)
{
    switch (kind) {
    case Kind::sgd: return std::make_unique<SGDParamState>();
    case Kind::adam: return std::make_unique<AdamParamState>();
    case Kind::adamw: return std::make_unique<AdamWParamState>();
    default: return std::make_unique<RMSpropParamState>();
    }
}

template <class State> static Fields adam_state(State &state)
{
    return {integer("step", state.step()), tensor("exp_avg", state.exp_avg(), true),
            tensor("exp_avg_sq", state.exp_avg_sq(), true),
            tensor("max_exp_avg_sq", state.max_exp_avg_sq(), false)};
}

Fields state_fields(Kind kind, OptimizerParamState &state)
{
    switch (kind) {
    case Kind::sgd: return {tensor("momentum_buffer", static_cast<SGDParamState &>(state).momentum_buffer(), true)};
    case Kind::adam: return adam_state(static_cast<AdamParamState &>(state));
    case Kind::adamw: return adam_state(static_cast<AdamWParamState &>(state));
    default: {
        auto &rmsprop = static_cast<RMSpropParamState &>(state);
        return {integer("step", rmsprop.step()), tensor("square_avg", rmsprop.square_avg(), true),
                tensor("momentum_buffer", rmsprop.momentum_buffer(), false),
                tensor("grad_avg", rmsprop.grad_avg(), false)};
    }
    }
}

bool is_read(const Field &field, const Fields &options)
{
    struct Pair {
        const char *option, *tensor;
    };
    static const Pair pairs[] = {
        {"amsgrad", "max_exp_avg_sq"}, {"centered", "grad_avg"}, {"momentum", "momentum_buffer"}};
    for (const Pair &pair : pairs)
        for (const Field &option : options)
            if (pair.option == std::string(option.name) && pair.tensor == std::string(field.name) &&
                (option.flag ? *option.flag : *option.number > 0))
                return true;
    return field.is_needed;
}

void check_options(Kind kind, OptimizerOptions &options)
{
    for (const Field &field : option_fields(kind, options)) {
        if (!field.number) continue;
        double given = *field.number;
        if (std::isnan(given) && kind == Kind::sgd && field.name == std::string("lr"))
            fail(MIRAI_E_INVALID, "sgd needs a learning rate: the option \"lr\"");
        bool is_share = std::strncmp(field.name, "beta", 4) == 0;
        if (!std::isfinite(given) || given < 0 || (is_share && given >= 1))
            fail(MIRAI_E_RANGE, "%s of %s is %g", field.name, kind_name(kind), given);
    }
    if (kind != Kind::sgd) return;
    const auto &sgd = static_cast<const SGDOptions &>(options);
    if (sgd.nesterov() && (sgd.momentum() <= 0 || sgd.dampening() != 0))
        fail(MIRAI_E_RANGE, "nesterov of sgd needs a momentum above 0 and a dampening of 0");
}

std::unique_ptr<torch::optim::Optimizer> new_optimizer(Kind kind, OptimizerOptions &defaults)
{
    std::vector<torch::optim::OptimizerParamGroup> none;
    switch (kind) {
    case Kind::sgd: return std::make_unique<torch::optim::SGD>(none, static_cast<SGDOptions &>(defaults));
    case Kind::adam: return std::make_unique<torch::optim::Adam>(none, static_cast<AdamOptions &>(defaults));
    case Kind::adamw: return std::make_unique<torch::optim::AdamW>(none, static_cast<AdamWOptions &>(defaults));
    default: return std::make_unique<torch::optim::RMSprop>(none, static_cast<RMSpropOptions &>(defaults));
    }
}

} // namespace mirai_torch
