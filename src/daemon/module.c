/*
 * module: loading shared objects that bring functions and refhooks. One module is loaded at a time:
 * a lock that its own thread may take again is held while a module is loaded and its init runs, so
 * that init may register, and load further modules. (An init that waits for another thread which
 * loads a module waits for ever.)
 */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "bytes.h"
#include "detail.h"
#include "functions.h"
#include "spawn.h"
#include "utf8.h"

/* A module that was loaded, or whose init is running. Never freed: its code stays. */
typedef struct module {
    struct module *next;
    const mirai_module_descriptor *_Atomic descriptor; /* NULL: its init has failed */
} module;

static pthread_mutex_t loading = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static module *_Atomic modules; /* changed under `loading`, only at its head; read by any thread */

/* ---- finding the file ---- */

static mirai_status fail_dl(const char *name)
{
    const char *words = dlerror();
    return mirai__fail(MIRAI_E_MODULE, "module \"%s\": %s", name,
                       words == NULL ? "the loader failed" : words);
}

static mirai_status open_path(const char *name, const char *path, void **out)
{
    *out = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return *out == NULL ? fail_dl(name) : MIRAI_OK;
}

/* *out stays NULL when the folder has no such file; a file that is there but cannot be loaded is an
 * error. */
static mirai_status try_folder(const char *name, const char *folder, size_t size,
                               mirai__bytes *searched, void **out)
{
    char *path = mirai__format("%.*s/lib%s.so", (int)size, folder, name);
    if (path == NULL) return MIRAI_E_NOMEM;
    mirai_status status = MIRAI_OK;
    if (access(path, F_OK) == 0)
        status = open_path(name, path, out);
    else
        status = mirai__bytes_printf(searched, "%.*s, ", (int)size, folder);
    mirai__free(path);
    return status;
}

static mirai_status try_variable(const char *name, mirai__bytes *searched, void **out)
{
    const char *at = getenv("MIRAI_MODULE_PATH");
    while (at != NULL && *at != '\0' && *out == NULL) {
        size_t size = strcspn(at, ":");
        if (size > 0) MIRAI_TRY(try_folder(name, at, size, searched, out));
        at += size + (at[size] == ':');
    }
    return MIRAI_OK;
}

static mirai_status try_library_folder(const char *name, mirai__bytes *searched, void **out)
{
    char folder[PATH_MAX];
    if (!mirai__library_folder(folder, sizeof folder)) return MIRAI_OK;
    return try_folder(name, folder, strlen(folder), searched, out);
}

static mirai_status try_system(const char *name, const mirai__bytes *searched, void **out)
{
    char *file = mirai__format("lib%s.so", name);
    if (file == NULL) return MIRAI_E_NOMEM;
    *out = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    mirai__free(file);
    if (*out != NULL) return MIRAI_OK;
    const char *words = dlerror();
    return mirai__fail(
        MIRAI_E_MODULE, "module \"%s\": lib%s.so is not in %.*snor for the system's loader: %s",
        name, name, (int)searched->size, searched->size == 0 ? "" : (const char *)searched->data,
        words == NULL ? "the loader failed" : words);
}

static mirai_status open_module(const char *name, void **out)
{
    *out = NULL;
    if (strchr(name, '/') != NULL) return open_path(name, name, out);
    mirai__bytes searched;
    mirai__bytes_init(&searched);
    mirai_status status = try_variable(name, &searched, out);
    if (status == MIRAI_OK && *out == NULL) status = try_library_folder(name, &searched, out);
    if (status == MIRAI_OK && *out == NULL) status = try_system(name, &searched, out);
    mirai__bytes_fini(&searched);
    return status;
}

/* ---- checking and starting it ---- */

static mirai_status check(const char *name, const mirai_module_descriptor *descriptor)
{
    if (descriptor == NULL)
        return mirai__fail(MIRAI_E_MODULE, "module \"%s\" exports no constant mirai_module", name);
    if (descriptor->magic != MIRAI_MODULE_MAGIC)
        return mirai__fail(MIRAI_E_MODULE,
                           "module \"%s\": its mirai_module is no module descriptor", name);
    if (descriptor->abi != MIRAI_MODULE_ABI)
        return mirai__fail(MIRAI_E_MODULE,
                           "module \"%s\" has version %u of the module interface; this library "
                           "has version %d",
                           name, descriptor->abi, MIRAI_MODULE_ABI);
    if (descriptor->struct_size < sizeof *descriptor)
        return mirai__fail(MIRAI_E_MODULE, "module \"%s\": its descriptor has %u bytes of %zu",
                           name, descriptor->struct_size, sizeof *descriptor);
    if (!mirai__name_valid(descriptor->name))
        return mirai__fail(MIRAI_E_MODULE, "module \"%s\" has no valid name in its descriptor",
                           name);
    return MIRAI_OK;
}

static bool is_known(const mirai_module_descriptor *descriptor)
{
    for (const module *at = atomic_load(&modules); at != NULL; at = at->next)
        if (atomic_load(&at->descriptor) == descriptor) return true;
    return false;
}

/* All or nothing, as far as it is ours: what init has registered itself before it failed stays, and
 * so does its code. It is among the modules before its init runs, so that a load of itself in there
 * ends at once. */
static mirai_status start(const char *name, const mirai_module_descriptor *descriptor)
{
    static const mirai_module_function none[] = {{NULL, NULL, NULL}};
    const mirai_module_function *functions =
        descriptor->functions == NULL ? none : descriptor->functions;
    module *fresh = mirai__alloc_zero(1, sizeof *fresh);
    if (fresh == NULL) return MIRAI_E_NOMEM;
    mirai_status status = mirai__functions_add(functions, false);
    if (status != MIRAI_OK) {
        mirai__free(fresh);
        return status;
    }
    fresh->next = atomic_load(&modules);
    atomic_init(&fresh->descriptor, descriptor);
    atomic_store(&modules, fresh);
    mirai__detail_clear();
    if (descriptor->init != NULL) status = descriptor->init();
    if (status == MIRAI_OK) return MIRAI_OK;
    mirai__functions_remove(functions);
    atomic_store(&fresh->descriptor, NULL); /* not freed: another thread may be walking over it */
    if (*mirai_error_detail() == '\0')
        return mirai__fail(status, "module \"%s\": its init failed: %s", name,
                           mirai_status_text(status));
    return status;
}

static mirai_status load(const char *name)
{
    void *handle;
    MIRAI_TRY(open_module(name, &handle));
    const mirai_module_descriptor *descriptor = dlsym(handle, "mirai_module");
    mirai_status status = check(name, descriptor);
    if (status == MIRAI_OK && is_known(descriptor)) {
        (void)dlclose(handle); /* one count less; the first load's stays */
        return MIRAI_OK;
    }
    if (status == MIRAI_OK) return start(name, descriptor);
    (void)dlclose(handle);
    return status;
}

mirai_status mirai_module_load(const char *name)
{
    MIRAI_TRY(mirai__enter());
    if (name == NULL || *name == '\0')
        return mirai__fail(MIRAI_E_INVALID, "a module needs a name or a path");
    (void)pthread_mutex_lock(&loading);
    mirai_status status = load(name);
    (void)pthread_mutex_unlock(&loading);
    return status;
}

mirai_value *mirai__modules_list(void)
{
    size_t count = 0;
    for (const module *at = atomic_load(&modules); at != NULL; at = at->next) count++;
    mirai_value **items = mirai__alloc_zero(count + 1, sizeof(mirai_value *));
    if (items == NULL) return NULL;
    size_t used = 0;
    for (const module *at = atomic_load(&modules); at != NULL && used < count; at = at->next) {
        const mirai_module_descriptor *descriptor = atomic_load(&at->descriptor);
        if (descriptor != NULL) items[used++] = mirai_string(descriptor->name);
    }
    mirai_value *list = mirai_list(items, used);
    mirai__free(items);
    return list;
}
