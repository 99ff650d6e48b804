/*
 * seeds: the random streams of a pool's tasks. Task number i, in order of submission, has stream i of the seed; element
 * j of map number m has stream m * 2^40 + j, so that none meets another. In a pool without a seed there are none: each
 * daemon then makes its own. Guarded by the pool's lock.
 *
 * A request is encoded before its place among the submissions is known. So its stream, which is the last thing in its
 * body and always of one size, is filled in when it is known.
 */
#ifndef MIRAI__SEEDS_H
#define MIRAI__SEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"
#include <miraicore/pool.h>
#include <miraicore/rng.h>

typedef struct mirai__seeds {
    bool seeded;   /* constant */
    mirai_rng base; /* stream 0; constant */
    mirai_rng last; /* of the task submitted last */
    uint64_t maps; /* so far */
} mirai__seeds;

void mirai__seeds_init(mirai__seeds *seeds, const mirai_pool_options *options);
/* The next task's stream, into its request, which nobody else has yet. Nothing in a pool without a seed. */
void mirai__seeds_take(mirai__seeds *seeds, mirai__segment *request);
/* Stream of the first element of the pool's next map; element j is j streams further. False: no seed. */
bool mirai__seeds_map(mirai__seeds *seeds, mirai_rng *out);

/* A stream as it stands in a JOB's body: MIRAI__STREAM_SIZE bytes. */
void mirai__seeds_write(uint8_t *out, const mirai_rng *stream);

#endif
