/*
 * explain: why a task is where it is, for people.
 */
#ifndef MIRAI__EXPLAIN_H
#define MIRAI__EXPLAIN_H

#include <miraicore/task.h>

/* Owned; NULL: no memory. Lock not held. */
char *mirai__explain(mirai_task *task);

#endif
