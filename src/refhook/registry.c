/*
 * registry: refhooks by class name (registry.h). Any thread; each table has its own lock, held for
 * a look-up or a change and for nothing else. Entries are counted and never change, so an entry
 * that was found stays good after the lock is let go, and after the class was unregistered.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "map.h"
#include "registry.h"
#include "utf8.h"

/* The shortest struct that makes sense holds the two plain hooks. The longest is a guard against
 * reading far beyond a struct whose struct_size was never set. */
#define SHORTEST offsetof(mirai_refhook, serialize_all)
#define LONGEST 4096

struct mirai__hooks {
    pthread_mutex_t lock;
    mirai__names by_class; /* of mirai__hook, one reference each */
};

static mirai__hooks process = {.lock = PTHREAD_MUTEX_INITIALIZER};

mirai__hook *mirai__hook_ref(mirai__hook *hook)
{
    if (hook) atomic_fetch_add_explicit(&hook->references, 1, memory_order_relaxed);
    return hook;
}

void mirai__hook_unref(mirai__hook *hook)
{
    if (hook && atomic_fetch_sub_explicit(&hook->references, 1, memory_order_acq_rel) == 1) {
        mirai__free(hook);
    }
}

mirai__hooks *mirai__hooks_new(void)
{
    mirai__hooks *overlay = mirai__alloc_zero(1, sizeof *overlay);
    if (!overlay) return NULL;
    pthread_mutex_init(&overlay->lock, NULL);
    mirai__names_init(&overlay->by_class);
    return overlay;
}

void mirai__hooks_free(mirai__hooks *overlay)
{
    if (!overlay) return;
    size_t cursor = 0;
    const char *class_name;
    void *hook;
    while (mirai__names_next(&overlay->by_class, &cursor, &class_name, &hook)) {
        mirai__names_remove(&overlay->by_class, class_name);
        mirai__hook_unref(hook);
    }
    mirai__names_fini(&overlay->by_class);
    pthread_mutex_destroy(&overlay->lock);
    mirai__free(overlay);
}

/* Today's struct from one of any release: a missing tail is NULL, an unknown tail must be unused.
 */
static mirai_status read_hook(const mirai_refhook *from, mirai_refhook *out)
{
    size_t size = from->struct_size;
    if (size < SHORTEST || size > LONGEST || size % sizeof(void *) != 0) {
        return mirai__fail(MIRAI_E_INVALID,
                           "a refhook's struct_size is %zu: use MIRAI_REFHOOK_INIT", size);
    }
    for (size_t i = sizeof *out; i < size; i++) {
        if (((const unsigned char *)from)[i] != 0) {
            return mirai__fail(MIRAI_E_INVALID, "a refhook sets fields that this release of the "
                                                "library does not know");
        }
    }
    memset(out, 0, sizeof *out);
    memcpy(out, from, size < sizeof *out ? size : sizeof *out);
    out->struct_size = sizeof *out;
    if (!out->serialize && !out->serialize_all && !out->unserialize && !out->unserialize_all) {
        return mirai__fail(MIRAI_E_INVALID,
                           "a refhook needs a form of serialize or of unserialize");
    }
    return MIRAI_OK;
}

static mirai__hook *new_hook(const char *class_name, const mirai_refhook *hook)
{
    size_t size = strlen(class_name) + 1;
    mirai__hook *entry = mirai__alloc(sizeof *entry + size);
    if (!entry) return NULL;
    atomic_init(&entry->references, 1);
    entry->hook = *hook;
    entry->class_name = memcpy(entry + 1, class_name, size);
    return entry;
}

bool mirai__class_is_ours(const char *class_name)
{
    return strcmp(class_name, MIRAI__CLASS_COMMON) == 0;
}

/* Field by field, because comparing whole structs would compare padding where a target has some. */
static bool is_same(const mirai_refhook *a, const mirai_refhook *b)
{
    return a->context == b->context && a->serialize == b->serialize &&
           a->unserialize == b->unserialize && a->serialize_all == b->serialize_all &&
           a->unserialize_all == b->unserialize_all && a->release == b->release &&
           a->identity == b->identity && a->print == b->print && a->get == b->get &&
           a->equal == b->equal && a->size == b->size;
}

mirai_status mirai__hooks_register(mirai__hooks *overlay, const char *class_name,
                                   const mirai_refhook *hook)
{
    if (!mirai__name_valid(class_name)) {
        return mirai__fail(MIRAI_E_INVALID, "a class name must be 1 to 255 bytes of UTF-8");
    }
    if (!hook) return mirai__fail(MIRAI_E_INVALID, "hook of class '%s' is NULL", class_name);
    if (mirai__class_is_ours(class_name))
        return mirai__fail(MIRAI_E_EXISTS, "class '%s' is the library's own", class_name);
    mirai_refhook wanted;
    MIRAI_TRY(read_hook(hook, &wanted));
    mirai__hook *entry = new_hook(class_name, &wanted);
    if (!entry) return MIRAI_E_NOMEM;

    mirai__hooks *table = overlay ? overlay : &process;
    mirai_status status = MIRAI_OK;
    bool is_kept = false;
    pthread_mutex_lock(&table->lock);
    mirai__hook *present = mirai__names_get(&table->by_class, class_name);
    if (!present) {
        status = mirai__names_put(&table->by_class, entry->class_name, entry);
        is_kept = status == MIRAI_OK;
    } else if (!is_same(&present->hook, &wanted)) {
        status = mirai__fail(MIRAI_E_EXISTS, "class '%s' has other refhooks already", class_name);
    }
    pthread_mutex_unlock(&table->lock);
    if (!is_kept) mirai__hook_unref(entry);
    return status;
}

static mirai__hook *find_in(mirai__hooks *table, const char *class_name)
{
    pthread_mutex_lock(&table->lock);
    mirai__hook *hook = mirai__hook_ref(mirai__names_get(&table->by_class, class_name));
    pthread_mutex_unlock(&table->lock);
    return hook;
}

mirai__hook *mirai__hooks_find(mirai__hooks *overlay, const char *class_name)
{
    mirai__hook *hook = overlay ? find_in(overlay, class_name) : NULL;
    return hook ? hook : find_in(&process, class_name);
}

mirai_status mirai_refhook_register(const char *class_name, const mirai_refhook *hook)
{
    MIRAI_TRY(mirai__enter());
    return mirai__hooks_register(NULL, class_name, hook);
}

mirai_status mirai_refhook_unregister(const char *class_name)
{
    MIRAI_TRY(mirai__enter());
    if (!mirai__name_valid(class_name)) {
        return mirai__fail(MIRAI_E_INVALID, "a class name must be 1 to 255 bytes of UTF-8");
    }
    if (mirai__class_is_ours(class_name))
        return mirai__fail(MIRAI_E_INVALID, "class '%s' is the library's own", class_name);
    pthread_mutex_lock(&process.lock);
    mirai__hook *hook = mirai__names_remove(&process.by_class, class_name);
    pthread_mutex_unlock(&process.lock);
    if (!hook) return mirai__fail(MIRAI_E_NOT_FOUND, "no refhooks for class '%s'", class_name);
    mirai__hook_unref(hook);
    return MIRAI_OK;
}
