/*
 * truth: bytes that stand for truth values. C++ knows no bool but 0 and 1: other bytes from outside become 1
 * before libtorch sees them.
 */
#ifndef MIRAI__TORCH_TRUTH_H
#define MIRAI__TORCH_TRUTH_H

#include <unordered_map>

#include <c10/core/Storage.h>
#include <c10/util/ArrayRef.h>

namespace mirai_torch {

/* Make `count` bytes 0 or 1. */
void make_truths(void *data, int64_t count);

/* The same for tensors over storages that come from a peer, whose tensors may overlap or be many: what is
 * done in all is bounded by a multiple of the storages' sizes. */
class Truths
{
  public:
    /* A tensor of bool over the storage, from its element `offset` to `last`, both inside. Fails with
     * MIRAI_E_LIMIT when there is more to do than any honest sender asks for. */
    void make(const c10::Storage &storage, int64_t offset, int64_t last, c10::IntArrayRef sizes,
              c10::IntArrayRef strides);

  private:
    struct State {
        bool is_known, is_clean; /* looked at; then: all its bytes are 0 or 1 */
        int64_t visits, visits_before; /* of bytes, in all and up to the last look */
    };
    std::unordered_map<const c10::StorageImpl *, State> states_;
};

} // namespace mirai_torch

#endif
