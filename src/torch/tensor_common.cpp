/*
 * tensor_common: see tensor_common.h. A storage is moved in place, so that every tensor and view on it follows; and it can
 * not be resized from then on, since it would leave that memory unnoticed. On the caller's thread; no lock.
 */
#include "tensor_common.h"

#include <cstring>
#include <unordered_map>

#include <miraicore/common.h>
#include <miraicore/daemon.h>

#include "module.h"

namespace mirai_torch {

namespace {

void release_common(void *common)
{
    mirai_value_release(static_cast<mirai_value *>(common));
}

/* Takes the value. */
c10::DataPtr data_in_common(mirai_value *common)
{
    return c10::DataPtr(mirai_common_data(common), common, release_common, c10::Device(c10::DeviceType::CPU));
}

using Moves = std::unordered_map<c10::StorageImpl *, c10::DataPtr>;

void prepare(const at::Tensor &tensor, Moves &moves)
{
    const char *why = why_not_plain(tensor);
    if (why) fail(MIRAI_E_UNSUPPORTED, "a tensor that is %s cannot lie in memory in common", why);
    const c10::Storage &storage = tensor.storage();
    c10::StorageImpl *place = storage.unsafeGetStorageImpl();
    if (storage.nbytes() == 0 || find_common(storage) || moves.count(place)) return;
    mirai_value *common = mirai_common(storage.nbytes());
    if (!common) fail_as_is(mirai_on_daemon() ? MIRAI_E_UNSUPPORTED : MIRAI_E_NOMEM);
    c10::DataPtr data = data_in_common(common);
    std::memcpy(data.get(), storage.data(), storage.nbytes());
    moves.emplace(place, std::move(data));
}

} // namespace

mirai_value *find_common(const c10::Storage &storage)
{
    return storage.data_ptr().cast_context<mirai_value>(release_common);
}

c10::Storage storage_in_common(mirai_value *common)
{
    c10::DataPtr data = data_in_common(common);
    return c10::Storage(c10::Storage::use_byte_size_t(), mirai_common_size(common), std::move(data), nullptr, false);
}

} // namespace mirai_torch

using namespace mirai_torch;

mirai_status mirai_torch_common(const mirai_value *value)
{
    if (!value) return missing("value");
    return attempt([&] {
        Moves moves;
        if (const Module *module = find_module(value)) {
            for (const Entry &entry : module->entries) prepare(entry.tensor, moves);
        } else {
            prepare(tensor_of(value, "value"), moves);
        }
        for (auto &move : moves) {
            move.first->set_resizable(false);
            move.first->set_data_ptr_noswap(std::move(move.second));
        }
    });
}
