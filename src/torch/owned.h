/*
 * owned: values held by C++ code. An Owned releases its value when it goes out of scope; builders that give
 * NULL turn into exceptions.
 */
#ifndef MIRAI__TORCH_OWNED_H
#define MIRAI__TORCH_OWNED_H

#include <string>
#include <vector>

#include "failure.h"

namespace mirai_torch {

class Owned
{
  public:
    Owned() = default;
    /* Takes a builder's result: NULL is its failure. */
    explicit Owned(mirai_value *value) : value_(value)
    {
        if (!value) fail_builder();
    }
    Owned(Owned &&other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    Owned &operator=(Owned &&other) noexcept
    {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Owned() { mirai_value_release(value_); }

    const mirai_value *get() const { return value_; }
    mirai_value *release() { return std::exchange(value_, nullptr); }
    mirai_value *ref() const { return mirai_value_ref(value_); }

  private:
    mirai_value *value_ = nullptr;
};

/* An argument that the call takes: released when the call ends, NULL allowed (the caller checks). */
class Taken
{
  public:
    explicit Taken(mirai_value *value) : value_(value) {}
    Taken(const Taken &) = delete;
    Taken &operator=(const Taken &) = delete;
    ~Taken() { mirai_value_release(value_); }
    const mirai_value *get() const { return value_; }

  private:
    mirai_value *value_;
};

/* Collects the items of a dict or a list, then builds it. */
class Items
{
  public:
    Items() = default;
    Items(const Items &) = delete;
    Items &operator=(const Items &) = delete;
    ~Items()
    {
        for (mirai_value *value : values_) mirai_value_release(value);
    }

    /* Takes value; NULL is its builder's failure. */
    void add(mirai_value *value)
    {
        Owned held(value);
        values_.push_back(nullptr);
        values_.back() = held.release();
    }
    void add(std::string key, mirai_value *value)
    {
        Owned held(value);
        keys_.push_back(std::move(key));
        add(held.release());
    }
    mirai_value *list()
    {
        std::vector<mirai_value *> values(std::move(values_));
        values_.clear();
        return Owned(mirai_list(values.data(), values.size())).release();
    }
    mirai_value *dict()
    {
        std::vector<const char *> keys;
        keys.reserve(keys_.size());
        for (const std::string &key : keys_) keys.push_back(key.c_str());
        std::vector<mirai_value *> values(std::move(values_));
        values_.clear();
        return Owned(mirai_dict(keys.data(), values.data(), values.size())).release();
    }

  private:
    std::vector<std::string> keys_;
    std::vector<mirai_value *> values_;
};

} // namespace mirai_torch

#endif
