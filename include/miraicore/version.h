/**
 * @file version.h
 * The version of the library, and the macros that every public header uses.
 *
 * Versions with the same major number are ABI stable; the shared object's name carries the major.
 */
#ifndef MIRAICORE_VERSION_H
#define MIRAICORE_VERSION_H

#include <stddef.h>
#include <stdint.h>

#define MIRAI_VERSION_MAJOR 0
#define MIRAI_VERSION_MINOR 1
#define MIRAI_VERSION_PATCH 0

/** One number to compare: major * 10000 + minor * 100 + patch. */
#define MIRAI_VERSION_NUMBER                                                                       \
    (MIRAI_VERSION_MAJOR * 10000 + MIRAI_VERSION_MINOR * 100 + MIRAI_VERSION_PATCH)

#if defined(__GNUC__)
#define MIRAI_API __attribute__((visibility("default")))
#define MIRAI_NODISCARD __attribute__((warn_unused_result))
#define MIRAI_PRINTF(at, first) __attribute__((__format__(__printf__, at, first)))
#else
#define MIRAI_API
#define MIRAI_NODISCARD
#define MIRAI_PRINTF(at, first)
#endif

#ifdef __cplusplus
#define MIRAI_BEGIN_DECLS extern "C" {
#define MIRAI_END_DECLS }
#else
#define MIRAI_BEGIN_DECLS
#define MIRAI_END_DECLS
#endif

MIRAI_BEGIN_DECLS

/**
 * The version of the library at run time, to be compared with MIRAI_VERSION_NUMBER.
 * @return major * 10000 + minor * 100 + patch.
 * @thread any, async-signal-safe   @since 0.1
 */
MIRAI_API int32_t mirai_version(void);

/**
 * The version of the library at run time as text, such as "0.1.0".
 * @return borrowed, lives for ever.
 * @thread any   @since 0.1
 */
MIRAI_API const char *mirai_version_text(void);

/**
 * The version of the wire format that this library speaks (src/wire/FORMAT.md).
 * @return 1 or more.
 * @thread any   @since 0.1
 */
MIRAI_API int32_t mirai_wire_version(void);

MIRAI_END_DECLS
#endif
