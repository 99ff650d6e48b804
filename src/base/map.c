/*
 * map: the table keyed by numbers; names.c is the one keyed by strings. Guarded by the owner's
 * lock.
 *
 * Linear probing in a power of two of slots, at most three quarters in use. A removed entry leaves
 * a mark (GONE) so that longer probes still pass over it; marks that end a probe are swept at once,
 * the others when the table is rebuilt. Nothing moves on removal, so that a walk may remove.
 */
#include "map.h"

#include "alloc.h"
#include "detail.h"
#include "hash.h"

typedef struct mirai__map_slot {
    uint64_t key;
    void *item; /* NULL: never used since the last rebuild */
} slot;

static char gone;
#define GONE ((void *)&gone)

void mirai__map_init(mirai__map *map)
{
    *map = (mirai__map){NULL, 0, 0, 0};
}

void mirai__map_fini(mirai__map *map)
{
    mirai__free(map->slots);
    mirai__map_init(map);
}

static slot *find(const mirai__map *map, uint64_t key, uint64_t hash)
{
    if (map->count == 0) return NULL;
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        slot *at = &map->slots[i];
        if (at->item == NULL) return NULL;
        if (at->item != GONE && at->key == key) return at;
    }
}

/* For a key that is not in the table. */
static void insert(mirai__map *map, uint64_t hash, slot entry)
{
    size_t mask = map->capacity - 1;
    size_t i = (size_t)hash & mask;
    while (map->slots[i].item != NULL && map->slots[i].item != GONE) i = (i + 1) & mask;
    if (map->slots[i].item == NULL) map->used++;
    map->slots[i] = entry;
    map->count++;
}

/* A table for what is there and as much again: grows, shrinks, and clears the marks. */
static mirai_status rebuild(mirai__map *map)
{
    mirai__map fresh = {NULL, 0, 0, 16};
    while (fresh.capacity / 2 < map->count + 1) fresh.capacity *= 2;
    fresh.slots = mirai__alloc_zero(fresh.capacity, sizeof *fresh.slots);
    if (fresh.slots == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        const slot *at = &map->slots[i];
        if (at->item != NULL && at->item != GONE) insert(&fresh, mirai__hash_number(at->key), *at);
    }
    mirai__free(map->slots);
    *map = fresh;
    return MIRAI_OK;
}

mirai_status mirai__map_put(mirai__map *map, uint64_t key, void *item)
{
    if (item == NULL) return mirai__fail(MIRAI_E_INVALID, "a map holds no NULL");
    uint64_t hash = mirai__hash_number(key);
    slot *at = find(map, key, hash);
    if (at != NULL) {
        at->item = item;
        return MIRAI_OK;
    }
    if (map->used + 1 > map->capacity / 4 * 3) MIRAI_TRY(rebuild(map));
    insert(map, hash, (slot){key, item});
    return MIRAI_OK;
}

void *mirai__map_get(const mirai__map *map, uint64_t key)
{
    const slot *at = find(map, key, mirai__hash_number(key));
    return at == NULL ? NULL : at->item;
}

void *mirai__map_remove(mirai__map *map, uint64_t key)
{
    slot *at = find(map, key, mirai__hash_number(key));
    if (at == NULL) return NULL;
    void *item = at->item;
    at->item = GONE;
    map->count--;
    size_t mask = map->capacity - 1;
    size_t i = (size_t)(at - map->slots);
    if (map->slots[(i + 1) & mask].item != NULL) return item;
    for (; map->slots[i].item == GONE; i = (i - 1) & mask) {
        map->slots[i].item = NULL;
        map->used--;
    }
    return item;
}

int mirai__map_next(const mirai__map *map, size_t *cursor, uint64_t *key, void **item)
{
    while (*cursor < map->capacity) {
        const slot *at = &map->slots[(*cursor)++];
        if (at->item == NULL || at->item == GONE) continue;
        if (key != NULL) *key = at->key;
        if (item != NULL) *item = at->item;
        return 1;
    }
    return 0;
}
