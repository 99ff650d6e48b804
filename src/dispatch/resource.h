/*
 * resource: what a pool's tasks may take while they run: owned by the pool, counted by the scheduler.
 */
#ifndef MIRAI__RESOURCE_H
#define MIRAI__RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"
#include <miraicore/pool.h>

/* A copy in one block, names and all; without any given, "cpus": as many as this process may use. E_NOMEM. */
mirai_status mirai__resources_copy(const mirai_resource *from, size_t count, mirai_resource **out,
                                   size_t *out_count);
/* Names are given once each, amounts are in range, gpus whole (and at most 64 where it is what there is). E_INVALID. */
mirai_status mirai__resources_check(const mirai_resource *resources, size_t count, bool have);
/* The variables that name a job's devices, as an encoded dict; bit i is the host's device i. NULL: no memory. */
mirai__segment *mirai__resources_environment(mirai_pool *pool, uint64_t devices);

#endif
