/*
 * value_dict: dicts: entries in the order in which they were given, and above a few of them a hash
 * index.
 *
 * One block holds the node, its entries, the slots of the index (open addressing, at most half
 * full) and the text of the keys. Keys may come from a peer: the hash is keyed (hash.h).
 *
 * Any thread; no lock: a dict never changes once it is built.
 */
#include "value_node.h"

#include <stdarg.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "hash.h"
#include "utf8.h"

#define LINEAR_MAX 8 /* so many keys are compared faster than hashed */

static uint32_t hash_key(const char *key)
{
    return (uint32_t)mirai__hash_bytes(key, strlen(key));
}

static size_t slots_for(size_t count)
{
    if (count <= LINEAR_MAX) return 0;
    size_t slots = 4 * LINEAR_MAX;
    while (slots < 2 * count) slots *= 2;
    return slots;
}

/* The slot of a key, or the empty one where it belongs. The dict has an index. */
static mirai__dict_slot *find_slot(const mirai__dict_node *dict, const char *key, uint32_t hash)
{
    for (size_t at = hash & dict->slot_mask;; at = (at + 1) & dict->slot_mask) {
        mirai__dict_slot *slot = &dict->slots[at];
        if (!slot->place) return slot;
        if (slot->hash == hash && strcmp(dict->entries[slot->place - 1].key, key) == 0) return slot;
    }
}

static const mirai__dict_entry *find_linear(const mirai__dict_node *dict, const char *key)
{
    for (size_t i = 0; i < dict->count; i++)
        if (strcmp(dict->entries[i].key, key) == 0) return &dict->entries[i];
    return NULL;
}

const mirai__dict_entry *mirai__dict_find(const mirai_value *value, const char *key)
{
    const mirai__dict_node *dict = MIRAI__CONST_NODE(dict, value);
    if (!dict->slot_mask) return find_linear(dict, key);
    const mirai__dict_slot *slot = find_slot(dict, key, hash_key(key));
    return slot->place ? &dict->entries[slot->place - 1] : NULL;
}

/* Give a new key the place after the last entry; false when it is there already. */
static bool index_key(mirai__dict_node *dict, const char *key)
{
    if (!dict->slot_mask) return find_linear(dict, key) == NULL;
    uint32_t hash = hash_key(key);
    mirai__dict_slot *slot = find_slot(dict, key, hash);
    if (slot->place) return false;
    *slot = (mirai__dict_slot){hash, (uint32_t)dict->count + 1};
    return true;
}

/* The block for `count` entries; *text is where the keys go. NULL: bad keys, or no memory. */
static mirai__dict_node *dict_alloc(const char *const *keys, size_t count, char **text)
{
    if (count > UINT32_MAX / 4) {
        mirai__fail(MIRAI_E_NOMEM, "a dict of %zu keys", count);
        return NULL;
    }
    size_t slots = slots_for(count);
    size_t entries_size = count * sizeof(mirai__dict_entry);
    size_t slots_size = slots * sizeof(mirai__dict_slot);
    size_t size = sizeof(mirai__dict_node) + entries_size + slots_size;
    for (size_t i = 0; i < count; i++) {
        size_t key_size = keys[i] ? strlen(keys[i]) : 0;
        if (!keys[i])
            mirai__fail_missing("key %zu of a dict is NULL", i);
        else if (!mirai__utf8_valid(keys[i], key_size))
            mirai__fail(MIRAI_E_INVALID, "key %zu of a dict is not valid UTF-8", i);
        else if (!__builtin_add_overflow(size, key_size + 1, &size))
            continue;
        return NULL;
    }
    mirai__dict_node *dict = mirai__node_new(MIRAI_TYPE_DICT, size);
    if (!dict) return NULL;
    dict->count = 0;
    dict->slot_mask = slots ? slots - 1 : 0;
    dict->slots = (mirai__dict_slot *)(void *)((char *)dict->entries + entries_size);
    memset(dict->slots, 0, slots_size);
    *text = (char *)dict->slots + slots_size;
    return dict;
}

/* Takes item on success only. The key's text goes to *text, which moves on. */
static mirai_status dict_append(mirai__dict_node *dict, const char *key, mirai_value *item,
                                char **text)
{
    if (item == MIRAI_END) item = NULL; /* the value was forgotten */
    if (!item) return mirai__fail_missing("the value of key \"%s\" is NULL", key);
    if (!index_key(dict, key))
        return mirai__fail(MIRAI_E_EXISTS, "key \"%s\" occurs twice in a dict", key);
    size_t size = strlen(key) + 1;
    memcpy(*text, key, size);
    dict->entries[dict->count++] = (mirai__dict_entry){*text, item};
    *text += size;
    return MIRAI_OK;
}

static void release_all(mirai_value *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) mirai_value_release(items[i]);
}

mirai_value *mirai_dict(const char *const *keys, mirai_value *const *items, size_t count)
{
    if (count && (!keys || !items)) {
        mirai__fail_missing("keys or items is NULL, but count is %zu", count);
        if (items) release_all(items, count);
        return NULL;
    }
    char *text = NULL;
    mirai__dict_node *dict = dict_alloc(keys, count, &text);
    if (!dict) {
        release_all(items, count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (dict_append(dict, keys[i], items[i], &text) == MIRAI_OK) continue;
        mirai_value_release(&dict->head); /* with the items before this one */
        release_all(items + i, count - i);
        return NULL;
    }
    return &dict->head;
}

/* ---- from pairs ------------------------------------------------------------------------------ */

/*
 * Walk `"key", value` pairs up to MIRAI_END and count them; keep them in keys and items, unless
 * these are NULL. A pair whose value was forgotten is the last.
 */
static size_t pairs_walk(const void *first_key, va_list arguments, const char **keys,
                         mirai_value **items)
{
    size_t count = 0;
    const void *key = first_key;
    while (key != MIRAI_END) {
        mirai_value *item = va_arg(arguments, mirai_value *);
        if (keys) keys[count] = key;
        if (items) items[count] = item;
        count++;
        if (item == MIRAI_END) break;
        key = va_arg(arguments, const void *);
    }
    return count;
}

static void pairs_release(const void *first_key, va_list arguments)
{
    const void *key = first_key;
    while (key != MIRAI_END) {
        mirai_value *item = va_arg(arguments, mirai_value *);
        mirai_value_release(item);
        if (item == MIRAI_END) break;
        key = va_arg(arguments, const void *);
    }
}

mirai_value *mirai_dict_of(const void *first_key, ...)
{
    enum { FEW = 32 };
    const char *few_keys[FEW];
    mirai_value *few_items[FEW];
    va_list arguments;
    va_start(arguments, first_key);
    size_t count = pairs_walk(first_key, arguments, NULL, NULL);
    va_end(arguments);

    void *memory = NULL;
    const char **keys = few_keys;
    mirai_value **items = few_items;
    if (count > FEW) {
        memory = mirai__alloc(count * (sizeof(*keys) + sizeof(*items)));
        if (memory) {
            items = memory;
            keys = (const char **)(void *)(items + count);
        }
    }
    mirai_value *dict = NULL;
    va_start(arguments, first_key);
    if (count > FEW && !memory) {
        pairs_release(first_key, arguments);
    } else {
        pairs_walk(first_key, arguments, keys, items);
        dict = mirai_dict(keys, items, count);
    }
    va_end(arguments);
    mirai__free(memory);
    return dict;
}

/* ---- a copy with a change -------------------------------------------------------------------- */

static mirai_value *dict_with(const mirai_value *old, const char *key, mirai_value *value)
{
    const mirai__dict_node *dict = MIRAI__CONST_NODE(dict, old);
    const mirai__dict_entry *replaced = mirai__dict_find(old, key);
    size_t count = dict->count + (replaced ? 0 : 1);
    mirai_value **items = mirai__alloc(count * (sizeof(mirai_value *) + sizeof(const char *)));
    if (!items) {
        mirai_value_release(value);
        return NULL;
    }
    const char **keys = (const char **)(void *)(items + count);
    for (size_t i = 0; i < dict->count; i++) {
        const mirai__dict_entry *entry = &dict->entries[i];
        keys[i] = entry->key;
        items[i] = entry == replaced ? value : mirai_value_ref(entry->item);
    }
    if (!replaced) {
        keys[dict->count] = key;
        items[dict->count] = value;
    }
    mirai_value *made = mirai_dict(keys, items, count);
    mirai__free(items);
    return made;
}

mirai_value *mirai__value_with(mirai_value *dict, const char *key, mirai_value *value)
{
    bool is_error = mirai_value_is_error(dict);
    const mirai_value *fields = is_error ? mirai__error_fields(dict) : dict;
    mirai_value *made = NULL;
    if (!fields || !value || !key) {
        mirai__fail_missing("the dict, the key or the value is NULL");
        mirai_value_release(value);
    } else if (fields->type != MIRAI_TYPE_DICT) {
        mirai__fail(MIRAI_E_TYPE, "field \"%s\" cannot be set in a value of type %s", key,
                    mirai_type_text(fields->type));
        mirai_value_release(value);
    } else {
        made = dict_with(fields, key, value);
    }
    mirai_value_release(dict);
    return is_error && made ? mirai_error_of(made) : made;
}
