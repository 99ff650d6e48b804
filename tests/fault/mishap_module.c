/*
 * mishap_module: a module whose init goes wrong as MISHAP_MODULE in the environment says. Runs on a daemon's main
 * thread.
 */
#include "mishap.h"

#include <stdlib.h>

static mirai_status init(void)
{
    const char *way = getenv("MISHAP_MODULE");
    return mishap_status(way != NULL ? way : "");
}

extern const mirai_module_descriptor mirai_module;
__attribute__((visibility("default"))) const mirai_module_descriptor mirai_module = {
    MIRAI_MODULE_MAGIC, MIRAI_MODULE_ABI, sizeof(mirai_module_descriptor), "mishap", NULL, init};
