/*
 * states: a list, since functions keep a few. An entry is out of the list before its state is freed,
 * so that what is called for that may keep something of its own. Main thread; no lock.
 */
#include "states.h"

#include <string.h>

#include "alloc.h"

struct mirai__state {
    mirai__list node;
    void *state;
    mirai_state_free_fn release;
    bool lasting;
    char key[];
};

typedef mirai__state entry;

static entry *find(const mirai__states *states, const char *key)
{
    if (states->all.next == NULL) return NULL;
    for (mirai__list *at = states->all.next; at != &states->all; at = at->next) {
        entry *each = mirai__list_entry(at, entry, node);
        if (strcmp(each->key, key) == 0) return each;
    }
    return NULL;
}

static void free_entry(entry *old)
{
    if (old == NULL) return;
    mirai__list_remove(&old->node);
    if (old->release != NULL) old->release(old->state);
    mirai__free(old);
}

void *mirai__states_get(const mirai__states *states, const char *key)
{
    const entry *found = find(states, key);
    return found != NULL ? found->state : NULL;
}

mirai_status mirai__states_swap(mirai__states *states, const char *key, void *state,
                                mirai_state_free_fn release, bool lasting, mirai__state **old)
{
    entry *fresh = NULL;
    if (state != NULL) {
        size_t size = strlen(key) + 1;
        fresh = mirai__alloc(sizeof *fresh + size);
        if (fresh == NULL) return MIRAI_E_NOMEM;
        *fresh = (entry){.state = state, .release = release, .lasting = lasting};
        memcpy(fresh->key, key, size);
    }
    *old = find(states, key);
    if (*old != NULL) mirai__list_remove(&(*old)->node);
    if (fresh != NULL) {
        if (states->all.next == NULL) mirai__list_init(&states->all);
        mirai__list_append(&states->all, &fresh->node);
    }
    return MIRAI_OK;
}

void mirai__state_free(mirai__state *old)
{
    free_entry(old);
}

mirai_status mirai__states_set(mirai__states *states, const char *key, void *state,
                               mirai_state_free_fn release, bool lasting)
{
    entry *old = NULL;
    mirai_status status = mirai__states_swap(states, key, state, release, lasting, &old);
    if (status != MIRAI_OK && state != NULL && release != NULL) release(state);
    free_entry(old);
    return status;
}

/* What is kept while others are freed is looked at as well: it comes last in the list. */
static void drop(mirai__states *states, bool lasting)
{
    if (states->all.next == NULL) return;
    for (mirai__list *at = states->all.prev; at != &states->all;) {
        entry *last = mirai__list_entry(at, entry, node);
        at = at->prev;
        if (last->lasting && !lasting) continue;
        free_entry(last);
        at = states->all.prev;
    }
}

void mirai__states_clean(mirai__states *states)
{
    drop(states, false);
}

void mirai__states_fini(mirai__states *states)
{
    drop(states, true);
}
