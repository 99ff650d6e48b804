/*
 * nng_start: NNG and its threads, loaded and started at the first need of them and never for daemons that the rings or
 * a socket pair serve. Any thread.
 */
#ifndef MIRAI__NNG_START_H
#define MIRAI__NNG_START_H

#include <miraicore/error.h>

/* To be called before anything else of NNG's. E_UNSUPPORTED: NNG is not here. */
mirai_status mirai__nng_start(void);

#endif
