/*
 * A type of your own as argument and result. The library knows nothing about a polynomial; the
 * hooks registered under its class name turn one into a value where it leaves, and back where it
 * arrives.
 */
#include <miraicore.h>

#include <stdlib.h>
#include <string.h>

typedef struct polynomial {
    int64_t terms; /* degree + 1 */
    double factor[8];
} polynomial;

static void polynomial_release(void *object, void *context)
{
    (void)context;
    free(object);
}

/* Sending: an object becomes a value, here an array. */
static mirai_value *polynomial_serialize(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)context;
    const polynomial *p = object;
    return mirai_array(MIRAI_DTYPE_FLOAT64, 1, &p->terms, p->factor);
}

/* Receiving: what arrives comes from another process, so it is checked. */
static mirai_status polynomial_unserialize(mirai_message *message, const mirai_value *data,
                                           void **object, void *context)
{
    (void)message;
    (void)context;
    size_t terms = mirai_value_count(data);
    if (mirai_value_dtype(data) != MIRAI_DTYPE_FLOAT64 || terms < 1 || terms > 8)
        return mirai_error_set(MIRAI_E_DECODE, "this is no polynomial");
    polynomial *p = malloc(sizeof *p);
    if (p == NULL) return mirai_error_set(MIRAI_E_NOMEM, "no memory for a polynomial");
    p->terms = (int64_t)terms;
    memcpy(p->factor, mirai_value_data(data), terms * sizeof *p->factor);
    *object = p;
    return MIRAI_OK;
}

/* Optional: how it prints, and what can be looked up in it. */
static mirai_status polynomial_print(void *object, mirai_text *text, void *context)
{
    (void)context;
    const polynomial *p = object;
    MIRAI_TRY(mirai_text_printf(text, "<polynomial> %g", p->factor[0]));
    for (int64_t i = 1; i < p->terms; i++)
        MIRAI_TRY(mirai_text_printf(text, " + %g x^%d", p->factor[i], (int)i));
    return MIRAI_OK;
}

static mirai_value *polynomial_get(void *object, const char *key, void *context)
{
    (void)context;
    const polynomial *p = object;
    return strcmp(key, "degree") == 0 ? mirai_int(p->terms - 1) : NULL;
}

/* The task: takes a polynomial by its class, returns another one. */
static mirai_value *derive(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    const polynomial *p = mirai_value_object(args, "polynomial");
    if (p == NULL) return mirai_error("bad_argument", MIRAI_E_USER, "derive needs a polynomial");
    polynomial *result = calloc(1, sizeof *result);
    if (result == NULL) return mirai_error("no_memory", MIRAI_E_NOMEM, "no memory");
    result->terms = p->terms > 1 ? p->terms - 1 : 1;
    for (int64_t i = 1; i < p->terms; i++) result->factor[i - 1] = p->factor[i] * (double)i;
    return mirai_reference("polynomial", result, polynomial_release, NULL);
}

static mirai_status setup(void)
{
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = polynomial_serialize;
    hook.unserialize = polynomial_unserialize;
    hook.release = polynomial_release;
    hook.print = polynomial_print;
    hook.get = polynomial_get;
    MIRAI_TRY(mirai_refhook_register("polynomial", &hook));
    return mirai_function_register("derive", derive, NULL);
}

int main(int argc, char **argv)
{
    MIRAI_EXIT_IF(mirai_main(argc, argv, setup));
    mirai_pool *pool;
    MIRAI_EXIT_IF(mirai_pool_open(&pool, "refhook", 1, NULL));

    /* Here the object is memory of the program's own, which outlives the reference: no release. */
    polynomial p = {4, {5, 0, 3, 1}};
    mirai_value *args = mirai_reference("polynomial", &p, NULL, NULL);
    (void)mirai_value_print(args, stdout);

    mirai_task *task;
    const mirai_value *derivative;
    MIRAI_EXIT_IF(mirai_pool_submit(pool, &task, "derive", args, NULL));
    MIRAI_EXIT_IF(mirai_task_wait(task, MIRAI_FOREVER));
    MIRAI_EXIT_IF(mirai_task_result(task, &derivative));
    (void)mirai_value_print(derivative, stdout);
    printf("of degree %d\n", (int)mirai_value_int_or(mirai_value_at(derivative, "degree"), -1));

    mirai_task_release(task);
    MIRAI_EXIT_IF(mirai_pool_close(pool, MIRAI_DRAIN, 5000));
    return 0;
}
