/*
 * bar: see bar.h. It is written with write(), past the stream's buffer, so that no line is torn.
 */
#include "bar.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { REDRAW_MS = 100, LINE_MAX_SIZE = 512, NAME_MAX_COLUMNS = 32, BAR_MAX_COLUMNS = 40, WIDTH_DEFAULT = 80 };

/* False: nobody reads it any more. */
static bool put_all(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written == 0 || errno != EPIPE;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

/* A bar must not end the program by SIGPIPE: where the signal is ours, it is taken back. */
static void put(const char *text, size_t size)
{
    sigset_t pipe_only, before, pending;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    if (!put_all(text, size) && !sigismember(&pending, SIGPIPE)) {
        const struct timespec at_once = {0};
        while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR) continue;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool can_redraw(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    long width = columns != NULL ? strtol(columns, NULL, 10) : 0;
    return width > 0 && width < 10000 ? (size_t)width : WIDTH_DEFAULT;
}

static void duration_text(char *out, size_t size, int64_t ms)
{
    long long s = ms / 1000;
    if (s < 3600)
        (void)snprintf(out, size, "%lld:%02lld", s / 60, s % 60);
    else
        (void)snprintf(out, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

size_t mirai__bar_text(char *out, size_t size, size_t width, const char *name, size_t done, size_t total,
                       int64_t elapsed_ms)
{
    char numbers[96], time[32];
    duration_text(time, sizeof time, elapsed_ms);
    size_t shown_name = strlen(name) <= NAME_MAX_COLUMNS ? strlen(name) : 0; /* never half a letter */
    if (total > 0)
        (void)snprintf(numbers, sizeof numbers, "%3.0f %%  %zu of %zu  %s", 100.0 * (double)done / (double)total, done,
                       total, time);
    else
        (void)snprintf(numbers, sizeof numbers, "%zu  %s", done, time);
    size_t fixed = shown_name + strlen(numbers) + 4; /* two spaces and two brackets */
    size_t columns = total > 0 && width > fixed ? width - fixed : 0;
    if (columns > BAR_MAX_COLUMNS) columns = BAR_MAX_COLUMNS;
    char bar[BAR_MAX_COLUMNS + 1] = "";
    size_t filled = total > 0 ? (size_t)((double)columns * (double)done / (double)total) : 0;
    for (size_t i = 0; i < columns; i++) bar[i] = i < filled ? '#' : '.';
    int length = columns > 3 ? snprintf(out, size, "%.*s%s[%s] %s", (int)shown_name, name, shown_name > 0 ? " " : "",
                                        bar, numbers)
                             : snprintf(out, size, "%s", numbers);
    size_t used = length > 0 ? (size_t)length : 0;
    if (used >= size) used = size - 1;
    return used < width ? used : width;
}

/* ---- showing --------------------------------------------------------------------------------- */

void mirai__bar_init(mirai__bar *bar, bool on, const char *name)
{
    *bar = (mirai__bar){.on = on, .name = name};
    if (!on) return;
    bar->is_terminal = can_redraw();
    bar->began = mirai__now_ms();
    bar->drawn = bar->began - REDRAW_MS;
}

static void draw(mirai__bar *bar, size_t done, size_t total)
{
    char line[LINE_MAX_SIZE + 8] = "\r";
    int64_t now = mirai__now_ms();
    size_t size = 1 + mirai__bar_text(line + 1, LINE_MAX_SIZE, terminal_width() - 1, bar->name, done, total,
                                      now - bar->began);
    memcpy(line + size, "\033[K", 3); /* clear what an earlier, longer line has left */
    put(line, size + 3);
    bar->drawn = now;
}

/* Of the tenths, which may follow on powers of two, any is greater than any power. */
enum { TENTHS = 100 };

static size_t step_of(size_t done, size_t total)
{
    if (total > 0) return TENTHS + (size_t)(10.0 * (double)done / (double)total);
    size_t power = 0;
    while (done >>= 1) power++;
    return power;
}

static void print_line(mirai__bar *bar, size_t done, size_t total)
{
    char line[LINE_MAX_SIZE];
    size_t step = step_of(done, total);
    bool is_last = bar->ended && bar->shown != done;
    if ((step <= bar->step || step == TENTHS) && !is_last) return;
    bar->step = step;
    bar->shown = done;
    int length = total > 0 ? snprintf(line, sizeof line, "%.255s: %zu %% (%zu of %zu)\n", bar->name,
                                      (size_t)(100.0 * (double)done / (double)total), done, total)
                           : snprintf(line, sizeof line, "%.255s: %zu\n", bar->name, done);
    if (length > 0) put(line, (size_t)length);
}

void mirai__bar_show(mirai__bar *bar, size_t done, size_t total)
{
    if (!bar->on || bar->ended) return;
    if (!bar->is_terminal)
        print_line(bar, done, total);
    else if (mirai__now_ms() - bar->drawn >= REDRAW_MS)
        draw(bar, done, total);
}

void mirai__bar_end(mirai__bar *bar, size_t done, size_t total)
{
    if (!bar->on || bar->ended) return;
    bar->ended = true;
    if (!bar->is_terminal) {
        print_line(bar, done, total);
        return;
    }
    draw(bar, done, total);
    put("\n", 1);
}
