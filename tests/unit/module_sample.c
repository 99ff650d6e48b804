/*
 * Modules for test_module: one source, built once per KIND.
 */
#include <string.h>

#include <miraicore/daemon.h>
#include <miraicore/refhook.h>

#define KIND_GOOD 1
#define KIND_BAD_MAGIC 2
#define KIND_BAD_ABI 3
#define KIND_SHORT 4
#define KIND_FAILING 5
#define KIND_SILENT 6
#define KIND_NO_DESCRIPTOR 7
#define KIND_CLASH 8
#define KIND_NESTED 9
#define KIND_NAMELESS 10
#define KIND_UNRESOLVED 11

MIRAI_API extern const mirai_module_descriptor mirai_module;

#if KIND == KIND_UNRESOLVED
int defined_nowhere(void);
#endif

#if KIND != KIND_NO_DESCRIPTOR

static int inits;

static mirai_value *count_inits(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job;
    (void)args;
    return mirai_int(*(const int *)context);
}

static mirai_value *serialize(mirai_message *message, void *object, void *context)
{
    (void)message;
    (void)object;
    (void)context;
    return mirai_null();
}

static mirai_status init(void)
{
    inits++;
#if KIND == KIND_UNRESOLVED
    inits += defined_nowhere();
#endif
    if (KIND == KIND_FAILING) return mirai_error_set(MIRAI_E_UNSUPPORTED, "no such device here");
    if (KIND == KIND_SILENT) return MIRAI_E_USER;
    if (KIND == KIND_NESTED) {
        MIRAI_TRY(mirai_module_load("sample_nested")); /* itself */
        MIRAI_TRY(mirai_module_load("sample_good"));
    }
    mirai_refhook hook = MIRAI_REFHOOK_INIT;
    hook.serialize = serialize;
    MIRAI_TRY(mirai_function_register(KIND == KIND_NESTED ? "nested.by_init" : "good.by_init",
                                      count_inits, &inits));
    return mirai_refhook_register(KIND == KIND_NESTED ? "nested_class" : "good_class", &hook);
}

static const mirai_module_function functions[] = {
#if KIND == KIND_NESTED
    {"nested.inits", count_inits, &inits},
#elif KIND == KIND_CLASH
    {"clash.first", count_inits, &inits},
    {"good.inits", count_inits, &inits},
#elif KIND == KIND_FAILING
    {"failing.inits", count_inits, &inits},
#else
    {"good.inits", count_inits, &inits},
#endif
    {NULL, NULL, NULL},
};

const mirai_module_descriptor mirai_module = {
    KIND == KIND_BAD_MAGIC ? 1 : MIRAI_MODULE_MAGIC,
    KIND == KIND_BAD_ABI ? MIRAI_MODULE_ABI + 1 : MIRAI_MODULE_ABI,
    KIND == KIND_SHORT ? 16 : sizeof(mirai_module_descriptor),
    KIND == KIND_NAMELESS ? NULL
    : KIND == KIND_NESTED ? "nested"
                          : "good",
    functions,
    init,
};

#else
MIRAI_API int not_a_descriptor(void);
int not_a_descriptor(void)
{
    return (int)strlen("");
}
#endif
