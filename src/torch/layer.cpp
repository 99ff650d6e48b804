/*
 * layer: binding arguments to signatures, and reading a whole definition. No state.
 */
#include "layer.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace mirai_torch {

/* Names that a layer may not have: attributes and methods of every module. */
static bool is_reserved(const std::string &name)
{
    static const char *const names[] = {
        "training", "forward", "self",  "definition", "parameters", "buffers", "and",    "as",   "assert",
        "break",    "class",   "def",   "del",        "elif",       "else",    "except", "for",  "from",
        "global",   "if",      "import", "in",        "is",         "lambda",  "not",    "or",   "pass",
        "raise",    "return",  "try",   "while",      "with",       "yield",   "True",   "False", "None"};
    for (const char *other : names)
        if (name == other) return true;
    return name.compare(0, 2, "__") == 0;
}

void Arguments::error(const char *format, ...) const
{
    char text[512];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fail(MIRAI_E_INVALID, "layers, line %d: %s: %s", line_.number, line_.kind.c_str(), text);
}

/* "a:int, b:int2=1" is taken apart by hand: signatures are constants of ours. */
Arguments::Arguments(const Line &line, const char *signature) : line_(line)
{
    size_t position = 0, named = 0;
    while (*signature) {
        size_t length = std::strcspn(signature, ",");
        std::string part(signature, length);
        signature += length + (signature[length] == ',');
        signature += std::strspn(signature, " ");
        size_t colon = part.find(':'), equals = part.find('=');
        std::string name = part.substr(0, colon);
        std::string kind = part.substr(colon + 1, equals == std::string::npos ? equals : equals - colon - 1);
        const Argument *given = position < line.positional.size() ? &line.positional[position] : nullptr;
        position++;
        for (const auto &pair : line.keyword) {
            if (pair.first != name) continue;
            if (given) error("argument \"%s\" is given twice", name.c_str());
            given = &pair.second;
            named++;
        }
        if (!given && equals == std::string::npos) error("argument \"%s\" is missing", name.c_str());
        bind(name, kind, given ? *given : parse_argument(part.c_str() + equals + 1));
    }
    if (line.positional.size() > position)
        error("%zu arguments are given, %zu is the most", line.positional.size(), position);
    if (named < line.keyword.size()) check_names();
}

void Arguments::check_names() const
{
    for (const auto &pair : line_.keyword) {
        bool is_known = false;
        for (const auto &bound : bound_) is_known = is_known || bound.first == pair.first;
        if (!is_known) error("there is no argument \"%s\"", pair.first.c_str());
    }
}

static bool is_ints(const Argument &argument)
{
    for (const Argument &item : argument.items)
        if (item.kind != Argument::INT && item.kind != Argument::UNKNOWN) return false;
    return argument.kind == Argument::TUPLE && !argument.items.empty();
}

/* Whether an argument is of a kind of the signatures; ints become tuples and floats where these are asked for. */
static bool fits(Argument &argument, const std::string &kind)
{
    if (kind == "int") return argument.kind == Argument::INT;
    if (kind == "bool") return argument.kind == Argument::BOOL;
    if (kind == "str") return argument.kind == Argument::STRING;
    if (kind == "float") {
        if (argument.kind == Argument::INT) { /* TorchScript takes no int for a float */
            argument.kind = Argument::FLOAT;
            argument.number = (double)argument.integer;
        }
        return argument.kind == Argument::FLOAT;
    }
    size_t length = kind == "int1" ? 1 : kind == "int2" ? 2 : 0;
    if (argument.kind == Argument::INT) {
        Argument tuple;
        tuple.kind = Argument::TUPLE;
        tuple.items.assign(length > 0 ? length : 1, argument);
        argument = tuple;
    }
    return is_ints(argument) && (length == 0 || argument.items.size() == length);
}

void Arguments::bind(const std::string &name, const std::string &kind, Argument argument)
{
    bool may_be_none = kind.back() == '?';
    bool is_known = argument.kind != Argument::UNKNOWN && !(may_be_none && argument.kind == Argument::NONE);
    if (is_known && !fits(argument, may_be_none ? kind.substr(0, kind.size() - 1) : kind))
        error("argument \"%s\" is %s, but should be %s", name.c_str(), argument.kind_text(), kind.c_str());
    has_unknown_ = has_unknown_ || argument.kind == Argument::UNKNOWN;
    for (const Argument &item : argument.items) has_unknown_ = has_unknown_ || item.kind == Argument::UNKNOWN;
    bound_.emplace_back(name, std::move(argument));
}

const Argument &Arguments::get(const char *name) const
{
    for (const auto &pair : bound_)
        if (pair.first == name) return pair.second;
    error("there is no argument \"%s\"", name);
}

std::vector<int64_t> Arguments::integers(const char *name) const
{
    std::vector<int64_t> result;
    for (const Argument &item : get(name).items) result.push_back(item.integer);
    return result;
}

std::string Arguments::literal(const char *name) const
{
    const Argument &argument = get(name);
    if (argument.kind != Argument::TUPLE) return argument.to_text();
    std::string result = "[";
    for (const Argument &item : argument.items) result += (result.size() > 1 ? ", " : "") + item.to_text();
    return result + "]";
}

void Arguments::at_least(const char *name, int64_t least) const
{
    const Argument &argument = get(name);
    bool is_small = argument.kind == Argument::INT && argument.integer < least;
    for (const Argument &item : argument.items) is_small = is_small || item.integer < least;
    if (is_small)
        error("argument \"%s\" is %s, but should be %lld or more", name, argument.to_text().c_str(),
              (long long)least);
}

static std::string line_text(const Line &line)
{
    std::string text = line.kind + "(";
    const char *comma = "";
    for (const Argument &argument : line.positional) {
        text += comma + argument.to_text();
        comma = ", ";
    }
    for (const auto &pair : line.keyword) {
        text += comma + pair.first + "=" + pair.second.to_text();
        comma = ", ";
    }
    return text + ")";
}

static void add_line(const Line &line, Layers &layers)
{
    if (is_reserved(line.name))
        fail(MIRAI_E_INVALID, "layers, line %d: \"%s\" cannot be a layer's name", line.number, line.name.c_str());
    size_t same = layers.items.size();
    for (const auto &pair : layers.names) {
        if (pair.first == line.name)
            fail(MIRAI_E_INVALID, "layers, line %d: \"%s\" is there already", line.number, line.name.c_str());
        if (pair.first == line.same_as) same = pair.second;
    }
    if (!line.same_as.empty() && same == layers.items.size())
        fail(MIRAI_E_INVALID, "layers, line %d: there is no layer \"%s\" before it", line.number,
             line.same_as.c_str());
    layers.names.emplace_back(line.name, same);
    if (!line.same_as.empty()) return;

    const LayerKind *kind = find_layer_kind(line.kind);
    if (!kind)
        fail(MIRAI_E_INVALID, "layers, line %d: there is no layer %s; there are %s", line.number,
             line.kind.c_str(), layer_kind_names().c_str());
    Layer layer;
    layer.kind = kind->name;
    layer.tag = kind->tag;
    layer.text = line_text(line);
    Arguments arguments(line, kind->signature);
    if (!arguments.has_unknown()) kind->build(arguments, layer);
    layers.items.push_back(std::move(layer));
}

static Layers read_lines(const std::vector<Line> &lines)
{
    Layers layers;
    for (const Line &line : lines) add_line(line, layers);
    return layers;
}

Layers read_layers(const char *text, const mirai_value *params)
{
    return read_lines(parse_layers(text, params));
}

void check_layers(const char *text)
{
    (void)read_lines(parse_layers(text, nullptr));
}

std::string Layers::text() const
{
    std::string result;
    std::vector<const std::string *> first(items.size(), nullptr);
    for (const auto &pair : names) {
        const std::string *&name = first[pair.second];
        result += pair.first + " = " + (name ? *name : items[pair.second].text) + "\n";
        if (!name) name = &pair.first;
    }
    return result;
}

} // namespace mirai_torch
