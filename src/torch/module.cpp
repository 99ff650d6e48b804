/*
 * module: definitions, instances and what the C surface does with them. Whoever trains or changes a module
 * must be its only user; only the making of its TorchScript form is guarded.
 */
#include "module.h"

#include <cstring>
#include <unordered_set>

#include "dtype.h"
#include "layer_fill.h"

namespace mirai_torch {

Entry *Module::find(const std::string &name)
{
    for (Entry &entry : entries)
        if (entry.name == name) return &entry;
    return nullptr;
}

std::vector<const Entry *> Module::distinct(bool buffers) const
{
    std::vector<const Entry *> result;
    std::unordered_set<const void *> known;
    for (const Entry &entry : entries)
        if (entry.is_buffer == buffers && known.insert(entry.tensor.unsafeGetTensorImpl()).second)
            result.push_back(&entry);
    return result;
}

int64_t Module::parameter_count() const
{
    int64_t count = 0;
    for (const Entry *entry : distinct(false)) count = add_counts(count, entry->tensor.numel());
    return count;
}

mirai_value *Module::definition() const
{
    Items items;
    items.add("format", mirai_string("torchscript"));
    items.add("layers", mirai_string(layers.text().c_str()));
    items.add("source", mirai_string(source.c_str()));
    return items.dict();
}

mirai_value *Module::tensors(bool buffers) const
{
    Items items;
    for (const Entry *entry : distinct(buffers)) items.add(entry->name, wrap_tensor(entry->tensor));
    return items.dict();
}

static const char *field_text(const mirai_value *definition, const char *key)
{
    const mirai_value *field = mirai_value_get(definition, key);
    const char *text = mirai_value_string(field);
    if (!text) fail(MIRAI_E_TYPE, "a definition needs the string \"%s\"", key);
    size_t size = mirai_value_count(field);
    if (size > text_max) fail(MIRAI_E_LIMIT, "\"%s\" has more than %zu bytes", key, text_max);
    if (std::strlen(text) != size) fail(MIRAI_E_INVALID, "\"%s\" holds a NUL byte", key);
    return text;
}

std::unique_ptr<Module> read_definition(const mirai_value *definition, const mirai_value *params)
{
    if (mirai_value_type(definition) != MIRAI_TYPE_DICT)
        fail(MIRAI_E_TYPE, "a definition is a dict, not a value of type %s",
             mirai_type_text(mirai_value_type(definition)));
    const char *format = field_text(definition, "format");
    if (std::strcmp(format, "torchscript") != 0)
        fail(MIRAI_E_UNSUPPORTED, "definitions of the format \"%s\" are unknown here", format);
    Owned none;
    if (!params || mirai_value_type(params) == MIRAI_TYPE_NULL) {
        none = Owned(mirai_dict(nullptr, nullptr, 0));
        params = none.get();
    }
    if (mirai_value_type(params) != MIRAI_TYPE_DICT)
        fail(MIRAI_E_TYPE, "params are a dict, not a value of type %s",
             mirai_type_text(mirai_value_type(params)));
    auto module = std::make_unique<Module>();
    module->layers = read_layers(field_text(definition, "layers"), params);
    module->source = field_text(definition, "source");
    std::vector<bool> is_listed(module->layers.items.size(), false);
    for (const auto &name : module->layers.names) {
        if (is_listed[name.second]) continue;
        is_listed[name.second] = true;
        const Layer &layer = module->layers.items[name.second];
        for (size_t i = 0; i < layer.tensors.size(); i++)
            module->entries.push_back({name.first + "." + layer.tensors[i].name, name.second, i,
                                       layer.tensors[i].is_buffer, at::Tensor()});
    }
    return module;
}

void check_entry(const Module &module, const Entry &entry, const at::Tensor &tensor)
{
    const char *name = entry.name.c_str(), *why = why_not_plain(tensor);
    if (why) fail(MIRAI_E_UNSUPPORTED, "%s: the tensor is %s", name, why);
    if (!tensor.sizes().equals(module.spec(entry).sizes))
        fail(MIRAI_E_RANGE, "%s: a tensor %s has other sizes than the layer %s asks for", name,
             describe(tensor).c_str(), module.layers.items[entry.layer].text.c_str());
    if (module.spec(entry).fill == Fill::counter) {
        if (tensor.scalar_type() != c10::ScalarType::Long) fail(MIRAI_E_TYPE, "%s: int64 is needed", name);
    } else if (!is_differentiable(tensor.scalar_type())) {
        fail(MIRAI_E_TYPE, "%s: a floating point or complex dtype is needed", name);
    }
    if (overlaps_itself(tensor)) fail(MIRAI_E_INVALID, "%s: the elements of the tensor overlap in memory", name);
    if (!tensor.is_leaf() || (entry.is_buffer && tensor.requires_grad()))
        fail(MIRAI_E_STATE, "%s: the tensor has a graph, or is a buffer that requires a gradient", name);
}

static std::unique_ptr<Module> instantiate(const mirai_value *definition, const mirai_value *params)
{
    std::unique_ptr<Module> module = read_definition(definition, params);
    check_source(module->source.c_str());
    size_t at = 0;
    for (const Layer &layer : module->layers.items)
        for (at::Tensor &tensor : fill_layer(layer)) module->entries[at++].tensor = std::move(tensor);
    module->compiled = compile(*module);
    return module;
}

static void release_module(void *object, void *)
{
    delete static_cast<Module *>(object);
}

mirai_value *wrap_module(std::unique_ptr<Module> module)
{
    return Owned(mirai_reference(MIRAI_TORCH_MODULE, module.release(), release_module, nullptr)).release();
}

const Module *find_module(const mirai_value *value)
{
    return static_cast<const Module *>(mirai_value_object(value, MIRAI_TORCH_MODULE));
}

Module &module_of(const mirai_value *value)
{
    if (!value) fail_as_is(missing("module"));
    void *object = mirai_value_object(value, MIRAI_TORCH_MODULE);
    if (!object)
        fail(MIRAI_E_TYPE, "a torch_module is needed, not a value of type %s",
             mirai_type_text(mirai_value_type(value)));
    return *static_cast<Module *>(object);
}

std::shared_ptr<Compiled> compiled_of(Module &module)
{
    std::lock_guard<std::mutex> lock(module.compiling);
    if (!module.compiled) module.compiled = compile(module);
    return module.compiled;
}

} // namespace mirai_torch

/* ---- the C surface ---------------------------------------------------------------------------- */

using namespace mirai_torch;

mirai_value *mirai_torch_module_define(const char *layers, const char *source)
{
    return attempt_value([&]() -> mirai_value * {
        if (!layers) fail_as_is(missing("layers"));
        if (!source) fail_as_is(missing("source"));
        check_layers(layers);
        check_source(source);
        Items items;
        items.add("format", mirai_string("torchscript"));
        items.add("layers", mirai_string(layers));
        items.add("source", mirai_string(source));
        return items.dict();
    });
}

mirai_value *mirai_torch_module_new(mirai_value *definition, mirai_value *params)
{
    Taken taken_definition(definition), taken_params(params);
    return attempt_value([&]() -> mirai_value * {
        if (!definition) fail_as_is(missing("definition"));
        if (!params) fail_as_is(missing("params"));
        return wrap_module(instantiate(definition, params));
    });
}

mirai_status mirai_torch_module_forward(const mirai_value *module, mirai_value *inputs, mirai_value **out)
{
    Taken taken(inputs);
    if (!inputs) return missing("inputs");
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        *out = compiled_forward(*compiled_of(module_of(module)), inputs);
    });
}

mirai_status mirai_torch_module_train(const mirai_value *module, int32_t flag)
{
    return attempt([&] {
        Module &found = module_of(module);
        if (found.compiled) compiled_train(*found.compiled, flag != 0);
        found.is_training = flag != 0;
    });
}

mirai_status mirai_torch_module_zero_grad(const mirai_value *module)
{
    return attempt([&] {
        for (const Entry *entry : module_of(module).distinct(false)) {
            const at::Tensor &grad = entry->tensor.grad();
            if (grad.defined()) grad.detach().zero_();
        }
    });
}

mirai_status mirai_torch_module_parameters(const mirai_value *module, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        *out = module_of(module).tensors(false);
    });
}

mirai_status mirai_torch_module_set(const mirai_value *module, const char *name, mirai_value *tensor)
{
    Taken taken(tensor);
    if (!tensor) return missing("tensor");
    return attempt([&] {
        if (!name) fail(MIRAI_E_INVALID, "name is NULL");
        Module &found = module_of(module);
        const at::Tensor &given = tensor_of(tensor);
        Entry *entry = found.find(name);
        if (!entry) fail(MIRAI_E_NOT_FOUND, "the module has no parameter or buffer \"%s\"", name);
        check_entry(found, *entry, given);
        entry->tensor = given;
        found.compiled.reset();
    });
}
