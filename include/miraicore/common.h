/**
 * @file common.h
 * Memory in common: bytes that a host and its daemons on the same machine read and write at once. All else that is
 * sent is isolated; this is not, on purpose: weights that many daemons train without waiting for each other
 * (Hogwild), counters, progress that is looked at while a task runs.
 *
 * It is a value, a reference of class "mirai_common", and is sent as such: alone, in a list or a dict, in what a refhook
 * gives, on any transport. What travels is its name. Who receives it has the same bytes, as long as it keeps the value;
 * who receives it twice, or gets its own back, has it once. Nobody orders what is read and written: use atomic
 * operations, or numbers that may be lost.
 *
 * The bytes exist as long as any process has them, and nothing is left of them after that, however the processes end. A task
 * holds what is among its arguments until it has resolved, and then its result does until that is read; so does a shared
 * value (pool.h). So the value may be released as soon as it was submitted. Only what a daemon keeps beyond its task, and
 * sends back in the result of a later one, must be held by the host or by that daemon until the result was read; else it
 * is lost, and reading the result says so. Each process that has it uses one descriptor.
 */
#ifndef MIRAICORE_COMMON_H
#define MIRAICORE_COMMON_H

#include <miraicore/value.h>

MIRAI_BEGIN_DECLS

/**
 * New memory in common, of zeros, aligned to a page. All of it is taken from the machine at once, so that no access
 * fails later.
 * @param size_bytes  1 or more.
 * @return owned, release with mirai_value_release(); NULL on failure (detail set): MIRAI_E_INVALID for 0 bytes;
 *         MIRAI_E_NOMEM, MIRAI_E_NOSPACE or MIRAI_E_NOFILES when the machine has no more; MIRAI_E_UNSUPPORTED in a
 *         daemon, whose memory would be gone by the time that its host reads a result: it gets what its host made.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_value *mirai_common(size_t size_bytes);

/**
 * The bytes, to be read and written by whoever has them.
 * @param value  borrowed; NULL is allowed.
 * @return borrowed from the value; NULL when it is no memory in common.
 * @thread any   @since 0.1
 */
MIRAI_API void *mirai_common_data(const mirai_value *value);

/**
 * How many bytes there are.
 * @param value  borrowed; NULL is allowed.
 * @return the size in bytes; 0 when it is no memory in common.
 * @thread any   @since 0.1
 */
MIRAI_API size_t mirai_common_size(const mirai_value *value);

MIRAI_END_DECLS
#endif
