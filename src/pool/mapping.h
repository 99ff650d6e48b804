/*
 * mapping: a map at work (mirai_map): elements go out in chunks, each a task of the pool; what comes back is decoded
 * chunk by chunk, on the reader's thread, and given element by element.
 *
 * One thread at a time starts, reads and releases. `lock` guards what counting and cancelling on other threads
 * touch: the list of chunks, their tasks, and the numbers; it is taken before a pool's lock. User code (the
 * source, hooks) runs under no lock. The tasks come back through a completion queue, so that a resolution costs the
 * same whatever the number of chunks, and the reader drives the pool while it waits.
 */
#ifndef MIRAI__MAPPING_H
#define MIRAI__MAPPING_H

#include <pthread.h>

#include "bar.h"
#include "elements.h"
#include "list.h"
#include "queue.h"
#include <miraicore/rng.h>

/* How a chunk's result holds those of its elements. */
enum {
    MIRAI__CHUNK_SAME, /* one value for all: of a chunk of one element, or the error of a whole chunk */
    MIRAI__CHUNK_LIST, /* a list of them */
    MIRAI__CHUNK_ARRAY /* numbers of one kind: an array of rank 1 */
};

typedef struct mirai__chunk {
    mirai__list node;     /* in map->chunks */
    mirai__list finished; /* in map->finished, once settled */
    size_t first, count;  /* its elements */
    size_t given;         /* of them, how many have been read */
    mirai_task *task;     /* until settled; NULL: never had one */
    mirai_value *result;  /* once settled */
    int32_t form;         /* MIRAI__CHUNK_* */
    bool settled;
} mirai__chunk;

struct mirai_map {
    mirai_pool *pool; /* held */
    char *function;
    mirai_value *constants; /* or NULL */
    mirai_submit_options submit; /* label, tag and resources are copies of ours */
    mirai_resource *resources;
    mirai__elements elements;
    mirai_queue *queue; /* of its unresolved tasks, and those not settled */
    size_t chunk, window; /* as given; 0: chosen */
    bool unordered, stop, flatten;
    bool seeded;
    mirai_rng stream;    /* of the next element to be sent */
    size_t careful;      /* elements before this one go one by one: one of them could not be encoded */
    bool is_full;        /* the pool's budget is: sending has stopped at that */
    size_t unread;       /* chunks that are settled and not read to their end */
    bool reading;        /* a call that reads is under way: user code may run in it */
    bool gathering;      /* the reader takes all: no bound on `unread` */
    mirai__chunk *resolved; /* came out of the queue, and there was no memory to settle it */
    mirai__bar bar;

    pthread_mutex_t lock;
    mirai__list chunks;   /* sent and not read to their end, in order of elements */
    mirai__list finished; /* settled ones, in order of completion */
    size_t out;           /* chunks with a task that is not settled */
    size_t done;          /* elements in settled chunks, read or not */
    size_t known;         /* elements.total, for others than the reader */
    mirai_outcome rest;   /* why what has not been sent will not be; 0 while it will */

    bool has_error;       /* the first in order of completion, while they are looked for */
    size_t error_index;
    char *error_text;
};

/* Arguments have been checked; takes elements and options->constants, also on failure. No lock held. */
mirai_status mirai__mapping_start(mirai_pool *pool, const char *function, mirai_value *elements,
                              const mirai_map_options *options, const mirai_submit_options *submit, mirai_map **out);
mirai_status mirai__mapping_next(mirai_map *map, size_t *index, mirai_value **out, int64_t deadline);
mirai_status mirai__mapping_collect(mirai_map *map, mirai_value **out, int64_t deadline);
void mirai__mapping_counts(mirai_map *map, size_t *done, size_t *total);
void mirai__mapping_cancel(mirai_map *map);
void mirai__mapping_release(mirai_map *map);

/* ---- within the map's files ---- */

/* Send what there is room for, take in what has resolved; wait for a resolution until the deadline, if nothing has. E_CLOSED:
 * nothing is out, and nothing will be. */
mirai_status mirai__mapping_advance(mirai_map *map, int64_t deadline);
/* Send what there is room for. */
mirai_status mirai__mapping_fill(mirai_map *map);
/* Nothing is left to be sent. */
bool mirai__mapping_is_sent(const mirai_map *map);
/* Look for an error among what has been settled and not read: the first in order of completion. E_NOMEM. */
mirai_status mirai__mapping_find_error(mirai_map *map);
void mirai__mapping_drop_chunk(mirai_map *map, mirai__chunk *chunk); /* it has been read */

/* Result of the task of a chunk, decoded, into the chunk. E_NOMEM. (chunk.c) */
mirai_status mirai__chunk_settle(mirai__chunk *chunk, const char *function);
/* The result of one element. Owned; NULL: no memory. */
mirai_value *mirai__chunk_item(const mirai__chunk *chunk, size_t offset, const char *function);
/* Offset of the first element whose result is an error; count: none is. */
size_t mirai__chunk_error(const mirai__chunk *chunk);
void mirai__chunk_free(mirai__chunk *chunk);

/* All results that have not been read, as mirai_map_collect() gives them; the map is left as it is. NULL: no memory, or a
 * status other than that in *status. (joined.c) */
mirai_value *mirai__joined_list(const mirai_map *map, mirai_status *status);
mirai_value *mirai__joined_flat(const mirai_map *map, mirai_status *status);

#endif
