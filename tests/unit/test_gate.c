#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"
#include "gate.h"

static int ready(const mirai__gate *gate)
{
    struct pollfd one = {.fd = gate->fd, .events = POLLIN | POLLOUT};
    assert_true(poll(&one, 1, 0) >= 0);
    return one.revents;
}

static void test_gate__begins_writable(void **state)
{
    (void)state;
    mirai__gate gate;
    assert_int_equal(mirai__gate_init(&gate), MIRAI_OK);
    assert_int_equal(ready(&gate), POLLOUT);
    assert_true(fcntl(gate.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(gate.far, F_GETFD) & FD_CLOEXEC);
    mirai__gate_fini(&gate);
}

/* Every state from every state, often: nothing is left behind in either direction. */
static void test_gate__shows_both_apart(void **state)
{
    (void)state;
    mirai__gate gate;
    assert_int_equal(mirai__gate_init(&gate), MIRAI_OK);
    for (int i = 0; i < 4000; i++) {
        int wanted = (int)((unsigned)i * 2654435761u >> 13) & 3;
        mirai__gate_set_readable(&gate, wanted & 1);
        mirai__gate_set_writable(&gate, (wanted & 2) != 0);
        assert_int_equal(ready(&gate), (wanted & 1 ? POLLIN : 0) | (wanted & 2 ? POLLOUT : 0));
    }
    mirai__gate_fini(&gate);
}

static void test_gate__reports_a_want_of_descriptors(void **state)
{
    (void)state;
    mirai__gate gate;
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__gate_init(&gate), MIRAI_E_NOFILES);
    mirai__fault_arm(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate__begins_writable),
        cmocka_unit_test(test_gate__shows_both_apart),
        cmocka_unit_test(test_gate__reports_a_want_of_descriptors),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
