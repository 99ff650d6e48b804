/* things: see things.h. */
#include "things.h"

#include <stdlib.h>

thing_calls things;

static thing *make(const void *identity, mirai_value *content)
{
    thing *made = content ? malloc(sizeof *made) : NULL;
    if (!made) {
        mirai_value_release(content);
        return NULL;
    }
    made->identity = identity;
    made->content = content;
    things.live++;
    return made;
}

static void release(void *object, void *context)
{
    (void)context;
    thing *old = object;
    (void)mirai_error_set(MIRAI_E_USER, "a release has spoken"); /* as foreign code may */
    things.live--;
    things.release++;
    mirai_value_release(old->content);
    free(old);
}

static const void *identity(void *object, void *context)
{
    (void)context;
    const thing *asked = object;
    return asked->identity;
}

/* Two graphs that share much would be walked for ever: after so many comparisons, things count as
 * equal. */
static int32_t equal(void *a, void *b, void *context)
{
    (void)context;
    static int budget, depth;
    if (depth == 0) budget = 1000;
    if (--budget < 0) return 1;
    depth++;
    int32_t is_equal = mirai_value_equal(((thing *)a)->content, ((thing *)b)->content);
    depth--;
    return is_equal;
}

static mirai_value *serialize(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)context;
    things.serialize++;
    if (things.fail_serialize) {
        (void)mirai_error_set(MIRAI_E_USER, "will not pack");
        return NULL;
    }
    return mirai_value_ref(((thing *)object)->content);
}

static mirai_status unserialize(mirai_message *message, const mirai_value *data, void **object,
                                void *context)
{
    (void)message;
    (void)context;
    things.unserialize++;
    if (things.fail_unserialize) return mirai_error_set(MIRAI_E_USER, "will not unpack");
    *object = make(NULL, mirai_value_ref(data));
    return *object ? MIRAI_OK : MIRAI_E_NOMEM;
}

static mirai_value *serialize_all(mirai_message *message, void *const *objects, size_t count,
                                  void *context)
{
    (void)message;
    (void)context;
    things.serialize_all++;
    if (things.fail_serialize) return NULL;
    mirai_value **items = malloc(count * sizeof(mirai_value *));
    if (!items) return NULL;
    for (size_t i = 0; i < count; i++) items[i] = mirai_value_ref(((thing *)objects[i])->content);
    mirai_value *list = mirai_list(items, count);
    free(items);
    return list;
}

static mirai_status unserialize_all(mirai_message *message, const mirai_value *data, void **objects,
                                    size_t count, void *context)
{
    (void)message;
    (void)context;
    things.unserialize_all++;
    if (things.fail_unserialize) return mirai_error_set(MIRAI_E_USER, "will not unpack");
    if (mirai_value_type(data) != MIRAI_TYPE_LIST || mirai_value_count(data) != count) {
        return mirai_error_set(MIRAI_E_USER, "%zu items for %zu crates", mirai_value_count(data),
                               count);
    }
    for (size_t i = 0; i < count; i++) {
        objects[i] = make(NULL, mirai_value_ref(mirai_value_item(data, i)));
        if (objects[i]) continue;
        while (i > 0) release(objects[--i], NULL);
        return MIRAI_E_NOMEM;
    }
    return MIRAI_OK;
}

mirai_refhook things_box(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serialize;
    hook.unserialize = unserialize;
    hook.release = release;
    hook.identity = identity;
    hook.equal = equal;
    return hook;
}

mirai_refhook things_crate(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize_all = serialize_all;
    hook.unserialize_all = unserialize_all;
    hook.release = release;
    hook.identity = identity;
    hook.equal = equal;
    return hook;
}

void things_register(void)
{
    mirai_refhook box = things_box(), crate = things_crate();
    things = (thing_calls){0};
    if (mirai_refhook_register("box", &box) != MIRAI_OK ||
        mirai_refhook_register("crate", &crate) != MIRAI_OK) {
        abort();
    }
}

void things_unregister(void)
{
    (void)mirai_refhook_unregister("box");
    (void)mirai_refhook_unregister("crate");
}

mirai_value *thing_known(const char *class_name, const void *id, mirai_value *content)
{
    thing *made = make(id, content);
    return made ? mirai_reference(class_name, made, release, NULL) : NULL;
}

mirai_value *thing_new(const char *class_name, mirai_value *content)
{
    return thing_known(class_name, NULL, content);
}

const mirai_value *thing_content(const mirai_value *reference)
{
    const thing *held = mirai_value_object(reference, NULL);
    return held ? held->content : NULL;
}
