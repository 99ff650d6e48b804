/*
 * nng_start: NNG's threads, started at the first need of them and never for socket pairs. Any
 * thread.
 */
#ifndef MIRAI__NNG_START_H
#define MIRAI__NNG_START_H

#include <miraicore/error.h>

/* To be called before anything else of NNG's. */
mirai_status mirai__nng_start(void);

#endif
