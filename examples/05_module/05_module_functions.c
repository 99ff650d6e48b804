/*
 * A module: a shared object with functions for daemons. It exports one constant that lists them.
 * Any host can load it on its daemons, in whatever language that host is written.
 */
#include <miraicore.h>

#include <math.h>

static mirai_value *hypotenuse(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)context;
    double a, b;
    if (mirai_value_to_float(mirai_value_at(args, "a"), &a) != MIRAI_OK ||
        mirai_value_to_float(mirai_value_at(args, "b"), &b) != MIRAI_OK)
        return mirai_error("bad_argument", MIRAI_E_USER,
                           "hypotenuse needs numbers \"a\" and \"b\"");
    return mirai_float(hypot(a, b));
}

/* Called once in each process that loads the module: the place to register refhooks. */
static mirai_status init(void)
{
    return MIRAI_OK;
}

static const mirai_module_function functions[] = {
    {"geometry.hypotenuse", hypotenuse, NULL},
    {NULL, NULL, NULL},
};

MIRAI_API extern const mirai_module_descriptor mirai_module;
const mirai_module_descriptor mirai_module = {
    MIRAI_MODULE_MAGIC, MIRAI_MODULE_ABI, sizeof(mirai_module_descriptor),
    "geometry",         functions,        init,
};
