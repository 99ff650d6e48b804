/*
 * api_map: the exported calls on maps: check arguments, call down. In a forked child a map can only be dropped, and that
 * does nothing.
 */
#include <miraicore/many.h>

#include "clock.h"
#include "demand.h"
#include "detail.h"
#include "mapping.h"
#include "options.h"
#include "utf8.h"

static mirai_status check_map(const mirai_map *map)
{
    return map != NULL ? MIRAI_OK : mirai__fail(MIRAI_E_INVALID, "the map is NULL");
}

static mirai_status check_submit(const mirai_submit_options *given, mirai_submit_options *full)
{
    MIRAI_TRY(mirai__options_read(full, sizeof *full, given, "mirai_submit_options"));
    if (full->on_resolved != NULL || full->on_progress != NULL || full->on_partial != NULL)
        return mirai__fail(MIRAI_E_INVALID, "the tasks of a map have no callbacks");
    if (full->label != NULL && !mirai__name_valid(full->label))
        return mirai__fail(MIRAI_E_INVALID, "a label has 1 to 255 bytes of UTF-8");
    if (full->timeout_ms < -1 || full->grace_ms < -1)
        return mirai__fail(MIRAI_E_INVALID, "a time of less than -1 ms; -1 means none");
    return mirai__demand_check(full);
}

static mirai_status check_over(const mirai_map_options *full, const mirai_value *elements)
{
    if (full->over < 0 || full->over > MIRAI_MAP_GENERATOR)
        return mirai__fail(MIRAI_E_INVALID, "over is %d", (int)full->over);
    bool generates = full->over == MIRAI_MAP_GENERATOR;
    if (generates && full->source == NULL) return mirai__fail(MIRAI_E_INVALID, "the source is NULL");
    if (generates && elements != NULL) return mirai__fail(MIRAI_E_INVALID, "a generator and elements as well");
    if (!generates && full->source != NULL)
        return mirai__fail(MIRAI_E_INVALID, "a source is for MIRAI_MAP_GENERATOR");
    if (generates || elements != NULL) return MIRAI_OK;
    if (*mirai_error_detail() != '\0') return MIRAI_E_INVALID; /* what a builder said is kept */
    return mirai__fail(MIRAI_E_INVALID, "elements is NULL");
}

static mirai_status check_start(const mirai_pool *pool, mirai_map **out, const char *function,
                                const mirai_value *elements, const mirai_map_options *full)
{
    if (pool == NULL) return mirai__fail(MIRAI_E_INVALID, "the pool is NULL");
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    if (!mirai__name_valid(function))
        return mirai__fail(MIRAI_E_INVALID, "a function's name has 1 to 255 bytes of UTF-8");
    if (full->reserved != 0) return mirai__fail(MIRAI_E_INVALID, "a reserved field is not 0");
    return check_over(full, elements);
}

/* Taken, also when the rest of the options is wrong. */
static mirai_value *constants_of(const mirai_map_options *options)
{
    size_t needed = offsetof(mirai_map_options, constants) + sizeof options->constants;
    return options != NULL && options->struct_size >= needed ? options->constants : NULL;
}

mirai_status mirai_map_start(mirai_pool *pool, mirai_map **out, const char *function, mirai_value *elements,
                             const mirai_map_options *options)
{
    mirai_map_options full = MIRAI_MAP_OPTIONS_INIT;
    mirai_submit_options submit;
    mirai_status status = mirai__forked() ? mirai__enter() : MIRAI_OK; /* keeps a builder's detail */
    if (status == MIRAI_OK) status = mirai__options_read(&full, sizeof full, options, "mirai_map_options");
    if (status == MIRAI_OK) status = check_start(pool, out, function, elements, &full);
    if (status == MIRAI_OK) status = check_submit(full.submit, &submit);
    if (status == MIRAI_OK) return mirai__mapping_start(pool, function, elements, &full, &submit, out);
    mirai_value_release(elements);
    mirai_value_release(constants_of(options));
    return status;
}

mirai_status mirai_map_next(mirai_map *map, size_t *index, mirai_value **out, int64_t timeout_ms)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_map(map));
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    return mirai__mapping_next(map, index, out, mirai__deadline(timeout_ms));
}

mirai_status mirai_map_collect(mirai_map *map, int64_t timeout_ms, mirai_value **out)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_map(map));
    if (out == NULL) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    return mirai__mapping_collect(map, out, mirai__deadline(timeout_ms));
}

mirai_status mirai_map_counts(const mirai_map *map, size_t *done, size_t *total)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_map(map));
    mirai__mapping_counts((mirai_map *)(uintptr_t)map, done, total); /* for its lock */
    return MIRAI_OK;
}

mirai_status mirai_map_cancel(mirai_map *map)
{
    MIRAI_TRY(mirai__enter());
    MIRAI_TRY(check_map(map));
    mirai__mapping_cancel(map);
    return MIRAI_OK;
}

void mirai_map_release(mirai_map *map)
{
    if (map != NULL && !mirai__forked()) mirai__mapping_release(map);
}
