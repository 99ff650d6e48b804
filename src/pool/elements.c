/*
 * elements: see elements.h.
 */
#include "elements.h"

#include <string.h>

#include "alloc.h"
#include "detail.h"
#include "grow.h"
#include "value_row.h"

mirai_status mirai__elements_init(mirai__elements *elements, int32_t over, mirai_value *values,
                                  mirai_source_fn source, void *user)
{
    *elements = (mirai__elements){.over = over, .values = values, .source = source, .user = user};
    mirai_type type = mirai_value_type(values);
    if (over == MIRAI_MAP_GENERATOR) return MIRAI_OK;
    elements->ended = true;
    if (over == MIRAI_MAP_ROWS) {
        elements->total = mirai__array_rows(values);
        if (mirai_value_rank(values) > 0) return MIRAI_OK;
        return mirai__fail(MIRAI_E_TYPE, "rows are of an array of one dimension or more, not of a value of type %s",
                           mirai_type_text(type));
    }
    elements->total = mirai_value_count(values);
    if (type == MIRAI_TYPE_LIST || type == MIRAI_TYPE_DICT) return MIRAI_OK;
    return mirai__fail(MIRAI_E_TYPE, "items are of a list or a dict, not of a value of type %s", mirai_type_text(type));
}

void mirai__elements_fini(mirai__elements *elements)
{
    for (size_t i = 0; i < elements->held_count; i++) mirai_value_release(elements->held[i]);
    mirai__free(elements->held);
    mirai__free(elements->failure);
    mirai_value_release(elements->values);
}

/* ---- the generator --------------------------------------------------------------------------- */

/* One more from the generator, behind those held. There is room. */
static void generate(mirai__elements *elements)
{
    mirai__detail_clear();
    mirai_value *value = elements->source(elements->total, elements->user);
    if (value != NULL) {
        elements->held[elements->held_count++] = value;
        elements->total++;
        return;
    }
    elements->ended = true;
    const char *why = mirai_error_detail();
    if (*why == '\0') return;
    elements->failed = true;
    elements->failure = mirai__format("the source failed at element %zu: %s", elements->total, why);
}

/* `most` may be far more than there is. */
static mirai_status hold(mirai__elements *elements, size_t most)
{
    while (elements->held_count < most && !elements->ended) {
        MIRAI_TRY(mirai__grow(elements->held, elements->held_capacity, elements->held_count));
        generate(elements);
    }
    return MIRAI_OK;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static mirai_value *element(const mirai__elements *elements, size_t offset)
{
    if (elements->over == MIRAI_MAP_GENERATOR) return mirai_value_ref(elements->held[offset]);
    if (elements->over == MIRAI_MAP_ROWS) return mirai__array_row(elements->values, elements->next + offset);
    return mirai_value_ref(mirai_value_item(elements->values, elements->next + offset));
}

static mirai_value *list_of(const mirai__elements *elements, size_t count)
{
    mirai_value **items = mirai__alloc_zero(count, sizeof *items);
    if (items == NULL) return NULL;
    for (size_t i = 0; i < count; i++) items[i] = element(elements, i);
    mirai_value *list = mirai_list(items, count);
    mirai__free(items);
    return list;
}

mirai_status mirai__elements_take(mirai__elements *elements, size_t most, size_t *count, mirai_value **out)
{
    if (elements->over == MIRAI_MAP_GENERATOR) MIRAI_TRY(hold(elements, most));
    size_t left = elements->total - elements->next;
    *count = left < most ? left : most;
    if (*count == 0) return MIRAI_OK;
    if (*count == 1)
        *out = element(elements, 0);
    else if (elements->over == MIRAI_MAP_ROWS)
        *out = mirai__array_slice(elements->values, elements->next, *count);
    else
        *out = list_of(elements, *count);
    return *out != NULL ? MIRAI_OK : MIRAI_E_NOMEM;
}

static void drop_held(mirai__elements *elements, size_t count)
{
    if (elements->over != MIRAI_MAP_GENERATOR || count == 0) return;
    for (size_t i = 0; i < count; i++) mirai_value_release(elements->held[i]);
    elements->held_count -= count;
    memmove(elements->held, elements->held + count, elements->held_count * sizeof *elements->held);
}

void mirai__elements_advance(mirai__elements *elements, size_t count)
{
    drop_held(elements, count);
    elements->next += count;
}

void mirai__elements_end(mirai__elements *elements)
{
    elements->ended = true;
    drop_held(elements, elements->held_count);
    elements->next = elements->total;
}
