/*
 * program: which program is started as a daemon, and which build of it this is. What mirai_main()
 * tells is written once, before other threads are started, and read by any thread afterwards.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "command.h"
#include "detail.h"
#include "spawn.h"

static char self_path[PATH_MAX];
static const char **self_arguments;
static _Atomic bool self;

static bool read_self(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length <= 0) return false;
    out[length] = '\0';
    return true;
}

/* The arguments may be changed by the program later on, so they are copied. */
static const char **copy_arguments(int argc, char **argv)
{
    const char **copy = mirai__alloc_zero((size_t)argc + 2, sizeof *copy);
    if (copy == NULL) return NULL;
    copy[0] = self_path;
    for (int i = 0; i < argc && argv[i] != NULL; i++) {
        copy[i] = mirai__strdup(argv[i]);
        if (copy[i] != NULL) continue;
        while (i-- > 0) mirai__free((char *)(uintptr_t)copy[i]);
        mirai__free(copy);
        return NULL;
    }
    return copy;
}

void mirai__program_is_self(int argc, char **argv)
{
    static const char *only_path[] = {self_path, NULL};
    if (atomic_load(&self)) return;
    if (!read_self(self_path, sizeof self_path)) return;
    self_arguments = copy_arguments(argc < 0 ? 0 : argc, argv);
    if (self_arguments == NULL) self_arguments = only_path;
    atomic_store(&self, true);
}

const char *const *mirai__program_arguments(void)
{
    return atomic_load(&self) ? self_arguments : NULL;
}

/* ---- miraicored ---- */

bool mirai__library_folder(char *out, size_t size)
{
    Dl_info info;
    char real[PATH_MAX];
    bool is_library = dladdr((const void *)self_path, &info) != 0 && info.dli_fname != NULL &&
                      strchr(info.dli_fname, '/') != NULL && realpath(info.dli_fname, real) != NULL;
    if (!is_library && !read_self(real, sizeof real)) return false;
    char *slash = strrchr(real, '/');
    if (slash == NULL || (size_t)(slash - real) >= size) return false;
    *slash = '\0';
    memcpy(out, real, (size_t)(slash - real) + 1);
    return true;
}

static mirai_status find_miraicored(char **out)
{
    const char *given = getenv("MIRAICORED");
    if (given != NULL && *given != '\0') {
        mirai_status status = mirai__command_find(given, out);
        if (status == MIRAI_E_NOENT)
            return mirai__fail(
                status, "MIRAICORED in the environment names \"%s\", which does not exist", given);
        return status;
    }
    static const char *const places[] = {"miraicored", "../bin/miraicored"};
    char folder[PATH_MAX] = "";
    bool has_folder = mirai__library_folder(folder, sizeof folder);
    for (size_t i = 0; has_folder && i < sizeof places / sizeof *places; i++) {
        char *path = mirai__format("%s/%s", folder, places[i]);
        if (path == NULL) return MIRAI_E_NOMEM;
        if (access(path, X_OK) == 0) {
            *out = path;
            return MIRAI_OK;
        }
        mirai__free(path);
    }
    mirai_status status = mirai__command_find("miraicored", out);
    if (status == MIRAI_E_NOENT)
        return mirai__fail(
            status,
            "miraicored was found neither by MIRAICORED in the environment, nor in %s, nor "
            "in ../bin from there, nor in PATH",
            folder);
    return status;
}

mirai_status mirai__program(char **out, bool *is_self)
{
    *out = NULL;
    *is_self = atomic_load(&self);
    if (!*is_self) return find_miraicored(out);
    *out = mirai__strdup(self_path);
    return *out == NULL ? MIRAI_E_NOMEM : MIRAI_OK;
}

mirai_status mirai_launch_program(char **out)
{
    MIRAI_TRY(mirai__enter());
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    bool is_self;
    return mirai__program(out, &is_self);
}

/* ---- build id ---- */

static bool copy_note(const char *at, const char *end, uint8_t *out)
{
    while ((size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, at, sizeof note);
        size_t name_room = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        size_t data_room = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        at += sizeof note;
        if (name_room > (size_t)(end - at) || data_room > (size_t)(end - at) - name_room)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at, "GNU", 4) == 0) {
            size_t size =
                note.n_descsz < MIRAI__BUILD_ID_SIZE ? note.n_descsz : MIRAI__BUILD_ID_SIZE;
            memcpy(out, at + name_room, size);
            return true;
        }
        at += name_room + data_room;
    }
    return false;
}

/* The first object is the program; 1 when it has a note, and -1 when not: either ends the walk. */
static int visit_object(struct dl_phdr_info *info, size_t size, void *out)
{
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_NOTE) continue;
        const char *note = (const char *)(uintptr_t)(info->dlpi_addr + header->p_vaddr);
        if (copy_note(note, note + header->p_memsz, out)) return 1;
    }
    return -1;
}

/* FNV-1a, of which two processes get the same, as they would not from a keyed hash. */
static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

void mirai__program_build_id(uint8_t out[MIRAI__BUILD_ID_SIZE])
{
    memset(out, 0, MIRAI__BUILD_ID_SIZE);
    if (dl_iterate_phdr(visit_object, out) == 1) return;
    char path[PATH_MAX];
    struct stat status;
    if (!read_self(path, sizeof path) || stat(path, &status) != 0) return;
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), path, strlen(path));
    hash = mix(hash, &status.st_size, sizeof status.st_size);
    hash = mix(hash, &status.st_mtim.tv_sec, sizeof status.st_mtim.tv_sec);
    hash = mix(hash, &status.st_mtim.tv_nsec, sizeof status.st_mtim.tv_nsec);
    memcpy(out, &hash, sizeof hash);
}
