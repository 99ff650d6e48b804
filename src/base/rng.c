/*
 * rng: the generator MRG32k3a, jumps ahead in it, and draws from it. No state of its own; any
 * thread.
 *
 * P. L'Ecuyer, "Good parameters and implementations for combined multiple recursive random number
 * generators", Operations Research 47 (1999); streams: L'Ecuyer, Simard, Chen and Kelton, "An
 * object-oriented random-number package with many long streams and substreams", ibid. 50 (2002).
 * M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
 * Statistics 37 (1988).
 */
#include "rng.h"

#include <math.h>
#include <string.h>

#include "detail.h"

/* R's numbers to the last bit want products and sums rounded one by one; GCC does so in standard C.
 */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define M1 UINT64_C(4294967087)
#define M2 UINT64_C(4294944443)

/* One of the two components: it goes ahead by a product with a matrix, modulo its modulus. */
typedef struct component {
    uint64_t modulus;
    uint32_t substream[3][3]; /* its one-step matrix to the power of 2^76 */
    uint32_t stream[3][3];    /* and of 2^127 */
} component;

static const component components[2] = {
    {M1,
     {{82758667, 1871391091, 4127413238},
      {3672831523, 69195019, 1871391091},
      {3672091415, 3528743235, 69195019}},
     {{2427906178, 3580155704, 949770784},
      {226153695, 1230515664, 3580155704},
      {1988835001, 986791581, 1230515664}}},
    {M2,
     {{1511326704, 3759209742, 1610795712},
      {4292754251, 1511326704, 3889917532},
      {3859662829, 4292754251, 3708466080}},
     {{1464411153, 277697599, 1610723613},
      {32183930, 1464411153, 1022607788},
      {2824425944, 32183930, 2093834863}}},
};

/* ---- state ----------------------------------------------------------------------------------- */

static bool is_valid(const uint32_t s[6])
{
    return (s[0] | s[1] | s[2]) != 0 && s[0] < M1 && s[1] < M1 && s[2] < M1 &&
           (s[3] | s[4] | s[5]) != 0 && s[3] < M2 && s[4] < M2 && s[5] < M2;
}

static mirai_status check(const mirai_rng *rng)
{
    if (!rng) return mirai__fail(MIRAI_E_INVALID, "the generator is NULL");
    if (!is_valid(rng->state))
        return mirai__fail(MIRAI_E_RANGE, "the generator has no valid state; was it seeded?");
    return MIRAI_OK;
}

mirai_status mirai_rng_seed(mirai_rng *rng, int32_t seed)
{
    mirai__detail_clear();
    if (!rng) return mirai__fail(MIRAI_E_INVALID, "the generator is NULL");
    uint32_t s = (uint32_t)seed;
    for (int i = 0; i < 50; i++) s = 69069 * s + 1; /* seeds that are close shall not stay so */
    for (int i = 0; i < 6; i++) {
        do s = 69069 * s + 1;
        while (s >= M2); /* below both moduli; no three in a row are zero */
        rng->state[i] = s;
    }
    return MIRAI_OK;
}

mirai_status mirai_rng_from_state(mirai_rng *rng, const uint32_t state[6])
{
    mirai__detail_clear();
    if (!rng) return mirai__fail(MIRAI_E_INVALID, "the generator is NULL");
    if (!state) return mirai__fail(MIRAI_E_INVALID, "the state is NULL");
    if (!is_valid(state))
        return mirai__fail(MIRAI_E_RANGE, "no state of a generator: %lu, %lu, %lu, %lu, %lu, %lu",
                           (unsigned long)state[0], (unsigned long)state[1],
                           (unsigned long)state[2], (unsigned long)state[3],
                           (unsigned long)state[4], (unsigned long)state[5]);
    memmove(rng->state, state, sizeof rng->state); /* the state may be its own */
    return MIRAI_OK;
}

/* ---- jumps ----------------------------------------------------------------------------------- */

/* One element of a product of matrices; the column's elements lie `stride` apart. */
static uint32_t inner(const uint32_t row[3], const uint32_t *column, size_t stride,
                      uint64_t modulus)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < 3; k++) sum += (uint64_t)row[k] * column[k * stride] % modulus;
    return (uint32_t)(sum % modulus);
}

static void apply(const uint32_t matrix[3][3], uint64_t modulus, uint32_t vector[3])
{
    uint32_t out[3];
    for (size_t i = 0; i < 3; i++) out[i] = inner(matrix[i], vector, 1, modulus);
    memcpy(vector, out, sizeof out);
}

static void square(uint32_t matrix[3][3], uint64_t modulus)
{
    uint32_t old[3][3];
    memcpy(old, matrix, sizeof old);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) matrix[i][j] = inner(old[i], &old[0][j], 3, modulus);
}

/* Multiply the vector by the matrix, count times. */
static void jump(const uint32_t matrix[3][3], uint64_t modulus, uint64_t count, uint32_t vector[3])
{
    uint32_t power[3][3];
    memcpy(power, matrix, sizeof power);
    for (; count > 0; count >>= 1) {
        if (count & 1) apply((const uint32_t(*)[3])power, modulus, vector);
        if (count > 1) square(power, modulus);
    }
}

mirai_status mirai_rng_skip_streams(mirai_rng *rng, uint64_t count)
{
    mirai__detail_clear();
    MIRAI_TRY(check(rng));
    for (int i = 0; i < 2; i++)
        jump(components[i].stream, components[i].modulus, count, rng->state + 3 * i);
    return MIRAI_OK;
}

mirai_status mirai_rng_next_stream(mirai_rng *rng)
{
    return mirai_rng_skip_streams(rng, 1);
}

mirai_status mirai_rng_next_substream(mirai_rng *rng)
{
    mirai__detail_clear();
    MIRAI_TRY(check(rng));
    for (int i = 0; i < 2; i++)
        apply(components[i].substream, components[i].modulus, rng->state + 3 * i);
    return MIRAI_OK;
}

/* ---- draws ----------------------------------------------------------------------------------- */

/* One draw from a valid state, which stays valid: 1 to M1, all equally likely. */
static uint64_t draw(mirai_rng *rng)
{
    uint32_t *s = rng->state;
    uint64_t first = (1403580 * (uint64_t)s[1] + 810728 * (M1 - s[0])) % M1;
    uint64_t second = (527612 * (uint64_t)s[5] + 1370589 * (M2 - s[3])) % M2;
    s[0] = s[1];
    s[1] = s[2];
    s[2] = (uint32_t)first;
    s[3] = s[4];
    s[4] = s[5];
    s[5] = (uint32_t)second;
    return first > second ? first - second : first + M1 - second;
}

/* The factor is 1 / (M1 + 1) in the digits that are published, so that no product is 0 or 1. */
static double draw_uniform(mirai_rng *rng)
{
    return (double)draw(rng) * 2.328306549295727688e-10;
}

double mirai_rng_uniform(mirai_rng *rng)
{
    return check(rng) == MIRAI_OK ? draw_uniform(rng) : (double)NAN;
}

double mirai_rng_normal(mirai_rng *rng)
{
    static const double steps = 0x1p27, below_one = 1 - 0x1p-53;
    if (check(rng) != MIRAI_OK) return (double)NAN;
    double step = floor(steps * draw_uniform(rng));
    double p = (step + draw_uniform(rng)) / steps; /* rounding may make it 1, though never 0 */
    return mirai__rng_normal_quantile(p < 1 ? p : below_one);
}

/* Below a bound of at most M1: equal shares of the draws, and none of those left over. */
static uint64_t draw_below(mirai_rng *rng, uint64_t bound)
{
    uint64_t share = M1 / bound, integer;
    do integer = (draw(rng) - 1) / share;
    while (integer >= bound);
    return integer;
}

uint64_t mirai_rng_below(mirai_rng *rng, uint64_t bound)
{
    if (check(rng) != MIRAI_OK) return 0;
    if (bound == 0) {
        mirai__fail(MIRAI_E_RANGE, "no integer is below 0");
        return 0;
    }
    if (bound <= M1) return draw_below(rng, bound);
    uint64_t share = UINT64_MAX / bound, integer;
    do {
        uint64_t bits = draw_below(rng, 1 << 20);
        bits = bits << 22 | draw_below(rng, 1 << 22);
        bits = bits << 22 | draw_below(rng, 1 << 22);
        integer = bits / share;
    } while (integer >= bound);
    return integer;
}

/* ---- the normal quantile ----------------------------------------------------------------------
 */

/* A quotient of two polynomials of degree 7, the constant terms first. */
typedef struct quotient {
    double top[8], bottom[8];
} quotient;

static const quotient centre = {
    {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3},
    {1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3},
};
static const quotient flank = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9},
};
static const quotient tail = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15},
};

static double polynomial(const double coefficients[8], double x)
{
    double sum = coefficients[7];
    for (int i = 6; i >= 0; i--) sum = sum * x + coefficients[i];
    return sum;
}

double mirai__rng_normal_quantile(double p)
{
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double x = 0.180625 - q * q;
        return q * polynomial(centre.top, x) / polynomial(centre.bottom, x);
    }
    double r = sqrt(-log(q < 0 ? p : 1 - p));
    const quotient *side = r <= 5 ? &flank : &tail;
    double x = r - (r <= 5 ? 1.6 : 5);
    double size = polynomial(side->top, x) / polynomial(side->bottom, x);
    return q < 0 ? -size : size;
}
