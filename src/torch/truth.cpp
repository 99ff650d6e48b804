/*
 * truth: see the header. On the thread of its owner; no lock.
 */
#include "truth.h"

#include <algorithm>

#include <miraicore/torch.h>

#include "failure.h"

namespace mirai_torch {

/* Bytes of a storage are visited so many times at most. Only storages with other bytes than 0 and 1 count:
 * those of which some bytes belong to tensors of another dtype. */
enum { VISITS_MAX = 64, SIZE_LEAST = 4096 };

void make_truths(void *data, int64_t count)
{
    auto *bytes = static_cast<uint8_t *>(data);
    for (int64_t i = 0; i < count; i++) bytes[i] = bytes[i] != 0;
}

/* Memory that is a view of a peer's (mirai_buffer_private()) may show what the peer writes, until it is written here:
 * once in each page. */
static void make_own(const c10::Storage &storage)
{
    enum { PAGE = 4096 };
    auto *bytes = static_cast<volatile uint8_t *>(storage.data());
    for (size_t i = 0; i < storage.nbytes(); i += PAGE) bytes[i] = bytes[i];
    if (storage.nbytes() > 0) bytes[storage.nbytes() - 1] = bytes[storage.nbytes() - 1];
}

static bool is_clean(const c10::Storage &storage)
{
    auto *bytes = static_cast<const uint8_t *>(storage.data());
    return std::all_of(bytes, bytes + storage.nbytes(), [](uint8_t byte) { return byte < 2; });
}

/* Each element is visited once, unless elements overlap: then all bytes from first to last are. Returns how
 * many visits that took. */
static int64_t make_strided(uint8_t *bytes, int64_t offset, int64_t last, c10::IntArrayRef sizes,
                            c10::IntArrayRef strides)
{
    int64_t distinct = 1, index[MIRAI_TORCH_RANK_MAX] = {}, at = offset;
    for (size_t i = 0; i < sizes.size(); i++)
        if (strides[i] > 0 && distinct <= last) distinct *= sizes[i];
    if (distinct > last - offset) {
        make_truths(bytes + offset, last - offset + 1);
        return last - offset + 1;
    }
    for (size_t i = 0; i < sizes.size();) {
        bytes[at] = bytes[at] != 0;
        for (i = 0; i < sizes.size(); i++) { /* to the next element: an odometer */
            if (strides[i] == 0) continue;
            at += strides[i];
            if (++index[i] < sizes[i]) break;
            at -= strides[i] * sizes[i];
            index[i] = 0;
        }
    }
    return distinct;
}

void Truths::make(const c10::Storage &storage, int64_t offset, int64_t last, c10::IntArrayRef sizes,
                  c10::IntArrayRef strides)
{
    State &state = states_[storage.unsafeGetStorageImpl()];
    const int64_t size = std::max((int64_t)storage.nbytes(), (int64_t)SIZE_LEAST);
    if (!state.is_known) make_own(storage);
    if (!state.is_known || state.visits - state.visits_before >= size) {
        state.is_known = true;
        state.is_clean = is_clean(storage);
        state.visits_before = state.visits;
    }
    if (state.is_clean) return;
    if (state.visits / VISITS_MAX >= size)
        fail(MIRAI_E_LIMIT, "too many tensors of bool lie on a storage of %zu bytes that has others than 0 and 1",
             storage.nbytes());
    state.visits += make_strided(static_cast<uint8_t *>(storage.data()), offset, last, sizes, strides);
}

} // namespace mirai_torch
