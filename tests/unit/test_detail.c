/*
 * The detail text: cut at a character, safe with itself as argument, one per thread; and the check
 * that stops a forked child.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "detail.h"

static void test_detail__takes_any_arguments(void **state)
{
    (void)state;
    const char *volatile none = NULL; /* volatile: the compiler may not look through it */
    assert_int_equal(mirai_error_set(MIRAI_E_USER, "set"), MIRAI_E_USER);
    assert_int_equal(mirai_error_set(MIRAI_E_USER, none, 0), MIRAI_E_USER);
    assert_string_equal(mirai_error_detail(), "");
    assert_int_equal(mirai_error_set(12345, "%s", ""), 12345);
    assert_string_equal(mirai_error_detail(), "");
}

static void test_detail__keeps_text_until_cleared(void **state)
{
    (void)state;
    assert_int_equal(mirai__fail(MIRAI_E_RANGE, "index %d of %s", 5, "four"), MIRAI_E_RANGE);
    assert_string_equal(mirai_error_detail(), "index 5 of four");
    assert_int_equal(mirai__enter(), MIRAI_OK);
    assert_string_equal(mirai_error_detail(), "");
}

static void test_detail__may_be_its_own_argument(void **state)
{
    (void)state;
    (void)mirai_error_set(MIRAI_E_USER, "inner");
    (void)mirai_error_set(MIRAI_E_USER, "outer: %s", mirai_error_detail());
    assert_string_equal(mirai_error_detail(), "outer: inner");
    (void)mirai_error_set(MIRAI_E_USER, "%s%s", mirai_error_detail(), mirai_error_detail());
    assert_string_equal(mirai_error_detail(), "outer: innerouter: inner");
    (void)mirai_error_set(MIRAI_E_USER, "plain");
    const char *volatile format = mirai_error_detail();
    (void)mirai_error_set(MIRAI_E_USER, "%s", format + 2);
    assert_string_equal(mirai_error_detail(), "ain");
}

static void test_detail__is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8C\x8D"};
    for (size_t width = 1; width <= 4; width++) {
        for (size_t lead = 0; lead < 4; lead++) {
            char text[2048];
            size_t size = lead;
            memset(text, '-', lead);
            while (size + width < sizeof text) {
                memcpy(text + size, characters[width - 1], width);
                size += width;
            }
            text[size] = '\0';
            (void)mirai_error_set(MIRAI_E_USER, "%s", text);
            size_t kept = lead + (1023 - lead) / width * width;
            assert_int_equal(strlen(mirai_error_detail()), kept);
            assert_memory_equal(mirai_error_detail(), text, kept);
        }
    }
    char exact[1024];
    memset(exact, 'y', 1023);
    exact[1023] = '\0';
    (void)mirai_error_set(MIRAI_E_USER, "%s", exact);
    assert_string_equal(mirai_error_detail(), exact);
}

static void test_detail__translates_errno(void **state)
{
    (void)state;
    static const struct {
        int error;
        mirai_status status;
    } table[] = {
        {ENOMEM, MIRAI_E_NOMEM},
        {EMFILE, MIRAI_E_NOFILES},
        {ENFILE, MIRAI_E_NOFILES},
        {ENOSPC, MIRAI_E_NOSPACE},
        {EACCES, MIRAI_E_PERMISSION},
        {ENOENT, MIRAI_E_NOENT},
        {ECONNREFUSED, MIRAI_E_REFUSED},
        {EPIPE, MIRAI_E_CONNRESET},
        {EIO, MIRAI_E_SYSTEM},
        {0, MIRAI_E_SYSTEM},
        {-1, MIRAI_E_SYSTEM},
        {99999, MIRAI_E_SYSTEM},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(mirai__fail_errno(table[i].error, "opening %d", 3), table[i].status);
        assert_memory_equal(mirai_error_detail(), "opening 3: ", 11);
        assert_true(strlen(mirai_error_detail()) > 11);
    }
    (void)mirai__fail_errno(ENOENT, "%s", "x");
    (void)mirai__fail_errno(ENOENT, "%s", mirai_error_detail());
    assert_string_equal(mirai_error_detail(),
                        "x: No such file or directory: No such file or directory");
}

static void *other_thread(void *argument)
{
    char *seen = argument;
    memcpy(seen, mirai_error_detail(), strlen(mirai_error_detail()) + 1);
    (void)mirai_error_set(MIRAI_E_USER, "the other's");
    return NULL;
}

static void test_detail__belongs_to_its_thread(void **state)
{
    (void)state;
    char seen[2048] = "nothing yet";
    pthread_t thread;
    (void)mirai_error_set(MIRAI_E_USER, "mine");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(seen, "");
    assert_string_equal(mirai_error_detail(), "mine");
}

static void test_detail__stops_a_forked_child(void **state)
{
    (void)state;
    assert_int_equal(mirai__enter(), MIRAI_OK);
    assert_false(mirai__forked());
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool stopped =
            mirai__enter() == MIRAI_E_FORKED && mirai_error_detail()[0] != '\0' && mirai__forked();
        pid_t grandchild = fork();
        if (grandchild == 0) _exit(mirai__enter() == MIRAI_E_FORKED ? 0 : 1);
        int status = -1;
        (void)waitpid(grandchild, &status, 0);
        _exit(stopped && status == 0 && mirai__enter() == MIRAI_E_FORKED ? 42 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    assert_int_equal(mirai__enter(), MIRAI_OK);
}

int main(void)
{
    /* Before the first entry, so that this child meets a library that was never used. */
    pid_t early = fork();
    if (early == 0) _exit(mirai__enter() == MIRAI_OK ? 0 : 1);
    int status = -1;
    if (waitpid(early, &status, 0) != early || status != 0) return 1;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detail__takes_any_arguments),
        cmocka_unit_test(test_detail__keeps_text_until_cleared),
        cmocka_unit_test(test_detail__may_be_its_own_argument),
        cmocka_unit_test(test_detail__is_cut_between_characters),
        cmocka_unit_test(test_detail__translates_errno),
        cmocka_unit_test(test_detail__belongs_to_its_thread),
        cmocka_unit_test(test_detail__stops_a_forked_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
