/*
 * functions: the table of functions of this process. Calls are made on copies, outside the lock, so
 * that a function may register others. Any thread.
 */
#include "functions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "bytes.h"
#include "detail.h"
#include "map.h"
#include "utf8.h"

typedef struct entry {
    mirai__function function;
    char name[];
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mirai__names table; /* of entries, by their own name; guarded by lock */
static const entry *latest; /* that was looked up: mostly the next one is the same; guarded by lock */

/* ---- adding ---- */

static bool is_reserved(const char *name)
{
    return strncmp(name, "mirai.", 6) == 0 || strncmp(name, "module.", 7) == 0;
}

static mirai_status check(const mirai_module_function *given, bool reserved)
{
    if (!mirai__name_valid(given->name))
        return mirai__fail(MIRAI_E_INVALID, "a function's name must be 1 to 255 bytes of UTF-8");
    if (given->function == NULL)
        return mirai__fail(MIRAI_E_INVALID, "function \"%s\" is NULL", given->name);
    if (!reserved && is_reserved(given->name))
        return mirai__fail(MIRAI_E_INVALID,
                           "function \"%s\": names that begin with \"mirai.\" or \"module.\" "
                           "are the library's",
                           given->name);
    return MIRAI_OK;
}

static bool is_alike(const entry *entry, const mirai_module_function *given)
{
    return entry->function.call == given->function && entry->function.context == given->context;
}

/* Under the lock. *added tells whether it was not there before. */
static mirai_status add_one(const mirai_module_function *given, bool *added)
{
    *added = false;
    const entry *old = mirai__names_get(&table, given->name);
    if (old != NULL) {
        if (is_alike(old, given)) return MIRAI_OK;
        return mirai__fail(MIRAI_E_EXISTS, "another function is registered as \"%s\"", given->name);
    }
    size_t size = strlen(given->name) + 1;
    entry *fresh = mirai__alloc(sizeof *fresh + size);
    if (fresh == NULL) return MIRAI_E_NOMEM;
    fresh->function = (mirai__function){given->function, given->context};
    memcpy(fresh->name, given->name, size);
    mirai_status status = mirai__names_put(&table, fresh->name, fresh);
    if (status != MIRAI_OK) mirai__free(fresh);
    *added = status == MIRAI_OK;
    return status;
}

/* Adds functions[at] and all after it; on the way back from a failure it takes out what it has put
 * in. */
static mirai_status add_all(const mirai_module_function *functions, size_t count)
{
    bool *added = mirai__alloc_zero(count == 0 ? 1 : count, sizeof *added);
    if (added == NULL) return MIRAI_E_NOMEM;
    mirai_status status = MIRAI_OK;
    size_t done = 0;
    while (done < count && status == MIRAI_OK) {
        status = add_one(&functions[done], &added[done]);
        if (status == MIRAI_OK) done++;
    }
    latest = NULL;
    while (status != MIRAI_OK && done-- > 0)
        if (added[done]) mirai__free(mirai__names_remove(&table, functions[done].name));
    mirai__free(added);
    return status;
}

mirai_status mirai__functions_add(const mirai_module_function *functions, bool reserved)
{
    size_t count = 0;
    for (; functions[count].name != NULL; count++) MIRAI_TRY(check(&functions[count], reserved));
    (void)pthread_mutex_lock(&lock);
    mirai_status status = add_all(functions, count);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

void mirai__functions_remove(const mirai_module_function *functions)
{
    (void)pthread_mutex_lock(&lock);
    latest = NULL;
    for (; functions->name != NULL; functions++) {
        const entry *old = mirai__names_get(&table, functions->name);
        if (old != NULL && is_alike(old, functions))
            mirai__free(mirai__names_remove(&table, functions->name));
    }
    (void)pthread_mutex_unlock(&lock);
}

mirai_status mirai_function_register(const char *name, mirai_fn function, void *context)
{
    MIRAI_TRY(mirai__enter());
    const mirai_module_function given[] = {{name, function, context}, {NULL, NULL, NULL}};
    MIRAI_TRY(check(&given[0], false));
    return mirai__functions_add(given, false);
}

/* ---- listing ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Under the lock: names, sorted; owned array of borrowed names. NULL: no memory. */
static const char **sorted_names(void)
{
    const char **names = mirai__alloc_zero(table.count + 1, sizeof *names);
    if (names == NULL) return NULL;
    size_t cursor = 0, count = 0;
    while (count < table.count && mirai__names_next(&table, &cursor, &names[count], NULL)) count++;
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

mirai_value *mirai__functions_list(void)
{
    (void)pthread_mutex_lock(&lock);
    size_t count = table.count;
    const char **names = sorted_names();
    mirai_value **items =
        names == NULL ? NULL : mirai__alloc_zero(count + 1, sizeof(mirai_value *));
    for (size_t i = 0; items != NULL && i < count; i++) items[i] = mirai_string(names[i]);
    (void)pthread_mutex_unlock(&lock);
    mirai_value *list = items == NULL ? NULL : mirai_list(items, count);
    mirai__free(names);
    mirai__free(items);
    return list;
}

/* ---- looking up ---- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edits that turn one name into the other (Levenshtein). A name has at most 255 bytes; more count
 * as that. */
static size_t distance(const char *a, const char *b)
{
    size_t row[256], rows = strlen(a), columns = strlen(b);
    if (columns > 255) columns = 255;
    for (size_t j = 0; j <= columns; j++) row[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[columns];
}

typedef struct near {
    const char *name;
    size_t distance;
} near;

/* Insert into the short sorted list if it is near enough; ties by name, so that the text is always
 * the same. */
static void offer(near *list, size_t *count, size_t most, near candidate)
{
    size_t at = *count;
    while (at > 0 && (candidate.distance < list[at - 1].distance ||
                      (candidate.distance == list[at - 1].distance &&
                       strcmp(candidate.name, list[at - 1].name) < 0)))
        at--;
    if (at == most) return;
    if (*count < most) ++*count;
    for (size_t i = *count - 1; i > at; i--) list[i] = list[i - 1];
    list[at] = candidate;
}

/* Under the lock. */
static mirai_status fail_unknown(const char *name)
{
    enum { LISTED_MAX = 8 };
    near list[LISTED_MAX];
    size_t count = 0, cursor = 0;
    const char *known;
    while (mirai__names_next(&table, &cursor, &known, NULL))
        offer(list, &count, LISTED_MAX, (near){known, distance(name, known)});

    mirai__bytes text;
    mirai__bytes_init(&text);
    for (size_t i = 0; i < count; i++)
        if (mirai__bytes_printf(&text, "%s\"%s\"", i == 0 ? "" : ", ", list[i].name) != MIRAI_OK)
            break;
    if (table.count > count) (void)mirai__bytes_printf(&text, " and %zu more", table.count - count);
    if (count == 0)
        (void)mirai__fail(MIRAI_E_FUNCTION, "no function \"%s\": none is registered", name);
    else
        (void)mirai__fail(MIRAI_E_FUNCTION, "no function \"%s\"; there are %.*s", name,
                          (int)text.size, (const char *)text.data);
    mirai__bytes_fini(&text);
    return MIRAI_E_FUNCTION;
}

/* Under the lock. */
static mirai_status look_up(const char *name)
{
    if (latest != NULL && name != NULL && strcmp(latest->name, name) == 0) return MIRAI_OK;
    if (!mirai__name_valid(name)) return mirai__fail(MIRAI_E_FUNCTION, "no function can have that name");
    const entry *found = mirai__names_get(&table, name);
    if (found == NULL) return fail_unknown(name);
    latest = found;
    return MIRAI_OK;
}

mirai_status mirai__function_find(const char *name, mirai__function *out)
{
    (void)pthread_mutex_lock(&lock);
    mirai_status status = look_up(name);
    if (status == MIRAI_OK) *out = latest->function;
    (void)pthread_mutex_unlock(&lock);
    return status;
}

mirai_value *mirai__function_call(const mirai__function *function, const char *name, mirai_job *job,
                                  const mirai_value *args)
{
    mirai__detail_clear();
    mirai_value *result = function->call(job, args, function->context);
    if (result != NULL) return result;
    char detail[1024]; /* a copy, since building a value may set the text */
    (void)snprintf(detail, sizeof detail, "%s", mirai_error_detail());
    if (*detail != '\0') return mirai_error(NULL, MIRAI_E_USER, "%s", detail);
    return mirai_error(NULL, MIRAI_E_USER, "function \"%s\" returned nothing and set no error",
                       name);
}
