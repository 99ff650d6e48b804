/*
 * expression: a recursive descent parser that evaluates as it goes. Owned by one call; no state.
 */
#include "expression.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace mirai_torch {

namespace {

constexpr int depth_max = 32;
constexpr size_t lines_max = 4096;
constexpr size_t items_max = 64;

bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

class Parser
{
  public:
    Parser(const char *text, const mirai_value *params) : text_(text), at_(text), params_(params) {}

    std::vector<Line> layers()
    {
        std::vector<Line> lines;
        for (skip_lines(); *at_; skip_lines()) {
            if (lines.size() == lines_max) error("more than 4096 layers");
            lines.push_back(line());
            skip_blank();
            if (*at_ && *at_ != '\n') error("the line should end here");
        }
        return lines;
    }

    Argument only_argument()
    {
        Argument argument = sum();
        skip_blank();
        if (*at_) error("the expression should end here");
        return argument;
    }

  private:
    [[noreturn]] void error(const char *what) const
    {
        int line = 1;
        const char *start = text_;
        for (const char *c = text_; c < at_; c++)
            if (*c == '\n') {
                line++;
                start = c + 1;
            }
        fail(MIRAI_E_INVALID, "layers, line %d, column %d: %s", line, (int)(at_ - start) + 1, what);
    }

    /* Blanks and comments; inside brackets also ends of lines. */
    void skip_blank()
    {
        for (;; at_++) {
            if (*at_ == '#')
                while (*at_ && *at_ != '\n') at_++;
            if (*at_ != ' ' && *at_ != '\t' && *at_ != '\r' && (*at_ != '\n' || brackets_ == 0)) return;
        }
    }

    void skip_lines()
    {
        for (skip_blank(); *at_ == '\n'; skip_blank()) at_++;
    }

    bool take(const char *token)
    {
        skip_blank();
        size_t length = std::strlen(token);
        if (std::strncmp(at_, token, length) != 0) return false;
        at_ += length;
        return true;
    }

    void expect(const char *token, const char *what)
    {
        if (!take(token)) error(what);
    }

    std::string name(const char *what)
    {
        skip_blank();
        if (!starts_name(*at_)) error(what);
        const char *start = at_;
        while (starts_name(*at_) || is_digit(*at_)) at_++;
        return std::string(start, at_);
    }

    Line line()
    {
        Line line;
        for (; counted_ < at_; counted_++) lines_ += *counted_ == '\n';
        line.number = lines_ + 1;
        line.name = name("a name is expected");
        expect("=", "'=' is expected");
        line.kind = name("a layer is expected");
        if (!take("(")) {
            line.same_as.swap(line.kind);
            return line;
        }
        brackets_++;
        while (!take(")")) {
            argument(line);
            if (take(",")) continue;
            expect(")", "',' or ')' is expected");
            break;
        }
        brackets_--;
        return line;
    }

    void argument(Line &line)
    {
        skip_blank();
        const char *start = at_;
        if (line.positional.size() + line.keyword.size() == items_max) error("more than 64 arguments");
        if (starts_name(*at_)) {
            std::string key = name("");
            if (take("=")) {
                for (const auto &other : line.keyword)
                    if (other.first == key) error("this argument is given twice");
                line.keyword.emplace_back(std::move(key), sum());
                return;
            }
            at_ = start;
        }
        if (!line.keyword.empty()) error("arguments by position come before those by name");
        line.positional.push_back(sum());
    }

    Argument sum()
    {
        Argument left = product();
        for (;;) {
            if (take("+"))
                left = arithmetic('+', left, product());
            else if (take("-"))
                left = arithmetic('-', left, product());
            else
                return left;
        }
    }

    Argument product()
    {
        Argument left = unary();
        for (;;) {
            if (take("*"))
                left = arithmetic('*', left, unary());
            else if (take("//"))
                left = arithmetic('/', left, unary());
            else
                return left;
        }
    }

    Argument unary()
    {
        bool is_negative = false;
        while (take("-")) is_negative = !is_negative;
        Argument argument = primary();
        return is_negative ? arithmetic('-', Argument::of_int(0), argument) : argument;
    }

    Argument primary()
    {
        skip_blank();
        if (is_digit(*at_) || (*at_ == '.' && is_digit(at_[1]))) return number();
        if (*at_ == '\'' || *at_ == '"') return string();
        if (starts_name(*at_)) return named();
        if (take("(")) return bracket(")", false);
        if (take("[")) return bracket("]", true);
        error("a number, a name, a string or a bracket is expected");
    }

    Argument number()
    {
        const char *end = at_;
        while (is_digit(*end)) end++;
        Argument result;
        const char *const last = at_ + std::strlen(at_);
        std::from_chars_result read{};
        if (*end != '.' && *end != 'e' && *end != 'E') {
            result.kind = Argument::INT;
            read = std::from_chars(at_, last, result.integer);
        } else { /* not strtod(), which reads what the locale says */
            result.kind = Argument::FLOAT;
            read = std::from_chars(at_, last, result.number);
        }
        if (read.ec != std::errc()) error("this number is too large, or too small");
        if (starts_name(*read.ptr)) error("a number ends in a letter");
        at_ = read.ptr;
        return result;
    }

    Argument string()
    {
        const char quote = *at_;
        const char *start = ++at_;
        while (*at_ && *at_ != '\n' && *at_ != quote) {
            if (*at_ == '\\') error("strings have no escapes");
            at_++;
        }
        if (*at_ != quote) error("the string has no end");
        Argument result;
        result.kind = Argument::STRING;
        result.text.assign(start, at_++);
        return result;
    }

    Argument named()
    {
        const char *start = at_;
        std::string key = name("");
        Argument result;
        if (key == "None") return result;
        if (key == "True" || key == "False") {
            result.kind = Argument::BOOL;
            result.integer = key == "True";
            return result;
        }
        if (!params_) {
            result.kind = Argument::UNKNOWN;
            return result;
        }
        at_ = start;
        result = param(key);
        at_ = start + key.size();
        return result;
    }

    Argument param(const std::string &key) const
    {
        const mirai_value *value = mirai_value_get(params_, key.c_str());
        Argument result;
        switch (mirai_value_type(value)) {
        case MIRAI_TYPE_NULL: return result;
        case MIRAI_TYPE_BOOL: result.kind = Argument::BOOL; break;
        case MIRAI_TYPE_INT: result.kind = Argument::INT; break;
        case MIRAI_TYPE_FLOAT:
            result.kind = Argument::FLOAT;
            result.number = mirai_value_float_or(value, 0);
            if (!std::isfinite(result.number)) error("a param is not finite");
            return result;
        case MIRAI_TYPE_STRING:
            result.kind = Argument::STRING;
            result.text = mirai_value_string(value);
            if (result.text.find_first_of("'\\\n") != std::string::npos)
                error("a param's string has a quote, a backslash or an end of line");
            return result;
        case 0: fail(MIRAI_E_NOT_FOUND, "layers use the name \"%s\", which params do not have", key.c_str());
        default: error("a param is neither number, bool, string nor null");
        }
        result.integer = mirai_value_int_or(value, 0);
        return result;
    }

    /* After an opening bracket: an expression in brackets, or a tuple. */
    Argument bracket(const char *closing, bool is_tuple)
    {
        if (++depth_ > depth_max) error("brackets are nested too deeply");
        brackets_++;
        Argument tuple;
        tuple.kind = Argument::TUPLE;
        while (!take(closing)) {
            if (tuple.items.size() == items_max) error("more than 64 items");
            tuple.items.push_back(sum());
            if (take(",")) {
                is_tuple = true;
                continue;
            }
            expect(closing, "',' or a closing bracket is expected");
            break;
        }
        depth_--;
        brackets_--;
        if (is_tuple || tuple.items.empty()) return tuple;
        Argument inner = std::move(tuple.items[0]);
        return inner;
    }

    static bool is_number(const Argument &argument)
    {
        return argument.kind == Argument::INT || argument.kind == Argument::FLOAT;
    }

    Argument arithmetic(char op, const Argument &a, const Argument &b) const
    {
        Argument result;
        if ((a.kind == Argument::UNKNOWN && (is_number(b) || b.kind == Argument::UNKNOWN)) ||
            (b.kind == Argument::UNKNOWN && is_number(a))) {
            result.kind = Argument::UNKNOWN;
            return result;
        }
        if (!is_number(a) || !is_number(b)) error("only numbers can be calculated with");
        if (a.kind == Argument::FLOAT || b.kind == Argument::FLOAT) return floats(op, a, b);
        return integers(op, a, b);
    }

    Argument integers(char op, const Argument &a, const Argument &b) const
    {
        Argument result;
        result.kind = Argument::INT;
        bool is_bad = false;
        switch (op) {
        case '+': is_bad = __builtin_add_overflow(a.integer, b.integer, &result.integer); break;
        case '-': is_bad = __builtin_sub_overflow(a.integer, b.integer, &result.integer); break;
        case '*': is_bad = __builtin_mul_overflow(a.integer, b.integer, &result.integer); break;
        default:
            is_bad = b.integer == 0 || (b.integer == -1 && a.integer == INT64_MIN);
            if (is_bad) break;
            result.integer = a.integer / b.integer; /* towards minus infinity, as in Python */
            if (a.integer % b.integer != 0 && (a.integer < 0) != (b.integer < 0)) result.integer--;
        }
        if (is_bad) error("a division by zero, or a result that is too large");
        return result;
    }

    Argument floats(char op, const Argument &a, const Argument &b) const
    {
        double x = a.kind == Argument::FLOAT ? a.number : (double)a.integer;
        double y = b.kind == Argument::FLOAT ? b.number : (double)b.integer;
        Argument result;
        result.kind = Argument::FLOAT;
        result.number = op == '+'   ? x + y
                        : op == '-' ? x - y
                        : op == '*' ? x * y
                                    : std::floor(x / y);
        if (!std::isfinite(result.number)) error("a division by zero, or a result that is too large");
        return result;
    }

    const char *text_, *at_;
    const mirai_value *params_;
    const char *counted_ = text_; /* up to here there are lines_ ends of lines */
    int lines_ = 0, brackets_ = 0, depth_ = 0;
};

void check_text(const char *text)
{
    if (std::strlen(text) > text_max) fail(MIRAI_E_LIMIT, "layers have more than %zu bytes", text_max);
}

} // namespace

std::vector<Line> parse_layers(const char *text, const mirai_value *params)
{
    check_text(text);
    return Parser(text, params).layers();
}

Argument parse_argument(const char *text)
{
    return Parser(text, nullptr).only_argument();
}

Argument Argument::of_int(int64_t integer)
{
    Argument result;
    result.kind = INT;
    result.integer = integer;
    return result;
}

const char *Argument::kind_text() const
{
    static const char *const texts[] = {"None", "a bool", "an int", "a float", "a string", "a tuple", "unknown"};
    return texts[kind];
}

std::string number_text(double number)
{
    char text[40];
    char *end = text;
    for (int digits = 15; digits <= 17; digits++) {
        end = std::to_chars(text, text + sizeof text, number, std::chars_format::general, digits).ptr;
        double back = 0;
        if (std::from_chars(text, end, back).ec == std::errc() && back == number) break;
    }
    return std::string(text, end);
}

std::string Argument::to_text() const
{
    switch (kind) {
    case NONE: return "None";
    case BOOL: return integer ? "True" : "False";
    case INT: return std::to_string(integer);
    case FLOAT: {
        std::string result = number_text(number);
        return result.find_first_of(".einf") == std::string::npos ? result + ".0" : result;
    }
    case STRING: return "'" + text + "'";
    case TUPLE: {
        std::string result = "(";
        for (size_t i = 0; i < items.size(); i++) result += (i > 0 ? ", " : "") + items[i].to_text();
        return result + (items.size() == 1 ? ",)" : ")");
    }
    default: return "?";
    }
}

} // namespace mirai_torch
