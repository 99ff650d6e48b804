/*
 * Private views of memory that another mapping writes to: what is written in one is seen there alone, and not by the
 * next who takes it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault.h"
#include "private_view.h"
#include "shared_memory.h"

#define MIB ((size_t)1 << 20)

enum { SIZE = 3 << 20 };

typedef struct shared {
    mirai__view view;
    uint8_t *base; /* the other mapping */
} shared;

static void open_shared(shared *shared)
{
    int fd;
    assert_true(mirai__shared_memory_make(SIZE, &fd, &shared->base));
    memset(shared->base, 1, SIZE);
    mirai__view_init(&shared->view, fd, SIZE);
}

static void close_shared(shared *shared)
{
    mirai__view_fini(&shared->view);
    mirai__shared_memory_unmap(shared->base, SIZE);
}

static void test_private_view__of_what_is_no_memory(void **state)
{
    (void)state;
    mirai__view view;
    mirai__view_init(&view, open("/dev/null", O_RDONLY | O_CLOEXEC), SIZE);
    assert_null(mirai__view_take(&view)); /* it cannot be mapped */
    assert_null(mirai__view_take(&view));
    mirai__view_fini(&view);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    mirai__view_init(&view, fd, MIRAI__VIEW_MIN - 1); /* too small to keep it */
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_null(mirai__view_take(&view));
    mirai__view_fini(&view);
}

static void test_private_view__is_one_taker_s(void **state)
{
    (void)state;
    shared shared;
    open_shared(&shared);
    uint8_t *data = mirai__view_take(&shared.view);
    assert_non_null(data);
    assert_null(mirai__view_take(&shared.view));
    mirai__view_leave(&shared.view, data, SIZE);
    assert_ptr_equal(mirai__view_take(&shared.view), data);
    mirai__view_leave(&shared.view, data, SIZE);
    close_shared(&shared);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Any pages, in any order, some of them read before; when all else fails, whatever the kernel does not say. */
static void test_private_view__forgets_what_was_written(void **state)
{
    (void)state;
    shared shared;
    uint64_t seed = 7;
    open_shared(&shared);
    for (int round = 0; round < 40; round++) {
        uint8_t *data = mirai__view_take(&shared.view), byte = (uint8_t)(round + 2);
        assert_non_null(data);
        memset(shared.base, byte, SIZE);
        for (uint64_t i = next(&seed) % 300; i > 0; i--) {
            size_t at = (size_t)(next(&seed) % SIZE);
            if (next(&seed) % 2) assert_true(data[at] == byte || data[at] == 1);
            data[at] = 1;
        }
        assert_true(shared.base[0] == byte && memcmp(shared.base, shared.base + 1, SIZE - 1) == 0);
        mirai__fault_arm(round % 5 == 4, false);
        mirai__view_leave(&shared.view, data, SIZE);
        mirai__fault_arm(0, false);
        assert_ptr_equal(mirai__view_take(&shared.view), data);
        assert_memory_equal(data, shared.base, SIZE);
        mirai__view_leave(&shared.view, data + 5000, 100000);
    }
    close_shared(&shared);
}

/* Where pages cannot be dropped, since the program has locked them, there is no view any more. */
static void test_private_view__of_locked_pages(void **state)
{
    (void)state;
    shared shared;
    open_shared(&shared);
    uint8_t *data = mirai__view_take(&shared.view);
    assert_non_null(data);
    if (syscall(SYS_mlock, data, 8192) != 0) skip(); /* sanitizers do nothing for mlock() */
    data[0] = 2;
    mirai__view_leave(&shared.view, data, SIZE);
    assert_null(mirai__view_take(&shared.view));
    close_shared(&shared);
}

static void test_private_view__without_memory(void **state)
{
    (void)state;
    shared shared;
    open_shared(&shared);
    mirai__fault_arm(1, false);
    assert_null(mirai__view_take(&shared.view));
    mirai__fault_arm(0, false);
    uint8_t *data = mirai__view_take(&shared.view); /* once there is some */
    assert_non_null(data);
    mirai__view_leave(&shared.view, data, SIZE);
    close_shared(&shared);
}

/* What a child of a fork does is its own affair. */
static void test_private_view__after_fork(void **state)
{
    (void)state;
    shared shared;
    open_shared(&shared);
    uint8_t *data = mirai__view_take(&shared.view);
    data[0] = 2;
    pid_t child = fork();
    if (child == 0) {
        data[0] = 3;
        data[4096] = 3;
        mirai__view_leave(&shared.view, data, SIZE);
        _exit(data[0] == 1 && data[4096] == 1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(data[0] == 2 && data[4096] == 1);
    mirai__view_leave(&shared.view, data, SIZE);
    assert_int_equal(data[0], 1);
    close_shared(&shared);
}

/* Takes it when it can, and finds nothing of the others' in it. */
static void *write_in_turn(void *argument)
{
    mirai__view *view = argument;
    const char *complaint = NULL;
    for (int i = 0; i < 300; i++) {
        uint8_t *data = mirai__view_take(view);
        if (data == NULL) continue;
        for (size_t at = 0; at < SIZE; at += 40000) {
            if (data[at] != 1) complaint = "another's bytes";
            data[at] = (uint8_t)(2 + i % 9);
        }
        mirai__view_leave(view, data, SIZE);
    }
    return (void *)(uintptr_t)complaint;
}

static void test_private_view__of_one_thread_at_a_time(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    shared shared;
    pthread_t threads[THREADS];
    open_shared(&shared);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_in_turn, &shared.view), 0);
    for (int i = 0; i < THREADS; i++) {
        void *complaint;
        assert_int_equal(pthread_join(threads[i], &complaint), 0);
        if (complaint != NULL) fail_msg("%s", (const char *)complaint);
    }
    close_shared(&shared);
}

/* Of many only some keep a descriptor, and they give it back. */
static void test_private_view__keeps_few_descriptors(void **state)
{
    (void)state;
    enum { MANY = 300 };
    static mirai__view views[MANY];
    int kept = 0, free_before = fcntl(0, F_DUPFD_CLOEXEC, 0), free_after;
    for (int i = 0; i < MANY; i++) {
        mirai__view_init(&views[i], open("/dev/null", O_RDONLY | O_CLOEXEC), SIZE);
        kept += views[i].fd >= 0;
    }
    assert_in_range(kept, 1, 256);
    for (int i = 0; i < MANY; i++) mirai__view_fini(&views[i]);
    (void)close(free_before);
    free_after = fcntl(0, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(free_after, free_before);
    (void)close(free_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_view__of_what_is_no_memory),
        cmocka_unit_test(test_private_view__is_one_taker_s),
        cmocka_unit_test(test_private_view__forgets_what_was_written),
        cmocka_unit_test(test_private_view__of_locked_pages),
        cmocka_unit_test(test_private_view__without_memory),
        cmocka_unit_test(test_private_view__after_fork),
        cmocka_unit_test(test_private_view__of_one_thread_at_a_time),
        cmocka_unit_test(test_private_view__keeps_few_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
