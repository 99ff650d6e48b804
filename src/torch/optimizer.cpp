/*
 * optimizer: making optimisers and stepping. Whoever steps must be the only user of the optimiser and of its
 * parameters.
 */
#include "optimizer.h"

#include <ATen/ops/zeros_like.h>

#include "dtype.h"
#include "module.h"

namespace mirai_torch {

static void set_field(const Field &field, const mirai_value *value)
{
    mirai_status status;
    if (field.flag) {
        int32_t flag = 0;
        status = mirai_value_to_bool(value, &flag);
        *field.flag = flag != 0;
    } else {
        status = mirai_value_to_float(value, field.number);
    }
    if (status != MIRAI_OK)
        fail(MIRAI_E_TYPE, "option \"%s\" is of type %s", field.name, mirai_type_text(mirai_value_type(value)));
}

void set_options(Kind kind, torch::optim::OptimizerOptions &options, const mirai_value *dict, const char *ignored)
{
    mirai_type type = mirai_value_type(dict);
    if (type != MIRAI_TYPE_DICT && type != MIRAI_TYPE_NULL)
        fail(MIRAI_E_TYPE, "options are a dict, not a value of type %s", mirai_type_text(type));
    Fields fields = option_fields(kind, options);
    for (size_t i = 0; i < mirai_value_count(dict); i++) {
        std::string key = mirai_value_key(dict, i);
        if (ignored && key == ignored) continue;
        const Field *found = nullptr;
        for (const Field &field : fields)
            if (key == field.name) found = &field;
        if (!found)
            fail(MIRAI_E_NOT_FOUND, "%s has no option \"%.80s\"", kind_name(kind), key.c_str());
        set_field(*found, mirai_value_item(dict, i));
    }
}

void add_group(Optimizer &optimizer, std::vector<at::Tensor> tensors,
               std::unique_ptr<torch::optim::OptimizerOptions> options)
{
    const size_t place = optimizer.made->param_groups().size();
    size_t index = 0;
    for (const at::Tensor &tensor : tensors) {
        const char *why = why_not_plain(tensor);
        if (why) fail(MIRAI_E_UNSUPPORTED, "a tensor that is %s cannot be a parameter", why);
        if (!is_differentiable(tensor.scalar_type()) || !tensor.is_leaf())
            fail(MIRAI_E_INVALID, "a parameter is a leaf of floating point or complex dtype");
        if (overlaps_itself(tensor)) fail(MIRAI_E_INVALID, "the elements of a parameter overlap in memory");
        if (!optimizer.known.insert(tensor.unsafeGetTensorImpl()).second)
            fail(MIRAI_E_INVALID, "a tensor occurs twice among the parameters");
        optimizer.places.push_back({place, index++});
    }
    torch::optim::OptimizerParamGroup group(std::move(tensors), std::move(options));
    optimizer.made->add_param_group(group);
}

static void release_optimizer(void *object, void *)
{
    delete static_cast<Optimizer *>(object);
}

mirai_value *wrap_optimizer(std::unique_ptr<Optimizer> optimizer)
{
    return Owned(mirai_reference(MIRAI_TORCH_OPTIMIZER, optimizer.release(), release_optimizer, nullptr))
        .release();
}

static Optimizer &optimizer_of(const mirai_value *value)
{
    if (!value) fail_as_is(missing("optimizer"));
    void *object = mirai_value_object(value, MIRAI_TORCH_OPTIMIZER);
    if (!object)
        fail(MIRAI_E_TYPE, "a torch_optimizer is needed, not a value of type %s",
             mirai_type_text(mirai_value_type(value)));
    return *static_cast<Optimizer *>(object);
}

/* libtorch 1.13 keeps state by the address of the tensor's body, as text. */
static std::string state_key(const at::Tensor &parameter)
{
    return c10::guts::to_string(parameter.unsafeGetTensorImpl());
}

torch::optim::OptimizerParamState *state_of(const Optimizer &optimizer, const at::Tensor &parameter)
{
    auto &states = optimizer.made->state();
    auto found = states.find(state_key(parameter));
    return found == states.end() ? nullptr : found->second.get();
}

void put_state(Optimizer &optimizer, const at::Tensor &parameter,
               std::unique_ptr<torch::optim::OptimizerParamState> state)
{
    optimizer.made->state()[state_key(parameter)] = std::move(state);
}

static std::vector<at::Tensor> tensors_in(const mirai_value *params)
{
    std::vector<at::Tensor> tensors;
    if (const Module *module = find_module(params)) {
        for (const Entry *entry : module->distinct(false)) tensors.push_back(entry->tensor);
        return tensors;
    }
    mirai_type type = mirai_value_type(params);
    if (type != MIRAI_TYPE_LIST && type != MIRAI_TYPE_DICT)
        fail(MIRAI_E_TYPE, "parameters are a module, or a list or dict of tensors, not a value of type %s",
             mirai_type_text(type));
    for (size_t i = 0; i < mirai_value_count(params); i++)
        tensors.push_back(tensor_of(mirai_value_item(params, i), "parameter"));
    return tensors;
}

static mirai_value *make(const char *name, const mirai_value *params, const mirai_value *options)
{
    auto optimizer = std::make_unique<Optimizer>();
    const Kind kind = optimizer->kind = find_kind(name);
    auto defaults = new_options(kind);
    set_options(kind, *defaults, options, nullptr);
    auto add = [&](const mirai_value *tensors, const mirai_value *group) {
        auto own = defaults->clone();
        if (group) set_options(kind, *own, group, "params");
        check_options(kind, *own);
        if (!optimizer->made) optimizer->made = new_optimizer(kind, *own);
        add_group(*optimizer, tensors_in(tensors), std::move(own));
    };
    if (mirai_value_type(params) != MIRAI_TYPE_LIST ||
        mirai_value_type(mirai_value_item(params, 0)) != MIRAI_TYPE_DICT) {
        add(params, nullptr);
        return wrap_optimizer(std::move(optimizer));
    }
    for (size_t i = 0; i < mirai_value_count(params); i++) {
        const mirai_value *group = mirai_value_item(params, i);
        if (mirai_value_type(group) != MIRAI_TYPE_DICT || !mirai_value_get(group, "params"))
            fail(MIRAI_E_TYPE, "group %zu is no dict with \"params\"", i);
        add(mirai_value_get(group, "params"), group);
    }
    return wrap_optimizer(std::move(optimizer));
}

static void set_number(Kind kind, torch::optim::OptimizerOptions &options, const std::string &option, double number)
{
    const Field *target = nullptr;
    Fields fields = option_fields(kind, options);
    for (const Field &field : fields)
        if (option == field.name) target = &field;
    if (!target) fail(MIRAI_E_NOT_FOUND, "%s has no option \"%.80s\"", kind_name(kind), option.c_str());
    if (target->flag && number != 0 && number != 1)
        fail(MIRAI_E_RANGE, "option \"%s\" is 0 or 1, not %g", target->name, number);
    if (target->flag) *target->flag = number != 0;
    else *target->number = number;
    check_options(kind, options);
}

/* libtorch makes state at a parameter's first step only: what options that are turned on later read is made
 * here. */
static void complete_state(Optimizer &optimizer, const torch::optim::OptimizerParamGroup &group,
                           torch::optim::OptimizerOptions &options)
{
    Fields read_by = option_fields(optimizer.kind, options);
    for (const at::Tensor &parameter : group.params()) {
        torch::optim::OptimizerParamState *state = state_of(optimizer, parameter);
        if (!state) continue;
        for (const Field &field : state_fields(optimizer.kind, *state))
            if (field.tensor && !field.tensor->defined() && is_read(field, read_by))
                *field.tensor = at::zeros_like(parameter.detach());
    }
}

} // namespace mirai_torch

/* ---- the C surface ---------------------------------------------------------------------------- */

using namespace mirai_torch;

mirai_value *mirai_torch_optimizer_new(const char *kind, mirai_value *params, mirai_value *options)
{
    Taken taken_params(params), taken_options(options);
    return attempt_value([&]() -> mirai_value * {
        if (!kind) fail_as_is(missing("kind"));
        if (!params) fail_as_is(missing("params"));
        if (!options) fail_as_is(missing("options"));
        return make(kind, params, options);
    });
}

mirai_status mirai_torch_optimizer_step(const mirai_value *optimizer)
{
    return attempt([&] { optimizer_of(optimizer).made->step(); });
}

mirai_status mirai_torch_optimizer_zero_grad(const mirai_value *optimizer)
{
    return attempt([&] { optimizer_of(optimizer).made->zero_grad(); });
}

mirai_status mirai_torch_optimizer_set(const mirai_value *optimizer, const char *option, double number)
{
    return attempt([&] {
        if (!option) fail(MIRAI_E_INVALID, "option is NULL");
        Optimizer &found = optimizer_of(optimizer);
        auto &groups = found.made->param_groups();
        std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> changed; /* all groups or none */
        for (auto &group : groups) {
            changed.push_back(group.options().clone());
            set_number(found.kind, *changed.back(), option, number);
        }
        for (size_t i = 0; i < groups.size(); i++) complete_state(found, groups[i], *changed[i]);
        for (size_t i = 0; i < groups.size(); i++) groups[i].set_options(std::move(changed[i]));
    });
}
