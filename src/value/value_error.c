/*
 * value_error: errors as values: a dict of fields, of which "class", "code" and "message" are
 * checked once, when the error is built. Every error also counts as of class "error".
 *
 * Any thread; no lock.
 */
#include "value_node.h"

#include <stdarg.h>
#include <string.h>

#include "alloc.h"
#include "bytes.h"
#include "detail.h"
#include "utf8.h"

static const char ROOT_CLASS[] = "error";

/* A message is shown to people: bytes that are no UTF-8 (a strerror() in another charset) become
 * '?'. */
static void mend_utf8(char *text)
{
    for (size_t at = 0; text[at];) {
        size_t size = 1;
        while (size <= 4 && !mirai__utf8_valid(text + at, size)) {
            if (text[at + size - 1] == '\0') size = 4; /* the text ends inside of a character */
            size++;
        }
        if (size > 4) {
            text[at] = '?';
            size = 1;
        }
        at += size;
    }
}

static mirai_value *message_new(const char *format, va_list arguments)
{
    mirai__bytes bytes;
    mirai__bytes_init(&bytes);
    char *text = NULL;
    if (mirai__bytes_vprintf(&bytes, format, arguments) == MIRAI_OK)
        text = mirai__bytes_steal_text(&bytes);
    mirai__bytes_fini(&bytes);
    if (!text) return NULL;
    mend_utf8(text);
    mirai_value *message = mirai_string(text);
    mirai__free(text);
    return message;
}

mirai_value *mirai_error(const char *class_name, int32_t code, const char *format, ...)
{
    if (!format || (class_name && !mirai__name_valid(class_name))) {
        mirai__fail(MIRAI_E_INVALID, format ? "a class name must be 1 to 255 bytes of UTF-8"
                                            : "the format of an error's message is NULL");
        return NULL;
    }
    va_list arguments;
    va_start(arguments, format);
    mirai_value *message = message_new(format, arguments);
    va_end(arguments);
    if (!message) return NULL;
    mirai_value *classes =
        !class_name || strcmp(class_name, ROOT_CLASS) == 0
            ? mirai_list_of(mirai_string(ROOT_CLASS), MIRAI_END)
            : mirai_list_of(mirai_string(class_name), mirai_string(ROOT_CLASS), MIRAI_END);
    mirai_value *fields =
        mirai_dict_of("class", classes, "code", mirai_int(code), "message", message, MIRAI_END);
    return fields ? mirai_error_of(fields) : NULL;
}

static const mirai_value *field(const mirai_value *fields, const char *key)
{
    const mirai__dict_entry *entry = mirai__dict_find(fields, key);
    return entry ? entry->item : NULL;
}

static mirai_status check_classes(const mirai_value *classes)
{
    if (mirai_value_type(classes) != MIRAI_TYPE_LIST || mirai_value_count(classes) == 0)
        return mirai__fail(MIRAI_E_TYPE, "field \"class\" of an error must be a list of strings");
    for (size_t i = 0; i < mirai_value_count(classes); i++)
        if (!mirai_value_string(mirai_value_item(classes, i)))
            return mirai__fail(MIRAI_E_TYPE, "item %zu of field \"class\" of an error is no string",
                               i);
    return MIRAI_OK;
}

static mirai_status check_fields(const mirai_value *fields)
{
    if (fields->type != MIRAI_TYPE_DICT)
        return mirai__fail(MIRAI_E_TYPE,
                           "an error is built from a dict, not from a value of type %s",
                           mirai_type_text(fields->type));
    MIRAI_TRY(check_classes(field(fields, "class")));
    const mirai_value *code = field(fields, "code");
    if (mirai_value_type(code) != MIRAI_TYPE_INT)
        return mirai__fail(MIRAI_E_TYPE, "field \"code\" of an error must be an int");
    int64_t number = MIRAI__CONST_NODE(number, code)->as.integer;
    if (number < INT32_MIN || number > INT32_MAX)
        return mirai__fail(MIRAI_E_RANGE, "code %lld of an error is no int32", (long long)number);
    if (!mirai_value_string(field(fields, "message")))
        return mirai__fail(MIRAI_E_TYPE, "field \"message\" of an error must be a string");
    return MIRAI_OK;
}

mirai_value *mirai_error_of(mirai_value *fields)
{
    if (!fields) {
        mirai__fail_missing("the fields of an error are NULL");
        return NULL;
    }
    mirai__error_node *node = NULL;
    if (check_fields(fields) == MIRAI_OK) node = mirai__node_new(MIRAI_TYPE_ERROR, sizeof(*node));
    if (!node) {
        mirai_value_release(fields);
        return NULL;
    }
    node->fields = fields;
    node->classes = field(fields, "class");
    node->code = (int32_t)MIRAI__CONST_NODE(number, field(fields, "code"))->as.integer;
    node->message = mirai_value_string(field(fields, "message"));
    return &node->head;
}

int32_t mirai_value_is_error(const mirai_value *value)
{
    return mirai_value_type(value) == MIRAI_TYPE_ERROR;
}

int32_t mirai_value_error_code(const mirai_value *value)
{
    return mirai_value_is_error(value) ? MIRAI__CONST_NODE(error, value)->code : 0;
}

const char *mirai_value_error_message(const mirai_value *value)
{
    return mirai_value_is_error(value) ? MIRAI__CONST_NODE(error, value)->message : NULL;
}

int32_t mirai_value_error_inherits(const mirai_value *value, const char *class_name)
{
    if (!mirai_value_is_error(value) || !class_name) return 0;
    if (strcmp(class_name, ROOT_CLASS) == 0) return 1;
    const mirai_value *classes = MIRAI__CONST_NODE(error, value)->classes;
    for (size_t i = 0; i < mirai_value_count(classes); i++)
        if (strcmp(mirai_value_string(mirai_value_item(classes, i)), class_name) == 0) return 1;
    return 0;
}

const mirai_value *mirai__error_fields(const mirai_value *error)
{
    return mirai_value_is_error(error) ? MIRAI__CONST_NODE(error, error)->fields : NULL;
}
