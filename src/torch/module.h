/*
 * module: values of class torch_module. A module is its definition, its tensors by full name, and whether it is
 * in training. Its TorchScript form is made of these when it is first called, and shares the tensors; so
 * receiving a module compiles nothing.
 */
#ifndef MIRAI__TORCH_MODULE_H
#define MIRAI__TORCH_MODULE_H

#include <memory>
#include <mutex>

#include "layer.h"
#include "tensor.h"

namespace mirai_torch {

struct Compiled; /* module_compile.cpp */

/* A parameter or buffer. */
struct Entry {
    std::string name; /* "conv1.weight" */
    size_t layer, spec;
    bool is_buffer;
    at::Tensor tensor;
};

struct Module {
    Layers layers;
    std::string source;
    std::vector<Entry> entries;
    bool is_training = true;

    std::mutex compiling; /* guards compiled: two threads may call a fresh module */
    std::shared_ptr<Compiled> compiled;

    const TensorSpec &spec(const Entry &entry) const { return layers.items[entry.layer].tensors[entry.spec]; }
    Entry *find(const std::string &name);
    /* Entries of parameters (or buffers), each tensor once. */
    std::vector<const Entry *> distinct(bool buffers) const;
    int64_t parameter_count() const;
    /* The definition with the values of params put in. */
    mirai_value *definition() const;
    mirai_value *tensors(bool buffers) const;
};

/* A module without tensors from a definition, which is checked, and params (NULL: none). */
std::unique_ptr<Module> read_definition(const mirai_value *definition, const mirai_value *params);

/* Whether a tensor can stand for an entry: sizes, dtype, leaf. */
void check_entry(const Module &module, const Entry &entry, const at::Tensor &tensor);

/* Takes module. */
mirai_value *wrap_module(std::unique_ptr<Module> module);
const Module *find_module(const mirai_value *value);
Module &module_of(const mirai_value *value);

extern const mirai_refhook module_hook;

/* ---- module_compile.cpp ---- */

/* Fails with MIRAI_E_INVALID when the source does not parse, or lacks forward. */
void check_source(const char *source);
std::shared_ptr<Compiled> compile(Module &module);
/* The TorchScript form, made when it is first asked for. */
std::shared_ptr<Compiled> compiled_of(Module &module);
void compiled_train(Compiled &compiled, bool is_training);
mirai_value *compiled_forward(Compiled &compiled, const mirai_value *inputs);
void compiled_save(Compiled &compiled, const Module &module, std::ostream &stream);
std::unique_ptr<Module> load_file(const char *path);

} // namespace mirai_torch

#endif
