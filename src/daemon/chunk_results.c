/*
 * chunk_results: see chunk_results.h.
 */
#include "chunk_results.h"

#include <string.h>

#include "alloc.h"
#include "buffer_private.h"
#include "job.h"
#include "message.h"

/* Deeper than this a result is encoded by itself; deeper than the second number it can be no part of a list. */
enum { DEPTH_PLAIN = 100, DEPTH_MOST = 240 };

void mirai__chunk_results_init(mirai__chunk_results *results, size_t capacity)
{
    *results = (mirai__chunk_results){.capacity = capacity};
}

void mirai__chunk_results_fini(mirai__chunk_results *results)
{
    for (size_t i = 0; results->items != NULL && i < results->count; i++) mirai_value_release(results->items[i]);
    mirai__free(results->items);
    mirai_buffer_release(results->numbers);
    *results = (mirai__chunk_results){0};
}

/* ---- numbers --------------------------------------------------------------------------------- */

static size_t number_size(mirai_type kind)
{
    return kind == MIRAI_TYPE_BOOL ? 1 : 8;
}

static mirai_dtype number_dtype(mirai_type kind)
{
    if (kind == MIRAI_TYPE_BOOL) return MIRAI_DTYPE_BOOL;
    return kind == MIRAI_TYPE_INT ? MIRAI_DTYPE_INT64 : MIRAI_DTYPE_FLOAT64;
}

static bool is_number(mirai_type type)
{
    return type == MIRAI_TYPE_BOOL || type == MIRAI_TYPE_INT || type == MIRAI_TYPE_FLOAT;
}

/* The value is of the results' kind, so that reading it cannot fail. */
static void store_number(const mirai__chunk_results *results, const mirai_value *value)
{
    uint8_t *at = (uint8_t *)mirai__buffer_bytes(results->numbers) + results->count * number_size(results->kind);
    if (results->kind == MIRAI_TYPE_FLOAT) {
        double real = mirai_value_float_or(value, 0);
        memcpy(at, &real, sizeof real);
    } else {
        int64_t integer = mirai_value_int_or(value, 0); /* of a bool: 0 or 1 */
        if (results->kind == MIRAI_TYPE_INT)
            memcpy(at, &integer, sizeof integer);
        else
            *at = (uint8_t)integer;
    }
}

static mirai_value *load_number(const mirai__chunk_results *results, size_t index)
{
    const uint8_t *at = (const uint8_t *)mirai__buffer_bytes(results->numbers) + index * number_size(results->kind);
    int64_t integer;
    double real;
    if (results->kind == MIRAI_TYPE_BOOL) return mirai_bool(*at);
    memcpy(&integer, at, sizeof integer);
    memcpy(&real, at, sizeof real);
    return results->kind == MIRAI_TYPE_INT ? mirai_int(integer) : mirai_float(real);
}

/* They are no longer all of one kind: make values of what there is. */
static mirai_status become_items(mirai__chunk_results *results)
{
    mirai_value **items = mirai__alloc_zero(results->capacity, sizeof *items);
    if (items == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < results->count; i++) {
        items[i] = load_number(results, i);
        if (items[i] != NULL) continue;
        while (i > 0) mirai_value_release(items[--i]);
        mirai__free(items);
        return MIRAI_E_NOMEM;
    }
    mirai_buffer_release(results->numbers);
    results->numbers = NULL;
    results->kind = 0;
    results->items = items;
    return MIRAI_OK;
}

/* ---- other values ---------------------------------------------------------------------------- */

/* How deep a value is, at most DEPTH_MOST + 1; sets *has_references. */
static int32_t survey(const mirai_value *value, int32_t depth, bool *has_references)
{
    mirai_type type = mirai_value_type(value);
    if (type == MIRAI_TYPE_REFERENCE) *has_references = true;
    const mirai_value *inner = type == MIRAI_TYPE_ERROR ? mirai__error_fields(value) : value;
    bool is_tree = type == MIRAI_TYPE_LIST || type == MIRAI_TYPE_DICT || type == MIRAI_TYPE_ERROR;
    int32_t deepest = depth;
    for (size_t i = 0; is_tree && i < mirai_value_count(inner) && deepest <= DEPTH_MOST; i++) {
        int32_t below = survey(mirai_value_item(inner, i), depth + 1, has_references);
        if (below > deepest) deepest = below;
    }
    return deepest;
}

/* Takes value. What can stand in a list of results: the value, its encoded form, or an error. NULL: no memory. */
static mirai_value *seal(mirai_value *value)
{
    bool has_references = false;
    int32_t depth = survey(value, 0, &has_references);
    if (!has_references && depth <= DEPTH_PLAIN) return value;
    mirai__segment *segment = NULL;
    mirai_value *sealed;
    mirai_status status = depth <= DEPTH_MOST
                              ? mirai__encode(value, NULL, MIRAI__ENCODE_COPY, &segment)
                              : mirai_error_set(MIRAI_E_LIMIT, "the result of an element is nested too deep");
    if (status != MIRAI_OK)
        sealed = mirai__codec_error(status, "encode_error");
    else if (mirai_value_is_error(value)) /* one that cannot be told from the outside would be no failure */
        sealed = mirai_value_ref(value);
    else
        sealed = mirai__value_segment(segment), segment = NULL;
    mirai__segment_release(segment);
    mirai_value_release(value);
    return sealed;
}

/* ---- gathering ------------------------------------------------------------------------------- */

mirai_status mirai__chunk_results_add(mirai__chunk_results *results, mirai_value *value)
{
    mirai_type type = mirai_value_type(value);
    if (value == NULL) return MIRAI_E_NOMEM;
    /* Without a bound their size could come round to little; as items, there is no memory for so many. */
    if (results->count == 0 && is_number(type) && results->capacity <= SIZE_MAX / number_size(type)) {
        results->numbers = mirai__buffer_alloc(results->capacity * number_size(type));
        if (results->numbers != NULL) results->kind = type;
    }
    if (results->kind != 0 && results->kind == type) {
        store_number(results, value);
        results->count++;
        mirai_value_release(value);
        return MIRAI_OK;
    }
    mirai_status status = results->items == NULL ? become_items(results) : MIRAI_OK;
    if (status != MIRAI_OK)
        mirai_value_release(value);
    else if ((value = seal(value)) == NULL)
        status = MIRAI_E_NOMEM;
    else
        results->items[results->count++] = value;
    return status;
}

mirai_value *mirai__chunk_results_take(mirai__chunk_results *results)
{
    mirai_value *all;
    if (results->kind != 0) {
        int64_t size = (int64_t)results->count;
        all = mirai_array_buffer(number_dtype(results->kind), 1, &size, NULL, 0, results->numbers);
        results->numbers = NULL;
    } else {
        all = mirai_list(results->items, results->count); /* takes them, also when it fails */
        results->count = 0;
    }
    mirai__chunk_results_fini(results);
    return all;
}
