/*
 * layer: what the lines of a definition mean: for each kind of layer its arguments, its tensors and its
 * forward in TorchScript. Defaults and initialisation are PyTorch's. Nothing here allocates tensors, so a
 * definition from outside can be read whatever sizes it names.
 */
#ifndef MIRAI__TORCH_LAYER_H
#define MIRAI__TORCH_LAYER_H

#include "expression.h"

namespace mirai_torch {

enum class Fill {
    zeros,
    ones,
    normal,          /* standard normal; row `skip` is zero */
    kaiming_uniform, /* a weight: PyTorch's default for linear and convolutional layers */
    fan_in_uniform,  /* a bias: within 1 / sqrt(fan-in of the weight before it) */
    counter          /* int64 0 */
};

/* A parameter or buffer of a layer. */
struct TensorSpec {
    std::string name;
    std::vector<int64_t> sizes;
    Fill fill;
    bool is_buffer;
    int64_t skip; /* of Fill::normal; -1: none */
};

struct Layer {
    std::string kind;   /* "Conv2d" */
    std::string tag;    /* "nn_conv2d", for printing */
    std::string text;   /* "Conv2d(1, 20, 5)", with the values of params */
    std::string source; /* forward in TorchScript */
    std::vector<TensorSpec> tensors;
};

/* Layers of a definition, and the names under which they are known, in order. */
struct Layers {
    std::vector<Layer> items;
    std::vector<std::pair<std::string, size_t>> names;
    /* The definition's text with the values of params put in: it needs none. */
    std::string text() const;
};

/* Fails with MIRAI_E_INVALID or MIRAI_E_NOT_FOUND; names the line. `params` is a dict. */
Layers read_layers(const char *text, const mirai_value *params);

/* Whether layers can be read, whatever the values of params. */
void check_layers(const char *text);

/* ---- between layer.cpp and layer_kinds.cpp ---- */

/* Arguments by name, checked against a signature and completed by its defaults. */
class Arguments
{
  public:
    Arguments(const Line &line, const char *signature);
    bool has_unknown() const { return has_unknown_; }

    int64_t integer(const char *name) const { return get(name).integer; }
    bool flag(const char *name) const { return get(name).integer != 0; }
    double number(const char *name) const { return get(name).number; }
    bool is_none(const char *name) const { return get(name).kind == Argument::NONE; }
    const std::string &text(const char *name) const { return get(name).text; }
    std::vector<int64_t> integers(const char *name) const;
    /* As TorchScript writes it: "[1, 1]", "0.5", "True". */
    std::string literal(const char *name) const;

    /* Fail unless every integer in the argument is at least `least`. */
    void at_least(const char *name, int64_t least) const;
    [[noreturn]] void error(const char *format, ...) const MIRAI_PRINTF(2, 3);

  private:
    const Argument &get(const char *name) const;
    void check_names() const;
    void bind(const std::string &name, const std::string &kind, Argument argument);

    const Line &line_;
    std::vector<std::pair<std::string, Argument>> bound_;
    bool has_unknown_ = false;
};

struct LayerKind {
    const char *name, *tag;
    /* "name:kind=default, ...". Kinds: int, int?, ints, float, bool, str; int1 and int2 are a tuple of that
     * length, or one int for all; a final ? allows None. */
    const char *signature;
    void (*build)(const Arguments &arguments, Layer &layer);
};

const LayerKind *find_layer_kind(const std::string &name);
std::string layer_kind_names();

} // namespace mirai_torch

#endif
