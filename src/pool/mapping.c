/*
 * mapping: a map as its owner sees it: start, read, gather, count, cancel, release. Threads and locks: mapping.h.
 */
#include "mapping.h"

#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "engine.h"
#include "handle.h"
#include "share.h"
#include "value_private.h"

/* ---- starting -------------------------------------------------------------------------------- */

/* Options whose texts outlive the call. What has been copied when it fails is the map's to free. */
static mirai_status copy_submit(mirai_map *map, const mirai_submit_options *from)
{
    map->submit = *from;
    map->submit.user = NULL;
    map->submit.label = map->submit.tag = NULL;
    map->submit.resources = NULL;
    map->submit.resource_count = 0;
    map->submit.label = mirai__strdup(from->label != NULL ? from->label : map->function);
    if (map->submit.label == NULL) return MIRAI_E_NOMEM;
    if (from->tag != NULL && (map->submit.tag = mirai__strdup(from->tag)) == NULL) return MIRAI_E_NOMEM;
    if (from->resource_count == 0) return MIRAI_OK;
    map->resources = mirai__alloc_zero(from->resource_count, sizeof *map->resources);
    if (map->resources == NULL) return MIRAI_E_NOMEM;
    map->submit.resources = map->resources;
    for (size_t i = 0; i < from->resource_count; i++) {
        map->resources[i] = from->resources[i];
        map->resources[i].name = mirai__strdup(from->resources[i].name);
        if (map->resources[i].name == NULL) return MIRAI_E_NOMEM;
        map->submit.resource_count++;
    }
    return MIRAI_OK;
}

static void free_submit(mirai_map *map)
{
    for (size_t i = 0; i < map->submit.resource_count; i++) mirai__free((char *)(uintptr_t)map->resources[i].name);
    mirai__free(map->resources);
    mirai__free((char *)(uintptr_t)map->submit.tag);
    mirai__free((char *)(uintptr_t)map->submit.label);
}

/* Takes constants: each daemon gets them once. */
static mirai_status share_constants(mirai_map *map, mirai_value *constants)
{
    if (constants == NULL) return MIRAI_OK;
    mirai__share *share = NULL;
    MIRAI_TRY(mirai__share_value(map->pool, constants, &share));
    map->constants = mirai__value_shared(&share->shared);
    return map->constants != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

static void take_number(mirai_map *map)
{
    (void)pthread_mutex_lock(&map->pool->lock);
    map->seeded = mirai__seeds_map(&map->pool->seeds, &map->stream);
    (void)pthread_mutex_unlock(&map->pool->lock);
}

static mirai_map *map_new(mirai_pool *pool)
{
    mirai_map *map = mirai__alloc_zero(1, sizeof *map);
    if (map == NULL) return NULL;
    map->pool = mirai__engine_ref(pool);
    (void)pthread_mutex_init(&map->lock, NULL);
    mirai__list_init(&map->chunks);
    mirai__list_init(&map->finished);
    return map;
}

mirai_status mirai__mapping_start(mirai_pool *pool, const char *function, mirai_value *elements,
                              const mirai_map_options *options, const mirai_submit_options *submit, mirai_map **out)
{
    mirai_map *map = map_new(pool);
    if (map == NULL) {
        mirai_value_release(elements);
        mirai_value_release(options->constants);
        return MIRAI_E_NOMEM;
    }
    int32_t over = options->over != 0 ? options->over : MIRAI_MAP_ITEMS;
    mirai_status status = mirai__elements_init(&map->elements, over, elements, options->source, options->user);
    mirai_value *constants = options->constants;
    if (status == MIRAI_OK) {
        status = share_constants(map, constants);
        constants = NULL;
    }
    mirai_value_release(constants);
    if (status == MIRAI_OK && (map->function = mirai__strdup(function)) == NULL) status = MIRAI_E_NOMEM;
    if (status == MIRAI_OK) status = copy_submit(map, submit);
    if (status == MIRAI_OK) status = mirai__queue_new(&map->queue);
    /* Elements of a chunk fail one by one: only a task of its own can be tried again. */
    bool retries = submit->retries > 0 && (submit->retry_on & MIRAI_RETRY_FAILED) != 0;
    map->chunk = retries ? 1 : options->chunk;
    map->window = options->window;
    map->unordered = options->unordered != 0;
    map->stop = options->stop != 0;
    map->flatten = options->flatten != 0;
    map->known = map->elements.total;
    if (status == MIRAI_OK) {
        take_number(map);
        mirai__bar_init(&map->bar, options->progress != 0, map->submit.label);
        status = mirai__mapping_fill(map);
    }
    if (status == MIRAI_OK)
        *out = map;
    else
        mirai__mapping_release(map);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static mirai_status fail_source(const mirai_map *map)
{
    const char *why = map->elements.failure;
    return mirai__fail(MIRAI_E_USER, "%s", why != NULL ? why : "the source failed");
}

static void end_bar(mirai_map *map)
{
    mirai__bar_end(&map->bar, map->done, map->elements.total);
}

static mirai__chunk *readable(const mirai_map *map)
{
    if (map->unordered) {
        if (mirai__list_is_empty(&map->finished)) return NULL;
        return mirai__list_entry(map->finished.next, mirai__chunk, finished);
    }
    if (mirai__list_is_empty(&map->chunks)) return NULL;
    mirai__chunk *first = mirai__list_entry(map->chunks.next, mirai__chunk, node);
    return first->settled ? first : NULL;
}

void mirai__mapping_drop_chunk(mirai_map *map, mirai__chunk *chunk)
{
    (void)pthread_mutex_lock(&map->lock);
    mirai__list_remove(&chunk->node);
    mirai__list_remove(&chunk->finished);
    map->unread--;
    (void)pthread_mutex_unlock(&map->lock);
    mirai__chunk_free(chunk);
}

/* The source and hooks, which run while it is read, may not read it themselves. */
static mirai_status begin_reading(mirai_map *map)
{
    if (map->reading) return mirai__fail(MIRAI_E_STATE, "a source or a hook asked for results of the map that it serves");
    map->reading = true;
    return MIRAI_OK;
}

static mirai_status next(mirai_map *map, size_t *index, mirai_value **out, int64_t deadline)
{
    mirai__chunk *chunk;
    while ((chunk = readable(map)) == NULL) {
        mirai_status status = mirai__mapping_advance(map, deadline);
        if (status == MIRAI_E_CLOSED) {
            end_bar(map);
            return map->elements.failed ? fail_source(map) : mirai__fail(MIRAI_E_CLOSED, "there are no more results");
        }
        MIRAI_TRY(status);
    }
    mirai_value *item = mirai__chunk_item(chunk, chunk->given, map->function);
    if (item == NULL) return MIRAI_E_NOMEM;
    if (index != NULL) *index = chunk->first + chunk->given;
    *out = item;
    if (++chunk->given == chunk->count) mirai__mapping_drop_chunk(map, chunk);
    return MIRAI_OK;
}

mirai_status mirai__mapping_next(mirai_map *map, size_t *index, mirai_value **out, int64_t deadline)
{
    MIRAI_TRY(begin_reading(map));
    mirai_status status = next(map, index, out, deadline);
    map->reading = false;
    return status;
}

static mirai_status fail_error(mirai_map *map)
{
    end_bar(map);
    return mirai__fail(MIRAI_E_USER, "element %zu: %s", map->error_index, map->error_text);
}

/* Until all that is left has its result, or the map fails as a whole. */
static mirai_status gather(mirai_map *map, int64_t deadline)
{
    bool may_fail = map->stop || map->flatten;
    map->gathering = true;
    if (may_fail) MIRAI_TRY(mirai__mapping_find_error(map));
    for (;;) {
        if (may_fail && map->has_error) return fail_error(map);
        if (map->elements.failed) return fail_source(map);
        if (map->out == 0 && map->resolved == NULL && mirai__mapping_is_sent(map)) return MIRAI_OK;
        mirai_status status = mirai__mapping_advance(map, deadline);
        if (status != MIRAI_E_CLOSED) MIRAI_TRY(status); /* the source had no more: that is looked at above */
    }
}

static mirai_status collect(mirai_map *map, mirai_value **out, int64_t deadline)
{
    MIRAI_TRY(gather(map, deadline));
    end_bar(map);
    mirai_status status = MIRAI_E_NOMEM;
    mirai_value *all = map->flatten ? mirai__joined_flat(map, &status) : mirai__joined_list(map, &status);
    if (all == NULL) return status;
    while (!mirai__list_is_empty(&map->chunks))
        mirai__mapping_drop_chunk(map, mirai__list_entry(map->chunks.next, mirai__chunk, node));
    *out = all;
    return MIRAI_OK;
}

mirai_status mirai__mapping_collect(mirai_map *map, mirai_value **out, int64_t deadline)
{
    MIRAI_TRY(begin_reading(map));
    mirai_status status = collect(map, out, deadline);
    map->reading = false;
    return status;
}

/* ---- from other threads ---------------------------------------------------------------------- */

void mirai__mapping_counts(mirai_map *map, size_t *done, size_t *total)
{
    (void)pthread_mutex_lock(&map->lock);
    size_t count = map->done;
    for (mirai__list *at = map->chunks.next; at != &map->chunks; at = at->next) {
        const mirai__chunk *chunk = mirai__list_entry(at, mirai__chunk, node);
        if (chunk->task != NULL && mirai__task_state(chunk->task) == MIRAI_TASK_RESOLVED) count += chunk->count;
    }
    if (done != NULL) *done = count;
    if (total != NULL) *total = map->known;
    (void)pthread_mutex_unlock(&map->lock);
}

void mirai__mapping_cancel(mirai_map *map)
{
    (void)pthread_mutex_lock(&map->lock);
    if (map->rest == 0) map->rest = MIRAI_OUTCOME_CANCELLED;
    for (mirai__list *at = map->chunks.next; at != &map->chunks; at = at->next) {
        const mirai__chunk *chunk = mirai__list_entry(at, mirai__chunk, node);
        if (chunk->task != NULL) (void)mirai__task_cancel(chunk->task);
    }
    (void)pthread_mutex_unlock(&map->lock);
}

void mirai__mapping_release(mirai_map *map)
{
    mirai__mapping_cancel(map);
    if (map->queue != NULL) mirai__queue_release(map->queue);
    if (!map->elements.failed && map->known > 0) end_bar(map);
    mirai__list *node;
    while ((node = mirai__list_pop(&map->chunks)) != NULL)
        mirai__chunk_free(mirai__list_entry(node, mirai__chunk, node));
    mirai__elements_fini(&map->elements);
    mirai_value_release(map->constants);
    free_submit(map);
    mirai__free(map->error_text);
    mirai__free(map->function);
    (void)pthread_mutex_destroy(&map->lock);
    mirai__engine_release(map->pool);
    mirai__free(map);
}
