/*
 * joined: what mirai_map_collect() gives: results put together in order of elements. On the reader's thread, under no
 * lock; the map is only read.
 */
#include "mapping.h"

#include <string.h>

#include "alloc.h"
#include "buffer_private.h"
#include "detail.h"

static size_t count_unread(const mirai_map *map)
{
    size_t count = 0;
    for (mirai__list *at = map->chunks.next; at != &map->chunks; at = at->next) {
        const mirai__chunk *chunk = mirai__list_entry(at, mirai__chunk, node);
        count += chunk->count - chunk->given;
    }
    return count;
}

static void release_items(mirai_value **items, size_t count)
{
    for (size_t i = 0; i < count; i++) mirai_value_release(items[i]);
    mirai__free(items);
}

/* All unread results, owned; keys, if it is not NULL: of their elements, borrowed. NULL: no memory. */
static mirai_value **read_items(const mirai_map *map, const char **keys)
{
    mirai_value **items = mirai__alloc_zero(count_unread(map), sizeof *items);
    size_t n = 0;
    for (mirai__list *at = map->chunks.next; items != NULL && at != &map->chunks; at = at->next) {
        const mirai__chunk *chunk = mirai__list_entry(at, mirai__chunk, node);
        for (size_t i = chunk->given; items != NULL && i < chunk->count; i++, n++) {
            if (keys != NULL) keys[n] = mirai_value_key(map->elements.values, chunk->first + i);
            items[n] = mirai__chunk_item(chunk, i, map->function);
            if (items[n] != NULL) continue;
            release_items(items, n);
            items = NULL;
        }
    }
    return items;
}

mirai_value *mirai__joined_list(const mirai_map *map, mirai_status *status)
{
    size_t count = count_unread(map);
    bool is_dict = mirai_value_type(map->elements.values) == MIRAI_TYPE_DICT;
    const char **keys = is_dict ? mirai__alloc_zero(count, sizeof *keys) : NULL;
    mirai_value **items = is_dict && keys == NULL ? NULL : read_items(map, keys);
    mirai_value *all = NULL;
    if (items != NULL) all = is_dict ? mirai_dict(keys, items, count) : mirai_list(items, count);
    mirai__free(items);
    mirai__free(keys);
    if (all == NULL) *status = MIRAI_E_NOMEM;
    return all;
}

/* ---- joined: arrays and scalars -------------------------------------------------------------- */

/* The dtype of the array that numbers of a type become; 0: they are no numbers. */
static mirai_dtype dtype_of_type(mirai_type type)
{
    switch (type) {
    case MIRAI_TYPE_BOOL: return MIRAI_DTYPE_BOOL;
    case MIRAI_TYPE_INT: return MIRAI_DTYPE_INT64;
    case MIRAI_TYPE_FLOAT: return MIRAI_DTYPE_FLOAT64;
    default: return 0;
    }
}

static mirai_status check_array(const mirai_value *first, const mirai_value *other, size_t index)
{
    int32_t rank = mirai_value_rank(first);
    bool alike = mirai_value_dtype(other) == mirai_value_dtype(first) && mirai_value_rank(other) == rank;
    for (int32_t i = 1; alike && i < rank; i++) alike = mirai_value_shape(first)[i] == mirai_value_shape(other)[i];
    if (alike) return MIRAI_OK;
    return mirai__fail(MIRAI_E_TYPE, "the array of result %zu differs in dtype or shape from the first", index);
}

/* Arrays (and rank 0: numbers of a dtype) along their first dimension. */
static mirai_value *join_arrays(mirai_value *const *items, size_t count, mirai_status *status)
{
    const mirai_value *first = items[0];
    int32_t rank = mirai_value_rank(first);
    int64_t shape[MIRAI_RANK_MAX] = {0};
    size_t total = 0, item = mirai_dtype_size(mirai_value_dtype(first));
    for (int32_t i = 1; i < rank; i++) shape[i] = mirai_value_shape(first)[i];
    for (size_t i = 0; i < count; i++) {
        *status = check_array(first, items[i], i);
        int64_t rows = rank > 0 ? mirai_value_shape(items[i])[0] : 1;
        if (*status == MIRAI_OK && __builtin_add_overflow(shape[0], rows, &shape[0]))
            *status = mirai__fail(MIRAI_E_TYPE, "the arrays have too many rows to be joined");
        if (*status != MIRAI_OK) return NULL;
        total += mirai_value_count(items[i]);
    }
    mirai_buffer *buffer = mirai__buffer_alloc(total * item);
    uint8_t *to = buffer != NULL ? mirai__buffer_bytes(buffer) : NULL;
    for (size_t i = 0; i < count && buffer != NULL; i++) {
        size_t size = mirai_value_count(items[i]) * item;
        if (size > 0) *status = mirai_value_copy_elements(items[i], to, size);
        to += size;
    }
    return mirai_array_buffer(mirai_value_dtype(first), rank > 0 ? rank : 1, shape, NULL, 0, buffer);
}

static mirai_value *join_numbers(mirai_value *const *items, size_t count)
{
    mirai_dtype dtype = dtype_of_type(mirai_value_type(items[0]));
    size_t item = mirai_dtype_size(dtype);
    mirai_buffer *buffer = mirai__buffer_alloc(count * item);
    if (buffer == NULL) return NULL;
    uint8_t *to = mirai__buffer_bytes(buffer);
    for (size_t i = 0; i < count; i++, to += item) {
        int64_t integer = dtype != MIRAI_DTYPE_FLOAT64 ? mirai_value_int_or(items[i], 0) : 0;
        double real = dtype == MIRAI_DTYPE_FLOAT64 ? mirai_value_float_or(items[i], 0) : 0;
        if (dtype == MIRAI_DTYPE_BOOL)
            *to = integer != 0;
        else
            memcpy(to, dtype == MIRAI_DTYPE_INT64 ? (const void *)&integer : (const void *)&real, item);
    }
    int64_t size = (int64_t)count;
    return mirai_array_buffer(dtype, 1, &size, NULL, 0, buffer);
}

/* Chunks that are all arrays of one dtype, as numbers come back: joined without a value for each. NULL: they are not,
 * with *status OK; or no memory. */
static mirai_value *join_packed(const mirai_map *map, mirai_status *status)
{
    size_t count = 0, n = 0;
    mirai_dtype dtype = 0;
    *status = MIRAI_OK;
    for (mirai__list *at = map->chunks.next; at != &map->chunks; at = at->next, n++) {
        const mirai__chunk *chunk = mirai__list_entry(at, mirai__chunk, node);
        if (n == 0) dtype = mirai_value_dtype(chunk->result);
        if (chunk->form != MIRAI__CHUNK_ARRAY || mirai_value_dtype(chunk->result) != dtype) return NULL;
        count += chunk->count - chunk->given;
    }
    if (n == 0) return NULL;
    size_t item = mirai_dtype_size(dtype);
    mirai_buffer *buffer = mirai__buffer_alloc(count * item);
    if (buffer == NULL) {
        *status = MIRAI_E_NOMEM;
        return NULL;
    }
    uint8_t *to = mirai__buffer_bytes(buffer);
    for (mirai__list *at = map->chunks.next; at != &map->chunks; at = at->next) {
        const mirai__chunk *chunk = mirai__list_entry(at, mirai__chunk, node);
        size_t size = (chunk->count - chunk->given) * item;
        /* Of rank 1 and contiguous: it was decoded so. */
        memcpy(to, (const uint8_t *)mirai_value_data(chunk->result) + chunk->given * item, size);
        to += size;
    }
    int64_t size = (int64_t)count;
    mirai_value *all = mirai_array_buffer(dtype, 1, &size, NULL, 0, buffer);
    *status = all != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
    return all;
}

/* ---- joined: lists --------------------------------------------------------------------------- */

static mirai_value *join_lists(mirai_value *const *items, size_t count)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < count; i++) total += mirai_value_count(items[i]);
    mirai_value **all = mirai__alloc_zero(total, sizeof *all);
    if (all == NULL) return NULL;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < mirai_value_count(items[i]); j++)
            all[n++] = mirai_value_ref(mirai_value_item(items[i], j));
    mirai_value *list = mirai_list(all, total);
    mirai__free(all);
    return list;
}

static mirai_status check_types(mirai_value *const *items, size_t count)
{
    mirai_type type = mirai_value_type(items[0]);
    for (size_t i = 1; i < count; i++)
        if (mirai_value_type(items[i]) != type)
            return mirai__fail(MIRAI_E_TYPE, "result %zu is of type %s, others are of type %s", i,
                               mirai_type_text(mirai_value_type(items[i])), mirai_type_text(type));
    return MIRAI_OK;
}

static mirai_value *join_items(mirai_value **items, size_t count, mirai_status *status)
{
    *status = count > 0 ? check_types(items, count) : MIRAI_OK;
    if (*status != MIRAI_OK) return NULL;
    mirai_value *all;
    mirai_type type = count > 0 ? mirai_value_type(items[0]) : MIRAI_TYPE_LIST;
    if (type == MIRAI_TYPE_LIST)
        all = join_lists(items, count);
    else if (type == MIRAI_TYPE_ARRAY)
        all = join_arrays(items, count, status);
    else if (dtype_of_type(type) != 0)
        all = join_numbers(items, count);
    else { /* nothing that can be joined: the list that they are */
        for (size_t i = 0; i < count; i++) (void)mirai_value_ref(items[i]);
        all = mirai_list(items, count);
    }
    if (all == NULL && *status == MIRAI_OK) *status = MIRAI_E_NOMEM;
    return all;
}

mirai_value *mirai__joined_flat(const mirai_map *map, mirai_status *status)
{
    mirai_value *all = join_packed(map, status);
    if (all != NULL || *status != MIRAI_OK) return all;
    mirai_value **items = read_items(map, NULL);
    if (items == NULL) {
        *status = MIRAI_E_NOMEM;
        return NULL;
    }
    size_t count = count_unread(map);
    all = join_items(items, count, status);
    release_items(items, count);
    return all;
}
