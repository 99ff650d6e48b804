/*
 * cargo: see cargo.h. Any thread; runs in hosts and in daemons.
 */
#include "cargo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- patterns -------------------------------------------------------------------------------- */

static uint64_t word_of(uint64_t pattern, uint64_t index)
{
    uint64_t word = (pattern + 1) * UINT64_C(0x9e3779b97f4a7c15) + index * UINT64_C(0xd1342543de82ef95);
    return word ^ word >> 29;
}

/* The part of a pattern that begins at an index, which is a multiple of 8. */
static void fill_part(uint8_t *into, size_t size, uint64_t pattern, size_t index)
{
    uint64_t word;
    size_t i = 0;
    for (; size - i >= sizeof word; i += sizeof word) {
        word = word_of(pattern, index + i);
        memcpy(into + i, &word, sizeof word); /* of a constant size: one store */
    }
    word = word_of(pattern, index + i);
    memcpy(into + i, &word, size - i);
}

void pattern_fill(void *into, size_t size, uint64_t pattern)
{
    fill_part(into, size, pattern, 0);
}

int64_t pattern_differs(const void *bytes, size_t size, uint64_t pattern)
{
    const uint8_t *at = bytes;
    uint64_t word, real;
    size_t i = 0;
    for (; size - i >= sizeof word; i += sizeof word) {
        memcpy(&real, at + i, sizeof real);
        if (real != word_of(pattern, i)) return (int64_t)i;
    }
    word = word_of(pattern, i);
    return memcmp(at + i, &word, size - i) != 0 ? (int64_t)i : -1;
}

size_t pattern_force(const void *over, size_t size, uint64_t pattern)
{
    uint8_t piece[65536];
    size_t done = 0;
    int fd = memfd_create("cargo", MFD_CLOEXEC);
    while (fd >= 0 && done < size) {
        size_t part = size - done < sizeof piece ? size - done : sizeof piece;
        fill_part(piece, part, pattern, done);
        if (pwrite(fd, piece, part, 0) != (ssize_t)part) break;
        uint8_t *target = (uint8_t *)(uintptr_t)over + done; /* const or not, readable only or not */
        if (pread(fd, target, part, 0) != (ssize_t)part) break;
        done += part;
    }
    if (fd >= 0) (void)close(fd);
    return done;
}

/* ---- the class ------------------------------------------------------------------------------- */

typedef struct object {
    size_t size;
    mirai_buffer *buffer; /* of what was received; NULL: `own` is ours */
    uint8_t own[];
} object;

static const uint8_t *object_bytes(const object *self)
{
    return self->buffer != NULL ? mirai_buffer_data(self->buffer) : self->own;
}

static void release_object(void *thing, void *context)
{
    (void)context;
    mirai_buffer_release(((object *)thing)->buffer);
    free(thing);
}

static mirai_value *write_object(mirai_message *message, void *thing, void *context)
{
    (void)message, (void)context;
    const object *self = thing;
    return mirai_bytes_buffer(mirai_buffer_adopt(object_bytes(self), self->size, NULL, NULL, NULL));
}

static mirai_status read_object(mirai_message *message, const mirai_value *data, void **out, void *context)
{
    (void)message, (void)context;
    object *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) return mirai_error_set(MIRAI_E_NOMEM, "no room for cargo");
    fresh->size = mirai_value_count(data);
    fresh->buffer = mirai_buffer_ref(mirai_value_buffer(data));
    *out = fresh;
    return MIRAI_OK;
}

mirai_status cargo_register(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = write_object;
    hook.unserialize = read_object;
    hook.release = release_object;
    return mirai_refhook_register("cargo", &hook);
}

/* ---- values ---------------------------------------------------------------------------------- */

const char *cargo_kind_text(cargo_kind kind)
{
    static const char *const texts[] = {"adopted", "buffer", "pool", "slice", "object"};
    return texts[kind];
}

static void free_memory(void *memory, void *context)
{
    (void)context;
    free(memory);
}

static void make_adopted(cargo *out, uint64_t pattern)
{
    uint8_t *memory = malloc(out->size);
    if (memory == NULL) return;
    pattern_fill(memory, out->size, pattern);
    out->bytes = memory;
    out->value = mirai_bytes_buffer(mirai_buffer_adopt(memory, out->size, free_memory, memory, NULL));
}

static void make_object(cargo *out, uint64_t pattern)
{
    object *thing = malloc(sizeof *thing + out->size);
    if (thing == NULL) return;
    *thing = (object){.size = out->size};
    pattern_fill(thing->own, out->size, pattern);
    out->bytes = thing->own;
    out->value = mirai_reference("cargo", thing, release_object, NULL);
}

static void make_buffer(cargo *out, mirai_pool *pool, size_t before, uint64_t pattern)
{
    const int64_t shape[] = {(int64_t)out->size};
    void *memory = NULL;
    mirai_buffer *buffer = mirai_buffer_new(pool, before + out->size);
    if (buffer != NULL && mirai_buffer_writable(&buffer, &memory) == MIRAI_OK) {
        out->bytes = (uint8_t *)memory + before;
        pattern_fill(out->bytes, out->size, pattern);
        out->value = before > 0 ? mirai_bytes_buffer(mirai_buffer_slice(buffer, before, out->size))
                                : mirai_array_buffer(MIRAI_DTYPE_UINT8, 1, shape, NULL, 0, mirai_buffer_ref(buffer));
    }
    mirai_buffer_release(buffer);
}

bool cargo_make(cargo *out, cargo_kind kind, mirai_pool *pool, size_t size, uint64_t pattern)
{
    *out = (cargo){.size = size};
    switch (kind) {
    case CARGO_ADOPTED: make_adopted(out, pattern); break;
    case CARGO_OBJECT: make_object(out, pattern); break;
    case CARGO_POOL: make_buffer(out, pool, 0, pattern); break;
    case CARGO_SLICE: make_buffer(out, NULL, 64, pattern); break;
    default: make_buffer(out, NULL, 0, pattern);
    }
    return out->value != NULL;
}

void cargo_drop(cargo *self)
{
    mirai_value_release(self->value);
    *self = (cargo){.value = NULL};
}

mirai_value *cargo_value(const cargo *self)
{
    return mirai_value_ref(self->value);
}

mirai_value *cargo_give(cargo *self)
{
    mirai_value *value = self->value;
    self->value = NULL;
    return value;
}

bool cargo_is_lent(const void *address)
{
    char line[512];
    unsigned long from, to;
    bool found = false;
    FILE *file = fopen("/proc/self/maps", "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "%lx-%lx", &from, &to) == 2 && (uintptr_t)address >= from && (uintptr_t)address < to &&
                strstr(line, "miraicore-buffers") != NULL;
    if (file != NULL) (void)fclose(file);
    return found;
}

const uint8_t *cargo_bytes(const mirai_value *value, size_t *size)
{
    const object *thing = mirai_value_object(value, "cargo");
    if (mirai_common_data(value) != NULL) {
        *size = mirai_common_size(value);
        return mirai_common_data(value);
    }
    *size = thing != NULL ? thing->size : mirai_value_count(value);
    return thing != NULL ? object_bytes(thing) : mirai_value_data(value);
}

int64_t cargo_differs(const mirai_value *value, size_t size, uint64_t pattern)
{
    size_t there = 0;
    const uint8_t *bytes = cargo_bytes(value, &there);
    return bytes != NULL && there == size ? pattern_differs(bytes, size, pattern) : -2;
}
