/*
 * tensor_common: see tensor_common.h. A storage is moved in place, so that every tensor and view on it follows; and it can
 * not be resized from then on, since it would leave that memory unnoticed. On the caller's thread; no lock.
 */
#include "tensor_common.h"

#include <cstring>
#include <memory>
#include <unordered_map>

#include <miraicore/common.h>
#include <miraicore/daemon.h>

#include "module.h"
#include "owned.h"

namespace mirai_torch {

namespace {

/* What a storage in memory in common has. */
struct Place {
    Owned common;
    c10::DataPtr before; /* the memory that it lay in, where others may still look at that */
};

void release_place(void *place)
{
    delete static_cast<Place *>(place);
}

/* Takes the value, also on failure. */
c10::DataPtr data_in_common(mirai_value *common)
{
    auto place = std::make_unique<Place>(Place{Owned(common), c10::DataPtr()});
    return c10::DataPtr(mirai_common_data(common), place.release(), release_place, c10::Device(c10::DeviceType::CPU));
}

/* How a storage is moved. */
struct Move {
    c10::DataPtr data;
    bool is_watched; /* others than one tensor have the storage; an array has the address of its bytes, too */
};

using Moves = std::unordered_map<c10::StorageImpl *, Move>;

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
    moves.emplace(place, Move{std::move(data), storage.use_count() > 1});
}

} // namespace

mirai_value *find_common(const c10::Storage &storage)
{
    const Place *place = storage.data_ptr().cast_context<Place>(release_place);
    return place ? const_cast<mirai_value *>(place->common.get()) : nullptr;
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
            c10::StorageImpl *storage = move.first;
            Place *place = move.second.data.cast_context<Place>(release_place);
            storage->set_resizable(false);
            c10::DataPtr before = storage->set_data_ptr(std::move(move.second.data));
            if (move.second.is_watched) place->before = std::move(before);
        }
    });
}
