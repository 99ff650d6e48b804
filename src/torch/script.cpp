/*
 * script: TorchScript functions from text. Compiled texts are kept, the 64 that were compiled last, under
 * one lock that is not held while compiling or running.
 */
#include "script.h"

#include <deque>
#include <mutex>

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include "compiling.h"
#include "ivalue.h"
#include "script_names.h"
#include "source_check.h"
#include "tensor.h"

namespace mirai_torch {

using Unit = std::shared_ptr<torch::jit::CompilationUnit>;

struct Cached {
    std::string source;
    Unit unit;
};

static constexpr size_t cache_max = 64;
static std::mutex cache_lock; /* guards cache */
static std::deque<Cached> &cache()
{
    static auto *texts = new std::deque<Cached>; /* never freed: other threads may run at exit */
    return *texts;
}

static Unit find_cached(const std::string &source)
{
    std::lock_guard<std::mutex> lock(cache_lock);
    for (const Cached &cached : cache())
        if (cached.source == source) return cached.unit;
    return nullptr;
}

static Unit compile_text(const char *source)
{
    check_depth(source);
    return compiling([&] {
        auto unit = std::make_shared<torch::jit::CompilationUnit>();
        unit->define(c10::nullopt, source, script_names(), nullptr);
        return unit;
    });
}

static Unit unit_of(const char *source)
{
    Unit unit = find_cached(source);
    if (unit) return unit;
    unit = compile_text(source);
    std::lock_guard<std::mutex> lock(cache_lock);
    cache().push_front({source, unit});
    if (cache().size() > cache_max) cache().pop_back();
    return unit;
}

static torch::jit::Function &function_of(const Unit &unit, const char *name)
{
    std::vector<torch::jit::Function *> functions = unit->get_functions();
    if (functions.empty()) fail(MIRAI_E_NOT_FOUND, "source defines no function");
    if (!name) return *functions.back();
    if (torch::jit::Function *function = unit->find_function(c10::QualifiedName(name))) return *function;
    fail(MIRAI_E_NOT_FOUND, "source defines no function \"%s\"", name);
}

mirai_value *call_script(const char *source, const char *name, const mirai_value *args, bool detach)
{
    if (!source) fail(MIRAI_E_INVALID, "source is NULL");
    if (!args) fail_as_is(missing("args"));
    if (name && !*name) fail(MIRAI_E_INVALID, "name is empty");
    Unit unit = unit_of(source);
    torch::jit::Function &function = function_of(unit, name);
    torch::jit::Stack stack = to_stack(args, function.getSchema(), nullptr);
    torch::jit::GraphOptimizerEnabledGuard plain(false);
    function.run(stack);
    return from_ivalue(stack.back(), detach);
}

} // namespace mirai_torch

using namespace mirai_torch;

mirai_status mirai_torch_script(const char *source, const char *name, mirai_value *args, mirai_value **out)
{
    Taken taken(args);
    if (!args) return missing("args");
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        *out = call_script(source, name, args, false);
    });
}
