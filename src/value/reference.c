/*
 * reference: foreign objects as values: taking and releasing the object, finding the hooks of its
 * class, and reaching into it.
 *
 * Any thread; no lock: what a `get` hook gave is kept in a list that only grows, by
 * compare-and-swap, until the reference goes. Two threads that fetch one key at once both run the
 * hook; one of the two results is kept.
 */
#include "value_node.h"

#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "utf8.h"

/* All but the object is set; NULL: no memory. */
static mirai__reference_node *reference_alloc(const char *class_name)
{
    size_t size = strlen(class_name) + 1;
    mirai__reference_node *node = mirai__node_new(MIRAI_TYPE_REFERENCE, sizeof(*node) + size);
    if (!node) return NULL;
    node->object = NULL;
    node->release = NULL;
    node->context = NULL;
    node->hook = NULL;
    atomic_init(&node->fetched, NULL);
    memcpy(node->class_name, class_name, size);
    return node;
}

mirai_value *mirai_reference(const char *class_name, void *object, mirai_release_fn release,
                             void *context)
{
    mirai__reference_node *node = NULL;
    if (!object)
        mirai__fail_missing("the object of a reference is NULL");
    else if (!mirai__name_valid(class_name))
        mirai__fail(MIRAI_E_INVALID, "a class name must be 1 to 255 bytes of UTF-8");
    else if (mirai__class_is_ours(class_name))
        mirai__fail(MIRAI_E_EXISTS, "class '%s' is the library's own", class_name);
    else
        node = reference_alloc(class_name);
    if (!node) {
        if (object && release) release(object, context);
        return NULL;
    }
    node->object = object;
    node->release = release;
    node->context = context;
    return &node->head;
}

mirai_value *mirai__reference_hooked(mirai__hook *hook, void *object)
{
    mirai__reference_node *node = reference_alloc(hook->class_name);
    if (!node) {
        if (hook->hook.release) hook->hook.release(object, hook->hook.context);
        return NULL;
    }
    node->object = object;
    node->release = hook->hook.release;
    node->context = hook->hook.context;
    node->hook = mirai__hook_ref(hook);
    return &node->head;
}

void mirai__reference_fini(mirai__reference_node *node)
{
    if (node->release) node->release(node->object, node->context);
    mirai__hook_unref(node->hook);
}

mirai__hook *mirai__reference_hook(const mirai_value *reference)
{
    if (mirai_value_type(reference) != MIRAI_TYPE_REFERENCE) return NULL;
    const mirai__reference_node *node = MIRAI__CONST_NODE(reference, reference);
    return node->hook ? mirai__hook_ref(node->hook) : mirai__hooks_find(NULL, node->class_name);
}

bool mirai__reference_owns(const mirai_value *reference)
{
    return MIRAI__CONST_NODE(reference, reference)->release != NULL;
}

const char *mirai_value_class(const mirai_value *value)
{
    switch (mirai_value_type(value)) {
    case MIRAI_TYPE_REFERENCE: return MIRAI__CONST_NODE(reference, value)->class_name;
    case MIRAI_TYPE_ERROR:
        return mirai_value_string(mirai_value_item(MIRAI__CONST_NODE(error, value)->classes, 0));
    default: return NULL;
    }
}

void *mirai_value_object(const mirai_value *value, const char *class_name)
{
    if (mirai_value_type(value) != MIRAI_TYPE_REFERENCE) return NULL;
    const mirai__reference_node *node = MIRAI__CONST_NODE(reference, value);
    return !class_name || strcmp(class_name, node->class_name) == 0 ? node->object : NULL;
}

/* ---- reaching into the object ---------------------------------------------------------------- */

/* From one entry of the list up to, and without, another. */
static const mirai_value *fetched_find(const mirai__fetched *from, const mirai__fetched *end,
                                       const char *key)
{
    for (; from != end; from = from->next)
        if (strcmp(from->key, key) == 0) return from->value;
    return NULL;
}

/* Takes value. What another thread has put under the key meanwhile is kept instead. */
static const mirai_value *fetched_keep(mirai__reference_node *node, const char *key,
                                       mirai_value *value)
{
    size_t size = strlen(key) + 1;
    mirai__fetched *mine = mirai__alloc(sizeof(*mine) + size);
    if (!mine) {
        mirai_value_release(value);
        return NULL;
    }
    mine->value = value;
    memcpy(mine->key, key, size);
    mirai__fetched *head = atomic_load_explicit(&node->fetched, memory_order_acquire);
    mirai__fetched *seen = NULL;
    const mirai_value *theirs;
    do {
        theirs = fetched_find(head, seen, key);
        if (theirs) {
            mirai_value_release(value);
            mirai__free(mine);
            return theirs;
        }
        seen = head;
        mine->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&node->fetched, &head, mine,
                                                    memory_order_acq_rel, memory_order_acquire));
    return value;
}

const mirai_value *mirai__reference_get(const mirai_value *reference, const char *key)
{
    mirai__reference_node *node =
        (mirai__reference_node *)reference; /* to keep what the hook gives */
    const mirai_value *kept =
        fetched_find(atomic_load_explicit(&node->fetched, memory_order_acquire), NULL, key);
    if (kept) return kept;
    mirai__hook *hook = mirai__reference_hook(reference);
    if (!hook || !hook->hook.get) {
        mirai__fail(MIRAI_E_TYPE, "an object of class \"%s\" cannot be reached into",
                    node->class_name);
        mirai__hook_unref(hook);
        return NULL;
    }
    mirai__detail_clear();
    mirai_value *value = hook->hook.get(node->object, key, hook->hook.context);
    mirai__hook_unref(hook);
    if (!value) {
        if (mirai_error_detail()[0] == '\0')
            mirai__fail(MIRAI_E_NOT_FOUND, "there is no \"%s\" in an object of class \"%s\"", key,
                        node->class_name);
        return NULL;
    }
    if (value == reference) { /* kept by itself, it would never go */
        mirai_value_release(value);
        return reference;
    }
    return fetched_keep(node, key, value);
}
