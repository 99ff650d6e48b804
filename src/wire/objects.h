/*
 * objects: the distinct objects that the references of one message being built name, and the groups
 * that they are serialised in. An object is identified by (class, identity) and numbered in the
 * order in which it is met.
 */
#ifndef MIRAI__OBJECTS_H
#define MIRAI__OBJECTS_H

#include <stdbool.h>

#include "map.h"
#include "value_private.h"

/* A class of which the message holds objects. */
typedef struct mirai__class {
    mirai__hook *hook;  /* owned */
    mirai__map numbers; /* from identity to number plus one */
    size_t *pending;    /* objects that the next serialize_all will take */
    size_t pending_count, pending_capacity;
} mirai__class;

typedef struct mirai__object {
    mirai_value *reference; /* owned: keeps the object, and so its identity, alive */
    mirai__class *of;
    size_t group;
    bool given; /* by all references to it so far: nobody has it when they are gone */
} mirai__object;

/* What one call of a hook has given. */
typedef struct mirai__group {
    mirai__class *of;
    size_t first, count; /* its objects, in objects.members */
    size_t offset, size; /* its value, in the encoder's bytes */
    uint32_t height;     /* levels of nesting in its value, and through the objects that it names */
} mirai__group;

/* The value of group `from` (MIRAI__NO_GROUP: the root) names object `to`. */
typedef struct mirai__edge {
    size_t from, to;
    uint32_t depth; /* of the reference */
} mirai__edge;

typedef struct mirai__objects {
    mirai__hooks *overlay;
    mirai__names by_name; /* of mirai__class */
    mirai__class **classes;
    mirai__object *items;
    mirai__group *groups;
    mirai__edge *edges;
    size_t *members;
    size_t class_count, class_capacity;
    size_t count, capacity;
    size_t group_count, group_capacity;
    size_t edge_count, edge_capacity;
    size_t member_count, member_capacity;
} mirai__objects;

#define MIRAI__NO_GROUP SIZE_MAX

void mirai__objects_init(mirai__objects *objects, mirai__hooks *overlay);
void mirai__objects_fini(mirai__objects *objects);
/* The number of a reference's object, met at `depth` in the value of group `from`. `given`: the reference will go, and
 * the object with it. Hooks are looked up when a class is first met; E_HOOK when it has none that serialise. */
mirai_status mirai__objects_number(mirai__objects *objects, const mirai_value *reference, bool given,
                                   size_t from, uint32_t depth, size_t *number);
/* A new group of the given objects. */
mirai_status mirai__objects_group(mirai__objects *objects, const size_t *numbers, size_t count);
/* Put the groups into an order in which each follows all that it refers to; *out is owned. E_HOOK
 * for a circle, E_LIMIT when references lead deeper than `depth`. */
mirai_status mirai__objects_order(mirai__objects *objects, uint32_t depth, size_t **out);

#endif
