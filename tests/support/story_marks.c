/*
 * story_marks: see story_marks.h. Daemons map the memory when they need it first, by a path in their environment.
 */
#include "story_marks.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint16_t *marks;
static int marks_count;

static void *map_marks(void)
{
    const char *path = getenv("STORY_MARKS");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    size_t size = (size_t)marks_count * sizeof *marks;
    void *pages = fd >= 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0) (void)close(fd);
    return pages != MAP_FAILED ? pages : NULL;
}

int story_mark_up(int number)
{
    if (marks == NULL) marks = map_marks();
    if (marks == NULL || number < 0 || number >= marks_count) return -1;
    return atomic_fetch_add(&marks[number], 1);
}

int story_mark(int number)
{
    return atomic_load(&marks[number]);
}

void story_mark_clear(int number)
{
    atomic_store(&marks[number], 0);
}

static mirai_value *mark(mirai_job *job, const mirai_value *args, void *context)
{
    (void)job, (void)context;
    return story_mark_up((int)mirai_value_int_or(args, -1)) >= 0 ? mirai_value_ref(args) : NULL;
}

mirai_status story_marks_setup(int count)
{
    marks_count = count;
    return mirai_function_register("mark", mark, NULL);
}

int story_marks_make(void **state)
{
    (void)state;
    const char *path = story_path("marks");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)((size_t)marks_count * sizeof *marks)) != 0 || close(fd) != 0 ||
        setenv("STORY_MARKS", path, 1) != 0)
        return -1;
    marks = map_marks();
    return marks != NULL ? 0 : -1;
}

int story_marks_drop(void **state)
{
    (void)state;
    story_remove_files();
    return 0;
}
