/*
 * bar: how far a map is, on stderr: a bar that is drawn over and over on a terminal; elsewhere a line for every tenth, or,
 * where the end is not known, for every doubling. Used by the map's one reader.
 */
#ifndef MIRAI__BAR_H
#define MIRAI__BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mirai__bar {
    bool on;          /* all calls do nothing without it */
    bool is_terminal; /* one that can go back to the start of a line */
    bool ended;
    int64_t began, drawn; /* mirai__now_ms() */
    size_t step;          /* last tenth, or power of two, that has a line */
    size_t shown;         /* elements in that line */
    const char *name;     /* borrowed */
} mirai__bar;

void mirai__bar_init(mirai__bar *bar, bool on, const char *name);
/* `total`: 0 while it is not known. Draws when it is time to. */
void mirai__bar_show(mirai__bar *bar, size_t done, size_t total);
/* The last line stays as it is. */
void mirai__bar_end(mirai__bar *bar, size_t done, size_t total);

/* A line of at most `width` columns, as on a terminal; returns its length. */
size_t mirai__bar_text(char *out, size_t size, size_t width, const char *name, size_t done, size_t total,
                       int64_t elapsed_ms);

#endif
