/*
 * module_compile: the TorchScript form of a module. Each layer is a script module with its tensors and a
 * forward made by layer_kinds.cpp; the net has them as sub-modules and its own methods from text.
 *
 * libtorch's graph optimiser is off while code runs: it changes how a function computes after its first
 * calls, so that the same training would give other digits after a journey.
 */
#include "module.h"

#include <cstring>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/lexer.h>
#include <torch/csrc/jit/frontend/parser.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "ivalue.h"
#include "compiling.h"
#include "script_names.h"
#include "source_check.h"

namespace mirai_torch {

struct Compiled {
    torch::jit::Module net;
};

static const char layers_file[] = "miraicore.layers";
static const char source_file[] = "miraicore.source";

void check_source(const char *source)
{
    check_depth(source);
    compiling([&] {
        torch::jit::Parser parser(std::make_shared<torch::jit::Source>(std::string(source)));
        bool has_forward = false;
        while (parser.lexer().cur().kind != torch::jit::TK_EOF) {
            torch::jit::Def method(parser.parseFunction(/*is_method=*/true));
            has_forward = has_forward || method.name().name() == "forward";
        }
        if (!has_forward) fail(MIRAI_E_INVALID, "source has no \"def forward(self, ...)\"");
    });
}

static torch::jit::Module new_script_module(const std::string &name,
                                            const std::shared_ptr<torch::jit::CompilationUnit> &unit,
                                            bool is_training)
{
    torch::jit::Module module(c10::QualifiedName("__torch__." + name), unit, /*shouldMangle=*/true);
    module.register_attribute("training", c10::BoolType::get(), is_training);
    return module;
}

/* The compiled form alone would change: what the module sends, saves and trains would be the tensor before. */
static void check_assignments(at::ArrayRef<const torch::jit::Block *> blocks)
{
    for (const torch::jit::Block *block : blocks)
        for (const torch::jit::Node *node : block->nodes()) {
            if (node->kind() == c10::prim::SetAttr)
                fail(MIRAI_E_INVALID, "source assigns to an attribute \"%s\"; methods may only read them",
                     node->s(c10::attr::name).c_str());
            check_assignments(node->blocks());
        }
}

std::shared_ptr<Compiled> compile(Module &module)
{
    check_depth(module.source.c_str());
    return compiling([&] {
        auto unit = std::make_shared<torch::jit::CompilationUnit>();
        std::vector<torch::jit::Module> layers;
        for (const Layer &layer : module.layers.items)
            layers.push_back(new_script_module(layer.kind, unit, module.is_training));
        for (const Entry &entry : module.entries)
            layers[entry.layer].register_parameter(module.spec(entry).name, entry.tensor, entry.is_buffer);
        for (size_t i = 0; i < layers.size(); i++) layers[i].define(module.layers.items[i].source);

        auto compiled = std::make_shared<Compiled>(Compiled{new_script_module("Net", unit, module.is_training)});
        for (const auto &name : module.layers.names)
            compiled->net.register_module(name.first, layers[name.second]);
        compiled->net.define(module.source, script_names());
        if (!compiled->net.find_method("forward")) fail(MIRAI_E_INVALID, "source has no \"forward\"");
        for (const torch::jit::Method &method : compiled->net.get_methods())
            check_assignments(torch::jit::toGraphFunction(method.function()).graph()->block());
        return compiled;
    });
}

void compiled_train(Compiled &compiled, bool is_training)
{
    compiled.net.train(is_training);
}

mirai_value *compiled_forward(Compiled &compiled, const mirai_value *inputs)
{
    torch::jit::Function &forward = compiled.net.get_method("forward").function();
    c10::IValue self(compiled.net._ivalue());
    torch::jit::Stack stack = to_stack(inputs, forward.getSchema(), &self);
    torch::jit::GraphOptimizerEnabledGuard plain(false);
    forward.run(stack);
    return from_ivalue(stack.back());
}

void compiled_save(Compiled &compiled, const Module &module, std::ostream &stream)
{
    torch::jit::ExtraFilesMap extra;
    extra[layers_file] = module.layers.text();
    extra[source_file] = module.source;
    compiled.net.save(stream, extra);
}

/* Tied tensors come back as two on the same memory: make them one again. */
static at::Tensor same_as_before(const Module &module, const at::Tensor &tensor)
{
    for (const Entry &entry : module.entries) {
        if (!entry.tensor.defined()) break;
        if (entry.tensor.is_alias_of(tensor) && entry.tensor.storage_offset() == tensor.storage_offset() &&
            entry.tensor.sizes().equals(tensor.sizes()) && entry.tensor.strides().equals(tensor.strides()) &&
            entry.tensor.scalar_type() == tensor.scalar_type())
            return entry.tensor;
    }
    return tensor;
}

std::unique_ptr<Module> load_file(const char *path)
{
    torch::jit::ExtraFilesMap extra{{layers_file, ""}, {source_file, ""}};
    torch::jit::Module net;
    try {
        net = torch::jit::load(std::string(path), c10::nullopt, extra);
    } catch (const c10::Error &error) {
        fail(MIRAI_E_DECODE, "%s holds no module: %s", path, error.what_without_backtrace());
    }
    if (extra[source_file].empty()) fail(MIRAI_E_DECODE, "%s was not written by mirai_torch_module_save()", path);
    Items items;
    items.add("format", mirai_string("torchscript"));
    items.add("layers", mirai_string(extra[layers_file].c_str()));
    items.add("source", mirai_string(extra[source_file].c_str()));
    Owned definition(items.dict());
    std::unique_ptr<Module> module = read_definition(definition.get(), nullptr);
    for (const auto &attribute : net.named_attributes()) {
        Entry *entry = attribute.value.isTensor() ? module->find(attribute.name) : nullptr;
        if (entry) entry->tensor = attribute.value.toTensor();
    }
    for (Entry &entry : module->entries) {
        if (!entry.tensor.defined()) fail(MIRAI_E_DECODE, "%s lacks \"%s\"", path, entry.name.c_str());
        check_entry(*module, entry, entry.tensor);
        entry.tensor = same_as_before(*module, entry.tensor);
    }
    module->is_training = net.is_training();
    return module;
}

} // namespace mirai_torch
