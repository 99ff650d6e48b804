/*
 * map: two open-addressing hash tables, one from uint64 (0 is a legal key) and one from strings, to pointers
 * that are never NULL. Keys of mirai__names are borrowed: they must live as long as the entry. Owned by one
 * thread or guarded by the owner's lock.
 */
#ifndef MIRAI__MAP_H
#define MIRAI__MAP_H

#include <stddef.h>
#include <stdint.h>
#include <miraicore/error.h>

typedef struct mirai__map {
    struct mirai__map_slot *slots;
    size_t count, used, capacity;
} mirai__map;

void mirai__map_init(mirai__map *map);
void mirai__map_fini(mirai__map *map); /* frees the table, not what it points to */
mirai_status mirai__map_put(mirai__map *map, uint64_t key, void *item); /* replaces; E_NOMEM leaves it as it was */
void *mirai__map_get(const mirai__map *map, uint64_t key);
void *mirai__map_remove(mirai__map *map, uint64_t key); /* returns what was there, or NULL */
/* Walk: start with *cursor = 0; false at the end. Removing the current key while walking is allowed. */
int mirai__map_next(const mirai__map *map, size_t *cursor, uint64_t *key, void **item);

typedef struct mirai__names {
    struct mirai__names_slot *slots;
    size_t count, used, capacity;
} mirai__names;

void mirai__names_init(mirai__names *names);
void mirai__names_fini(mirai__names *names);
mirai_status mirai__names_put(mirai__names *names, const char *key, void *item);
void *mirai__names_get(const mirai__names *names, const char *key);
void *mirai__names_remove(mirai__names *names, const char *key);
int mirai__names_next(const mirai__names *names, size_t *cursor, const char **key, void **item);

#endif
