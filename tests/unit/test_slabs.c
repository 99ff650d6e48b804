/*
 * Slabs: buffers in memory that others can read, their budget, and what is kept warm.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault.h"
#include "shared_memory.h"
#include "slabs.h"

#define MIB ((size_t)1 << 20)

static mirai__slabs *open_slabs(size_t budget)
{
    mirai__slabs *slabs = mirai__slabs_new(budget);
    assert_non_null(slabs);
    return slabs;
}

static uint64_t bytes_of(mirai__slabs *slabs, uint64_t *idle)
{
    uint64_t bytes;
    mirai__slabs_count(slabs, &bytes, idle);
    return bytes;
}

static void test_slabs__bad_arguments(void **state)
{
    (void)state;
    mirai__slab_place place;
    mirai__slabs_close(NULL);
    assert_null(mirai__slabs_ref(NULL));
    mirai__slabs_unref(NULL);
    assert_null(mirai__slabs_of(&place));
    mirai__slabs_unbind(&place);
    assert_false(mirai__slabs_find(NULL, NULL, &place));
    mirai_buffer *heap = mirai__slabs_buffer(NULL, 2 * MIB);
    assert_non_null(heap);
    mirai__slabs *slabs = open_slabs(64 * MIB);
    assert_false(mirai__slabs_find(slabs, heap, &place));
    assert_false(mirai__slabs_find(slabs, NULL, &place));
    assert_false(mirai__slabs_has(slabs, 1));
    assert_null(mirai__slabs_buffer(slabs, SIZE_MAX));
    mirai_buffer_release(heap);
    mirai__slabs_close(slabs);
    size_t size;
    const uint8_t *base;
    assert_int_equal(mirai__shared_memory_attach(-1, MIB, &size, &base), MIRAI_E_PROTOCOL);
}

/* What others see is what the buffer holds; they cannot write to it. */
static void test_slabs__are_read_by_others(void **state)
{
    (void)state;
    const size_t sizes[] = {MIRAI__SLAB_MIN, 100000, MIB, MIB + 1, 5 * MIB + 77};
    mirai__slabs *slabs = open_slabs(64 * MIB);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mirai__slab_place place;
        mirai_buffer *buffer = mirai__slabs_buffer(slabs, sizes[i]);
        assert_true(mirai__slabs_find(slabs, buffer, &place));
        assert_int_equal((uintptr_t)mirai_buffer_data(buffer) % MIRAI_BUFFER_ALIGNMENT, 0);
        memset(mirai__buffer_bytes(buffer), (int)i + 1, sizes[i]);
        size_t size;
        const uint8_t *base;
        assert_int_equal(mirai__shared_memory_attach(place.fd, 64 * MIB, &size, &base), MIRAI_OK);
        assert_true(place.offset + sizes[i] <= size);
        assert_memory_equal(base + place.offset, mirai_buffer_data(buffer), sizes[i]);
        assert_ptr_equal(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, place.fd, 0), MAP_FAILED);
        assert_int_not_equal(ftruncate(place.fd, 0), 0);
        mirai__shared_memory_unmap(base, size);
        mirai_buffer_release(buffer);
    }
    mirai__slabs_close(slabs);
}

/* A buffer behaves like any other: open, frozen, sliced, copied. */
static void test_slabs__buffers_are_buffers(void **state)
{
    (void)state;
    mirai__slabs *slabs = open_slabs(64 * MIB);
    mirai__slab_place place;
    mirai_buffer *buffer = mirai__slabs_buffer_zero(slabs, MIB);
    void *data;
    const void *before = mirai_buffer_data(buffer);
    assert_int_equal(mirai_buffer_is_frozen(buffer), 0);
    assert_true(mirai__buffer_is_sole(buffer));
    assert_int_equal(mirai_buffer_writable(&buffer, &data), MIRAI_OK);
    assert_ptr_equal(data, before);
    memset(data, 7, MIB);
    mirai_buffer *slice = mirai_buffer_slice(buffer, 4096, 4096);
    assert_false(mirai__buffer_is_sole(buffer));
    assert_false(mirai__slabs_find(slabs, slice, &place));
    assert_int_equal(mirai_buffer_writable(&buffer, &data), MIRAI_OK); /* a copy, on the heap */
    assert_false(mirai__slabs_find(slabs, buffer, &place));
    assert_memory_equal(data, mirai_buffer_data(slice), 4096);
    mirai_buffer_release(buffer);
    mirai__slabs_close(slabs); /* the slice outlives it */
    assert_int_equal(*(const uint8_t *)mirai_buffer_data(slice), 7);
    mirai_buffer_release(slice);
}

static void test_slabs__reuse_and_zero(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    const size_t sizes[] = {100000, 3 * MIB};
    mirai__slabs *slabs = open_slabs(64 * MIB);
    for (size_t i = 0; i < 2; i++) {
        mirai_buffer *buffer = mirai__slabs_buffer(slabs, sizes[i]);
        const void *first = mirai_buffer_data(buffer);
        memset(mirai__buffer_bytes(buffer), 1, sizes[i]);
        mirai_buffer_release(buffer);
        buffer = mirai__slabs_buffer_zero(slabs, sizes[i] - 1000);
        assert_ptr_equal(mirai_buffer_data(buffer), first);
        assert_memory_equal(first, zeros, sizeof zeros);
        mirai_buffer_release(buffer);
    }
    uint64_t idle;
    assert_int_equal(bytes_of(slabs, &idle), 7 * MIB);
    assert_int_equal(idle, 7 * MIB);
    mirai__slabs_close(slabs);
}

/* Neighbours do not touch, and what is given back in the middle is used again. */
static void test_slabs__small_buffers_share(void **state)
{
    (void)state;
    enum { COUNT = 200, SIZE = 40000 };
    mirai__slabs *slabs = open_slabs(64 * MIB);
    mirai_buffer *buffers[COUNT];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            if (round > 0 && i % 3 != 0) continue;
            buffers[i] = mirai__slabs_buffer(slabs, SIZE);
            memset(mirai__buffer_bytes(buffers[i]), i, SIZE);
        }
        for (int i = 0; i < COUNT; i++) {
            const uint8_t *data = mirai_buffer_data(buffers[i]);
            assert_int_equal(data[0], i);
            assert_int_equal(data[SIZE - 1], i);
            if (i % 3 == 0) mirai_buffer_release(buffers[i]);
        }
    }
    uint64_t idle;
    assert_int_equal(bytes_of(slabs, &idle), 12 * MIB); /* three units each, 85 to a slab */
    for (int i = 0; i < COUNT; i++)
        if (i % 3 != 0) mirai_buffer_release(buffers[i]);
    assert_int_equal(bytes_of(slabs, &idle), 12 * MIB);
    assert_int_equal(idle, 12 * MIB);
    mirai__slabs_close(slabs);
}

/* Beyond the budget: the heap. What is idle makes room; of what is idle a quarter of the budget stays. */
static void test_slabs__have_a_budget(void **state)
{
    (void)state;
    mirai__slab_place first, place;
    uint64_t idle;
    mirai__slabs *slabs = open_slabs(16 * MIB);
    mirai_buffer *one = mirai__slabs_buffer(slabs, 10 * MIB), *two = mirai__slabs_buffer(slabs, 10 * MIB);
    assert_true(mirai__slabs_find(slabs, one, &first));
    assert_false(mirai__slabs_find(slabs, two, &place));
    mirai_buffer_release(two);
    assert_int_equal(mirai__slabs_dropped(slabs), 0);
    mirai_buffer_release(one);
    assert_int_equal(bytes_of(slabs, &idle), 0);
    assert_int_equal(mirai__slabs_dropped(slabs), 1);
    assert_false(mirai__slabs_has(slabs, first.slab));
    one = mirai__slabs_buffer(slabs, 3 * MIB);
    mirai_buffer_release(one);
    assert_int_equal(bytes_of(slabs, &idle), 3 * MIB);
    one = mirai__slabs_buffer(slabs, 15 * MIB);
    assert_true(mirai__slabs_find(slabs, one, &place));
    assert_true(place.slab != first.slab && mirai__slabs_has(slabs, place.slab));
    assert_int_equal(bytes_of(slabs, &idle), 15 * MIB);
    assert_int_equal(idle, 0);
    mirai_buffer_release(one);
    mirai__slabs_close(slabs);
}

static void test_slabs__have_owners(void **state)
{
    (void)state;
    int pool, other;
    mirai__slab_place place;
    mirai__slabs *slabs = open_slabs(64 * MIB);
    assert_int_equal(mirai__slabs_bind(&pool, slabs), MIRAI_OK);
    mirai__slabs *found = mirai__slabs_of(&pool);
    assert_ptr_equal(found, slabs);
    mirai__slabs_unref(found);
    assert_null(mirai__slabs_of(&other));
    assert_null(mirai__slabs_of(NULL));
    mirai_buffer *buffer = mirai_buffer_new((mirai_pool *)&pool, MIB);
    assert_true(mirai__slabs_find(slabs, buffer, &place));
    mirai_buffer_release(buffer);
    buffer = mirai_buffer_new(NULL, MIB);
    assert_false(mirai__slabs_find(slabs, buffer, &place));
    mirai_buffer_release(buffer);
    assert_int_equal(mirai__slabs_bind(NULL, slabs), MIRAI_OK);
    buffer = mirai_buffer_copy(&pool, sizeof pool);
    assert_false(mirai__slabs_find(slabs, buffer, &place)); /* too small */
    mirai_buffer_release(buffer);
    buffer = mirai_buffer_alloc(NULL, MIB);
    assert_true(mirai__slabs_find(slabs, buffer, &place));
    mirai__slabs_unbind(NULL);
    mirai__slabs_unbind(&pool);
    mirai__slabs_unbind(&pool);
    mirai__slabs_close(slabs);
    memset(mirai__buffer_bytes(buffer), 1, MIB);
    mirai_buffer_release(buffer);
}

/* Without memory or descriptors for slabs there is the heap; without memory at all, nothing, and nothing leaks. */
static void test_slabs__without_memory(void **state)
{
    (void)state;
    int owner;
    for (int64_t n = 1;; n++) {
        mirai_buffer *small = NULL, *large = NULL;
        mirai__fault_arm(n, false);
        mirai__slabs *slabs = mirai__slabs_new(64 * MIB);
        bool bound = slabs != NULL && mirai__slabs_bind(&owner, slabs) == MIRAI_OK;
        if (bound) small = mirai_buffer_new((mirai_pool *)&owner, 50000);
        if (small != NULL) large = mirai_buffer_new((mirai_pool *)&owner, 2 * MIB);
        bool failed = mirai__fault_count() >= n;
        mirai__fault_arm(0, false);
        if (large != NULL) memset(mirai__buffer_bytes(large), 1, 2 * MIB);
        mirai_buffer_release(small);
        mirai_buffer_release(large);
        if (bound) mirai__slabs_unbind(&owner);
        mirai__slabs_close(slabs);
        if (!failed) {
            assert_non_null(large);
            break;
        }
    }
}

static void expect_refused(int fd)
{
    size_t size;
    const uint8_t *base;
    assert_int_equal(mirai__shared_memory_attach(fd, 16 * MIB, &size, &base), MIRAI_E_PROTOCOL);
    (void)close(fd);
}

static void test_slabs__foreign_memory_is_checked(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    expect_refused(fds[0]);
    expect_refused(fds[1]);
    expect_refused(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    expect_refused(memfd_create("not sealed", MFD_CLOEXEC));
    int fd = memfd_create("can shrink", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(fallocate(fd, 0, 0, (off_t)MIB), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    expect_refused(fd);
    fd = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
    expect_refused(fd);
    fd = memfd_create("has holes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, (off_t)MIB), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
    expect_refused(fd);
    fd = memfd_create("too large", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(fallocate(fd, 0, 0, (off_t)(17 * MIB)), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
    expect_refused(fd);
}

static void *take_and_give(void *argument)
{
    mirai__slabs *slabs = argument;
    for (size_t i = 0; i < 500; i++) {
        size_t size = MIRAI__SLAB_MIN + i * 4999 % (3 * MIB);
        mirai_buffer *buffer = mirai__slabs_buffer(slabs, size);
        uint8_t *data = mirai__buffer_bytes(buffer);
        data[0] = (uint8_t)i;
        data[size - 1] = (uint8_t)i;
        if (data[0] != (uint8_t)i) return argument;
        mirai_buffer_release(buffer);
    }
    return NULL;
}

static void test_slabs__by_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    mirai__slabs *slabs = open_slabs(32 * MIB);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, slabs), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    uint64_t idle, bytes = bytes_of(slabs, &idle);
    assert_int_equal(bytes, idle);
    assert_true(idle <= 8 * MIB);
    mirai__slabs_close(slabs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slabs__bad_arguments),
        cmocka_unit_test(test_slabs__are_read_by_others),
        cmocka_unit_test(test_slabs__buffers_are_buffers),
        cmocka_unit_test(test_slabs__reuse_and_zero),
        cmocka_unit_test(test_slabs__small_buffers_share),
        cmocka_unit_test(test_slabs__have_a_budget),
        cmocka_unit_test(test_slabs__have_owners),
        cmocka_unit_test(test_slabs__without_memory),
        cmocka_unit_test(test_slabs__foreign_memory_is_checked),
        cmocka_unit_test(test_slabs__by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
