/*
 * scribbler: see scribbler.h. Runs in a daemon; the thread that writes is detached and ends with the process.
 */
#include "scribbler.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 4096, MOST = 64, STRIDES = 256 };

typedef struct mapping {
    uint8_t *base;
    size_t size;
} mapping;

static struct {
    mapping all[MOST];
    size_t count;
    char where[16];
    uint64_t seed;
    int64_t times;
    _Atomic bool began;
} job;

/* Shared memory without a name in the file system, writable: what a host has given to this process, or it to the host. */
static size_t find_mappings(void)
{
    char line[512], flags[8], name[256];
    unsigned long from, to;
    size_t count = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    while (file != NULL && count < MOST && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &from, &to, flags, name) != 4) continue;
        if (strncmp(name, "/memfd:", 7) != 0 || flags[1] != 'w' || flags[3] != 's') continue;
        job.all[count++] = (mapping){(uint8_t *)from, to - from};
    }
    if (file != NULL) (void)fclose(file);
    return count;
}

static uint64_t next(void)
{
    job.seed = job.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return job.seed;
}

/* Small numbers and numbers near what was there are the likelier to be believed. */
static void spoil(uint8_t *at)
{
    _Atomic uint64_t *word = (_Atomic uint64_t *)(void *)at;
    uint64_t chance = next() >> 60, random = next();
    if (chance < 4)
        atomic_store(word, random);
    else if (chance < 8)
        atomic_store(word, random >> 58);
    else if (chance < 12)
        atomic_fetch_add(word, (random >> 50) - 8192);
    else
        atomic_store(word, chance < 14 ? 0 : UINT64_MAX);
}

static void spoil_mapping(const mapping *target)
{
    size_t from = strcmp(job.where, "bytes") == 0 && target->size > PAGE ? PAGE : 0;
    size_t to = strcmp(job.where, "words") == 0 ? PAGE : target->size;
    for (int i = 0; i < STRIDES; i++) { /* words that matter lie at the beginnings of lines; frames lie anywhere */
        size_t at = from + (size_t)(next() >> 16) % (to - from), run = next() >> 56;
        at &= ~(size_t)(i % 2 == 0 ? 63 : 7);
        for (size_t end = at + (from > 0 ? 8 * run : 8); at < end && at < to; at += 8) spoil(target->base + at);
    }
}

static void *scribble_on(void *context)
{
    for (int64_t round = 0; round != job.times; round++) {
        for (size_t i = 0; i < job.count; i++) spoil_mapping(&job.all[i]);
        atomic_store(&job.began, true);
    }
    return context;
}

static mirai_value *scribble(mirai_job *unused, const mirai_value *args, void *context)
{
    (void)unused, (void)context;
    pthread_t thread;
    const char *where = mirai_value_string(mirai_value_item(args, 0));
    (void)snprintf(job.where, sizeof job.where, "%s", where != NULL ? where : "all");
    job.seed = (uint64_t)mirai_value_int_or(mirai_value_item(args, 1), 1);
    job.times = mirai_value_int_or(mirai_value_item(args, 2), -1);
    job.count = find_mappings();
    if (job.count == 0 || job.times == 0) return mirai_int((int64_t)job.count);
    if (pthread_create(&thread, NULL, scribble_on, NULL) != 0) return NULL;
    (void)pthread_detach(thread);
    while (!atomic_load(&job.began)) (void)sched_yield();
    return mirai_int((int64_t)job.count);
}

mirai_status scribbler_register(void)
{
    return mirai_function_register("scribble", scribble, NULL);
}
