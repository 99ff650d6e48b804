/*
 * optimizer_hook: an optimiser in a message, and how printing and look-up see it. In a message it is a dict
 * {kind, groups, state}: groups have options and parameters (references); state has the fields of each
 * parameter that has any, by the parameter's index counted over all groups. Hooks run on the caller's thread.
 */
#include "optimizer.h"

#include "expression.h"

namespace mirai_torch {

using torch::optim::OptimizerOptions;
using torch::optim::OptimizerParamState;

static Optimizer &object_optimizer(void *object)
{
    return *static_cast<Optimizer *>(object);
}

static mirai_value *fields_dict(const Fields &fields, int64_t index)
{
    Items items;
    if (index >= 0) items.add("index", mirai_int(index));
    for (const Field &field : fields) {
        if (field.number) items.add(field.name, mirai_float(*field.number));
        if (field.flag) items.add(field.name, mirai_bool(*field.flag));
        if (field.integer) items.add(field.name, mirai_int(*field.integer));
        if (field.tensor && field.tensor->defined()) items.add(field.name, wrap_tensor(*field.tensor));
    }
    return items.dict();
}

static mirai_value *groups_list(const Optimizer &optimizer)
{
    Items groups;
    for (auto &group : optimizer.made->param_groups()) {
        Items items, params;
        for (const at::Tensor &tensor : group.params()) params.add(wrap_tensor(tensor));
        items.add("options", fields_dict(option_fields(optimizer.kind, group.options()), -1));
        items.add("params", params.list());
        groups.add(items.dict());
    }
    return groups.list();
}

static mirai_value *state_list(const Optimizer &optimizer)
{
    Items states;
    int64_t index = 0;
    for (const auto &group : optimizer.made->param_groups())
        for (const at::Tensor &tensor : group.params()) {
            OptimizerParamState *state = state_of(optimizer, tensor);
            if (state) states.add(fields_dict(state_fields(optimizer.kind, *state), index));
            index++;
        }
    return states.list();
}

static mirai_value *serialize(mirai_message *, void *object, void *)
{
    return attempt_value([&] {
        const Optimizer &optimizer = object_optimizer(object);
        Items items;
        items.add("kind", mirai_string(kind_name(optimizer.kind)));
        items.add("groups", groups_list(optimizer));
        items.add("state", state_list(optimizer));
        return items.dict();
    });
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void read_group(Optimizer &optimizer, const mirai_value *group)
{
    const mirai_value *params = mirai_value_get(group, "params"), *options = mirai_value_get(group, "options");
    if (mirai_value_type(group) != MIRAI_TYPE_DICT || mirai_value_type(params) != MIRAI_TYPE_LIST ||
        mirai_value_type(options) != MIRAI_TYPE_DICT)
        fail(MIRAI_E_DECODE, "a group of an optimiser needs options and params");
    auto made = new_options(optimizer.kind);
    if (mirai_value_count(options) != option_fields(optimizer.kind, *made).size())
        fail(MIRAI_E_DECODE, "a group of an optimiser lacks options");
    set_options(optimizer.kind, *made, options, nullptr);
    check_options(optimizer.kind, *made);
    std::vector<at::Tensor> tensors;
    for (size_t i = 0; i < mirai_value_count(params); i++)
        tensors.push_back(tensor_of(mirai_value_item(params, i), "parameter"));
    if (!optimizer.made) optimizer.made = new_optimizer(optimizer.kind, *made);
    add_group(optimizer, std::move(tensors), std::move(made));
}

/* What a step reads must be there, and fit the parameter. */
static void check_tensor(const Field &field, const at::Tensor &parameter, const Fields &options)
{
    if (!field.tensor->defined()) {
        if (is_read(field, options)) fail(MIRAI_E_DECODE, "a state lacks \"%s\"", field.name);
        return;
    }
    if (why_not_plain(*field.tensor) || !field.tensor->sizes().equals(parameter.sizes()) ||
        field.tensor->scalar_type() != parameter.scalar_type() || field.tensor->requires_grad() ||
        overlaps_itself(*field.tensor))
        fail(MIRAI_E_DECODE, "a state's \"%s\" does not fit its parameter %s", field.name,
             describe(parameter).c_str());
}

static void check_state(const Fields &fields, const at::Tensor &parameter, const Fields &options)
{
    for (const Field &field : fields) {
        if (field.integer && *field.integer < 0) fail(MIRAI_E_DECODE, "a state's \"%s\" is negative", field.name);
        if (field.tensor) check_tensor(field, parameter, options);
    }
}

static void read_state(Optimizer &optimizer, const mirai_value *item)
{
    int64_t index = mirai_value_int_or(mirai_value_get(item, "index"), -1);
    if (mirai_value_type(item) != MIRAI_TYPE_DICT || index < 0)
        fail(MIRAI_E_DECODE, "a state of an optimiser has no index");
    if (index >= (int64_t)optimizer.places.size())
        fail(MIRAI_E_DECODE, "a state's index is beyond the parameters");
    const Optimizer::Place place = optimizer.places[(size_t)index];
    auto &group = optimizer.made->param_groups()[place.group];
    const at::Tensor &parameter = group.params()[place.index];
    if (state_of(optimizer, parameter)) fail(MIRAI_E_DECODE, "a parameter has two states");
    auto state = new_state(optimizer.kind);
    Fields fields = state_fields(optimizer.kind, *state);
    size_t used = 1;
    for (const Field &field : fields) {
        const mirai_value *given = mirai_value_get(item, field.name);
        used += given != nullptr;
        if (field.integer && mirai_value_to_int(given, field.integer) != MIRAI_OK)
            fail(MIRAI_E_DECODE, "a state lacks the number \"%s\"", field.name);
        if (field.tensor && given) *field.tensor = tensor_of(given, field.name);
    }
    if (used != mirai_value_count(item)) fail(MIRAI_E_DECODE, "a state has unknown fields");
    check_state(fields, parameter, option_fields(optimizer.kind, group.options()));
    put_state(optimizer, parameter, std::move(state));
}

static mirai_status unserialize(mirai_message *, const mirai_value *data, void **object, void *)
{
    return attempt([&] {
        const char *kind = mirai_value_string(mirai_value_get(data, "kind"));
        const mirai_value *groups = mirai_value_get(data, "groups"), *state = mirai_value_get(data, "state");
        if (mirai_value_type(data) != MIRAI_TYPE_DICT || !kind || mirai_value_type(groups) != MIRAI_TYPE_LIST ||
            mirai_value_count(groups) == 0 || mirai_value_type(state) != MIRAI_TYPE_LIST)
            fail(MIRAI_E_DECODE, "an optimiser needs a kind, groups and state");
        auto optimizer = std::make_unique<Optimizer>();
        optimizer->kind = find_kind(kind);
        for (size_t i = 0; i < mirai_value_count(groups); i++)
            read_group(*optimizer, mirai_value_item(groups, i));
        for (size_t i = 0; i < mirai_value_count(state); i++)
            read_state(*optimizer, mirai_value_item(state, i));
        *object = optimizer.release();
    });
}

/* ---- looking --------------------------------------------------------------------------------- */

static void release(void *object, void *)
{
    delete &object_optimizer(object);
}

static std::string options_text(const Optimizer &optimizer, OptimizerOptions &options)
{
    std::string text;
    for (const Field &field : option_fields(optimizer.kind, options)) {
        text += (text.empty() ? "" : ", ") + std::string(field.name) + ": ";
        text += field.flag ? (*field.flag ? "true" : "false") : number_text(*field.number);
    }
    return text;
}

static mirai_status print(void *object, mirai_text *text, void *)
{
    return attempt([&] {
        const Optimizer &optimizer = object_optimizer(object);
        std::string words = std::string("<optim_") + kind_name(optimizer.kind) + ">";
        auto &groups = optimizer.made->param_groups();
        for (size_t i = 0; i < groups.size(); i++) {
            int64_t elements = 0;
            for (const at::Tensor &tensor : groups[i].params()) elements = add_counts(elements, tensor.numel());
            words += groups.size() == 1 ? "\n• " : "\n• group " + std::to_string(i) + ": ";
            words += options_text(optimizer, groups[i].options());
            words += "\n  " + grouped((int64_t)groups[i].params().size()) + " tensors, " + grouped(elements) +
                     " elements";
        }
        size_t states = optimizer.made->state().size();
        words += "\n• state: " + (states == 0 ? "none yet" : "of " + std::to_string(states) + " tensors");
        mirai_status status = mirai_text_printf(text, "%s", words.c_str());
        if (status != MIRAI_OK) fail_as_is(status);
    });
}

static mirai_value *get(void *object, const char *name, void *)
{
    return attempt_value([&]() -> mirai_value * {
        Optimizer &optimizer = object_optimizer(object);
        std::string key = name;
        if (key == "kind") return mirai_string(kind_name(optimizer.kind));
        if (key == "options")
            return fields_dict(option_fields(optimizer.kind, optimizer.made->param_groups()[0].options()), -1);
        if (key == "param_groups") return groups_list(optimizer);
        if (key == "state") return state_list(optimizer);
        return nullptr;
    });
}

static int32_t equal(void *a, void *b, void *)
{
    Optimizer &left = object_optimizer(a), &right = object_optimizer(b);
    if (left.kind != right.kind) return 0;
    mirai_value *left_data = serialize(nullptr, a, nullptr), *right_data = serialize(nullptr, b, nullptr);
    int32_t answer = left_data && right_data && mirai_value_equal(left_data, right_data);
    mirai_value_release(left_data);
    mirai_value_release(right_data);
    return answer;
}

static int64_t size(void *object, void *)
{
    int64_t bytes = 0;
    (void)attempt([&] {
        const Optimizer &optimizer = object_optimizer(object);
        for (auto &state : optimizer.made->state())
            for (const Field &field : state_fields(optimizer.kind, *state.second))
                if (field.tensor && field.tensor->defined())
                    bytes = add_counts(bytes, (int64_t)field.tensor->nbytes());
    });
    return bytes;
}

const mirai_refhook optimizer_hook = {
    sizeof(mirai_refhook), nullptr, serialize, unserialize, nullptr, nullptr,
    release,               nullptr, print,     get,         equal,   size,
};

} // namespace mirai_torch
