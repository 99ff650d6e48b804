/*
 * settings: a dict of integers. Stateless; any thread.
 */
#include "settings.h"

#include <stddef.h>

#include "detail.h"
#include "message.h"

static const struct {
    const char *key;
    size_t offset;
} fields[] = {{"idle_ms", offsetof(mirai__settings, idle_ms)},
              {"wall_ms", offsetof(mirai__settings, wall_ms)},
              {"max_jobs", offsetof(mirai__settings, max_jobs)}};
enum { FIELDS = sizeof fields / sizeof *fields };

mirai_status mirai__settings_encode(const mirai__settings *settings, mirai__segment **out)
{
    const char *keys[FIELDS + 1];
    mirai_value *items[FIELDS + 1];
    size_t count = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        int64_t number = *(const int64_t *)(const void *)((const char *)settings + fields[i].offset);
        if (number <= 0) continue;
        keys[count] = fields[i].key;
        items[count++] = mirai_int(number);
    }
    if (settings->cleanup != 0) {
        keys[count] = "cleanup";
        items[count++] = mirai_int(settings->cleanup);
    }
    mirai_value *dict = mirai_dict(keys, items, count);
    if (dict == NULL) return MIRAI_E_NOMEM;
    mirai_status status = mirai__encode(dict, NULL, 0, out);
    mirai_value_release(dict);
    return status;
}

static mirai_status read_all(const mirai_value *dict, mirai__settings *out)
{
    if (mirai_value_type(dict) != MIRAI_TYPE_DICT)
        return mirai__fail(MIRAI_E_DECODE, "the host's settings are no dict");
    for (size_t i = 0; i < FIELDS; i++) {
        const mirai_value *value = mirai_value_get(dict, fields[i].key);
        int64_t *number = (int64_t *)(void *)((char *)out + fields[i].offset);
        if (value != NULL && (mirai_value_to_int(value, number) != MIRAI_OK || *number <= 0))
            return mirai__fail(MIRAI_E_DECODE, "the host's setting \"%s\" is no integer above 0",
                               fields[i].key);
    }
    const mirai_value *cleanup = mirai_value_get(dict, "cleanup");
    int64_t bits = 0;
    if (cleanup != NULL &&
        (mirai_value_to_int(cleanup, &bits) != MIRAI_OK || bits < 0 || bits > INT32_MAX))
        return mirai__fail(MIRAI_E_DECODE, "the host's setting \"cleanup\" is no set of bits");
    out->cleanup = (int32_t)bits;
    return MIRAI_OK;
}

mirai_status mirai__settings_decode(mirai__segment *segment, mirai__settings *out)
{
    mirai__settings settings = {0};
    *out = settings;
    if (segment == NULL) return MIRAI_OK;
    mirai_value *dict = NULL;
    MIRAI_TRY(mirai__decode(segment, NULL, &mirai__limits_stranger, &dict));
    mirai_status status = read_all(dict, &settings);
    mirai_value_release(dict);
    if (status == MIRAI_OK) *out = settings;
    return status;
}
