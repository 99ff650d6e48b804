/*
 * value_read: accessors, which borrow, and conversions to C numbers.
 *
 * Accessors answer NULL or 0 for a value of another type; only look-up by key leaves a detail text,
 * since what it gives is often handed on without a check.
 *
 * Any thread; no lock.
 */
#include "value_node.h"

#include "detail.h"
#include "element.h"

static bool is(const mirai_value *value, mirai_type type)
{
    return value && value->type == type;
}

/* ---- numbers --------------------------------------------------------------------------------- */

mirai_status mirai_value_to_bool(const mirai_value *value, int32_t *out)
{
    if (!value) return mirai__fail_missing("the value is NULL");
    mirai__detail_clear();
    if (!out) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    if (value->type != MIRAI_TYPE_BOOL)
        return mirai__fail(MIRAI_E_TYPE, "a value of type %s is no bool",
                           mirai_type_text(value->type));
    *out = value->flag;
    return MIRAI_OK;
}

/* The number that a value is, or that its one element is. */
static mirai_status read_number(const mirai_value *value, mirai__element *out)
{
    *out = (mirai__element){MIRAI__ELEMENT_SIGNED, 0, 0, 0, 0};
    switch (value->type) {
    case MIRAI_TYPE_BOOL: out->integer = value->flag; return MIRAI_OK;
    case MIRAI_TYPE_INT:
        out->integer = MIRAI__CONST_NODE(number, value)->as.integer;
        return MIRAI_OK;
    case MIRAI_TYPE_FLOAT:
        out->kind = MIRAI__ELEMENT_REAL;
        out->real = MIRAI__CONST_NODE(number, value)->as.real;
        return MIRAI_OK;
    case MIRAI_TYPE_ARRAY: break;
    default:
        return mirai__fail(MIRAI_E_TYPE, "a value of type %s is no number",
                           mirai_type_text(value->type));
    }
    const mirai__array_node *array = MIRAI__CONST_NODE(array, value);
    if (array->count != 1)
        return mirai__fail(MIRAI_E_TYPE, "an array of %zu elements is no number", array->count);
    *out = mirai__element_load(array->dtype, array->origin);
    if (out->kind == MIRAI__ELEMENT_COMPLEX)
        return mirai__fail(MIRAI_E_TYPE, "an array of %s is no real number",
                           mirai_dtype_text(array->dtype));
    return MIRAI_OK;
}

mirai_status mirai_value_to_int(const mirai_value *value, int64_t *out)
{
    if (!value) return mirai__fail_missing("the value is NULL");
    mirai__detail_clear();
    if (!out) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    if (value->type == MIRAI_TYPE_INT) {
        *out = MIRAI__CONST_NODE(number, value)->as.integer;
        return MIRAI_OK;
    }
    mirai__element number;
    MIRAI_TRY(read_number(value, &number));
    switch (number.kind) {
    case MIRAI__ELEMENT_UNSIGNED:
        if (number.unsigned_integer > INT64_MAX)
            return mirai__fail(MIRAI_E_RANGE, "%llu is more than an int64 holds",
                               (unsigned long long)number.unsigned_integer);
        *out = (int64_t)number.unsigned_integer;
        return MIRAI_OK;
    case MIRAI__ELEMENT_REAL:
        /* 2^63 is exact as a double, and NaN fails any comparison. */
        if (!(number.real >= -0x1p63 && number.real < 0x1p63) ||
            (double)(int64_t)number.real != number.real)
            return mirai__fail(MIRAI_E_RANGE, "%.17g has no exact int64", number.real);
        *out = (int64_t)number.real;
        return MIRAI_OK;
    default: *out = number.integer; return MIRAI_OK;
    }
}

mirai_status mirai_value_to_float(const mirai_value *value, double *out)
{
    if (!value) return mirai__fail_missing("the value is NULL");
    mirai__detail_clear();
    if (!out) return mirai__fail(MIRAI_E_INVALID, "out is NULL");
    mirai__element number;
    MIRAI_TRY(read_number(value, &number));
    switch (number.kind) {
    case MIRAI__ELEMENT_UNSIGNED: *out = (double)number.unsigned_integer; break;
    case MIRAI__ELEMENT_REAL: *out = number.real; break;
    default: *out = (double)number.integer; break;
    }
    return MIRAI_OK;
}

int64_t mirai_value_int_or(const mirai_value *value, int64_t fallback)
{
    int64_t number;
    return value && mirai_value_to_int(value, &number) == MIRAI_OK ? number : fallback;
}

double mirai_value_float_or(const mirai_value *value, double fallback)
{
    double number;
    return value && mirai_value_to_float(value, &number) == MIRAI_OK ? number : fallback;
}

/* ---- strings, bytes, arrays ------------------------------------------------------------------ */

const char *mirai_value_string(const mirai_value *value)
{
    return is(value, MIRAI_TYPE_STRING) ? MIRAI__CONST_NODE(string, value)->text : NULL;
}

size_t mirai_value_count(const mirai_value *value)
{
    switch (mirai_value_type(value)) {
    case MIRAI_TYPE_STRING: return MIRAI__CONST_NODE(string, value)->size;
    case MIRAI_TYPE_BYTES: return mirai_buffer_size(MIRAI__CONST_NODE(bytes, value)->buffer);
    case MIRAI_TYPE_ARRAY: return MIRAI__CONST_NODE(array, value)->count;
    case MIRAI_TYPE_LIST: return MIRAI__CONST_NODE(list, value)->count;
    case MIRAI_TYPE_DICT: return MIRAI__CONST_NODE(dict, value)->count;
    default: return 0;
    }
}

const void *mirai_value_data(const mirai_value *value)
{
    if (is(value, MIRAI_TYPE_BYTES))
        return mirai_buffer_data(MIRAI__CONST_NODE(bytes, value)->buffer);
    if (!is(value, MIRAI_TYPE_ARRAY)) return NULL;
    const mirai__array_node *array = MIRAI__CONST_NODE(array, value);
    return array->count ? array->origin : NULL;
}

mirai_buffer *mirai_value_buffer(const mirai_value *value)
{
    if (is(value, MIRAI_TYPE_BYTES)) return MIRAI__CONST_NODE(bytes, value)->buffer;
    return is(value, MIRAI_TYPE_ARRAY) ? MIRAI__CONST_NODE(array, value)->buffer : NULL;
}

mirai_dtype mirai_value_dtype(const mirai_value *value)
{
    return is(value, MIRAI_TYPE_ARRAY) ? MIRAI__CONST_NODE(array, value)->dtype : 0;
}

int32_t mirai_value_rank(const mirai_value *value)
{
    return is(value, MIRAI_TYPE_ARRAY) ? MIRAI__CONST_NODE(array, value)->rank : -1;
}

const int64_t *mirai_value_shape(const mirai_value *value)
{
    return is(value, MIRAI_TYPE_ARRAY) ? MIRAI__CONST_NODE(array, value)->shape : NULL;
}

const int64_t *mirai_value_strides(const mirai_value *value)
{
    if (!is(value, MIRAI_TYPE_ARRAY)) return NULL;
    return MIRAI__CONST_NODE(array, value)->shape + MIRAI__CONST_NODE(array, value)->rank;
}

int32_t mirai_value_is_contiguous(const mirai_value *value)
{
    return is(value, MIRAI_TYPE_ARRAY) && MIRAI__CONST_NODE(array, value)->is_contiguous;
}

/* ---- lists and dicts ------------------------------------------------------------------------- */

const mirai_value *mirai_value_item(const mirai_value *value, size_t index)
{
    if (index >= mirai_value_count(value)) return NULL;
    if (value->type == MIRAI_TYPE_LIST) return MIRAI__CONST_NODE(list, value)->items[index];
    if (value->type == MIRAI_TYPE_DICT) return MIRAI__CONST_NODE(dict, value)->entries[index].item;
    return NULL;
}

const char *mirai_value_key(const mirai_value *value, size_t index)
{
    if (!is(value, MIRAI_TYPE_DICT)) return NULL;
    const mirai__dict_node *dict = MIRAI__CONST_NODE(dict, value);
    return index < dict->count ? dict->entries[index].key : NULL;
}

const mirai_value *mirai_value_get(const mirai_value *value, const char *key)
{
    if (!value || !key) {
        mirai__fail_missing("the %s is NULL", value ? "key" : "value");
        return NULL;
    }
    if (value->type == MIRAI_TYPE_REFERENCE) return mirai__reference_get(value, key);
    const mirai_value *dict = value->type == MIRAI_TYPE_ERROR ? mirai__error_fields(value) : value;
    if (dict->type != MIRAI_TYPE_DICT) {
        mirai__fail(MIRAI_E_TYPE, "a value of type %s has no keys", mirai_type_text(dict->type));
        return NULL;
    }
    const mirai__dict_entry *entry = mirai__dict_find(dict, key);
    if (!entry) mirai__fail(MIRAI_E_NOT_FOUND, "there is no key \"%s\"", key);
    return entry ? entry->item : NULL;
}
