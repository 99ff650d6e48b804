/*
 * mapping_send: the flow of a map: chunks go out while there is room, and are settled as they resolve. On the reader's
 * thread; locks: mapping.h.
 */
#include "mapping.h"

#include "alloc.h"
#include "budget.h"
#include "clock.h"
#include "detail.h"
#include "engine.h"
#include "handle.h"
#include "job.h"
#include "pool.h"

enum {
    TASKS_PER_DAEMON = 16,   /* so many at least, so that all daemons are busy to the end */
    WINDOW_PER_DAEMON = 4,
    WINDOW_LEAST = 16,
    ITEMS_MOST = 4096,       /* elements of a chunk that nobody has asked for */
    SOURCE_MOST = 1024,      /* of a generator's */
    ROWS_BYTES_MOST = 4 << 20 /* of rows: bytes */
};

static size_t daemons_of(mirai_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    int64_t wanted = pool->sched.counts.wanted, ready = pool->sched.counts.ready;
    (void)pthread_mutex_unlock(&pool->lock);
    int64_t most = wanted > ready ? wanted : ready;
    return most > 1 ? (size_t)most : 1;
}

static size_t row_bytes(const mirai_value *array, size_t rows)
{
    size_t bytes = rows > 0 ? mirai_value_count(array) / rows * mirai_dtype_size(mirai_value_dtype(array)) : 0;
    return bytes > 0 ? bytes : 1;
}

static size_t chunk_size(const mirai_map *map, size_t daemons)
{
    const mirai__elements *elements = &map->elements;
    if (elements->next < map->careful) return 1;
    if (map->chunk > 0) return map->chunk;
    size_t most = ITEMS_MOST;
    size_t size = elements->total / (TASKS_PER_DAEMON * daemons);
    if (elements->over == MIRAI_MAP_ROWS) most = ROWS_BYTES_MOST / row_bytes(elements->values, elements->total);
    if (elements->over == MIRAI_MAP_GENERATOR) {
        most = SOURCE_MOST; /* as if it ended here: the longer it is, the larger the chunks */
        size = elements->next / (TASKS_PER_DAEMON * daemons);
    }
    if (size > most) size = most;
    return size > 0 ? size : 1;
}

bool mirai__mapping_is_sent(const mirai_map *map)
{
    return map->elements.ended && map->elements.next == map->elements.total;
}

/* ---- settling -------------------------------------------------------------------------------- */

static bool is_looking(const mirai_map *map)
{
    return map->stop || (map->flatten && map->gathering);
}

static mirai_status note_error(mirai_map *map, const mirai__chunk *chunk)
{
    size_t offset = mirai__chunk_error(chunk);
    if (map->has_error || offset == chunk->count) return MIRAI_OK;
    mirai_value *error = mirai__chunk_item(chunk, offset, map->function);
    char *text = error != NULL ? mirai__strdup(mirai_value_error_message(error)) : NULL;
    mirai_value_release(error);
    if (text == NULL) return MIRAI_E_NOMEM;
    map->error_text = text;
    map->error_index = chunk->first + offset;
    map->has_error = true;
    mirai__mapping_cancel(map);
    return MIRAI_OK;
}

mirai_status mirai__mapping_find_error(mirai_map *map)
{
    for (mirai__list *at = map->finished.next; at != &map->finished; at = at->next)
        MIRAI_TRY(note_error(map, mirai__list_entry(at, mirai__chunk, finished)));
    return MIRAI_OK;
}

/* The chunk has its result: it may be read, and no longer be cancelled. */
static mirai_status finish(mirai_map *map, mirai__chunk *chunk)
{
    if (is_looking(map)) MIRAI_TRY(note_error(map, chunk));
    (void)pthread_mutex_lock(&map->lock);
    mirai_task *task = chunk->task;
    chunk->task = NULL;
    chunk->settled = true;
    if (task != NULL) map->out--;
    map->done += chunk->count;
    size_t done = map->done;
    mirai__list_append(&map->finished, &chunk->finished);
    map->unread++;
    (void)pthread_mutex_unlock(&map->lock);
    if (task != NULL) mirai__task_drop(task);
    mirai__bar_show(&map->bar, done, map->elements.ended ? map->elements.total : 0);
    return MIRAI_OK;
}

/* Of a chunk that came out of the queue. On failure it is tried again by the next call. */
static mirai_status settle(mirai_map *map, mirai__chunk *chunk)
{
    map->resolved = chunk;
    if (chunk->result == NULL) MIRAI_TRY(mirai__chunk_settle(chunk, map->function));
    MIRAI_TRY(finish(map, chunk));
    map->resolved = NULL;
    return MIRAI_OK;
}

/* Takes task, which is the queue's hold; the chunk has its own. */
static mirai_status settle_task(mirai_map *map, mirai_task *task)
{
    mirai__chunk *chunk = task->user;
    mirai__task_drop(task);
    return settle(map, chunk);
}

/* All that have resolved, without waiting. */
static mirai_status settle_ready(mirai_map *map, bool *any)
{
    if (map->resolved != NULL) {
        *any = true;
        MIRAI_TRY(settle(map, map->resolved));
    }
    mirai_task *task;
    while ((task = mirai__queue_poll(map->queue)) != NULL) {
        *any = true;
        MIRAI_TRY(settle_task(map, task));
    }
    return MIRAI_OK;
}

/* ---- sending --------------------------------------------------------------------------------- */

static mirai__chunk *chunk_new(const mirai_map *map, size_t count)
{
    mirai__chunk *chunk = mirai__alloc_zero(1, sizeof *chunk);
    if (chunk == NULL) return NULL;
    mirai__list_init(&chunk->node);
    mirai__list_init(&chunk->finished);
    chunk->first = map->elements.next;
    chunk->count = count;
    return chunk;
}

/* Takes payload. A chunk of one element is a plain call of the function. */
static mirai_status submit(mirai_map *map, mirai__chunk *chunk, mirai_value *payload, mirai_task **out)
{
    const char *function = map->function;
    mirai_value *args = payload;
    if (chunk->count > 1) {
        function = "mirai.map";
        args = map->constants != NULL ? mirai_list_of(mirai_string(map->function), payload,
                                                      mirai_value_ref(map->constants), MIRAI_END)
                                      : mirai_list_of(mirai_string(map->function), payload, MIRAI_END);
    } else if (map->constants != NULL) {
        args = mirai_list_of(payload, mirai_value_ref(map->constants), MIRAI_END);
    }
    if (args == NULL) return MIRAI_E_NOMEM;
    mirai_submit_options options = map->submit;
    options.user = chunk;
    return mirai__pool_try_submit_stream(map->pool, function, args, &options, map->seeded ? &map->stream : NULL, out);
}

/* The chunk is part of the map from now on. Takes task; NULL: it has its result already. */
static void enter(mirai_map *map, mirai__chunk *chunk, mirai_task *task)
{
    mirai__elements_advance(&map->elements, chunk->count);
    if (map->seeded) (void)mirai_rng_skip_streams(&map->stream, chunk->count); /* a valid state cannot fail */
    (void)pthread_mutex_lock(&map->lock);
    chunk->task = task;
    if (task != NULL) map->out++;
    mirai__list_append(&map->chunks, &chunk->node);
    map->known = map->elements.total;
    bool too_late = map->rest != 0;
    (void)pthread_mutex_unlock(&map->lock);
    if (task == NULL) return;
    (void)mirai__queue_add(map->queue, task); /* nobody else has the task: it is in no queue */
    if (too_late) (void)mirai__task_cancel(task);
}

/* Whether submitting failed for what an element is, and not for what the pool or the machine is. */
static bool is_of_element(mirai_status status)
{
    switch (status) {
    case MIRAI_E_CLOSED:
    case MIRAI_E_FULL:
    case MIRAI_E_INFEASIBLE:
    case MIRAI_E_INTERRUPTED:
    case MIRAI_E_NOMEM: return false;
    default: return true;
    }
}

/* It could not be encoded: with several elements each is tried by itself; a single one has this as its result. */
static mirai_status keep_failure(mirai_map *map, mirai__chunk *chunk, mirai_status status)
{
    if (chunk->count > 1) {
        map->careful = chunk->first + chunk->count;
        mirai__chunk_free(chunk);
        return MIRAI_OK;
    }
    chunk->result = mirai__codec_error(status, "encode_error");
    if (chunk->result == NULL) {
        mirai__chunk_free(chunk);
        return MIRAI_E_NOMEM;
    }
    enter(map, chunk, NULL);
    return settle(map, chunk);
}

static mirai_status send_chunk(mirai_map *map, size_t daemons)
{
    mirai_value *payload = NULL;
    size_t count = 0;
    MIRAI_TRY(mirai__elements_take(&map->elements, chunk_size(map, daemons), &count, &payload));
    if (count == 0) return MIRAI_OK;
    mirai__chunk *chunk = chunk_new(map, count);
    if (chunk == NULL) {
        mirai_value_release(payload);
        return MIRAI_E_NOMEM;
    }
    mirai_task *task = NULL;
    mirai_status status = submit(map, chunk, payload, &task);
    if (status == MIRAI_OK) {
        enter(map, chunk, task);
        return MIRAI_OK;
    }
    if (is_of_element(status)) return keep_failure(map, chunk, status);
    mirai__chunk_free(chunk);
    map->is_full = status == MIRAI_E_FULL;
    if (map->is_full) return MIRAI_OK;
    if (status != MIRAI_E_CLOSED) return status;
    (void)pthread_mutex_lock(&map->lock);
    if (map->rest == 0) map->rest = MIRAI_OUTCOME_CLOSED;
    (void)pthread_mutex_unlock(&map->lock);
    return MIRAI_OK;
}

/* What has not been sent never will be: one chunk of errors. */
static mirai_status give_up(mirai_map *map, mirai_outcome why)
{
    size_t count = map->elements.total - map->elements.next;
    mirai__chunk *chunk = count > 0 ? chunk_new(map, count) : NULL;
    if (count > 0 && chunk == NULL) return MIRAI_E_NOMEM;
    if (chunk != NULL) {
        bool closed = why == MIRAI_OUTCOME_CLOSED;
        chunk->result = mirai_error(closed ? "pool_closed" : "cancelled", why, "the map was %s before it came to this "
                                    "element", closed ? "cut off by the pool's closing" : "cancelled");
        if (chunk->result == NULL) {
            mirai__chunk_free(chunk);
            return MIRAI_E_NOMEM;
        }
        enter(map, chunk, NULL);
    }
    mirai__elements_end(&map->elements);
    return chunk != NULL ? settle(map, chunk) : MIRAI_OK;
}

static mirai_outcome rest_of(mirai_map *map)
{
    (void)pthread_mutex_lock(&map->lock);
    mirai_outcome rest = map->rest;
    (void)pthread_mutex_unlock(&map->lock);
    return rest;
}

mirai_status mirai__mapping_fill(mirai_map *map)
{
    size_t daemons = 0;
    map->is_full = false;
    while (!map->is_full && !mirai__mapping_is_sent(map)) {
        mirai_outcome rest = rest_of(map);
        if (rest != 0) return give_up(map, rest);
        if (daemons == 0) daemons = daemons_of(map->pool);
        size_t window = map->window > 0 ? map->window : WINDOW_PER_DAEMON * daemons;
        if (map->window == 0 && window < WINDOW_LEAST) window = WINDOW_LEAST;
        if (map->out >= window || (!map->gathering && map->unread >= window)) break;
        MIRAI_TRY(send_chunk(map, daemons));
    }
    return MIRAI_OK;
}

/* Other tasks fill the pool's budget, and none of ours is out whose end would make room. */
static mirai_status await_room(mirai_map *map, int64_t deadline)
{
    mirai_status status = mirai__budget_await(map->pool, deadline);
    return status == MIRAI_E_CLOSED ? MIRAI_OK : status; /* sending will tell */
}

mirai_status mirai__mapping_advance(mirai_map *map, int64_t deadline)
{
    bool any = false;
    size_t done = map->done;
    mirai_status status = settle_ready(map, &any);
    if (status == MIRAI_OK) status = mirai__mapping_fill(map);
    any = any || map->done != done; /* what cannot be sent has its result at once */
    if (status == MIRAI_OK && !any && map->out == 0 && map->unread == 0 && mirai__mapping_is_sent(map)) return MIRAI_E_CLOSED;
    if (status != MIRAI_OK || any) return status;
    if (map->out == 0) return map->is_full ? await_room(map, deadline) : MIRAI_OK;
    mirai_task *task = NULL;
    MIRAI_TRY(mirai__queue_next(map->queue, &task, deadline));
    return settle_task(map, task);
}
