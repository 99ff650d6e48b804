/*
 * Random numbers: they are those of R, streams are where they should be, and bad states are
 * refused.
 *
 * The vectors are the output of R 4.2.2 (Debian 12, x86-64), made by
 *     RNGkind("L'Ecuyer-CMRG"); library(parallel)
 *     numbers <- function(s) as.numeric(s[2:7]) %% 2^32
 *     set.seed(42); s <- .Random.seed; numbers(nextRNGStream(s)); numbers(nextRNGSubStream(s))
 *     t <- s; for (i in 1:1000) t <- nextRNGStream(t); numbers(t)
 *     set.seed(42); sprintf("%a", runif(8)); numbers(.Random.seed)
 *     set.seed(42); sprintf("%a", rnorm(8)); numbers(.Random.seed)
 *     sprintf("%a", qnorm(p))
 * and, where a case gives a state, by .Random.seed <- c(10407L, <that state>); rnorm(1).
 */
#include <setjmp.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "rng.h"

#define M1 UINT64_C(4294967087)
#define M2 UINT64_C(4294944443)

static mirai_rng seeded(int32_t seed)
{
    mirai_rng rng;
    assert_int_equal(mirai_rng_seed(&rng, seed), MIRAI_OK);
    return rng;
}

static void assert_state(const mirai_rng *rng, const uint32_t state[6])
{
    for (int i = 0; i < 6; i++) assert_int_equal(rng->state[i], state[i]);
}

static void assert_same(const mirai_rng *one, const mirai_rng *other)
{
    assert_state(one, other->state);
}

static void assert_exactly(double number, double wanted)
{
    assert_memory_equal(&number, &wanted, sizeof number);
}

/* Where log() has a part: C libraries may differ in its last bit. */
static void assert_nearly(double number, double wanted)
{
    assert_true(fabs(number - wanted) <= 4 * DBL_EPSILON * fabs(wanted));
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void test_rng__refuses_what_is_missing(void **state)
{
    (void)state;
    mirai_rng rng = seeded(1), before = rng;
    assert_int_equal(mirai_rng_seed(NULL, 1), MIRAI_E_INVALID);
    assert_int_equal(mirai_rng_from_state(NULL, rng.state), MIRAI_E_INVALID);
    assert_int_equal(mirai_rng_from_state(&rng, NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_rng_next_stream(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_rng_next_substream(NULL), MIRAI_E_INVALID);
    assert_int_equal(mirai_rng_skip_streams(NULL, 0), MIRAI_E_INVALID);
    assert_string_not_equal(mirai_error_detail(), "");
    assert_true(isnan(mirai_rng_uniform(NULL)));
    assert_true(isnan(mirai_rng_normal(NULL)));
    assert_int_equal(mirai_rng_below(NULL, 5), 0);
    assert_int_equal(mirai_rng_seed(&rng, 1), MIRAI_OK);
    assert_string_equal(mirai_error_detail(), "");
    assert_int_equal(mirai_rng_below(&rng, 0), 0);
    assert_string_not_equal(mirai_error_detail(), "");
    assert_same(&rng, &before);
}

/* That neither calls nor draws accept a state, and none of them changes it. */
static void assert_refused(const uint32_t bad[6])
{
    mirai_rng rng = seeded(1), before = rng;
    assert_int_equal(mirai_rng_from_state(&rng, bad), MIRAI_E_RANGE);
    assert_same(&rng, &before);
    memcpy(rng.state, bad, sizeof rng.state);
    assert_int_equal(mirai_rng_next_stream(&rng), MIRAI_E_RANGE);
    assert_int_equal(mirai_rng_next_substream(&rng), MIRAI_E_RANGE);
    assert_int_equal(mirai_rng_skip_streams(&rng, 0), MIRAI_E_RANGE);
    assert_true(isnan(mirai_rng_uniform(&rng)));
    assert_true(isnan(mirai_rng_normal(&rng)));
    mirai_error_set(MIRAI_E_USER, "%s", "");
    assert_int_equal(mirai_rng_below(&rng, 5), 0);
    assert_string_not_equal(mirai_error_detail(), "");
    assert_state(&rng, bad);
}

static void test_rng__refuses_states_that_are_none(void **state)
{
    (void)state;
    assert_refused((uint32_t[6]){0, 0, 0, 0, 0, 0});
    assert_refused((uint32_t[6]){0, 0, 0, 1, 1, 1});
    assert_refused((uint32_t[6]){1, 1, 1, 0, 0, 0});
    for (int i = 0; i < 6; i++) {
        uint32_t limit = (uint32_t)(i < 3 ? M1 : M2);
        uint32_t numbers[6] = {1, 1, 1, 1, 1, 1};
        numbers[i] = limit;
        assert_refused(numbers);
        numbers[i] = UINT32_MAX;
        assert_refused(numbers);
        numbers[i] = limit - 1;
        mirai_rng rng;
        assert_int_equal(mirai_rng_from_state(&rng, numbers), MIRAI_OK);
        assert_state(&rng, numbers);
        double number = mirai_rng_uniform(&rng);
        assert_true(number > 0 && number < 1);
    }
    for (int i = 0; i < 3; i++) { /* one number of each component is enough */
        uint32_t numbers[6] = {0};
        numbers[i] = numbers[i + 3] = 1;
        mirai_rng rng;
        assert_int_equal(mirai_rng_from_state(&rng, numbers), MIRAI_OK);
        assert_int_equal(mirai_rng_from_state(&rng, rng.state), MIRAI_OK);
        assert_state(&rng, numbers);
    }
}

/* ---- R's numbers ----------------------------------------------------------------------------- */

static void test_rng__seeds_as_r(void **state)
{
    (void)state;
    static const struct {
        int32_t seed;
        uint32_t state[6];
    } cases[] = {
        {0, {3459174471, 1280795612, 4125696813, 3852956682, 3691408899, 4072619880}},
        {1, {1280795612, 4125696813, 3852956682, 3691408899, 4072619880, 1489374793}},
        {42, {2161575609, 507561766, 1260545903, 1362917092, 2522400917, 2950508626}},
        {123456789, {782777472, 608891521, 3503668814, 3558955639, 3938745420, 1978885341}},
        {-1, {1342586034, 2730861707, 103469648, 4014504465, 3310197918, 2360897671}},
        {-INT32_MAX, {3428279260, 1978213165, 1705473034, 1543925251, 1925136232, 3636858441}},
        {INT32_MAX, {3490069682, 583378059, 2250953296, 1867020817, 1162714270, 213414023}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mirai_rng rng = seeded(cases[i].seed);
        assert_state(&rng, cases[i].state);
    }
    mirai_rng rng = seeded(INT32_MIN), again;
    assert_int_equal(mirai_rng_from_state(&again, rng.state), MIRAI_OK);
}

/* set.seed() of these seeds meets numbers of m2 and more, which are drawn again. */
static void test_rng__seeds_below_the_moduli(void **state)
{
    (void)state;
    for (int32_t seed = -100000; seed < 100000; seed++) {
        mirai_rng rng = seeded(seed), again;
        assert_int_equal(mirai_rng_from_state(&again, rng.state), MIRAI_OK);
        for (int i = 0; i < 3; i++) assert_true(rng.state[i] < M2);
    }
}

static void test_rng__is_uniform_as_r(void **state)
{
    (void)state;
    static const double wanted[] = {
        0x1.6409276147701p-3, 0x1.1c06e4dac59ap-1,  0x1.eefa698e2b75dp-2, 0x1.799761a6caff6p-1,
        0x1.97d756555ef63p-1, 0x1.19796004b29e1p-5, 0x1.5220364eba2c3p-2, 0x1.63a840eef8b4dp-1,
    };
    mirai_rng rng = seeded(42);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_exactly(mirai_rng_uniform(&rng), wanted[i]);
    assert_state(
        &rng, (uint32_t[6]){3084550284, 3872110800, 366573065, 2936976787, 2453908353, 1678071121});
    for (int i = 8; i < 1000000 - 1; i++) mirai_rng_uniform(&rng);
    assert_exactly(mirai_rng_uniform(&rng), 0x1.45633c6a60a12p-1); /* runif(1e6)[1e6] */
    assert_state(
        &rng, (uint32_t[6]){3388810370, 1331311607, 60700440, 1211847325, 1630180602, 1626118294});
}

static void test_rng__is_normal_as_r(void **state)
{
    (void)state;
    static const double wanted[] = {
        -0x1.e0ceb5fa719e1p-1, -0x1.55701888dc266p-5, 0x1.a8a8e2a6bb19ep-1, -0x1.c1e71d984e778p-2,
        -0x1.4192814885abcp-2, -0x1.1083d8a893cd5p+1, 0x1.40e2d5931c65bp+1, -0x1.20979187fcfdep+0,
    };
    mirai_rng rng = seeded(42);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_nearly(mirai_rng_normal(&rng), wanted[i]);
    assert_state(
        &rng, (uint32_t[6]){785935172, 138699150, 376145291, 3521164320, 3876157452, 2525417261});
}

/* States whose next draws were chosen: both the least, the greatest, and so on. */
static void test_rng__is_normal_at_the_ends(void **state)
{
    (void)state;
    static const struct {
        uint32_t state[6];
        double uniform, normal;
    } cases[] = {
        {{3767229561, 12345, 1004048023, 1063197932, 0, 67890},
         0x1.000000d00000bp-32,
         -0x1.163d21bfe862fp+3},
        {{3767229561, 12345, 192359281, 1063197932, 0, 67890},
         0x1.000000d00000bp-32,
         -0x1.d196415b19b55p+2},
        {{2957979119, 12345, 2012510628, 1063197932, 0, 67890},
         0x1.400001040000ep-30,
         -0x1.0f1422a00df81p+3},
        {{1822058628, 12345, 1004048023, 1063197932, 0, 67890},
         0x1.fffffffe00001p-1,
         0x1.6a69a3448806bp+2},
        /* Here rnorm(1) is Inf, and this is qnorm(1 - 2^-53). */
        {{1822058628, 12345, 1551798770, 1063197932, 0, 67890},
         0x1.fffffffe00001p-1,
         0x1.06b48528cea51p+3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mirai_rng rng;
        assert_int_equal(mirai_rng_from_state(&rng, cases[i].state), MIRAI_OK);
        mirai_rng copy = rng;
        assert_exactly(mirai_rng_uniform(&copy), cases[i].uniform);
        assert_nearly(mirai_rng_normal(&rng), cases[i].normal);
    }
}

static void test_rng__has_the_normal_quantiles_of_r(void **state)
{
    (void)state;
    static const struct {
        double p, wanted;
    } cases[] = {
        {0x1.56e1fc2f8f359p-997, -0x1.286074064c26ep+5},
        {0x1.79ca10c924223p-67, -0x1.2865170b43a4bp+3},
        {0x1.19799812dea11p-40, -0x1.c234fba57a32ap+2},
        {0x1.47ae147ae147bp-7, -0x1.29c5c4630ff0ep+1},
        {0x1.3333333333333p-4, -0x1.7085226d3e523p+0},
        {0x1.999999999999ap-3, -0x1.aee8fa73a1333p-1},
        {0x1p-1, 0},
        {0x1.3333333333333p-1, 0x1.036d6c4a04b5ap-2},
        {0x1.d99999999999ap-1, 0x1.7085226d3e524p+0},
        {0x1.fae147ae147aep-1, 0x1.29c5c4630ff0ep+1},
        {0x1.fffffffffep-1, 0x1.c30d8560989abp+2},
        {0x1.fffffffffffffp-1, 0x1.06b48528cea51p+3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double number = mirai__rng_normal_quantile(cases[i].p);
        assert_nearly(number, cases[i].wanted);
        if (cases[i].p > 0.1 && cases[i].p < 0.9) assert_exactly(number, cases[i].wanted);
        /* Its inverse, from the C library: an error of p is one of the quantile times |quantile|.
         */
        double p = cases[i].p < 0.5 ? erfc(-number / sqrt(2)) / 2 : 1 - erfc(number / sqrt(2)) / 2;
        assert_true(fabs(p / cases[i].p - 1) < 2e-15 * (2 + number * number));
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

static void test_rng__has_the_streams_of_r(void **state)
{
    (void)state;
    mirai_rng rng = seeded(42);
    assert_int_equal(mirai_rng_next_stream(&rng), MIRAI_OK);
    assert_state(
        &rng, (uint32_t[6]){4200392260, 4270105571, 357812871, 346211554, 2993944461, 440649733});
    assert_int_equal(mirai_rng_next_stream(&rng), MIRAI_OK);
    assert_state(&rng, (uint32_t[6]){3936721085, 2883110042, 3806745505, 1069515918, 2574277581,
                                     1070199760});
    assert_int_equal(mirai_rng_skip_streams(&rng, 998), MIRAI_OK);
    assert_state(&rng,
                 (uint32_t[6]){3018748374, 265149261, 356125851, 25304164, 362877088, 3325518218});
    rng = seeded(42);
    assert_int_equal(mirai_rng_next_substream(&rng), MIRAI_OK);
    assert_state(
        &rng, (uint32_t[6]){2423402294, 1968597656, 3789300514, 1055078269, 658163990, 1090264187});
    assert_int_equal(mirai_rng_next_substream(&rng), MIRAI_OK);
    assert_state(
        &rng, (uint32_t[6]){4172644022, 442418215, 3980816898, 2300597054, 2722590562, 3068388419});
}

/* out = the matrix that is applied `2^doublings` times, from the recurrence of one draw alone. */
static void power_of_step(int component, int doublings, uint64_t out[3][3])
{
    uint64_t modulus = component ? M2 : M1;
    uint64_t step[3][3] = {{0, 1, 0}, {0, 0, 1}, {M1 - 810728, 1403580, 0}};
    if (component) {
        step[2][0] = M2 - 1370589;
        step[2][1] = 0;
        step[2][2] = 527612;
    }
    memcpy(out, step, sizeof step);
    while (doublings-- > 0) {
        memcpy(step, out, sizeof step);
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                out[i][j] = 0;
                for (int k = 0; k < 3; k++)
                    out[i][j] = (out[i][j] + step[i][k] * step[k][j] % modulus) % modulus;
            }
        }
    }
}

static void skip_draws(mirai_rng *rng, int doublings)
{
    for (int component = 0; component < 2; component++) {
        uint64_t modulus = component ? M2 : M1, power[3][3], sum[3] = {0};
        uint32_t *numbers = rng->state + 3 * component;
        power_of_step(component, doublings, power);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                sum[i] = (sum[i] + power[i][k] * numbers[k] % modulus) % modulus;
        for (int i = 0; i < 3; i++) numbers[i] = (uint32_t)sum[i];
    }
}

static void test_rng__has_streams_where_it_says(void **state)
{
    (void)state;
    for (int32_t seed = 0; seed < 20; seed++) {
        mirai_rng rng = seeded(seed), other = rng;
        for (int i = 0; i < 1024; i++) mirai_rng_uniform(&rng);
        skip_draws(&other, 10); /* the test's own arithmetic, against draws */
        assert_same(&rng, &other);
        assert_int_equal(mirai_rng_next_stream(&rng), MIRAI_OK);
        skip_draws(&other, 127);
        assert_same(&rng, &other);
        assert_int_equal(mirai_rng_next_substream(&rng), MIRAI_OK);
        skip_draws(&other, 76);
        assert_same(&rng, &other);
        assert_int_equal(mirai_rng_skip_streams(&rng, UINT64_C(1) << 63), MIRAI_OK);
        skip_draws(&other, 127 + 63);
        assert_same(&rng, &other);
    }
}

static void test_rng__skips_as_many_streams_as_told(void **state)
{
    (void)state;
    mirai_rng counts = seeded(2), rng = seeded(3), before = rng;
    assert_int_equal(mirai_rng_skip_streams(&rng, 0), MIRAI_OK);
    assert_same(&rng, &before);
    for (int round = 0; round < 200; round++) {
        uint64_t count = mirai_rng_below(&counts, 1000);
        mirai_rng one_by_one = rng;
        for (uint64_t i = 0; i < count; i++) mirai_rng_next_stream(&one_by_one);
        assert_int_equal(mirai_rng_skip_streams(&rng, count), MIRAI_OK);
        assert_same(&rng, &one_by_one);
    }
}

static void test_rng__skips_add_up(void **state)
{
    (void)state;
    mirai_rng counts = seeded(4);
    for (int round = 0; round < 1000; round++) {
        uint64_t sum = round == 0 ? UINT64_MAX : mirai_rng_below(&counts, UINT64_MAX) + 1;
        uint64_t part = mirai_rng_below(&counts, sum);
        mirai_rng whole = seeded(round), parts = whole;
        assert_int_equal(mirai_rng_skip_streams(&whole, sum), MIRAI_OK);
        assert_int_equal(mirai_rng_skip_streams(&parts, part), MIRAI_OK);
        assert_int_equal(mirai_rng_skip_streams(&parts, sum - part), MIRAI_OK);
        assert_same(&whole, &parts);
    }
}

/* ---- distributions --------------------------------------------------------------------------- */

enum { MANY = 1000000 };

static void test_rng__spreads_evenly(void **state)
{
    (void)state;
    mirai_rng rng = seeded(5);
    double sum = 0, squares = 0;
    for (int i = 0; i < MANY; i++) {
        double number = mirai_rng_uniform(&rng);
        assert_true(number > 0 && number < 1);
        sum += number - 0.5;
        squares += (number - 0.5) * (number - 0.5);
    }
    assert_true(fabs(sum / MANY) < 4 * sqrt(1.0 / 12 / MANY));
    assert_true(fabs(squares / MANY - 1.0 / 12) < 4 * sqrt(1.0 / 180 / MANY));
}

static void test_rng__spreads_normally(void **state)
{
    (void)state;
    mirai_rng rng = seeded(6);
    double sum = 0, squares = 0, fourth = 0;
    for (int i = 0; i < MANY; i++) {
        double number = mirai_rng_normal(&rng), square = number * number;
        sum += number;
        squares += square;
        fourth += square * square;
    }
    assert_true(fabs(sum / MANY) < 4 * sqrt(1.0 / MANY));
    assert_true(fabs(squares / MANY - 1) < 4 * sqrt(2.0 / MANY));
    assert_true(fabs(fourth / MANY - 3) < 4 * sqrt(96.0 / MANY));
}

static void test_rng__stays_below_any_bound(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1,
                                      2,
                                      3,
                                      6,
                                      65536,
                                      UINT32_MAX / 2 + 1,
                                      M1 - 1,
                                      M1,
                                      M1 + 1,
                                      UINT32_MAX,
                                      UINT64_C(1) << 32,
                                      INT64_MAX,
                                      (uint64_t)INT64_MAX + 2,
                                      UINT64_MAX - 1,
                                      UINT64_MAX};
    mirai_rng rng = seeded(7);
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        uint64_t third = bounds[b] / 3;
        int low = 0, high = 0;
        for (int i = 0; i < 9000; i++) {
            uint64_t integer = mirai_rng_below(&rng, bounds[b]);
            assert_true(integer < bounds[b]);
            low += integer < third;
            high += integer >= bounds[b] - third;
        }
        if (bounds[b] < 3) continue;
        assert_true(low > 2800 && low < 3200); /* 3000 expected, deviation 45 */
        assert_true(high > 2800 && high < 3200);
    }
}

/* With a plain remainder or product, half of this bound would come up twice as often. */
static void test_rng__favours_no_integer(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {M1 / 3 * 2, UINT64_MAX / 3 * 2};
    mirai_rng rng = seeded(8);
    for (size_t b = 0; b < 2; b++) {
        int bins[6] = {0};
        for (int i = 0; i < 60000; i++)
            bins[mirai_rng_below(&rng, bounds[b]) / (bounds[b] / 6 + 1)]++;
        double chi = 0;
        for (int i = 0; i < 6; i++) chi += (bins[i] - 1e4) * (bins[i] - 1e4) / 1e4;
        assert_true(chi < 20.5); /* 5 degrees of freedom: 1 in 1,000 */
    }
    uint64_t set = 0, clear = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t bits = mirai_rng_below(&rng, UINT64_MAX);
        set |= bits;
        clear |= ~bits;
    }
    assert_true((set & clear) == UINT64_MAX); /* every bit takes part */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng__refuses_what_is_missing),
        cmocka_unit_test(test_rng__refuses_states_that_are_none),
        cmocka_unit_test(test_rng__seeds_as_r),
        cmocka_unit_test(test_rng__seeds_below_the_moduli),
        cmocka_unit_test(test_rng__is_uniform_as_r),
        cmocka_unit_test(test_rng__is_normal_as_r),
        cmocka_unit_test(test_rng__is_normal_at_the_ends),
        cmocka_unit_test(test_rng__has_the_normal_quantiles_of_r),
        cmocka_unit_test(test_rng__has_the_streams_of_r),
        cmocka_unit_test(test_rng__has_streams_where_it_says),
        cmocka_unit_test(test_rng__skips_as_many_streams_as_told),
        cmocka_unit_test(test_rng__skips_add_up),
        cmocka_unit_test(test_rng__spreads_evenly),
        cmocka_unit_test(test_rng__spreads_normally),
        cmocka_unit_test(test_rng__stays_below_any_bound),
        cmocka_unit_test(test_rng__favours_no_integer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
