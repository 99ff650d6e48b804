/*
 * cpus: lists of processors in the kernel's notation, such as "0-3,6".
 */
#ifndef MIRAI__CPUS_H
#define MIRAI__CPUS_H

#include <sched.h>

#include <miraicore/error.h>

/* Numbers and ranges, joined by commas; no blanks, no empty parts, at least one processor; the order
 * is free. E_INVALID, with the text in the detail. */
mirai_status mirai__cpus_parse(const char *text, cpu_set_t *out);
/* Bind every thread of this process to them. E_INVALID when some of them cannot be used here. */
mirai_status mirai__cpus_bind(const cpu_set_t *cpus);

#endif
