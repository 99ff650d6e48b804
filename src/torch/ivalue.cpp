/*
 * ivalue: conversion of arguments and results. No state; recursion is bounded by depth_max.
 */
#include "ivalue.h"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include "tensor.h"

namespace mirai_torch {

namespace {

constexpr int depth_max = 64;

[[noreturn]] void no_fit(const mirai_value *value, const c10::Type &type, const std::string &where)
{
    const char *class_name = mirai_value_class(value);
    fail(MIRAI_E_TYPE, "argument %s should be %s, not a value of type %s%s%s", where.c_str(),
         type.annotation_str().c_str(), mirai_type_text(mirai_value_type(value)),
         class_name ? " and class " : "", class_name ? class_name : "");
}

c10::IValue to_ivalue(const mirai_value *value, const c10::TypePtr &type, const std::string &where, int depth);

c10::IValue to_list(const mirai_value *value, const c10::TypePtr &item_type, const std::string &where, int depth)
{
    c10::impl::GenericList list(item_type);
    size_t count = mirai_value_count(value);
    list.reserve(count);
    for (size_t i = 0; i < count; i++)
        list.push_back(to_ivalue(mirai_value_item(value, i), item_type, where, depth));
    return list;
}

c10::IValue to_tuple(const mirai_value *value, const c10::TupleType &type, const std::string &where, int depth)
{
    if (mirai_value_count(value) != type.elements().size()) no_fit(value, type, where);
    std::vector<c10::IValue> items;
    for (size_t i = 0; i < type.elements().size(); i++)
        items.push_back(to_ivalue(mirai_value_item(value, i), type.elements()[i], where, depth));
    return c10::ivalue::Tuple::create(std::move(items));
}

c10::IValue to_dict(const mirai_value *value, const c10::DictType &type, const std::string &where, int depth)
{
    if (type.getKeyType()->kind() != c10::TypeKind::StringType) no_fit(value, type, where);
    c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
    for (size_t i = 0; i < mirai_value_count(value); i++)
        dict.insert(std::string(mirai_value_key(value, i)),
                    to_ivalue(mirai_value_item(value, i), type.getValueType(), where, depth));
    return dict;
}

/* A plain number, bool or string where the signature asks for one. */
bool to_scalar(const mirai_value *value, const c10::Type &type, c10::IValue *out)
{
    mirai_type given = mirai_value_type(value);
    switch (type.kind()) {
    case c10::TypeKind::BoolType:
        if (given != MIRAI_TYPE_BOOL) return false;
        *out = mirai_value_int_or(value, 0) != 0;
        return true;
    case c10::TypeKind::IntType:
        if (given != MIRAI_TYPE_INT) return false;
        *out = mirai_value_int_or(value, 0);
        return true;
    case c10::TypeKind::FloatType:
        if (given != MIRAI_TYPE_INT && given != MIRAI_TYPE_FLOAT) return false;
        *out = mirai_value_float_or(value, 0);
        return true;
    case c10::TypeKind::NumberType:
        if (given == MIRAI_TYPE_INT) *out = mirai_value_int_or(value, 0);
        if (given == MIRAI_TYPE_FLOAT) *out = mirai_value_float_or(value, 0);
        return given == MIRAI_TYPE_INT || given == MIRAI_TYPE_FLOAT;
    case c10::TypeKind::StringType:
        if (given != MIRAI_TYPE_STRING) return false;
        *out = std::string(mirai_value_string(value), mirai_value_count(value));
        return true;
    default: return false;
    }
}

c10::IValue to_container(const mirai_value *value, const c10::TypePtr &type, const std::string &where, int depth)
{
    bool is_list = mirai_value_type(value) == MIRAI_TYPE_LIST;
    if (type->kind() == c10::TypeKind::ListType && is_list)
        return to_list(value, type->castRaw<c10::ListType>()->getElementType(), where, depth);
    if (type->kind() == c10::TypeKind::TupleType && is_list)
        return to_tuple(value, *type->castRaw<c10::TupleType>(), where, depth);
    if (type->kind() == c10::TypeKind::DictType && !is_list)
        return to_dict(value, *type->castRaw<c10::DictType>(), where, depth);
    no_fit(value, *type, where);
}

c10::IValue to_ivalue(const mirai_value *value, const c10::TypePtr &type, const std::string &where, int depth)
{
    if (++depth > depth_max) fail(MIRAI_E_LIMIT, "argument %s is nested too deeply", where.c_str());
    mirai_type given = mirai_value_type(value);
    if (type->kind() == c10::TypeKind::OptionalType) {
        if (given == MIRAI_TYPE_NULL) return c10::IValue();
        return to_ivalue(value, type->castRaw<c10::OptionalType>()->getElementType(), where, depth);
    }
    if (type->kind() == c10::TypeKind::NoneType && given == MIRAI_TYPE_NULL) return c10::IValue();
    if (type->kind() == c10::TypeKind::TensorType) {
        if (const at::Tensor *tensor = find_tensor(value)) return *tensor;
        if (given == MIRAI_TYPE_ARRAY) return tensor_from_value(value);
    }
    if (given == MIRAI_TYPE_LIST || given == MIRAI_TYPE_DICT) return to_container(value, type, where, depth);
    c10::IValue scalar;
    if (to_scalar(value, *type, &scalar)) return scalar;
    no_fit(value, *type, where);
}

} // namespace

std::vector<c10::IValue> to_stack(const mirai_value *args, const c10::FunctionSchema &schema,
                                  const c10::IValue *self)
{
    std::vector<c10::IValue> stack;
    const std::vector<c10::Argument> &wanted = schema.arguments();
    const size_t skip = self ? 1 : 0;
    if (self) stack.push_back(*self);
    const mirai_type type = mirai_value_type(args);
    const bool is_one = find_tensor(args) || type == MIRAI_TYPE_ARRAY;
    if (!is_one && type != MIRAI_TYPE_LIST && type != MIRAI_TYPE_DICT)
        fail(MIRAI_E_TYPE, "arguments are a list or a dict, not a value of type %s", mirai_type_text(type));
    const size_t count = is_one ? 1 : mirai_value_count(args);
    size_t used = 0;
    for (size_t i = skip; i < wanted.size(); i++) {
        const mirai_value *given = nullptr;
        if (type == MIRAI_TYPE_DICT)
            given = mirai_value_get(args, wanted[i].name().c_str());
        else if (i - skip < count)
            given = is_one ? args : mirai_value_item(args, i - skip);
        if (given) {
            used++;
            stack.push_back(to_ivalue(given, wanted[i].type(), "\"" + wanted[i].name() + "\"", 0));
        } else if (wanted[i].default_value()) {
            stack.push_back(*wanted[i].default_value());
        } else {
            fail(MIRAI_E_TYPE, "%s needs the argument \"%s\"", schema.name().c_str(), wanted[i].name().c_str());
        }
    }
    if (used < count)
        fail(MIRAI_E_TYPE, "%s was given %zu arguments, but uses only %zu of them", schema.name().c_str(), count,
             used);
    return stack;
}

static mirai_value *from_container(const c10::IValue &value, bool detach, int depth)
{
    Items items;
    if (value.isList()) {
        for (const c10::IValue &item : value.toListRef()) items.add(from_ivalue(item, detach, depth));
        return items.list();
    }
    if (value.isTuple()) {
        for (const c10::IValue &item : value.toTupleRef().elements()) items.add(from_ivalue(item, detach, depth));
        return items.list();
    }
    if (value.isGenericDict()) {
        for (const auto &pair : value.toGenericDict()) {
            if (!pair.key().isString())
                fail(MIRAI_E_TYPE, "a dict in the result has keys that are no strings");
            items.add(pair.key().toStringRef(), from_ivalue(pair.value(), detach, depth));
        }
        return items.dict();
    }
    fail(MIRAI_E_TYPE, "a result of type %s cannot be converted", value.tagKind().c_str());
}

static mirai_value *from_tensor(const at::Tensor &tensor, bool detach)
{
    if (!tensor.defined()) return mirai_null();
    return wrap_tensor(detach && !tensor.is_leaf() ? tensor.detach() : tensor);
}

/* NULL when the builder failed, such as for a string that is not UTF-8. */
static mirai_value *from_any(const c10::IValue &value, bool detach, int depth)
{
    if (value.isNone()) return mirai_null();
    if (value.isTensor()) return from_tensor(value.toTensor(), detach);
    if (value.isBool()) return mirai_bool(value.toBool());
    if (value.isInt()) return mirai_int(value.toInt());
    if (value.isDouble()) return mirai_float(value.toDouble());
    if (value.isString()) return mirai_string_n(value.toStringRef().data(), value.toStringRef().size());
    return from_container(value, detach, depth);
}

mirai_value *from_ivalue(const c10::IValue &value, bool detach, int depth)
{
    if (++depth > depth_max) fail(MIRAI_E_LIMIT, "the result is nested too deeply");
    return Owned(from_any(value, detach, depth)).release();
}

} // namespace mirai_torch
