/*
 * functions: what this process can run: functions by name, and the modules that brought them. One lock, held only
 * to look up or add. Entries are for ever.
 */
#ifndef MIRAI__FUNCTIONS_H
#define MIRAI__FUNCTIONS_H

#include <miraicore/daemon.h>

typedef struct mirai__function {
    mirai_fn call;
    void *context;
} mirai__function;

/* E_FUNCTION, with a detail that lists what there is (abridged, nearest names first). */
mirai_status mirai__function_find(const char *name, mirai__function *out);
/* Run it: the result is a value or an error value, never NULL unless there is no memory for either. */
mirai_value *mirai__function_call(const mirai__function *function, const char *name, mirai_job *job,
                                  const mirai_value *args);
/* Register mirai.echo, mirai.sleep, mirai.exec, mirai.info, module.load: once per process. */
mirai_status mirai__builtins_register(void);

#endif
