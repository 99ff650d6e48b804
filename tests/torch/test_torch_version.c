/*
 * torch_version: which libtorch is the right one, told from texts alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "torch_version.h"

static void test_torch_version__refuses_what_is_no_version(void **state)
{
    (void)state;
    assert_int_equal(mirai__torch_version_check("", "TORCH_VERSION=1.13.0"), MIRAI_E_VERSION);
    assert_int_equal(mirai__torch_version_check("1.13.0", "TORCH_VERSION=, USE_CUDA=OFF"), MIRAI_E_VERSION);
    assert_int_equal(mirai__torch_version_check("1.13.0", "TORCH_VERSION="), MIRAI_E_VERSION);
}

static void test_torch_version__compares_major_and_minor(void **state)
{
    (void)state;
    assert_int_equal(mirai__torch_version_check("1.13.0", "built: TORCH_VERSION=1.13.1, USE_CUDA=OFF"), MIRAI_OK);
    assert_int_equal(mirai__torch_version_check("1.13.0", "TORCH_VERSION=1.12.0\n"), MIRAI_E_VERSION);
    assert_int_equal(mirai__torch_version_check("1.13.0", "TORCH_VERSION=2.13.0"), MIRAI_E_VERSION);
}

static void test_torch_version__trusts_one_that_does_not_say(void **state)
{
    (void)state;
    assert_int_equal(mirai__torch_version_check("1.13.0", "PyTorch built with: GCC 12.2"), MIRAI_OK);
}

static void test_torch_version__names_both_in_plain_words(void **state)
{
    (void)state;
    assert_int_equal(mirai__torch_version_check("1.13.0", "x TORCH_VERSION=2.1.0a+b, y"), MIRAI_E_VERSION);
    assert_non_null(strstr(mirai_error_detail(), "built against libtorch 1.13.0"));
    assert_non_null(strstr(mirai_error_detail(), "has libtorch 2.1.0a+b:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch_version__refuses_what_is_no_version),
        cmocka_unit_test(test_torch_version__compares_major_and_minor),
        cmocka_unit_test(test_torch_version__trusts_one_that_does_not_say),
        cmocka_unit_test(test_torch_version__names_both_in_plain_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
