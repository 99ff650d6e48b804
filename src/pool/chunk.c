/*
 * chunk: what came back of a chunk's task, and the results of its elements in it. On the reader's thread, under no lock.
 * A daemon may send anything: a result that does not fit the chunk is an error of all its elements.
 */
#include "mapping.h"

#include "alloc.h"
#include "detail.h"
#include "handle.h"
#include "value_private.h"
#include "value_row.h"

static bool is_packed(const mirai_value *result, size_t count)
{
    mirai_dtype dtype = mirai_value_dtype(result);
    bool known = dtype == MIRAI_DTYPE_BOOL || dtype == MIRAI_DTYPE_INT64 || dtype == MIRAI_DTYPE_FLOAT64;
    return known && mirai_value_rank(result) == 1 && mirai_value_count(result) == count;
}

/* An error of the whole task says of which function, not that it was called by another. */
static mirai_value *same_error(const mirai_value *error, const char *function)
{
    return mirai__value_with(mirai_value_ref(error), "function", mirai_string(function));
}

/* The error of one element, with what its daemon did not say. */
static mirai_value *element_error(const mirai__chunk *chunk, size_t offset, const char *function, mirai_value *error)
{
    error = mirai__value_with(error, "function", mirai_string(function));
    return mirai__value_with(error, "element", mirai_int((int64_t)(chunk->first + offset)));
}

mirai_status mirai__chunk_settle(mirai__chunk *chunk, const char *function)
{
    const mirai_value *result = NULL;
    MIRAI_TRY(mirai__task_value(chunk->task, &result));
    chunk->form = MIRAI__CHUNK_SAME;
    if (mirai_value_is_error(result) && chunk->count > 1)
        chunk->result = same_error(result, function);
    else if (mirai_value_is_error(result))
        chunk->result = element_error(chunk, 0, function, mirai_value_ref(result));
    else if (chunk->count == 1)
        chunk->result = mirai_value_ref(result);
    else if (is_packed(result, chunk->count) ||
             (mirai_value_type(result) == MIRAI_TYPE_LIST && mirai_value_count(result) == chunk->count)) {
        chunk->result = mirai_value_ref(result);
        chunk->form = mirai_value_type(result) == MIRAI_TYPE_LIST ? MIRAI__CHUNK_LIST : MIRAI__CHUNK_ARRAY;
    } else {
        chunk->result = mirai_error("decode_error", MIRAI_E_DECODE, "the daemon did not give %zu results", chunk->count);
    }
    return chunk->result != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

mirai_value *mirai__chunk_item(const mirai__chunk *chunk, size_t offset, const char *function)
{
    if (chunk->form == MIRAI__CHUNK_ARRAY) return mirai__array_row(chunk->result, offset);
    if (chunk->form == MIRAI__CHUNK_SAME) return mirai_value_ref(chunk->result);
    mirai_value *item = mirai_value_ref(mirai_value_item(chunk->result, offset));
    return mirai_value_is_error(item) ? element_error(chunk, offset, function, item) : item;
}

size_t mirai__chunk_error(const mirai__chunk *chunk)
{
    if (chunk->form == MIRAI__CHUNK_ARRAY) return chunk->count;
    if (chunk->form == MIRAI__CHUNK_SAME) return mirai_value_is_error(chunk->result) ? 0 : chunk->count;
    size_t offset = 0;
    while (offset < chunk->count && !mirai_value_is_error(mirai_value_item(chunk->result, offset))) offset++;
    return offset;
}

void mirai__chunk_free(mirai__chunk *chunk)
{
    if (chunk->task != NULL) mirai__task_drop(chunk->task);
    mirai_value_release(chunk->result);
    mirai__free(chunk);
}
