/*
 * hash: SipHash with one round per word and three at the end (Aumasson and Bernstein, 2012).
 * Any thread; the secret is drawn once.
 */
#include "hash.h"

#include <pthread.h>
#include <sys/random.h>

#include "clock.h"
#include "le.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t secret[2];

static void draw(void)
{
    if (getrandom(secret, sizeof secret, GRND_NONBLOCK) == sizeof secret) return;
    /* Before the kernel has gathered entropy: the tables are still right, only open to chosen
     * collisions. */
    secret[0] = (uint64_t)mirai__now_ns();
    secret[1] = (uint64_t)(uintptr_t)&secret;
}

static uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static inline void scramble(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void start(uint64_t v[4])
{
    (void)pthread_once(&once, draw);
    v[0] = secret[0] ^ UINT64_C(0x736f6d6570736575); /* "somepseudorandomlygeneratedbytes" */
    v[1] = secret[1] ^ UINT64_C(0x646f72616e646f6d);
    v[2] = secret[0] ^ UINT64_C(0x6c7967656e657261);
    v[3] = secret[1] ^ UINT64_C(0x7465646279746573);
}

static void take(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    scramble(v);
    v[0] ^= word;
}

static uint64_t finish(uint64_t v[4])
{
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) scramble(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t mirai__hash_number(uint64_t number)
{
    uint64_t v[4];
    start(v);
    take(v, number);
    return finish(v);
}

uint64_t mirai__hash_bytes(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t v[4];
    start(v);
    size_t whole = size & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) take(v, mirai__load_le64(at + i));
    uint64_t last = (uint64_t)size << 56;
    for (size_t i = whole; i < size; i++) last |= (uint64_t)at[i] << (8 * (i & 7));
    take(v, last);
    return finish(v);
}
