#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "ring.h"

static size_t total(const struct iovec *pieces, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) size += pieces[i].iov_len;
    return size;
}

static void test_ring__fails_without_memory(void **state)
{
    (void)state;
    mirai__ring ring;
    mirai__fault_arm(1, false);
    assert_int_equal(mirai__ring_init(&ring, 10), MIRAI_E_NOMEM);
    mirai__fault_arm(0, false);
}

/* Every head, every fill: the pieces are inside, and filled and room together are the whole. */
static void test_ring__pieces_make_up_the_whole(void **state)
{
    (void)state;
    enum { SIZE = 13 };
    mirai__ring ring;
    assert_int_equal(mirai__ring_init(&ring, SIZE), MIRAI_OK);
    for (size_t head = 0; head < SIZE; head++) {
        for (size_t used = 0; used <= SIZE; used++) {
            int seen[SIZE] = {0};
            struct iovec pieces[4];
            ring.head = head;
            ring.used = used;
            int count = mirai__ring_filled(&ring, pieces);
            assert_int_equal(total(pieces, count), used);
            count += mirai__ring_room(&ring, pieces + count);
            assert_int_equal(total(pieces, count), SIZE);
            for (int i = 0; i < count; i++)
                for (size_t k = 0; k < pieces[i].iov_len; k++)
                    seen[(uint8_t *)pieces[i].iov_base - ring.data + (ptrdiff_t)k]++;
            for (int i = 0; i < SIZE; i++) assert_int_equal(seen[i], 1);
        }
    }
    mirai__ring_fini(&ring);
}

static void test_ring__gives_what_was_put_in_order(void **state)
{
    (void)state;
    mirai__ring ring;
    assert_int_equal(mirai__ring_init(&ring, 7), MIRAI_OK);
    uint8_t in = 0, out = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct iovec pieces[2];
        if (mirai__ring_room(&ring, pieces) > 0) {
            size_t size = 1 + i % pieces[0].iov_len;
            for (size_t k = 0; k < size; k++) ((uint8_t *)pieces[0].iov_base)[k] = in++;
            mirai__ring_put(&ring, size);
        }
        if (i % 3 != 0 && mirai__ring_filled(&ring, pieces) > 0) {
            size_t size = 1 + i % pieces[0].iov_len;
            for (size_t k = 0; k < size; k++)
                assert_int_equal(((uint8_t *)pieces[0].iov_base)[k], out++);
            mirai__ring_take(&ring, size);
        }
    }
    mirai__ring_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring__fails_without_memory),
        cmocka_unit_test(test_ring__pieces_make_up_the_whole),
        cmocka_unit_test(test_ring__gives_what_was_put_in_order),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
