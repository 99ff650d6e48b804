/**
 * @file miraicore.h
 * The whole public API of libmiraicore, except miraicore/torch.h.
 *
 * Conventions (who owns what, time, threads, errors) are written once, in include/README.md;
 * each prototype says what is particular to it.
 */
#ifndef MIRAICORE_H
#define MIRAICORE_H

#include <miraicore/version.h>
#include <miraicore/error.h>
#include <miraicore/rng.h>
#include <miraicore/buffer.h>
#include <miraicore/value.h>
#include <miraicore/common.h>
#include <miraicore/refhook.h>
#include <miraicore/task.h>
#include <miraicore/pool.h>
#include <miraicore/daemon.h>
#include <miraicore/launch.h>
#include <miraicore/status.h>
#include <miraicore/many.h>
#include <miraicore/profile.h>
#include <miraicore/easy.h>

#endif
