/*
 * threads: walking /proc/self/task; where there is no /proc, the calling thread alone. Meant for the
 * start of a process: a thread that another starts meanwhile may be missed. No state.
 */
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

int mirai__threads_each(int (*fn)(pid_t thread, void *context), void *context)
{
    int error = fn(0, context); /* the calling one, which those that it starts will take after */
    DIR *folder = error == 0 ? opendir("/proc/self/task") : NULL;
    if (folder == NULL) return error;
    const struct dirent *entry;
    while (error == 0 && (entry = readdir(folder)) != NULL) {
        long number = strtol(entry->d_name, NULL, 10);
        if (number > 0) error = fn((pid_t)number, context);
        if (error == ESRCH) error = 0;
    }
    (void)closedir(folder);
    return error;
}
