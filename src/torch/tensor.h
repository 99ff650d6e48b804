/*
 * tensor: values of class torch_tensor. The object behind the reference is an at::Tensor on the heap, one per
 * reference; what makes two of them one object is their TensorImpl.
 */
#ifndef MIRAI__TORCH_TENSOR_H
#define MIRAI__TORCH_TENSOR_H

#include <ATen/core/Tensor.h>

#include <miraicore/refhook.h>
#include <miraicore/torch.h>

#include "owned.h"

namespace mirai_torch {

/* A new reference to a tensor (which must be defined). */
mirai_value *wrap_tensor(const at::Tensor &tensor);

/* The tensor behind a reference; NULL when it is none. */
const at::Tensor *find_tensor(const mirai_value *value);
/* As above, but fails with MIRAI_E_INVALID or MIRAI_E_TYPE; `what` names it in the detail. */
const at::Tensor &tensor_of(const mirai_value *value, const char *what = "tensor");

/* A tensor with a copy of what an array, bool, int or float holds. */
at::Tensor tensor_from_value(const mirai_value *value);

/* Why a tensor is not plain strided memory of this process: "sparse", "quantised"...; NULL when it is. */
const char *why_not_plain(const at::Tensor &tensor);

/* Elements from the first to the last that a plain tensor reaches; 0 when it is empty. */
int64_t window_of(const at::Tensor &tensor);

/* Whether elements of a plain tensor are known to lie in one place: nothing can then be computed in it. */
bool overlaps_itself(const at::Tensor &tensor);

/* The sum of two counts, which stops at the largest: a tensor may count elements that share one place. */
inline int64_t add_counts(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Memory of a tensor as a buffer that keeps it alive, not copied. */
mirai_buffer *storage_buffer(const c10::Storage &storage, size_t offset_bytes, size_t size_bytes);

/* An array over the tensor's own memory; it must be plain, with neither conj nor neg bit. */
mirai_value *array_over(const at::Tensor &tensor);
/* An array with a copy. */
mirai_value *array_copy(const at::Tensor &tensor);

/* Sizes from outside, checked: rank, signs, and that the elements can be counted. */
c10::IntArrayRef checked_sizes(int32_t rank, const int64_t *shape, size_t element_size);

/* "float32{20,1,5,5}" */
std::string describe(const at::Tensor &tensor);
/* "1,040" */
std::string grouped(int64_t number);

extern const mirai_refhook tensor_hook;

/* tensor_wire.cpp */
mirai_value *serialize_tensors(mirai_message *message, void *const *objects, size_t count, void *context);
mirai_status unserialize_tensors(mirai_message *message, const mirai_value *data, void **objects,
                                 size_t count, void *context);

} // namespace mirai_torch

#endif
