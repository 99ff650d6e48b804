/*
 * rng: what the library's own code and tests need of the random numbers in <miraicore/rng.h>.
 */
#ifndef MIRAI__RNG_H
#define MIRAI__RNG_H

#include <miraicore/rng.h>

/* The quantile of the standard normal distribution, for 0 < p < 1 (Wichura's AS 241, 16 digits). */
double mirai__rng_normal_quantile(double p);

#endif
