/*
 * dtype: the table of element types. Any thread; no state.
 */
#include "dtype.h"

#include "failure.h"

namespace mirai_torch {

namespace {

struct Row {
    mirai_dtype dtype;
    c10::ScalarType type;
};

constexpr Row rows[] = {
    {MIRAI_DTYPE_BOOL, c10::ScalarType::Bool},
    {MIRAI_DTYPE_INT8, c10::ScalarType::Char},
    {MIRAI_DTYPE_INT16, c10::ScalarType::Short},
    {MIRAI_DTYPE_INT32, c10::ScalarType::Int},
    {MIRAI_DTYPE_INT64, c10::ScalarType::Long},
    {MIRAI_DTYPE_UINT8, c10::ScalarType::Byte},
    {MIRAI_DTYPE_FLOAT16, c10::ScalarType::Half},
    {MIRAI_DTYPE_FLOAT32, c10::ScalarType::Float},
    {MIRAI_DTYPE_FLOAT64, c10::ScalarType::Double},
    {MIRAI_DTYPE_BFLOAT16, c10::ScalarType::BFloat16},
    {MIRAI_DTYPE_COMPLEX32, c10::ScalarType::ComplexHalf},
    {MIRAI_DTYPE_COMPLEX64, c10::ScalarType::ComplexFloat},
    {MIRAI_DTYPE_COMPLEX128, c10::ScalarType::ComplexDouble},
};

} // namespace

bool find_scalar_type(int64_t dtype, c10::ScalarType *out)
{
    for (const Row &row : rows) {
        if (row.dtype != dtype) continue;
        *out = row.type;
        return true;
    }
    return false;
}

c10::ScalarType to_scalar_type(int64_t dtype)
{
    c10::ScalarType type;
    if (find_scalar_type(dtype, &type)) return type;
    if (dtype > 0 && dtype <= INT32_MAX && mirai_dtype_size((mirai_dtype)dtype) > 0)
        fail(MIRAI_E_UNSUPPORTED, "libtorch has no tensors of %s", mirai_dtype_text((mirai_dtype)dtype));
    fail(MIRAI_E_RANGE, "%lld is no dtype", (long long)dtype);
}

mirai_dtype from_scalar_type(c10::ScalarType type)
{
    for (const Row &row : rows)
        if (row.type == type) return row.dtype;
    return 0;
}

bool is_differentiable(c10::ScalarType type)
{
    return c10::isFloatingType(type) || c10::isComplexType(type);
}

} // namespace mirai_torch
