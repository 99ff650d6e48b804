/*
 * tensor_hook: how printing, look-up and comparison see a tensor. Hooks run on the caller's thread.
 */
#include "tensor.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/view_as_real.h>

#include "dtype.h"

namespace mirai_torch {

static const at::Tensor &object_tensor(void *object)
{
    return *static_cast<const at::Tensor *>(object);
}

static void release(void *object, void *)
{
    delete static_cast<at::Tensor *>(object);
}

static const void *identity(void *object, void *)
{
    return object_tensor(object).unsafeGetTensorImpl();
}

/* The tensor without lazy conjugation and negation. Its memory's window is what is copied, not its elements,
 * of which an expanded tensor has any number. */
static at::Tensor resolved(const at::Tensor &tensor)
{
    at::Tensor plain = tensor.detach();
    if (!plain.is_conj() && !plain.is_neg()) return plain;
    at::Tensor window = plain.as_strided({window_of(plain)}, {1}).resolve_conj().resolve_neg();
    return window.as_strided(plain.sizes(), plain.strides(), 0);
}

/* The elements as arrays print them, between lines that say what they are. */
static mirai_status print(void *object, mirai_text *text, void *)
{
    return attempt([&] {
        const at::Tensor &tensor = object_tensor(object);
        const char *why = why_not_plain(tensor);
        mirai_status status = mirai_text_printf(text, "torch_tensor\n");
        if (status == MIRAI_OK && !why && tensor.dim() <= MIRAI_RANK_MAX && tensor.numel() > 0) {
            Owned array(array_over(resolved(tensor)));
            status = mirai_text_value(text, array.get());
            if (status == MIRAI_OK) status = mirai_text_printf(text, "\n");
        }
        std::string foot = "[ " + (tensor.defined() ? describe(tensor) : "") + " ]";
        if (why) foot += "[ " + std::string(why) + " ]";
        if (tensor.requires_grad()) foot += "[ requires_grad ]";
        if (status == MIRAI_OK) status = mirai_text_printf(text, "%s", foot.c_str());
        if (status != MIRAI_OK) fail_as_is(status);
    });
}

static mirai_value *numbers(c10::IntArrayRef from)
{
    Items list;
    for (int64_t number : from) list.add(mirai_int(number));
    return list.list();
}

static mirai_value *get_field(const at::Tensor &tensor, const std::string &key)
{
    mirai_dtype dtype = from_scalar_type(tensor.scalar_type());
    if (key == "shape") return numbers(tensor.sizes());
    if (key == "strides") return why_not_plain(tensor) ? nullptr : numbers(tensor.strides());
    if (key == "dtype") return mirai_string(dtype ? mirai_dtype_text(dtype) : c10::toString(tensor.scalar_type()));
    if (key == "device") return mirai_string(tensor.device().str().c_str());
    if (key == "requires_grad") return mirai_bool(tensor.requires_grad());
    if (key == "is_leaf") return mirai_bool(tensor.is_leaf());
    if (key == "grad") return tensor.is_leaf() && tensor.grad().defined() ? wrap_tensor(tensor.grad()) : mirai_null();
    if (key == "array") return array_copy(tensor);
    return nullptr;
}

static mirai_value *get(void *object, const char *key, void *)
{
    return attempt_value([&] { return get_field(object_tensor(object), key); });
}

/* As arrays are equal: dtype, shape and elements, NaN equal to NaN. */
static bool is_equal(at::Tensor a, at::Tensor b)
{
    if (a.scalar_type() != b.scalar_type() || a.layout() != b.layout()) return false;
    if (a.is_quantized() || a.is_nested() || a.is_meta() || b.is_meta()) return a.is_same(b);
    if (!a.sizes().equals(b.sizes())) return false;
    if (a.layout() != c10::Layout::Strided) {
        a = a.to_dense();
        b = b.to_dense();
    }
    a = a.detach().resolve_conj().resolve_neg();
    b = b.detach().resolve_conj().resolve_neg();
    if (c10::isComplexType(a.scalar_type())) {
        a = at::view_as_real(a);
        b = at::view_as_real(b);
    }
    if (a.scalar_type() == c10::ScalarType::Half) { /* few operations know it on a CPU */
        a = a.to(c10::ScalarType::Float);
        b = b.to(c10::ScalarType::Float);
    }
    if (at::equal(a, b)) return true;
    if (!c10::isFloatingType(a.scalar_type())) return false;
    return a.eq(b).logical_or(a.isnan().logical_and(b.isnan())).all().item<bool>();
}

static int32_t equal(void *a, void *b, void *)
{
    bool answer = false;
    mirai_status status = attempt([&] { answer = is_equal(object_tensor(a), object_tensor(b)); });
    return status == MIRAI_OK && answer;
}

static int64_t size(void *object, void *)
{
    int64_t bytes = -1;
    (void)attempt([&] {
        const at::Tensor &tensor = object_tensor(object);
        if (!why_not_plain(tensor)) bytes = (int64_t)tensor.storage().nbytes();
    });
    return bytes;
}

const mirai_refhook tensor_hook = {
    sizeof(mirai_refhook), nullptr, nullptr, nullptr, serialize_tensors, unserialize_tensors,
    release,               identity, print,  get,     equal,             size,
};

} // namespace mirai_torch
