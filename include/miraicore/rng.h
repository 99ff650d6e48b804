/**
 * @file rng.h
 * Random numbers for tasks: L'Ecuyer's MRG32k3a, with streams that lie far apart.
 *
 * Seeded alike, the numbers are those of R's RNGkind("L'Ecuyer-CMRG"), and the streams those of its
 * parallel::nextRNGStream(). Results that shall not depend on which daemon runs a task give each
 * task a stream of its own: the host sends the six numbers of `state` along, then takes the next
 * stream.
 *
 * The period is about 2^191; streams start 2^127 draws apart, substreams of a stream 2^76. A draw
 * has about 32 bits. Good for sampling and simulation; not for keys, tokens or anything else that
 * must be secret.
 *
 * A generator whose state is not valid (one that was never seeded, say) draws NaN, or 0 from
 * mirai_rng_below(), and sets the detail text; draws that succeed leave the detail text alone.
 *
 * Thread safety: a generator is plain memory of the caller's, for one thread at a time; there is no
 * other state, so that different generators are independent, also in a forked child.
 */
#ifndef MIRAICORE_RNG_H
#define MIRAICORE_RNG_H

#include <miraicore/error.h>

MIRAI_BEGIN_DECLS

/**
 * A generator. May be copied by assignment; the copy then draws the same numbers. A state is valid
 * if the first three numbers are below 4294967087 and not all zero, and the last three below
 * 4294944443 and not all zero. Taken as int32_t they are R's .Random.seed[2:7].
 */
typedef struct mirai_rng {
    /** Three numbers of either component, the oldest first. */
    uint32_t state[6];
} mirai_rng;

/**
 * Start a generator where R's set.seed(seed, "L'Ecuyer-CMRG") does. Every seed is good.
 * @param[out] rng  filled.
 * @param seed      any number; INT32_MIN, which R reads as NA, has no counterpart there.
 * @return MIRAI_OK; MIRAI_E_INVALID.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_rng_seed(mirai_rng *rng, int32_t seed);

/**
 * Start a generator from a state that came from elsewhere.
 * @param[out] rng  filled; unchanged on failure.
 * @param state     borrowed; six numbers.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_RANGE if the state is not valid.
 * @thread any   @since 0.1
 */
MIRAI_API MIRAI_NODISCARD mirai_status mirai_rng_from_state(mirai_rng *rng,
                                                            const uint32_t state[6]);

/**
 * Go to the same place in the next stream, 2^127 draws ahead: R's nextRNGStream().
 * @param[in,out] rng  unchanged on failure.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_RANGE if the state is not valid.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_rng_next_stream(mirai_rng *rng);

/**
 * Go to the same place in the next substream, 2^76 draws ahead: R's nextRNGSubStream().
 * @param[in,out] rng  unchanged on failure.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_RANGE if the state is not valid.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_rng_next_substream(mirai_rng *rng);

/**
 * The same as `count` calls of mirai_rng_next_stream(), in time that grows with the logarithm of
 * count. So task number n finds its stream from the first one alone.
 * @param[in,out] rng  unchanged on failure.
 * @param count        0 or more.
 * @return MIRAI_OK; MIRAI_E_INVALID; MIRAI_E_RANGE if the state is not valid.
 * @thread any   @since 0.1
 */
MIRAI_API mirai_status mirai_rng_skip_streams(mirai_rng *rng, uint64_t count);

/**
 * A number between 0 and 1, never either: k / 4294967088 with k from 1 to 4294967087, all equally
 * likely. Takes one draw. Bit for bit that of R's runif().
 * @param[in,out] rng  a valid generator.
 * @return the number; NaN (detail set) if there is no valid generator.
 * @thread any   @since 0.1
 */
MIRAI_API double mirai_rng_uniform(mirai_rng *rng);

/**
 * A number of the standard normal distribution: its quantile function (Wichura 1988, algorithm
 * AS 241) at a probability that is put together from two draws, always two. Keeps nothing between
 * calls. It is that of R's rnorm() with the default "Inversion", bit for bit if both use the same
 * log(). Always finite: where R gives Inf, about once in 2^54 calls, this gives 8.2095.
 * @param[in,out] rng  a valid generator.
 * @return the number; NaN (detail set) if there is no valid generator.
 * @thread any   @since 0.1
 */
MIRAI_API double mirai_rng_normal(mirai_rng *rng);

/**
 * An integer below a bound, all equally likely: draws that would favour some are drawn again. Takes
 * one draw or more up to a bound of 4294967087, three or more above. Not the numbers of R's
 * sample(), which are not exactly equally likely.
 * @param[in,out] rng  a valid generator.
 * @param bound        1 or more.
 * @return 0 to bound - 1; 0 (detail set) if bound is 0 or there is no valid generator.
 * @thread any   @since 0.1
 */
MIRAI_API uint64_t mirai_rng_below(mirai_rng *rng, uint64_t bound);

MIRAI_END_DECLS
#endif
