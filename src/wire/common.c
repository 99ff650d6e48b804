/*
 * common: see common.h. Any thread; no lock of its own.
 */
#include "common.h"

#include <string.h>
#include <miraicore/common.h>

#include "common_memory.h"
#include "detail.h"
#include "value_private.h"

/* [token, size, process, descriptor], and once more the last two for where it was made, if that is another place. */
static mirai_value *write_name(mirai_message *message, void *object, void *context)
{
    (void)message, (void)context;
    enum { FIXED = 2, MOST = FIXED + 2 * MIRAI__COMMON_PLACES };
    mirai__common_name name;
    mirai__common_tell(object, &name);
    mirai_value *parts[MOST] = {mirai_bytes(name.token, sizeof name.token), mirai_int((int64_t)name.size)};
    size_t count = FIXED;
    for (size_t i = 0; i < name.count; i++) {
        parts[count++] = mirai_int(name.places[i].pid);
        parts[count++] = mirai_int(name.places[i].fd);
    }
    return mirai_list(parts, count);
}

/* False: it is no number from `least` to `most`. */
static bool read_number(const mirai_value *value, int64_t least, int64_t most, int64_t *out)
{
    return mirai_value_type(value) == MIRAI_TYPE_INT && mirai_value_to_int(value, out) == MIRAI_OK && *out >= least &&
           *out <= most;
}

static bool read_places(const mirai_value *data, size_t first, mirai__common_name *name)
{
    int64_t pid, fd;
    for (size_t at = first; at < mirai_value_count(data); at += 2) {
        if (name->count == MIRAI__COMMON_PLACES || !read_number(mirai_value_item(data, at), 1, INT32_MAX, &pid) ||
            !read_number(mirai_value_item(data, at + 1), 0, INT32_MAX, &fd))
            return false;
        name->places[name->count++] = (mirai__common_place){(int32_t)pid, (int32_t)fd};
    }
    return name->count > 0;
}

static mirai_status read_name(mirai_message *message, const mirai_value *data, void **out, void *context)
{
    (void)message, (void)context;
    mirai__common_name name = {.count = 0};
    mirai__common *common = NULL;
    int64_t size;
    const mirai_value *token = mirai_value_type(data) == MIRAI_TYPE_LIST ? mirai_value_item(data, 0) : NULL;
    if (mirai_value_type(token) != MIRAI_TYPE_BYTES || mirai_value_count(token) != sizeof name.token ||
        !read_number(mirai_value_item(data, 1), 1, PTRDIFF_MAX, &size) || !read_places(data, 2, &name))
        return mirai__fail(MIRAI_E_DECODE, "that is no name of memory in common");
    memcpy(name.token, mirai_value_data(token), sizeof name.token);
    name.size = (uint64_t)size;
    MIRAI_TRY(mirai__common_open(&name, &common));
    *out = common;
    return MIRAI_OK;
}

static void release(void *object, void *context)
{
    (void)context;
    mirai__common_unref(object);
}

static mirai_status print(void *object, mirai_text *text, void *context)
{
    (void)context;
    return mirai_text_printf(text, "<" MIRAI__CLASS_COMMON " of %zu bytes>", mirai__common_bytes_count(object));
}

static int64_t size_of(void *object, void *context)
{
    (void)context;
    return (int64_t)mirai__common_bytes_count(object);
}

static mirai__hook hooks = {
    .references = 1, /* which nobody drops */
    .hook = {.struct_size = sizeof(mirai_refhook),
             .serialize = write_name,
             .unserialize = read_name,
             .release = release,
             .print = print,
             .size = size_of},
    .class_name = MIRAI__CLASS_COMMON,
};

mirai__hook *mirai__common_hook(const char *class_name)
{
    return mirai__class_is_ours(class_name) ? mirai__hook_ref(&hooks) : NULL;
}

mirai_value *mirai__common_value(size_t size)
{
    mirai__common *common = mirai__common_new(size);
    return common ? mirai__reference_hooked(&hooks, common) : NULL;
}

void *mirai_common_data(const mirai_value *value)
{
    mirai__common *common = mirai_value_object(value, MIRAI__CLASS_COMMON);
    return common ? mirai__common_bytes(common) : NULL;
}

size_t mirai_common_size(const mirai_value *value)
{
    mirai__common *common = mirai_value_object(value, MIRAI__CLASS_COMMON);
    return common ? mirai__common_bytes_count(common) : 0;
}
