/**
 * @file error.h
 * The status that a call returns, its detail text, and the outcome of a task.
 *
 * Two families, kept apart. A mirai_status says whether *this call* did its work: 0 is success, errors
 * are negative. A mirai_outcome says how *a task* ended: it is never negative, and a task that failed
 * is not a failed call. Numbers are pinned for ever and gapped by family; readers accept unknown ones.
 *
 * Thread safety: everything here is safe on any thread. The detail text is thread-local.
 */
#ifndef MIRAICORE_ERROR_H
#define MIRAICORE_ERROR_H

#include <miraicore/version.h>

MIRAI_BEGIN_DECLS

/** What a fallible call returns: MIRAI_OK, or one of the negative MIRAI_E_* below. */
typedef int32_t mirai_status;

/**
 * Every status: X(name, number, text). -1 to -29 are the caller's, -30 to -59 the system's,
 * -60 to -89 the peer's, -90 to -119 the data's.
 */
#define MIRAI_STATUS_MAP(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(E_INVALID, -1, "invalid argument")                                                           \
    X(E_TYPE, -2, "value of another type")                                                         \
    X(E_RANGE, -3, "out of range")                                                                 \
    X(E_NOT_FOUND, -4, "not found")                                                                \
    X(E_EXISTS, -5, "already exists")                                                              \
    X(E_STATE, -6, "not possible in this state")                                                   \
    X(E_AGAIN, -7, "not yet")                                                                      \
    X(E_TIMEDOUT, -8, "timed out")                                                                 \
    X(E_INTERRUPTED, -9, "interrupted")                                                            \
    X(E_CLOSED, -10, "closed")                                                                     \
    X(E_FORKED, -11, "the library cannot be used in a forked child")                               \
    X(E_UNSUPPORTED, -12, "not supported")                                                         \
    X(E_FULL, -13, "budget exhausted")                                                             \
    X(E_INFEASIBLE, -14, "can never be met")                                                       \
    X(E_NOMEM, -30, "out of memory")                                                               \
    X(E_SYSTEM, -31, "system error")                                                               \
    X(E_NOFILES, -32, "too many open files")                                                       \
    X(E_NOSPACE, -33, "no space left")                                                             \
    X(E_PERMISSION, -34, "permission denied")                                                      \
    X(E_NOENT, -35, "no such file or command")                                                     \
    X(E_PROTOCOL, -60, "protocol violated")                                                        \
    X(E_VERSION, -61, "version mismatch")                                                          \
    X(E_CONNRESET, -62, "connection lost")                                                         \
    X(E_REFUSED, -63, "connection refused")                                                        \
    X(E_ADDRESS, -64, "bad or unavailable address")                                                \
    X(E_START, -65, "a daemon did not start")                                                      \
    X(E_AUTH, -66, "authentication failed")                                                        \
    X(E_DECODE, -90, "malformed message")                                                          \
    X(E_LIMIT, -91, "limit exceeded")                                                              \
    X(E_HOOK, -92, "a refhook failed")                                                             \
    X(E_MODULE, -93, "a module could not be loaded")                                               \
    X(E_FUNCTION, -94, "unknown function")                                                         \
    X(E_USER, -95, "error of a user's function")

enum {
#define MIRAI_STATUS_ENUM(name, number, text) MIRAI_##name = number,
    MIRAI_STATUS_MAP(MIRAI_STATUS_ENUM)
#undef MIRAI_STATUS_ENUM
        MIRAI_STATUS_FORCE_INT32 = INT32_MAX
};

/** How a task ended: one of MIRAI_OUTCOME_*. The numbers 5, 7, 19 and 20 are those of R's mirai. */
typedef int32_t mirai_outcome;

/** Every outcome: X(name, number, text). */
#define MIRAI_OUTCOME_MAP(X)                                                                       \
    X(VALUE, 0, "value")                                                                           \
    X(TIMEDOUT, 5, "timed out")                                                                    \
    X(CLOSED, 7, "pool closed")                                                                    \
    X(LOST, 19, "daemon lost")                                                                     \
    X(CANCELLED, 20, "cancelled")                                                                  \
    X(FAILED, 100, "failed")

enum {
#define MIRAI_OUTCOME_ENUM(name, number, text) MIRAI_OUTCOME_##name = number,
    MIRAI_OUTCOME_MAP(MIRAI_OUTCOME_ENUM)
#undef MIRAI_OUTCOME_ENUM
        MIRAI_OUTCOME_FORCE_INT32 = INT32_MAX
};

/** Time-out parameters are int64_t milliseconds: 0 does not wait, MIRAI_FOREVER waits for ever. */
#define MIRAI_FOREVER ((int64_t)-1)

/** Hand a failed status on to the caller. */
#define MIRAI_TRY(expression)                                                                      \
    do {                                                                                           \
        mirai_status mirai_try_status_ = (expression);                                             \
        if (mirai_try_status_ != 0) return mirai_try_status_;                                      \
    } while (0)

/**
 * The name of a status, such as "MIRAI_E_INVALID".
 * @param status  any number.
 * @return borrowed, lives for ever; "MIRAI_E_UNKNOWN" for a number not in the table.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_status_name(mirai_status status);

/**
 * A status in a few words, such as "invalid argument".
 * @param status  any number.
 * @return borrowed, lives for ever; "unknown status" for a number not in the table.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_status_text(mirai_status status);

/**
 * An outcome in a few words, such as "daemon lost".
 * @param outcome  any number.
 * @return borrowed, lives for ever; "unknown outcome" for a number not in the table.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_outcome_text(mirai_outcome outcome);

/**
 * What went wrong in the last call of this library that failed on this thread, in one sentence. To be read
 * right after that call: most clear it on entry. Builders of values and buffers set it when they fail and
 * clear nothing, and calls that take values keep what a builder has said: so a tree is checked once.
 * @return borrowed until the next call on this thread; never NULL, "" when there is nothing to say.
 * @thread any (the text is the calling thread's own)   @since 0.1
 */
MIRAI_API const char *mirai_error_detail(void);

/**
 * Set this thread's detail text: for hooks, functions and bindings, which fail by
 * `return mirai_error_set(MIRAI_E_USER, "no such file: %s", path);`
 * @param status  the status to return, negative.
 * @param format  borrowed; printf-like. The text is cut at 1,023 bytes.
 * @return status.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_error_set(mirai_status status, const char *format, ...)
    MIRAI_PRINTF(2, 3);

MIRAI_END_DECLS
#endif
