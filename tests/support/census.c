/*
 * census: what this process and its descendants hold, read from /proc (story.h). Any thread.
 */
#include "story.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL) return 0;
    const struct dirent *item;
    while ((item = readdir(dir)) != NULL) count += item->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

size_t story_descriptors(void)
{
    size_t count = count_entries("/proc/self/fd");
    return count > 0 ? count - 1 : 0; /* less the one that reads the folder */
}

static bool has_at_most(void *context)
{
    return story_descriptors() <= *(size_t *)context;
}

bool story_until_descriptors(size_t most)
{
    return story_until(has_at_most, &most);
}

size_t story_threads(void)
{
    return count_entries("/proc/self/task");
}

static bool has_at_most_threads(void *context)
{
    return story_threads() <= *(size_t *)context;
}

bool story_until_threads(size_t most)
{
    return story_until(has_at_most_threads, &most);
}

int64_t story_rss_kib(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    int got = fscanf(file, "%ld %ld", &size, &resident);
    (void)fclose(file);
    return got == 2 ? (int64_t)resident * (sysconf(_SC_PAGESIZE) / 1024) : 0;
}

/* State and parent of a process; false when there is none. */
static bool read_stat(pid_t pid, char *state, pid_t *parent)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    const char *end = strrchr(text, ')'); /* the name before it may hold anything */
    int number = 0;
    if (end == NULL || sscanf(end + 1, " %c %d", state, &number) != 2) return false;
    *parent = number;
    return true;
}

bool story_is_alive(pid_t pid)
{
    char state;
    pid_t parent;
    return read_stat(pid, &state, &parent) && state != 'Z' && state != 'X';
}

static bool descends(pid_t pid, pid_t root)
{
    char state;
    pid_t parent = pid;
    for (int i = 0; i < 64 && parent > 1; i++) {
        if (!read_stat(parent, &state, &parent)) return false;
        if (parent == root) return true;
    }
    return false;
}

size_t story_descendants(pid_t root, pid_t *pids, size_t most)
{
    size_t count = 0;
    DIR *dir = opendir("/proc");
    if (dir == NULL) return 0;
    const struct dirent *item;
    while ((item = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)strtol(item->d_name, NULL, 10);
        if (pid <= 1 || pid == root || !story_is_alive(pid) || !descends(pid, root)) continue;
        if (count < most) pids[count] = pid;
        count++;
    }
    (void)closedir(dir);
    return count;
}

uint64_t story_status_mask(const char *path, const char *name)
{
    char line[256];
    uint64_t mask = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    size_t length = strlen(name);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, length) == 0 && line[length] == ':') mask = strtoull(line + length + 1, NULL, 16);
    (void)fclose(file);
    return mask;
}
