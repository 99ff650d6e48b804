/*
 * tail: the last bytes of a daemon's stderr, in a ring. What it writes is untrusted: the text is
 * cut to whole lines, and made valid UTF-8 without NULs. Guarded by its owner's lock.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "spawn.h"
#include "utf8.h"

void mirai__tail_add(mirai__tail *tail, const char *data, size_t size)
{
    if (tail->data == NULL) {
        tail->data = mirai__alloc(MIRAI__TAIL_SIZE);
        if (tail->data == NULL) return; /* the lines are lost, nothing else */
    }
    for (size_t done = 0; done < size;) {
        size_t at = tail->end % MIRAI__TAIL_SIZE;
        size_t part = size - done < MIRAI__TAIL_SIZE - at ? size - done : MIRAI__TAIL_SIZE - at;
        memcpy(tail->data + at, data + done, part);
        tail->end += part;
        done += part;
    }
}

bool mirai__tail_read(mirai__tail *tail, int fd)
{
    enum { READS_MAX = 16 }; /* one that never stops writing must not keep the caller here */
    char data[MIRAI__TAIL_SIZE];
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t size = read(fd, data, sizeof data);
        if (size == 0) return false;
        if (size < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN;
        }
        mirai__tail_add(tail, data, (size_t)size);
    }
    return true;
}

/* The ring, straightened; how many bytes it gives. */
static size_t unroll(const mirai__tail *tail, char *out)
{
    if (tail->end <= MIRAI__TAIL_SIZE) {
        memcpy(out, tail->data, tail->end);
        return tail->end;
    }
    size_t at = tail->end % MIRAI__TAIL_SIZE;
    memcpy(out, tail->data + at, MIRAI__TAIL_SIZE - at);
    memcpy(out + MIRAI__TAIL_SIZE - at, tail->data, at);
    return MIRAI__TAIL_SIZE;
}

char *mirai__tail_text(const mirai__tail *tail)
{
    if (tail->data == NULL) return NULL;
    char all[MIRAI__TAIL_SIZE];
    size_t size = unroll(tail, all), start = 0;
    if (tail->end > MIRAI__TAIL_SIZE) { /* the first line has lost its beginning */
        const char *newline = memchr(all, '\n', size - 1);
        if (newline != NULL) start = (size_t)(newline - all) + 1;
    }
    while (size > start && all[size - 1] == '\n') size--;
    if (size == start) return NULL;

    return mirai__utf8_clean(all + start, size - start);
}

void mirai__tail_fini(mirai__tail *tail)
{
    mirai__free(tail->data);
    *tail = (mirai__tail){NULL, 0};
}
