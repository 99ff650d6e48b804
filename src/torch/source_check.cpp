/*
 * source_check: counts what makes an expression or a block deep, in the tokens that the compiler will see:
 * so strings and comments count for nothing, and no way of writing hides an operator. No state.
 */
#include "source_check.h"

#include <cstring>

#include <torch/csrc/jit/frontend/lexer.h>

#include "compiling.h"
#include "expression.h"

namespace mirai_torch {

namespace {

constexpr int brackets_max = 64;    /* open at once */
constexpr int operators_max = 1000; /* in one statement; so many levels may its tree have */
constexpr int blocks_max = 100;     /* inside each other */
constexpr int branches_max = 200;   /* in a text: compiling takes the cube of their number */
constexpr int tokens_max = 8000;    /* names and numbers not counted: libtorch follows x = x + 1 back by recursion */
constexpr int empty_max = 1000;     /* lines in a row: libtorch's lexer calls itself for each */

struct Depth {
    int brackets = 0, operators = 0, blocks = 0, branches = 0, tokens = 0;

    void count(int kind)
    {
        using namespace torch::jit;
        switch (kind) {
        case TK_IDENT:
        case TK_NUMBER:
        case TK_STRINGLITERAL: return;
        case ',':
        case ':': tokens++; return; /* one beside the other, not one above */
        case TK_INDENT: blocks++; break;
        case TK_DEDENT: blocks--; break;
        case ')':
        case ']':
        case '}': brackets--; return;
        case '(':
        case '[':
        case '{': brackets++; break;
        case TK_IF:
        case TK_ELIF:
        case TK_FOR:
        case TK_WHILE:
        case TK_ASSERT: branches++; break;
        default: break;
        }
        tokens++;
        const bool is_end = kind == TK_NEWLINE || kind == TK_INDENT || kind == TK_DEDENT;
        operators = is_end ? 0 : operators + 1;
    }

    bool is_too_deep() const
    {
        return brackets > brackets_max || operators > operators_max || blocks > blocks_max;
    }

    bool is_too_long() const
    {
        return branches > branches_max || tokens > tokens_max;
    }
};

/* Lines that are empty, or hold only a comment. */
void check_empty_lines(const char *source)
{
    int empty = 0;
    for (const char *line = source; *line;) {
        const char *first = line + std::strspn(line, " \t\r\f\v\\");
        empty = *first == '\n' || *first == '#' ? empty + 1 : 0;
        if (empty > empty_max) fail(MIRAI_E_LIMIT, "source: more than %d empty lines in a row", empty_max);
        line = first + std::strcspn(first, "\n");
        line += *line == '\n';
    }
}

} // namespace

void check_depth(const char *source)
{
    if (std::strlen(source) > text_max) fail(MIRAI_E_LIMIT, "a source has more than %zu bytes", text_max);
    check_empty_lines(source);
    compiling([&] {
        torch::jit::Lexer lexer(std::make_shared<torch::jit::Source>(std::string(source)));
        Depth depth;
        for (; lexer.cur().kind != torch::jit::TK_EOF; lexer.next()) {
            depth.count(lexer.cur().kind);
            if (!depth.is_too_deep() && !depth.is_too_long()) continue;
            const torch::jit::SourceRange &at = lexer.cur().range;
            fail(MIRAI_E_LIMIT, "source, line %zu: %s", at.source()->lineno_for_offset(at.start()) + 1,
                 depth.is_too_deep() ? "nested too deeply" : "more than a text may have");
        }
    });
}

} // namespace mirai_torch
