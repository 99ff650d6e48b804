/*
 * shares: the table behind shares.h. An entry is freed by the main thread only, so that there a pointer to one stays
 * good while its segment is decoded under no lock, whatever the control thread drops meanwhile.
 */
#include "shares.h"

#include "alloc.h"
#include "detail.h"

/* Shared values inside shared values, so many levels: a bound on the stack that reading takes. */
enum { NESTED_MAX = 16 };

typedef struct entry {
    mirai__list doomed;
    uint64_t id;
    bool is_kept;     /* decoded once, for all jobs */
    bool is_decoding; /* a reference to it now comes from inside it */
    mirai__segment *segment; /* owned; NULL once there is a value that is kept */
    mirai_value *value;      /* owned */
    uint32_t height;         /* levels of nesting below the value's root */
} entry;

static void free_entry(entry *entry)
{
    mirai__segment_release(entry->segment);
    mirai_value_release(entry->value);
    mirai__free(entry);
}

mirai_status mirai__shares_put(mirai__shares *shares, mirai__frame *frame)
{
    uint64_t id = frame->task;
    if (id == 0 || frame->segment == NULL)
        return mirai__fail(MIRAI_E_PROTOCOL, "the host shared a value without a body or a number");
    entry *fresh = mirai__alloc_zero(1, sizeof *fresh);
    if (fresh == NULL) return MIRAI_E_NOMEM;
    mirai__list_init(&fresh->doomed);
    fresh->id = id;
    fresh->is_kept = (frame->aux & MIRAI__SHARE_KEPT) != 0;
    (void)pthread_mutex_lock(&shares->lock);
    mirai_status status = MIRAI_OK;
    if (mirai__map_get(&shares->table, id) != NULL)
        status = mirai__fail(MIRAI_E_PROTOCOL, "the host shared value %llu twice",
                             (unsigned long long)id);
    if (status == MIRAI_OK) status = mirai__map_put(&shares->table, id, fresh);
    if (status == MIRAI_OK) {
        fresh->segment = frame->segment;
        frame->segment = NULL;
    }
    (void)pthread_mutex_unlock(&shares->lock);
    if (status != MIRAI_OK) mirai__free(fresh);
    return status;
}

mirai_status mirai__shares_drop(mirai__shares *shares, uint64_t id)
{
    (void)pthread_mutex_lock(&shares->lock);
    entry *gone = mirai__map_remove(&shares->table, id);
    if (gone != NULL) {
        mirai__list_append(&shares->doomed, &gone->doomed);
        atomic_store(&shares->is_doomed, true);
    }
    (void)pthread_mutex_unlock(&shares->lock);
    if (gone != NULL) return MIRAI_OK;
    return mirai__fail(MIRAI_E_PROTOCOL, "the host dropped shared value %llu, which is not here",
                       (unsigned long long)id);
}

void mirai__shares_sweep(mirai__shares *shares)
{
    (void)pthread_mutex_lock(&shares->lock);
    atomic_store(&shares->is_doomed, false);
    mirai__list *node;
    while ((node = mirai__list_pop(&shares->doomed)) != NULL) {
        (void)pthread_mutex_unlock(&shares->lock);
        free_entry(mirai__list_entry(node, entry, doomed));
        (void)pthread_mutex_lock(&shares->lock);
    }
    (void)pthread_mutex_unlock(&shares->lock);
}

/* Decode an entry's segment (taken). Main thread, under no lock. */
static mirai_status decode(mirai__shares *shares, entry *entry, mirai__segment *segment,
                           mirai_value **out, uint32_t *height)
{
    mirai_status status = MIRAI_OK;
    if (shares->depth == NESTED_MAX)
        status = mirai__fail(MIRAI_E_LIMIT, "shared values are nested more than %d deep", (int)NESTED_MAX);
    if (status == MIRAI_OK) {
        shares->depth++;
        entry->is_decoding = true;
        status = mirai__decode_sharing(segment, NULL, &mirai__limits_local, &shares->resolver, out,
                                       height);
        entry->is_decoding = false;
        shares->depth--;
    }
    if (status == MIRAI_OK && entry->is_kept) {
        entry->value = mirai_value_ref(*out);
        entry->height = *height;
        mirai__segment_release(entry->segment); /* the value holds what it needs of it */
        entry->segment = NULL;
    }
    mirai__segment_release(segment);
    return status;
}

static mirai_status resolve(void *context, uint64_t id, mirai_value **out, uint32_t *height)
{
    mirai__shares *shares = context;
    (void)pthread_mutex_lock(&shares->lock);
    entry *known = mirai__map_get(&shares->table, id);
    (void)pthread_mutex_unlock(&shares->lock);
    if (known == NULL)
        return mirai__fail(MIRAI_E_DECODE, "shared value %llu is not in this daemon",
                           (unsigned long long)id);
    if (known->value != NULL) {
        *out = mirai_value_ref(known->value);
        *height = known->height;
        return MIRAI_OK;
    }
    if (known->is_decoding)
        return mirai__fail(MIRAI_E_DECODE, "shared value %llu is a part of itself",
                           (unsigned long long)id);
    return decode(shares, known, mirai__segment_ref(known->segment), out, height);
}

void mirai__shares_init(mirai__shares *shares)
{
    *shares = (mirai__shares){.depth = 0};
    (void)pthread_mutex_init(&shares->lock, NULL);
    mirai__map_init(&shares->table);
    mirai__list_init(&shares->doomed);
    atomic_init(&shares->is_doomed, false);
    shares->resolver = (mirai__resolver){.resolve = resolve, .context = shares};
}

void mirai__shares_fini(mirai__shares *shares)
{
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&shares->table, &cursor, &id, &item)) (void)mirai__shares_drop(shares, id);
    mirai__shares_sweep(shares);
    mirai__map_fini(&shares->table);
    (void)pthread_mutex_destroy(&shares->lock);
}
