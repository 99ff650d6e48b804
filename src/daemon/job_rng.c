/*
 * job_rng: a job's random numbers. A task of a seeded pool brings its stream along. For all others this process has a
 * stream that nobody can foresee, from the kernel's random bytes, and each job that asks starts 2^32 streams after the
 * one before, so that a job may go on to further streams and meet nobody's. Its lock guards that stream: jobs of sync
 * pools run on any thread.
 */
#include <pthread.h>

#include "detail.h"
#include "job.h"
#include "le.h"
#include "random.h"

static struct {
    pthread_mutex_t lock;
    mirai_rng last;
    bool begun;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define JOB_STREAMS (UINT64_C(1) << 32)

mirai_status mirai__job_take_stream(mirai_job *job, const mirai_value *stream)
{
    if (stream == NULL || mirai_value_type(stream) == MIRAI_TYPE_NULL) return MIRAI_OK;
    if (mirai_value_type(stream) != MIRAI_TYPE_BYTES || mirai_value_count(stream) != MIRAI__STREAM_SIZE)
        return mirai__fail(MIRAI_E_DECODE, "a job's stream must be %d bytes, or null", MIRAI__STREAM_SIZE);
    const uint8_t *bytes = mirai_value_data(stream);
    uint32_t state[6];
    for (size_t i = 0; i < 6; i++) state[i] = mirai__load_le32(bytes + 4 * i);
    if (mirai_rng_from_state(&job->rng, state) == MIRAI_OK) return MIRAI_OK;
    return mirai__fail(MIRAI_E_DECODE, "a job's stream is no state of the generator");
}

static bool is_set(const mirai_rng *rng)
{
    uint32_t any = 0;
    for (size_t i = 0; i < 6; i++) any |= rng->state[i];
    return any != 0;
}

bool mirai__job_has_stream(const mirai_job *job)
{
    return is_set(&job->rng);
}

/* Under the lock. Almost any 192 bits are a valid state. */
static mirai_status begin(void)
{
    uint32_t state[6];
    do {
        MIRAI_TRY(mirai__random_bytes(state, sizeof state));
    } while (mirai_rng_from_state(&own.last, state) != MIRAI_OK);
    own.begun = true;
    return MIRAI_OK;
}

static mirai_status take_own(mirai_rng *out)
{
    (void)pthread_mutex_lock(&own.lock);
    mirai_status status = own.begun ? MIRAI_OK : begin();
    if (status == MIRAI_OK) status = mirai_rng_skip_streams(&own.last, JOB_STREAMS);
    if (status == MIRAI_OK) *out = own.last;
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}

mirai_rng *mirai_job_rng(mirai_job *job)
{
    if (job == NULL || (!is_set(&job->rng) && take_own(&job->rng) != MIRAI_OK)) return NULL;
    return &job->rng;
}
