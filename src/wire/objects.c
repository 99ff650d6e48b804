/*
 * objects: distinct objects, their classes, groups, and the order of groups (objects.h). Owned by
 * one encoder, on its thread. Only `identity` hooks are called here.
 */
#include <stdint.h>
#include <string.h>

#include "common.h"
#include "detail.h"
#include "grow.h"
#include "objects.h"

void mirai__objects_init(mirai__objects *objects, mirai__hooks *overlay)
{
    memset(objects, 0, sizeof *objects);
    objects->overlay = overlay;
    mirai__names_init(&objects->by_name);
}

static void free_class(mirai__class *class)
{
    mirai__map_fini(&class->numbers);
    mirai__hook_unref(class->hook);
    mirai__free(class->pending);
    mirai__free(class);
}

void mirai__objects_fini(mirai__objects *objects)
{
    if (!objects->classes) return; /* the first thing that is made */
    for (size_t i = 0; i < objects->count; i++) mirai_value_release(objects->items[i].reference);
    mirai__names_fini(&objects->by_name);
    for (size_t i = 0; i < objects->class_count; i++) free_class(objects->classes[i]);
    mirai__free(objects->classes);
    mirai__free(objects->items);
    mirai__free(objects->groups);
    mirai__free(objects->edges);
    mirai__free(objects->members);
}

static bool can_serialize(const mirai__hook *hook)
{
    return hook && (hook->hook.serialize || hook->hook.serialize_all);
}

/* The registered hooks go first; those that the reference came with stand in when there are none.
 */
static mirai__hook *find_hook(const mirai__objects *objects, const mirai_value *reference)
{
    const char *name = mirai_value_class(reference);
    mirai__hook *hook = mirai__common_hook(name);
    if (!hook) hook = mirai__hooks_find(objects->overlay, name);
    if (can_serialize(hook)) return hook;
    mirai__hook_unref(hook);
    hook = mirai__reference_hook(reference);
    if (can_serialize(hook)) return hook;
    mirai__hook_unref(hook);
    mirai__fail(MIRAI_E_HOOK, "no refhook is registered that serializes objects of class '%s'",
                name);
    return NULL;
}

static mirai_status find_class(mirai__objects *objects, const mirai_value *reference,
                               mirai__class **out)
{
    *out = mirai__names_get(&objects->by_name, mirai_value_class(reference));
    if (*out) return MIRAI_OK;
    MIRAI_TRY(mirai__grow(objects->classes, objects->class_capacity, objects->class_count));
    mirai__hook *hook = find_hook(objects, reference);
    if (!hook) return MIRAI_E_HOOK;
    mirai__class *class = mirai__alloc_zero(1, sizeof *class);
    if (!class) {
        mirai__hook_unref(hook);
        return MIRAI_E_NOMEM;
    }
    class->hook = hook;
    mirai__map_init(&class->numbers);
    objects->classes[objects->class_count++] = class;
    *out = class;
    return mirai__names_put(&objects->by_name, hook->class_name, class);
}

static uint64_t identify(const mirai__hook *hook, void *object)
{
    const void *identity = NULL;
    if (hook->hook.identity) identity = hook->hook.identity(object, hook->hook.context);
    return (uint64_t)(uintptr_t)(identity ? identity : object);
}

static mirai_status add_object(mirai__objects *objects, mirai__class *class, uint64_t identity,
                               const mirai_value *reference, size_t *number)
{
    MIRAI_TRY(mirai__grow(objects->items, objects->capacity, objects->count));
    *number = objects->count;
    MIRAI_TRY(mirai__map_put(&class->numbers, identity, (void *)(uintptr_t)(*number + 1)));
    objects->items[objects->count++] =
        (mirai__object){mirai_value_ref(reference), class, MIRAI__NO_GROUP, true};
    return MIRAI_OK;
}

mirai_status mirai__objects_number(mirai__objects *objects, const mirai_value *reference, bool given,
                                   size_t from, uint32_t depth, size_t *number)
{
    mirai__class *class;
    MIRAI_TRY(find_class(objects, reference, &class));
    uint64_t identity = identify(class->hook, mirai_value_object(reference, NULL));
    size_t known = (size_t)(uintptr_t)mirai__map_get(&class->numbers, identity);
    if (known != 0) {
        *number = known - 1;
    } else {
        MIRAI_TRY(add_object(objects, class, identity, reference, number));
    }
    if (!given) objects->items[*number].given = false;
    MIRAI_TRY(mirai__grow(objects->edges, objects->edge_capacity, objects->edge_count));
    objects->edges[objects->edge_count++] = (mirai__edge){from, *number, depth};
    return MIRAI_OK;
}

mirai_status mirai__objects_group(mirai__objects *objects, const size_t *numbers, size_t count)
{
    MIRAI_TRY(mirai__grow(objects->groups, objects->group_capacity, objects->group_count));
    mirai__group *group = &objects->groups[objects->group_count];
    *group = (mirai__group){.of = objects->items[numbers[0]].of, .first = objects->member_count};
    for (size_t i = 0; i < count; i++) {
        MIRAI_TRY(mirai__grow(objects->members, objects->member_capacity, objects->member_count));
        objects->members[objects->member_count++] = numbers[i];
        objects->items[numbers[i]].group = objects->group_count;
    }
    group->count = count;
    objects->group_count++;
    return MIRAI_OK;
}

/* ---- order -------------------------------------------------------------------------------------
 */

/* A topological sort; links are the edges by the group that they lead to. */
typedef struct sorting {
    size_t *order;   /* the result, and the queue of groups that wait for nothing */
    size_t *waiting; /* by group: edges to groups not yet in order */
    size_t *heads;   /* by group: first edge that leads to it, plus one */
    size_t *links;   /* by edge: next edge that leads to the same group, plus one */
} sorting;

/* The value that holds the edge is as high as what the edge leads to, and the way there. */
static mirai_status raise_height(mirai__objects *objects, const mirai__edge *edge, uint32_t depth)
{
    uint32_t deepest = edge->depth + objects->groups[objects->items[edge->to].group].height;
    if (deepest >= depth) {
        return mirai__fail(MIRAI_E_LIMIT, "references lead more than %u deep", (unsigned)depth);
    }
    if (edge->from == MIRAI__NO_GROUP) return MIRAI_OK;
    mirai__group *from = &objects->groups[edge->from];
    if (from->height <= deepest) from->height = deepest + 1;
    return MIRAI_OK;
}

static mirai_status fail_circle(const mirai__objects *objects, const sorting *s)
{
    size_t g = 0;
    while (s->waiting[g] == 0) g++;
    return mirai__fail(MIRAI_E_HOOK, "objects of class '%s' refer to each other in a circle",
                       objects->groups[g].of->hook->class_name);
}

static mirai_status sort(mirai__objects *objects, uint32_t depth, sorting *s)
{
    for (size_t e = 0; e < objects->edge_count; e++) {
        const mirai__edge *edge = &objects->edges[e];
        size_t to = objects->items[edge->to].group;
        if (edge->from != MIRAI__NO_GROUP) s->waiting[edge->from]++;
        s->links[e] = s->heads[to];
        s->heads[to] = e + 1;
    }
    size_t count = 0;
    for (size_t g = 0; g < objects->group_count; g++) {
        if (s->waiting[g] == 0) s->order[count++] = g;
    }
    for (size_t done = 0; done < count; done++) {
        for (size_t e = s->heads[s->order[done]]; e != 0; e = s->links[e - 1]) {
            const mirai__edge *edge = &objects->edges[e - 1];
            MIRAI_TRY(raise_height(objects, edge, depth));
            if (edge->from == MIRAI__NO_GROUP) continue;
            if (--s->waiting[edge->from] == 0) s->order[count++] = edge->from;
        }
    }
    return count == objects->group_count ? MIRAI_OK : fail_circle(objects, s);
}

mirai_status mirai__objects_order(mirai__objects *objects, uint32_t depth, size_t **out)
{
    size_t groups = objects->group_count;
    sorting s = {
        mirai__alloc_zero(groups, sizeof(size_t)),
        mirai__alloc_zero(groups, sizeof(size_t)),
        mirai__alloc_zero(groups, sizeof(size_t)),
        mirai__alloc_zero(objects->edge_count, sizeof(size_t)),
    };
    mirai_status status = MIRAI_E_NOMEM;
    if (s.order && s.waiting && s.heads && s.links) status = sort(objects, depth, &s);
    mirai__free(s.waiting);
    mirai__free(s.heads);
    mirai__free(s.links);
    if (status != MIRAI_OK) {
        mirai__free(s.order);
        return status;
    }
    *out = s.order;
    return MIRAI_OK;
}
