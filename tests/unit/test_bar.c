#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <cmocka.h>

#include "bar.h"

/* Runs show() with stderr in fd, closes that, and gives what can be read from `from` then. */
static const char *written(int fd, int from, void (*show)(void))
{
    static char text[8192];
    size_t size = 0;
    ssize_t got;
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    show();
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    (void)close(fd);
    /* A terminal hands it over piece by piece, and says at last that the other side is closed. */
    while ((got = read(from, text + size, sizeof text - 1 - size)) > 0) size += (size_t)got;
    (void)close(from);
    text[size] = '\0';
    return text;
}

static const char *in_file(void (*show)(void))
{
    char path[] = "/tmp/mirai-bar-XXXXXX";
    int fd = mkstemp(path), from = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && from >= 0);
    (void)unlink(path);
    return written(fd, from, show);
}

static const char *in_terminal(unsigned short width, void (*show)(void))
{
    int near, far;
    struct winsize size = {.ws_row = 24, .ws_col = width};
    assert_int_equal(openpty(&far, &near, NULL, NULL, &size), 0);
    return written(near, far, show);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const char *line(size_t width, const char *name, size_t done, size_t total)
{
    static char text[512];
    size_t length = mirai__bar_text(text, sizeof text, width, name, done, total, 83000);
    assert_true(length <= width);
    text[length] = '\0';
    return text;
}

static void test_bar__fits_its_width(void **state)
{
    (void)state;
    assert_string_equal(line(80, "mean", 45, 100),
                        "mean [##################......................]  45 %  45 of 100  1:23");
    assert_string_equal(line(50, "mean", 100, 100), "mean [###################] 100 %  100 of 100  1:23");
    assert_string_equal(line(30, "mean", 0, 100), "  0 %  0 of 100  1:23"); /* no room for a bar */
    assert_string_equal(line(5, "mean", 0, 100), "  0 %");
    assert_string_equal(line(80, "mean", 7, 0), "7  1:23"); /* no end known */
    assert_string_equal(line(80, "a name that is too long for any line", 1, 2),
                        "[####################....................]  50 %  1 of 2  1:23");
    for (size_t width = 0; width < 200; width++) (void)line(width, "x", SIZE_MAX, SIZE_MAX);
}

/* ---- where it goes --------------------------------------------------------------------------- */

static void show_hundred(void)
{
    mirai__bar bar;
    mirai__bar_init(&bar, true, "mean");
    for (size_t i = 0; i <= 100; i++) mirai__bar_show(&bar, i, 100);
    mirai__bar_end(&bar, 100, 100);
    mirai__bar_end(&bar, 100, 100);
    mirai__bar_show(&bar, 100, 100);
}

static void show_endless(void)
{
    mirai__bar bar;
    mirai__bar_init(&bar, true, "mean");
    for (size_t i = 0; i <= 9; i++) mirai__bar_show(&bar, i, 0);
    mirai__bar_end(&bar, 9, 9);
}

static void show_cut_off(void)
{
    mirai__bar bar;
    mirai__bar_init(&bar, true, "mean");
    mirai__bar_show(&bar, 14, 100);
    mirai__bar_end(&bar, 17, 100);
}

static void show_nothing(void)
{
    mirai__bar bar;
    mirai__bar_init(&bar, false, "mean");
    mirai__bar_show(&bar, 50, 100);
    mirai__bar_end(&bar, 100, 100);
}

static void test_bar__is_a_line_per_tenth_in_a_file(void **state)
{
    (void)state;
    const char *text = in_file(show_hundred);
    assert_non_null(strstr(text, "mean: 10 % (10 of 100)\nmean: 20 % (20 of 100)\n"));
    assert_non_null(strstr(text, "mean: 90 % (90 of 100)\nmean: 100 % (100 of 100)\n"));
    size_t lines = 0;
    for (; *text != '\0'; text++) lines += *text == '\n';
    assert_int_equal(lines, 10);
    assert_string_equal(in_file(show_endless), "mean: 2\nmean: 4\nmean: 8\nmean: 100 % (9 of 9)\n");
    assert_string_equal(in_file(show_cut_off), "mean: 14 % (14 of 100)\nmean: 17 % (17 of 100)\n");
    assert_string_equal(in_file(show_nothing), "");
}

static void test_bar__is_drawn_over_in_a_terminal(void **state)
{
    (void)state;
    (void)setenv("TERM", "xterm", 1);
    const char *text = in_terminal(40, show_hundred);
    assert_non_null(strstr(text, "\rmean ["));
    assert_non_null(strstr(text, "100 of 100  0:00\033[K\r\n"));
    for (const char *at = text; (at = strchr(at, '\r')) != NULL; at++) /* no line is wider than the terminal */
        assert_true(strcspn(at + 1, "\r\033") < 40);
    assert_null(strstr(strchr(text, '\n') + 1, "mean"));
    (void)setenv("TERM", "dumb", 1);
    text = in_terminal(40, show_hundred);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "mean: 50 % (50 of 100)"));
}

/* Whoever read stderr is gone: that shall not end the program. */
static void test_bar__nobody_reads_it(void **state)
{
    (void)state;
    int ends[2], before = dup(STDERR_FILENO);
    mirai__bar bar;
    assert_true(before >= 0 && pipe(ends) == 0 && close(ends[0]) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    mirai__bar_init(&bar, true, "name");
    mirai__bar_show(&bar, 5, 10);
    mirai__bar_end(&bar, 10, 10);
    assert_true(dup2(before, STDERR_FILENO) >= 0 && close(before) == 0 && close(ends[1]) == 0);
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar__fits_its_width),
        cmocka_unit_test(test_bar__is_a_line_per_tenth_in_a_file),
        cmocka_unit_test(test_bar__is_drawn_over_in_a_terminal),
        cmocka_unit_test(test_bar__nobody_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
