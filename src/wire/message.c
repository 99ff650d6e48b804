/*
 * message: what hooks keep with the message at hand (refhook.h). Lives on the stack of the encode
 * or decode that owns it, on that thread; no lock. Few keys: a list is searched faster than a
 * table. A hook asks about its objects mostly in their order, so the search begins behind the last one.
 */
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "message_private.h"

typedef struct mirai__kept {
    const void *key;
    void *data;
    void (*free_fn)(void *data);
} mirai__kept;

void mirai__message_init(mirai_message *message)
{
    memset(message, 0, sizeof *message);
}

void mirai__message_fini(mirai_message *message)
{
    /* One at a time, because a free_fn is foreign code that might look into the message. */
    while (message->count > 0) {
        mirai__kept last = message->kept[--message->count];
        if (last.free_fn) last.free_fn(last.data);
    }
    mirai__free(message->kept);
    mirai__message_init(message);
}

static mirai__kept *find(const mirai_message *message, const void *key)
{
    for (size_t i = 0; i < message->count; i++) {
        if (message->kept[i].key == key) return &message->kept[i];
    }
    return NULL;
}

mirai_status mirai_message_set(mirai_message *message, const void *key, void *data,
                               void (*free_fn)(void *data))
{
    mirai__detail_clear();
    if (!message) return mirai__fail(MIRAI_E_INVALID, "message is NULL");
    if (!key) return mirai__fail(MIRAI_E_INVALID, "key is NULL");
    mirai__kept now = {key, data, free_fn};
    mirai__kept *present = find(message, key);
    if (present) {
        mirai__kept before = *present;
        *present = now;
        if (before.free_fn) before.free_fn(before.data);
        return MIRAI_OK;
    }
    if (message->count == message->capacity) {
        size_t capacity = message->capacity ? 2 * message->capacity : 4;
        mirai__kept *grown = mirai__realloc(message->kept, capacity, sizeof *grown);
        if (!grown) return MIRAI_E_NOMEM;
        message->kept = grown;
        message->capacity = capacity;
    }
    message->kept[message->count++] = now;
    return MIRAI_OK;
}

void *mirai_message_get(const mirai_message *message, const void *key)
{
    if (!message) return NULL;
    const mirai__kept *present = find(message, key);
    return present ? present->data : NULL;
}

void mirai__message_offer(mirai_message *message, void *const *objects, const bool *given, size_t count)
{
    message->objects = objects;
    message->given = given;
    message->object_count = count;
    message->next = 0;
}

void mirai__message_withdraw(mirai_message *message)
{
    mirai__message_offer(message, NULL, NULL, 0);
}

int32_t mirai_message_gives(mirai_message *message, const void *object)
{
    if (!message || !object) return 0;
    for (size_t i = 0; i < message->object_count; i++) {
        size_t at = (message->next + i) % message->object_count;
        if (message->objects[at] != object) continue;
        message->next = at + 1;
        return message->given[at];
    }
    return 0;
}

void mirai__said_keep(mirai__said *said, mirai_status status)
{
    said->status = status;
    if (status == MIRAI_OK) return;
    const char *detail = mirai_error_detail();
    size_t size = strnlen(detail, sizeof said->text - 1);
    memcpy(said->text, detail, size);
    said->text[size] = '\0';
}

mirai_status mirai__said_again(const mirai__said *said)
{
    return said->status == MIRAI_OK ? MIRAI_OK : mirai__fail(said->status, "%s", said->text);
}

mirai_status mirai__message_blame(const char *class_name, const char *verb)
{
    mirai__said said;
    mirai__said_keep(&said, MIRAI_E_HOOK);
    return mirai__fail(MIRAI_E_HOOK, "refhook '%s' could not %s: %s", class_name, verb,
                       said.text[0] ? said.text : "it gave no reason");
}
