/*
 * value_print: how trees of values are laid out.
 *
 *     name:  "Ann"                        dicts: keys, aligned; nested ones below their key
 *     sizes: [1, 2, 3]                    lists that fit on a line
 *     rows:
 *       [0] id: 1                         and those that do not
 *       [1] id: 2
 *
 * Long lists and dicts show both ends, long texts their beginning; below DEPTH_MAX levels only a
 * count is shown; and a whole text ends after some lines (value_text.c). So depth costs bounded
 * stack, and a tree that shares its branches a bounded time. Runs on the thread that prints, as do
 * `print` and `size` hooks; no lock.
 */
#include <string.h>

#include "detail.h"
#include "number_text.h"
#include "utf8.h"
#include "value_text.h"

#define DEPTH_MAX 24
#define STRING_MAX 10000      /* bytes shown of a string on its own */
#define STRING_INSIDE_MAX 500 /* and of one inside of another value, of a key, of a class */
#define BYTES_MAX 32
#define LIST_MAX 20
#define LIST_EDGE 6
#define DICT_MAX 100
#define DICT_EDGE 40
#define KEY_ALIGN_MAX 24
#define CLASSES_MAX 16

/* After item i: the next one to show, when `edge` are shown at both ends of more than `most`. */
static size_t next_shown(size_t i, size_t count, size_t most, size_t edge)
{
    return count > most && i + 1 == edge ? count - edge : i + 1;
}

static void put_gap(mirai_text *text, size_t i, size_t next)
{
    if (next > i + 1) mirai__text_printf(text, "\n... %zu more ...", next - i - 1);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static void put_number(mirai_text *text, const mirai__number_node *node)
{
    char number[MIRAI__NUMBER_TEXT_MAX];
    if (node->head.type == MIRAI_TYPE_INT) {
        mirai__text_printf(text, "%lld", (long long)node->as.integer);
        return;
    }
    mirai__number_text(number, MIRAI_DTYPE_FLOAT64, node->as.real, 17);
    mirai__text_puts(text, number);
}

static void put_string(mirai_text *text, const mirai__string_node *node)
{
    size_t most = text->depth > 1 ? STRING_INSIDE_MAX : STRING_MAX;
    if (node->size <= most) {
        mirai__text_put_quoted(text, node->text, node->size);
        return;
    }
    mirai__text_put_quoted(text, node->text, mirai__utf8_cut(node->text, most));
    mirai__text_printf(text, "... (%zu bytes)", node->size);
}

/* Unquoted, at most so many bytes of it. */
static void put_beginning(mirai_text *text, const char *data, size_t size, size_t most)
{
    mirai__text_put_plain(text, data, size <= most ? size : mirai__utf8_cut(data, most));
    if (size > most) mirai__text_printf(text, "... (%zu bytes)", size);
}

static void put_hex(mirai_text *text, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char pair[2];
    for (size_t i = 0; i < size; i++) {
        pair[0] = digits[data[i] >> 4];
        pair[1] = digits[data[i] & 15];
        mirai__text_put(text, pair, sizeof(pair));
    }
}

static void put_bytes(mirai_text *text, const mirai_value *value)
{
    const uint8_t *data = mirai_value_data(value);
    size_t size = mirai_value_count(value);
    mirai__text_printf(text, "bytes [%zu]", size);
    if (size == 0) return;
    mirai__text_puts(text, " 0x");
    if (size <= BYTES_MAX) {
        put_hex(text, data, size);
        return;
    }
    put_hex(text, data, BYTES_MAX / 2);
    mirai__text_puts(text, "...");
    put_hex(text, data + size - BYTES_MAX / 4, BYTES_MAX / 4);
}

/* ---- references ------------------------------------------------------------------------------ */

static void put_class(mirai_text *text, const mirai_value *value)
{
    const char *name = mirai_value_class(value);
    mirai__text_puts(text, "<");
    mirai__text_put_plain(text, name, strlen(name));
    mirai__text_puts(text, ">");
}

static void put_reference(mirai_text *text, const mirai_value *value)
{
    mirai__hook *hook = mirai__reference_hook(value);
    void *object = mirai_value_object(value, NULL);
    if (hook && hook->hook.print) {
        mirai__text_mark mark = mirai__text_get_mark(text);
        mirai__detail_clear();
        mirai_status status = hook->hook.print(object, text, hook->hook.context);
        if (status < 0 && text->status == MIRAI_OK) { /* half a text would mislead */
            mirai__text_go_back(text, mark);
            put_class(text, value);
            const char *why =
                mirai_error_detail()[0] ? mirai_error_detail() : mirai_status_text(status);
            mirai__text_printf(text, " (its print hook failed: %s)", why);
        }
        mirai__text_trim(text, mark);
    } else {
        put_class(text, value);
        int64_t size = hook && hook->hook.size ? hook->hook.size(object, hook->hook.context) : -1;
        if (size >= 0) mirai__text_printf(text, " %lld bytes", (long long)size);
    }
    mirai__hook_unref(hook);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool is_plain(const mirai_value *value)
{
    mirai_type type = mirai_value_type(value);
    return type == MIRAI_TYPE_STRING ? mirai_value_count(value) <= MIRAI__TEXT_WIDTH
                                     : type >= MIRAI_TYPE_NULL && type <= MIRAI_TYPE_FLOAT;
}

static void put_items_in_line(mirai_text *text, const mirai__list_node *list)
{
    mirai__text_puts(text, "[");
    for (size_t i = 0, next; i < list->count; i = next) {
        next = next_shown(i, list->count, LIST_MAX, LIST_EDGE);
        mirai__text_print(text, list->items[i]);
        if (next < list->count) mirai__text_puts(text, next > i + 1 ? ", ..., " : ", ");
    }
    mirai__text_puts(text, "]");
    if (list->count > LIST_MAX) mirai__text_printf(text, " (%zu items)", list->count);
}

/* Write the list on the line at hand, if it may stand there and fits. */
static bool put_list_in_line(mirai_text *text, const mirai__list_node *list)
{
    for (size_t i = 0, next; i < list->count; i = next) {
        next = next_shown(i, list->count, LIST_MAX, LIST_EDGE);
        if (!is_plain(list->items[i])) return false;
    }
    mirai__text_mark mark = mirai__text_get_mark(text);
    put_items_in_line(text, list);
    if (text->bytes.size - mark.size + text->indent <= MIRAI__TEXT_WIDTH) return true;
    mirai__text_go_back(text, mark);
    return false;
}

static void put_list(mirai_text *text, const mirai__list_node *list)
{
    if (put_list_in_line(text, list)) return;
    size_t indent = text->indent;
    for (size_t i = 0, next; i < list->count && !mirai__text_is_full(text); i = next) {
        char label[32];
        next = next_shown(i, list->count, LIST_MAX, LIST_EDGE);
        int width = snprintf(label, sizeof(label), "[%zu] ", i);
        mirai__text_puts(text, label);
        text->indent = indent + (size_t)width;
        mirai__text_print(text, list->items[i]);
        text->indent = indent;
        put_gap(text, i, next);
        if (next < list->count) mirai__text_puts(text, "\n");
    }
}

/* ---- dicts and errors ------------------------------------------------------------------------ */

/* Whether a value goes below its key. */
static bool is_block(mirai_text *text, const mirai_value *value)
{
    size_t count = mirai_value_count(value);
    if (text->depth >= DEPTH_MAX || count == 0) return false;
    if (mirai_value_type(value) == MIRAI_TYPE_DICT) return true;
    if (mirai_value_type(value) != MIRAI_TYPE_LIST) return false;
    mirai__text_mark mark = mirai__text_get_mark(text);
    bool fits = put_list_in_line(text, MIRAI__CONST_NODE(list, value));
    mirai__text_go_back(text, mark);
    return !fits;
}

/* Keys stand bare unless that would be unclear. */
static void put_key(mirai_text *text, const char *key)
{
    size_t size = strlen(key), plain = 0;
    while (plain < size &&
           ((unsigned char)key[plain] > 0x7f ||
            ((unsigned char)key[plain] > ' ' && !strchr("\"\\:[]{},|\x7f", key[plain]))))
        plain++;
    if (size > STRING_INSIDE_MAX)
        put_beginning(text, key, size, STRING_INSIDE_MAX);
    else if (size && plain == size)
        mirai__text_put_plain(text, key, size);
    else
        mirai__text_put_quoted(text, key, size);
}

/* Columns that a key takes, near enough: one per character. */
static size_t key_width(mirai_text *text, const char *key)
{
    mirai__text_mark mark = mirai__text_get_mark(text);
    text->is_line_begun = true;
    put_key(text, key);
    size_t width = 0;
    for (size_t i = mark.size; i < text->bytes.size; i++)
        width += (text->bytes.data[i] & 0xc0) != 0x80;
    mirai__text_go_back(text, mark);
    return width;
}

/* Each line after a bar; newlines at the end show nothing. */
static void put_barred(mirai_text *text, const char *line, size_t size)
{
    const char *end = line + size;
    while (end > line && end[-1] == '\n') end--;
    for (const char *next; line; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        next = newline ? newline + 1 : NULL;
        mirai__text_puts(text, line == end ? "\n|" : "\n| ");
        mirai__text_put_plain(text, line, (size_t)((newline ? newline : end) - line));
    }
}

/* A string, or a list of strings: how traces and logs are read best. Of all of them together as
 * much is shown as of one string. */
static void put_lines(mirai_text *text, const mirai_value *value)
{
    bool is_list = mirai_value_type(value) == MIRAI_TYPE_LIST;
    size_t count = is_list ? mirai_value_count(value) : 1, room = STRING_MAX;
    for (size_t i = 0; i < count && !mirai__text_is_full(text); i++) {
        const mirai_value *item = is_list ? mirai_value_item(value, i) : value;
        const char *string = mirai_value_string(item);
        size_t size = mirai_value_count(item);
        if (size > room) {
            put_barred(text, string, mirai__utf8_cut(string, room));
            mirai__text_puts(text, "\n| ... (cut here)");
            return;
        }
        put_barred(text, string, size);
        room -= size;
    }
}

/* In an error: a list of strings, or a string of several lines. */
static bool is_lines(const mirai_value *value)
{
    const char *string = mirai_value_string(value);
    if (string) return memchr(string, '\n', mirai_value_count(value)) != NULL;
    if (mirai_value_type(value) != MIRAI_TYPE_LIST || mirai_value_count(value) == 0) return false;
    for (size_t i = 0; i < mirai_value_count(value); i++)
        if (!mirai_value_string(mirai_value_item(value, i))) return false;
    return true;
}

static void put_entry(mirai_text *text, const mirai__dict_entry *entry, size_t align, bool in_error)
{
    size_t indent = text->indent;
    bool has_lines = in_error && is_lines(entry->item);
    bool below = has_lines || is_block(text, entry->item);
    put_key(text, entry->key);
    mirai__text_puts(text, ":");
    if (below) {
        text->indent += 2;
        if (has_lines) {
            put_lines(text, entry->item);
        } else {
            mirai__text_puts(text, "\n");
            mirai__text_print(text, entry->item);
        }
    } else {
        size_t width = key_width(text, entry->key);
        mirai__text_pad(text, 1 + (width < align ? align - width : 0));
        if (mirai_value_type(entry->item) == MIRAI_TYPE_REFERENCE)
            text->indent += 2 + (width < align ? align : width);
        mirai__text_print(text, entry->item);
    }
    text->indent = indent;
}

static bool is_hidden(const mirai__dict_entry *entry, bool in_error)
{
    return in_error && (strcmp(entry->key, "class") == 0 || strcmp(entry->key, "message") == 0);
}

static size_t choose_align(mirai_text *text, const mirai__dict_node *dict, bool in_error)
{
    size_t align = 0;
    for (size_t i = 0; i < dict->count; i = next_shown(i, dict->count, DICT_MAX, DICT_EDGE)) {
        const mirai__dict_entry *entry = &dict->entries[i];
        if (is_hidden(entry, in_error) || (in_error && is_lines(entry->item))) continue;
        size_t width = key_width(text, entry->key);
        if (width > align && width <= KEY_ALIGN_MAX && !is_block(text, entry->item)) align = width;
    }
    return align;
}

/* Each entry on a line of its own; in an error, below the line at hand. */
static void put_entries(mirai_text *text, const mirai__dict_node *dict, bool in_error)
{
    size_t align = choose_align(text, dict, in_error);
    bool is_first = !in_error;
    for (size_t i = 0, next; i < dict->count && !mirai__text_is_full(text); i = next) {
        next = next_shown(i, dict->count, DICT_MAX, DICT_EDGE);
        if (is_hidden(&dict->entries[i], in_error)) continue;
        if (!is_first) mirai__text_puts(text, "\n");
        is_first = false;
        put_entry(text, &dict->entries[i], align, in_error);
        put_gap(text, i, next);
    }
}

static void put_classes(mirai_text *text, const mirai_value *classes)
{
    size_t shown = 0, count = mirai_value_count(classes);
    for (size_t i = 0; i < count && !mirai__text_is_full(text); i++) {
        const char *name = mirai_value_string(mirai_value_item(classes, i));
        if (strcmp(name, "error") == 0) continue; /* as every error is */
        mirai__text_puts(text, shown++ ? " < " : " [");
        if (shown > CLASSES_MAX) {
            mirai__text_printf(text, "... (%zu classes)", count);
            break;
        }
        put_beginning(text, name, strlen(name), STRING_INSIDE_MAX);
    }
    mirai__text_puts(text, shown ? "]" : "");
}

static void put_error(mirai_text *text, const mirai_value *value)
{
    const mirai__error_node *error = MIRAI__CONST_NODE(error, value);
    mirai__text_puts(text, "error");
    put_classes(text, error->classes);
    mirai__text_puts(text, ": ");
    text->indent +=
        4; /* more than the fields, so that further lines of the message are told from them */
    if (!mirai__text_is_full(text))
        put_beginning(text, error->message, strlen(error->message), STRING_MAX);
    text->indent -= 2;
    put_entries(text, MIRAI__CONST_NODE(dict, error->fields), true);
    text->indent -= 2;
}

/* ---- any value ------------------------------------------------------------------------------- */

static void put_missing(mirai_text *text)
{
    const char *why = mirai_error_detail();
    mirai__text_puts(text, why[0] ? "no value: " : "no value");
    mirai__text_put_plain(text, why, strlen(why));
}

/* What stands for a value that lies too deep. */
static void put_count(mirai_text *text, const mirai_value *value)
{
    size_t count = mirai_value_count(value);
    const char *unit = mirai_value_type(value) == MIRAI_TYPE_DICT ? "key" : "item";
    mirai__text_printf(text, "%s of %zu %s%s", mirai_type_text(mirai_value_type(value)), count,
                       unit, count == 1 ? "" : "s");
}

static void put_container(mirai_text *text, const mirai_value *value)
{
    bool is_dict = mirai_value_type(value) == MIRAI_TYPE_DICT;
    if (mirai_value_count(value) == 0)
        mirai__text_puts(text, is_dict ? "{}" : "[]");
    else if (text->depth > DEPTH_MAX)
        put_count(text, value);
    else if (is_dict)
        put_entries(text, MIRAI__CONST_NODE(dict, value), false);
    else
        put_list(text, MIRAI__CONST_NODE(list, value));
}

static void put_shared(mirai_text *text, const mirai__shared *shared)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    size_t size = shared->size, tenths = 0, unit = 0;
    for (; size >= 1000 && unit < 4; unit++) {
        tenths = size % 1000 / 100;
        size /= 1000;
    }
    if (shared->task != 0) {
        mirai__text_printf(text, "<task %llu>", (unsigned long long)shared->task);
        return;
    }
    mirai__text_printf(text, "<shared %llu, %zu", (unsigned long long)shared->id, size);
    if (unit > 0) mirai__text_printf(text, ".%zu", tenths);
    mirai__text_printf(text, " %s>", units[unit]);
}

void mirai__text_print(mirai_text *text, const mirai_value *value)
{
    if (text->depth && mirai__text_is_full(text)) return;
    text->depth++;
    switch (mirai_value_type(value)) {
    case 0: put_missing(text); break;
    case MIRAI_TYPE_NULL: mirai__text_puts(text, "null"); break;
    case MIRAI_TYPE_BOOL: mirai__text_puts(text, value->flag ? "true" : "false"); break;
    case MIRAI_TYPE_INT:
    case MIRAI_TYPE_FLOAT: put_number(text, MIRAI__CONST_NODE(number, value)); break;
    case MIRAI_TYPE_STRING: put_string(text, MIRAI__CONST_NODE(string, value)); break;
    case MIRAI_TYPE_BYTES: put_bytes(text, value); break;
    case MIRAI_TYPE_ARRAY: mirai__text_print_array(text, MIRAI__CONST_NODE(array, value)); break;
    case MIRAI_TYPE_LIST:
    case MIRAI_TYPE_DICT: put_container(text, value); break;
    case MIRAI_TYPE_REFERENCE:
        if (text->depth > DEPTH_MAX)
            put_class(text, value);
        else
            put_reference(text, value);
        break;
    case MIRAI_TYPE_ERROR:
        if (text->depth > DEPTH_MAX)
            mirai__text_puts(text, "error");
        else
            put_error(text, value);
        break;
    case MIRAI_TYPE_SHARED: put_shared(text, mirai__value_get_shared(value)); break;
    default:
        mirai__text_printf(text, "<encoded value, %zu bytes>",
                           mirai__segment_size(mirai__value_get_segment(value)));
        break;
    }
    text->depth--;
}
