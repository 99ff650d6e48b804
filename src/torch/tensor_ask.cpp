/*
 * tensor_ask: what the C surface asks of tensors, and gradients. Any thread.
 */
#include "tensor.h"

#include <ATen/ops/narrow.h>
#include <ATen/ops/zeros_like.h>

#include "dtype.h"

using namespace mirai_torch;

mirai_dtype mirai_torch_dtype(const mirai_value *tensor)
{
    const at::Tensor *found = find_tensor(tensor);
    return found ? from_scalar_type(found->scalar_type()) : 0;
}

int32_t mirai_torch_rank(const mirai_value *tensor)
{
    const at::Tensor *found = find_tensor(tensor);
    return found ? (int32_t)found->dim() : -1;
}

static void copy_numbers(c10::IntArrayRef from, int64_t *out, size_t room)
{
    if (from.empty()) return;
    if (!out) fail(MIRAI_E_INVALID, "out is NULL");
    if (from.size() > room)
        fail(MIRAI_E_RANGE, "room for %zu numbers, but the tensor has %zu dimensions", room, from.size());
    std::copy(from.begin(), from.end(), out);
}

mirai_status mirai_torch_shape(const mirai_value *tensor, int64_t *out, size_t room)
{
    return attempt([&] { copy_numbers(tensor_of(tensor).sizes(), out, room); });
}

mirai_status mirai_torch_strides(const mirai_value *tensor, int64_t *out, size_t room)
{
    return attempt([&] {
        const at::Tensor &found = tensor_of(tensor);
        if (found.layout() != c10::Layout::Strided || found.is_nested())
            fail(MIRAI_E_UNSUPPORTED, "a tensor that is %s has no strides", why_not_plain(found));
        copy_numbers(found.strides(), out, room);
    });
}

int64_t mirai_torch_count(const mirai_value *tensor)
{
    int64_t count = -1;
    (void)attempt([&] {
        const at::Tensor *found = find_tensor(tensor);
        if (found) count = found->numel();
    });
    return count;
}

int32_t mirai_torch_requires_grad(const mirai_value *tensor)
{
    const at::Tensor *found = find_tensor(tensor);
    return found && found->requires_grad();
}

void *mirai_torch_data(const mirai_value *tensor)
{
    void *data = nullptr;
    (void)attempt([&] {
        const at::Tensor *found = find_tensor(tensor);
        if (!found || why_not_plain(*found) || found->is_conj() || found->is_neg()) return;
        if (found->numel() > 0) data = found->data_ptr();
    });
    return data;
}

mirai_status mirai_torch_item(const mirai_value *tensor, double *out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        const at::Tensor &found = tensor_of(tensor);
        if (c10::isComplexType(found.scalar_type()))
            fail(MIRAI_E_TYPE, "a complex number is no real one");
        if (found.numel() != 1)
            fail(MIRAI_E_RANGE, "the tensor has %lld elements, not 1", (long long)found.numel());
        *out = found.item().toDouble();
    });
}

mirai_status mirai_torch_array(const mirai_value *tensor, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        *out = array_copy(tensor_of(tensor));
    });
}

mirai_status mirai_torch_array_view(const mirai_value *tensor, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        *out = array_over(tensor_of(tensor));
    });
}

mirai_status mirai_torch_narrow(const mirai_value *tensor, int32_t dimension, int64_t start,
                                int64_t length, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        const at::Tensor &found = tensor_of(tensor);
        if (dimension < 0 || dimension >= found.dim())
            fail(MIRAI_E_RANGE, "dimension %d of %lld", (int)dimension, (long long)found.dim());
        int64_t size = found.size(dimension);
        if (start < 0 || length < 0 || start > size || length > size - start)
            fail(MIRAI_E_RANGE, "a window of %lld from %lld in a dimension of size %lld",
                 (long long)length, (long long)start, (long long)size);
        *out = wrap_tensor(at::narrow(found, dimension, start, length));
    });
}

mirai_status mirai_torch_detach(const mirai_value *tensor, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        *out = wrap_tensor(tensor_of(tensor).detach());
    });
}

mirai_status mirai_torch_set_requires_grad(const mirai_value *tensor, int32_t flag)
{
    return attempt([&] {
        const at::Tensor &found = tensor_of(tensor);
        if (flag && !is_differentiable(found.scalar_type()))
            fail(MIRAI_E_TYPE, "only tensors of floating point or complex dtype have gradients");
        if (!found.is_leaf())
            fail(MIRAI_E_STATE, "this tensor was computed from others that require a gradient: detach it first");
        found.set_requires_grad(flag != 0);
    });
}

mirai_status mirai_torch_grad(const mirai_value *tensor, mirai_value **out)
{
    return attempt([&] {
        if (!out) fail(MIRAI_E_INVALID, "out is NULL");
        *out = nullptr;
        const at::Tensor &found = tensor_of(tensor);
        if (found.is_leaf() && found.grad().defined()) *out = wrap_tensor(found.grad());
    });
}

mirai_status mirai_torch_backward(const mirai_value *tensor)
{
    return attempt([&] {
        const at::Tensor &found = tensor_of(tensor);
        if (found.numel() != 1)
            fail(MIRAI_E_RANGE, "gradients start at a tensor of one element, this one has %lld",
                 (long long)found.numel());
        if (!found.requires_grad())
            fail(MIRAI_E_STATE, "this tensor was not computed from any that requires a gradient");
        found.backward();
    });
}
