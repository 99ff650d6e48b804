/*
 * The version at run time is the one of the headers, in both forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <miraicore/version.h>

static void test_version__is_that_of_the_headers(void **state)
{
    (void)state;
    char text[64];
    (void)snprintf(text, sizeof text, "%d.%d.%d", MIRAI_VERSION_MAJOR, MIRAI_VERSION_MINOR,
                   MIRAI_VERSION_PATCH);
    assert_string_equal(mirai_version_text(), text);
    assert_int_equal(mirai_version(), MIRAI_VERSION_NUMBER);
    assert_true(mirai_wire_version() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version__is_that_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
