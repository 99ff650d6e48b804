/*
 * ram: see ram.h. The limit of a control group is read where the two versions of the interface have it: in the
 * group's own folder, and, for a process that sees its group as the root, at the root.
 */
#include "ram.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t bytes; /* written in `once` */

/* Lower the limit to the number in a file, if there is one: "max" and what cannot be read are none. */
static void lower(const char *path)
{
    unsigned long long limit;
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fscanf(file, "%llu", &limit) == 1 && limit < bytes) bytes = limit;
    (void)fclose(file);
}

/* "0::/path" is the one line of version 2. */
static void lower_to_group(void)
{
    char line[512], path[600];
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
        lower(path);
    }
    (void)fclose(file);
}

static void look(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    bytes = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
    lower_to_group();
    lower("/sys/fs/cgroup/memory.max");
    lower("/sys/fs/cgroup/memory/memory.limit_in_bytes");
}

uint64_t mirai__ram_bytes(void)
{
    (void)pthread_once(&once, look);
    return bytes;
}
