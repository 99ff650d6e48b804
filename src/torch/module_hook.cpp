/*
 * module_hook: a module in a message, and how printing and look-up see it. In a message it is a dict
 * {definition, training, tensors}, where tensors has every parameter and buffer by full name, as references;
 * so what is shared with an optimiser in the message stays shared. Hooks run on the caller's thread.
 */
#include "module.h"

namespace mirai_torch {

static Module &object_module(void *object)
{
    return *static_cast<Module *>(object);
}

static mirai_value *serialize(mirai_message *, void *object, void *)
{
    return attempt_value([&] {
        Module &module = object_module(object);
        Items tensors, items;
        for (const Entry &entry : module.entries) tensors.add(entry.name, wrap_tensor(entry.tensor));
        items.add("definition", module.definition());
        items.add("training", mirai_bool(module.is_training));
        items.add("tensors", tensors.dict());
        return items.dict();
    });
}

static mirai_status unserialize(mirai_message *, const mirai_value *data, void **object, void *)
{
    return attempt([&] {
        const mirai_value *tensors = mirai_value_get(data, "tensors");
        int32_t is_training = 0;
        if (mirai_value_type(data) != MIRAI_TYPE_DICT || mirai_value_type(tensors) != MIRAI_TYPE_DICT ||
            mirai_value_to_bool(mirai_value_get(data, "training"), &is_training) != MIRAI_OK)
            fail(MIRAI_E_DECODE, "a module needs a definition, tensors and a truth value \"training\"");
        std::unique_ptr<Module> module = read_definition(mirai_value_get(data, "definition"), nullptr);
        if (mirai_value_count(tensors) != module->entries.size())
            fail(MIRAI_E_DECODE, "a module has %zu tensors, but its definition asks for %zu",
                 mirai_value_count(tensors), module->entries.size());
        for (Entry &entry : module->entries) {
            const at::Tensor *tensor = find_tensor(mirai_value_get(tensors, entry.name.c_str()));
            if (!tensor) fail(MIRAI_E_DECODE, "a module lacks the tensor \"%s\"", entry.name.c_str());
            check_entry(*module, entry, *tensor);
            entry.tensor = *tensor;
        }
        module->is_training = is_training != 0;
        *object = module.release();
    });
}

static void release(void *object, void *)
{
    delete &object_module(object);
}

static std::string layer_line(const Module &module, size_t name)
{
    const auto &pair = module.layers.names[name];
    const Layer &layer = module.layers.items[pair.second];
    std::string line = "• " + pair.first + ": <" + layer.tag + ">";
    for (size_t i = 0; i < name; i++)
        if (module.layers.names[i].second == pair.second) return line + " same as " + module.layers.names[i].first;
    int64_t count = 0;
    for (const Entry &entry : module.entries)
        if (entry.layer == pair.second && !entry.is_buffer) count = add_counts(count, entry.tensor.numel());
    return line + " #" + grouped(count) + (count == 1 ? " parameter" : " parameters");
}

static mirai_status print(void *object, mirai_text *text, void *)
{
    return attempt([&] {
        const Module &module = object_module(object);
        std::string words = "An `nn_module` containing " + grouped(module.parameter_count()) + " parameters" +
                            (module.is_training ? "." : ", in evaluation.");
        if (!module.layers.names.empty()) {
            words += "\n\n── Modules ";
            for (int i = 0; i < 54; i++) words += "─";
        }
        for (size_t i = 0; i < module.layers.names.size(); i++) words += "\n" + layer_line(module, i);
        mirai_status status = mirai_text_printf(text, "%s", words.c_str());
        if (status != MIRAI_OK) fail_as_is(status);
    });
}

static mirai_value *layer_tensors(const Module &module, const std::string &key)
{
    for (const auto &pair : module.layers.names) {
        if (pair.first != key) continue;
        Items items;
        for (const Entry &entry : module.entries)
            if (entry.layer == pair.second) items.add(module.spec(entry).name, wrap_tensor(entry.tensor));
        return items.dict();
    }
    return nullptr;
}

static mirai_value *get(void *object, const char *name, void *)
{
    return attempt_value([&] {
        const Module &module = object_module(object);
        std::string key = name;
        if (key == "parameters") return module.tensors(false);
        if (key == "buffers") return module.tensors(true);
        if (key == "training") return mirai_bool(module.is_training);
        if (key == "definition") return module.definition();
        return layer_tensors(module, key);
    });
}

static int32_t equal(void *a, void *b, void *)
{
    bool answer = false;
    mirai_status status = attempt([&] {
        const Module &left = object_module(a), &right = object_module(b);
        if (left.is_training != right.is_training) return;
        Owned left_definition(left.definition()), right_definition(right.definition());
        if (!mirai_value_equal(left_definition.get(), right_definition.get())) return;
        answer = true;
        for (size_t i = 0; answer && i < left.entries.size(); i++) {
            at::Tensor x = left.entries[i].tensor, y = right.entries[i].tensor;
            answer = tensor_hook.equal(&x, &y, nullptr) != 0;
        }
    });
    return status == MIRAI_OK && answer;
}

static int64_t size(void *object, void *)
{
    int64_t bytes = 0;
    (void)attempt([&] {
        for (const Entry &entry : object_module(object).entries)
            bytes = add_counts(bytes, (int64_t)entry.tensor.nbytes());
    });
    return bytes;
}

const mirai_refhook module_hook = {
    sizeof(mirai_refhook), nullptr, serialize, unserialize, nullptr, nullptr,
    release,               nullptr, print,     get,         equal,   size,
};

} // namespace mirai_torch
