#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "fault.h"
#include "url.h"

static void test_url__bad_arguments(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "tcp", "tcp:/x:1", "ipc://", "abstract://", "tcp://:", "tcp://a:b:1",
                                      "tcp://[::1]", "tcp://x:1?q", "ftp://x:1", " ipc://x"};
    mirai__url url;
    assert_int_equal(mirai__url_parse(NULL, &url), MIRAI_E_INVALID);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mirai__url_parse(bad[i], &url), MIRAI_E_ADDRESS);
}

static void test_url__spells_for_nng(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rest, *nng;
        mirai__url_kind kind;
    } good[] = {
        {"ipc:///tmp/a b%20?#", "/tmp/a b%20?#", "ipc:///tmp/a b%20?#", MIRAI__URL_IPC},
        {"ipc://relative", "relative", "ipc://relative", MIRAI__URL_IPC},
        {"abstract://aZ0-_.~", "aZ0-_.~", "abstract://aZ0-_.~", MIRAI__URL_ABSTRACT},
        {"abstract://a/b%c \xff", "a/b%c \xff", "abstract://a%2Fb%25c%20%FF", MIRAI__URL_ABSTRACT},
        {"tcp://host.name:65535", "host.name:65535", "tcp://host.name:65535", MIRAI__URL_TCP},
        {"tcp://:0", ":0", "tcp://:0", MIRAI__URL_TCP},
        {"tcp://[::1]:7", "[::1]:7", "tcp://[::1]:7", MIRAI__URL_TCP},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mirai__url url;
        assert_int_equal(mirai__url_parse(good[i].text, &url), MIRAI_OK);
        assert_int_equal(url.kind, good[i].kind);
        assert_string_equal(url.rest, good[i].rest);
        assert_string_equal(url.nng, good[i].nng);
        mirai__url_fini(&url);
        mirai__fault_arm(1, false);
        assert_int_equal(mirai__url_parse(good[i].text, &url), MIRAI_E_NOMEM);
        mirai__fault_arm(0, false);
    }
}

static void test_url__takes_another_port(void **state)
{
    (void)state;
    char *url = mirai__url_with_port("tcp://[::1]:0", 4711);
    assert_string_equal(url, "tcp://[::1]:4711");
    mirai__free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__bad_arguments),
        cmocka_unit_test(test_url__spells_for_nng),
        cmocka_unit_test(test_url__takes_another_port),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
