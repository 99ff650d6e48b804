/*
 * seeds: see seeds.h.
 */
#include "seeds.h"

#include "message.h"
#include "le.h"

enum { MAP_BITS = 40 };

void mirai__seeds_init(mirai__seeds *seeds, const mirai_pool_options *options)
{
    *seeds = (mirai__seeds){.seeded = options->seeded != 0};
    (void)mirai_rng_seed(&seeds->base, options->seed);
    seeds->last = seeds->base;
}

void mirai__seeds_write(uint8_t *out, const mirai_rng *stream)
{
    for (size_t i = 0; i < 6; i++) mirai__store_le32(out + 4 * i, stream->state[i]);
}

void mirai__seeds_take(mirai__seeds *seeds, mirai__segment *request)
{
    if (!seeds->seeded) return;
    (void)mirai_rng_next_stream(&seeds->last); /* a valid state cannot fail */
    mirai__seeds_write(request->body + request->body_size - MIRAI__STREAM_SIZE, &seeds->last);
}

bool mirai__seeds_map(mirai__seeds *seeds, mirai_rng *out)
{
    if (!seeds->seeded) return false;
    *out = seeds->base;
    return mirai_rng_skip_streams(out, ++seeds->maps << MAP_BITS) == MIRAI_OK;
}
