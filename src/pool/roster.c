/*
 * roster: a pool's daemons at one moment. Read under the pool's lock, into values made there; told under none, when what
 * the system knows of each is added.
 */
#include "roster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "everywhere.h"
#include "handle.h"
#include "remote.h"
#include "utf8.h"

typedef struct record {
    uint64_t id, jobs, task;
    int64_t pid, uptime_ms;
    int32_t state, group;
    const char *tags;     /* of its kind: they live as long as the pool */
    mirai_value *modules; /* owned, until they are told */
    mirai_value *label;   /* the same */
} record;

struct mirai__roster {
    size_t count;
    record records[];
};

/* ---- reading; lock held ---------------------------------------------------------------------- */

/* The name of a module that all daemons load; NULL where the setup is something else. */
static const char *module_of(const mirai__everywhere *setup)
{
    static const char prefix[] = "module:";
    return strncmp(setup->key, prefix, sizeof prefix - 1) == 0 ? setup->key + sizeof prefix - 1 : NULL;
}

/* Those that were loaded through the pool. */
static mirai_value *read_modules(const mirai_pool *pool, const mirai__remote *remote)
{
    mirai_value *items[64];
    size_t count = 0;
    const mirai__list *at = pool->setups.next;
    for (; at != &pool->setups && count < sizeof items / sizeof *items; at = at->next) {
        const mirai__everywhere *setup = mirai__list_entry(at, mirai__everywhere, node);
        const char *name = module_of(setup);
        bool ran = remote->ready && setup->sched.sequence <= remote->sched.applied;
        if (name != NULL && ran) items[count++] = mirai_string(name);
    }
    return mirai_list(items, count);
}

static mirai_value *read_label(const mirai__remote *remote)
{
    if (remote->sched.task == NULL) return mirai_null();
    const mirai_task *task = mirai__task_of(remote->sched.task);
    return mirai_string(task->names + task->label_at); /* without one that is the function's name */
}

mirai__roster *mirai__roster_read(const mirai_pool *pool)
{
    mirai__roster *roster = mirai__alloc_zero(1, sizeof *roster + pool->remotes.count * sizeof *roster->records);
    if (roster == NULL) return NULL;
    int64_t now = mirai__now_ms();
    size_t cursor = 0;
    uint64_t id;
    void *item;
    while (mirai__map_next(&pool->remotes, &cursor, &id, &item)) {
        const mirai__remote *remote = item;
        record each = {.id = id, .jobs = remote->jobs, .task = remote->task_id, .pid = remote->process.pid,
                       .uptime_ms = now - remote->started, .state = remote->sched.state,
                       .group = remote->sched.group, .tags = remote->options->tags,
                       .modules = read_modules(pool, remote), .label = read_label(remote)};
        size_t at = roster->count++; /* in the order of their ids */
        for (; at > 0 && roster->records[at - 1].id > id; at--) roster->records[at] = roster->records[at - 1];
        roster->records[at] = each;
    }
    return roster;
}

/* ---- telling --------------------------------------------------------------------------------- */

static const char *state_text(int32_t state)
{
    switch (state) {
    case MIRAI__DAEMON_STARTING: return "starting";
    case MIRAI__DAEMON_IDLE: return "idle";
    case MIRAI__DAEMON_BUSY: return "busy";
    default: return "leaving";
    }
}

/* Names joined by commas, as a list. */
static mirai_value *list_tags(const char *tags)
{
    size_t count = tags != NULL;
    for (const char *at = tags; at != NULL && *at != '\0'; at++) count += *at == ',';
    mirai_value **names = mirai__alloc_zero(count + 1, sizeof *names);
    if (names == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(tags, ",");
        names[i] = mirai_string_n(tags, size);
        tags += size + 1;
    }
    mirai_value *list = mirai_list(names, count);
    mirai__free(names);
    return list;
}

/* Resident bytes; null where they cannot be read. */
static mirai_value *read_memory(int64_t pid)
{
    char path[64];
    int64_t pages = -1;
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/statm", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return mirai_null();
    if (fscanf(file, "%*d %" SCNd64, &pages) != 1) pages = -1;
    (void)fclose(file);
    return pages >= 0 ? mirai_int(pages * sysconf(_SC_PAGESIZE)) : mirai_null();
}

static mirai_value *read_host(void)
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0 || !mirai__utf8_valid(name, strlen(name))) return mirai_null();
    return mirai_string(name);
}

static mirai_value *tell(const record *daemon)
{
    return mirai_dict_of("id", mirai_int((int64_t)daemon->id), "pid", mirai_int(daemon->pid), "host", read_host(),
                         "group", mirai_int(daemon->group), "tags", list_tags(daemon->tags), "state",
                         mirai_string(state_text(daemon->state)), "jobs", mirai_int((int64_t)daemon->jobs),
                         "uptime_ms", mirai_int(daemon->uptime_ms), "memory", read_memory(daemon->pid), "modules",
                         daemon->modules, "task",
                         daemon->task != 0 ? mirai_int((int64_t)daemon->task) : mirai_null(), "label", daemon->label,
                         MIRAI_END);
}

mirai_value *mirai__roster_tell(mirai__roster *roster)
{
    mirai_value **items = mirai__alloc_zero(roster->count + 1, sizeof *items);
    for (size_t i = 0; i < roster->count; i++) {
        record *each = &roster->records[i];
        if (items != NULL) {
            items[i] = tell(each);
        } else {
            mirai_value_release(each->modules);
            mirai_value_release(each->label);
        }
    }
    mirai_value *list = items != NULL ? mirai_list(items, roster->count) : NULL;
    mirai__free(items);
    mirai__free(roster);
    return list;
}
