/*
 * threads: all threads of this process, for what Linux keeps per thread although it is meant for a
 * process.
 */
#ifndef MIRAI__THREADS_H
#define MIRAI__THREADS_H

#include <sys/types.h>

/* Call fn, which returns 0 or an errno, with each thread's number. The first failure ends it and is
 * returned; a thread that has ended meanwhile (ESRCH) is none. */
int mirai__threads_each(int (*fn)(pid_t thread, void *context), void *context);

#endif
