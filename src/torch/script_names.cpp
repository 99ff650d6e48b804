/*
 * script_names: a resolver for libtorch's compiler. No state; any thread.
 */
#include "script_names.h"

#include <cmath>
#include <limits>

#include <torch/csrc/jit/frontend/sugared_value.h>

namespace mirai_torch {

namespace {

struct Constant {
    const char *name;
    int64_t number;
};

constexpr int64_t number_of(c10::ScalarType type)
{
    return (int64_t)type;
}

const Constant constants[] = {
    {"uint8", number_of(c10::ScalarType::Byte)},
    {"int8", number_of(c10::ScalarType::Char)},
    {"int16", number_of(c10::ScalarType::Short)},
    {"short", number_of(c10::ScalarType::Short)},
    {"int32", number_of(c10::ScalarType::Int)},
    {"int", number_of(c10::ScalarType::Int)},
    {"int64", number_of(c10::ScalarType::Long)},
    {"long", number_of(c10::ScalarType::Long)},
    {"float16", number_of(c10::ScalarType::Half)},
    {"half", number_of(c10::ScalarType::Half)},
    {"float32", number_of(c10::ScalarType::Float)},
    {"float", number_of(c10::ScalarType::Float)},
    {"float64", number_of(c10::ScalarType::Double)},
    {"double", number_of(c10::ScalarType::Double)},
    {"bfloat16", number_of(c10::ScalarType::BFloat16)},
    {"complex32", number_of(c10::ScalarType::ComplexHalf)},
    {"complex64", number_of(c10::ScalarType::ComplexFloat)},
    {"cfloat", number_of(c10::ScalarType::ComplexFloat)},
    {"complex128", number_of(c10::ScalarType::ComplexDouble)},
    {"cdouble", number_of(c10::ScalarType::ComplexDouble)},
    {"bool", number_of(c10::ScalarType::Bool)},
    {"qint8", number_of(c10::ScalarType::QInt8)},
    {"quint8", number_of(c10::ScalarType::QUInt8)},
    {"qint32", number_of(c10::ScalarType::QInt32)},
    {"strided", (int64_t)c10::Layout::Strided},
    {"sparse_coo", (int64_t)c10::Layout::Sparse},
    {"sparse_csr", (int64_t)c10::Layout::SparseCsr},
    {"contiguous_format", (int64_t)c10::MemoryFormat::Contiguous},
    {"preserve_format", (int64_t)c10::MemoryFormat::Preserve},
    {"channels_last", (int64_t)c10::MemoryFormat::ChannelsLast},
    {"channels_last_3d", (int64_t)c10::MemoryFormat::ChannelsLast3d},
};

/* What writes or reads files, or hands out memory that tensors do not guard. */
bool is_refused(const std::string &field)
{
    return field == "save" || field == "load" || field == "from_file" || field == "set_data" ||
           field.find("unsafe") != std::string::npos;
}

struct Torch : torch::jit::BuiltinModule {
    Torch() : BuiltinModule("aten") {}

    std::shared_ptr<torch::jit::SugaredValue> attr(const torch::jit::SourceRange &range,
                                                   torch::jit::GraphFunction &function,
                                                   const std::string &field) override
    {
        if (is_refused(field)) throw torch::jit::ErrorReport(range) << "torch." << field << " is not allowed here";
        c10::IValue value;
        for (const Constant &constant : constants)
            if (field == constant.name) value = constant.number;
        if (field == "inf") value = std::numeric_limits<double>::infinity();
        if (field == "nan") value = std::numeric_limits<double>::quiet_NaN();
        if (field == "pi") value = M_PI;
        if (field == "e") value = M_E;
        if (value.isNone()) return BuiltinModule::attr(range, function, field);
        return std::make_shared<torch::jit::SimpleValue>(
            torch::jit::insertConstant(*function.graph(), value, range));
    }
};

struct Names : torch::jit::Resolver {
    std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string &name, torch::jit::GraphFunction &,
                                                           const torch::jit::SourceRange &) override
    {
        if (name == "torch") return std::make_shared<Torch>();
        return nullptr;
    }

    c10::TypePtr resolveType(const std::string &, const torch::jit::SourceRange &) override { return nullptr; }
};

} // namespace

torch::jit::ResolverPtr script_names()
{
    return std::make_shared<Names>();
}

} // namespace mirai_torch
