/*
 * profile: see profile.h.
 */
#include "profile.h"

#include <pthread.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "detail.h"
#include "engine.h"
#include "pool.h"

typedef struct profile {
    mirai__list node; /* in `all` */
    mirai_pool *pool; /* NULL: none */
    int64_t holders;
    bool changing; /* a thread closes its pool or opens one */
    char name[];   /* "": that of ephemeral daemons, since no other may have that name */
} profile;

enum { NAME_SIZE = 256 };

static const char ephemeral[] = "";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static mirai__list all = {&all, &all}; /* profiles that have had a pool; few */

static _Thread_local char present[NAME_SIZE]; /* "": not chosen */
static _Thread_local int held;                /* by this thread */

/* ---- the present one ------------------------------------------------------------------------- */

const char *mirai__profile_present(void)
{
    return *present != '\0' ? present : "default";
}

void mirai__profile_choose(const char *name)
{
    (void)strncpy(present, name, sizeof present - 1); /* names are shorter */
}

/* ---- the table; the lock is held ------------------------------------------------------------- */

static profile *find(const char *name)
{
    for (mirai__list *at = all.next; at != &all; at = at->next) {
        profile *each = mirai__list_entry(at, profile, node);
        if (strcmp(each->name, name) == 0) return each;
    }
    return NULL;
}

static profile *find_or_make(const char *name)
{
    profile *found = find(name);
    if (found != NULL) return found;
    size_t size = strlen(name) + 1;
    profile *fresh = mirai__alloc_zero(1, sizeof *fresh + size);
    if (fresh == NULL) return NULL;
    memcpy(fresh->name, name, size);
    mirai__list_append(&all, &fresh->node);
    return fresh;
}

static void drop_if_empty(profile *profile)
{
    if (profile->pool != NULL || profile->holders > 0 || profile->changing) return;
    mirai__list_remove(&profile->node);
    mirai__free(profile);
}

/* Once nobody else changes it; looked up again after each wait, since it may be gone. */
static profile *find_settled(const char *name)
{
    profile *found;
    while ((found = find(name)) != NULL && found->changing) (void)pthread_cond_wait(&changed, &lock);
    return found;
}

static mirai_status begin_change(const char *name, profile **out)
{
    (void)find_settled(name);
    profile *found = find_or_make(name);
    if (found == NULL) return MIRAI_E_NOMEM;
    found->changing = true;
    *out = found;
    return MIRAI_OK;
}

static void end_change(profile *profile)
{
    profile->changing = false;
    drop_if_empty(profile);
    (void)pthread_cond_broadcast(&changed);
}

/* Close the pool of a profile that is being changed. What holds it up is a submission that waits for room: that ends as
 * soon as the pool takes no more. The lock is dropped meanwhile. */
static mirai_status close_pool(profile *profile, int32_t how, int64_t timeout_ms)
{
    mirai_pool *pool = profile->pool;
    if (pool == NULL) return MIRAI_OK;
    if (how == MIRAI_CANCEL && profile->holders > 0) {
        (void)pthread_mutex_unlock(&lock);
        mirai__pool_refuse(pool);
        (void)pthread_mutex_lock(&lock);
    }
    while (profile->holders > 0) (void)pthread_cond_wait(&changed, &lock);
    profile->pool = NULL;
    (void)pthread_mutex_unlock(&lock);
    mirai_status status = mirai__pool_close(pool, how, timeout_ms);
    (void)pthread_mutex_lock(&lock);
    return status;
}

/* ---- holding --------------------------------------------------------------------------------- */

mirai_pool *mirai__profile_hold(const char *name)
{
    (void)pthread_mutex_lock(&lock);
    /* Who holds one already must not wait for who waits for that. */
    profile *found = held > 0 ? find(name) : find_settled(name);
    mirai_pool *pool = found != NULL ? found->pool : NULL;
    if (pool != NULL) {
        found->holders++;
        held++;
    }
    (void)pthread_mutex_unlock(&lock);
    return pool;
}

void mirai__profile_let_go(const char *name)
{
    (void)pthread_mutex_lock(&lock);
    struct profile *profile = find(name != NULL ? name : ephemeral); /* it is there as long as it is held */
    profile->holders--;
    held--;
    if (profile->holders == 0) (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

mirai_status mirai__profile_hold_ephemeral(const mirai_pool_options *options, mirai_pool **out)
{
    profile *found = NULL;
    *out = mirai__profile_hold(ephemeral);
    if (*out != NULL) return MIRAI_OK;
    (void)pthread_mutex_lock(&lock);
    mirai_status status = begin_change(ephemeral, &found);
    mirai_pool *pool = status == MIRAI_OK ? found->pool : NULL; /* another thread may have been faster */
    (void)pthread_mutex_unlock(&lock);
    if (status != MIRAI_OK) return status;
    if (pool == NULL) status = mirai__pool_open("ephemeral", 0, options, &pool);
    (void)pthread_mutex_lock(&lock);
    if (status == MIRAI_OK) {
        if (found->pool == NULL) mirai__pool_make_ephemeral(pool);
        found->pool = pool;
        found->holders++;
        held++;
        *out = pool;
    }
    end_change(found);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

/* ---- changing -------------------------------------------------------------------------------- */

mirai_status mirai__profile_replace(const char *name, int32_t daemons, const mirai_pool_options *options)
{
    profile *changing = NULL;
    if (held > 0) return mirai__fail(MIRAI_E_STATE, "a profile's pool cannot be replaced inside a submission");
    (void)pthread_mutex_lock(&lock);
    mirai_status status = begin_change(name, &changing);
    if (status == MIRAI_OK) (void)close_pool(changing, MIRAI_CANCEL, 0);
    (void)pthread_mutex_unlock(&lock);
    if (status != MIRAI_OK) return status;
    mirai_pool *pool = NULL;
    if (options != NULL) status = mirai__pool_open(name, daemons, options, &pool);
    (void)pthread_mutex_lock(&lock);
    changing->pool = pool;
    end_change(changing);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

static profile *first_with_pool(void)
{
    for (mirai__list *at = all.next; at != &all; at = at->next) {
        profile *each = mirai__list_entry(at, profile, node);
        if (each->pool != NULL && !each->changing) return each;
    }
    return NULL;
}

mirai_status mirai__profiles_close(int32_t how, int64_t timeout_ms)
{
    mirai_status first = MIRAI_OK;
    char *why = NULL; /* closing the others says things of its own */
    profile *each;
    if (held > 0) return mirai__fail(MIRAI_E_STATE, "profiles cannot be closed inside a submission");
    (void)pthread_mutex_lock(&lock);
    while ((each = first_with_pool()) != NULL) {
        each->changing = true;
        mirai_status status = close_pool(each, how, timeout_ms);
        if (status != MIRAI_OK && first == MIRAI_OK) {
            first = status;
            why = mirai__strdup(mirai_error_detail());
        }
        end_change(each);
    }
    (void)pthread_mutex_unlock(&lock);
    if (first != MIRAI_OK) (void)mirai__fail(first, "%s", why != NULL ? why : "a pool was cut off");
    mirai__free(why);
    return first;
}
