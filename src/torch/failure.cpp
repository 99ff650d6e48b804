/*
 * failure: exceptions become a status and a detail text, in libtorch's words but without its backtrace.
 * Any thread; no state.
 */
#include "failure.h"

#include <cstdarg>
#include <cstdio>
#include <new>
#include <string_view>

#include <c10/util/Exception.h>

namespace mirai_torch {

void fail(mirai_status status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    throw Failure{mirai_error_set(status, "%s", text)};
}

void fail_as_is(mirai_status status)
{
    throw Failure{status};
}

void fail_builder()
{
    std::string_view words(mirai_error_detail());
    throw Failure{words.empty() || words.substr(0, 13) == "out of memory" ? MIRAI_E_NOMEM : MIRAI_E_INVALID};
}

namespace {

struct Silence : c10::WarningHandler {
    void process(const c10::SourceLocation &, const std::string &, const bool) override {}
};

} // namespace

Quiet::Quiet() noexcept : before_(c10::Warning::get_warning_handler())
{
    static Silence silence;
    c10::Warning::set_warning_handler(&silence);
}

Quiet::~Quiet()
{
    c10::Warning::set_warning_handler(static_cast<c10::WarningHandler *>(before_));
}

void clear_detail() noexcept
{
    (void)mirai_error_set(MIRAI_OK, "%s", "");
}

mirai_status missing(const char *what) noexcept
{
    if (mirai_error_detail()[0]) return MIRAI_E_INVALID;
    return mirai_error_set(MIRAI_E_INVALID, "%s is NULL", what);
}

/* The interpreter puts the cause last, after a trace of the script's lines; people want it first. */
static mirai_status set_detail(const char *text) noexcept
{
    std::string_view words(text);
    if (words.find("can't allocate memory") != std::string::npos)
        return mirai_error_set(MIRAI_E_NOMEM, "out of memory: %s", text);
    static const char mark[] = "RuntimeError: ";
    size_t at = words.rfind(mark);
    if (at == std::string::npos || at == 0) return mirai_error_set(MIRAI_E_USER, "%s", text);
    size_t cause = at + sizeof mark - 1;
    while (at > 0 && words[at - 1] == '\n') at--;
    return mirai_error_set(MIRAI_E_USER, "%s\n%.*s", text + cause, (int)at, text);
}

mirai_status caught() noexcept
{
    try {
        throw;
    } catch (const Failure &failure) {
        return failure.status;
    } catch (const c10::Error &error) {
        return set_detail(error.what_without_backtrace());
    } catch (const std::bad_alloc &) {
        return mirai_error_set(MIRAI_E_NOMEM, "out of memory");
    } catch (const std::exception &error) {
        return set_detail(error.what());
    } catch (...) {
        return mirai_error_set(MIRAI_E_USER, "an exception of an unknown type");
    }
}

} // namespace mirai_torch
