/*
 * tensor: wrapping tensors into references, making them from elements, and lending their memory to buffers.
 * Any thread; a tensor has no lock of its own.
 */
#include "tensor.h"

#include <cstring>

#include <ATen/Context.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include "dtype.h"
#include "truth.h"

namespace mirai_torch {

static void release_tensor(void *object, void *)
{
    delete static_cast<at::Tensor *>(object);
}

mirai_value *wrap_tensor(const at::Tensor &tensor)
{
    if (!tensor.defined()) fail(MIRAI_E_INVALID, "a tensor is undefined");
    return Owned(mirai_reference(MIRAI_TORCH_TENSOR, new at::Tensor(tensor), release_tensor, nullptr))
        .release();
}

const at::Tensor *find_tensor(const mirai_value *value)
{
    return static_cast<const at::Tensor *>(mirai_value_object(value, MIRAI_TORCH_TENSOR));
}

const at::Tensor &tensor_of(const mirai_value *value, const char *what)
{
    if (!value) fail_as_is(missing(what));
    const at::Tensor *tensor = find_tensor(value);
    if (tensor) return *tensor;
    const char *class_name = mirai_value_class(value);
    fail(MIRAI_E_TYPE, "%s: a torch_tensor is needed, not a value of type %s%s%s", what,
         mirai_type_text(mirai_value_type(value)), class_name ? " and class " : "",
         class_name ? class_name : "");
}

c10::IntArrayRef checked_sizes(int32_t rank, const int64_t *shape, size_t element_size)
{
    if (rank < 0 || rank > MIRAI_TORCH_RANK_MAX)
        fail(MIRAI_E_RANGE, "rank is %d, not 0 to %d", (int)rank, MIRAI_TORCH_RANK_MAX);
    if (rank > 0 && !shape) fail(MIRAI_E_INVALID, "shape is NULL, but rank is %d", (int)rank);
    int64_t bytes = (int64_t)element_size;
    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] < 0) fail(MIRAI_E_RANGE, "size %d is %lld", (int)i, (long long)shape[i]);
        if (__builtin_mul_overflow(bytes, shape[i] > 0 ? shape[i] : 1, &bytes))
            fail(MIRAI_E_RANGE, "a tensor of these sizes has more bytes than can be counted");
    }
    return c10::IntArrayRef(shape, (size_t)rank);
}

static at::Tensor from_elements(c10::ScalarType type, c10::IntArrayRef sizes, const void *data)
{
    if (!data) return at::zeros(sizes, type);
    at::Tensor tensor = at::empty(sizes, type);
    if (tensor.numel() > 0) std::memcpy(tensor.data_ptr(), data, tensor.nbytes());
    if (type == c10::ScalarType::Bool) make_truths(tensor.data_ptr(), tensor.numel());
    return tensor;
}

static at::Tensor from_array(const mirai_value *array)
{
    c10::ScalarType type = to_scalar_type(mirai_value_dtype(array));
    c10::IntArrayRef sizes(mirai_value_shape(array), (size_t)mirai_value_rank(array));
    at::Tensor tensor = at::empty(sizes, type);
    mirai_status status = tensor.numel() == 0
                              ? MIRAI_OK
                              : mirai_value_copy_elements(array, tensor.data_ptr(), tensor.nbytes());
    if (status != MIRAI_OK) fail_as_is(status);
    if (type == c10::ScalarType::Bool) make_truths(tensor.data_ptr(), tensor.numel());
    return tensor;
}

at::Tensor tensor_from_value(const mirai_value *value)
{
    switch (mirai_value_type(value)) {
    case MIRAI_TYPE_ARRAY: return from_array(value);
    case MIRAI_TYPE_BOOL: {
        bool flag = mirai_value_int_or(value, 0) != 0;
        return from_elements(c10::ScalarType::Bool, {}, &flag);
    }
    case MIRAI_TYPE_INT: {
        int64_t number = mirai_value_int_or(value, 0);
        return from_elements(c10::ScalarType::Long, {}, &number);
    }
    case MIRAI_TYPE_FLOAT: {
        float number = (float)mirai_value_float_or(value, 0);
        return from_elements(c10::ScalarType::Float, {}, &number);
    }
    default:
        fail(MIRAI_E_TYPE, "no tensor can be made of a value of type %s",
             mirai_type_text(mirai_value_type(value)));
    }
}

const char *why_not_plain(const at::Tensor &tensor)
{
    if (!tensor.defined()) return "undefined";
    if (tensor.is_quantized()) return "quantised";
    if (tensor.is_nested()) return "nested";
    if (tensor.is_meta()) return "on the device \"meta\", which has no data";
    switch (tensor.layout()) {
    case c10::Layout::Strided: break;
    case c10::Layout::Sparse: return "sparse (COO)";
    case c10::Layout::SparseCsr: return "sparse (CSR)";
    case c10::Layout::SparseCsc: return "sparse (CSC)";
    case c10::Layout::SparseBsr: return "sparse (BSR)";
    case c10::Layout::SparseBsc: return "sparse (BSC)";
    case c10::Layout::Mkldnn: return "in MKL-DNN's own layout";
    default: return "in an unknown layout";
    }
    if (!tensor.device().is_cpu()) return "on a device other than the CPU";
    if (!tensor.has_storage()) return "without a storage";
    return nullptr;
}

int64_t window_of(const at::Tensor &tensor)
{
    if (tensor.numel() == 0) return 0;
    int64_t last = 0;
    for (int64_t i = 0; i < tensor.dim(); i++) last += (tensor.size(i) - 1) * tensor.stride(i);
    return last + 1;
}

bool overlaps_itself(const at::Tensor &tensor)
{
    if (tensor.numel() == 0) return false;
    return at::has_internal_overlap(tensor) == at::MemOverlap::Yes || tensor.numel() > window_of(tensor);
}

static void release_storage(void *object, void *)
{
    delete static_cast<c10::Storage *>(object);
}

mirai_buffer *storage_buffer(const c10::Storage &storage, size_t offset_bytes, size_t size_bytes)
{
    const char *data = static_cast<const char *>(storage.data());
    return mirai_buffer_adopt(data ? data + offset_bytes : nullptr, data ? size_bytes : 0,
                              release_storage, new c10::Storage(storage), nullptr);
}

static void check_arrayable(const at::Tensor &tensor)
{
    const char *why = why_not_plain(tensor);
    if (why) fail(MIRAI_E_UNSUPPORTED, "no array can be made of a tensor that is %s", why);
    if (tensor.dim() > MIRAI_RANK_MAX)
        fail(MIRAI_E_UNSUPPORTED, "an array has at most %d dimensions, this tensor has %lld",
             MIRAI_RANK_MAX, (long long)tensor.dim());
}

mirai_value *array_over(const at::Tensor &tensor)
{
    check_arrayable(tensor);
    if (tensor.is_conj() || tensor.is_neg())
        fail(MIRAI_E_UNSUPPORTED, "this tensor is conjugated or negated lazily: its memory has other numbers");
    mirai_dtype dtype = from_scalar_type(tensor.scalar_type());
    mirai_buffer *buffer = storage_buffer(tensor.storage(), 0, tensor.storage().nbytes());
    size_t offset = tensor.numel() > 0 ? (size_t)tensor.storage_offset() * tensor.itemsize() : 0;
    return Owned(mirai_array_buffer(dtype, (int32_t)tensor.dim(), tensor.sizes().data(),
                                    tensor.strides().data(), offset, buffer))
        .release();
}

mirai_value *array_copy(const at::Tensor &tensor)
{
    check_arrayable(tensor);
    at::Tensor plain = tensor.detach().resolve_conj().resolve_neg();
    Owned view(array_over(plain));
    int64_t elements = plain.numel();
    mirai_buffer *buffer = mirai_buffer_new(nullptr, (size_t)elements * plain.itemsize());
    void *data = nullptr;
    mirai_status status = buffer ? mirai_buffer_writable(&buffer, &data) : MIRAI_E_NOMEM;
    if (status == MIRAI_OK && elements > 0)
        status = mirai_value_copy_elements(view.get(), data, (size_t)elements * plain.itemsize());
    if (status != MIRAI_OK) {
        mirai_buffer_release(buffer);
        fail_as_is(status);
    }
    return Owned(mirai_array_buffer(mirai_value_dtype(view.get()), (int32_t)plain.dim(),
                                    plain.sizes().data(), nullptr, 0, buffer))
        .release();
}

std::string describe(const at::Tensor &tensor)
{
    mirai_dtype dtype = from_scalar_type(tensor.scalar_type());
    std::string text = dtype ? mirai_dtype_text(dtype) : c10::toString(tensor.scalar_type());
    text += "{";
    for (size_t i = 0; i < tensor.sizes().size(); i++)
        text += (i > 0 ? "," : "") + std::to_string(tensor.sizes()[i]);
    return text + "}";
}

std::string grouped(int64_t number)
{
    std::string text = std::to_string(number);
    for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}

} // namespace mirai_torch

/* ---- the C surface: making tensors ------------------------------------------------------------ */

using namespace mirai_torch;

mirai_value *mirai_torch_tensor(mirai_dtype dtype, int32_t rank, const int64_t *shape, const void *data)
{
    return attempt_value([&] {
        c10::ScalarType type = to_scalar_type(dtype);
        return wrap_tensor(from_elements(type, checked_sizes(rank, shape, c10::elementSize(type)), data));
    });
}

mirai_value *mirai_torch_tensor_of(mirai_value *value)
{
    Taken taken(value);
    return attempt_value([&]() -> mirai_value * {
        if (!value) fail_as_is(missing("value"));
        return wrap_tensor(tensor_from_value(value));
    });
}

mirai_value *mirai_torch_zeros(mirai_dtype dtype, int32_t rank, const int64_t *shape)
{
    return mirai_torch_tensor(dtype, rank, shape, nullptr);
}

mirai_value *mirai_torch_ones(mirai_dtype dtype, int32_t rank, const int64_t *shape)
{
    return attempt_value([&] {
        c10::ScalarType type = to_scalar_type(dtype);
        return wrap_tensor(at::ones(checked_sizes(rank, shape, c10::elementSize(type)), type));
    });
}

mirai_value *mirai_torch_randn(mirai_dtype dtype, int32_t rank, const int64_t *shape)
{
    return attempt_value([&] {
        c10::ScalarType type = to_scalar_type(dtype);
        if (!is_differentiable(type))
            fail(MIRAI_E_TYPE, "normal random numbers are floating point or complex, not %s",
                 mirai_dtype_text(dtype));
        return wrap_tensor(at::randn(checked_sizes(rank, shape, c10::elementSize(type)), type));
    });
}

static void check_arange(c10::ScalarType type, double start, double end, double step)
{
    if (c10::isComplexType(type) || type == c10::ScalarType::Bool)
        fail(MIRAI_E_TYPE, "a range is of an integer or floating point dtype");
    if (!std::isfinite(start) || !std::isfinite(end) || !std::isfinite(step) || step == 0)
        fail(MIRAI_E_RANGE, "start, end and step must be finite, and step not 0");
    if ((end - start) * step < 0)
        fail(MIRAI_E_RANGE, "step leads away from end: from %g to %g by %g", start, end, step);
    if (std::fabs((end - start) / step) > 1e15)
        fail(MIRAI_E_RANGE, "a range from %g to %g by %g is too long", start, end, step);
}

mirai_value *mirai_torch_arange(mirai_dtype dtype, double start, double end, double step)
{
    return attempt_value([&] {
        c10::ScalarType type = to_scalar_type(dtype);
        check_arange(type, start, end, step);
        return wrap_tensor(at::arange(start, end, step, at::TensorOptions().dtype(type)));
    });
}
