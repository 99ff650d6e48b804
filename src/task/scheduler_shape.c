/*
 * scheduler_shape: what tasks ask for, and what there is (scheduler.h). Tasks that ask for the same
 * share a shape: its queue is in order, so that only the first of each shape is ever looked at. No
 * thread and no lock of its own.
 *
 * The queue is a list for priority 0, which costs nothing, and a heap for the others. Sequence
 * numbers of the first time that a task was queued order both, and shapes among each other.
 */
#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "scheduler_private.h"

void mirai__sched_shape_init(mirai__sched_shape *shape)
{
    *shape = (mirai__sched_shape){.queued = 0};
    mirai__list_init(&shape->all);
    mirai__list_init(&shape->waiting);
    mirai__list_init(&shape->queue);
    shape->mark = &shape->queue;
    mirai__list_init(&shape->blocked);
    mirai__heap_init(&shape->ranked);
}

/* ---- tags ---- */

static bool has_tag(const char *tags, const char *tag)
{
    size_t size = strcspn(tag, ",");
    if (tag[size] != '\0') return false; /* a name has no comma */
    for (const char *at = tags; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (strncmp(at, tag, size) == 0 && (at[size] == ',' || at[size] == '\0')) return true;
    }
    return false;
}

static bool admits(const mirai__sched_group *group, const char *tag)
{
    return !tag || has_tag(group->tags, tag);
}

static uint64_t groups_with(const mirai__sched *sched, const char *tag)
{
    uint64_t groups = 0;
    for (int32_t i = 0; i < sched->group_count; i++) {
        if (admits(&sched->groups[i], tag)) groups |= (uint64_t)1 << i;
    }
    return groups;
}

void mirai__sched_shapes_admit(mirai__sched *sched, int32_t group)
{
    sched->plain.groups |= (uint64_t)1 << group;
    for (mirai__list *node = sched->shapes.next; node != &sched->shapes; node = node->next) {
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, all);
        if (admits(&sched->groups[group], shape->tag)) shape->groups |= (uint64_t)1 << group;
    }
}

/* ---- what there is ---- */

static int64_t parts_of(double amount)
{
    int64_t parts = (int64_t)(amount * MIRAI__RESOURCE_PARTS);
    return parts > 0 ? parts : 1;
}

void mirai__sched_resources_init(mirai__sched *sched, const mirai__sched_config *config)
{
    sched->gpus = -1;
    for (size_t i = 0; i < config->resource_count && i < MIRAI__RESOURCES_MAX; i++) {
        int64_t parts = parts_of(config->resources[i].amount);
        sched->resources[i] =
            (mirai__sched_resource){config->resources[i].name, .total = parts, .free = parts};
        sched->resource_count++;
        if (strcmp(config->resources[i].name, "gpus") != 0) continue;
        sched->gpus = (int32_t)i;
        int64_t devices = parts / MIRAI__RESOURCE_PARTS;
        sched->devices = devices >= 64 ? UINT64_MAX : ((uint64_t)1 << devices) - 1;
    }
    sched->config.resources = NULL; /* borrowed for the call; their names are not */
}

bool mirai__sched_shape_fits(const mirai__sched *sched, const mirai__sched_shape *shape)
{
    if (!shape->takes) return true;
    for (size_t i = 0; i < sched->resource_count; i++) {
        if (shape->needs[i] > sched->resources[i].free) return false;
    }
    return true;
}

const mirai__sched_resource *mirai__sched_missing(const mirai__sched *sched,
                                                  const mirai__sched_task *task)
{
    if (!task->shape) return NULL;
    for (size_t i = 0; i < sched->resource_count; i++) {
        if (task->shape->needs[i] > sched->resources[i].free) return &sched->resources[i];
    }
    return NULL;
}

static uint64_t assign_devices(mirai__sched *sched, int64_t count)
{
    uint64_t devices = 0;
    for (; count > 0; count--) {
        uint64_t rest = sched->devices & (sched->devices - 1); /* without the lowest */
        devices |= sched->devices ^ rest;
        sched->devices = rest;
    }
    return devices;
}

void mirai__sched_take(mirai__sched *sched, mirai__sched_daemon *daemon, mirai__sched_shape *shape)
{
    if (!shape->takes) return;
    for (size_t i = 0; i < sched->resource_count; i++) sched->resources[i].free -= shape->needs[i];
    if (sched->gpus >= 0)
        daemon->devices = assign_devices(sched, shape->needs[sched->gpus] / MIRAI__RESOURCE_PARTS);
    daemon->holds = shape;
    shape->holders++;
}

static void free_if_unused(const mirai__sched *sched, mirai__sched_shape *shape)
{
    if (shape == &sched->plain || shape->tasks > 0 || shape->holders > 0) return;
    mirai__list_remove(&shape->all);
    mirai__heap_fini(&shape->ranked);
    mirai__free(shape);
}

void mirai__sched_shapes_fini(mirai__sched *sched)
{
    mirai__heap_fini(&sched->plain.ranked);
    mirai__list *next, *node = sched->shapes.next;
    for (; node && node != &sched->shapes; node = next) { /* NULL: it was never begun */
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, all);
        next = node->next;
        shape->tasks = shape->holders = 0; /* where it is not the end of all */
        free_if_unused(sched, shape);
    }
}

void mirai__sched_shape_let_go(mirai__sched *sched, mirai__sched_shape *shape)
{
    shape->holders--;
    free_if_unused(sched, shape);
}

void mirai__sched_give_back(mirai__sched *sched, mirai__sched_daemon *daemon)
{
    mirai__sched_shape *shape = daemon->holds;
    if (!shape) return;
    for (size_t i = 0; i < sched->resource_count; i++) sched->resources[i].free += shape->needs[i];
    sched->devices |= daemon->devices;
    daemon->devices = 0;
    daemon->holds = NULL;
    mirai__sched_shape_let_go(sched, shape);
}

/* ---- what is asked for ---- */

static mirai_status find_resource(const mirai__sched *sched, const char *name, size_t *index)
{
    for (size_t i = 0; i < sched->resource_count; i++) {
        *index = i;
        if (strcmp(sched->resources[i].name, name) == 0) return MIRAI_OK;
    }
    return mirai__fail(MIRAI_E_INFEASIBLE, "this pool has no resource called \"%s\"", name);
}

static mirai_status read_needs(const mirai__sched *sched, const mirai__sched_request *request,
                               int64_t needs[MIRAI__RESOURCES_MAX])
{
    for (size_t i = 0; i < request->resource_count; i++) {
        const mirai_resource *resource = &request->resources[i];
        size_t index = 0;
        MIRAI_TRY(find_resource(sched, resource->name, &index));
        int64_t parts = parts_of(resource->amount), total = sched->resources[index].total;
        needs[index] = parts > total - needs[index] ? total + 1 : needs[index] + parts;
        if (needs[index] <= total) continue;
        return mirai__fail(MIRAI_E_INFEASIBLE, "it needs %g of \"%s\", and this pool has %g",
                           resource->amount, resource->name,
                           (double)total / MIRAI__RESOURCE_PARTS);
    }
    return MIRAI_OK;
}

/* Whether its daemon or a daemon with its tag can run it. */
static mirai_status check_place(const mirai__sched *sched, const mirai__sched_request *request)
{
    const mirai__sched_daemon *daemon = request->daemon;
    unsigned long long id = request->daemon_id;
    if (daemon && (daemon->state == 0 || daemon->state == MIRAI__DAEMON_ENDING))
        return mirai__fail(MIRAI_E_INFEASIBLE, "daemon %llu is ending", id);
    if (daemon && !admits(&sched->groups[daemon->group], request->tag))
        return mirai__fail(MIRAI_E_INFEASIBLE, "daemon %llu has no tag \"%s\"", id, request->tag);
    if (groups_with(sched, request->tag) == 0)
        return mirai__fail(MIRAI_E_INFEASIBLE, "no daemon of this pool has the tag \"%s\"",
                           request->tag);
    return MIRAI_OK;
}

static bool same_tag(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

static mirai__sched_shape *make(mirai__sched *sched, const mirai__sched_request *request,
                                const int64_t needs[MIRAI__RESOURCES_MAX])
{
    size_t size = request->tag ? strlen(request->tag) + 1 : 0;
    mirai__sched_shape *shape = mirai__alloc(sizeof *shape + size);
    if (!shape) return NULL;
    mirai__sched_shape_init(shape);
    if (size > 0) shape->tag = memcpy(shape + 1, request->tag, size);
    shape->groups = groups_with(sched, request->tag);
    shape->daemon = request->daemon;
    shape->takes = request->resource_count > 0;
    memcpy(shape->needs, needs, sizeof shape->needs);
    mirai__list_append(&sched->shapes, &shape->all);
    return shape;
}

static mirai__sched_shape *find(mirai__sched *sched, const mirai__sched_request *request,
                                const int64_t needs[MIRAI__RESOURCES_MAX])
{
    if (!request->daemon && !request->tag && request->resource_count == 0) return &sched->plain;
    for (mirai__list *node = sched->shapes.next; node != &sched->shapes; node = node->next) {
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, all);
        if (shape->daemon == request->daemon && same_tag(shape->tag, request->tag) &&
            memcmp(shape->needs, needs, sizeof shape->needs) == 0)
            return shape;
    }
    return make(sched, request, needs);
}

mirai_status mirai__sched_shape_enter(mirai__sched *sched, const mirai__sched_request *request,
                                      mirai__sched_task *task)
{
    int64_t needs[MIRAI__RESOURCES_MAX] = {0};
    if (request->resource_count > 0) MIRAI_TRY(read_needs(sched, request, needs));
    if (request->daemon || request->tag) MIRAI_TRY(check_place(sched, request));
    mirai__sched_shape *shape = find(sched, request, needs);
    if (!shape) return MIRAI_E_NOMEM;
    if (task->priority != 0) {
        size_t room = (size_t)shape->ranked_tasks + 1;
        mirai_status status = mirai__heap_reserve(&shape->ranked, room);
        if (status != MIRAI_OK) {
            free_if_unused(sched, shape);
            return status;
        }
        shape->ranked_tasks++;
    }
    shape->tasks++;
    if (shape->daemon) shape->daemon->pins++;
    task->shape = shape;
    return MIRAI_OK;
}

void mirai__sched_shape_leave(mirai__sched *sched, mirai__sched_task *task)
{
    mirai__sched_shape *shape = task->shape;
    mirai__sched_daemon *daemon = shape->daemon;
    task->shape = NULL;
    shape->tasks--;
    if (task->priority != 0) shape->ranked_tasks--;
    free_if_unused(sched, shape);
    if (daemon && --daemon->pins == 0) mirai__sched_retire(sched, daemon, sched->now);
}

void mirai__sched_strand(mirai__sched *sched, mirai__sched_daemon *daemon, int64_t now)
{
    if (daemon->pins == 0) return;
    for (mirai__list *next, *node = sched->shapes.next; node != &sched->shapes; node = next) {
        next = node->next;
        mirai__sched_shape *shape = mirai__list_entry(node, mirai__sched_shape, all);
        if (shape->daemon != daemon) continue;
        (void)mirai__sched_abandon_shape(sched, shape, MIRAI_OUTCOME_LOST, now);
    }
}

/* ---- the queue ---- */

mirai__sched_task *mirai__sched_shape_first(const mirai__sched_shape *shape)
{
    const mirai__list *plain = shape->queue.next;
    mirai__heap_node *ranked = mirai__heap_first(&shape->ranked);
    mirai__sched_task *first = NULL;
    if (plain != &shape->queue) first = mirai__list_entry(plain, mirai__sched_task, node);
    if (!ranked || (first && first->place.key < ranked->key)) return first;
    return mirai__list_entry(ranked, mirai__sched_task, place);
}

static bool is_before(const mirai__list *node, const mirai__sched_task *task)
{
    return mirai__list_entry(node, mirai__sched_task, node)->place.key < task->place.key;
}

/* It goes before all that it once went before; passed are others like it, at most. These come back one after the
 * other, in their order or against it: so it is sought from where the last one was put. */
static void put_back(mirai__sched_shape *shape, mirai__sched_task *task)
{
    mirai__list *end = &shape->queue, *before = shape->mark != end ? shape->mark : end->next;
    while (before->prev != end && !is_before(before->prev, task)) before = before->prev;
    while (before != end && is_before(before, task)) before = before->next;
    mirai__list_append(before, &task->node);
    shape->mark = &task->node;
}

void mirai__sched_shape_queue(mirai__sched *sched, mirai__sched_task *task, bool again)
{
    mirai__sched_shape *shape = task->shape;
    if (shape->queued++ == 0) mirai__list_append(&sched->waiting, &shape->waiting);
    if (task->priority != 0) {
        (void)mirai__heap_push(&shape->ranked, &task->place, task->place.key); /* there is room */
        if (task->priority > 0) mirai__sched_recall_all(sched); /* it goes before what is lent */
        return;
    }
    if (again)
        put_back(shape, task);
    else
        mirai__list_append(&shape->queue, &task->node);
}

void mirai__sched_shape_unqueue(mirai__sched_task *task)
{
    mirai__sched_shape *shape = task->shape;
    if (--shape->queued == 0) mirai__list_remove(&shape->waiting);
    if (task->priority != 0) {
        mirai__heap_remove(&shape->ranked, &task->place);
    } else {
        if (shape->mark == &task->node) shape->mark = task->node.next;
        mirai__list_remove(&task->node);
    }
}
