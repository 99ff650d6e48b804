/*
 * value_path: mirai_value_at(): a path such as `rows[2].name` is taken step by step; the first step
 * that leads nowhere is named in the detail text, with what there is in its place.
 *
 * Any thread; no lock. `get` hooks of references on the way run in this call.
 */
#include "value_node.h"

#include <string.h>

#include "alloc.h"
#include "bytes.h"
#include "detail.h"

typedef struct path {
    const char *text;
    const char *at;   /* after the step at hand */
    const char *step; /* where it began */
    char *key;        /* of the step at hand, when it is one; as large as text */
    int64_t position; /* else */
    bool is_key;
} path;

static mirai_status malformed(const path *path, const char *what)
{
    return mirai__fail(MIRAI_E_INVALID, "path '%s' is malformed at '%s': %s", path->text,
                       path->step, what);
}

/* `name`, up to the next dot or bracket */
static mirai_status parse_name(path *path)
{
    size_t size = strcspn(path->at, ".[]");
    if (size == 0) return malformed(path, "a key was expected");
    memcpy(path->key, path->at, size);
    path->key[size] = '\0';
    path->at += size;
    path->is_key = true;
    return MIRAI_OK;
}

/* `"key"]`, after the bracket and the quote */
static mirai_status parse_quoted(path *path)
{
    char *to = path->key;
    for (; *path->at != '"'; path->at++) {
        if (*path->at == '\\') {
            path->at++;
            if (*path->at != '"' && *path->at != '\\')
                return malformed(path, "a backslash stands before \" or \\ only");
        }
        if (*path->at == '\0') return malformed(path, "the closing quote is missing");
        *to++ = *path->at;
    }
    *to = '\0';
    path->at++;
    path->is_key = true;
    return MIRAI_OK;
}

/* `12]` or `-1]`, after the bracket */
static mirai_status parse_position(path *path)
{
    bool is_negative = *path->at == '-';
    const char *digits = path->at + is_negative;
    int64_t position = 0;
    path->at = digits;
    for (; *path->at >= '0' && *path->at <= '9'; path->at++)
        if (__builtin_mul_overflow(position, 10, &position) ||
            __builtin_add_overflow(position, *path->at - '0', &position))
            return malformed(path, "the position is too large");
    if (path->at == digits) return malformed(path, "a position or a quoted key was expected");
    path->position = is_negative ? -position : position;
    path->is_key = is_negative && position == 0; /* "-0" is no position */
    return path->is_key ? malformed(path, "-0 is no position; the last one is -1") : MIRAI_OK;
}

static mirai_status parse_step(path *path)
{
    path->step = path->at;
    if (*path->at == '[') {
        path->at++;
        if (*path->at == '"') {
            path->at++;
            MIRAI_TRY(parse_quoted(path));
        } else {
            MIRAI_TRY(parse_position(path));
        }
        if (*path->at != ']') return malformed(path, "a closing bracket was expected");
        path->at++;
        return MIRAI_OK;
    }
    if (*path->at == '.' && path->at != path->text)
        path->at++;
    else if (path->at != path->text)
        return malformed(path, "a dot or a bracket was expected");
    return parse_name(path);
}

/* ---- saying what there is -------------------------------------------------------------------- */

/* "a, b and 12 more" */
static void describe_keys(const mirai_value *dict, mirai__bytes *text)
{
    enum { SHOWN = 10 };
    size_t count = mirai_value_count(dict);
    if (count == 0) {
        (void)mirai__bytes_printf(text, "it is empty");
        return;
    }
    (void)mirai__bytes_printf(text, "there %s ", count == 1 ? "is" : "are");
    for (size_t i = 0; i < count && i < SHOWN; i++)
        (void)mirai__bytes_printf(text, "%s\"%.64s\"", i ? ", " : "", mirai_value_key(dict, i));
    if (count > SHOWN) (void)mirai__bytes_printf(text, " and %zu more", count - SHOWN);
}

static void describe(const mirai_value *value, mirai__bytes *text)
{
    size_t count = mirai_value_count(value);
    switch (mirai_value_type(value)) {
    case MIRAI_TYPE_DICT: describe_keys(value, text); break;
    case MIRAI_TYPE_ERROR: describe_keys(mirai__error_fields(value), text); break;
    case MIRAI_TYPE_LIST:
        (void)mirai__bytes_printf(text, "it is a list of %zu item%s", count, count == 1 ? "" : "s");
        break;
    case MIRAI_TYPE_REFERENCE:
        (void)mirai__bytes_printf(text, "it is an object of class \"%s\"",
                                  mirai_value_class(value));
        break;
    default:
        (void)mirai__bytes_printf(text, "it is of type %s",
                                  mirai_type_text(mirai_value_type(value)));
        break;
    }
}

/* `why` is what the hook of a reference said, else empty. */
static void fail_step(const path *path, const mirai_value *value, const char *why)
{
    mirai__bytes text;
    mirai__bytes_init(&text);
    describe(value, &text);
    char *what = mirai__bytes_steal_text(&text);
    mirai__bytes_fini(&text);
    const char *step = *path->step == '.' ? path->step + 1 : path->step;
    int before = (int)(path->step - path->text), size = (int)(path->at - step);
    const char *found = what ? what : "", *colon = *why ? "; " : "";
    if (before)
        mirai__fail(MIRAI_E_NOT_FOUND, "'%.*s' has no '%.*s': %s%s%s", before, path->text, size,
                    step, found, colon, why);
    else
        mirai__fail(MIRAI_E_NOT_FOUND, "the value has no '%.*s': %s%s%s", size, step, found, colon,
                    why);
    mirai__free(what);
}

/* ---- going there ----------------------------------------------------------------------------- */

static const mirai_value *at_position(const mirai_value *value, int64_t position)
{
    mirai_type type = mirai_value_type(value);
    if (type != MIRAI_TYPE_LIST && type != MIRAI_TYPE_DICT) return NULL;
    int64_t count = (int64_t)mirai_value_count(value);
    if (position < 0) position += count;
    return position < 0 || position >= count ? NULL : mirai_value_item(value, (size_t)position);
}

static const mirai_value *take_step(const path *path, const mirai_value *value)
{
    char why[256] = "";
    const mirai_value *next;
    if (path->is_key)
        next = mirai_value_get(value, path->key);
    else
        next = at_position(value, path->position);
    if (next) return next;
    if (path->is_key && mirai_value_type(value) == MIRAI_TYPE_REFERENCE) {
        const char *said = mirai_error_detail();
        size_t size = strnlen(said, sizeof(why) - 1);
        memcpy(why, said, size);
        why[size] = '\0';
    }
    fail_step(path, value, why);
    return NULL;
}

const mirai_value *mirai_value_at(const mirai_value *value, const char *text)
{
    if (!value || !text) {
        mirai__fail_missing("the %s is NULL", value ? "path" : "value");
        return NULL;
    }
    mirai__detail_clear();
    char few[256];
    size_t size = strlen(text) + 1;
    path path = {.text = text, .at = text, .step = text, .key = few};
    if (size > sizeof(few)) path.key = mirai__alloc(size);
    if (!path.key) return NULL;
    while (value && *path.at != '\0')
        value = parse_step(&path) == MIRAI_OK ? take_step(&path, value) : NULL;
    if (path.key != few) mirai__free(path.key);
    return value;
}
