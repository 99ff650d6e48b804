/*
 * late: see late.h. By dlopen(); never closed, since threads may be in it for as long as the process lives.
 */
#include "late.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "detail.h"
#include "fault.h"

static mirai_status failure(const mirai__late *late, const char *why)
{
    return mirai__fail(MIRAI_E_UNSUPPORTED, "loading %s: %s", late->file, why != NULL ? why : "failed");
}

/* Under the lock. What is looked up is of the size of a data pointer, as POSIX has it. */
static mirai_status load(const mirai__late *late)
{
    if (mirai__fault()) return mirai__fail(MIRAI_E_NOMEM, "loading %s", late->file);
    void *library = dlopen(late->file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return failure(late, dlerror());
    for (size_t i = 0; i < late->count; i++) {
        void *call = dlsym(library, late->names[i]);
        if (call == NULL) {
            mirai_status status = failure(late, dlerror());
            (void)dlclose(library);
            return status;
        }
        memcpy((char *)late->calls + i * sizeof call, &call, sizeof call);
    }
    return MIRAI_OK;
}

mirai_status mirai__late_load(mirai__late *late)
{
    if (late->file == NULL || atomic_load_explicit(&late->loaded, memory_order_acquire)) return MIRAI_OK;
    mirai_status status = MIRAI_OK;
    (void)pthread_mutex_lock(&late->lock);
    if (!atomic_load_explicit(&late->loaded, memory_order_relaxed)) {
        status = load(late);
        atomic_store_explicit(&late->loaded, status == MIRAI_OK, memory_order_release);
    }
    (void)pthread_mutex_unlock(&late->lock);
    return status;
}
