/*
 * expression: the small language that layers are written in. Lines `name = Layer(arguments)` or
 * `name = other`; arguments are literals, names of params, arithmetic and tuples, as in Python.
 *
 * Text comes from other processes too: depth, length and every number are checked, and nothing is recursive
 * beyond DEPTH_MAX. Knows nothing of libtorch.
 */
#ifndef MIRAI__TORCH_EXPRESSION_H
#define MIRAI__TORCH_EXPRESSION_H

#include <string>
#include <vector>

#include "failure.h"

namespace mirai_torch {

/* The most text that layers or a source may have. */
constexpr size_t text_max = (size_t)1 << 20;

/* What an argument is. UNKNOWN stands for params whose values are not known yet. */
struct Argument {
    enum Kind { NONE, BOOL, INT, FLOAT, STRING, TUPLE, UNKNOWN };
    Kind kind = NONE;
    int64_t integer = 0; /* of BOOL and INT */
    double number = 0;   /* of FLOAT */
    std::string text;    /* of STRING */
    std::vector<Argument> items; /* of TUPLE */

    static Argument of_int(int64_t integer);
    /* As it would be written in the language. */
    std::string to_text() const;
    const char *kind_text() const;
};

/* A line: a layer with its arguments, or a second name for an earlier one (kind empty, same_as set). */
struct Line {
    std::string name, kind, same_as;
    std::vector<Argument> positional;
    std::vector<std::pair<std::string, Argument>> keyword;
    int number = 0;
};

/* Parse layers. `params` is a dict with the values of names, or NULL: names are then UNKNOWN.
 * Fails with MIRAI_E_INVALID, naming line and column, or MIRAI_E_NOT_FOUND for a name without a value. */
std::vector<Line> parse_layers(const char *text, const mirai_value *params);

/* Parse one expression without names, such as a default. */
Argument parse_argument(const char *text);

/* The shortest text that reads back as the same number, such as "1e-08". */
std::string number_text(double number);

} // namespace mirai_torch

#endif
