/*
 * functions: what this process can run: functions by name, and the modules that brought them. One
 * lock, held only to look up or change the table.
 */
#ifndef MIRAI__FUNCTIONS_H
#define MIRAI__FUNCTIONS_H

#include <stdbool.h>
#include <miraicore/daemon.h>

typedef struct mirai__function {
    mirai_fn call;
    void *context;
} mirai__function;

/* E_FUNCTION, with a detail that lists what there is (abridged, nearest names first). */
mirai_status mirai__function_find(const char *name, mirai__function *out);
/* Run it: the result is a value or an error value, never NULL unless there is no memory for either.
 */
mirai_value *mirai__function_call(const mirai__function *function, const char *name, mirai_job *job,
                                  const mirai_value *args);

/* Add all of an array (ended by a NULL name), or none. `reserved`: names that begin with "mirai."
 * or "module." are allowed. What was there already, alike, is no error. E_INVALID, E_EXISTS,
 * E_NOMEM. */
mirai_status mirai__functions_add(const mirai_module_function *functions, bool reserved);
/* Take out again what an equal array put in. */
void mirai__functions_remove(const mirai_module_function *functions);
/* All names, sorted: a list of strings. NULL: no memory. */
mirai_value *mirai__functions_list(void);
/* Names of all loaded modules: a list of strings. NULL: no memory. */
mirai_value *mirai__modules_list(void);

/* mirai.map: call a function for each element of a chunk. */
mirai_value *mirai__each(mirai_job *job, const mirai_value *args, void *context);
/* Register mirai.echo, mirai.sleep, mirai.exec, mirai.info, mirai.map, module.load: once per process. */
mirai_status mirai__builtins_register(void);
/* mirai.exec: run a command. */
mirai_value *mirai__exec(mirai_job *job, const mirai_value *args, void *context);

#endif
