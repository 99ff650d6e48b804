/*
 * names: the table keyed by strings; it works as the one in map.c does, and keeps each key's hash
 * so that strings are compared only when they are very likely equal. Guarded by the owner's lock.
 */
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "hash.h"
#include "map.h"

typedef struct mirai__names_slot {
    uint64_t hash;
    const char *key; /* NULL: never used since the last rebuild */
    void *item;      /* NULL: the entry was removed */
} slot;

void mirai__names_init(mirai__names *names)
{
    *names = (mirai__names){NULL, 0, 0, 0};
}

void mirai__names_fini(mirai__names *names)
{
    mirai__free(names->slots);
    mirai__names_init(names);
}

static uint64_t hash_of(const char *key)
{
    return mirai__hash_bytes(key, strlen(key));
}

static slot *find(const mirai__names *names, const char *key, uint64_t hash)
{
    if (names->count == 0) return NULL;
    size_t mask = names->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        slot *at = &names->slots[i];
        if (at->key == NULL) return NULL;
        if (at->item != NULL && at->hash == hash && strcmp(at->key, key) == 0) return at;
    }
}

/* For a key that is not in the table. */
static void insert(mirai__names *names, slot entry)
{
    size_t mask = names->capacity - 1;
    size_t i = (size_t)entry.hash & mask;
    while (names->slots[i].item != NULL) i = (i + 1) & mask;
    if (names->slots[i].key == NULL) names->used++;
    names->slots[i] = entry;
    names->count++;
}

static mirai_status rebuild(mirai__names *names)
{
    mirai__names fresh = {NULL, 0, 0, 16};
    while (fresh.capacity / 2 < names->count + 1) fresh.capacity *= 2;
    fresh.slots = mirai__alloc_zero(fresh.capacity, sizeof *fresh.slots);
    if (fresh.slots == NULL) return MIRAI_E_NOMEM;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].item != NULL) insert(&fresh, names->slots[i]);
    mirai__free(names->slots);
    *names = fresh;
    return MIRAI_OK;
}

mirai_status mirai__names_put(mirai__names *names, const char *key, void *item)
{
    if (item == NULL) return mirai__fail(MIRAI_E_INVALID, "a map holds no NULL");
    slot entry = {hash_of(key), key, item};
    slot *at = find(names, key, entry.hash);
    if (at != NULL) { /* the old key may go away together with the old item */
        *at = entry;
        return MIRAI_OK;
    }
    if (names->used + 1 > names->capacity / 4 * 3) MIRAI_TRY(rebuild(names));
    insert(names, entry);
    return MIRAI_OK;
}

void *mirai__names_get(const mirai__names *names, const char *key)
{
    const slot *at = find(names, key, hash_of(key));
    return at == NULL ? NULL : at->item;
}

void *mirai__names_remove(mirai__names *names, const char *key)
{
    slot *at = find(names, key, hash_of(key));
    if (at == NULL) return NULL;
    void *item = at->item;
    *at = (slot){0, "", NULL}; /* the key was borrowed: keep no pointer to it */
    names->count--;
    size_t mask = names->capacity - 1;
    size_t i = (size_t)(at - names->slots);
    if (names->slots[(i + 1) & mask].key != NULL) return item;
    for (; names->slots[i].key != NULL && names->slots[i].item == NULL; i = (i - 1) & mask) {
        names->slots[i].key = NULL;
        names->used--;
    }
    return item;
}

int mirai__names_next(const mirai__names *names, size_t *cursor, const char **key, void **item)
{
    while (*cursor < names->capacity) {
        const slot *at = &names->slots[(*cursor)++];
        if (at->item == NULL) continue;
        if (key != NULL) *key = at->key;
        if (item != NULL) *item = at->item;
        return 1;
    }
    return 0;
}
