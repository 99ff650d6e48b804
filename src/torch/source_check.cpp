/*
 * source_check: counts what makes an expression or a block deep. No state.
 */
#include "source_check.h"

#include <cstring>

#include "expression.h"

namespace mirai_torch {

namespace {

constexpr int brackets_max = 64;    /* open at once */
constexpr int operators_max = 1000; /* in one statement */
constexpr int branches_max = 200;   /* elif in a text; each is nested in the one before */
constexpr int indent_max = 200;

bool is_word(const char *at, const char *word)
{
    size_t length = std::strlen(word);
    return std::strncmp(at, word, length) == 0 && (at[length] == ' ' || at[length] == '(');
}

struct Depth {
    int brackets = 0, operators = 0, branches = 0, indent = 0;
    bool is_line_start = true;

    void end_line()
    {
        if (brackets > 0) return;
        operators = indent = 0;
        is_line_start = true;
    }

    void count(const char *at)
    {
        if (is_line_start && (*at == ' ' || *at == '\t')) indent++;
        else is_line_start = false;
        if (*at == '\n') end_line();
        else if (std::strchr("([{", *at)) brackets++;
        else if (std::strchr(")]}", *at)) brackets -= brackets > 0;
        else if (std::strchr("+-*/%<>!&|^~@.", *at)) operators += !(*at == '.' && at[1] >= '0' && at[1] <= '9');
        else if (is_word(at, "not") || is_word(at, "and") || is_word(at, "or") || is_word(at, "if")) operators++;
        else if (is_word(at, "elif")) branches++;
    }

    bool is_too_deep() const
    {
        return brackets > brackets_max || operators > operators_max || branches > branches_max ||
               indent > indent_max;
    }
};

} // namespace

void check_depth(const char *source)
{
    if (std::strlen(source) > text_max) fail(MIRAI_E_LIMIT, "a source has more than %zu bytes", text_max);
    Depth depth;
    int line = 1;
    for (const char *at = source; *at; at++) {
        depth.count(at);
        if (depth.is_too_deep()) fail(MIRAI_E_LIMIT, "source, line %d: nested too deeply", line);
        line += *at == '\n';
    }
}

} // namespace mirai_torch
