/*
 * failure: errors inside the wrapper are exceptions; at its C surface they are statuses.
 *
 * Every exported function and every hook has its body in attempt() or attempt_value(): no exception crosses.
 * What is cheap to check is checked before libtorch is asked, since an exception of libtorch's costs
 * milliseconds (it collects a backtrace when thrown).
 */
#ifndef MIRAI__TORCH_FAILURE_H
#define MIRAI__TORCH_FAILURE_H

#include <utility>

#include <miraicore/value.h>

namespace mirai_torch {

/* Thrown by fail(), after the thread's detail text has been set. */
struct Failure {
    mirai_status status;
};

[[noreturn]] void fail(mirai_status status, const char *format, ...) MIRAI_PRINTF(2, 3);

/* Throws with the detail that is there already, set by the call that has just failed. */
[[noreturn]] void fail_as_is(mirai_status status);

/* Throws for a builder that gave NULL. The core tells only its words; the status is taken from these. */
[[noreturn]] void fail_builder();

/* In a catch block: the status of the exception at hand, whose words become the detail text. */
mirai_status caught() noexcept;

/* What to return for an argument that is NULL: keeps the detail of a builder that failed before. */
mirai_status missing(const char *what) noexcept;

void clear_detail() noexcept;

/* While one lives, libtorch's warnings on this thread go nowhere: a library does not print. */
class Quiet
{
  public:
    Quiet() noexcept;
    Quiet(const Quiet &) = delete;
    Quiet &operator=(const Quiet &) = delete;
    ~Quiet();

  private:
    void *before_;
};

/* The body of a call that returns a status. */
template <class Body> mirai_status attempt(Body &&body) noexcept
{
    Quiet quiet;
    clear_detail();
    try {
        std::forward<Body>(body)();
        return MIRAI_OK;
    } catch (...) {
        return caught();
    }
}

/* The body of a call that returns an owned value, NULL on failure; an older detail is left alone. */
template <class Body> mirai_value *attempt_value(Body &&body) noexcept
{
    Quiet quiet;
    try {
        return std::forward<Body>(body)();
    } catch (...) {
        (void)caught();
        return nullptr;
    }
}

} // namespace mirai_torch

#endif
