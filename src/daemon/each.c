/*
 * each: the built-in function mirai.map: calls a function for every element of a chunk, on the main thread. Its
 * arguments are [name, elements] or [name, elements, constants]; elements are a list, or an array whose rows they are.
 * It gives one result for each, in order (chunk_results.h): an element that fails has an error value there.
 */
#include "chunk_results.h"
#include "detail.h"
#include "functions.h"
#include "job.h"
#include "value_row.h"

typedef struct chunk {
    const char *name;
    const mirai_value *elements, *constants; /* borrowed from the job's arguments */
    size_t count;
    bool is_array;
    mirai__function function;
} chunk;

static mirai_status read_chunk(const mirai_value *args, chunk *out)
{
    out->name = mirai_value_string(mirai_value_item(args, 0));
    out->elements = mirai_value_item(args, 1);
    out->constants = mirai_value_item(args, 2);
    out->is_array = mirai_value_rank(out->elements) > 0;
    if (out->name == NULL || (!out->is_array && mirai_value_type(out->elements) != MIRAI_TYPE_LIST))
        return mirai__fail(MIRAI_E_TYPE, "mirai.map takes a list of a function's name, a list or an array of elements, "
                                         "and constants or nothing");
    out->count = out->is_array ? mirai__array_rows(out->elements) : mirai_value_count(out->elements);
    return mirai__function_find(out->name, &out->function);
}

static mirai_value *element_args(const chunk *chunk, size_t index)
{
    mirai_value *element = chunk->is_array ? mirai__array_row(chunk->elements, index)
                                           : mirai_value_ref(mirai_value_item(chunk->elements, index));
    if (chunk->constants == NULL) return element;
    return mirai_list_of(element, mirai_value_ref(chunk->constants), MIRAI_END);
}

/* The function sees a job of its own: its name, its arguments, nothing left of an element before. */
static mirai_value *call(mirai_job *job, const chunk *chunk, size_t index)
{
    mirai_value *args = element_args(chunk, index);
    if (args == NULL) return NULL;
    job->args = args;
    mirai_value *result = mirai__function_call(&chunk->function, chunk->name, job, args);
    mirai__job_watch(job, NULL, NULL);
    mirai_value_release(args);
    return result;
}

static mirai_status call_all(mirai_job *job, const chunk *chunk, mirai__chunk_results *results)
{
    bool seeded = mirai__job_has_stream(job);
    mirai_rng stream = job->rng;
    for (size_t i = 0; i < chunk->count; i++) {
        if (mirai_job_cancelled(job)) return mirai__fail(MIRAI_E_INTERRUPTED, "cancelled");
        if (seeded) job->rng = stream;
        MIRAI_TRY(mirai__chunk_results_add(results, call(job, chunk, i)));
        if (seeded) MIRAI_TRY(mirai_rng_next_stream(&stream));
    }
    return MIRAI_OK;
}

mirai_value *mirai__each(mirai_job *job, const mirai_value *args, void *context)
{
    (void)context;
    chunk chunk = {0};
    mirai__chunk_results results;
    mirai_status status = read_chunk(args, &chunk);
    if (status == MIRAI_E_FUNCTION) return mirai__codec_error(status, "unknown_function");
    if (status != MIRAI_OK) return NULL;
    const mirai_value *args_of_job = job->args;
    const char *function_of_job = job->function;
    job->function = chunk.name;
    mirai__chunk_results_init(&results, chunk.count);
    status = call_all(job, &chunk, &results);
    job->function = function_of_job;
    job->args = args_of_job;
    if (status == MIRAI_OK) return mirai__chunk_results_take(&results);
    mirai__chunk_results_fini(&results);
    if (status == MIRAI_E_INTERRUPTED) return mirai_error("cancelled", MIRAI_OUTCOME_CANCELLED, "cancelled");
    return NULL;
}
