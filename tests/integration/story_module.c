/*
 * story_module: a module of one function, loaded by the story of everywhere. Its function runs on a daemon's main
 * thread.
 */
#include <miraicore.h>

static mirai_value *twice(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    int64_t number;
    if (mirai_value_to_int(args, &number) != MIRAI_OK) return NULL;
    return mirai_int(2 * number);
}

static const mirai_module_function functions[] = {{"story.twice", twice, NULL}, {NULL, NULL, NULL}};

extern const mirai_module_descriptor mirai_module;
__attribute__((visibility("default"))) const mirai_module_descriptor mirai_module = {
    MIRAI_MODULE_MAGIC, MIRAI_MODULE_ABI, sizeof(mirai_module_descriptor), "story", functions, NULL};
