/*
 * common: memory in common as values: references of a class whose hooks are the library's own, so that every process
 * knows them. They write its name (FORMAT.md section 12), and open what has that name.
 */
#ifndef MIRAI__COMMON_H
#define MIRAI__COMMON_H

#include "registry.h"

/* The hooks of the class, if that is its name; else NULL. Constant: a count may be taken and dropped, and need not be. */
mirai__hook *mirai__common_hook(const char *class_name);
/* A new one of zeros. NULL: why, as mirai_common(), but for daemons. */
mirai_value *mirai__common_value(size_t size);

#endif
