/*
 * torch_library: the wrapper as a whole: registering, its settings, and the module that daemons load.
 */
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>

#include <unistd.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/Generator.h>
#include <c10/core/GradMode.h>
#include <torch/version.h>

#include <miraicore/daemon.h>

#include "allocator.h"
#include "module.h"
#include "optimizer.h"
#include "script.h"
#include "torch_version.h"

using namespace mirai_torch;

mirai_status mirai_torch_register(void)
{
    return attempt([] {
        mirai_status status = mirai__torch_version_check(TORCH_VERSION, at::show_config().c_str());
        if (status == MIRAI_OK) status = mirai_refhook_register(MIRAI_TORCH_TENSOR, &tensor_hook);
        if (status == MIRAI_OK) status = mirai_refhook_register(MIRAI_TORCH_MODULE, &module_hook);
        if (status == MIRAI_OK) status = mirai_refhook_register(MIRAI_TORCH_OPTIMIZER, &optimizer_hook);
        if (status != MIRAI_OK) fail_as_is(status);
        /* as many daemons as processors, each with as many threads, would only be in each other's way */
        static std::atomic<bool> is_set{false}; /* once: what was set since then stays */
        if (mirai_on_daemon() && !std::getenv("OMP_NUM_THREADS") && !is_set.exchange(true)) at::set_num_threads(1);
    });
}

const char *mirai_torch_version_text(void)
{
    return TORCH_VERSION;
}

mirai_status mirai_torch_manual_seed(uint64_t seed)
{
    return attempt([&] {
        at::Generator generator = at::detail::getDefaultCPUGenerator();
        std::lock_guard<std::mutex> lock(generator.mutex());
        generator.set_current_seed(seed);
    });
}

/* A process that cannot start a thread is ended by libgomp. */
static long threads_max()
{
    return std::max(64L, 4 * sysconf(_SC_NPROCESSORS_ONLN));
}

mirai_status mirai_torch_set_threads(int32_t threads)
{
    return attempt([&] {
        if (threads < 1 || threads > threads_max())
            fail(MIRAI_E_RANGE, "threads is %d, but should be 1 to %ld", (int)threads, threads_max());
        at::set_num_threads(threads);
    });
}

/* ---- functions of the module ------------------------------------------------------------------- */

/* While one lives in a daemon, what is computed is born where the host reads it, so that results are not copied. */
class ForHost
{
  public:
    ForHost() noexcept : is_open_(mirai_on_daemon() && mirai_torch_scope_begin(nullptr) == MIRAI_OK) {}
    ForHost(const ForHost &) = delete;
    ForHost &operator=(const ForHost &) = delete;
    ~ForHost()
    {
        if (is_open_) close_scope();
    }

  private:
    bool is_open_;
};

static mirai_value *argument(const mirai_value *args, const char *name)
{
    return mirai_value_ref(mirai_value_get(args, name));
}

static mirai_value *run_module_new(mirai_job *, const mirai_value *args, void *)
{
    clear_detail();
    return mirai_torch_module_new(argument(args, "model"), argument(args, "params"));
}

static mirai_value *run_forward(mirai_job *, const mirai_value *args, void *)
{
    clear_detail();
    c10::AutoGradMode no_graph(false); /* it could not travel */
    ForHost place;
    mirai_value *result = nullptr;
    mirai_status status =
        mirai_torch_module_forward(mirai_value_get(args, "module"), argument(args, "inputs"), &result);
    return status == MIRAI_OK ? result : nullptr;
}

static mirai_value *run_script(mirai_job *, const mirai_value *args, void *)
{
    clear_detail();
    ForHost place;
    return attempt_value([&] {
        return call_script(mirai_value_string(mirai_value_get(args, "source")),
                           mirai_value_string(mirai_value_get(args, "name")), mirai_value_get(args, "args"), true);
    });
}

static mirai_value *run_optim(mirai_job *, const mirai_value *args, void *)
{
    clear_detail();
    mirai_value *options = argument(args, "options");
    return mirai_torch_optimizer_new(mirai_value_string(mirai_value_get(args, "kind")), argument(args, "params"),
                                     options ? options : mirai_null());
}

static mirai_value *run_set_threads(mirai_job *, const mirai_value *args, void *)
{
    clear_detail();
    int64_t threads = mirai_value_int_or(mirai_value_get(args, "threads"), 0);
    if (threads < 0 || threads > std::numeric_limits<int32_t>::max()) threads = 0;
    return mirai_torch_set_threads((int32_t)threads) == MIRAI_OK ? mirai_null() : nullptr;
}

static const mirai_module_function functions[] = {
    {"torch.module_new", run_module_new, nullptr}, {"torch.forward", run_forward, nullptr},
    {"torch.script", run_script, nullptr},         {"torch.optim", run_optim, nullptr},
    {"torch.set_threads", run_set_threads, nullptr}, {nullptr, nullptr, nullptr},
};

extern "C" {
extern MIRAI_API const mirai_module_descriptor mirai_module;
const mirai_module_descriptor mirai_module = {
    MIRAI_MODULE_MAGIC, MIRAI_MODULE_ABI, sizeof(mirai_module_descriptor),
    "miraicore_torch",  functions,        mirai_torch_register,
};
}
