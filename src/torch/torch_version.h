/*
 * torch_version: is the libtorch of this process the one that the wrapper was built against? Pure functions
 * over texts, so that they can be tested without another libtorch at hand.
 */
#ifndef MIRAI__TORCH_VERSION_H
#define MIRAI__TORCH_VERSION_H

#include <miraicore/error.h>

MIRAI_BEGIN_DECLS

/* `config` is libtorch's own description of its build, which holds "TORCH_VERSION=1.13.0". Major and minor
 * number must agree with `built`; E_VERSION says what is wrong in plain words. */
mirai_status mirai__torch_version_check(const char *built, const char *config);

MIRAI_END_DECLS
#endif
